/* SPDX-License-Identifier: MIT */
/* keel serve: options, workers, connections. */
#ifndef KEEL_TOOLS_SERVE_PRIVATE_H
#define KEEL_TOOLS_SERVE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/socket.h>

#include <keel/stream.h>

#include "tools/accesslog-private.h"
#include "tools/cache-private.h"
#include "tools/http-private.h"
#include "tools/listing-private.h"
#include "tools/metrics-private.h"
#include "tools/path-private.h"

/* How long a client may take over a request, from its first byte. */
#define KEEL_SERVE_REQUEST_MS 60000
/* How long a stop waits for responses under way. */
#define KEEL_SERVE_DRAIN_MS 30000
/*
 * A head, its longest part a Location of an encoded path and a query; or a
 * head and a small file that goes out in the same record.
 */
#define KEEL_SERVE_OUT_MAX (32 * 1024)

/**
 * struct keel_serve_opts - the command line
 */
struct keel_serve_opts {
	const char *dir;
	const char *listen;
	const char *cert;
	const char *key;
	const char *backend;
	const char *access_log;
	const char *upgrade_socket;
	const char *metrics;
	enum keel_offload tx_offload;
	enum keel_offload rx_offload;
	unsigned int offload_after; /* KiB */
	bool has_offload_after;
	uint16_t min_version;
	uint16_t max_version;
	unsigned int nr_workers;
	unsigned int idle_s;
	unsigned int handshake_s;
	unsigned int max_conns;
	unsigned int nr_tickets;
	bool has_tickets;
	bool list;
};

/**
 * struct keel_serve - the server
 * @opts:       the command line; constant once workers run
 * @root:       the served directory
 * @log_fd:     the access log, -1 for none
 * @event_fd:   written to by each worker that ends
 * @addr:       where it listens, with the real port
 * @listen_fds: sockets that listen there: one a worker, or those of the server
 *              before
 * @nr_listen_fds: their number
 * @ctx_lock:   guards @ctx
 * @ctx:        for connections to come
 * @nr_workers: their number
 * @workers:    one a loop
 * @logged_at:  second of the last event told, see on_log()
 * @failed:     what ended the start of a worker, NULL if nothing did
 * @metrics:    answers those who watch, NULL for none
 * @giver:      passes connections on to the next server, NULL for none
 * @taker:      has them from the server before, NULL for none
 */
struct keel_serve {
	struct keel_serve_opts opts;
	int root;
	int log_fd;
	int event_fd;
	struct sockaddr_storage addr;
	socklen_t addr_len;
	int *listen_fds;
	unsigned int nr_listen_fds;
	pthread_mutex_t ctx_lock;
	struct keel_ctx *ctx;
	unsigned int nr_workers;
	struct keel_serve_worker *workers;
	atomic_long logged_at;
	const char *failed;
	struct keel_metrics_server *metrics;
	struct keel_giver *giver;
	struct keel_taker *taker;
};

/**
 * struct keel_serve_worker - what the connections of one loop share
 * @serve:    the server
 * @loop:     its loop
 * @idx:      its number
 * @listeners: its listeners
 * @nr_listeners: their number; 0 once it accepts no more
 * @leaving:  its connections go to another process
 * @nr_streams: of them left, as of the last count
 * @nr_counts: times they were counted
 * @metrics:  what it counts
 * @log:      its writer of the access log, NULL for none
 * @cache:    small files it has read lately
 * @listings: directories it has listed
 * @now:      the time of @date, seconds since the epoch
 * @date:     the Date field, made once a second
 * @req:      a request that arrives in one piece is parsed here
 * @path:     what it names
 * @out:      its response
 */
struct keel_serve_worker {
	struct keel_serve *serve;
	struct keel_loop *loop;
	unsigned int idx;
	struct keel_listener **listeners;
	unsigned int nr_listeners;
	bool leaving;
	atomic_uint nr_streams;
	atomic_uint nr_counts;
	struct keel_metrics metrics;
	struct keel_accesslog *log;
	struct keel_cache *cache;
	struct keel_listings listings;
	time_t now;
	char date[KEEL_HTTP_DATE_LEN];
	struct keel_http_request req;
	struct keel_path path;
	char out[KEEL_SERVE_OUT_MAX];
};

/**
 * struct keel_serve_partial - a request that arrives in pieces
 * @req: what is known of it
 * @buf: its head, as far as it came; KEEL_HTTP_MAX_HEAD + 1 bytes at most
 * @len: bytes there
 * @max: bytes allocated
 * @fed: bytes of the request so far, those of a body too
 */
struct keel_serve_partial {
	struct keel_http_request req;
	char *buf;
	size_t len;
	size_t max;
	uint64_t fed;
};

/**
 * struct keel_serve_rest - requests that came while a response was under way
 */
struct keel_serve_rest {
	size_t off;
	size_t len;
	char buf[];
};

/**
 * struct keel_serve_transfer - a response the stream did not take at once
 * @buf:       what is still to be sent first
 * @buf_off:   of it, given to the stream
 * @buf_len:   bytes
 * @page:      page of a listing that follows, NULL for none
 * @page_off:  of it, given to the stream
 * @fd:        file that follows, -1 for none
 * @started:   the file was given to the stream
 * @offset:    where in the file
 * @len:       how much of it
 * @log_len:   bytes of @log_line, 0 without a log
 * @log_line:  begin of the line in the access log
 * @status:    for the log
 * @body_len:  bytes of body, for the log
 * @tx_before: application data the connection had sent when the body began
 */
struct keel_serve_transfer {
	char *buf;
	size_t buf_off;
	size_t buf_len;
	struct keel_listing_page *page;
	size_t page_off;
	int fd;
	bool started;
	off_t offset;
	uint64_t len;
	char *log_line;
	size_t log_len;
	unsigned int status;
	uint64_t body_len;
	uint64_t tx_before;
};

/**
 * struct keel_serve_conn - a connection's own bytes in its stream
 * @partial:  request being read, NULL between requests
 * @rest:     requests that wait, NULL if none
 * @transfer: response under way, NULL if none
 * @last:     the response under way is the last one
 * @ending:   no further request is read: the stream closes, or has failed
 * @eof:      the client sends no more
 * @draining: the server stops: the next response is the last
 *
 * This is all of an idle connection: 32 bytes, the pointers NULL.
 */
struct keel_serve_conn {
	struct keel_serve_partial *partial;
	struct keel_serve_rest *rest;
	struct keel_serve_transfer *transfer;
	bool last;
	bool ending;
	bool eof;
	bool draining;
};

extern const struct keel_stream_ops keel__serve_ops;

/* How long its connections may take. */
struct keel_stream_timeouts
keel__serve_timeouts(const struct keel_serve *serve);

/* Free what a connection has of its own. */
void keel__serve_conn_fini(struct keel_serve_conn *conn);

/*
 * A request of which a part came to another process: @head, and as much as makes
 * @fed of a body. 0 or a negative errno.
 */
int keel__serve_replay(struct keel_serve_conn *conn, const void *head,
		       size_t len, uint64_t fed);

/* The server's worker that runs on @loop. */
struct keel_serve_worker *keel__serve_worker_of(struct keel_serve *serve,
						const struct keel_loop *loop);

/* Listen, and no more, on a worker's thread. 0 or a negative errno. */
int keel__serve_listen(struct keel_serve_worker *worker);
void keel__serve_unlisten(struct keel_serve_worker *worker);

/* Answers a request that is complete or has met an error. */
void keel__serve_respond(struct keel_stream *stream,
			 const struct keel_http_request *req);

/**
 * struct keel_serve_output - a response to send
 * @data:   head, and a small body
 * @len:    bytes
 * @page:   page of a listing to send behind it, NULL for none; its reference
 *          is taken
 * @waits:  the next request waits until this is on its way, and others had
 *          their turn
 * @fd:     file to send behind it, -1 for none; is closed
 * @offset: where in the file
 * @file_len: how much of it
 * @body_len: bytes of body altogether
 * @status: for the log
 */
struct keel_serve_output {
	const char *data;
	size_t len;
	struct keel_listing_page *page;
	bool waits;
	int fd;
	off_t offset;
	uint64_t file_len;
	uint64_t body_len;
	unsigned int status;
};

/*
 * Gives a response to the stream, which closes behind it if conn->last. What
 * the stream does not take becomes conn->transfer.
 */
void keel__serve_send(struct keel_stream *stream,
		      const struct keel_http_request *req,
		      const struct keel_serve_output *output);

/*
 * Gives what comes before a response to the stream. What the stream does not
 * take becomes conn->transfer.
 */
void keel__serve_send_interim(struct keel_stream *stream, const char *text,
			      size_t len);

/*
 * Goes on with conn->transfer. Returns whether it has ended, in which case it
 * is gone.
 */
bool keel__serve_send_more(struct keel_stream *stream);

/* Frees conn->transfer, without a word in the log. */
void keel__serve_transfer_free(struct keel_serve_conn *conn);

/* Drops conn->transfer when its connection is gone. */
void keel__serve_send_abort(struct keel_stream *stream);

/* Fills in the defaults and parses. 0, or an exit code after a message, or -1
 * if the help was printed. */
int keel__serve_parse(int argc, char **argv, struct keel_serve_opts *ret_opts);

/*
 * "127.0.0.1:80" or "[::1]:80", the value of --@option; is it free, if that is
 * asked? 0, or an exit code after a message.
 */
int keel__serve_resolve(const char *option, const char *text, bool probes,
			struct sockaddr_storage *ret_addr, socklen_t *ret_len);

/* Sockets that listen there, one a worker. 0, or an exit code after a message. */
int keel__serve_open_sockets(struct keel_serve *serve);

/* The address in a URL: "127.0.0.1:80" or "[::1]:80". */
void keel__serve_addr_text(const struct sockaddr_storage *addr, char *buf,
			   size_t len);

/* The host a certificate made on the fly is for: the address, or localhost. */
void keel__serve_host(const struct sockaddr_storage *addr, char *buf,
		      size_t len);

/* A context from the command line. 0, or an errno after a message. */
int keel__serve_ctx(const struct keel_serve *serve, struct keel_ctx **ret_ctx);

/* Where, with what, and for a certificate made on the fly how to try it. */
void keel__serve_print_start(const struct keel_serve *serve);
void keel__serve_print_reload(struct keel_ctx *ctx);

/* Starts the workers and serves until stopped. Returns an exit code. */
int keel__serve_run(struct keel_serve *serve);

#endif
