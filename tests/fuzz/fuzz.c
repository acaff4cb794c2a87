/* SPDX-License-Identifier: MIT */
/* Running a fuzz target without a fuzzer. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_INPUT_LEN (1 << 17)
#define MAX_FILES 256

struct input {
	uint8_t *data;
	size_t len;
};

struct corpus {
	struct input inputs[MAX_FILES];
	unsigned int nr;
};

static int load_file(struct corpus *corpus, const char *path)
{
	struct input *input = &corpus->inputs[corpus->nr];
	FILE *file = fopen(path, "rb");

	if (!file)
		return -errno;
	input->data = malloc(MAX_INPUT_LEN);
	if (!input->data) {
		fclose(file);
		return -ENOMEM;
	}
	input->len = fread(input->data, 1, MAX_INPUT_LEN, file);
	corpus->nr++;
	fclose(file);
	return 0;
}

static int is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* In the order of their names, so that a seed means the same everywhere. */
static int load_folder(struct corpus *corpus, const char *dir)
{
	struct dirent **entries;
	char path[PATH_MAX];
	int nr, r = 0;

	nr = scandir(dir, &entries, is_input, alphasort);
	if (nr < 0)
		return -errno;
	for (int i = 0; i < nr; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
		if (!r)
			r = i < MAX_FILES ? load_file(corpus, path) : -E2BIG;
		free(entries[i]);
	}
	free(entries);
	return r;
}

static void corpus_fini(struct corpus *corpus)
{
	for (unsigned int i = 0; i < corpus->nr; i++)
		free(corpus->inputs[i].data);
	corpus->nr = 0;
}

static int corpus_init(struct corpus *corpus, const char *path)
{
	struct stat st;
	int r;

	corpus->nr = 0;
	if (stat(path, &st) < 0)
		return -errno;
	r = S_ISDIR(st.st_mode) ? load_folder(corpus, path)
				: load_file(corpus, path);
	if (!r && !corpus->nr)
		r = -ENOENT;
	if (r < 0)
		corpus_fini(corpus);
	return r;
}

/* Exactly as many bytes as there are, for ASan to watch the end. */
static int run_one(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, data, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
	return 0;
}

int fuzz_run_files(const char *dir)
{
	struct corpus corpus;
	int r, nr;

	r = corpus_init(&corpus, dir);
	if (r < 0)
		return r;
	nr = (int)corpus.nr;
	for (unsigned int i = 0; !r && i < corpus.nr; i++)
		r = run_one(corpus.inputs[i].data, corpus.inputs[i].len);
	corpus_fini(&corpus);
	return r < 0 ? r : nr;
}

static size_t pick(uint64_t *state, size_t bound)
{
	return bound ? fuzz_random(state) % bound : 0;
}

static size_t change_byte(uint8_t *data, size_t len, uint64_t *state)
{
	if (len)
		data[pick(state, len)] = (uint8_t)fuzz_random(state);
	return len;
}

static size_t flip_bit(uint8_t *data, size_t len, uint64_t *state)
{
	if (len)
		data[pick(state, len)] ^= (uint8_t)(1 << pick(state, 8));
	return len;
}

static size_t cut_end(uint8_t *data, size_t len, uint64_t *state)
{
	(void)data;
	return pick(state, len + 1);
}

static size_t zero_run(uint8_t *data, size_t len, uint64_t *state)
{
	size_t at = pick(state, len);

	memset(data + at, 0, pick(state, len - at + 1));
	return len;
}

static size_t repeat_part(uint8_t *data, size_t len, uint64_t *state)
{
	size_t at = pick(state, len);
	size_t n = pick(state, len - at + 1);

	if (len + n > MAX_INPUT_LEN)
		return len;
	memcpy(data + len, data + at, n);
	return len + n;
}

static size_t (*const mutations[])(uint8_t *data, size_t len,
				   uint64_t *state) = {
	change_byte, flip_bit, cut_end, zero_run, repeat_part,
};

#define NR_MUTATIONS (sizeof(mutations) / sizeof(mutations[0]))

int fuzz_run_mutants(const char *dir, uint64_t seed, unsigned int nr)
{
	uint8_t *data = malloc(MAX_INPUT_LEN);
	struct corpus corpus;
	int r;

	r = data ? corpus_init(&corpus, dir) : -ENOMEM;
	if (r < 0) {
		free(data);
		return r;
	}
	for (unsigned int i = 0; !r && i < nr; i++) {
		const struct input *from =
			&corpus.inputs[pick(&seed, corpus.nr)];
		size_t len = from->len;

		memcpy(data, from->data, len);
		for (size_t j = pick(&seed, 4) + 1; j; j--)
			len = mutations[pick(&seed, NR_MUTATIONS)](data, len,
								   &seed);
		r = run_one(data, len);
	}
	corpus_fini(&corpus);
	free(data);
	return r < 0 ? r : (int)nr;
}
