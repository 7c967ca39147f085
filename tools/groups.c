/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* groups - cgroups by the numbers that the kernel's programs know them by: the directory's inode, the hierarchy */
#include "groups.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libcgroup.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

/* Whether the list "cpu,cpuacct" has the word. */
static int has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at += n)
		if ((at == list || at[-1] == ',') && (at[n] == ',' || at[n] == '\0'))
			return 1;
	return 0;
}

/* The line "NUMBER:CONTROLLERS:PATH" of the hierarchy with that controller, or of that number. */
static int find_line(const char *file, const char *controller, int64_t number, uint32_t *hierarchy, char *path,
		     size_t size)
{
	FILE *lines = fopen(file, "re");
	char *line = NULL;
	size_t room = 0;
	int r = -ENODATA;

	if (!lines)
		return -errno;
	while (r < 0 && getline(&line, &room, lines) > 0) {
		char *end, *names, *rest;
		unsigned long n = strtoul(line, &end, 10);

		names = *end == ':' ? end + 1 : NULL;
		rest = names ? strchr(names, ':') : NULL;
		if (!rest)
			continue;
		*rest++ = '\0';
		rest[strcspn(rest, "\n")] = '\0';
		if (controller ? !has_word(names, controller) : number != (int64_t)n)
			continue;
		*hierarchy = (uint32_t)n;
		r = snprintf(path, size, "%s", rest) < (int)size ? 0 : -ENAMETOOLONG;
	}
	free(line);
	fclose(lines);
	return r;
}

int groups_find(const char *controller, struct groups *ret)
{
	struct groups groups = { .hierarchy = 0 };
	char *mount = NULL, path[4096];
	struct statfs fs;
	int r;

	if (cgroup_init() != 0 || cgroup_get_subsys_mount_point(controller, &mount) != 0 || !mount)
		return -ENODATA;
	r = snprintf(groups.mount, sizeof(groups.mount), "%s", mount) < (int)sizeof(groups.mount) ? 0 : -ENAMETOOLONG;
	free(mount);
	if (r == 0 && statfs(groups.mount, &fs) < 0)
		r = -errno;
	groups.version = r == 0 && fs.f_type == CGROUP2_SUPER_MAGIC ? 2 : 1;
	if (r == 0 && groups.version == 1)
		r = find_line("/proc/self/cgroup", controller, 0, &groups.hierarchy, path, sizeof(path));
	if (r == 0)
		*ret = groups;
	return r;
}

const char *groups_path(const struct groups *groups, const char *path)
{
	size_t n = strlen(groups->mount);

	if (strncmp(path, groups->mount, n) == 0 && (path[n] == '/' || !path[n]))
		path += n;
	return *path ? path : "/";
}

int groups_id(const struct groups *groups, const char *path, uint64_t *ret)
{
	char directory[2 * 4096 + 2];
	struct stat st;

	snprintf(directory, sizeof(directory), "%s/%s", groups->mount, groups_path(groups, path));
	if (stat(directory, &st) < 0)
		return -errno;
	*ret = st.st_ino;
	return 0;
}

int groups_of_process(const struct groups *groups, int32_t pid, char *ret, size_t size)
{
	char file[64];
	uint32_t hierarchy;
	int r;

	snprintf(file, sizeof(file), "/proc/%d/cgroup", pid);
	r = find_line(file, NULL, groups->hierarchy, &hierarchy, ret, size);
	return r == -ENOENT ? -ESRCH : r;
}

struct walk {
	int (*fn)(uint64_t id, const char *path, void *user);
	void *user;
	char path[4096];
};

/* What is below the directory, which is closed. Its entries tell all: no file of a cgroup is looked at. */
static int walk_below(struct walk *walk, int fd, size_t length)
{
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int r = 0;

	if (!directory)			/* removed meanwhile, or not ours to read */
		return fd < 0 ? 0 : -ENOMEM;
	while (r == 0 && (entry = readdir(directory))) {
		size_t n = strlen(entry->d_name);

		if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    length + n + 2 > sizeof(walk->path))
			continue;
		walk->path[length] = '/';
		memcpy(walk->path + length + 1, entry->d_name, n + 1);
		r = walk->fn(entry->d_ino, walk->path, walk->user);
		if (r == 0)
			r = walk_below(walk, openat(dirfd(directory), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
				       length + 1 + n);
	}
	closedir(directory);
	return r;
}

int groups_walk(const struct groups *groups, int (*fn)(uint64_t id, const char *path, void *user), void *user)
{
	struct walk walk = { .fn = fn, .user = user };
	struct stat st;
	int r;

	if (stat(groups->mount, &st) < 0)
		return -errno;
	r = fn(st.st_ino, "/", user);
	return r ? r : walk_below(&walk, open(groups->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0);
}

struct search {
	uint64_t id;
	char *room;
	size_t size;
};

static int compare(uint64_t id, const char *path, void *user)
{
	struct search *search = user;

	if (id != search->id)
		return 0;
	if (search->room)
		snprintf(search->room, search->size, "%s", path);
	return 1;
}

int groups_path_of(const struct groups *groups, uint64_t id, char *ret, size_t size)
{
	struct search search = { id, ret, size };
	int r = groups_walk(groups, compare, &search);

	return r == 1 ? 0 : r < 0 ? r : -ENOENT;
}
