/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cost - what the probe costs: a context switch, its programs, its start, a read
 *
 * Prints "WHAT<tab>OF WHAT<tab>NANOSECONDS", to be made a table of by bench/probe.
 *
 *     cost BPFFS COST.bpf.o GROUP HIERARCHY	GROUP: a directory with a quota, in the cpu hierarchy of that number
 */
#include "bench.h"
#include "probe.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define ROUNDS 15
#define TRIPS 20000			/* two switches each */
#define STARTS 10
#define READS 200000
#define PAIRS 1000			/* of cost.bpf.c */

static const char *bpffs, *group;
static uint32_t hierarchy;
static uint64_t group_id;

static void fail(const char *what)
{
	fprintf(stderr, "cost: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void say(const char *what, const char *of, double ns)
{
	printf("%s\t%s\t%.1f\n", what, of, ns);
	fflush(stdout);
}

static struct cgtune_probe_options options_of(uint32_t rungs)
{
	return (struct cgtune_probe_options){ .size = sizeof(struct cgtune_probe_options), .bpffs = bpffs, .rungs = rungs };
}

static struct cgtune_probe *start(uint32_t rungs)
{
	struct cgtune_probe_options options = options_of(rungs);
	struct cgtune_probe *probe;
	int r = cgtune_probe_start(&options, &probe);

	errno = -r;
	return r == 0 ? probe : NULL;
}

static void stop(struct cgtune_probe *probe)
{
	struct cgtune_probe_options options = options_of(0);

	cgtune_probe_close(probe);
	cgtune_probe_stop(&options);
}

static void pin_to_one(void)
{
	cpu_set_t set;
	int cpu = 0;

	sched_getaffinity(0, sizeof(set), &set);
	while (!CPU_ISSET(cpu, &set))
		cpu++;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void echo(int from, int to)
{
	char byte;

	while (read(from, &byte, 1) == 1 && write(to, &byte, 1) == 1)
		;
	_exit(0);
}

/* Nanoseconds of a switch: two processes on one CPU, a byte between them. */
static double switches(void)
{
	int there[2], back[2];
	uint64_t begin;
	char byte = 0;
	pid_t pid;

	if (pipe(there) < 0 || pipe(back) < 0)
		fail("pipe");
	pid = fork();
	if (pid == 0) {
		close(there[1]);
		echo(there[0], back[1]);
	}
	close(there[0]);
	begin = bench_now();
	for (int i = 0; i < TRIPS; i++)
		if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
			fail("ping-pong");
	begin = bench_now() - begin;
	close(there[1]);
	close(back[0]);
	close(back[1]);
	waitpid(pid, NULL, 0);
	return (double)begin / (2 * TRIPS);
}

static int link_of(struct bpf_object *object, const char *name)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, name);
	struct bpf_link *link = bpf_program__attach(program);

	if (!link)
		fail(name);
	return bpf_link__fd(link);
}

static struct bpf_object *load(const char *path, const char *only)
{
	struct cgtune_probe_options options = { .slots = 2048 };
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *program;

	if (!object)
		fail(path);
	bpf_object__for_each_program(program, object)
		bpf_program__set_autoload(program, strcmp(bpf_program__name(program), only) == 0);
	if (probe_object_set(object, &options, libbpf_num_possible_cpus(), false) < 0 || bpf_object__load(object) < 0)
		return NULL;
	return object;
}

/* Best of some rounds, in turn, so that what changes on the machine changes for all. */
static void compare_switches(const char *path)
{
	static const char *const names[] = { "no program", "an empty program", "rung tracepoint", "rung raw" };
	double best[4] = { 0 };

	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < 4; i++) {
			struct bpf_object *object = i == 1 ? load(path, "empty_switch") : NULL;
			int fd = object ? link_of(object, "empty_switch") : -1;
			struct cgtune_probe *probe = i < 2 ? NULL :
				start(1u << (i == 2 ? CGTUNE_PROBE_TRACEPOINT : CGTUNE_PROBE_RAW));
			double ns;

			if (i >= 2 && !probe)
				fail(names[i]);
			ns = switches();
			if (!best[i] || ns < best[i])
				best[i] = ns;
			if (probe)
				stop(probe);
			if (fd >= 0)
				close(fd);
			bpf_object__close(object);
		}
	for (int i = 0; i < 4; i++)
		say("switch", names[i], best[i]);
}

/* What the kernel has timed of a program since the statistics were switched on. */
static void say_program(int fd)
{
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		fail("bpf_obj_get_info_by_fd");
	if (info.run_cnt >= TRIPS)
		say("program", info.name, (double)info.run_time_ns / (double)info.run_cnt);
}

static void say_link(const char *path)
{
	struct bpf_link_info info = { 0 };
	uint32_t size = sizeof(info);
	int fd = bpf_obj_get(path), program;

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		fail(path);
	program = bpf_prog_get_fd_by_id(info.prog_id);
	if (program < 0)
		fail(path);
	say_program(program);
	close(program);
	close(fd);
}

/* The programs that ran at least once a round trip. */
static void time_programs(const char *path)
{
	int stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	struct bpf_object *object = load(path, "empty_switch");
	struct bpf_program *empty = bpf_object__find_program_by_name(object, "empty_switch");
	int fd = link_of(object, "empty_switch");

	if (stats < 0)
		fail("statistics of programs");
	switches();
	say_program(bpf_program__fd(empty));
	close(fd);
	bpf_object__close(object);
	for (uint32_t rung = CGTUNE_PROBE_TRACEPOINT; rung <= CGTUNE_PROBE_RAW; rung++) {
		struct cgtune_probe *probe = start(1u << rung);
		char folder[256], name[600];
		struct dirent *entry;
		DIR *links;

		if (!probe)
			fail(cgtune_probe_rung_name(rung));
		switches();
		snprintf(folder, sizeof(folder), "%s/cgtune-%d", bpffs, PROBE_ABI);
		links = opendir(folder);
		while ((entry = readdir(links))) {
			snprintf(name, sizeof(name), "%s/%s", folder, entry->d_name);
			if (strstr(entry->d_name, "link"))
				say_link(name);
		}
		closedir(links);
		stop(probe);
	}
	close(stats);
}

static void time_bodies(const char *path)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct bpf_object *object = load(path, "run_pairs");
	uint64_t best = UINT64_MAX, ns;
	uint32_t zero = 0;
	int program, map;

	if (!object)
		return;			/* before Linux 5.17: no loops */
	program = bpf_program__fd(bpf_object__find_program_by_name(object, "run_pairs"));
	map = bpf_map__fd(bpf_object__find_map_by_name(object, "spent"));
	for (int i = 0; i < ROUNDS; i++) {
		if (bpf_prog_test_run_opts(program, &opts) < 0 || bpf_map_lookup_elem(map, &zero, &ns) < 0)
			fail("BPF_PROG_TEST_RUN");
		best = ns && ns < best ? ns : best;
	}
	say("bodies", "a stop and its end, rung fentry", (double)best / PAIRS);
	bpf_object__close(object);
}

static uint64_t cpu_time(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

static void time_starts(uint32_t rungs, const char *name)
{
	uint64_t best = UINT64_MAX, best_cpu = UINT64_MAX;

	for (int i = 0; i < STARTS; i++) {
		uint64_t cpu = cpu_time(), begin = bench_now();
		struct cgtune_probe *probe = start(rungs);

		if (!probe)
			return;
		begin = bench_now() - begin;
		cpu = cpu_time() - cpu;
		best = begin < best ? begin : best;
		best_cpu = cpu < best_cpu ? cpu : best_cpu;
		stop(probe);
	}
	say("start", name, (double)best);
	say("start, CPU time", name, (double)best_cpu);
}

/* A group that has been stopped. */
static struct cgtune_probe *start_with_stop(void)
{
	struct cgtune_stalls stalls = { .size = sizeof(stalls) };
	struct cgtune_probe *probe = start(0);
	char path[4096];
	pid_t pid;

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	if (!probe)
		fail("no rung");
	pid = fork();
	if (pid == 0) {
		int fd = open(path, O_WRONLY);

		if (fd < 0 || write(fd, "0", 1) != 1)
			fail(path);
		for (;;)
			;
	}
	while (cgtune_probe_read(probe, group_id, hierarchy, &stalls) < 0 || !stalls.throttled_ns)
		usleep(1000);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return probe;
}

static void read_probe(void *handle)
{
	struct cgtune_stalls stalls = { .size = sizeof(stalls) };

	if (cgtune_probe_read(handle, group_id, hierarchy, &stalls) < 0)
		fail("cgtune_probe_read");
}

static void read_kept(void *fd)
{
	char text[4096];

	if (pread(*(int *)fd, text, sizeof(text), 0) <= 0)
		fail("pread");
}

static void read_opened(void *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	read_kept(&fd);
	close(fd);
}

static void time_reads(const char *name, void (*once)(void *), void *argument, int times)
{
	uint64_t best = UINT64_MAX;

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t begin = bench_now();

		for (int i = 0; i < times; i++)
			once(argument);
		begin = bench_now() - begin;
		best = begin < best ? begin : best;
	}
	say("read", name, (double)best / times);
}

int main(int argc, char *argv[])
{
	struct cgtune_probe *probe;
	struct stat st;
	char path[4096];
	int fd;

	if (argc != 5) {
		fprintf(stderr, "usage: cost BPFFS COST.bpf.o GROUP HIERARCHY\n");
		return 2;
	}
	bpffs = argv[1];
	group = argv[3];
	hierarchy = (uint32_t)atoi(argv[4]);
	if (stat(group, &st) < 0)
		fail(group);
	group_id = st.st_ino;
	libbpf_set_print(NULL);
	probe = start_with_stop();
	time_reads("cgtune_probe_read()", read_probe, probe, READS);
	stop(probe);
	snprintf(path, sizeof(path), "%s/cpu.stat", group);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	time_reads("cpu.stat, descriptor kept", read_kept, &fd, READS / 20);
	time_reads("cpu.stat, opened and closed", read_opened, path, READS / 20);
	time_starts(0, "the best rung");
	time_starts(1u << CGTUNE_PROBE_FENTRY, "rung fentry");
	time_starts(1u << CGTUNE_PROBE_TRACEPOINT, "rung tracepoint");
	time_starts(1u << CGTUNE_PROBE_RAW, "rung raw");
	time_bodies(argv[2]);
	pin_to_one();
	time_programs(argv[2]);
	compare_switches(argv[2]);
	return 0;
}
