/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* top-sample - the readings of `cgtune top`: when they are due, what they cost, which are kept */
#include "top.h"
#include "tool.h"

#include <stdlib.h>

static void free_reading(struct top_reading *reading)
{
	if (reading->rows.rows)
		rows_free(&reading->rows);
	free(reading->counts.groups);
	*reading = (struct top_reading){ .taken_ns = 0 };
}

static int take(struct top_sampler *sampler, struct top_reading *ret)
{
	struct top_reading reading = { .taken_ns = tool_now_ns() };
	int r;

	sampler->cpu_ns = tool_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	names_look();
	r = rows_read(sampler->walk, &reading.rows);
	if (r == 0)
		r = counts_read(&sampler->probe, sampler->arguments->bpffs, &reading.counts);
	if (r < 0)
		free_reading(&reading);
	else
		*ret = reading;
	return r;
}

int top_sampler_open(struct top_sampler *sampler, const struct top_arguments *arguments)
{
	*sampler = (struct top_sampler){
		.arguments = arguments, .walk = arguments->files ? NULL : rows_walk_open(),
		.interval_ns = (uint64_t)(arguments->interval * 1e9),
	};
	return take(sampler, &sampler->new);
}

/* The first reading is kept for as long as there are others. */
int top_sampler_take(struct top_sampler *sampler)
{
	struct top_reading reading;
	int r = take(sampler, &reading);

	if (r < 0)
		return r;
	if (!sampler->first.taken_ns)
		sampler->first = sampler->new;
	else if (sampler->old.taken_ns != sampler->first.taken_ns)
		free_reading(&sampler->old);
	sampler->old = sampler->new;
	sampler->new = reading;
	return 0;
}

void top_sampler_close(struct top_sampler *sampler)
{
	if (sampler->old.taken_ns != sampler->first.taken_ns)
		free_reading(&sampler->old);
	free_reading(&sampler->first);
	free_reading(&sampler->new);
	counts_close(&sampler->probe);
}

uint64_t top_sampler_due(const struct top_sampler *sampler)
{
	uint64_t used = tool_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - sampler->cpu_ns;
	uint64_t least = used * (100 / TOP_SHARE_PERCENT);

	return sampler->new.taken_ns + (least > sampler->interval_ns ? least : sampler->interval_ns);
}
