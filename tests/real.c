/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* real - cgroups of the running kernel, for tests: made by libcgroup, removed by a process of its own */
#include "real.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <libcgroup.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define REMOVE_TRIES 500			/* of 10 ms: a killed process is gone late on a busy machine */
#define CONTROLS_SIZE 256

static struct hierarchy {
	const char *controller;
	int version;				/* 0: there is none */
	char mount[256];
	char controls[CONTROLS_SIZE];		/* v2: cgroup.subtree_control of the top before us */
} hierarchies[REAL_CONTROLLERS] = {
	[REAL_CPU] = { .controller = "cpu" },
	[REAL_MEMORY] = { .controller = "memory" },
	[REAL_CPUSET] = { .controller = "cpuset" },
};
static char top[64];				/* "cgtune-test-PID" */
static pid_t owner, janitor;

/* The group as libcgroup names it. */
static const char *full(const char *name, char ret[REAL_PATH_SIZE])
{
	snprintf(ret, REAL_PATH_SIZE, "%s%s%s", top, *name ? "/" : "", name);
	return ret;
}

const char *real_cgroup(const char *name, char ret[REAL_PATH_SIZE])
{
	snprintf(ret, REAL_PATH_SIZE, "/%s%s%s", top, *name ? "/" : "", name);
	return ret;
}

const char *real_path(const char *name, enum real_controller controller, const char *file, char ret[REAL_PATH_SIZE])
{
	char group[REAL_PATH_SIZE] = "";

	snprintf(ret, REAL_PATH_SIZE, "%s%s/%s", hierarchies[controller].mount,
		 name ? real_cgroup(name, group) : "", file);
	return ret;
}

int real_version(enum real_controller controller)
{
	return hierarchies[controller].version;
}

const char *real_quota_file(void)
{
	return real_version(REAL_CPU) == 1 ? "cpu.cfs_quota_us" : "cpu.max";
}

const char *real_memory_file(void)
{
	return real_version(REAL_MEMORY) == 1 ? "memory.limit_in_bytes" : "memory.max";
}

static bool read_text(const char *path, char *ret, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, ret, size - 1);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return false;
	if (n && ret[n - 1] == '\n')
		n--;
	ret[n] = '\0';
	return true;
}

bool real_text(const char *name, enum real_controller controller, const char *file, char *ret, size_t size)
{
	char path[REAL_PATH_SIZE];

	return read_text(real_path(name, controller, file, path), ret, size);
}

uint64_t real_number(const char *name, enum real_controller controller, const char *file, const char *key)
{
	char text[16384] = "\n", *at = text + 1;
	uint64_t number;

	if (!real_text(name, controller, file, text + 1, sizeof(text) - 1))
		return UINT64_MAX;
	if (key) {
		char line[64];

		snprintf(line, sizeof(line), "\n%s ", key);
		at = strstr(text, line);
		if (!at)
			return UINT64_MAX;
		at += strlen(line);
	}
	return sscanf(at, "%" SCNu64, &number) == 1 ? number : UINT64_MAX;
}

/* libcgroup's answer as 0 or -errno. */
static int result(int r)
{
	if (r == 0)
		return 0;
	if (r == ECGOTHER && cgroup_get_last_errno())
		return -cgroup_get_last_errno();
	return r == ECGROUPNOTALLOWED || r == ECGROUPNOTOWNER ? -EPERM : -EIO;
}

/* A group of libcgroup with every controller that there is, or only one. */
static struct cgroup *open_group(const char *name, const char *controller)
{
	char path[REAL_PATH_SIZE];
	struct cgroup *group = cgroup_new_cgroup(full(name, path));

	for (struct hierarchy *h = hierarchies; h < hierarchies + REAL_CONTROLLERS; h++)
		if (controller ? controller == h->controller : h->version != 0)
			cgroup_add_controller(group, h->controller);
	return group;
}

int real_try_set(const char *name, enum real_controller controller, const char *file, const char *value)
{
	const char *word = hierarchies[controller].controller;
	struct cgroup *group = open_group(name, word);
	int r;

	cgroup_add_value_string(cgroup_get_controller(group, word), file, value);
	r = cgroup_modify_cgroup(group);
	cgroup_free(&group);
	return result(r);
}

void real_set(const char *name, enum real_controller controller, const char *file, const char *value)
{
	int r = real_try_set(name, controller, file, value);

	ck_assert_msg(r == 0, "%s to %s of %s: %s", value, file, name, strerror(-r));
}

static void set_number(const char *name, enum real_controller controller, const char *file, int64_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRId64, number);
	real_set(name, controller, file, text);
}

void real_quota(const char *name, int64_t quota_us, int64_t period_us)
{
	char text[64], number[32];

	if (real_version(REAL_CPU) == 1) {
		if (period_us && real_number(name, REAL_CPU, "cpu.cfs_period_us", NULL) != (uint64_t)period_us) {
			/* with the old quota it may be more than a parent's, or less than a child's */
			set_number(name, REAL_CPU, "cpu.cfs_quota_us", REAL_NONE);
			set_number(name, REAL_CPU, "cpu.cfs_period_us", period_us);
		}
		set_number(name, REAL_CPU, "cpu.cfs_quota_us", quota_us);
		return;
	}
	snprintf(number, sizeof(number), "%" PRId64, quota_us);
	snprintf(text, sizeof(text), period_us ? "%s %" PRId64 : "%s",
		 quota_us == REAL_NONE ? "max" : number, period_us);
	real_set(name, REAL_CPU, "cpu.max", text);
}

void real_memory(const char *name, int64_t bytes)
{
	if (bytes == REAL_NONE && real_version(REAL_MEMORY) == 2)
		real_set(name, REAL_MEMORY, "memory.max", "max");
	else
		set_number(name, REAL_MEMORY, real_memory_file(), bytes);
}

/* A v1 cpuset takes no process before it has CPUs and memory nodes: those of the group above. */
static void copy_cpuset(struct cgroup *group, const char *above)
{
	static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };
	char text[1024];

	if (real_version(REAL_CPUSET) != 1)
		return;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (real_text(above, REAL_CPUSET, files[i], text, sizeof(text)))
			cgroup_add_value_string(cgroup_get_controller(group, "cpuset"), files[i], text);
}

static int try_make(const char *name)
{
	struct cgroup *group = open_group(name, NULL);
	char above[REAL_PATH_SIZE], *slash;
	int r;

	snprintf(above, sizeof(above), "%s", name);
	slash = strrchr(above, '/');
	if (slash)
		*slash = '\0';
	else
		above[0] = '\0';
	copy_cpuset(group, *name ? above : NULL);
	r = cgroup_create_cgroup(group, 1);
	cgroup_free(&group);
	return result(r);
}

void real_make(const char *name)
{
	char group[REAL_PATH_SIZE], path[REAL_PATH_SIZE];

	for (size_t n = 1; n <= strlen(name); n++) {
		if (name[n] != '/' && name[n] != '\0')
			continue;
		snprintf(group, sizeof(group), "%.*s", (int)n, name);
		if (access(real_path(group, REAL_CPU, "cgroup.procs", path), F_OK) < 0 ||
		    access(real_path(group, REAL_MEMORY, "cgroup.procs", path), F_OK) < 0)
			ck_assert_msg(try_make(group) == 0, "%s: %s", group, cgroup_strerror(cgroup_get_last_errno()));
	}
}

int real_try_move(const char *name, pid_t pid)
{
	struct cgroup *group = open_group(name, NULL);
	int r = cgroup_attach_task_pid(group, pid ? pid : getpid());

	cgroup_free(&group);
	return result(r);
}

void real_move(const char *name, pid_t pid)
{
	int r = real_try_move(name, pid);

	ck_assert_msg(r == 0, "move to %s: %s", name, strerror(-r));
}

/* 2.0.2 removes a group of v2 once for each controller, and tells of the second time: ENOENT. */
int real_try_remove(const char *name)
{
	struct cgroup *group = open_group(name, NULL);
	char path[REAL_PATH_SIZE];
	int r = result(cgroup_delete_cgroup_ext(group, CGFLAG_DELETE_EMPTY_ONLY));

	cgroup_free(&group);
	for (int i = 0; i < REAL_CONTROLLERS; i++)
		if (hierarchies[i].version && access(real_path(name, (enum real_controller)i, "", path), F_OK) == 0)
			return r ? r : -EBUSY;
	return 0;
}

void real_remove(const char *name)
{
	int r = -EBUSY;

	for (int i = 0; i < REMOVE_TRIES && r < 0; i++) {
		r = real_try_remove(name);
		if (r < 0)
			usleep(10000);
	}
	ck_assert_msg(r == 0, "remove %s: %s", name, strerror(-r));
}

/* Nothing but what the tests started can be in the groups that they made. */
static void kill_all(const char *group)
{
	char path[REAL_PATH_SIZE];
	FILE *procs;
	int pid;

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	procs = fopen(path, "re");
	while (procs && fscanf(procs, "%d", &pid) == 1)
		if (pid > 1 && pid != getpid())
			kill(pid, SIGKILL);
	if (procs)
		fclose(procs);
}

static int clear_group(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	for (int i = 0; type == FTW_DP && i < REMOVE_TRIES; i++) {
		kill_all(path);
		if (rmdir(path) == 0 || errno == ENOENT)
			break;
		usleep(10000);
	}
	return 0;
}

/* What libcgroup switched on at the top of v2 for us. */
static void restore_controls(const struct hierarchy *h)
{
	char path[512], controls[CONTROLS_SIZE + 2] = " ", word[32];
	int fd;

	snprintf(controls, sizeof(controls), " %s ", h->controls);
	snprintf(word, sizeof(word), " %s ", h->controller);
	if (h->version != 2 || strstr(controls, word))
		return;
	snprintf(path, sizeof(path), "%s/cgroup.subtree_control", h->mount);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	dprintf(fd, "-%s", h->controller);
	close(fd);
}

static void clear_all(void)
{
	char path[REAL_PATH_SIZE];

	for (int i = 0; i < REAL_CONTROLLERS; i++)
		if (hierarchies[i].version)
			nftw(real_path("", (enum real_controller)i, "", path), clear_group, 16,
			     FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	for (int i = 0; i < REAL_CONTROLLERS; i++)
		restore_controls(&hierarchies[i]);
}

/*
 * The tests' program may end by a signal, or be killed: so the removal is left
 * to a process in a session of its own, which is woken by the program or by its end.
 */
static pid_t start_janitor(void)
{
	sigset_t all;
	pid_t pid;
	int number;

	pid = fork();
	if (pid != 0)
		return pid;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	prctl(PR_SET_PDEATHSIG, SIGUSR1);
	setsid();
	close(STDOUT_FILENO);			/* whoever reads it waits for the program only */
	sigemptyset(&all);
	sigaddset(&all, SIGUSR1);
	if (getppid() == owner)
		sigwait(&all, &number);
	clear_all();
	_exit(0);
}

static void end(void)
{
	if (getpid() != owner || janitor <= 0)
		return;
	kill(janitor, SIGUSR1);
	waitpid(janitor, NULL, 0);
	janitor = 0;
}

static void end_by_signal(int number)
{
	end();
	signal(number, SIG_DFL);
	raise(number);
}

static const char *find_hierarchy(struct hierarchy *h)
{
	struct statfs fs;
	char *mount = NULL, path[512];

	if (cgroup_get_subsys_mount_point(h->controller, &mount) != 0 || !mount)
		return "a controller that is not mounted";
	snprintf(h->mount, sizeof(h->mount), "%s", mount);
	free(mount);
	if (statfs(h->mount, &fs) < 0 || access(h->mount, W_OK) < 0)
		return "a hierarchy that cannot be written";
	h->version = fs.f_type == CGROUP2_SUPER_MAGIC ? 2 : 1;
	snprintf(path, sizeof(path), "%s/cgroup.subtree_control", h->mount);
	if (h->version == 2)
		read_text(path, h->controls, sizeof(h->controls));
	return NULL;
}

/* The tests say what binds, so nothing above them may. */
static bool top_has_limits(void)
{
	char path[REAL_PATH_SIZE];
	uint64_t bytes;

	if (real_version(REAL_CPU) == 1 ?
	    real_number(NULL, REAL_CPU, "cpu.cfs_quota_us", NULL) < INT64_MAX :
	    access(real_path(NULL, REAL_CPU, "cpu.max", path), F_OK) == 0)
		return true;
	bytes = real_number(NULL, REAL_MEMORY, real_memory_file(), NULL);
	return bytes < (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}

const char *real_begin(void)
{
	const char *why = NULL;

	if (geteuid() != 0)
		return "not root";
	if (cgroup_init() != 0)
		return "libcgroup finds no cgroups";
	for (int i = 0; i < REAL_CONTROLLERS && !why; i++) {
		why = find_hierarchy(&hierarchies[i]);
		if (i == REAL_CPUSET && why)
			why = NULL;
	}
	if (why)
		return why;
	if (top_has_limits())
		return "limits above the tests' cgroups";
	setenv("CK_FORK", "yes", 1);		/* or the janitor would find this process in its groups */
	owner = getpid();
	snprintf(top, sizeof(top), "cgtune-test-%d", (int)owner);
	janitor = start_janitor();
	if (janitor < 0)
		return "no process to clean up";
	atexit(end);
	signal(SIGINT, end_by_signal);
	signal(SIGTERM, end_by_signal);
	signal(SIGHUP, end_by_signal);
	if (try_make("") != 0)
		return "no cgroup can be made";
	return NULL;
}
