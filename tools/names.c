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
#include <time.h>
#include <unistd.h>

#define FOLDER "/run/cgtune-names"
#define FILE_FLAGS (O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)

enum { RECORD_SIZE = NAMES_LENGTH + 4096 + 3, FILE_SIZE = 64 };

/* Nobody but root may write there, as programs of root print what it says. */
static int open_folder(bool make, struct stat *ret)
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
	*ret = st;
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
	struct stat st;
	uint64_t id;
	int folder, r;

	if (!*name || strlen(name) > NAMES_LENGTH || strchr(name, '\n') || strchr(path, '\n'))
		return -EINVAL;
	r = groups_id(groups, path, &id);
	if (r < 0)
		return r;
	if (snprintf(text, sizeof(text), "%s\n%s\n", name, path) >= (int)sizeof(text))
		return -ENAMETOOLONG;
	folder = open_folder(true, &st);
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
	return rest && strlen(*name) <= NAMES_LENGTH ? 0 : -EBADMSG;
}

/* ---- all of them, as they were at the last look */

struct record {
	uint64_t id, file;		/* file: inode number of the record's, which another record of the group has not */
	uint32_t hierarchy;
	char *name;
};

static struct table {
	struct record *records;		/* by number and hierarchy */
	size_t count;
} known;

static int by_group(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->hierarchy < y->hierarchy ? -1 : x->hierarchy > y->hierarchy;
}

static struct record *find(uint64_t id, uint32_t hierarchy)
{
	const struct record key = { .id = id, .hierarchy = hierarchy };

	return known.count ? bsearch(&key, known.records, known.count, sizeof(key), by_group) : NULL;
}

const char *names_find(uint64_t id, uint32_t hierarchy)
{
	const struct record *record = find(id, hierarchy);

	return record ? record->name : NULL;
}

/* "HIERARCHY-INODE"; false: it is none of ours. */
static bool parse_file(const char *file, struct record *ret)
{
	char *end, expected[FILE_SIZE];

	ret->hierarchy = (uint32_t)strtoul(file, &end, 10);
	ret->id = *end ? strtoul(end + 1, NULL, 10) : 0;
	name_file(ret->id, ret->hierarchy, expected);
	return strcmp(file, expected) == 0;
}

/* The name that the table has, where the file is the same still; or what the file has. As read_record(). */
static int take_name(int folder, const char *file, struct record *record)
{
	char room[RECORD_SIZE + 1], *name = room, *path;
	struct record *old = find(record->id, record->hierarchy);
	int r = 0;

	if (!old || old->file != record->file) {
		r = read_record(folder, file, room, &name, &path);
		record->name = r == 0 ? strdup(name) : NULL;
	} else {
		record->name = old->name;
		old->name = NULL;
	}
	return r == 0 && !record->name ? -ENOMEM : r;
}

static void free_table(struct table *table)
{
	for (size_t i = 0; i < table->count; i++)
		free(table->records[i].name);
	free(table->records);
}

/* To be read by a descriptor of its own; NULL: it cannot be. */
static DIR *list(int folder)
{
	int copy = folder < 0 ? -1 : dup(folder);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);

	if (copy >= 0 && !dir)
		close(copy);
	return dir;
}

/* Each record is opened once, at the first look that finds it. false: there are others, which cannot be had now. */
static bool read_all(int folder, DIR *dir, struct table *ret)
{
	struct dirent *entry;
	bool complete = true;
	size_t room = 0;

	while ((errno = 0, entry = readdir(dir))) {
		struct record record = { .file = entry->d_ino };
		int r = -EBADMSG;

		if (ret->count == room) {
			struct record *more = reallocarray(ret->records, room + 256, sizeof(*more));

			if (!more)
				return false;
			ret->records = more;
			room += 256;
		}
		if (parse_file(entry->d_name, &record))
			r = take_name(folder, entry->d_name, &record);
		if (r == 0)
			ret->records[ret->count++] = record;
		complete &= r == 0 || r == -EBADMSG || r == -ENOENT;
	}
	return complete && !errno;
}

static bool settled;			/* the table has all that the folder had then */

/* A change within a tick of the kernel's clock has no later time: a folder that has just been changed is read again. */
static bool is_as_before(const struct stat *folder)
{
	static struct timespec changed;
	struct timespec now;
	bool same = settled && folder->st_mtim.tv_sec == changed.tv_sec && folder->st_mtim.tv_nsec == changed.tv_nsec;

	clock_gettime(CLOCK_REALTIME, &now);
	changed = folder->st_mtim;
	settled = now.tv_sec > changed.tv_sec + 1;
	return same;
}

bool names_look(void)
{
	static const struct stat none;
	struct table table = { .records = NULL };
	struct stat st = none;
	int folder = open_folder(false, &st);
	DIR *dir;

	if (is_as_before(&st)) {
		if (folder >= 0)
			close(folder);
		return false;
	}
	dir = list(folder);
	if (folder >= 0) {
		settled &= dir && read_all(folder, dir, &table);
		close(folder);
	}
	if (dir)
		closedir(dir);
	if (table.count)
		qsort(table.records, table.count, sizeof(*table.records), by_group);
	free_table(&known);
	known = table;
	return true;
}

const char *names_show(const char *path, const char *name, char room[NAMES_SHOWN])
{
	if (!name || strstr(path, name))
		return path;
	snprintf(room, NAMES_SHOWN, "%s = %s", path, name);
	return room;
}

/* ---- what is not wanted any more */

/* Not where it cannot be looked at, now. */
static bool is_gone(const struct groups *groups, const char *path, uint64_t id)
{
	uint64_t now;
	int r = groups_id(groups, path, &now);

	return r == 0 ? now != id : r == -ENOENT;
}

void names_prune(const struct groups *groups, bool (*counted)(uint64_t id, uint32_t hierarchy, void *user), void *user)
{
	char room[RECORD_SIZE + 1], *name, *path = room;
	struct record record;
	struct stat st;
	int folder = open_folder(false, &st);
	DIR *dir = list(folder);

	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		int r;

		if (!parse_file(entry->d_name, &record) || record.hierarchy != groups->hierarchy)
			continue;
		r = read_record(folder, entry->d_name, room, &name, &path);
		if (r == -EBADMSG || (r == 0 && is_gone(groups, path, record.id) && !counted(record.id, record.hierarchy, user)))
			unlinkat(folder, entry->d_name, 0);
	}
	if (dir)
		closedir(dir);
	if (folder >= 0)
		close(folder);
}
