/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* file - the only code that opens and reads */
#include "file.h"
#include "sys.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/inotify.h>

#define READ_FLAGS (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
#define TRIES 8				/* of a call that a signal interrupts */

static const char *relative(const char *path)
{
	path += strspn(path, "/");
	return *path ? path : ".";
}

static int open_in_root(int root, const char *path, int flags)
{
	struct open_how how = { .flags = (uint64_t)flags, .resolve = RESOLVE_IN_ROOT };
	long fd = sys4(SYS_openat2, root, path, &how, sizeof(how));

	/* Before Linux 5.6, and under seccomp filters older than the call. */
	if (fd == -ENOSYS || fd == -EPERM)
		fd = sys4(SYS_openat, root, relative(path), flags, 0);
	return (int)fd;
}

static int open_path(struct file_set *set, const char *path, int flags)
{
	int fd = -EINTR;

	for (int i = 0; i < TRIES && fd == -EINTR; i++)
		fd = set->real ? (int)sys4(SYS_openat, AT_FDCWD, path, flags, 0) :
				 open_in_root(set->root, path, flags);
	return fd;
}

static bool is_regular(int fd)
{
	struct statx stx;

	return sys5(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_TYPE, &stx) < 0 ||
	       (stx.stx_mode & S_IFMT) == S_IFREG;
}

/* Out of descriptors is perhaps only out of those that this pass holds. */
static int open_or_flush(struct file_set *set, const char *path, int flags)
{
	int fd = open_path(set, path, flags);

	if ((fd == -EMFILE || fd == -ENFILE) && set->count) {
		file_set_flush(set);
		fd = open_path(set, path, flags);
	}
	return fd;
}

static int open_file(struct file_set *set, const char *path)
{
	int fd = open_or_flush(set, path, READ_FLAGS);

	if (fd >= 0 && !set->real && !is_regular(fd)) {
		sys1(SYS_close, fd);
		return -EBADMSG;
	}
	return fd;
}

static void close_later(struct file_set *set, int fd)
{
	if (set->count == FILE_BATCH)
		file_set_flush(set);
	set->batch[set->count++] = fd;
}

int file_set_open(struct file_set *set, const char *root)
{
	set->real = !root || strcmp(root, "/") == 0;
	set->root = AT_FDCWD;
	set->retry_missing = false;
	set->held = NULL;
	set->watch = -1;
	set->count = 0;
	if (set->real)
		return 0;
	set->root = (int)sys4(SYS_openat, AT_FDCWD, root, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	return set->root < 0 ? set->root : 0;
}

void file_set_flush(struct file_set *set)
{
	for (unsigned i = 0, last; i < set->count; i = last + 1) {
		for (last = i; last + 1 < set->count && set->batch[last + 1] == set->batch[last] + 1;)
			last++;
		if (last > i && sys3(SYS_close_range, set->batch[i], set->batch[last], 0) == 0)
			continue;
		for (unsigned k = i; k <= last; k++)
			sys1(SYS_close, set->batch[k]);
	}
	set->count = 0;
}

void file_set_close(struct file_set *set)
{
	file_set_flush(set);
	if (!set->real && set->root >= 0)
		sys1(SYS_close, set->root);
	set->root = -1;
}

/* read(2) at the file's position; pread(2) at offset when that is not negative. */
static long read_some(int fd, char *buffer, size_t size, long offset)
{
	long n = -EINTR;

	for (int i = 0; i < TRIES && n == -EINTR; i++)
		n = offset < 0 ? sys3(SYS_read, fd, buffer, size) :
				 sys4(SYS_pread64, fd, buffer, size, offset);
	return n;
}

/* Until the end. The kernel gives a short file of its own at once: there the end
 * is also a newline before a full buffer. */
static int read_all(const struct file_set *set, int fd, char *buffer, size_t size, bool positioned)
{
	size_t length = 0;

	while (length < size) {
		long n = read_some(fd, buffer + length, size - length, positioned ? (long)length : -1);

		if (n < 0)
			return (int)n;
		length += (size_t)n;
		if (n == 0 || (set->real && length < size && buffer[length - 1] == '\n'))
			return (int)length;
	}
	return -EFBIG;
}

/* A file under another root is reached by its descriptor, never by a path from ours. */
static void watch(struct file_set *set, const char *path, int fd)
{
	char name[32];
	struct text text = TEXT(name);

	if (set->watch < 0)
		return;
	text_add(&text, "/proc/self/fd/");
	text_add_u64(&text, (uint64_t)fd);
	sys3(SYS_inotify_add_watch, set->watch, set->real ? path : name, IN_MODIFY);
}

int file_text(struct file_set *set, int slot, const char *path, char *buffer, size_t size)
{
	int *held = set->held && slot >= 0 ? &set->held[slot] : NULL;
	int fd, n;

	if (held && *held >= 0)
		return read_all(set, *held, buffer, size, true);
	if (held && *held == FILE_MISSING && !set->retry_missing)
		return -ENOENT;
	fd = open_file(set, path);
	if (held)
		*held = fd >= 0 ? fd : fd == -ENOENT ? FILE_MISSING : FILE_NEW;
	if (fd < 0)
		return fd;
	if (!held)
		close_later(set, fd);
	else
		watch(set, path, fd);
	n = read_all(set, fd, buffer, size, false);
	if (held && n == -EISDIR) {			/* a file may come in its place */
		sys1(SYS_close, fd);
		*held = FILE_NEW;
	}
	return n;
}

int file_exists(struct file_set *set, const char *path)
{
	int fd = open_or_flush(set, *path ? path : "/", O_PATH | O_CLOEXEC);

	if (fd >= 0)
		close_later(set, fd);
	if (file_error_is_fatal(fd))
		return fd;
	return fd != -ENOENT && fd != -ENOTDIR && fd != -ELOOP && fd != -ENAMETOOLONG;
}

int file_lines_open(struct file_lines *lines, struct file_set *set, const char *path,
		    bool one_record, uint64_t most_bytes)
{
	lines->fd = open_file(set, path);
	if (lines->fd < 0)
		return lines->fd;
	lines->one_record = one_record && set->real;
	lines->ended = lines->skipping = false;
	lines->left = most_bytes;
	lines->start = lines->end = 0;
	return 0;
}

void file_lines_close(struct file_lines *lines, struct file_set *set)
{
	if (lines->fd >= 0)
		close_later(set, lines->fd);
	lines->fd = -1;
}

/* More bytes behind those that were not handed out yet. 0; -errno. */
static int fill(struct file_lines *lines)
{
	size_t room;
	long n;

	memmove(lines->buffer, lines->buffer + lines->start, lines->end - lines->start);
	lines->end -= lines->start;
	lines->start = 0;
	room = FILE_LINE - lines->end;
	n = read_some(lines->fd, lines->buffer + lines->end, room, -1);
	if (n < 0)
		return (int)n;
	if ((uint64_t)n > lines->left)
		return -EFBIG;
	lines->left -= (uint64_t)n;
	lines->end += (size_t)n;
	lines->ended = n == 0 || (lines->one_record && (size_t)n < room &&
				  lines->buffer[lines->end - 1] == '\n');
	return 0;
}

int file_line(struct file_lines *lines, struct slice *ret)
{
	for (;;) {
		char *text = lines->buffer + lines->start;
		size_t length = lines->end - lines->start;
		const char *newline = memchr(text, '\n', length);
		bool skipped = lines->skipping, cut = !newline && length == FILE_LINE;
		int r;

		if (newline || cut || (lines->ended && length)) {
			ret->text = text;
			ret->length = newline ? (size_t)(newline - text) : length;
			lines->start += ret->length + (newline != NULL);
			lines->skipping = cut;		/* the rest of it */
			if (!skipped)
				return 1;
			continue;
		}
		if (lines->ended)
			return 0;
		r = fill(lines);
		if (r < 0)
			return r;
	}
}

bool file_error_is_fatal(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -EINTR ||
	       error == -ENODEV;
}
