/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* follow - what the tests of live changes share: a process in a group of real.h that follows its limits */
#ifndef CGTUNE_TESTS_FOLLOW_H
#define CGTUNE_TESTS_FOLLOW_H

#include "real.h"
#include "suite.h"

#include <cgtune.h>

#define FOLLOW_SECONDS 300			/* of a test: a VM without KVM is slow */
#define FOLLOW_INTERVAL_MS 300
/* The budget for a memory limit. */
#define FOLLOW_BUDGET(bytes) ((uint64_t)(bytes) * 9 / 10)

extern int follow_cpus;
extern int follow_soon_ms;			/* within which a change must be seen */
extern int follow_reads;			/* of the tests that count */
extern const struct cgtune_options follow_options;	/* no environment, nothing applied */

/* NULL; or why the tests cannot run here. */
const char *follow_begin(void);

/* Go into a group and follow its limits; no tick of the timer, so that writes alone wake. The descriptor. */
int follow(const char *name);

bool follow_is_readable(int fd, int timeout_ms);
/* A change wakes, is exactly this, and is over when it was dispatched. */
void follow_expect(int fd, int mask);
/* Dispatch ticks until one finds a change. Its mask; 0: none did in time. */
int follow_ticks(int fd);
/* What the getters answer; bytes REAL_NONE: no budget. */
void follow_expect_values(unsigned threads, int64_t bytes);

unsigned follow_at_most_cpus(unsigned threads);
uint64_t follow_now_ms(void);
/* Whether it holds within follow_soon_ms. */
bool follow_eventually(bool (*holds)(void));
/* Descriptors that this process has open. */
int follow_descriptors(void);

#endif
