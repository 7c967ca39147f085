/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * run-place - where the cgroup of a command goes, and what is written into it
 *
 *   v1, each controller            v2, below the caller's cgroup only where that may
 *                                  hold groups beside processes: where it is the root
 *   caller's own                   ancestor
 *   `-- cgtune-PID                 |-- caller's own    its limits are written below, too
 *                                  `-- cgtune-PID
 */
#include "run.h"
#include "cgroup.h"
#include "run-cpus.h"
#include "tool.h"
#include "util.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define PERIOD_US 100000		/* the kernel's default; and its bounds for quota and period */
#define QUOTA_LEAST_US 1000
#define PERIOD_MOST_US 1000000
#define NO_HIGH "the memory controller is on cgroup v1, which has no such limit"

enum place_controller { PLACE_CPU, PLACE_MEMORY, PLACE_CPUSET, PLACE_CPUACCT, PLACE_COUNT };
static const char *const controllers[PLACE_COUNT] = {
	[PLACE_CPU] = "cpu", [PLACE_MEMORY] = "memory", [PLACE_CPUSET] = "cpuset", [PLACE_CPUACCT] = "cpuacct",
};

/* v2: what the group needs of the level that holds it, and files of one number of which the least holds. */
enum { PLACE_V2_CPU, PLACE_V2_MEMORY, PLACE_V2_CPUSET, PLACE_V2_PIDS, PLACE_V2 };
static const char *const v2_names[PLACE_V2] = { "cpu", "memory", "cpuset", "pids" };
enum { PLACE_MAX, PLACE_HIGH, PLACE_SWAP, PLACE_PIDS, PLACE_BYTES };
static const char *const place_bytes[PLACE_BYTES] = { "memory.max", "memory.high", "memory.swap.max", "pids.max" };

struct place {
	const struct run_options *options;
	struct group *group;
	struct file_set files;
	union scratch scratch;
	struct cgroup own[PLACE_COUNT];	/* the caller's */
	struct cgtune_limits here;
	struct cpus cpus;		/* those of the group, where they are asked for */
	uint64_t bytes[PLACE_BYTES];
	char left_cpus[GROUP_TEXT], left_mems[GROUP_TEXT];	/* of levels that are left out; "": as above */
	char text[GROUP_TEXT];
};

static void warn(void *user, const char *file, int error)
{
	(void)user;
	tool_warn(file, NULL, NULL, cgtune_strerror(error));
}

/* The quota of so many CPUs: the period grows where the quota would be less than the kernel takes. */
static void set_quota(uint64_t micro, struct tuning_limits *limits)
{
	limits->period_us = PERIOD_US;
	while (util_mul_div(micro, limits->period_us, UTIL_MICRO) < QUOTA_LEAST_US &&
	       limits->period_us < PERIOD_MOST_US)
		limits->period_us += PERIOD_US;
	limits->quota_us = util_mul_div(micro, limits->period_us, UTIL_MICRO);
}

/* Most likely a slip: a quota above the CPUs that there are never stops anything. */
static void warn_of_quota(const struct place *place)
{
	uint32_t cpus = place->here.cpus;

	if (place->options->cpus_micro > (uint64_t)cpus * UTIL_MICRO)
		fprintf(stderr, "cgtune: warning: --cpus %.6g limits nothing, as %" PRIu32 " CPU%s may be used here\n",
			(double)place->options->cpus_micro / UTIL_MICRO, cpus, cpus == 1 ? "" : "s");
}

/*
 * What is asked for, where it is below what holds here; beyond that v1 refuses, and v2 takes
 * it for nothing. all: what is not asked for, too.
 */
static void tighten(struct place *place, bool all)
{
	const struct run_options *options = place->options;
	const struct cgtune_limits *here = &place->here;
	struct tuning_limits *limits = &place->group->limits;

	warn_of_quota(place);
	if (options->cpus_micro)
		set_quota(options->cpus_micro, limits);
	if (here->cpu_period_us && (limits->period_us ?
	    util_fraction_less(here->cpu_quota_us, here->cpu_period_us, limits->quota_us, limits->period_us) : all)) {
		limits->quota_us = here->cpu_quota_us;
		limits->period_us = here->cpu_period_us;
	}
	limits->memory = options->memory;
	if (all || limits->memory != CGTUNE_UNLIMITED)
		limits->memory = util_min(limits->memory, here->memory);
	limits->memory_high = options->memory_high;
	if (all || limits->memory_high != CGTUNE_UNLIMITED)
		limits->memory_high = util_min(limits->memory_high, here->memory_high);
}

/* A file of a level. Its length; or -errno. */
static int level_text(struct place *place, const struct cgroup *own, size_t length, const char *file)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%.*s/%s", (int)length, own->dir, file) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return file_text(&place->files, -1, path, place->text, sizeof(place->text) - 1);
}

static bool level_string(struct place *place, const struct cgroup *own, size_t length, const char *file)
{
	int n = level_text(place, own, length, file);

	if (n < 0)
		return false;
	place->text[n] = '\0';
	place->text[strcspn(place->text, "\n")] = '\0';
	return true;
}

/* The entry of a controller, added where there is none. */
static int add_controller(struct place *place, const char *name, const struct cgroup *own, size_t length)
{
	struct group *group = place->group;
	int i = group_find(group, name);

	if (i >= 0)
		return i;
	i = (int)group->controllers++;
	group->controller[i] = (struct group_controller){
		.name = name, .version = own->version, .mount = own->top,
	};
	snprintf(group->controller[i].parent, PATH_MAX, "%.*s", (int)length, own->dir);
	return i;
}

static void add_value(struct place *place, int controller, const char *file, const char *text)
{
	struct group_value *value = &place->group->value[place->group->values++];

	value->controller = (unsigned)controller;
	value->file = file;
	snprintf(value->text, sizeof(value->text), "%s", text);
}

static void add_number(struct place *place, int controller, const char *file, uint64_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	add_value(place, controller, file, text);
}

/* The CPUs that are asked for and may be had here. */
static int take_cpus(struct place *place, const struct cgroup *own)
{
	const char *asked = place->options->cpuset;
	static struct cpus here;
	char *list = place->group->cpuset;
	unsigned wanted;

	cpus_parse(asked, &place->cpus);	/* it was looked at when the options were */
	wanted = cpus_count(&place->cpus);
	for (size_t length = own->length; length; length = cgroup_parent(own, length)) {
		if (!level_string(place, own, length, own->version == 2 ? "cpuset.cpus.effective" : "cpuset.cpus") ||
		    !cpus_parse(place->text, &here))
			continue;
		if (!cpus_and(&place->cpus, &here))
			return run_failed("--cpuset", "none of %s may be used here, only %s", asked, place->text);
		break;
	}
	if (!cpus_format(&place->cpus, list, GROUP_TEXT))
		return run_failed("--cpuset", "the list is too long");
	place->group->limits.cpus = cpus_count(&place->cpus);
	if (place->group->limits.cpus < wanted)
		fprintf(stderr, "cgtune: warning: --cpuset %s: only %s may be used here\n", asked, list);
	return 0;
}

static int place_v1_cpuset(struct place *place, const struct cgroup *own)
{
	int i = add_controller(place, "cpuset", own, own->length);

	add_value(place, i, "cpuset.cpus", place->group->cpuset);
	/* It takes no process before it has memory nodes: those that it is in now. */
	if (!level_string(place, own, own->length, "cpuset.mems"))
		return run_failed(own->dir, "cpuset.mems cannot be read");
	add_value(place, i, "cpuset.mems", place->text);
	return 0;
}

static int place_v1(struct place *place, enum place_controller which)
{
	const struct cgroup *own = &place->own[which];
	const struct tuning_limits *limits = &place->group->limits;
	int i;

	if (which == PLACE_CPUSET)
		return place_v1_cpuset(place, own);
	if (which == PLACE_MEMORY && place->options->memory_high != CGTUNE_UNLIMITED)
		return run_failed("--memory-high", "%s", NO_HIGH);
	i = add_controller(place, controllers[which], own, own->length);
	if (which == PLACE_CPU && limits->period_us) {
		add_number(place, i, "cpu.cfs_period_us", limits->period_us);
		add_number(place, i, "cpu.cfs_quota_us", limits->quota_us);
	}
	if (which == PLACE_MEMORY && limits->memory != CGTUNE_UNLIMITED)
		add_number(place, i, "memory.limit_in_bytes", limits->memory);
	return 0;
}

/* What a level that is left out limits holds in the new group, too. */
static int leave_out(struct place *place, const struct cgroup *own, size_t length)
{
	struct tuning_limits *limits = &place->group->limits;
	static const char *const other[] = { "io.max", "hugetlb.2MB.max", "hugetlb.1GB.max", "rdma.max", "misc.max" };
	uint64_t quota, period, bytes;
	int n = level_text(place, own, length, "cpu.max");

	if (n > 0 && parse_cpu_max(place->text, (size_t)n, &quota, &period) > 0 &&
	    (!limits->period_us || util_fraction_less(quota, period, limits->quota_us, limits->period_us))) {
		limits->quota_us = quota;
		limits->period_us = period;
	}
	for (unsigned i = 0; i < PLACE_BYTES; i++) {
		n = level_text(place, own, length, place_bytes[i]);
		if (n > 0 && parse_memory_max(place->text, (size_t)n, &bytes) > 0)
			place->bytes[i] = util_min(place->bytes[i], bytes);
	}
	if (!place->left_cpus[0] && level_string(place, own, length, "cpuset.cpus.effective"))
		snprintf(place->left_cpus, sizeof(place->left_cpus), "%s", place->text);
	if (!place->left_mems[0] && level_string(place, own, length, "cpuset.mems.effective"))
		snprintf(place->left_mems, sizeof(place->left_mems), "%s", place->text);
	for (size_t i = 0; i < ARRAY_SIZE(other); i++)
		if (level_string(place, own, length, other[i]) && *place->text && strcmp(place->text, "max") != 0)
			return run_failed(own->dir, "has processes, so no cgroup can be made in it (cgroup v2), "
					  "and one beside it would not have its %s", other[i]);
	return 0;
}

/* The controllers that the values need so far. */
static void list_needs(struct place *place, bool needs[PLACE_V2])
{
	const struct tuning_limits *limits = &place->group->limits;

	needs[PLACE_V2_CPU] = place->own[PLACE_CPU].version == 2 && limits->period_us;
	needs[PLACE_V2_MEMORY] = place->own[PLACE_MEMORY].version == 2 &&
		(place->bytes[PLACE_MAX] != CGTUNE_UNLIMITED || place->bytes[PLACE_HIGH] != CGTUNE_UNLIMITED ||
		 place->bytes[PLACE_SWAP] != CGTUNE_UNLIMITED);
	needs[PLACE_V2_CPUSET] = place->own[PLACE_CPUSET].version == 2 &&
		(place->options->cpuset || place->left_cpus[0] || place->left_mems[0]);
	needs[PLACE_V2_PIDS] = place->bytes[PLACE_PIDS] != CGTUNE_UNLIMITED;
}

/* Whether the text that was read, a list of words, holds all that are needed. */
static bool has_needs(const struct place *place, const bool needs[PLACE_V2])
{
	char text[GROUP_TEXT + 2], word[32];

	snprintf(text, sizeof(text), " %.*s ", GROUP_TEXT - 1, place->text);
	for (unsigned i = 0; i < PLACE_V2; i++) {
		snprintf(word, sizeof(word), " %s ", v2_names[i]);
		if (needs[i] && !strstr(text, word))
			return false;
	}
	return true;
}

/* Whether a group with these controllers can be made in the level (cgroup-v2.rst, "No Internal Process Constraint"). */
static bool can_hold(struct place *place, const struct cgroup *own, size_t length)
{
	bool needs[PLACE_V2];

	list_needs(place, needs);
	if (level_string(place, own, length, "cgroup.subtree_control") && has_needs(place, needs))
		return true;
	if (!(own->has_root && length <= own->top) && level_text(place, own, length, "cgroup.procs") != 0)
		return false;
	return level_string(place, own, length, "cgroup.controllers") && has_needs(place, needs);
}

/* A cpuset that is left out, where the level that holds the group has more. */
static void narrow(struct place *place, const struct cgroup *own, size_t length, const char *file, char left[GROUP_TEXT])
{
	if (!left[0] || (level_string(place, own, length, file) && strcmp(place->text, left) == 0))
		left[0] = '\0';
}

static void add_v2_cpuset(struct place *place, const struct cgroup *own, size_t length)
{
	const char *cpus = place->options->cpuset ? place->group->cpuset : place->left_cpus;
	int i = add_controller(place, "cpuset", own, length);

	if (*cpus)
		add_value(place, i, "cpuset.cpus", cpus);
	if (place->left_mems[0])
		add_value(place, i, "cpuset.mems", place->left_mems);
}

static void add_v2(struct place *place, const struct cgroup *own, size_t length)
{
	struct tuning_limits *limits = &place->group->limits;
	bool needs[PLACE_V2], accounting[PLACE_V2] = { false, true, false, false };
	char quota[64];
	int i;

	list_needs(place, needs);
	/* For the summary, where that costs nothing. */
	if (place->options->summary && level_string(place, own, length, "cgroup.subtree_control") &&
	    has_needs(place, accounting))
		needs[PLACE_V2_MEMORY] = place->own[PLACE_MEMORY].version == 2;
	limits->memory = place->bytes[PLACE_MAX];
	limits->memory_high = place->bytes[PLACE_HIGH];
	if (needs[PLACE_V2_CPU]) {
		i = add_controller(place, "cpu", own, length);
		snprintf(quota, sizeof(quota), "%" PRIu64 " %" PRIu64, limits->quota_us, limits->period_us);
		add_value(place, i, "cpu.max", quota);
	}
	for (unsigned k = 0; k < PLACE_BYTES; k++) {
		if (!needs[k == PLACE_PIDS ? PLACE_V2_PIDS : PLACE_V2_MEMORY])
			continue;
		i = add_controller(place, k == PLACE_PIDS ? "pids" : "memory", own, length);
		if (place->bytes[k] != CGTUNE_UNLIMITED)
			add_number(place, i, place_bytes[k], place->bytes[k]);
	}
	if (needs[PLACE_V2_CPUSET])
		add_v2_cpuset(place, own, length);
}

static int place_v2(struct place *place, const struct cgroup *own)
{
	size_t length = own->length;
	int r;

	while (!can_hold(place, own, length)) {
		if (length <= own->top)
			return run_failed(own->dir, "no cgroup can be made in it or in one above it that can be seen: each has "
					  "processes (cgroup v2), or lacks the controllers");
		r = leave_out(place, own, length);
		if (r)
			return r;
		length = cgroup_parent(own, length);
		narrow(place, own, length, "cpuset.cpus.effective", place->left_cpus);
		narrow(place, own, length, "cpuset.mems.effective", place->left_mems);
	}
	add_v2(place, own, length);
	return 0;
}

static bool is_wanted(const struct place *place, enum place_controller which)
{
	const struct run_options *options = place->options;

	switch (which) {
	case PLACE_CPU:
		return options->cpus_micro;
	case PLACE_MEMORY:
		return options->memory != CGTUNE_UNLIMITED || options->memory_high != CGTUNE_UNLIMITED;
	case PLACE_CPUSET:
		return options->cpuset;
	default:
		return false;
	}
}

/* Whether a controller of v1 is there for the summary alone: one that only counts. */
static bool is_counted(const struct place *place, enum place_controller which)
{
	return place->options->summary && (which == PLACE_MEMORY || which == PLACE_CPUACCT);
}

static int place_all(struct place *place)
{
	const struct cgroup *v2 = NULL;

	for (enum place_controller i = 0; i < PLACE_COUNT; i++) {
		const struct cgroup *own = &place->own[i];
		bool wanted = is_wanted(place, i);
		int r = 0;

		if (wanted && (!own->version || !own->placed))
			return run_failed(controllers[i], "no cgroup hierarchy with this controller can be seen");
		if (i == PLACE_CPUSET && wanted)
			r = take_cpus(place, own);
		if (r == 0 && own->version == 1 && own->placed && (wanted || is_counted(place, i)))
			r = place_v1(place, i);
		if (r)
			return r;
		if (own->version == 2 && wanted)
			v2 = own;
	}
	return v2 ? place_v2(place, v2) : 0;
}

static int begin(const struct run_options *options, struct group *group, struct place *place)
{
	const struct cgtune_options own = { .size = sizeof(own), .flags = CGTUNE_NO_ENV };
	struct cgroup_search search = { .files = &place->files, .scratch = &place->scratch, .warn = warn };
	int r;

	*group = (struct group){ .controllers = 0 };
	*place = (struct place){ .options = options, .group = group, .here.size = sizeof(place->here) };
	for (enum place_controller i = 0; i < PLACE_COUNT; i++)
		place->own[i].controller = controllers[i];
	file_set_open(&place->files, NULL);
	r = cgtune_read(&own, &place->here);
	if (r == 0)
		r = cgroup_find(&search, place->own, PLACE_COUNT);
	return r < 0 ? run_failed("the limits", "%s", cgtune_strerror(r)) : 0;
}

int group_place(const struct run_options *options, struct group *ret)
{
	static struct place place;
	int r = begin(options, ret, &place);

	if (r == 0) {
		tighten(&place, false);
		for (unsigned i = 0; i < PLACE_BYTES; i++)
			place.bytes[i] = CGTUNE_UNLIMITED;
		place.bytes[PLACE_MAX] = ret->limits.memory;
		place.bytes[PLACE_HIGH] = ret->limits.memory_high;
		r = place_all(&place);
	}
	file_set_close(&place.files);
	return r;
}

/* The CPUs that the caller's cpuset leaves, where that is not all of them. */
static void keep_cpuset(struct place *place)
{
	const struct cgroup *own = &place->own[PLACE_CPUSET];
	const char *file = own->version == 2 ? "cpuset.cpus.effective" : "cpuset.cpus";
	static struct cpus here, top;

	if (own->placed && level_string(place, own, own->length, file) && cpus_parse(place->text, &here) &&
	    level_string(place, own, own->top, file) && cpus_parse(place->text, &top) &&
	    cpus_count(&here) < cpus_count(&top))
		cpus_format(&here, place->group->cpuset, GROUP_TEXT);
}

int group_limits(const struct run_options *options, struct group *ret)
{
	static struct place place;
	int r = begin(options, ret, &place);

	if (r == 0 && options->memory_high != CGTUNE_UNLIMITED && place.own[PLACE_MEMORY].version == 1)
		r = run_failed("--memory-high", "%s", NO_HIGH);
	if (r == 0)
		tighten(&place, true);
	if (r == 0 && options->cpuset)
		r = take_cpus(&place, &place.own[PLACE_CPUSET]);
	else if (r == 0)
		keep_cpuset(&place);
	file_set_close(&place.files);
	return r;
}

int group_own(const struct run_options *options, struct group *ret)
{
	static struct place place;
	int r = begin(options, ret, &place);

	for (enum place_controller i = 0; i < PLACE_COUNT && r == 0; i++) {
		const struct cgroup *own = &place.own[i];

		if (own->placed)
			add_controller(&place, controllers[i], own, own->length);
	}
	for (unsigned i = 0; i < ret->controllers; i++)
		memcpy(ret->controller[i].dir, ret->controller[i].parent, PATH_MAX);
	file_set_close(&place.files);
	return r;
}
