/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * published - the array in which a started probe counts (cgtune-probe.h), mapped read-only by this process
 *
 * The array is another program's: what sizes depend on is checked against what
 * the kernel says when it is mapped, and not read again.
 */
#include "published.h"
#include "cgtune.h"
#include "file.h"
#include "shared.h"
#include "sys.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/mman.h>

#define MOST_SLOTS 32768
#define COPY_TRIES 1024
#define STATUS_MOST (UINT64_C(1) << 20)

/* Whether a seccomp(2) filter may kill this thread for bpf(2). Not to know is to fear it. */
static bool is_filtered(void)
{
	static const char name[] = "Seccomp:\t";
	struct file_set files;
	struct file_lines lines;
	struct slice line;
	bool filtered = false;
	int r = file_set_open(&files, NULL);

	if (r < 0)
		return true;
	r = file_lines_open(&lines, &files, "/proc/thread-self/status", false, STATUS_MOST);
	while (r >= 0 && (r = file_line(&lines, &line)) > 0)
		if (line.length > sizeof(name) - 1 && memcmp(line.text, name, sizeof(name) - 1) == 0)
			filtered = line.text[sizeof(name) - 1] != '0';
	file_lines_close(&lines, &files);
	file_set_close(&files);
	return r < 0 || filtered;
}

static long call_bpf(int command, union bpf_attr *attr)
{
	return sys3(SYS_bpf, command, attr, sizeof(*attr));
}

static int open_pin(const char *path)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.pathname = (uint64_t)(uintptr_t)path;
	return (int)call_bpf(BPF_OBJ_GET, &attr);
}

/* Elements of an array of ours, as the kernel says; 0: it is none. */
static uint32_t elements_of(int fd)
{
	struct bpf_map_info info;
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	memset(&info, 0, sizeof(info));
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uint64_t)(uintptr_t)&info;
	if (call_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) < 0 || info.type != BPF_MAP_TYPE_ARRAY ||
	    info.value_size != PROBE_ELEMENT || !(info.map_flags & BPF_F_MMAPABLE))
		return 0;
	return info.max_entries;
}

static bool header_fits(const struct probe_header *header, uint32_t elements)
{
	return header->magic == PROBE_MAGIC && header->abi == PROBE_ABI && header->element == PROBE_ELEMENT &&
		header->events == PROBE_EVENTS && header->slots && header->slots <= MOST_SLOTS &&
		PROBE_ELEMENTS(header->slots) == elements;
}

/* The descriptor's array, mapped and looked at. A child maps its own. */
static bool map_array(int fd, struct published_view *ret)
{
	uint32_t elements = elements_of(fd);
	size_t bytes = (size_t)elements * PROBE_ELEMENT;
	struct probe_header header;
	long address;

	if (!elements || elements > PROBE_ELEMENTS(MOST_SLOTS))
		return false;
	address = sys6(SYS_MMAP, NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (address < 0 && address > -4096)
		return false;
	ret->elements = (const union probe_element *)address;
	ret->bytes = bytes;
	header = ret->elements->header;
	if (!header_fits(&header, elements)) {
		sys2(SYS_munmap, address, bytes);
		return false;
	}
	sys3(SYS_madvise, address, bytes, MADV_DONTFORK);
	ret->slots = header.slots;
	return true;
}

/* And of all processes. */
static bool counts_on(const struct published_view *view)
{
	return probe_load(&view->elements->header.stopped_ns) == 0 && view->elements->header.tgid == 0;
}

static bool is_same(const struct published_view *view, const struct statx *pin)
{
	return view && view->inode == pin->stx_ino && view->major == pin->stx_dev_major &&
		view->minor == pin->stx_dev_minor && counts_on(view);
}

static bool can_go_on(const struct published *p)
{
	const struct published_view *view = atomic_load(&p->current);

	return view && counts_on(view);
}

/* Unmap what was replaced, once nobody reads; a view that is free, or NULL. */
static struct published_view *sweep(struct published *p)
{
	struct published_view *free = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(p->views); i++) {
		struct published_view *view = &p->views[i];

		if (view == atomic_load(&p->current))
			continue;
		if (view->elements && atomic_load(&p->readers) == 0) {
			sys2(SYS_munmap, view->elements, view->bytes);
			view->elements = NULL;
		}
		if (!view->elements)
			free = view;
	}
	return free;
}

static void replace(struct published *p, const char *path, const struct statx *pin, bool any)
{
	struct published_view *view;
	int fd;

	atomic_store(&p->known, false);
	atomic_store(&p->current, NULL);
	if (!pin || (!any && is_filtered()))
		return;
	view = sweep(p);
	fd = view ? open_pin(path) : -EAGAIN;
	if (fd < 0)
		return;
	if (map_array(fd, view)) {
		view->inode = pin->stx_ino;
		view->major = pin->stx_dev_major;
		view->minor = pin->stx_dev_minor;
		atomic_store(&p->current, view);
	}
	sys1(SYS_close, fd);
}

void published_map(struct published *p, const char *bpffs, bool any)
{
	char path[CGTUNE_PATH_SIZE];
	struct text text = TEXT(path);
	struct statx pin;
	bool there;
	int r;

	text_add(&text, bpffs);
	text_add(&text, "/cgtune-");
	text_add_u64(&text, PROBE_ABI);
	text_add(&text, "/map");
	r = (int)sys5(SYS_statx, AT_FDCWD, path, AT_NO_AUTOMOUNT, STATX_INO, &pin);
	there = r == 0;
	pthread_mutex_lock(&p->lock);
	if (r == -EACCES && can_go_on(p))
		;		/* a process that has given up its rights since */
	else if (!there ? atomic_load(&p->current) != NULL : !is_same(atomic_load(&p->current), &pin))
		replace(p, path, there ? &pin : NULL, any);
	sweep(p);
	pthread_mutex_unlock(&p->lock);
}

/* Until leave() the view stays mapped; NULL: none, or it counts no longer. */
static const struct published_view *enter(struct published *p)
{
	const struct published_view *view;

	atomic_fetch_add(&p->readers, 1);
	view = atomic_load(&p->current);
	return view && counts_on(view) ? view : NULL;
}

static void leave(struct published *p)
{
	atomic_fetch_sub(&p->readers, 1);
}

/* Whether it is that owner's slot still, and its counts could be had, all of one moment. */
static bool take_slot(const struct published_view *view, uint32_t i, uint64_t serial, struct published_counts *ret)
{
	union probe_element copy;
	const struct probe_slot *slot = &copy.slot;

	if (probe_copy_half(view->elements, view->slots, i, COPY_TRIES, &copy) != 1 || slot->owner.serial != serial)
		return false;
	*ret = (struct published_counts){
		.throttles = slot->throttles, .episodes = slot->episodes, .wall_ns = slot->wall_ns,
		.max_ns = slot->max_ns, .since_ns = view->elements->header.loaded_ns, .updated_ns = slot->owner.updated_ns,
		.periods = CGTUNE_UNKNOWN, .throttled = CGTUNE_UNKNOWN, .throttled_ns = CGTUNE_UNKNOWN,
	};
	if (slot->ended) {
		ret->periods = slot->nr_periods;
		ret->throttled = slot->nr_throttled;
		ret->throttled_ns = slot->kernel_ns;
	}
	return true;
}

/* Nothing has happened to a group that has no slot, if the probe saw all. */
static int take_none(const struct published_view *view, struct published_counts *ret)
{
	const struct probe_header *header = &view->elements->header;

	if (header->subtree || probe_load(&header->overflow) || probe_load(&header->lost))
		return -ENODATA;
	*ret = (struct published_counts){
		.since_ns = header->loaded_ns, .periods = CGTUNE_UNKNOWN, .throttled = CGTUNE_UNKNOWN,
		.throttled_ns = CGTUNE_UNKNOWN,
	};
	return 0;
}

/* The slot of a group and whose it is now; slots: it has none. */
static uint32_t look_for(const struct published_view *view, const struct published_group *group, uint64_t *serial)
{
	for (uint32_t i = 0; i < view->slots; i++) {
		__u64 claim;
		const union probe_element *half = probe_half(view->elements, view->slots, i, &claim);

		*serial = claim >> 1;
		if (half && half->slot.owner.cgroup == group->cgroup &&
		    half->slot.owner.hierarchy == group->hierarchy)
			return i;
	}
	*serial = 0;
	return view->slots;
}

int published_find(struct published *p, const struct published_group *group, struct published_counts *ret)
{
	const struct published_view *view = enter(p);
	uint64_t serial;
	int r = -ENODATA;
	uint32_t i;

	if (view) {
		i = look_for(view, group, &serial);
		r = i == view->slots ? take_none(view, ret) : take_slot(view, i, serial, ret) ? 0 : -ENODATA;
	}
	leave(p);
	return r;
}

void published_remember(struct published *p, const struct published_group *own)
{
	const struct published_view *view = enter(p);
	uint64_t serial;

	pthread_mutex_lock(&p->lock);
	atomic_store(&p->known, false);
	if (own)
		p->own = *own;
	if (own && view) {
		atomic_store(&p->epoch, probe_load(&view->elements->header.epoch));
		atomic_store(&p->slot, look_for(view, own, &serial));
		atomic_store(&p->serial, serial);
		atomic_store(&p->known, view == atomic_load(&p->current));
	}
	pthread_mutex_unlock(&p->lock);
	leave(p);
}

/* A serial number is one group's for ever: of another probe or another group, nothing fits. */
int published_own(struct published *p, struct published_counts *ret)
{
	const struct published_view *view;
	int r = -ENODATA;
	uint64_t serial;
	uint32_t slot;

	if (!atomic_load_explicit(&p->known, memory_order_acquire))
		return r;
	view = enter(p);
	serial = atomic_load(&p->serial);
	slot = atomic_load(&p->slot);
	if (view && serial && slot < view->slots)
		r = take_slot(view, slot, serial, ret) ? 0 : -ENODATA;
	else if (view && !serial && probe_load(&view->elements->header.epoch) == atomic_load(&p->epoch))
		r = take_none(view, ret);
	leave(p);
	return r;
}
