/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * grammar - people's texts: values of variables and of command-line options
 *
 * Pure, like parse: no locale, no allocation. A whole NUL-terminated string is
 * one value or it is refused: -EINVAL: not of the form; -ERANGE: out of range.
 */
#ifndef CGTUNE_GRAMMAR_H
#define CGTUNE_GRAMMAR_H

#include <stdint.h>

/* A fraction of at most 18 decimals: num / 10^18. */
#define GRAMMAR_RATIO_ONE UINT64_C(1000000000000000000)

/* SIZE of CGTUNE_* and of options: digits, a fraction allowed, then nothing, B,
 * K, M, G, T, Ki.. or KiB..; powers of 1024; truncated to bytes. */
int grammar_size(const char *text, uint64_t *bytes);

/* Byte count of GOMEMLIMIT, Go's grammar: digits, then nothing, B, KiB, MiB, GiB or TiB; at most 2^63-1. */
int grammar_gomemlimit(const char *text, uint64_t *bytes);

/* CPUs, "1.5" (at most 6 fraction digits) or "1500m", above 0, to micro-CPUs. */
int grammar_cpus(const char *text, uint64_t *micro);

/* A count of threads, 1 to 2^31-1: GOMAXPROCS, CGTUNE_THREADS. */
int grammar_threads(const char *text, uint32_t *ret);

/* A ratio in (0,1], "0.9" or "9e-1", in units of 1 / GRAMMAR_RATIO_ONE. */
int grammar_ratio(const char *text, uint64_t *ret);

/* "ceil", "floor" or "nearest" to enum cgtune_rounding. */
int grammar_rounding(const char *text, uint32_t *ret);

/* A whole number, perhaps negative: CGTUNE_THROTTLE_MULTIPLIER. */
int grammar_integer(const char *text, int32_t *ret);

/* A switch such as CGTUNE: 0: off, 0, false, no; 1: on, 1, true, yes; -EINVAL. */
int grammar_switch(const char *text);

/* A list of words with commas between, to a mask: bit i for words[i]; words ends with NULL. */
int grammar_words(const char *text, const char *const *words, uint64_t *mask);

#endif
