/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* run-cpus - lists of CPUs as cpuset(7) has them, as sets */
#ifndef CGTUNE_RUN_CPUS_H
#define CGTUNE_RUN_CPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPUS_MOST 8192			/* as Linux has it: NR_CPUS */

struct cpus {
	uint8_t has[CPUS_MOST];
};

/* "0-3,8" or "0-7:2/4", a final newline allowed; false: it is none, or empty. */
bool cpus_parse(const char *text, struct cpus *ret);
/* Take away those that are not in other. How many are left. */
unsigned cpus_and(struct cpus *cpus, const struct cpus *other);
unsigned cpus_count(const struct cpus *cpus);
/* As a list; false: it does not fit. */
bool cpus_format(const struct cpus *cpus, char *text, size_t size);

#endif
