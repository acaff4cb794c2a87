/* SPDX-License-Identifier: MIT */
/* Files through a stream: any part of them, and files that misbehave. */
#include "tests/uring/world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "uring/uring-private.h"

#define FILE_LEN (3 * 1024 * 1024 + 777)
#define SEED 9

/* What a client asks for. */
struct request {
	uint64_t off;
	uint64_t len;
	uint32_t head_len; /* bytes sent before the file */
	uint32_t tail_len; /* bytes sent when it is out */
};

/* The file that all get parts of. */
static int file_fd;
static atomic_int last_err;
static atomic_uint nr_close;

struct session {
	struct request request;
	bool is_sending;
};

static void send_pattern(struct keel_stream *stream, size_t len)
{
	uint8_t buf[20000];

	pattern_fill(SEED + 1, 0, buf, len);
	if (keel_stream_send(stream, buf, len) != (ssize_t)len)
		abort();
}

static void on_data(struct keel_stream *stream, void *data, size_t len)
{
	struct session *s = keel_stream_data(stream);

	if (len != sizeof(s->request))
		abort();
	memcpy(&s->request, data, len);
	if (s->request.head_len)
		send_pattern(stream, s->request.head_len);
	if (keel_stream_send_file(stream, file_fd, (off_t)s->request.off,
				  s->request.len))
		abort();
	s->is_sending = true;
	if (!s->request.len)
		return;
	/* One at a time, and nothing overtakes it. */
	if (keel_stream_send_file(stream, file_fd, 0, 1) != -EBUSY ||
	    keel_stream_send(stream, "x", 1) != 0)
		abort();
}

static void on_sent(struct keel_stream *stream)
{
	struct session *s = keel_stream_data(stream);

	if (!s->is_sending)
		return;
	s->is_sending = false;
	if (s->request.tail_len)
		send_pattern(stream, s->request.tail_len);
}

static void on_close(struct keel_stream *stream, const struct keel_err *err)
{
	(void)stream;
	atomic_store(&last_err, err->err);
	atomic_fetch_add(&nr_close, 1);
}

static const struct keel_stream_ops ops = {
	.on_data = on_data,
	.on_sent = on_sent,
	.on_close = on_close,
};

static void start(struct server *server, const struct world_row *row)
{
	struct server_opts opts = {
		.row = row, .ops = &ops, .data_len = sizeof(struct session)};

	atomic_store(&nr_close, 0);
	server_start(server, &opts);
}

/* A file of the pattern, open for reading and writing, without a name. */
static int make_file(const char *path, size_t len)
{
	static uint8_t buf[65536];
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	size_t off, n;

	ATF_REQUIRE_MSG(fd >= 0, "%s: %s", path, strerror(errno));
	for (off = 0; off < len; off += n) {
		n = len - off < sizeof(buf) ? len - off : sizeof(buf);
		pattern_fill(SEED, off, buf, n);
		ATF_REQUIRE_EQ((ssize_t)n, write(fd, buf, n));
	}
	unlink(path);
	return fd;
}

static const struct {
	const char *name;
	struct request request;
} parts[] = {
	{"nothing", {0, 0, 0, 0}},
	{"nothing between something", {0, 0, 100, 100}},
	{"the first byte", {0, 1, 0, 0}},
	{"the last byte", {FILE_LEN - 1, 1, 0, 0}},
	{"a small part with a head", {1000, 1024, 200, 0}},
	{"a head that fills the record", {7, 16384 - 300, 300, 5}},
	{"a head and one byte more", {7, 16384 - 300 + 1, 300, 5}},
	{"one record", {0, 16384, 0, 0}},
	{"two records and a bit", {4096, 40000, 0, 17}},
	{"a head of more than a record", {4096, 40000, 16900, 17}},
	{"one send", {1, 262144, 0, 0}},
	{"one send and a byte", {1, 262145, 0, 1}},
	{"everything", {0, FILE_LEN, 150, 150}},
};

static void check_part(struct client *client, const char *name,
		       const struct request *r)
{
	static uint8_t buf[FILE_LEN + 40000];
	size_t len = r->head_len + r->len + r->tail_len;

	client_send(client, r, sizeof(*r));
	REQUIRE_INT(name, len, client_recv(client, buf, len));
	CHECK_INT(name, r->head_len,
		  pattern_check(SEED + 1, 0, buf, r->head_len));
	CHECK_INT(name, r->len,
		  pattern_check(SEED, r->off, buf + r->head_len, r->len));
	CHECK_INT(name, r->tail_len,
		  pattern_check(SEED + 1, 0, buf + r->head_len + r->len,
				r->tail_len));
}

static void check_parts(const struct world_row *row)
{
	struct server server;
	struct client client = {0};
	size_t i;

	start(&server, row);
	client_open(&client, &server);
	for (i = 0; i < KEEL__ARRAY_LEN(parts); i++)
		check_part(&client, parts[i].name, &parts[i].request);
	CHECK_INT(row->name, 0, client_finish(&client));
	server_stop(&server, 1000);
	CHECK_INT(row->name, 0, server.stats.failed);
}

CASE(file__parts, "any part of a file, with bytes before and behind it")
{
	file_fd = make_file("file", FILE_LEN);
	WORLD_EACH(row)
	{
		check_parts(row);
	}
	close(file_fd);
}

/* tmpfs cannot say that a read would sleep, and never does. */
CASE(file__in_memory, "a file of a file system in memory")
{
	if (access("/dev/shm", W_OK))
		atf_tc_skip("/dev/shm is not writable");
	file_fd = make_file("/dev/shm/keel-file-test", FILE_LEN);
	check_parts(&world_rows[1]);
	close(file_fd);
}

CASE(file__not_cached, "a file that must be read from the disk first")
{
	struct server server;
	struct client client = {0};
	size_t i;

	file_fd = make_file("file", FILE_LEN);
	start(&server, &world_rows[1]);
	client_open(&client, &server);
	for (i = 0; i < KEEL__ARRAY_LEN(parts); i++) {
		ATF_REQUIRE_EQ(0, fsync(file_fd));
		posix_fadvise(file_fd, 0, 0, POSIX_FADV_DONTNEED);
		check_part(&client, parts[i].name, &parts[i].request);
	}
	CHECK_INT("finish", 0, client_finish(&client));
	server_stop(&server, 1000);
	CHECK_INT("failed", 0, server.stats.failed);
	close(file_fd);
}

/* A pipe has no page cache: every read goes through the ring. */
static void set_uncached(void *obj, void *arg)
{
	struct keel_stream *stream = obj;

	(void)arg;
	if (stream->file)
		stream->file_uncached = true;
}

static void uncached_data(struct keel_stream *stream, void *data, size_t len)
{
	on_data(stream, data, len);
	set_uncached(stream, NULL);
}

static const struct keel_stream_ops uncached_ops = {
	.on_data = uncached_data,
	.on_sent = on_sent,
	.on_close = on_close,
};

CASE(file__by_the_ring, "a file whose reads all go through the ring")
{
	WORLD_EACH(row)
	{
		struct server server;
		struct client client = {0};
		struct server_opts opts = {.row = row,
					   .ops = &uncached_ops,
					   .data_len = sizeof(struct session)};
		size_t i;

		file_fd = make_file("file", FILE_LEN);
		server_start(&server, &opts);
		client_open(&client, &server);
		for (i = 0; i < KEEL__ARRAY_LEN(parts); i++)
			check_part(&client, parts[i].name, &parts[i].request);
		CHECK_INT(row->name, 0, client_finish(&client));
		server_stop(&server, 1000);
		close(file_fd);
	}
}

/* Two sends that make a record between them, which stays open; then a file. */
static void full_record_data(struct keel_stream *stream, void *data, size_t len)
{
	uint8_t buf[16384];
	size_t half = sizeof(buf) / 2;

	(void)data;
	(void)len;
	pattern_fill(SEED + 1, 0, buf, sizeof(buf));
	if (keel_stream_send(stream, buf, half) != (ssize_t)half ||
	    keel_stream_send(stream, buf + half, half) != (ssize_t)half ||
	    keel_stream_send_file(stream, file_fd, 0, FILE_LEN))
		abort();
}

static const struct keel_stream_ops full_record_ops = {
	.on_data = full_record_data,
	.on_close = on_close,
};

CASE(file__behind_full_record, "a file behind an open record that is full, one "
			       "record at a time")
{
	static uint8_t buf[16384 + FILE_LEN];

	file_fd = make_file("file", FILE_LEN);
	WORLD_EACH(row)
	{
		struct client client = {0};
		struct server server;
		struct server_opts opts = {.row = row,
					   .ops = &full_record_ops,
					   .loop = {.max_send_len = 16384}};

		server_start(&server, &opts);
		client_open(&client, &server);
		client_send(&client, "x", 1);
		REQUIRE_INT(row->name, sizeof(buf),
			    client_recv(&client, buf, sizeof(buf)));
		CHECK_INT(row->name, 16384,
			  pattern_check(SEED + 1, 0, buf, 16384));
		CHECK_INT(row->name, FILE_LEN,
			  pattern_check(SEED, 0, buf + 16384, FILE_LEN));
		CHECK_INT(row->name, 0, client_finish(&client));
		server_stop(&server, 1000);
		CHECK_INT(row->name, 0, server.stats.failed);
	}
	close(file_fd);
}

static const struct {
	const char *name;
	uint64_t off;
	uint64_t len;
	uint64_t left; /* of the file, once it is being sent */
} shrunk[] = {
	{"shorter from the start", FILE_LEN - 100, 200, FILE_LEN},
	{"begins behind the end", FILE_LEN + 5, 10, FILE_LEN},
	{"cut while it is sent", 0, 64 * 1024 * 1024, 32 * 1024 * 1024},
};

CASE(file__too_short, "a file shorter than promised fails its stream")
{
	size_t i;

	for (i = 0; i < KEEL__ARRAY_LEN(shrunk); i++) {
		const char *name = shrunk[i].name;
		struct request r = {.off = shrunk[i].off, .len = shrunk[i].len};
		struct client client = {.rcvbuf = 32768};
		struct server server;

		file_fd = make_file("file", FILE_LEN);
		if (r.len > FILE_LEN)
			ATF_REQUIRE_EQ(0, ftruncate(file_fd, (off_t)r.len));
		start(&server, &world_rows[1]);
		client_open(&client, &server);
		client_send(&client, &r, sizeof(r));
		usleep(100000);
		ATF_REQUIRE_EQ(0, ftruncate(file_fd, (off_t)shrunk[i].left));
		ATF_CHECK_MSG(client_wait_end(&client) != 0, "%s: no error",
			      name);
		wait_for(name, &nr_close, 1);
		CHECK_INT(name, -EIO, atomic_load(&last_err));
		client_drop(&client);
		server_stop(&server, 1000);
		close(file_fd);
	}
}

CASE(file__bad_descriptor, "a file that cannot be read fails its stream")
{
	struct request r = {.off = 0, .len = 10};
	struct client client = {0};
	struct server server;

	file_fd = open(".", O_RDONLY | O_DIRECTORY);
	ATF_REQUIRE(file_fd >= 0);
	start(&server, &world_rows[1]);
	client_open(&client, &server);
	client_send(&client, &r, sizeof(r));
	ATF_CHECK(client_wait_end(&client) != 0);
	wait_for("closed", &nr_close, 1);
	CHECK_INT("error", -EISDIR, atomic_load(&last_err));
	client_drop(&client);
	server_stop(&server, 1000);
	close(file_fd);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, file__parts);
	ATF_TP_ADD_TC(tp, file__in_memory);
	ATF_TP_ADD_TC(tp, file__not_cached);
	ATF_TP_ADD_TC(tp, file__by_the_ring);
	ATF_TP_ADD_TC(tp, file__behind_full_record);
	ATF_TP_ADD_TC(tp, file__too_short);
	ATF_TP_ADD_TC(tp, file__bad_descriptor);
	return atf_no_error();
}
