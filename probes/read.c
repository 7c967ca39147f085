/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * read - what the programs count, from the mapped array: no bpf(2) and no allocation after it is open
 *
 * The array is another program's: nothing in it is trusted but what was checked
 * when it was opened, against the sizes that the kernel says.
 */
#include "read.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_TRIES 64
#define COPY_TRIES 16384

static uint32_t place(const struct cgtune_probe *probe, uint64_t cgroup, uint32_t hierarchy)
{
	return (uint32_t)((cgroup ^ (uint64_t)hierarchy << 32) * UINT64_C(0x9E3779B97F4A7C15) >> 32) & probe->mask;
}

/* Twice as many places as slots: one is always free. */
static void make_index(struct cgtune_probe *probe)
{
	uint64_t epoch = probe_load(&probe->elements->header.epoch);

	memset(probe->index, 0, sizeof(probe->index[0]) * (probe->mask + 1));
	for (uint32_t i = 1; i < 2 * probe->slots; i++) {
		__u64 claim;
		const union probe_element *half = probe_half(probe->elements, probe->slots, i, &claim);
		uint32_t at;

		if (!half)
			continue;
		for (at = place(probe, half->slot.owner.cgroup, half->slot.owner.hierarchy); probe->index[at]; at = (at + 1) & probe->mask)
			;
		probe->index[at] = i;
	}
	probe->epoch = epoch;
}

static bool is_ours(const struct bpf_map_info *info)
{
	return info->type == BPF_MAP_TYPE_ARRAY && info->value_size == PROBE_ELEMENT && info->max_entries > 1 &&
		info->map_flags & BPF_F_MMAPABLE;
}

static bool header_fits(const struct probe_header *header, const struct bpf_map_info *info)
{
	uint32_t slots = header->slots;

	return header->magic == PROBE_MAGIC && header->abi == PROBE_ABI && header->element == PROBE_ELEMENT &&
		header->events == PROBE_EVENTS && slots && slots <= 32768 && !(slots & (slots - 1)) &&
		PROBE_ELEMENTS(slots) == info->max_entries &&
		header->rung >= PROBE_FENTRY && header->rung <= PROBE_RAW && header->memory_rung <= PROBE_RAW;
}

/* Its own pages, in memory for good where that is allowed: a read takes no page fault. */
static struct cgtune_probe *make_handle(const union probe_element *elements, size_t bytes,
					const struct probe_header *header)
{
	uint32_t slots = header->slots;
	size_t size = sizeof(struct cgtune_probe) + 4 * sizeof(uint32_t) * slots;
	struct cgtune_probe *probe = mmap(NULL, size, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (probe == MAP_FAILED)
		return NULL;
	mlock(probe, size);
	*probe = (struct cgtune_probe){
		.elements = elements, .bytes = bytes, .slots = slots, .rung = header->rung,
		.memory_rung = header->memory_rung, .memory_sleeps = header->memory_sleeps,
		.index_bytes = size, .mask = 4 * slots - 1,
	};
	make_index(probe);
	return probe;
}

static int open_map(int fd, struct probe_text *text, const char *path, struct cgtune_probe **ret)
{
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);
	const union probe_element *elements;
	struct cgtune_probe *probe;
	struct probe_header header;
	struct stat pin = { .st_ino = 0 };	/* it may be removed by now */
	size_t bytes;

	if (stat(path, &pin) < 0 && errno != ENOENT)
		return -errno;
	if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return -errno;
	if (!is_ours(&info))
		return probe_says(text, -EBADMSG, "%s: not the array of a probe; `cgtune probe stop` removes it", path);
	bytes = (size_t)info.max_entries * PROBE_ELEMENT;
	elements = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (elements == MAP_FAILED)
		return -errno;
	header = elements->header;
	if (!header_fits(&header, &info)) {
		munmap((void *)elements, bytes);
		return probe_says(text, -EBADMSG, "%s: its header is not one of this version; `cgtune probe stop` "
				  "removes it", path);
	}
	probe = make_handle(elements, bytes, &header);
	if (!probe) {
		munmap((void *)elements, bytes);
		return -ENOMEM;
	}
	snprintf(probe->path, sizeof(probe->path), "%s", path);
	probe->inode = pin.st_ino;
	*ret = probe;
	return 0;
}

int probe_open(const struct cgtune_probe_options *options, struct probe_text *text, struct cgtune_probe **ret)
{
	char path[PROBE_PATH], folder[PROBE_PATH];
	int fd, r;

	probe_pin_path(options, "", folder);
	probe_pin_path(options, "map", path);
	fd = bpf_obj_get(path);
	if (fd >= 0) {
		r = open_map(fd, text, path, ret);
		close(fd);
		return r;
	}
	r = -errno;
	if (r == -ENOSYS)
		return probe_says(text, -EOPNOTSUPP, "bpf(2): no such system call, or forbidden by seccomp(2)");
	if (r == -ENOENT && access(folder, F_OK) == 0)
		return probe_says(text, -EBADMSG, "%s: no probe is in it; `cgtune probe stop` removes it", folder);
	return r == -ENOENT ? r : probe_says(text, r, "%s: %s", path, strerror(-r));
}

_public_ int cgtune_probe_open(const struct cgtune_probe_options *options, struct cgtune_probe **ret)
{
	struct cgtune_probe_options ours;
	struct probe_text text;
	int r = probe_options(options, &ours);

	if (r < 0)
		return r;
	probe_text_begin(&text, &ours);
	r = probe_open(&ours, &text, ret);
	probe_text_end();
	return r;
}

_public_ void cgtune_probe_close(struct cgtune_probe *probe)
{
	if (!probe)
		return;
	munmap((void *)probe->elements, probe->bytes);
	munmap(probe, probe->index_bytes);
}

int probe_copy(const struct cgtune_probe *probe, uint32_t i, union probe_element *ret)
{
	int r = probe_copy_half(probe->elements, probe->slots, i, COPY_TRIES, ret);

	return r < 0 ? -EAGAIN : r;
}

/* On the tracepoint rungs stops may be noticed late or not at all: the sum is the kernel's own. */
static uint64_t throttled_ns(const struct cgtune_probe *probe, const struct probe_slot *slot)
{
	if (probe->rung < PROBE_TRACEPOINT || probe->elements->header.tgid)
		return slot->ns;
	return util_sub(slot->kernel_ns, slot->kernel_base_ns);
}

static void to_stalls(const struct cgtune_probe *probe, const struct probe_slot *slot, struct cgtune_stalls *ret)
{
	bool sees_all = probe->rung < PROBE_TRACEPOINT;

	*ret = (struct cgtune_stalls){
		.size = sizeof(*ret), .cgroup = slot->owner.cgroup, .hierarchy = slot->owner.hierarchy,
		.level = slot->owner.level, .updated_ns = slot->owner.updated_ns,
		.throttles = slot->throttles, .throttled_ns = throttled_ns(probe, slot),
		.episodes = slot->episodes, .wall_ns = slot->wall_ns, .max_ns = slot->max_ns,
		.uncharged = sees_all ? slot->uncharged : CGTUNE_UNKNOWN,
		.enqueue = slot->enqueue, .open = slot->open, .nr_periods = slot->nr_periods,
		.nr_throttled = slot->nr_throttled, .hits = slot->hits,
		.loaded_ns = probe->elements->header.loaded_ns,
		.stopped_ns = probe_load(&probe->elements->header.stopped_ns),
	};
	memcpy(ret->hist, slot->hist, sizeof(ret->hist));
}

int probe_find(struct cgtune_probe *probe, uint64_t cgroup, uint32_t hierarchy, bool memory, union probe_element *ret)
{
	uint32_t at, i;

	if (probe->epoch != probe_load(&probe->elements->header.epoch))
		make_index(probe);
	for (at = place(probe, cgroup, hierarchy); (i = probe->index[at]); at = (at + 1) & probe->mask) {
		int r = memory == (i >= probe->slots) ? probe_copy(probe, i, ret) : 0;

		if (r < 0)
			return r;
		if (r == 1 && ret->slot.owner.cgroup == cgroup && ret->slot.owner.hierarchy == hierarchy)
			return 0;
	}
	return -ENODATA;
}

_public_ int cgtune_probe_read(struct cgtune_probe *probe, uint64_t cgroup, uint32_t hierarchy,
			       struct cgtune_stalls *ret)
{
	union probe_element element;
	struct cgtune_stalls stalls;
	int r;

	if (util_struct_check(ret, sizeof(stalls)) < 0)
		return -EINVAL;
	r = probe_find(probe, cgroup, hierarchy, false, &element);
	if (r < 0)
		return r;
	to_stalls(probe, &element.slot, &stalls);
	util_struct_out(ret, &stalls, sizeof(stalls));
	return 0;
}

_public_ int cgtune_probe_next(struct cgtune_probe *probe, uint32_t *cursor, struct cgtune_stalls *ret)
{
	union probe_element element;
	struct cgtune_stalls stalls;

	if (util_struct_check(ret, sizeof(stalls)) < 0)
		return -EINVAL;
	for (uint32_t i = *cursor; i < probe->slots; i++) {
		int r = probe_copy(probe, i, &element);

		if (r < 0)
			return r;
		if (r == 0)
			continue;
		to_stalls(probe, &element.slot, &stalls);
		util_struct_out(ret, &stalls, sizeof(stalls));
		*cursor = i + 1;
		return 1;
	}
	return 0;
}

static const struct probe_event *event_at(const struct cgtune_probe *probe, uint64_t n)
{
	n %= PROBE_EVENTS;
	return &probe->elements[PROBE_RING(probe->slots) + n / PROBE_EVENTS_PER_ELEMENT].events[n % PROBE_EVENTS_PER_ELEMENT];
}

/* 1: it is event n; 0: not written yet; -1: overwritten; -2: left out, as half a round has gone since. */
static int copy_event(const struct cgtune_probe *probe, uint64_t n, struct probe_event *ret)
{
	const struct probe_event *event = event_at(probe, n);
	uint64_t behind;

	if (probe_load(&event->seq) == n + 1) {
		memcpy(ret, event, sizeof(*ret));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (probe_load(&event->seq) == n + 1)
			return 1;
	}
	behind = util_sub(probe_load(&probe->elements->header.head), n);
	return behind > PROBE_EVENTS ? -1 : behind > PROBE_EVENTS / 2 ? -2 : 0;
}

_public_ int cgtune_probe_next_event(struct cgtune_probe *probe, uint64_t *cursor, struct cgtune_stall_event *ret)
{
	struct probe_event event;
	struct cgtune_stall_event out = { .size = sizeof(out) };
	uint64_t n = *cursor, head;

	if (util_struct_check(ret, sizeof(out)) < 0)
		return -EINVAL;
	for (int i = 0; i < READ_TRIES; i++) {
		int r;

		head = probe_load(&probe->elements->header.head);
		if (head > n + PROBE_EVENTS)
			n = head - PROBE_EVENTS;
		r = copy_event(probe, n, &event);
		if (r == 0)
			return 0;
		n += r == -2;
		if (r < 0)
			continue;
		out.number = n;
		out.ended_ns = event.ended_ns;
		out.duration_ns = event.duration_ns;
		out.limit = event.limit;
		out.leaf = event.leaf;
		out.hierarchy = event.hierarchy;
		out.kind = event.kind;
		out.pid = event.pid;
		out.tgid = event.tgid;
		out.cpu = event.cpu;
		memcpy(out.comm, event.comm, sizeof(out.comm));
		out.comm[sizeof(out.comm) - 1] = '\0';
		util_struct_out(ret, &out, sizeof(out));
		*cursor = n + 1;
		return 1;
	}
	return 0;
}

_public_ int cgtune_probe_state(struct cgtune_probe *probe, struct cgtune_probe_state *ret)
{
	const struct probe_header *header = &probe->elements->header;
	struct stat pin;
	struct cgtune_probe_state state = {
		.size = sizeof(state), .rung = probe->rung, .slots = probe->slots, .loaded_ns = header->loaded_ns,
		.stopped_ns = probe_load(&header->stopped_ns), .subtree = header->subtree,
		.min_event_ns = header->min_event_ns, .groups = probe_load(&header->epoch), .events = probe_load(&header->head),
		.overflow = probe_load(&header->overflow), .unpaired = probe_load(&header->unpaired),
		.lost = probe_load(&header->lost), .tgid = header->tgid,
		.pinned = stat(probe->path, &pin) == 0 && pin.st_ino == probe->inode,
		.memory_rung = probe->memory_rung, .memory_sleeps = probe->memory_sleeps,
	};

	if (util_struct_check(ret, sizeof(state)) < 0)
		return -EINVAL;
	util_struct_out(ret, &state, sizeof(state));
	return 0;
}
