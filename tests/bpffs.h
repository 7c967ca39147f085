/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bpffs - for tests: a BPF file system of the program's own, in a mount namespace that goes with it */
#ifndef CGTUNE_TESTS_BPFFS_H
#define CGTUNE_TESTS_BPFFS_H

#include <check.h>

/* Mount it; NULL, or why there can be none here. */
const char *bpffs_begin(void);
void bpffs_end(void);
/* Where it is. */
const char *bpffs_path(void);

/* All of a main(): the suite in it, once it is there; or skipped, because of why, or because there can be none. */
int bpffs_run(const char *why, Suite *(*suite)(void));

#endif
