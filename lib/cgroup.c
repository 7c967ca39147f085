/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cgroup - where the cgroups of a process lie */
#include "cgroup.h"
#include "mount.h"
#include "util.h"

#include <errno.h>
#include <string.h>

#define CGROUP_FILE_MOST (UINT64_C(1) << 20)

static void copy_slice(char *to, size_t size, struct slice from)
{
	size_t n = from.length < size ? from.length : size - 1;

	memcpy(to, from.text, n);
	to[n] = '\0';
}

/* cgroups(7): hierarchy 0 is v2 and names no controller; a controller that a v1
 * line names is there and not on v2, wherever the line stands. */
void cgroup_take_line(struct slice line, struct cgroup *cgroups, size_t n)
{
	struct parse_cgroup found;

	if (parse_cgroup_line(line.text, line.length, &found) < 0 ||
	    found.path.length >= CGTUNE_PATH_SIZE)
		return;
	for (struct cgroup *c = cgroups; c < cgroups + n; c++) {
		if (found.id == 0 && found.controllers.length == 0 && c->version == 0)
			c->version = 2;
		else if (found.id != 0 && c->version != 1 &&
			 parse_has_controller(found.controllers, c->controller))
			c->version = 1;
		else
			continue;
		c->hierarchy = (uint32_t)found.id;
		copy_slice(c->names, sizeof(c->names), found.controllers);
		copy_slice(c->path, CGTUNE_PATH_SIZE, found.path);
	}
}

static void cgroup_reset(struct cgroup *cgroups, size_t n)
{
	for (struct cgroup *c = cgroups; c < cgroups + n; c++) {
		c->version = 0;
		c->hierarchy = 0;
		c->path[0] = c->names[0] = '\0';
		c->dir = c->path;
		c->top = c->length = 0;
		c->placed = c->has_root = false;
	}
}

int cgroup_read_paths(const struct cgroup_search *search, struct cgroup *cgroups, size_t n)
{
	char path[64];
	struct text name = TEXT(path);
	struct file_lines *lines = &search->scratch->lines;
	struct slice line;
	int r;

	cgroup_reset(cgroups, n);
	text_add(&name, "/proc/");
	if (search->pid)
		text_add_u64(&name, (uint64_t)search->pid);
	text_add(&name, search->pid ? "/cgroup" : "self/cgroup");
	r = file_lines_open(lines, search->files, path, true, CGROUP_FILE_MOST);
	while (r >= 0 && (r = file_line(lines, &line)) > 0)
		cgroup_take_line(line, cgroups, n);
	file_lines_close(lines, search->files);
	if (search->pid && (r == -ENOENT || r == -ESRCH))
		return -ESRCH;
	if (r == -ENOENT || r == -ENOTDIR)	/* no cgroup support, or no /proc: nothing limits us */
		return 0;
	/* What is no such file of a kernel is bad input; what we may not read may hold limits. */
	if (r == -EBADMSG || r == -EFBIG || r == -ELOOP) {
		search->warn(search->user, path, r);
		return 0;
	}
	return r;
}

int cgroup_find(const struct cgroup_search *search, struct cgroup *cgroups, size_t n)
{
	int r = cgroup_read_paths(search, cgroups, n);

	if (r < 0)
		return r;
	if (search->path)
		for (struct cgroup *c = cgroups; c < cgroups + n; c++)
			copy_slice(c->path, CGTUNE_PATH_SIZE, (struct slice){ search->path, strlen(search->path) });
	return mount_find(search, cgroups, n);
}

size_t cgroup_parent(const struct cgroup *cgroup, size_t length)
{
	if (length <= cgroup->top)
		return 0;
	while (length > cgroup->top && cgroup->dir[length - 1] != '/')
		length--;
	while (length > cgroup->top && cgroup->dir[length - 1] == '/')
		length--;
	return length;
}
