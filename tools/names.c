/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * names - what container engines call cgroups, kept beyond their end: the probe still has the counts of removed ones
 *
 * A file for each cgroup, HIERARCHY-INODE, of two lines: the name, and the path in its
 * hierarchy. An inode number of cgroups is not used again before the next boot (kernfs counts
 * them up in 64 bits), and /run does not outlive that.
 */
#include "names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "/run/cgtune-names"
#define FILE_FLAGS (O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)

enum { RECORD_SIZE = NAMES_LENGTH + 4096 + 3, FILE_SIZE = 64 };

/* Nobody but root may write there, as programs of root print what it says. */
static int open_folder(bool make)
{
	struct stat st;
	int fd;

	if (make && mkdir(FOLDER, 0755) < 0 && errno != EEXIST)
		return -errno;
	fd = open(FOLDER, O_RDONLY | O_DIRECTORY | FILE_FLAGS);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || st.st_uid != 0 || st.st_mode & (S_IWGRP | S_IWOTH)) {
		close(fd);
		return -EPERM;
	}
	return fd;
}

static void name_file(uint64_t id, uint32_t hierarchy, char room[FILE_SIZE])
{
	snprintf(room, FILE_SIZE, "%u-%lu", hierarchy, (unsigned long)id);
}

/* Whole or not at all: it is written under another name first, which no record can have. */
static int write_record(int folder, const char *file, const char *text)
{
	char room[FILE_SIZE];
	ssize_t size = (ssize_t)strlen(text);
	int r = 0, fd;

	snprintf(room, sizeof(room), ".%d", (int)getpid());
	unlinkat(folder, room, 0);		/* of one that was killed */
	fd = openat(folder, room, O_WRONLY | O_CREAT | O_EXCL | FILE_FLAGS, 0644);
	if (fd < 0)
		return -errno;
	if (write(fd, text, (size_t)size) != size || fchmod(fd, 0644) < 0 || renameat(folder, room, folder, file) < 0)
		r = -(errno ? errno : ENOSPC);
	if (r < 0)
		unlinkat(folder, room, 0);
	close(fd);
	return r;
}

int names_add(const struct groups *groups, const char *path, const char *name)
{
	char text[RECORD_SIZE], file[FILE_SIZE];
	uint64_t id;
	int folder, r;

	if (!*name || strlen(name) > NAMES_LENGTH || strchr(name, '\n') || strchr(path, '\n'))
		return -EINVAL;
	r = groups_id(groups, path, &id);
	if (r < 0)
		return r;
	if (snprintf(text, sizeof(text), "%s\n%s\n", name, path) >= (int)sizeof(text))
		return -ENAMETOOLONG;
	folder = open_folder(true);
	if (folder < 0)
		return folder;
	name_file(id, groups->hierarchy, file);
	r = write_record(folder, file, text);
	close(folder);
	return r;
}

/* Both lines of a record, as pointers into room. 0; -EBADMSG: it is none; or -errno. */
static int read_record(int folder, const char *file, char room[RECORD_SIZE + 1], char **name, char **path)
{
	int fd = openat(folder, file, O_RDONLY | FILE_FLAGS);
	ssize_t size = fd < 0 ? -1 : read(fd, room, RECORD_SIZE);
	int error = errno;
	char *rest = room;

	if (fd >= 0)
		close(fd);
	if (size < 0)
		return -error;
	room[size] = '\0';
	*name = strsep(&rest, "\n");
	*path = strsep(&rest, "\n");
	return rest ? 0 : -EBADMSG;
}

char *names_find(uint64_t id, uint32_t hierarchy)
{
	char room[RECORD_SIZE + 1], file[FILE_SIZE], *name, *path, *ret = NULL;
	int folder = open_folder(false);

	if (folder < 0)
		return NULL;
	name_file(id, hierarchy, file);
	if (read_record(folder, file, room, &name, &path) == 0)
		ret = strdup(name);
	close(folder);
	return ret;
}

/* Not where it cannot be looked at, now. */
static bool is_gone(const struct groups *groups, const char *path, uint64_t id)
{
	uint64_t now;
	int r = groups_id(groups, path, &now);

	return r == 0 ? now != id : r == -ENOENT;
}

void names_prune(const struct groups *groups, bool (*counted)(uint64_t id, uint32_t hierarchy, void *user), void *user)
{
	char room[RECORD_SIZE + 1], *name, *path, *end;
	int folder = open_folder(false), copy = folder < 0 ? -1 : dup(folder);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);

	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		unsigned long hierarchy = strtoul(entry->d_name, &end, 10), id;
		int r;

		if (end == entry->d_name || *end != '-' || hierarchy != groups->hierarchy)
			continue;
		id = strtoul(end + 1, NULL, 10);
		r = read_record(folder, entry->d_name, room, &name, &path);
		if (r == -EBADMSG || (r == 0 && is_gone(groups, path, id) && !counted(id, groups->hierarchy, user)))
			unlinkat(folder, entry->d_name, 0);
	}
	if (dir)
		closedir(dir);
	if (folder >= 0)
		close(folder);
}
