/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * exact - one kernel's rows of the table of bench/exactness: known work, seen by all rungs and by the methods of others
 *
 * The first line is "kernel", its release and the version of its cgroups. A row is tab-separated: "row", the work, what the kernel says, nr_throttled, of
 * each rung its sum, throttles, uncharged stops and episodes, of the others their
 * three sums and their count. "-" is for what this kernel has not.
 *
 *     exact PEERS.bpf.o
 */
#include "bpffs.h"
#include "peers.h"
#include "probe-rungs.h"
#include "probe-work.h"
#include "real.h"
#include "suite.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#define SECONDS 600
#define STOPS 20
#define MANY 20
#define SETTLE_MS 20000

static const char *object_path;
static int peers_fd = -1;

/* What they say is asked where the kernel takes trampolines. They stay until this program ends. */
static void load_peers(void)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct bpf_object *object;
	struct bpf_program *program;

	if (!rungs_probe(CGTUNE_PROBE_FENTRY))
		return;
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	object = bpf_object__open_file(object_path, NULL);
	ck_assert_msg(object != NULL, "%s: %s", object_path, strerror(errno));
	ck_assert_int_eq(bpf_object__load(object), 0);
	bpf_object__for_each_program(program, object)
		ck_assert_ptr_ne(bpf_program__attach(program), NULL);
	peers_fd = bpf_map__fd(bpf_object__find_map_by_name(object, "groups"));
}

static void start_all(void)
{
	rungs_start();
	load_peers();
}

static uint64_t in_ns(uint64_t kernel)
{
	return real_version(REAL_CPU) == 1 ? kernel : kernel * 1000;
}

/* The groups of one work, summed up. */
static void row(const char *name, char groups[][WORK_NAME], int n)
{
	struct cgtune_stalls sums[RUNGS] = { 0 };
	struct peers peers = { 0 }, its;
	uint64_t kernel = 0, nr_throttled = 0;

	for (int i = 0; i < n; i++) {
		uint64_t id = work_id(groups[i]);
		struct rungs_counts counts;

		rungs_try_settle(groups[i], SETTLE_MS, &counts);
		kernel += in_ns(counts.kernel);
		nr_throttled += real_number(groups[i], REAL_CPU, "cpu.stat", "nr_throttled");
		for (int rung = CGTUNE_PROBE_FENTRY; rung < RUNGS; rung++) {
			sums[rung].throttled_ns += counts.of[rung].throttled_ns;
			sums[rung].throttles += counts.of[rung].throttles;
			sums[rung].uncharged += counts.of[rung].uncharged;
			sums[rung].episodes += counts.of[rung].episodes;
		}
		if (peers_fd < 0 || bpf_map_lookup_elem(peers_fd, &id, &its) < 0)
			continue;
		peers.own += its.own;
		peers.single += its.single;
		peers.entry += its.entry;
		peers.calls += its.calls;
	}
	printf("row\t%s\t%lu\t%lu", name, (unsigned long)kernel, (unsigned long)nr_throttled);
	for (uint32_t rung = CGTUNE_PROBE_FENTRY; rung < RUNGS; rung++)
		if (rungs_probe(rung))
			printf("\t%lu\t%lu\t%ld\t%lu", (unsigned long)sums[rung].throttled_ns,
			       (unsigned long)sums[rung].throttles,
			       rung < CGTUNE_PROBE_TRACEPOINT ? (long)sums[rung].uncharged : -1,
			       (unsigned long)sums[rung].episodes);
		else
			printf("\t-\t-\t-\t-");
	if (peers_fd >= 0)
		printf("\t%llu\t%llu\t%llu\t%llu\n", peers.own, peers.single, peers.entry, peers.calls);
	else
		printf("\t-\t-\t-\t-\n");
	fflush(stdout);
}

/* One process on each of n CPUs. */
START_TEST(pinned)
{
	char groups[1][WORK_NAME], name[32];
	int cpus[WORK_MOST_CPUS];

	work_cpus(cpus);
	snprintf(groups[0], sizeof(groups[0]), "pinned%d", _i);
	snprintf(name, sizeof(name), _i == 1 ? "%d CPU" : "%d CPUs", _i);
	real_make(groups[0]);
	for (int i = 0; i < _i; i++)
		work_start((struct work){ .group = groups[0], .stops = STOPS, .cpu = cpus[i] });
	real_quota(groups[0], _i * 5000, 50000);
	work_wait();
	row(name, groups, 1);
}
END_TEST

START_TEST(threads)
{
	char groups[1][WORK_NAME] = { "threads" };
	pid_t pids[1];

	real_make("threads");
	work_start((struct work){ .group = "threads", .stops = STOPS, .threads = 8, .cpu = WORK_ANY });
	real_quota("threads", 10000, 50000);
	work_wait();
	work_close(groups, 1, pids);
	row("8 threads", groups, 1);
}
END_TEST

START_TEST(nested)
{
	char groups[3][WORK_NAME] = { "above", "above/a", "above/b" };
	int cpus[WORK_MOST_CPUS], n = work_cpus(cpus);

	for (int i = 1; i <= 2; i++) {
		real_make(groups[i]);
		work_start((struct work){ .group = groups[i], .limited = "above", .stops = STOPS, .cpu = cpus[i % n] });
	}
	real_quota("above", 5000, 50000);
	work_wait();
	row("limit above", groups, 3);
}
END_TEST

START_TEST(both)
{
	char groups[3][WORK_NAME] = { "both", "both/a", "both/b" };
	int cpus[WORK_MOST_CPUS], n = work_cpus(cpus);

	real_make("both/a");
	real_make("both/b");
	work_start((struct work){ .group = "both/a", .stops = STOPS, .cpu = cpus[0] });
	work_start((struct work){ .group = "both/b", .limited = "both", .stops = STOPS, .cpu = cpus[1 % n] });
	real_quota("both", 8000, 50000);
	real_quota("both/a", 4000, 50000);
	work_wait();
	row("both limited", groups, 3);
}
END_TEST

/* Far more than CPUs, wherever the balancer wants them. */
START_TEST(many)
{
	char groups[MANY][WORK_NAME];
	pid_t pids[MANY];

	for (int i = 0; i < MANY; i++) {
		snprintf(groups[i], sizeof(groups[i]), "many%d", i);
		real_make(groups[i]);
		real_quota(groups[i], 2000, 50000);
		work_start((struct work){ .group = groups[i], .cpu = WORK_ANY });
	}
	sleep(4);
	work_kill();
	work_close(groups, MANY, pids);
	row("20 groups", groups, MANY);
}
END_TEST

static Suite *suite(void)
{
	Suite *all = suite_create("exact");
	TCase *tcase = tcase_create("all rungs");
	int cpus[WORK_MOST_CPUS], n = work_cpus(cpus);

	tcase_set_timeout(tcase, SECONDS);
	tcase_add_unchecked_fixture(tcase, start_all, rungs_stop);
	for (int i = 1; i <= n; i *= 2)
		tcase_add_loop_test(tcase, pinned, i, i + 1);
	tcase_add_test(tcase, threads);
	tcase_add_test(tcase, nested);
	tcase_add_test(tcase, both);
	tcase_add_test(tcase, many);
	suite_add_tcase(all, tcase);
	return all;
}

int main(int argc, char *argv[])
{
	const char *why = argc == 2 ? real_begin() : "usage: exact PEERS.bpf.o";
	struct utsname name;
	int status;

	if (!why)
		why = bpffs_begin();
	if (why)
		return suite_skip(why);
	object_path = argv[1];
	uname(&name);
	printf("kernel\t%s\tv%d\n", name.release, real_version(REAL_CPU));
	fflush(stdout);
	status = suite_run(suite());
	bpffs_end();
	return status;
}
