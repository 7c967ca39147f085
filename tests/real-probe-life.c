/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* real-probe-life - whose probe it is and how long it lives: its owner killed, others' pins, one process, a kernel without BTF */
#include "bpffs.h"
#include "probe-work.h"
#include "real.h"
#include "suite.h"

#include <cgtune-probe.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 300
#define READS 1000000
#define BTF "/sys/kernel/btf"

static char text[1 << 16];

static struct cgtune_probe_options options(void)
{
	return (struct cgtune_probe_options){
		.size = sizeof(struct cgtune_probe_options), .bpffs = bpffs_path(), .text = text, .text_size = sizeof(text),
	};
}

static void stop_any(void)
{
	struct cgtune_probe_options o = options();

	cgtune_probe_stop(&o);
}

static struct cgtune_probe *start(const struct cgtune_probe_options *o)
{
	struct cgtune_probe *probe = NULL;
	int r = cgtune_probe_start(o, &probe);

	ck_assert_msg(r == 0, "%d: %.3000s", r, text);
	return probe;
}

static struct cgtune_probe_state state_of(struct cgtune_probe *probe)
{
	struct cgtune_probe_state state = { .size = sizeof(state) };

	ck_assert_int_eq(cgtune_probe_state(probe, &state), 0);
	return state;
}

/* A process of the group that never sleeps, once it is let go. */
static pid_t burn(const char *name, int *go)
{
	int ends[2];
	pid_t pid;
	char byte;

	ck_assert_int_eq(pipe(ends), 0);
	pid = check_fork();
	if (pid == 0) {
		real_move(name, 0);
		if (read(ends[0], &byte, 1) == 1)
			for (;;)
				;
		_exit(0);
	}
	close(ends[0]);
	*go = ends[1];
	return pid;
}

/* Let it run until the kernel has stopped the group that often: one after the other is what any machine gets to. */
static void burn_until(pid_t pid, int go, const char *name, uint64_t stops)
{
	uint64_t before = real_number(name, REAL_CPU, "cpu.stat", "nr_throttled");

	ck_assert_int_eq(write(go, "", 1), 1);
	for (int i = 0; i < 60000 && real_number(name, REAL_CPU, "cpu.stat", "nr_throttled") < before + stops; i++)
		usleep(1000);
	ck_assert_uint_ge(real_number(name, REAL_CPU, "cpu.stat", "nr_throttled"), before + stops);
	real_quota(name, REAL_NONE, 0);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	close(go);
}

/* Once all stops have ended. */
static struct cgtune_stalls counts_of(struct cgtune_probe *probe, const char *name)
{
	struct cgtune_stalls counts = { .size = sizeof(counts) };

	for (int i = 0; i < 60000; i++) {
		int r = cgtune_probe_read(probe, work_id(name), work_hierarchy(), &counts);

		ck_assert_msg(r == 0 || r == -ENODATA || r == -EAGAIN, "%d", r);
		if (r == -ENODATA || (r == 0 && !counts.open))
			break;
		usleep(1000);
	}
	return counts;
}

START_TEST(owner_killed)
{
	struct cgtune_probe_options o = options();
	struct cgtune_probe *probe;
	int ends[2], go;
	char byte;
	pid_t owner, pid;

	ck_assert_int_eq(pipe(ends), 0);
	owner = check_fork();
	if (owner == 0) {
		if (cgtune_probe_start(&o, &probe) == 0 && write(ends[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	ck_assert_int_eq(read(ends[0], &byte, 1), 1);
	kill(owner, SIGKILL);
	waitpid(owner, NULL, 0);
	ck_assert_int_eq(cgtune_probe_open(&o, &probe), 0);
	real_make("orphan");
	real_quota("orphan", 5000, 50000);
	pid = burn("orphan", &go);
	burn_until(pid, go, "orphan", 2);
	ck_assert_uint_ge(counts_of(probe, "orphan").throttles, 1);
	ck_assert_uint_eq(state_of(probe).pinned, 1);
	ck_assert_int_eq(cgtune_probe_stop(&o), 0);
	cgtune_probe_close(probe);
}
END_TEST

/* Another version of this library has a folder of its own. */
START_TEST(two_versions)
{
	struct cgtune_probe_options o = options();
	struct cgtune_probe *probe;
	char other[128];

	snprintf(other, sizeof(other), "%s/cgtune-999", bpffs_path());
	ck_assert_int_eq(mkdir(other, 0700), 0);
	probe = start(&o);
	ck_assert_int_eq(access(other, F_OK), 0);
	ck_assert_int_eq(cgtune_probe_stop(&o), 0);
	ck_assert_int_eq(access(other, F_OK), 0);
	ck_assert_int_eq(rmdir(other), 0);
	cgtune_probe_close(probe);
}
END_TEST

/* What was counted stays, and says until when; pins that others removed are noticed when asked. */
START_TEST(stale)
{
	struct cgtune_probe_options o = options();
	struct cgtune_probe *probe = start(&o), *again;
	struct cgtune_stalls counts;
	char command[128];
	pid_t pid;
	int go;

	real_make("stale");
	real_quota("stale", 5000, 50000);
	pid = burn("stale", &go);
	burn_until(pid, go, "stale", 2);
	counts = counts_of(probe, "stale");
	ck_assert_uint_ge(counts.throttles, 1);
	ck_assert_uint_ne(counts.loaded_ns, 0);
	ck_assert_uint_ge(counts.updated_ns, counts.loaded_ns);
	ck_assert_uint_eq(counts.stopped_ns, 0);
	ck_assert_int_eq(cgtune_probe_stop(&o), 0);
	ck_assert_uint_eq(counts_of(probe, "stale").throttles, counts.throttles);
	ck_assert_uint_ge(counts_of(probe, "stale").stopped_ns, counts.updated_ns);
	ck_assert_uint_eq(state_of(probe).pinned, 0);

	again = start(&o);
	ck_assert_uint_eq(state_of(again).pinned, 1);
	ck_assert_uint_eq(state_of(probe).pinned, 0);
	snprintf(command, sizeof(command), "rm -r %s/cgtune-1", bpffs_path());
	ck_assert_int_eq(system(command), 0);
	ck_assert_uint_eq(state_of(again).stopped_ns, 0);
	ck_assert_uint_eq(state_of(again).pinned, 0);
	cgtune_probe_close(again);
	cgtune_probe_close(probe);
}
END_TEST

static long minor_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_minflt;
}

static unsigned long locked_kb(void)
{
	unsigned long kb = 0;
	char line[256];
	FILE *file = fopen("/proc/self/status", "re");

	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "VmLck: %lu", &kb) == 1)
			break;
	fclose(file);
	return kb;
}

/* A read takes no page fault; what is locked is the handle's own, and is given back. */
START_TEST(reader)
{
	struct cgtune_probe_options o = options();
	struct cgtune_stalls counts = { .size = sizeof(counts) };
	struct cgtune_probe_state state = { .size = sizeof(state) };
	unsigned long before = locked_kb(), with;
	struct cgtune_probe *probe = start(&o);
	uint64_t id, sum = 0;
	uint32_t number = work_hierarchy(), cursor = 0;
	pid_t pid;
	long faults;
	int go;

	real_make("read");
	real_quota("read", 5000, 50000);
	pid = burn("read", &go);
	burn_until(pid, go, "read", 2);
	id = work_id("read");
	ck_assert_uint_ge(counts_of(probe, "read").throttles, 1);
	cgtune_probe_next(probe, &cursor, &counts);
	faults = minor_faults();
	for (int i = 0; i < READS; i++)
		sum += cgtune_probe_read(probe, id, number, &counts) == 0;
	ck_assert_int_eq(minor_faults() - faults, 0);
	ck_assert_uint_eq(sum, READS);
	with = locked_kb();
	ck_assert_uint_gt(with, before);
	ck_assert_uint_le(with - before, 64);
	cgtune_probe_close(probe);
	ck_assert_uint_eq(locked_kb(), before);
}
END_TEST

/* Stops of others are not counted, not even in the same group. */
START_TEST(one_process)
{
	struct cgtune_probe_options o = options();
	struct cgtune_stall_event event = { .size = sizeof(event) };
	struct cgtune_stalls counts;
	struct cgtune_probe *probe;
	uint64_t cursor = 0, stops = 0, sum = 0;
	pid_t mine, other;
	int go, go_other;

	real_make("mine");
	real_make("other");
	real_quota("mine", 5000, 50000);
	real_quota("other", 5000, 50000);
	mine = burn("mine", &go);
	other = burn("other", &go_other);
	o.tgid = (uint32_t)mine;
	probe = start(&o);
	ck_assert_uint_eq(state_of(probe).tgid, (unsigned)mine);
	burn_until(mine, go, "mine", 3);
	burn_until(other, go_other, "other", 3);
	counts = counts_of(probe, "mine");
	ck_assert_uint_ge(counts.throttles, 1);
	ck_assert_uint_eq(counts.hits, counts.throttles);
	ck_assert_uint_eq(counts.enqueue, 0);
	ck_assert_uint_eq(counts_of(probe, "other").throttles, 0);
	while (cgtune_probe_next_event(probe, &cursor, &event) == 1) {
		ck_assert_uint_eq(event.tgid, (unsigned)mine);
		ck_assert_uint_eq(event.limit, work_id("mine"));
		stops++;
		sum += event.duration_ns;
	}
	ck_assert_uint_eq(stops, counts.throttles);
	ck_assert_uint_eq(sum, counts.throttled_ns);
	cgtune_probe_close(probe);
}
END_TEST

/* Made by bpftool where it is, as a user would; else the kernel's own file, which has all that such a one has. */
static void make_types(const char *file)
{
	const char *build = getenv("top_builddir");
	char command[1024];

	snprintf(command, sizeof(command), "PATH=$PATH:/usr/sbin; objects=$(echo %s/probes/*raw-v[23].bpf.o); set -- $objects; "
		 "[ -e \"$1\" ] && bpftool gen min_core_btf " BTF "/vmlinux %s $objects 2>/dev/null || cp " BTF "/vmlinux %s",
		 build ? build : ".", file, file);
	ck_assert_int_eq(system(command), 0);
}

/* A kernel without BTF: it says what it wants, and with that the rungs below the trampolines work. */
START_TEST(no_btf)
{
	struct cgtune_probe_options o = options();
	char file[] = "/tmp/cgtune-btf-XXXXXX";
	struct cgtune_probe *probe;
	int fd = mkstemp(file), go;
	pid_t pid;

	ck_assert_int_ge(fd, 0);
	close(fd);
	make_types(file);
	ck_assert_int_eq(mount("none", BTF, "tmpfs", 0, NULL), 0);
	ck_assert_int_eq(cgtune_probe_start(&o, &probe), -EOPNOTSUPP);
	ck_assert_msg(strstr(text, "has no BTF") && strstr(text, "--btf FILE"), "%.1000s", text);
	o.btf = "/nowhere/types";
	ck_assert_int_eq(cgtune_probe_start(&o, &probe), -ENOENT);
	ck_assert_ptr_ne(strstr(text, "/nowhere/types"), NULL);
	o.btf = file;
	probe = start(&o);
	unlink(file);
	ck_assert_msg(state_of(probe).rung == CGTUNE_PROBE_KPROBE || state_of(probe).rung == CGTUNE_PROBE_RAW, "%s",
		      cgtune_probe_rung_name(state_of(probe).rung));
	real_make("untyped");
	real_quota("untyped", 5000, 50000);
	pid = burn("untyped", &go);
	burn_until(pid, go, "untyped", 2);
	ck_assert_uint_ge(counts_of(probe, "untyped").throttles, 1);
	cgtune_probe_close(probe);
	umount(BTF);
}
END_TEST

static Suite *suite(void)
{
	Suite *all = suite_create("real-probe-life");
	TCase *tcase = tcase_create("life");

	tcase_set_timeout(tcase, SECONDS);
	tcase_add_checked_fixture(tcase, stop_any, stop_any);
	tcase_add_test(tcase, owner_killed);
	tcase_add_test(tcase, two_versions);
	tcase_add_test(tcase, stale);
	tcase_add_test(tcase, reader);
	tcase_add_test(tcase, one_process);
	tcase_add_test(tcase, no_btf);
	suite_add_tcase(all, tcase);
	return all;
}

int main(void)
{
	return bpffs_run(real_begin(), suite);
}
