/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * run-record - which cgroups belong to which run, and what a killed run has left
 *
 * A file for each run, of the name of its cgroup, with the directories in it. Who has it
 * locked is alive: the kernel drops the lock of one that is killed.
 */
#include "run.h"
#include "tool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECORD_SIZE (GROUP_CONTROLLERS * PATH_MAX)
#define MAKE_TRIES 10			/* while somebody removes the same record */
#define FILE_FLAGS (O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)

/* Where records are; false: nowhere. */
static bool folder(char path[PATH_MAX])
{
	const char *base = geteuid() == 0 ? "/run" : secure_getenv("XDG_RUNTIME_DIR");

	return base && *base == '/' && snprintf(path, PATH_MAX, "%s/cgtune", base) < PATH_MAX - NAME_MAX - 2;
}

/* Open it; nobody else may write there, or they could have our directories removed. */
static int open_folder(const char *path, bool make)
{
	struct stat st;
	int fd;

	if (make && mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || st.st_uid != geteuid() || st.st_mode & (S_IWGRP | S_IWOTH)) {
		close(fd);
		return -EPERM;
	}
	return fd;
}

/* Lock a record that is still there. 0; -EWOULDBLOCK: its run is alive; -ENOENT: it was removed; or -errno. */
static int lock(int fd)
{
	struct stat st;

	if (flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return -EPERM;
	return st.st_nlink ? 0 : -ENOENT;
}

static int write_dirs(int fd, const struct group *group)
{
	for (unsigned i = 0; i < group->controllers; i++) {
		const char *dir = group->controller[i].dir;
		size_t n = strlen(dir) + 1;

		if (group_is_first(group, i) && write(fd, dir, n) != (ssize_t)n)
			return -(errno ? errno : ENOSPC);
	}
	return 0;
}

static int make_file(int folder_fd, const struct group *group)
{
	int r = -ENOENT;

	for (int i = 0; i < MAKE_TRIES && (r == -EWOULDBLOCK || r == -ENOENT); i++) {
		int fd = openat(folder_fd, group->name, O_RDWR | O_CREAT | O_EXCL | FILE_FLAGS, 0600);

		if (fd < 0)
			return -errno;
		/* One that removes old records may have come in between. */
		r = lock(fd);
		if (r == 0)
			r = write_dirs(fd, group);
		if (r == 0)
			return fd;
		if (r != -EWOULDBLOCK && r != -ENOENT)
			unlinkat(folder_fd, group->name, 0);
		close(fd);
	}
	return r;
}

int record_make(const struct group *group, struct record *ret)
{
	char path[PATH_MAX];
	int folder_fd, r;

	ret->fd = -1;
	ret->path[0] = '\0';
	if (!folder(path))
		return -ENOENT;
	folder_fd = open_folder(path, true);
	if (folder_fd < 0)
		return folder_fd;
	r = make_file(folder_fd, group);
	close(folder_fd);
	if (r < 0)
		return r;
	ret->fd = r;
	snprintf(ret->path, sizeof(ret->path), "%.*s/%s", PATH_MAX - NAME_MAX - 2, path, group->name);
	return 0;
}

/* While it is locked: nobody else takes it for an old one. */
void record_remove(struct record *record)
{
	if (record->fd < 0)
		return;
	unlink(record->path);
	close(record->fd);
	record->fd = -1;
}

/* The directories of a record, NULL-terminated strings one after the other, as pointers into text. */
static unsigned list_dirs(const char *text, size_t size, const char *dirs[GROUP_CONTROLLERS])
{
	unsigned count = 0;

	for (size_t at = 0; at < size && count < GROUP_CONTROLLERS; at += strlen(text + at) + 1)
		if (text[at] == '/')
			dirs[count++] = text + at;
	return count;
}

static void say(const char *what, const char *dir, const char *why)
{
	printf("%s ", what);
	tool_print_safe(stdout, dir);
	printf("%s\n", why);
}

/* 1: it is removed; 0: something is still in it, and is said with last; or -errno. */
static int remove_record(int folder_fd, const char *name, int fd, bool last)
{
	static char text[RECORD_SIZE + 1];
	const char *dirs[GROUP_CONTROLLERS], *stays;
	ssize_t size = pread(fd, text, sizeof(text) - 1, 0);
	unsigned count;
	bool there[GROUP_CONTROLLERS];
	int r;

	if (size < 0)
		return -errno;
	text[size] = '\0';
	count = list_dirs(text, (size_t)size, dirs);
	for (unsigned i = 0; i < count; i++)
		there[i] = access(dirs[i], F_OK) == 0;
	r = group_remove_dirs(dirs, count, 1, &stays);
	for (unsigned i = 0; i < count; i++)
		if (there[i] && access(dirs[i], F_OK) < 0)
			say("removed", dirs[i], "");
	if (r == 0)
		unlinkat(folder_fd, name, 0);
	else if (last)
		say("left", stays, r == -EBUSY ? ": something is still in it" : ": cannot be removed");
	return r == 0;
}

/* One record. 1: it was removed; 0: it stays, or is somebody else's; or -errno. */
static int gc_one(int folder_fd, const char *name, bool last)
{
	int fd = openat(folder_fd, name, O_RDONLY | FILE_FLAGS), r;

	if (fd < 0)
		return errno == ENOENT || errno == ELOOP ? 0 : -errno;
	r = lock(fd);
	if (r == 0)
		r = remove_record(folder_fd, name, fd, last);
	else if (r == -EWOULDBLOCK || r == -ENOENT || r == -EPERM)
		r = 0;
	close(fd);
	return r;
}

/* Returns how many records were removed in one pass; or -errno, of the first of which it cannot be said. */
static int gc_pass(int folder_fd, bool last)
{
	int copy = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), removed = 0, r = 0;
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);

	if (!dir) {
		r = -errno;
		if (copy >= 0)
			close(copy);
		return r;
	}
	for (struct dirent *entry; (errno = 0, entry = readdir(dir));) {
		int one = *entry->d_name == '.' ? 0 : gc_one(folder_fd, entry->d_name, last);

		removed += one > 0;
		if (one < 0 && r == 0)
			r = one;
	}
	if (errno && r == 0)
		r = -errno;
	closedir(dir);
	return r < 0 ? r : removed;
}

int record_gc(void)
{
	char path[PATH_MAX];
	int fd, r;

	if (!folder(path)) {
		run_failed("XDG_RUNTIME_DIR", "is not set, so there are no records");
		return TOOL_FAILED;
	}
	fd = open_folder(path, false);
	if (fd == -ENOENT)
		return TOOL_DONE;
	if (fd < 0) {
		run_failed(path, "%s", fd == -EPERM ? "belongs to or can be written by others" : strerror(-fd));
		return TOOL_FAILED;
	}
	/* A cgroup may hold another one's: again as long as one went. */
	while ((r = gc_pass(fd, false)) > 0)
		;
	if (r == 0)
		r = gc_pass(fd, true);
	close(fd);
	if (r < 0) {
		run_failed(path, "%s", strerror(-r));
		return TOOL_FAILED;
	}
	return TOOL_DONE;
}
