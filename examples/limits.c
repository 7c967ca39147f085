/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* limits - what the kernel grants, what is made of it, and every file that was looked at: limits [ROOT] */
#include <cgtune.h>
#include <inttypes.h>
#include <stdio.h>

static void tell(const struct cgtune_report *report, void *user)
{
	const char *what = report->file ? report->file : report->variable;

	fprintf(user, "%s: %s: %s\n", what ? what : "cgtune",
		report->value ? report->value : "-", report->text);
}

int main(int argc, char **argv)
{
	struct cgtune_options options = {
		.size = sizeof(options), .root = argc > 1 ? argv[1] : NULL,
		.report = tell, .report_user = stderr,
	};
	struct cgtune_limits limits = { .size = sizeof(limits) };
	struct cgtune_plan plan = { .size = sizeof(plan) };
	int r = cgtune_read(&options, &limits);

	if (r == 0)
		r = cgtune_plan(&options, &limits, &plan);
	if (r < 0) {
		fprintf(stderr, "limits: %s\n", cgtune_strerror(r));
		return 1;
	}
	if (limits.cpu_period_us)
		printf("quota %" PRIu64 " us in %" PRIu64 " us\n",
		       limits.cpu_quota_us, limits.cpu_period_us);
	if (limits.memory != CGTUNE_UNLIMITED)
		printf("memory %" PRIu64 " bytes, by %s\n",
		       limits.memory, limits.memory_from);
	printf("threads %" PRIu32 ", by %s\n",
	       plan.threads, cgtune_source_name(plan.threads_source));
	return 0;
}
