/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fake - a kernel in memory for what lib/sys.c asks: files as text, faults, short reads, values that change */
#include "fake.h"
#include "shared.h"
#include "statmount.h"
#include "sys.h"

#include <asm/statfs.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

#define USUAL_PLACE "/sys/fs/cgroup"
#define FIRST 100			/* descriptors count from here */
#define TIMES 200
#define MOST_CALLS 200000		/* far above what any operation needs: a loop without an end is found */

struct fake fake;

long __wrap_sys_call(long number, long a, long b, long c, long d, long e, long f);

/* One slash between names, "." left out. The library promises never to go through "..". */
static bool normal_path(const char *path, char ret[FAKE_PATH])
{
	size_t n = 0;

	for (const char *p = path; *p;) {
		size_t length;

		p += strspn(p, "/");
		length = strcspn(p, "/");
		CLAIM(!(length == 2 && p[0] == '.' && p[1] == '.'));
		if (length && !(length == 1 && *p == '.')) {
			if (n + length + 2 > FAKE_PATH)
				return false;
			ret[n++] = '/';
			memcpy(ret + n, p, length);
			n += length;
		}
		p += length;
	}
	ret[n] = '\0';
	return true;
}

static bool later(void)
{
	return fake.trouble == FAKE_CHANGE && fake.calls > fake.at;
}

/* Of several the first, or when things have changed the last. */
static const struct fake_file *find(const char *path)
{
	const struct fake_file *found = NULL;

	for (const struct fake_file *file = fake.files; file < fake.files + fake.count; file++)
		if (strcmp(file->path, path) == 0 && (!found || later()))
			found = file;
	return found;
}

const struct fake_file *fake_find(const char *path)
{
	char room[FAKE_PATH];
	const struct fake_file *file = normal_path(path, room) ? find(room) : NULL;

	return file && file->kind != 'x' && file->kind != '/' ? file : NULL;
}

/* Whether something lies below it. */
static bool is_directory(const char *path)
{
	size_t n = strlen(path);

	for (const struct fake_file *file = fake.files; file < fake.files + fake.count; file++)
		if (strncmp(file->path, path, n) == 0 && file->path[n] == '/')
			return true;
	return !n;
}

static long look_up(const char *path, const struct fake_file **ret)
{
	char room[FAKE_PATH];

	*ret = NULL;
	if (!*path)
		return -ENOENT;
	if (strlen(path) >= 4096 || !normal_path(path, room))
		return -ENAMETOOLONG;
	if (strcmp(room, FAKE_ROOT) == 0)
		return 0;
	*ret = find(room);
	if (*ret && (*ret)->kind == 'x')
		return -ENOENT;
	if (*ret && (*ret)->kind != '/')
		return 0;
	if (!*ret && !is_directory(room)) {
		for (char *slash = strrchr(room, '/'); slash > room; slash = strrchr(room, '/')) {
			const struct fake_file *above;

			*slash = '\0';
			above = find(room);
			if (above && above->kind != 'x')
				return above->kind == '/' ? -ENOENT : -ENOTDIR;
		}
		return -ENOENT;
	}
	*ret = NULL;
	return 0;
}

static long new_descriptor(char kind, const struct fake_file *file)
{
	for (long i = 0; i < FAKE_DESCRIPTORS; i++) {
		if (fake.descriptors[i].kind)
			continue;
		fake.descriptors[i] = (struct fake_descriptor){ kind, file, 0 };
		fake.open++;
		return FIRST + i;
	}
	return -EMFILE;
}

static struct fake_descriptor *descriptor(long fd)
{
	CLAIM(fd >= FIRST && fd < FIRST + FAKE_DESCRIPTORS && fake.descriptors[fd - FIRST].kind);
	return &fake.descriptors[fd - FIRST];
}

static long open_file(const char *path, long flags)
{
	const struct fake_file *file;
	long r = look_up(path, &file);

	CLAIM(flags & O_CLOEXEC && !(flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)));
	if (r < 0)
		return r;
	if (flags & O_DIRECTORY && file)
		return -ENOTDIR;
	if (flags & O_PATH)
		return new_descriptor('p', file);
	CLAIM(flags & O_NONBLOCK);
	return file && file->kind == '!' ? -EACCES : new_descriptor('f', file);
}

static long open_at(long directory, const char *path, long flags)
{
	if (directory == AT_FDCWD) {
		CLAIM(*path == '/');
		return open_file(path, flags);
	}
	CLAIM(descriptor(directory)->kind == 'p' && *path != '/');
	return open_file(path, flags);
}

static long open_at2(long directory, const char *path, const struct open_how *how)
{
	CLAIM(descriptor(directory)->kind == 'p' && how->resolve == RESOLVE_IN_ROOT);
	return fake.no_openat2 ? -ENOSYS : open_file(path, (long)how->flags);
}

static long close_one(long fd)
{
	descriptor(fd)->kind = 0;
	fake.open--;
	return 0;
}

static long close_some(long first, long last)
{
	for (long fd = first; fd <= last; fd++)
		close_one(fd);
	return 0;
}

/* The kernel may write all of the buffer: so a sanitizer checks its size. */
static long read_file(long fd, char *buffer, size_t size, bool positioned, size_t position)
{
	struct fake_descriptor *from = descriptor(fd);
	const struct fake_file *file = from->file;
	size_t at = positioned ? position : from->position, n = 0;

	CLAIM(from->kind == 'f');
	memset(buffer, 0xEE, size);
	if (!file)
		return -EISDIR;
	if (at == 0) {
		file = find(file->path);
		if (!file || file->kind == 'x' || file->kind == '/')
			return -ENODEV;
		from->file = file;
	}
	if (fake.one_byte && size > 1)
		size = 1;
	while (n < size && at + n < file->length * file->times) {
		size_t from_line = (at + n) % file->length, piece = file->length - from_line;

		piece = piece < size - n ? piece : size - n;
		memcpy(buffer + n, file->text + from_line, piece);
		n += piece;
	}
	if (!positioned)
		from->position += n;
	return (long)n;
}

static long stat_file(long fd, const char *path, long flags, struct statx *ret)
{
	const struct fake_file *file = NULL;
	long r = 0;

	if (flags & AT_EMPTY_PATH)
		file = descriptor(fd)->file;
	else
		r = look_up(path, &file);
	if (r < 0)
		return r;
	memset(ret, 0, sizeof(*ret));
	ret->stx_mask = STATX_BASIC_STATS | (fake.mounts & 1 ? STATX_WANT_MNT_ID_UNIQUE : 0);
	ret->stx_mode = file ? S_IFREG : S_IFDIR;
	ret->stx_ino = fake.mounts & 2 ? 1 : 7;
	ret->stx_attributes = fake.mounts & 4 ? STATX_ATTR_MOUNT_ROOT : 0;
	return 0;
}

static long stat_fs(const char *path, struct statfs *ret)
{
	const struct fake_file *file;
	long r = look_up(path, &file);

	memset(ret, 0, sizeof(*ret));
	ret->f_type = fake.mounts & 8 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC;
	return r;
}

static long stat_mount(char *ret, size_t size)
{
	struct statmount_answer answer = {
		.mask = STATMOUNT_WANT_MNT_ROOT | STATMOUNT_WANT_FS_TYPE, .fs_type = 0, .mnt_root = 8,
	};

	if (fake.mounts & 16)
		return -ENOSYS;
	CLAIM(size >= sizeof(answer) + 32);
	memset(ret, 0xEE, size);
	memcpy(ret, &answer, sizeof(answer));
	strcpy(ret + sizeof(answer), fake.mounts & 8 ? "cgroup2" : "cgroup");
	strcpy(ret + sizeof(answer) + 8, fake.mounts & 32 ? "/.." : "/");
	return 0;
}

static long affinity(size_t size, uint8_t *mask)
{
	size_t needs = fake.cpus > 1024 ? 8192 : 128;

	if (size < needs)
		return -EINVAL;
	memset(mask, 0, needs);
	memset(mask, 0xFF, fake.cpus / 8);
	mask[fake.cpus / 8] |= (uint8_t)((1 << fake.cpus % 8) - 1);
	return (long)needs;
}

static long system_info(struct sysinfo *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->totalram = fake.memory;
	ret->mem_unit = 1;
	return 0;
}

/* A timer's ticks; of inotify there is nothing to be read. */
static long read_event(long fd, uint64_t *buffer, size_t size)
{
	if (descriptor(fd)->kind != 't' || !fake.ticks)
		return -EAGAIN;
	CLAIM(size == sizeof(*buffer));
	*buffer = fake.ticks;
	fake.ticks = 0;
	return sizeof(*buffer);
}

/* What live.c has besides files. */
static long live_call(long number, long fd, long other)
{
	switch (number) {
	case SYS_timerfd_create:
		return new_descriptor('t', NULL);
	case SYS_epoll_create1:
	case SYS_inotify_init1:
	case SYS_eventfd2:
		return new_descriptor('e', NULL);
	case SYS_epoll_ctl:
		descriptor(fd);
		descriptor(other);
		return 0;
	case SYS_timerfd_settime:
		descriptor(fd);
		return 0;
	case SYS_inotify_add_watch:
		descriptor(fd);
		return 1;
	case SYS_write:
		CLAIM(fd == 2);
		return 0;
	default:
		fprintf(stderr, "system call %ld\n", number);
		abort();
	}
}

/* An array of a probe that is pinned: its file's bytes, of which the whole elements but the first are
 * slots, then zeroes. What is mapped is not a byte longer. */
static uint32_t elements_of(const struct fake_file *file)
{
	return PROBE_ELEMENTS((uint32_t)(file->length / PROBE_ELEMENT) - (file->length >= PROBE_ELEMENT));
}

static long call_bpf(long command, union bpf_attr *attr)
{
	const struct fake_file *file = NULL;

	if (command == BPF_OBJ_GET)
		return look_up((const char *)(uintptr_t)attr->pathname, &file) == 0 && file ?
			       new_descriptor('m', file) : -ENOENT;
	CLAIM(command == BPF_OBJ_GET_INFO_BY_FD && descriptor(attr->info.bpf_fd)->kind == 'm');
	file = descriptor(attr->info.bpf_fd)->file;
	memset((void *)(uintptr_t)attr->info.info, 0, attr->info.info_len);
	*(struct bpf_map_info *)(uintptr_t)attr->info.info = (struct bpf_map_info){
		.type = BPF_MAP_TYPE_ARRAY, .value_size = PROBE_ELEMENT, .map_flags = BPF_F_MMAPABLE,
		.max_entries = elements_of(file),
	};
	return 0;
}

static long map_file(size_t size, long fd)
{
	const struct fake_file *file = descriptor(fd)->file;

	char *map = calloc(1, size);

	CLAIM(descriptor(fd)->kind == 'm' && size == (size_t)elements_of(file) * PROBE_ELEMENT && map);
	memcpy(map, file->text, file->length);
	fake.maps++;
	return (long)map;
}

static long unmap(void *address)
{
	CLAIM(fake.maps-- > 0);
	free(address);
	return 0;
}

static long answer(long number, long a, long b, long c, long d, long e)
{
	switch (number) {
	case SYS_openat:
		return open_at(a, (const char *)b, c);
	case SYS_openat2:
		return open_at2(a, (const char *)b, (const struct open_how *)c);
	case SYS_read:
		if (strchr("et", descriptor(a)->kind))
			return read_event(a, (uint64_t *)b, (size_t)c);
		return read_file(a, (char *)b, (size_t)c, false, 0);
	case SYS_pread64:
		return read_file(a, (char *)b, (size_t)c, true, (size_t)d);
	case SYS_close:
		return close_one(a);
	case SYS_close_range:
		return close_some(a, b);
	case SYS_statx:
		return stat_file(a, (const char *)b, c, (struct statx *)e);
	case SYS_statfs:
		return stat_fs((const char *)a, (struct statfs *)b);
	case SYS_statmount:
		return stat_mount((char *)b, (size_t)c);
	case SYS_sched_getaffinity:
		return affinity((size_t)b, (uint8_t *)c);
	case SYS_sched_getscheduler:
		return fake.scheduler;
	case SYS_bpf:
		return call_bpf(a, (union bpf_attr *)b);
	case SYS_MMAP:
		CLAIM(!a && c == PROT_READ && d == MAP_SHARED);
		return map_file((size_t)b, e);
	case SYS_munmap:
		return unmap((void *)a);
	case SYS_madvise:
		return 0;
	case SYS_sysinfo:
		return system_info((struct sysinfo *)a);
	default:
		return live_call(number, a, c);
	}
}

/* Linux closes the descriptor also when close(2) reports an error. */
long __wrap_sys_call(long number, long a, long b, long c, long d, long e, long f)
{
	bool fails = (fake.trouble == FAKE_ONCE && fake.calls == fake.at) ||
		     (fake.trouble == FAKE_FROM_THEN_ON && fake.calls >= fake.at);

	(void)f;
	fake.calls++;
	CLAIM(fake.calls < MOST_CALLS || fake.one_byte);
	if (!fails)
		return answer(number, a, b, c, d, e);
	fake.fired = true;
	if (number == SYS_close)
		close_one(a);
	return -fake.error;
}

/* "=K PATH"; NULL: another line. */
static bool is_marker(const char *line, size_t n)
{
	return n > 3 && line[0] == '=' && line[1] && strchr("=-0/!x*", line[1]) && line[2] == ' ';
}

static char *marker_path(const char *text, size_t n)
{
	char *path = malloc(n + sizeof(USUAL_PLACE)), room[FAKE_PATH];

	CLAIM(path);
	sprintf(path, "%s%.*s", *text == '@' ? USUAL_PLACE : "", (int)(n - (*text == '@')), text + (*text == '@'));
	if (n + sizeof(USUAL_PLACE) > sizeof(room) || strstr(path, "..") || !normal_path(path, room))
		room[0] = '\0';
	strcpy(path, room);
	return path;
}

static size_t line_length(const char *text, size_t length)
{
	const char *newline = length ? memchr(text, '\n', length) : NULL;

	return newline ? (size_t)(newline - text) + 1 : length;
}

void fake_make(const char *text, size_t length)
{
	struct fake_file *file = NULL;

	memset(fake.descriptors, 0, sizeof(fake.descriptors));
	fake.count = fake.open = 0;
	fake_restart();
	while (length) {
		size_t n = line_length(text, length);

		if (is_marker(text, n) && fake.count < FAKE_FILES) {
			file = &fake.files[fake.count++];
			*file = (struct fake_file){
				.path = marker_path(text + 3, n - 3 - (text[n - 1] == '\n')), .text = text + n,
				.kind = text[1], .times = text[1] == '*' ? TIMES : 1,
			};
		} else if (file && file->kind != '0') {
			file->length += n;
		}
		text += n;
		length -= n;
	}
	for (file = fake.files; file < fake.files + fake.count; file++)
		if (file->kind == '-' && file->length)
			file->length--;
}

void fake_free(void)
{
	CLAIM(fake.open == 0);
	for (unsigned i = 0; i < fake.count; i++)
		free(fake.files[i].path);
	fake.count = 0;
}

void fake_restart(void)
{
	fake.calls = 0;
	fake.fired = false;
}
