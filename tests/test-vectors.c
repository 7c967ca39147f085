/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-vectors - every row of vectors/ through the parser, and the decision, that it is about */
#include "cgtune.h"
#include "grammar.h"
#include "parse.h"
#include "row.h"
#include "suite.h"
#include "tree.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CPUS 64
#define GIB (UINT64_C(1) << 30)

static void check_cpu_max(const struct row *row)
{
	struct slice in = row_bytes(row->in);
	uint64_t quota = 0, period = 0;
	int r = parse_cpu_max(in.text, in.length, &quota, &period);

	ck_row(row->refused == (r == -EBADMSG));
	ck_row(row->refused || r == (row->want != NULL));
	ck_row(quota == (r == 1 ? row_number(row_item(row->want, 0)) : 0));
	ck_row(period == (r == 1 ? row_number(row_item(row->want, 1)) : 0));
	row_bytes_free(in);
}

static void check_memory_max(const struct row *row)
{
	struct slice in = row_bytes(row->in);
	uint64_t bytes = 1;
	int r = parse_memory_max(in.text, in.length, &bytes);

	ck_row(row->refused == (r == -EBADMSG));
	ck_row(row->refused || r == (row->want != NULL));
	ck_row(bytes == (r == 1 ? row_number(row->want) : 1));
	row_bytes_free(in);
}

static void check_memory_stat(const struct row *row)
{
	struct slice in = row_bytes(row_item(row->in, 0));
	uint64_t value = 1;
	int r = parse_stat(in.text, in.length, row_string(row_item(row->in, 1)), &value);

	ck_row(row->refused ? r == -ENOENT || r == -EBADMSG : r == 0);
	ck_row(value == (row->refused ? 1 : row_number(row->want)));
	row_bytes_free(in);
}

static void check_cpu_list(const struct row *row)
{
	struct slice in = row_bytes(row->in);
	int r = parse_cpu_list(in.text, in.length);

	ck_row(row->refused ? r == -EBADMSG : r == json_object_get_int(row->want));
	row_bytes_free(in);
}

static void check_has_controller(const struct row *row)
{
	struct slice in = row_bytes(row_item(row->in, 0));

	ck_row(parse_has_controller(in, row_string(row_item(row->in, 1))) == json_object_get_boolean(row->want));
	row_bytes_free(in);
}

/* The controllers of a line, a list in its text and an array in its row. */
static bool controllers_are(struct slice list, struct json_object *want)
{
	char joined[256] = "";

	for (size_t i = 0; i < json_object_array_length(want); i++) {
		strcat(joined, i ? "," : "");
		strcat(joined, row_string(row_item(want, i)));
	}
	return list.length == strlen(joined) && memcmp(list.text, joined, list.length) == 0;
}

static void check_proc_cgroup_line(const struct row *row)
{
	struct slice in = row_bytes(row->in);
	struct parse_cgroup line;
	int r = parse_cgroup_line(in.text, in.length, &line);

	ck_row(r == (row->refused ? -EBADMSG : 0));
	if (r == 0) {
		ck_row(line.id == row_number(row_item(row->want, 0)));
		ck_row(controllers_are(line.controllers, row_item(row->want, 1)));
		ck_row(row_is(line.path, row_item(row->want, 2)));
	}
	row_bytes_free(in);
}

static void check_mountinfo_line(const struct row *row)
{
	struct slice in = row_bytes(row->in);
	struct parse_mount line;
	int r = parse_mountinfo_line(in.text, in.length, &line);

	ck_row(r == (row->refused ? -EBADMSG : 0));
	if (r == 0) {
		ck_row(row_is(line.root, row_item(row->want, 0)));
		ck_row(row_is(line.point, row_item(row->want, 1)));
		ck_row(row_is(line.type, row_item(row->want, 2)));
		ck_row(row_is(line.options, row_item(row->want, 3)));
	}
	row_bytes_free(in);
}

static void check_mountinfo_unescape(const struct row *row)
{
	struct slice in = row_bytes(row->in);
	char *buffer = malloc(in.length + 1);
	int r = parse_unescape(in, buffer, in.length + 1);

	ck_row(row->refused ? r == -EBADMSG : r >= 0);
	if (r >= 0) {
		ck_row(row_is((struct slice){ buffer, (size_t)r }, row->want));
		ck_row(buffer[r] == '\0');
		ck_row(parse_unescape(in, buffer, (size_t)r) == -ENAMETOOLONG);
	}
	free(buffer);
	row_bytes_free(in);
}

static void check_translate(const struct row *row)
{
	const char *want = row->want ? row_string(row->want) : "";
	size_t size = strlen(want) + 1;
	char *dir = malloc(size);
	int r = parse_translate(row_string(row_item(row->in, 0)), row_string(row_item(row->in, 1)),
				row_string(row_item(row->in, 2)), dir, size);

	ck_row(r == (row->want ? (int)strlen(want) : -ENOENT));
	ck_row(r < 0 || strcmp(dir, want) == 0);
	free(dir);
}

/* What is decided of 64 CPUs and 1 GiB with one variable in the environment. */
struct decision {
	struct cgtune_plan plan;
	int warnings;
};

static void count_warning(const struct cgtune_report *report, void *user)
{
	struct decision *decision = user;

	decision->warnings += report->kind == CGTUNE_REPORT_WARNING;
}

static struct decision decide(const char *name, const char *value)
{
	struct decision decision = { .plan = { .size = sizeof(decision.plan) } };
	struct cgtune_options options = {
		.size = sizeof(options), .report = count_warning, .report_user = &decision,
	};
	struct cgtune_limits limits = {
		.size = sizeof(limits), .cpus = CPUS, .cpus_source = CGTUNE_SOURCE_HOST,
		.cpu_source = CGTUNE_SOURCE_HOST, .memory_source = CGTUNE_SOURCE_CGROUP,
		.memory = GIB, .memory_high = CGTUNE_UNLIMITED, .memory_physical = 64 * GIB,
	};

	setenv(name, value, 1);
	ck_assert_int_eq(cgtune_plan(&options, &limits, &decision.plan), 0);
	unsetenv(name);
	return decision;
}

/* A refused value is warned of once; a set but empty one counts as unset. */
static int warnings_due(const struct row *row)
{
	return row->refused && *row_string(row->in);
}

static uint64_t share(uint64_t ratio)
{
	return (uint64_t)((unsigned __int128)GIB * ratio / GRAMMAR_RATIO_ONE);
}

static void check_automemlimit_env(const struct row *row)
{
	const char *in = row_string(row->in);
	bool off = json_object_is_type(row->want, json_type_string);
	struct decision decision = decide("AUTOMEMLIMIT", in);
	uint64_t ratio = GRAMMAR_RATIO_ONE / 10 * 9;	/* the default */
	int r = grammar_ratio(in, &ratio);

	ck_row((r == 0) == (!row->refused && !off));	/* "off" is a word, not a ratio */
	ck_row(r < 0 || (double)ratio / (double)GRAMMAR_RATIO_ONE == json_object_get_double(row->want));
	ck_row(decision.plan.memory == (off ? CGTUNE_UNLIMITED : share(ratio)));
	ck_row(decision.plan.memory_source == (off ? CGTUNE_SOURCE_AUTOMEMLIMIT : CGTUNE_SOURCE_CGROUP));
	ck_row(decision.warnings == warnings_due(row));
}

static void check_gomaxprocs_env(const struct row *row)
{
	const char *in = row_string(row->in);
	struct decision decision = decide("GOMAXPROCS", in);
	uint32_t threads = CPUS;

	ck_row((grammar_threads(in, &threads) == 0) == !row->refused);
	ck_row(threads == (row->refused ? CPUS : row_number(row->want)));
	ck_row(decision.plan.threads == threads);	/* above the mask too */
	ck_row(decision.plan.threads_source ==
	       (row->refused ? CGTUNE_SOURCE_HOST : CGTUNE_SOURCE_GOMAXPROCS));
	ck_row(decision.warnings == warnings_due(row));
}

static void check_gomemlimit_bytes(const struct row *row)
{
	const char *in = row_string(row->in);
	struct decision decision = decide("GOMEMLIMIT", in);
	uint64_t bytes = share(GRAMMAR_RATIO_ONE / 10 * 9);

	ck_row((grammar_gomemlimit(in, &bytes) == 0) == !row->refused);
	ck_row(row->refused || bytes == row_number(row->want));
	ck_row(decision.plan.memory == bytes);
	ck_row(decision.plan.memory_source ==
	       (row->refused ? CGTUNE_SOURCE_CGROUP : CGTUNE_SOURCE_GOMEMLIMIT));
	ck_row(decision.warnings == warnings_due(row));
}

static void check_rounding(const struct row *row)
{
	static const struct {
		uint32_t rounding;
		const char *key;
	} policies[] = {
		{ CGTUNE_ROUND_DEFAULT, "ceil_min1" },
		{ CGTUNE_ROUND_CEIL, "ceil_min1" },
		{ CGTUNE_ROUND_FLOOR, "floor_min1" },
		{ CGTUNE_ROUND_NEAREST, "half_up_min1" },
	};
	struct cgtune_options options = { .size = sizeof(options), .flags = CGTUNE_NO_ENV };
	struct cgtune_limits limits = {
		.size = sizeof(limits), .cpus = CPUS, .cpus_source = CGTUNE_SOURCE_HOST,
		.cpu_quota_us = row_number(row_item(row->in, 0)), .cpu_period_us = row_number(row_item(row->in, 1)),
		.cpu_source = CGTUNE_SOURCE_CGROUP, .memory_source = CGTUNE_SOURCE_HOST,
		.memory = CGTUNE_UNLIMITED, .memory_high = CGTUNE_UNLIMITED,
	};
	struct cgtune_plan plan = { .size = sizeof(plan) };

	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		struct json_object *want = json_object_object_get(row->want, policies[i].key);

		options.rounding = policies[i].rounding;
		ck_assert_int_eq(cgtune_plan(&options, &limits, &plan), 0);
		ck_assert_msg(plan.threads == row_number(want), "%s: %s gives %u",
			      json_object_to_json_string(row->in), policies[i].key, plan.threads);
	}
}

static void put_text(const char *dir, const char *path, const char *text)
{
	ck_assert_int_eq(tree_write(dir, path, text, strlen(text)), 0);
}

static void put_number(const char *dir, const char *level, const char *name, struct json_object *value)
{
	char path[TREE_PATH_SIZE], text[32] = "max\n";

	if (value)
		snprintf(text, sizeof(text), "%s\n", row_string(value));
	snprintf(path, sizeof(path), "%s/%s", level, name);
	put_text(dir, path, text);
}

/* A v2 machine whose cgroup lies as deep as there are levels, the first outermost. */
static void put_levels(const char *dir, struct json_object *levels)
{
	static const char mount[] = "/sys/fs/cgroup";
	char level[256] = "/sys/fs/cgroup", path[300], cgroup[300];

	for (size_t i = 0; i < json_object_array_length(levels); i++) {
		strcat(level, "/a");
		put_number(dir, level, "memory.max", row_item(row_item(levels, i), 0));
		put_number(dir, level, "memory.current", row_item(row_item(levels, i), 1));
		snprintf(path, sizeof(path), "%s/memory.stat", level);
		put_text(dir, path, "anon 10\ninactive_file 0\n");
	}
	snprintf(cgroup, sizeof(cgroup), "0::%s\n", level + strlen(mount));
	put_text(dir, "/proc/self/cgroup", cgroup);
	put_text(dir, "/proc/self/mountinfo", "25 21 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	put_text(dir, "/proc/meminfo", "MemTotal: 2 kB\n");
	put_text(dir, "/sys/devices/system/cpu/online", "0-63\n");
}

static uint64_t bytes_or_none(struct json_object *value)
{
	return value ? row_number(value) : CGTUNE_UNLIMITED;
}

static void check_available(const struct row *row)
{
	char dir[TREE_PATH_SIZE];
	struct cgtune_options options = { .size = sizeof(options), .root = dir, .flags = CGTUNE_NO_ENV };
	struct cgtune_limits limits = { .size = sizeof(limits) };
	uint64_t available = 1;
	int read, r;

	ck_assert_int_eq(tree_make(dir, sizeof(dir)), 0);
	put_levels(dir, row_item(row->in, 0));
	read = cgtune_read(&options, &limits);
	r = cgtune_memory_available_of(&options, &available);
	ck_assert_int_eq(tree_remove(dir), 0);
	ck_row(read == 0 && r == 0);
	ck_row(limits.memory == bytes_or_none(row_item(row->want, 0)));
	ck_row(available == bytes_or_none(row_item(row->want, 1)));
}

static const struct {
	const char *name;
	row_check_fn *check;
} files[] = {
	{ "automemlimit_env.json", check_automemlimit_env },
	{ "available.json", check_available },
	{ "cpu_list.json", check_cpu_list },
	{ "cpu_max.json", check_cpu_max },
	{ "gomaxprocs_env.json", check_gomaxprocs_env },
	{ "gomemlimit_bytes.json", check_gomemlimit_bytes },
	{ "has_controller.json", check_has_controller },
	{ "memory_max.json", check_memory_max },
	{ "memory_stat.json", check_memory_stat },
	{ "mountinfo_line.json", check_mountinfo_line },
	{ "mountinfo_unescape.json", check_mountinfo_unescape },
	{ "proc_cgroup_line.json", check_proc_cgroup_line },
	{ "rounding.json", check_rounding },
	{ "translate.json", check_translate },
};

/* A variable of whoever runs the tests would decide in their place. */
static void clear_environment(void)
{
	static const char *const names[] = {
		"CGTUNE", "CGTUNE_SET", "CGTUNE_CPUS", "CGTUNE_MEMORY", "CGTUNE_THREADS", "CGTUNE_BUDGET",
		"CGTUNE_MEMORY_RATIO", "CGTUNE_MEMORY_RESERVE", "CGTUNE_CPUS_RESERVE", "CGTUNE_ROUND",
		"CGTUNE_THROTTLE_MULTIPLIER", "CGTUNE_THROTTLE_RETRY_AFTER", "AUTOMEMLIMIT", "GOMAXPROCS",
		"GOMEMLIMIT",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
}

int main(void)
{
	Suite *suite = suite_create("vectors");
	char folder[TREE_PATH_SIZE], path[TREE_PATH_SIZE + 64];

	suite_folder(folder, sizeof(folder), "VECTORS", "vectors");
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, files[i].name);
		if (rows_add(suite, path, files[i].name, files[i].check) < 0) {
			fprintf(stderr, "%s: cannot be read, or not of the form\n", path);
			return EXIT_FAILURE;
		}
	}
	clear_environment();
	return suite_run(suite);
}
