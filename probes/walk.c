/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* walk - the kernel's own counters of every cgroup of a subtree, by an iterator of cgroups: loaded once, run for each pass */
#include "probe.h"
#include "groups.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* Between passes goes nine times as long as one took: cgroup_mutex is left to others. */
#define REST 9

struct cgtune_probe_walk {
	struct bpf_object *object;
	struct bpf_link *link;
	union groups_element *elements;
	size_t bytes;
	uint64_t page_size;
	uint64_t begun_ns, rested_ns;	/* CLOCK_MONOTONIC: of the last pass; when the next may be */
	uint64_t unlimited;		/* PAGE_COUNTER_MAX */
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int load(struct cgtune_probe_walk *walk, uint32_t most)
{
	struct bpf_map *rows;
	int r = probe_object_open(PROBE_OBJECT_GROUPS, true, &walk->object);

	if (r < 0)
		return r;
	rows = bpf_object__find_map_by_name(walk->object, "rows");
	r = bpf_map__set_max_entries(rows, most + 1);
	if (r == 0)
		r = probe_object_load(walk->object);
	if (r < 0)
		return r;
	walk->bytes = (most + (size_t)1) * sizeof(union groups_element);
	walk->elements = mmap(NULL, walk->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(rows), 0);
	if (walk->elements == MAP_FAILED) {
		walk->elements = NULL;
		return -errno;
	}
	return 0;
}

static int attach(struct cgtune_probe_walk *walk, int root)
{
	union bpf_iter_link_info info = {
		.cgroup = { .order = BPF_CGROUP_ITER_DESCENDANTS_PRE, .cgroup_fd = (uint32_t)root },
	};
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info, .link_info_len = sizeof(info));

	walk->link = bpf_program__attach_iter(bpf_object__find_program_by_name(walk->object, "read_group"), &opts);
	return walk->link ? 0 : -errno;
}

static int open_walk(const char *root, uint32_t most, struct probe_text *text, struct cgtune_probe_walk *walk)
{
	int fd, r;

	fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return probe_says(text, -errno, "%s: %s", root, strerror(errno));
	/* What comes first where it is missing may also be a limit of locked memory. */
	r = probe_btf_id(BPF_TRACE_ITER, "cgroup") > 0 ? load(walk, most) : -ESRCH;
	if (r == -ESRCH)				/* not among the kernel's types */
		r = probe_says(text, -EOPNOTSUPP, "this kernel has no iterator of cgroups");
	else if (r < 0)
		probe_says(text, r, "the iterator of cgroups cannot be loaded: %s", strerror(-r));
	else if ((r = attach(walk, fd)) < 0)
		probe_says(text, r, "%s: cannot be walked: %s", root, r == -EBADF ? "it is not the directory of a cgroup" : strerror(-r));
	close(fd);
	return r;
}

_public_ int cgtune_probe_walk_open(const struct cgtune_probe_options *options, const char *root, uint32_t most,
				    struct cgtune_probe_walk **ret)
{
	struct cgtune_probe_options ours;
	struct cgtune_probe_walk *walk;
	struct probe_text text;
	int r = probe_options(options, &ours);

	if (r < 0)
		return r;
	if (!most || most > CGTUNE_PROBE_MOST_GROUPS)
		return -EINVAL;
	walk = calloc(1, sizeof(*walk));
	if (!walk)
		return -ENOMEM;
	walk->page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	walk->unlimited = (uint64_t)INT64_MAX / walk->page_size;
	probe_text_begin(&text, &ours);
	r = open_walk(root, most, &text, walk);
	probe_text_end();
	if (r < 0)
		cgtune_probe_walk_close(walk);
	else
		*ret = walk;
	return r;
}

_public_ void cgtune_probe_walk_close(struct cgtune_probe_walk *walk)
{
	if (!walk)
		return;
	bpf_link__destroy(walk->link);
	if (walk->elements)
		munmap(walk->elements, walk->bytes);
	bpf_object__close(walk->object);
	free(walk);
}

/* One pass: the program is run for each group while this reads nothing. */
static int pass(struct cgtune_probe_walk *walk)
{
	int fd = bpf_iter_create(bpf_link__fd(walk->link)), r;
	char byte;

	if (fd < 0)
		return fd;
	walk->elements->header = (struct groups_header){ 0 };
	walk->begun_ns = now_ns();
	r = read(fd, &byte, sizeof(byte)) < 0 ? -errno : 0;
	close(fd);
	walk->rested_ns = r < 0 ? 0 : walk->begun_ns + (1 + REST) * (now_ns() - walk->begun_ns);
	return r;
}

static uint64_t to_bytes(const struct cgtune_probe_walk *walk, uint64_t pages)
{
	return pages >= walk->unlimited ? CGTUNE_UNLIMITED : pages * walk->page_size;
}

static void fill_cpu(const struct groups_row *row, struct cgtune_group_counters *ret)
{
	bool limited = row->quota_ns != UINT64_MAX;

	ret->flags |= CGTUNE_GROUP_CPU;
	ret->nr_periods = row->nr_periods;
	ret->nr_throttled = row->nr_throttled;
	ret->throttled_ns = row->throttled_ns;
	ret->quota_us = limited ? row->quota_ns / 1000 : CGTUNE_UNLIMITED;
	ret->period_us = row->period_ns / 1000;
}

static void fill_memory(const struct cgtune_probe_walk *walk, const struct groups_row *row,
			struct cgtune_group_counters *ret)
{
	ret->flags |= CGTUNE_GROUP_MEMORY;
	ret->memory = row->usage * walk->page_size;
	ret->memory_max = to_bytes(walk, row->max);
	ret->memory_high = to_bytes(walk, row->high);
	memcpy(ret->memory_events, row->events, sizeof(ret->memory_events));
	memcpy(ret->memory_events_local, row->local, sizeof(ret->memory_events_local));
}

static void fill(const struct cgtune_probe_walk *walk, const struct groups_row *row, struct cgtune_group_counters *ret)
{
	memset(ret, 0xff, sizeof(*ret));		/* CGTUNE_UNKNOWN */
	ret->size = sizeof(*ret);
	ret->cgroup = row->cgroup;
	ret->hierarchy = row->hierarchy;
	ret->level = row->level;
	ret->flags = 0;
	ret->taken_ns = walk->begun_ns;
	if (row->has & GROUPS_CPU)
		fill_cpu(row, ret);
	if (row->has & GROUPS_MEMORY)
		fill_memory(walk, row, ret);
}

_public_ int cgtune_probe_walk(struct cgtune_probe_walk *walk, struct cgtune_group_counters *rows, size_t n)
{
	struct cgtune_group_counters row;
	size_t stride = n ? rows->size : sizeof(row);
	int r = 0;

	if (n && util_struct_check(rows, sizeof(row)) < 0)
		return -EINVAL;
	if (now_ns() >= walk->rested_ns)
		r = pass(walk);
	for (size_t i = 0; r >= 0 && i < n && i < walk->elements->header.rows; i++) {
		struct cgtune_group_counters *to = (void *)((char *)rows + i * stride);

		fill(walk, &walk->elements[1 + i].row, &row);
		to->size = stride;
		util_struct_out(to, &row, sizeof(row));
	}
	return r < 0 ? r : (int)walk->elements->header.count;
}
