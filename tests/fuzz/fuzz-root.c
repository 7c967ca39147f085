/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz-root - any files in /proc and /sys, with faults, short reads and changes: what the library says of them
 *
 * Eight bytes say how, the rest is the files (fake.h); what stands before the first of them is the
 * cgroup that is asked for by name.
 */
#include "fake.h"
#include "cgtune.h"
#include "parse.h"
#include "util.h"

#include <errno.h>

#define PATTERN 0x5a
#define LEAST_BUDGET (UINT64_C(4) << 20)

static const int errors[] = { EMFILE, ENFILE, ENOMEM, EACCES, EPERM, EIO, ENOENT, ENODEV, EINTR, ENOSYS, ESRCH, ENOTDIR };

/* Strings of a report end, and are there where they must be. */
static void report(const struct cgtune_report *report, void *user)
{
	unsigned *warnings = user;

	CLAIM(report->size == sizeof(*report) && report->kind <= CGTUNE_REPORT_NOTE && report->text);
	CLAIM(!report->file || strlen(report->file) < CGTUNE_PATH_SIZE + 64);
	CLAIM(!report->variable && strlen(report->text) < 512);
	CLAIM(!report->value || strlen(report->value) < 512);
	CLAIM(report->kind != CGTUNE_REPORT_LEVEL || (report->file && report->value));
	*warnings += report->kind == CGTUNE_REPORT_WARNING;
}

static bool is_untouched(const void *result, size_t size, size_t from)
{
	for (size_t i = from; i < size; i++)
		if (((const uint8_t *)result)[i] != PATTERN)
			return false;
	return true;
}

/* Errors that a comment of cgtune.h has a word for. */
static bool is_documented(int r, const struct cgtune_options *options)
{
	if (fake.fired && r == -fake.error)
		return true;
	switch (r) {
	case -ENODATA:
		return true;			/* of the uses only: the caller looks */
	case -ESRCH:
		return options->pid;
	case -ENOENT:
		return options->cgroup;
	case -ENODEV:
		return fake.trouble == FAKE_CHANGE || !options->root;
	case -EACCES:				/* /proc/PID/cgroup is there, and cannot be read */
		return true;
	case -EISDIR:				/* statx(2) did not say so before */
		return !options->root || fake.fired;
	default:
		return false;
	}
}

/* The file that decided says so itself. */
static void check_cpu_from(const struct cgtune_limits *limits)
{
	const struct fake_file *file = fake_find(limits->cpu_from);
	uint64_t quota = 0, period = 0;

	CLAIM(file);
	if (file->times != 1)
		return;
	if (limits->cpu_hierarchy == 2) {
		CLAIM(parse_cpu_max(file->text, file->length, &quota, &period) == 1 && period == limits->cpu_period_us);
	} else {
		CLAIM(parse_cfs_quota(file->text, file->length, &quota) == 1);
	}
	CLAIM(quota == limits->cpu_quota_us);
}

static void check_memory_from(const struct cgtune_limits *limits)
{
	const struct fake_file *file = fake_find(limits->memory_from);
	uint64_t bytes, wanted = limits->memory != CGTUNE_UNLIMITED ? limits->memory : limits->memory_high;

	CLAIM(file);
	if (file->times != 1)
		return;
	if (parse_memory_max(file->text, file->length, &bytes) == 1)
		CLAIM(bytes == wanted);
	else
		CLAIM(strstr(limits->memory_from, "/memory.stat") && limits->memory_hierarchy == 1);
}

static void check_limits(const struct cgtune_limits *limits)
{
	uint64_t physical = limits->memory_physical ? limits->memory_physical : CGTUNE_UNLIMITED;
	bool memory = limits->memory != CGTUNE_UNLIMITED || limits->memory_high != CGTUNE_UNLIMITED;

	CLAIM(limits->cpus >= 1 && !limits->cpu_quota_us == !limits->cpu_period_us);
	CLAIM(limits->memory == CGTUNE_UNLIMITED || limits->memory < physical);
	CLAIM(limits->memory_high == CGTUNE_UNLIMITED || limits->memory_high < physical);
	CLAIM(limits->cpu_hierarchy <= 2 && limits->memory_hierarchy <= 2 && limits->reserved == 0);
	CLAIM((limits->cpu_source == CGTUNE_SOURCE_CGROUP) == (limits->cpu_period_us != 0));
	CLAIM((limits->memory_source == CGTUNE_SOURCE_CGROUP) == memory);
	CLAIM(!limits->cpu_period_us == !*limits->cpu_from && memory == (*limits->memory_from != '\0'));
	CLAIM(limits->cpu_hierarchy || !limits->cpu_period_us);
	CLAIM(limits->memory_hierarchy || !memory);
	if (fake.trouble == FAKE_CHANGE)
		return;
	if (limits->cpu_period_us)
		check_cpu_from(limits);
	if (memory)
		check_memory_from(limits);
}

static void check_plans(const struct cgtune_limits *limits, struct cgtune_options *options)
{
	static const uint32_t order[] = { CGTUNE_ROUND_FLOOR, CGTUNE_ROUND_NEAREST, CGTUNE_ROUND_CEIL };
	uint32_t before = 0;

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		struct cgtune_plan plan = { .size = sizeof(plan) };

		options->rounding = order[i];
		CLAIM(cgtune_plan(options, limits, &plan) == 0);
		CLAIM(plan.threads >= 1 && plan.threads <= limits->cpus && plan.threads >= before);
		CLAIM(plan.memory >= LEAST_BUDGET && plan.limit >= plan.threads && plan.backlog >= plan.limit);
		CLAIM(plan.memory == CGTUNE_UNLIMITED || plan.memory == LEAST_BUDGET || plan.memory <= limits->memory);
		CLAIM(!(plan.tuned & ~plan.limited));
		before = plan.threads;
	}
	options->rounding = 0;
}

static int read_limits(struct cgtune_options *options, struct cgtune_limits *limits)
{
	int r;

	memset(limits, PATTERN, sizeof(*limits));
	limits->size = sizeof(*limits);
	fake_restart();
	r = cgtune_read(options, limits);
	CLAIM(fake.open == 0 && (r == 0 || is_documented(r, options)) && r != -ENODATA);
	CLAIM(r == 0 || is_untouched(limits, sizeof(*limits), sizeof(size_t)));
	return r;
}

/* With and without somebody who listens it is the same, but that memory.stat of v1 may differ from the levels. */
static void test_limits(struct cgtune_options *options)
{
	static struct cgtune_limits limits, again;
	unsigned warnings = 0;
	int r = read_limits(options, &limits);

	if (r == 0) {
		check_limits(&limits);
		check_plans(&limits, options);
	}
	options->report = report;
	options->report_user = &warnings;
	if (read_limits(options, &again) == 0)
		check_limits(&again);
	options->report = NULL;
	/* A kernel's own files come at once, and its root group has no limits. */
	if (fake.trouble != FAKE_NONE || !options->root)
		return;
	if (r == 0)
		CLAIM(again.cpu_quota_us == limits.cpu_quota_us && again.cpu_period_us == limits.cpu_period_us &&
		      again.cpus == limits.cpus && again.memory_physical == limits.memory_physical);
	fake.one_byte = !fake.one_byte;
	CLAIM(read_limits(options, &again) == r && memcmp(&limits, &again, sizeof(limits)) == 0);
	fake.one_byte = !fake.one_byte;
}

static void check_use(int r, const struct cgtune_options *options, const void *result, size_t size, size_t from)
{
	CLAIM(fake.open == 0 && (r == 0 || is_documented(r, options)));
	CLAIM(r == 0 || is_untouched(result, size, from));
}

static void test_uses(const struct cgtune_options *options)
{
	struct cgtune_usage usage;
	struct cgtune_throttle throttle;
	uint64_t left;

	memset(&usage, PATTERN, sizeof(usage));
	memset(&throttle, PATTERN, sizeof(throttle));
	memset(&left, PATTERN, sizeof(left));
	usage.size = sizeof(usage);
	throttle.size = sizeof(throttle);
	fake_restart();
	check_use(cgtune_usage_read(options, &usage), options, &usage, sizeof(usage), sizeof(size_t));
	fake_restart();
	check_use(cgtune_throttle_read(options, &throttle), options, &throttle, sizeof(throttle), sizeof(size_t));
	fake_restart();
	check_use(cgtune_memory_available_of(options, &left), options, &left, sizeof(left), 0);
}

static char *first_line(const char *text, size_t size)
{
	const char *newline = memchr(text, '\n', size);
	struct input line = { (const uint8_t *)text, newline ? (size_t)(newline - text) : size };

	return input_string(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint8_t how = input_byte(&in), whom = input_byte(&in), trouble = input_byte(&in);
	struct cgtune_options options = { .size = sizeof(options), .root = how & 1 ? NULL : FAKE_ROOT, .flags = CGTUNE_NO_ENV | CGTUNE_NO_PROBE };
	const char *text;
	char *cgroup = NULL;

	memset(&fake, 0, sizeof(fake));
	fake.one_byte = how & 2 && !(how & 1);
	fake.no_openat2 = how & 4;
	fake.scheduler = how & 8 ? 1 : 0;
	fake.trouble = trouble & 3;
	fake.at = input_byte(&in);
	fake.error = errors[input_byte(&in) % ARRAY_SIZE(errors)];
	fake.mounts = input_byte(&in);
	fake.cpus = (unsigned)(input_byte(&in) & 63) * (how & 16 ? 1000 : 1);
	fake.memory = (uint64_t)input_byte(&in) << 30;
	text = in.size ? exact_copy(in.data, in.size) : NULL;
	fake_make(text, in.size);
	options.pid = whom & 1 ? 7 : 0;
	if (whom & 2 && in.size && *text == '/')
		options.cgroup = cgroup = first_line(text, in.size);
	test_limits(&options);
	test_uses(&options);
	fake_free();
	free(cgroup);
	free((char *)text);
	return 0;
}
