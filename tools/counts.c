/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* counts - what a started probe counts, by cgroup: a copy of all of it at one time */
#include "counts.h"

#include <errno.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#define TRIES 1000			/* while a CPU changes the counts of a group */

static int by_group(const void *a, const void *b)
{
	const struct cgtune_stalls *x = a, *y = b;

	if (x->cgroup != y->cgroup)
		return x->cgroup < y->cgroup ? -1 : 1;
	return x->hierarchy < y->hierarchy ? -1 : x->hierarchy > y->hierarchy;
}

int counts_next(struct cgtune_probe *probe, uint32_t *cursor, struct cgtune_stalls *ret)
{
	int r = cgtune_probe_next(probe, cursor, ret);

	for (int i = 1; i < TRIES && r == -EAGAIN; i++) {
		sched_yield();
		r = cgtune_probe_next(probe, cursor, ret);
	}
	return r;
}

int counts_next_memory(struct cgtune_probe *probe, uint32_t *cursor, struct cgtune_memory_stalls *ret)
{
	int r = cgtune_probe_next_memory(probe, cursor, ret);

	for (int i = 1; i < TRIES && r == -EAGAIN; i++) {
		sched_yield();
		r = cgtune_probe_next_memory(probe, cursor, ret);
	}
	return r;
}

static int read_all(struct cgtune_probe *probe, struct counts *counts)
{
	struct cgtune_stalls group = { .size = sizeof(group) };
	size_t room = 0;
	uint32_t cursor = 0;
	int r;

	while ((r = counts_next(probe, &cursor, &group)) == 1) {
		if (counts->count == room) {
			struct cgtune_stalls *more = reallocarray(counts->groups, room += 256, sizeof(*more));

			if (!more)
				return -ENOMEM;
			counts->groups = more;
		}
		counts->groups[counts->count++] = group;
	}
	if (counts->count)
		qsort(counts->groups, counts->count, sizeof(*counts->groups), by_group);
	return r;
}

static bool is_counting(const struct counts_source *source, struct cgtune_probe_state *state)
{
	return source->probe && cgtune_probe_state(source->probe, state) == 0 && !state->stopped_ns && state->pinned;
}

void counts_say_none(const char *bpffs, char *why, size_t size)
{
	struct statfs fs;

	if (bpffs && (statfs(bpffs, &fs) < 0 || (unsigned long)fs.f_type != BPF_FS_MAGIC))
		snprintf(why, size, "no BPF file system is mounted at %s", bpffs);
	else
		snprintf(why, size, "no probe is started (`cgtune probe start%s%s`, as root)", bpffs ? " --bpffs " : "",
			 bpffs ? bpffs : "");
}

int counts_open(const char *bpffs, struct cgtune_probe **ret, char *why, size_t size)
{
	struct cgtune_probe_options options = {
		.size = sizeof(options), .bpffs = bpffs, .text = why, .text_size = size,
	};
	int r;

	*why = '\0';
	r = cgtune_probe_open(&options, ret);
	if (r == -ENOENT)
		counts_say_none(bpffs, why, size);
	else if (r < 0 && !*why)
		snprintf(why, size, "%s", cgtune_strerror(r));
	why[strcspn(why, "\n")] = '\0';
	if (r == -EACCES)
		snprintf(why + strlen(why), size - strlen(why), "; " COUNTS_READERS);
	return r;
}

int counts_read(struct counts_source *source, const char *bpffs, struct counts *ret)
{
	struct cgtune_probe_state state = { .size = sizeof(state) };
	struct counts counts = { .groups = NULL };
	int r = 0;

	if (!is_counting(source, &state)) {
		counts_close(source);
		if (counts_open(bpffs, &source->probe, source->why, sizeof(source->why)) < 0)
			source->probe = NULL;
		if (!is_counting(source, &state)) {
			if (!*source->why)
				snprintf(source->why, sizeof(source->why), "the probe was stopped");
			counts_close(source);
			*ret = counts;
			return 0;
		}
	}
	source->rung = cgtune_probe_rung_name(state.rung);
	r = read_all(source->probe, &counts);
	if (r < 0) {
		free(counts.groups);
		counts = (struct counts){ .groups = NULL };
	} else {
		counts.known = true;
		counts.all = !state.subtree && !state.tgid && !state.overflow;
		counts.since_ns = state.loaded_ns;
	}
	*ret = counts;
	return r == -ENOMEM ? r : 0;
}

void counts_close(struct counts_source *source)
{
	cgtune_probe_close(source->probe);
	source->probe = NULL;
}

const struct cgtune_stalls *counts_find(const struct counts *counts, uint64_t id, uint32_t hierarchy)
{
	static const struct cgtune_stalls nothing;
	const struct cgtune_stalls key = { .cgroup = id, .hierarchy = hierarchy }, *found;

	if (!counts->known)
		return NULL;
	found = counts->count ? bsearch(&key, counts->groups, counts->count, sizeof(key), by_group) : NULL;
	return found || !counts->all ? found : &nothing;
}
