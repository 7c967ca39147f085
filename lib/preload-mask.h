/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* preload-mask - affinity masks cut down to as many CPUs as there are threads; pure */
#ifndef CGTUNE_PRELOAD_MASK_H
#define CGTUNE_PRELOAD_MASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A word of a mask, wherever a program has put it. */
typedef unsigned long mask_word __attribute__((may_alias, aligned(1)));

#define MASK_WORD_BITS (8 * sizeof(mask_word))

/* CPUs in a mask. */
unsigned mask_count(const mask_word *mask, size_t words);

/*
 * Keep n of the CPUs of a mask: real ones, those from number offset (modulo
 * their count) on, and from the first again after the last. n is below their
 * count.
 */
void mask_trim(mask_word *mask, size_t words, unsigned n, uint32_t offset);

/* Whether two masks hold the same CPUs; the longer may go on with zeros. */
bool mask_same(const mask_word *a, size_t a_words, const mask_word *b, size_t b_words);

#endif
