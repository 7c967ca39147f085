/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* torture-traces - what a command that is tortured finds and leaves: cgroups, records, pinned programs, files */
#include "torture-traces.h"
#include "bpffs.h"
#include "real.h"
#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAMILIES_MOST 4096

struct place place;

static bool succeeded(const struct torture *t)
{
	return WIFEXITED(t->status) && WEXITSTATUS(t->status) == 0;
}

int traces_call(const char *arguments)
{
	char command[8192];
	int status;

	snprintf(command, sizeof(command), "%s %s >/dev/null 2>&1 </dev/null", place.cgtune, arguments);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static size_t count(const char *pattern, int flags, glob_t *found)
{
	glob(pattern, flags, NULL, found);
	return found->gl_pathc;
}

/* Files of that pattern are removed; whether there were any. */
static bool sweep(const char *pattern)
{
	glob_t left = { 0 };
	bool some = count(pattern, 0, &left) > 0;

	for (size_t i = 0; i < left.gl_pathc; i++)
		unlink(left.gl_pathv[i]);
	globfree(&left);
	return some;
}

/* Who may remove nothing leaves a part. */
static bool leaves_parts(const struct torture *t)
{
	return t->from_then_on || t->number == SYS_unlink || t->number == SYS_unlinkat;
}

/* ---- cgtune run: it is to have said what is left, and --gc is to know of it. With all calls failing nobody could. */

static const char *after_run(const struct torture *t, const struct said *said)
{
	char pattern[128], record[128];
	glob_t left = { 0 };
	bool recorded, some;

	snprintf(record, sizeof(record), "/run/cgtune/%s", place.name);
	snprintf(pattern, sizeof(pattern), "/sys/fs/cgroup/%s", place.name);
	count(pattern, 0, &left);
	snprintf(pattern, sizeof(pattern), "/sys/fs/cgroup/*/%s", place.name);
	some = count(pattern, GLOB_APPEND, &left) > 0;
	for (size_t i = 0; i < left.gl_pathc; i++)
		rmdir(left.gl_pathv[i]);
	globfree(&left);
	recorded = unlink(record) == 0;
	if (t->from_then_on || t->error == ENOENT)	/* nor needs what is said not to be there be removed */
		return NULL;
	if (some && (!recorded || !strstr(said->err, "is left")))
		return "a cgroup is left, of which it does not tell, or has no record";
	if (!some && recorded && t->number != SYS_unlink)
		return "a record is left, and no cgroup";
	return NULL;
}

const struct traces traces_of_run = { NULL, after_run };

/* ---- cgtune export --textfile: node_exporter sees the old file or the new one, never a part of it */

#define OLD "old 1\n"

static void before_file(void)
{
	int fd = open(place.textfile, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, OLD, strlen(OLD)), (int)strlen(OLD));
	close(fd);
}

static const char *after_file(const struct torture *t, const struct said *said)
{
	static char text[SAID_MOST], clean[FAMILIES_MOST], room[FAMILIES_MOST];
	char pattern[TRACES_PATH + 32];
	int fd = open(place.textfile, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	bool old, some;

	(void)said;
	if (n < 0)
		return "the file is gone";
	close(fd);
	text[n] = '\0';
	snprintf(pattern, sizeof(pattern), "%s.*", place.textfile);
	some = sweep(pattern);
	old = strcmp(text, OLD) == 0;
	if (!t->at)
		said_families(text, clean, sizeof(clean));
	if (old && succeeded(t))
		return "it succeeds, and the file is the old one";
	if (!old && strcmp(said_families(text, room, sizeof(room)), clean) != 0)
		return "something is missing in the file";
	return some && !leaves_parts(t) ? "a part of a file is left" : NULL;
}

const struct traces traces_of_file = { before_file, after_file };

/* ---- cgtune probe start, stop, status */

static bool is_pinned(void)
{
	char pattern[TRACES_PATH];
	glob_t left = { 0 };
	bool some;

	snprintf(pattern, sizeof(pattern), "%s/cgtune-*", bpffs_path());
	some = count(pattern, 0, &left) > 0;
	globfree(&left);
	return some;
}

static int call_probe(const char *action)
{
	char arguments[TRACES_PATH];

	snprintf(arguments, sizeof(arguments), "probe %s --bpffs %s", action, bpffs_path());
	return traces_call(arguments);
}

static const char *stop_all(void)
{
	call_probe("stop");
	return is_pinned() ? "the next stop leaves something pinned" : NULL;
}

/* It has published a probe, or none at all; but who may remove nothing leaves what the next stop removes. */
static const char *after_start(const struct torture *t, const struct said *said)
{
	bool started = call_probe("status") == 0;

	(void)said;
	if (succeeded(t) && !started)
		return "it succeeds, and there is no probe";
	if (!started && is_pinned() && !leaves_parts(t) && t->number != SYS_rmdir)
		return "it fails, and something is left pinned";
	return stop_all();
}

static void before_reading(void)
{
	if (!is_pinned())
		ck_assert_int_eq(call_probe("start"), 0);
}

/* And what somebody left who was killed while he stopped one. */
static void before_stop(void)
{
	char path[TRACES_PATH];

	before_reading();
	snprintf(path, sizeof(path), "%s/cgtune-1-old-1", bpffs_path());
	ck_assert_msg(mkdir(path, 0700) == 0 || errno == EEXIST, "%s: %s", path, strerror(errno));
}

/* What is said not to be there need not be removed. */
static const char *after_stop(const struct torture *t, const struct said *said)
{
	(void)said;
	if (succeeded(t) && is_pinned() && t->error != ENOENT && !t->from_then_on)
		return "it succeeds, and something is left pinned";
	return stop_all();
}

/* Who only reads leaves the probe as it is: it is started once. */
static const char *after_reading(const struct torture *t, const struct said *said)
{
	(void)t, (void)said;
	return call_probe("status") == 0 ? NULL : "the probe is gone";
}

const struct traces traces_of_start = { NULL, after_start };
const struct traces traces_of_stop = { before_stop, after_stop };
const struct traces traces_of_probe = { before_reading, after_reading };

/* ---- cgtune probe register: names of others stay */

#define NAMES "/run/cgtune-names"
#define OTHER "other"

static const char *hierarchy(void)
{
	return real_version(REAL_CPU) == 1 ? "/sys/fs/cgroup/cpu" : "/sys/fs/cgroup";
}

static void move_to(const char *group)
{
	char path[TRACES_PATH];
	int fd;

	snprintf(path, sizeof(path), "%s/%s/cgroup.procs", hierarchy(), group);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ck_assert_msg(fd >= 0 && write(fd, "0", 1) == 1, "%s: %s", path, strerror(errno));
	close(fd);
}

static void register_as(const char *name)
{
	char arguments[TRACES_PATH];

	snprintf(arguments, sizeof(arguments), "probe register --bpffs %s --pid %d --name %s", bpffs_path(), (int)getpid(), name);
	ck_assert_int_eq(traces_call(arguments), 0);
}

/* This process, which is the one that is registered, is in OURS. */
static void before_register(void)
{
	char path[TRACES_PATH];

	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", hierarchy(), i ? "ours" : OTHER);
		ck_assert_msg(mkdir(path, 0755) == 0 || errno == EEXIST, "%s: %s", path, strerror(errno));
	}
	if (access(NAMES, F_OK) == 0)
		return;
	move_to(OTHER);
	register_as(OTHER);
	move_to("ours");
}

static bool has_record(const char *path, const char *name)
{
	char line[256] = "";
	FILE *file = fopen(path, "re");
	bool has = file && fgets(line, sizeof(line), file) && strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == '\n';

	if (file)
		fclose(file);
	return has;
}

static const char *after_register(const struct torture *t, const struct said *said)
{
	glob_t found = { 0 };
	size_t others = 0, ours = 0, all = count(NAMES "/*", 0, &found);
	bool parts = sweep(NAMES "/.[0-9]*");

	(void)said;
	for (size_t i = 0; i < all; i++) {
		bool is_ours = has_record(found.gl_pathv[i], place.name);

		others += has_record(found.gl_pathv[i], OTHER);
		ours += is_ours;
		if (is_ours)
			unlink(found.gl_pathv[i]);
	}
	globfree(&found);
	if (others != 1 && t->error != ENOENT)		/* it is forgotten when its cgroup is not there */
		return "the name of another container is lost";
	if (others + ours != all || (parts && !leaves_parts(t)))
		return "a record is cut";
	if (!others) {
		rmdir(NAMES);
		before_register();
	}
	return succeeded(t) && ours != 1 ? "it succeeds, and there is no record" : NULL;
}

const struct traces traces_of_register = { before_register, after_register };

/* ---- where it all happens */

static void mount_again(char *line)
{
	char *words[16], *word = line, *end = strstr(line, " - ");
	int n = 0;

	if (!end)
		return;
	for (char *next; n < 5 && (next = strsep(&word, " ")); n++)
		words[n] = next;
	word = end + 3;
	for (char *next; n < 8 && (next = strsep(&word, " \n")); n++)
		words[n] = next;
	if (n < 8 || strncmp(words[5], "cgroup", 6) != 0)
		return;
	if (strncmp(words[7], "rw,", 3) == 0)
		words[7] += 3;
	umount2(words[4], MNT_DETACH);	/* in a mount namespace of our own: else it is mounted there already */
	mount(words[6], words[4], words[5], 0, strcmp(words[5], "cgroup") == 0 ? words[7] : NULL);
}

void traces_begin(void)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	static char text[1 << 16];
	size_t n;

	ck_assert_ptr_nonnull(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	ck_assert_int_eq(unshare(CLONE_NEWCGROUP | CLONE_NEWNS), 0);
	ck_assert_int_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	for (char *rest = text, *line; (line = strsep(&rest, "\n")) && *line;)
		mount_again(line);
	ck_assert_int_eq(mount("tmpfs", "/run", "tmpfs", 0, "mode=755"), 0);
}

void traces_end(void)
{
	call_probe("stop");
}
