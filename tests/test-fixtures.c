/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-fixtures - every machine of fixtures/ through cgtune_read() and cgtune_plan() */
#include "cgtune.h"
#include "suite.h"
#include "tree.h"

#include <glob.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static glob_t trees;

/* All that differs in one fixture, for one message. */
struct report {
	char text[8192];
	size_t length;
};

__attribute__((format(printf, 2, 3)))
static void differs(struct report *report, const char *format, ...)
{
	size_t left = sizeof(report->text) - report->length;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(report->text + report->length, left, format, args);
	va_end(args);
	if (n > 0)
		report->length += (size_t)n < left ? (size_t)n : left - 1;
}

static void add_number(struct report *report, const char *before, uint64_t value)
{
	if (value == TREE_NONE)
		differs(report, "%snone", before);
	else
		differs(report, "%s%" PRIu64, before, value);
}

static void same(struct report *report, const char *field, uint64_t got, uint64_t expected)
{
	if (got == expected)
		return;
	differs(report, "; %s", field);
	add_number(report, " is ", got);
	add_number(report, ", expected ", expected);
}

/* What cgtune.h says of an outcome: a file decides exactly when there is a
 * limit, and it is one of the cgroup itself or of an ancestor. */
static void check_from(struct report *report, const char *field, const char *from, const char *own,
		       bool limited)
{
	const char *slash = strrchr(from, '/');
	size_t n = slash ? (size_t)(slash - from) : 0;

	if (limited != (*from != '\0'))
		differs(report, "; %s is \"%s\", expected %s", field, from, limited ? "a file" : "none");
	else if (limited && *own && (strncmp(from, own, n) != 0 || (own[n] != '/' && own[n] != '\0')))
		differs(report, "; %s is %s, expected one of %s or above", field, from, own);
}

/* MemTotal of the unpacked tree in bytes; 0 where it has none. */
static uint64_t physical_of(const char *dir)
{
	char path[TREE_PATH_SIZE + 32], line[256];
	uint64_t kib = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/proc/meminfo", dir);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemTotal: %" SCNu64, &kib) == 1)
			break;
	if (file)
		fclose(file);
	return kib * 1024;
}

static uint32_t source_of(bool limited)
{
	return limited ? CGTUNE_SOURCE_CGROUP : CGTUNE_SOURCE_HOST;
}

static void check_limits(struct report *report, const char *dir, const struct tree_expect *expect,
			 const struct cgtune_limits *limits)
{
	bool quota = expect->quota_us != 0, memory = expect->memory != TREE_NONE,
	     high = expect->high != TREE_NONE;

	same(report, "cpu_quota_us", limits->cpu_quota_us, expect->quota_us);
	same(report, "cpu_period_us", limits->cpu_period_us, expect->period_us);
	same(report, "memory", limits->memory, expect->memory);
	same(report, "memory_high", limits->memory_high, expect->high);
	same(report, "cpu_hierarchy", limits->cpu_hierarchy, expect->cpu_hierarchy);
	same(report, "memory_hierarchy", limits->memory_hierarchy, expect->memory_hierarchy);
	same(report, "cpu_source", limits->cpu_source, source_of(quota));
	same(report, "memory_source", limits->memory_source, source_of(memory || high));
	check_from(report, "cpu_from", limits->cpu_from, expect->cpu_dir, quota);
	check_from(report, "memory_from", limits->memory_from, expect->memory_dir, memory || high);
	/* Nothing of the real host: its CPUs, its RAM, the class of this thread. */
	same(report, "cpus", limits->cpus, expect->cpus);
	same(report, "cpus_source", limits->cpus_source, CGTUNE_SOURCE_HOST);
	same(report, "memory_physical", limits->memory_physical, physical_of(dir));
	same(report, "scheduler", limits->scheduler, 0);
}

static void check_plans(struct report *report, const struct tree_expect *expect,
			const struct cgtune_limits *limits, struct cgtune_options *options)
{
	static const struct {
		uint32_t rounding;
		const char *threads, *budget;
	} policies[] = {
		{ CGTUNE_ROUND_CEIL, "threads (ceil)", "budget (ceil)" },
		{ CGTUNE_ROUND_FLOOR, "threads (floor)", "budget (floor)" },
		{ CGTUNE_ROUND_NEAREST, "threads (nearest)", "budget (nearest)" },
	};

	for (int i = 0; i < 3; i++) {
		struct cgtune_plan plan = { .size = sizeof(plan) };
		int r;

		options->rounding = policies[i].rounding;
		r = cgtune_plan(options, limits, &plan);
		if (r < 0) {
			differs(report, "; cgtune_plan: %s", cgtune_strerror(r));
			return;
		}
		same(report, policies[i].threads, plan.threads, expect->threads[i]);
		same(report, policies[i].budget, plan.memory, expect->budget);
		same(report, "plan.cpus", plan.cpus, expect->cpus);
	}
}

static void check_tree(struct report *report, const char *file, const char *dir)
{
	struct cgtune_options options = { .size = sizeof(options), .root = dir, .flags = CGTUNE_NO_ENV };
	struct cgtune_limits limits = { .size = sizeof(limits) };
	struct tree_expect expect;
	int r = tree_expect_read(file, &expect);

	if (r == 0)
		r = tree_unpack(file, dir);
	if (r < 0) {
		differs(report, "; the file: %s", strerror(-r));
		return;
	}
	r = cgtune_read(&options, &limits);
	if (r < 0) {
		differs(report, "; cgtune_read: %s", cgtune_strerror(r));
		return;
	}
	check_limits(report, dir, &expect, &limits);
	check_plans(report, &expect, &limits, &options);
}

START_TEST(tree)
{
	const char *file = trees.gl_pathv[_i];
	struct report report = { .length = 0 };
	char dir[TREE_PATH_SIZE];

	ck_assert_int_eq(tree_make(dir, sizeof(dir)), 0);
	check_tree(&report, file, dir);
	ck_assert_int_eq(tree_remove(dir), 0);
	if (report.length)
		ck_abort_msg("%s", report.text + 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fixtures");
	char folder[TREE_PATH_SIZE], pattern[TREE_PATH_SIZE + 16];

	suite_folder(folder, sizeof(folder), "FIXTURES", "fixtures");
	snprintf(pattern, sizeof(pattern), "%s/*.tree", folder);
	if (glob(pattern, 0, NULL, &trees) != 0) {
		fprintf(stderr, "no fixtures: %s\n", pattern);
		return EXIT_FAILURE;
	}
	for (size_t i = 0; i < trees.gl_pathc; i++) {
		TCase *tcase = tcase_create(strrchr(trees.gl_pathv[i], '/') + 1);

		tcase_set_timeout(tcase, 60);
		tcase_add_loop_test(tcase, tree, (int)i, (int)i + 1);
		suite_add_tcase(suite, tcase);
	}
	return suite_run(suite);
}
