/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* levels - what each level of a hierarchy limits, from the cgroup up to the mount point */
#include "levels.h"
#include "util.h"

#include <errno.h>
#include <string.h>

/* How a level's file is read: 1 ends the walk; 0; or a fatal error. */
typedef int level_fn(struct walk *walk);

#define BURST "a burst leaves the average rate as it is, so it is not counted"
#define SWAP "swap is not memory, so it is not counted"

/* Where the descriptor of a file of the present level is held; -1: nowhere, so far from the cgroup. */
static int slot_of(const struct walk *walk, unsigned kind)
{
	if (walk->level >= PASS_HELD_LEVELS)
		return -1;
	return (int)((walk->resource == CGTUNE_MEMORY) * PASS_HELD_LEVELS + walk->level) *
	       PASS_HELD_FILES + (int)kind;
}

/*
 * Read a file of the present level into pass->text. Its length; -ENOENT: not
 * there, or bad, which was reported; or a fatal error.
 */
static int level_text(struct walk *walk, unsigned kind, const char *name)
{
	struct pass *pass = walk->pass;
	int n;

	if (!pass_path(pass, walk->cgroup, walk->length, name))
		return -ENOENT;
	n = file_text(&pass->files, slot_of(walk, kind), pass->path, pass->text, sizeof(pass->text) - 1);
	if (n >= 0) {
		pass->leaf_seen[walk->resource == CGTUNE_MEMORY] |= walk->level == 0;
		walk->seen = true;
		pass->text[n] = '\0';
		return n;
	}
	if (n == -ENOENT || n == -ENOTDIR)
		return -ENOENT;
	if (file_error_is_fatal(n))
		return n;
	pass_warn_unreadable(pass, pass->path, n);
	return -ENOENT;
}

/* The raw text of pass->text as a person would quote it. */
static const char *raw(struct pass *pass)
{
	size_t n = strlen(pass->text);

	while (n && pass->text[n - 1] == '\n')
		pass->text[--n] = '\0';
	return pass->text;
}

static void report_bad(struct walk *walk)
{
	pass_report(walk->pass, CGTUNE_REPORT_WARNING, walk->resource, walk->pass->path, raw(walk->pass),
		      "is not what a kernel writes there; this level is left out, the others are used");
}

static void report_level(struct walk *walk, const char *value, const char *sentence)
{
	pass_report(walk->pass, CGTUNE_REPORT_LEVEL, walk->resource, walk->pass->path, value, sentence);
}

static void report_bytes(struct walk *walk, bool limited, uint64_t bytes)
{
	char sentence[64];
	struct text text = TEXT(sentence);

	if (!walk->pass->explain)
		return;
	if (limited)
		text_add_u64(&text, bytes);
	text_add(&text, limited ? " bytes" : "no limit");
	report_level(walk, raw(walk->pass), sentence);
}

static void report_cpus(struct walk *walk, const char *value, uint64_t quota, uint64_t period)
{
	char sentence[64];
	struct text text = TEXT(sentence);

	if (!walk->pass->explain)
		return;
	if (period)
		text_add_decimal(&text, util_mul_div(quota, UTIL_MICRO, period), 6);
	text_add(&text, !period ? "no limit" : quota == period ? " CPU" : " CPUs");
	report_level(walk, value, sentence);
}

/* A file that is no limit but that people ask about: shown, never used. */
static void report_aside(struct walk *walk, const char *name, const char *sentence)
{
	struct pass *pass = walk->pass;
	int n;

	if (!pass->explain || walk->level || !pass_path(pass, walk->cgroup, walk->length, name))
		return;
	n = file_text(&pass->files, -1, pass->path, pass->text, sizeof(pass->text) - 1);
	if (n < 0)
		return;
	pass->text[n] = '\0';
	pass_report(pass, CGTUNE_REPORT_NOTE, walk->resource, pass->path, raw(pass), sentence);
}

/* Keep a quota when it is tighter than all before; the exact pair, never a rounded figure. */
static void take_quota(struct walk *walk, const char *name, uint64_t quota, uint64_t period)
{
	if (walk->period && !util_fraction_less(quota, period, walk->quota, walk->period))
		return;
	walk->quota = quota;
	walk->period = period;
	walk->name = name;
	walk->at = walk->length;
}

static void take_memory(struct walk *walk, const char *name, uint64_t bytes)
{
	if (bytes >= walk->memory)
		return;
	walk->memory = bytes;
	walk->name = name;
	walk->at = walk->length;
}

static void take_high(struct walk *walk, const char *name, uint64_t bytes)
{
	if (bytes >= walk->high)
		return;
	walk->high = bytes;
	walk->high_name = name;
	walk->high_at = walk->length;
}

static int cpu_v2(struct walk *walk)
{
	static const char name[] = "cpu.max";
	uint64_t quota = 0, period = 0;
	int n = level_text(walk, 0, name), limited;

	if (n < 0)
		return n == -ENOENT ? 0 : n;
	limited = parse_cpu_max(walk->pass->text, (size_t)n, &quota, &period);
	if (limited < 0)
		report_bad(walk);
	else
		report_cpus(walk, raw(walk->pass), quota, period);
	if (limited > 0)
		take_quota(walk, name, quota, period);
	report_aside(walk, "cpu.max.burst", BURST);
	return 0;
}

/* v1 keeps the period in a file of its own, which matters only with a quota. */
static int cpu_v1(struct walk *walk)
{
	static const char name[] = "cpu.cfs_quota_us";
	uint64_t quota = 0, period = 0;
	char value[64];
	struct text text = TEXT(value);
	int n = level_text(walk, 0, name), limited;

	if (n < 0)
		return n == -ENOENT ? 0 : n;
	limited = parse_cfs_quota(walk->pass->text, (size_t)n, &quota);
	if (limited < 0)
		report_bad(walk);
	else if (limited == 0)
		report_cpus(walk, raw(walk->pass), 0, 0);
	if (limited <= 0)
		return 0;
	n = level_text(walk, 1, "cpu.cfs_period_us");
	if (n < 0)			/* a quota of no known period is none */
		return n == -ENOENT ? 0 : n;
	if (parse_cfs_period(walk->pass->text, (size_t)n, &period) < 0) {
		report_bad(walk);
		return 0;
	}
	text_add_u64(&text, quota);
	text_add(&text, " ");
	text_add_u64(&text, period);
	pass_path(walk->pass, walk->cgroup, walk->length, name);
	report_cpus(walk, value, quota, period);
	take_quota(walk, name, quota, period);
	report_aside(walk, "cpu.cfs_burst_us", BURST);
	return 0;
}

typedef void take_fn(struct walk *walk, const char *name, uint64_t bytes);

static int take_bytes(struct walk *walk, unsigned kind, const char *name, take_fn *take)
{
	uint64_t bytes = 0;
	int n = level_text(walk, kind, name), limited;

	if (n < 0)
		return n == -ENOENT ? 0 : n;
	limited = parse_memory_max(walk->pass->text, (size_t)n, &bytes);
	if (limited < 0)
		report_bad(walk);
	else
		report_bytes(walk, limited, bytes);
	if (limited > 0)
		take(walk, name, bytes);
	return 0;
}

static int memory_v2(struct walk *walk)
{
	int r = take_bytes(walk, 0, "memory.max", take_memory);

	if (r == 0)
		r = take_bytes(walk, 1, "memory.high", take_high);
	report_aside(walk, "memory.swap.max", SWAP);
	return r;
}

/*
 * hierarchical_memory_limit is the kernel's own minimum over this cgroup and
 * every ancestor that binds it, invisible ones too (mm/memcontrol-v1.c,
 * memcg1_stat_format()). 1: it answers; 0: it does not; or a fatal error.
 */
static int take_hierarchical(struct walk *walk)
{
	static const char name[] = "memory.stat";
	struct pass *pass = walk->pass;
	char *text = pass->scratch.text;
	uint64_t bytes;
	int n;

	if (!pass_path(pass, walk->cgroup, walk->length, name))
		return 0;
	n = file_text(&pass->files, slot_of(walk, 1), pass->path, text, sizeof(pass->scratch.text));
	if (file_error_is_fatal(n))
		return n;
	if (n < 0 && n != -ENOENT && n != -ENOTDIR)
		pass_warn_unreadable(pass, pass->path, n);
	if (n < 0)
		return 0;
	walk->stat_read = true;
	n = parse_stat(text, (size_t)n, "hierarchical_memory_limit", &bytes);
	if (n == -EBADMSG)
		pass_report(pass, CGTUNE_REPORT_WARNING, walk->resource, pass->path, NULL,
			    "hierarchical_memory_limit is no number; the limits of the levels are used");
	if (n < 0 || parse_is_unlimited(bytes))
		return 0;
	pass->text[0] = '\0';			/* the raw text for the report */
	text_add_u64(&(struct text)TEXT(pass->text), bytes);
	report_bytes(walk, true, bytes);
	take_memory(walk, name, bytes);
	return 1;
}

/* A few small files are read sooner than one memory.stat; with all ancestors in
 * sight they say the same. */
static bool is_near_root(const struct cgroup *cgroup)
{
	int levels = 0;

	for (size_t i = cgroup->top; i < cgroup->length; i++)
		levels += cgroup->dir[i] == '/';
	return cgroup->has_root && levels <= 2;
}

/* Whether memory.use_hierarchy says 0: until Linux 5.10 such a cgroup did not bind its children.
 * 1; 0; or a fatal error. */
static int binds_nobody(struct walk *walk)
{
	int n, r;

	if (walk->cgroup->has_root)		/* known since 6.8, when it was always 1 */
		return 0;
	n = level_text(walk, 2, "memory.use_hierarchy");
	if (n < 0)
		return n == -ENOENT ? 0 : n;
	r = parse_flag(walk->pass->text, (size_t)n);
	if (r < 0)
		report_bad(walk);
	return r == 0;
}

static int memory_v1(struct walk *walk)
{
	bool first = !walk->seen;
	int r = first ? 0 : binds_nobody(walk);

	if (r == 0)
		r = take_bytes(walk, 0, "memory.limit_in_bytes", take_memory);
	if (r)
		return r;
	report_aside(walk, "memory.memsw.limit_in_bytes", SWAP);
	if (!walk->stat_read && !is_near_root(walk->cgroup)) {
		r = take_hierarchical(walk);
		/* The walk would find the same. */
		if (r < 0 || (r > 0 && !walk->pass->whole))
			return r;
	}
	/* A child of one that binds has 1 from the start (mem_cgroup_css_alloc()). */
	return !first || walk->length <= walk->cgroup->top ? 0 : binds_nobody(walk);
}

/* The root of the hierarchy limits nothing: it is read only to be shown. */
static bool is_bare_root(const struct walk *walk)
{
	return walk->cgroup->has_root && walk->length <= walk->cgroup->top && !walk->pass->explain;
}

static int walk_up(struct walk *walk, level_fn *level)
{
	for (;;) {
		int r = is_bare_root(walk) ? 0 : level(walk);

		if (r || walk->length <= walk->cgroup->top)
			return r < 0 ? r : 0;
		walk->length = cgroup_parent(walk->cgroup, walk->length);
		walk->level++;
	}
}

int levels_walk(struct pass *pass, unsigned which, struct walk *walk)
{
	const struct cgroup *cgroup = &pass->cgroups[which];
	static level_fn *const levels[PASS_CGROUPS][2] = {
		{ cpu_v1, cpu_v2 }, { memory_v1, memory_v2 },
	};

	*walk = (struct walk){
		.pass = pass, .cgroup = cgroup, .length = cgroup->length,
		.resource = which == PASS_CPU ? CGTUNE_CPU : CGTUNE_MEMORY,
		.memory = CGTUNE_UNLIMITED, .high = CGTUNE_UNLIMITED,
	};
	if (!cgroup->version && cgroup->placed)
		pass_report(pass, CGTUNE_REPORT_WARNING, walk->resource, cgroup->dir, NULL,
			    "is not there, though another hierarchy has this cgroup: no limit is read here; "
			    "a process that is named by its number has a cgroup in each");
	return cgroup->version ? walk_up(walk, levels[which][cgroup->version - 1]) : 0;
}
