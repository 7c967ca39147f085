/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* groups - cgroups by the numbers that the kernel's programs know them by: the directory's inode, the hierarchy */
#include "groups.h"
#include "tool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libcgroup.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

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
	if (r == -ENODATA && !feof(lines))
		r = -errno;
	free(line);
	fclose(lines);
	return r;
}

/* What libcgroup has to say goes to standard output otherwise. */
static void say_nothing(void *user, int level, const char *format, va_list arguments)
{
	(void)user;
	(void)level;
	(void)format;
	(void)arguments;
}

int groups_begin(void)
{
	cgroup_set_logger(say_nothing, CGROUP_LOG_ERROR, NULL);
	return cgroup_init();
}

/* libcgroup's answer; -ENODATA: there is none. */
static int result(int r)
{
	int error = r == ECGOTHER ? cgroup_get_last_errno() : 0;

	if (r == 0)
		return 0;
	return r == ECGROUPNOTMOUNTED || r == ECGROUPNOTEXIST || error == ENOENT ? -ENODATA : error ? -error : -EIO;
}

int groups_find(const char *controller, struct groups *ret)
{
	struct groups groups = { .hierarchy = 0 };
	char *mount = NULL, path[4096];
	struct statfs fs;
	int r;

	r = result(groups_begin());
	if (r == 0)
		r = result(cgroup_get_subsys_mount_point(controller, &mount));
	if (r < 0 || !mount)
		return r < 0 ? r : -ENODATA;
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

int groups_look_for(const char *controller, struct groups *ret, bool *has)
{
	int r = groups_find(controller, ret);

	*has = r == 0;
	return r == -ENODATA ? 0 : r;
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

/* The next entry. 1; 0: the end; -errno, but where the directory was removed meanwhile. */
static int next_entry(DIR *directory, struct dirent **ret)
{
	errno = 0;
	*ret = readdir(directory);
	return *ret ? 1 : errno == ENOENT ? 0 : -errno;
}

/* A directory that was removed meanwhile, or is not ours to read, is none. */
static int open_below(int above, const char *name, DIR **ret)
{
	int fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*ret = fd < 0 ? NULL : fdopendir(fd);
	if (fd >= 0 && !*ret)
		close(fd);
	return *ret || errno == ENOENT || errno == ENODEV || errno == EACCES ? 0 : -errno;
}

/* What is below the directory. Its entries tell all: no file of a cgroup is looked at. */
static int walk_below(struct walk *walk, int above, const char *name, size_t length)
{
	struct dirent *entry;
	DIR *directory;
	int r = open_below(above, name, &directory), more = 0;

	if (!directory)
		return r;
	while (r == 0 && (more = next_entry(directory, &entry)) > 0) {
		size_t n = strlen(entry->d_name);

		if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    length + n + 2 > sizeof(walk->path))
			continue;
		walk->path[length] = '/';
		memcpy(walk->path + length + 1, entry->d_name, n + 1);
		r = walk->fn(entry->d_ino, walk->path, walk->user);
		if (r == 0)
			r = walk_below(walk, dirfd(directory), entry->d_name, length + 1 + n);
	}
	closedir(directory);
	return r ? r : more;
}

int groups_walk_below(const struct groups *groups, const char *path, int (*fn)(uint64_t id, const char *path, void *user),
		      void *user)
{
	struct walk walk = { .fn = fn, .user = user };
	size_t length = path[1] ? strlen(path) : 0;
	char directory[2 * 4096];
	struct stat st;
	int r;

	if (length >= sizeof(walk.path))
		return -ENAMETOOLONG;
	memcpy(walk.path, path, length);
	snprintf(directory, sizeof(directory), "%s%s", groups->mount, path);
	if (stat(directory, &st) < 0)
		return -errno;
	r = fn(st.st_ino, path, user);
	return r ? r : walk_below(&walk, AT_FDCWD, directory, length);
}

int groups_walk(const struct groups *groups, int (*fn)(uint64_t id, const char *path, void *user), void *user)
{
	return groups_walk_below(groups, "/", fn, user);
}

static int count(uint64_t id, const char *path, void *user)
{
	(void)id;
	(void)path;
	++*(size_t *)user;
	return 0;
}

size_t groups_count(const struct groups *groups)
{
	size_t n = 0;

	groups_walk(groups, count, &n);
	return n;
}

ssize_t groups_read(const struct groups *groups, const char *path, const char *file, char *text, size_t size)
{
	char name[3 * 4096];

	snprintf(name, sizeof(name), "%s%s/%s", groups->mount, path, file);
	return tool_read(name, text, size);
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
