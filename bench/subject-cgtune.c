/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owns the cgtune rows: cgtune_read() and cgtune_plan(), linked shared and linked statically. */
#include <cgtune.h>

#include "bench.h"

static void call(struct bench_answer *answer)
{
	struct cgtune_limits limits = { .size = sizeof(limits) };
	struct cgtune_plan plan = { .size = sizeof(plan) };

	if (cgtune_read(NULL, &limits) < 0 || cgtune_plan(NULL, &limits, &plan) < 0)
		return;
	answer->threads = plan.threads;
	answer->memory = limits.memory;
}

int main(void)
{
	return bench_subject(call);
}
