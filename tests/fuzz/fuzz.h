/* SPDX-License-Identifier: MIT */
/* Running a fuzz target without a fuzzer. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* The target, as libFuzzer calls it. It aborts when something is wrong. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Numbers that are the same everywhere for one seed (splitmix64). */
static inline uint64_t fuzz_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/*
 * Run the target on every file of @dir, or on the one file it is. Returns the
 * number of inputs, or a negative errno.
 */
int fuzz_run_files(const char *dir);

/*
 * Run it @nr times on a file of @dir with a few bytes changed, cut or repeated,
 * chosen by @seed. Returns @nr, or a negative errno.
 */
int fuzz_run_mutants(const char *dir, uint64_t seed, unsigned int nr);

#endif
