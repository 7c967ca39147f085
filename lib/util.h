/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* util - what every file needs: visibility, arithmetic that cannot overflow, sized structs */
#ifndef CGTUNE_UTIL_H
#define CGTUNE_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define _public_ __attribute__((visibility("default")))
#define _cleanup_(fn) __attribute__((cleanup(fn)))
#define UTIL_MICRO UINT64_C(1000000)
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Whether a/b < c/d, exactly: the products need 128 bits. b and d are not 0. */
bool util_fraction_less(uint64_t a, uint64_t b, uint64_t c, uint64_t d);

/* a x b / c, exact to the last bit, rounded down; UINT64_MAX where that does not fit. c is not 0. */
uint64_t util_mul_div(uint64_t a, uint64_t b, uint64_t c);

static inline uint64_t util_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* a - b, at least 0. */
static inline uint64_t util_sub(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/*
 * The rule of openat2(2) for a caller's struct that begins with its size: copy
 * what both know into a zeroed one of ours. -EINVAL: smaller than the first
 * release's; -E2BIG: it holds something that this library does not know.
 */
int util_struct_in(void *ours, size_t ours_size, const void *theirs, size_t first_size);

/* The same for a result: fill what the caller has room for, zero what is newer than us. */
int util_struct_check(const void *theirs, size_t first_size);
void util_struct_out(void *theirs, const void *ours, size_t ours_size);

/* The value in "NAME=value" if the name is that; else NULL. */
static inline const char *util_value_of(const char *entry, const char *name)
{
	while (*name && *entry == *name)
		entry++, name++;
	return !*name && *entry == '=' ? entry + 1 : NULL;
}

/* A sentence put together in a fixed buffer, always ended by NUL, cut when full. */
struct text {
	char *buffer;
	size_t size, length;
};
#define TEXT(array) { (array), sizeof(array), 0 }
void text_add(struct text *text, const char *string);
void text_add_u64(struct text *text, uint64_t value);
/* value / 10^decimals without trailing zeros: 1500, 3 is "1.5". */
void text_add_decimal(struct text *text, uint64_t value, unsigned decimals);

#endif
