/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz - what the fuzz targets share: their entry, exact copies of the input, and claims that abort
 *
 * A target is one function of bytes. libFuzzer, AFL++ and replay.c each bring a main() for it.
 */
#ifndef CGTUNE_TESTS_FUZZ_H
#define CGTUNE_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold for any bytes. */
#define CLAIM(condition) do { \
	if (!(condition)) { \
		fprintf(stderr, "%s:%d: %s: not so: %s\n", __FILE__, __LINE__, __func__, #condition); \
		abort(); \
	} \
} while (0)

/* The input, of which a target takes pieces from the front. */
struct input {
	const uint8_t *data;
	size_t size;
};

/* The next byte; 0 at the end. */
static inline uint8_t input_byte(struct input *in)
{
	if (!in->size)
		return 0;
	in->size--;
	return *in->data++;
}

static inline uint64_t input_u64(struct input *in)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | input_byte(in);
	return value;
}

/* On the heap and not a byte longer, so that a sanitizer sees the first byte read behind it. */
static inline void *exact_copy(const void *data, size_t size)
{
	char *copy = malloc(size);

	CLAIM(copy || !size);
	if (size)
		memcpy(copy, data, size);
	return copy;
}

/* All up to the next NUL, or the end, as a string of its own. */
static inline char *input_string(struct input *in)
{
	const uint8_t *nul = in->size ? memchr(in->data, '\0', in->size) : NULL;
	size_t n = nul ? (size_t)(nul - in->data) : in->size;
	char *copy = malloc(n + 1);

	CLAIM(copy);
	if (n)
		memcpy(copy, in->data, n);
	copy[n] = '\0';
	in->data += n + (nul != NULL);
	in->size -= n + (nul != NULL);
	return copy;
}

#endif
