/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stalls - what the parts of `cgtune stalls` share: the groups that have counts, with their paths */
#ifndef CGTUNE_STALLS_H
#define CGTUNE_STALLS_H

#include "cgtune-probe.h"
#include "groups.h"
#include "rows.h"

#include <stdbool.h>
#include <stddef.h>

/* Where a group is, and what a container engine called it. */
struct stalls_place {
	const char *path;		/* NULL: it is gone */
	const char *name;		/* NULL: none */
};

/* What memory limits did; CGTUNE_UNKNOWN: not counted. */
struct stalls_memory {
	uint64_t high_reclaims, max_reclaims, high_sleeps, high_sleep_ns, oom_kills;
};

struct stalls_group {
	char *path;			/* NULL: the cgroup is gone */
	const char *name;		/* that a container engine gave it; NULL: none */
	struct cgtune_stalls counts;	/* CGTUNE_UNKNOWN in each number, hist too: not counted */
	struct stalls_memory memory;
};

struct stalls_list {
	const char *rung;
	struct stalls_group *groups;
	size_t count;
};

/* Whom it is about: one group, by its path in each hierarchy, or with NULL in both all of them. */
struct stalls_subject {
	const char *cpu_path, *memory_path;
};

/* A group more, nothing of which is known; NULL: out of memory. */
struct stalls_group *stalls_add(struct stalls_list *list, const char *path);
/* The group of that path, or that number; NULL: none. */
struct stalls_group *stalls_find(const struct stalls_list *list, const char *path);
struct stalls_group *stalls_find_id(const struct stalls_list *list, uint64_t id, uint32_t hierarchy);

/* A started probe. */
struct stalls_probe {
	struct cgtune_probe *probe;
	int (*collect)(struct cgtune_probe *probe, const struct stalls_subject *subject, struct stalls_list *list);
	/* Prints each stop as it ends; an exit status. */
	int (*follow)(struct cgtune_probe *probe, const struct stalls_subject *subject, bool json);
	void (*close)(struct cgtune_probe *probe);
};

/* stalls-probe.c, or in a build without BPF probe-none.c. why: a sentence, where none can be had. */
int stalls_probe_open(const char *bpffs, struct stalls_probe *ret, char *why, size_t size);

/* stalls-stat.c: by the files of the groups. */
int stalls_stat_collect(const struct stalls_subject *subject, struct stalls_list *list);
int stalls_stat_follow(const struct stalls_subject *subject, bool json);

/* stalls-print.c */
void stalls_print_table(const struct stalls_list *list);
/* Of all groups together, as the tools of bcc draw them. */
void stalls_print_histogram(const struct stalls_list *list);
void stalls_print_json(const struct stalls_list *list);
/* The groups of the event: whose limit it was, and the victim's. */
void stalls_print_event(const struct cgtune_stall_event *event, const struct stalls_place *limit, const struct stalls_place *leaf);
void stalls_print_event_json(const struct cgtune_stall_event *event, const struct stalls_place *limit,
			     const struct stalls_place *leaf);
/* What has come to a group's counters between two looks at its files. */
void stalls_print_delta(const struct row *old, const struct row *new, uint64_t ns, bool json);

#endif
