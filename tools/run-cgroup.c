/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* run-cgroup - make, enter and remove the cgroup of a command, by libcgroup */
#include "run.h"
#include "groups.h"

#include <errno.h>
#include <fcntl.h>
#include <libcgroup.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <linux/magic.h>
#include <time.h>
#include <unistd.h>

#define REMOVE_TRIES 50			/* of 10 ms: a killed process is gone late on a busy machine */

int group_find(const struct group *group, const char *controller)
{
	for (unsigned i = 0; i < group->controllers; i++)
		if (strcmp(group->controller[i].name, controller) == 0)
			return (int)i;
	return -1;
}

bool group_is_first(const struct group *group, unsigned controller)
{
	for (unsigned i = 0; i < controller; i++)
		if (strcmp(group->controller[i].dir, group->controller[controller].dir) == 0)
			return false;
	return true;
}

void group_name(struct group *group, const char *name)
{
	snprintf(group->name, sizeof(group->name), "%s", name);
	for (unsigned i = 0; i < group->controllers; i++) {
		struct group_controller *c = &group->controller[i];
		char dir[PATH_MAX] = "";

		if (snprintf(dir, sizeof(dir), "%s/%s", c->parent, name) >= (int)sizeof(dir))
			dir[0] = '\0';			/* mkdir(2) says so */
		memcpy(c->dir, dir, sizeof(dir));
	}
}

/* libcgroup's answer as an errno. */
static int result(int r)
{
	if (r == 0)
		return 0;
	if (r == ECGOTHER && cgroup_get_last_errno())
		return -cgroup_get_last_errno();
	return r == ECGROUPNOTALLOWED || r == ECGROUPNOTOWNER ? -EPERM :
	       r == ECGROUPVALUENOTEXIST ? -ENOENT : -EIO;
}

/* libcgroup's name of a group: what is below the mount point. To be freed. */
static struct cgroup *group_of(const struct group_controller *c, struct cgroup_controller **ret)
{
	const char *below = c->dir + c->mount;
	struct cgroup *group = cgroup_new_cgroup(below + strspn(below, "/"));
	struct cgroup_controller *controller = group ? cgroup_add_controller(group, c->name) : NULL;

	if (ret)
		*ret = controller;
	if (!controller)
		cgroup_free(&group);
	return controller ? group : NULL;
}

/* It goes by the first mount of a hierarchy, which need not be the one where we found ours. */
static bool is_same_mount(const struct group_controller *c)
{
	char path[2 * PATH_MAX], *mount = NULL;
	struct stat ours, theirs;
	bool same = cgroup_get_subsys_mount_point(c->name, &mount) == 0 &&
		    snprintf(path, sizeof(path), "%s%s", mount, c->parent + c->mount) < (int)sizeof(path) &&
		    stat(path, &theirs) == 0 && stat(c->parent, &ours) == 0 &&
		    ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;

	free(mount);
	return same;
}

/* The cgroup that holds it, by no symbolic link where the kernel can say so (openat2(2), Linux 5.6). A descriptor; or -errno. */
static int open_parent(const char *dir)
{
	const struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	char parent[PATH_MAX];
	struct statfs fs;
	int fd;

	snprintf(parent, sizeof(parent), "%.*s/", (int)(strrchr(dir, '/') - dir), dir);
	fd = (int)syscall(SYS_openat2, AT_FDCWD, parent, &how, sizeof(how));
	if (fd < 0 && errno == ENOSYS)
		fd = open(parent, (int)how.flags);
	if (fd < 0)
		return -errno;
	if (fstatfs(fd, &fs) == 0 && (fs.f_type == CGROUP_SUPER_MAGIC || fs.f_type == CGROUP2_SUPER_MAGIC))
		return fd;
	close(fd);
	return -EINVAL;
}

/* Nothing but a cgroup: a record may be old. */
static int remove_dir(const char *dir)
{
	int fd = open_parent(dir), r;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	r = unlinkat(fd, strrchr(dir, '/') + 1, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
	close(fd);
	return r;
}

static int make_dir(const char *dir)
{
	int fd = *dir ? open_parent(dir) : -ENAMETOOLONG, r;

	if (fd < 0)
		return fd;
	r = mkdirat(fd, strrchr(dir, '/') + 1, 0755) < 0 ? -errno : 0;
	close(fd);
	return r;
}

/* libcgroup does not tell a directory that it made from one that was there, so they are made here first. */
static int make_dirs(const struct group *group)
{
	for (unsigned i = 0; i < group->controllers; i++) {
		const struct group_controller *c = &group->controller[i];

		int r = group_is_first(group, i) ? make_dir(c->dir) : 0;

		if (r == 0)
			continue;
		run_failed(c->dir, r == -EEXIST ? "is there already" : "cannot be made: %s%s", strerror(-r),
			   r == -EACCES || r == -EPERM ? "; it takes root, or a cgroup that is delegated to this user" : "");
		for (unsigned k = 0; k < i; k++)
			if (group_is_first(group, k))
				remove_dir(group->controller[k].dir);
		return RUN_FAILED;
	}
	return 0;
}

/* On v2 this switches the controller on in every level above. */
static int create(const struct group_controller *c)
{
	struct cgroup *group = group_of(c, NULL);
	int r = group ? result(cgroup_create_cgroup(group, 1)) : -ENOMEM;

	cgroup_free(&group);
	return r < 0 ? run_failed(c->dir, "the %s controller cannot be had: %s", c->name, strerror(-r)) : 0;
}

static int set_value(const struct group *group, const struct group_value *value)
{
	const struct group_controller *c = &group->controller[value->controller];
	struct cgroup_controller *controller;
	struct cgroup *cgroup = group_of(c, &controller);
	int r = cgroup ? result(cgroup_add_value_string(controller, value->file, value->text)) : -ENOMEM;

	if (r == 0)
		r = result(cgroup_modify_cgroup(cgroup));
	cgroup_free(&cgroup);
	return r < 0 ? run_failed(c->dir, "%s to %s: %s", value->text, value->file, strerror(-r)) : 0;
}

int group_make(const struct group *group)
{
	int r = groups_begin();

	if (r)
		return run_failed("libcgroup", "%s", cgroup_strerror(r));
	for (unsigned i = 0; i < group->controllers; i++)
		if (!is_same_mount(&group->controller[i]))
			return run_failed(group->controller[i].parent,
					  "is not where libcgroup sees the %s controller", group->controller[i].name);
	r = make_dirs(group);
	if (r)
		return r;
	for (unsigned i = 0; i < group->controllers && r == 0; i++)
		r = create(&group->controller[i]);
	for (unsigned i = 0; i < group->values && r == 0; i++)
		r = set_value(group, &group->value[i]);
	if (r)
		group_remove(group);
	return r;
}

int group_attach(const struct group *group, char *what, size_t size)
{
	for (unsigned i = 0; i < group->controllers; i++) {
		struct cgroup *cgroup;
		int r;

		if (!group_is_first(group, i))
			continue;
		cgroup = group_of(&group->controller[i], NULL);
		r = cgroup ? result(cgroup_attach_task_pid(cgroup, getpid())) : -ENOMEM;
		cgroup_free(&cgroup);
		if (r < 0) {
			snprintf(what, size, "%s", group->controller[i].dir);
			return r;
		}
	}
	return 0;
}

/* By rmdir(2), as libcgroup answers a removal on v2 with an error, and moves processes out. */
int group_remove_dirs(const char *const *dirs, unsigned count, unsigned tries, const char **stays)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	int worst = 0;

	for (unsigned i = 0; i < count; i++) {
		int r = remove_dir(dirs[i]);

		for (unsigned k = 1; k < tries && r == -EBUSY; k++) {
			nanosleep(&pause, NULL);
			r = remove_dir(dirs[i]);
		}
		if (r < 0 && worst == 0) {
			worst = r;
			*stays = dirs[i];
		}
	}
	return worst;
}

bool group_remove(const struct group *group)
{
	const char *dirs[GROUP_CONTROLLERS], *stays;
	unsigned count = 0;
	int r;

	for (unsigned i = 0; i < group->controllers; i++)
		if (group_is_first(group, i))
			dirs[count++] = group->controller[i].dir;
	r = group_remove_dirs(dirs, count, REMOVE_TRIES, &stays);
	if (r < 0)
		fprintf(stderr, "cgtune: warning: %s is left: %s; cgtune run --gc removes it later\n", stays,
			r == -EBUSY ? "something is still in it" : strerror(-r));
	return r == 0;
}
