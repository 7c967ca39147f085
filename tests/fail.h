/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fail - malloc(3) and its kin, of which the n-th call fails, once or from then on
 *
 * Defined in the program or in an object that is preloaded, they are those of
 * every library that the program uses, and of libc itself.
 */
#ifndef CGTUNE_TESTS_FAIL_H
#define CGTUNE_TESTS_FAIL_H

#include <stdbool.h>

/* From now on; at 0: none. */
void fail_allocations(long at, bool from_then_on);

/* Whether one has failed since. */
bool fail_fired(void);

/* Where the program has it: called at the first that fails. */
__attribute__((weak)) void fail_says(void);

/* Calls that could have failed since. */
long fail_calls(void);

/* Blocks that are allocated now. */
long fail_live(void);

#endif
