/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* real-probe - what the BPF programs count, on each rung that this kernel has, against the kernel's own files */
#include "bpffs.h"
#include "real.h"
#include "suite.h"

#include <cgtune-probe.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 300				/* of a test: a VM without KVM is slow */
#define BURN_MS 1200
#define STOPS 8
#define MANY 20
#define REUSED 200

/* Groups stay until the end: those of each rung are its own. */
static uint32_t current;
static const char *own(const char *name)
{
	static char rooms[8][64];
	static unsigned next;
	char *room = rooms[next++ % 8];

	snprintf(room, sizeof(rooms[0]), "%s/%s", cgtune_probe_rung_name(current), name);
	return room;
}

static char text[1 << 16];

static struct cgtune_probe_options options_of(uint32_t rungs)
{
	return (struct cgtune_probe_options){
		.size = sizeof(struct cgtune_probe_options), .bpffs = bpffs_path(), .rungs = rungs,
		.text = text, .text_size = sizeof(text),
	};
}

static int answer(const char *name)
{
	struct cgtune_probe_feature all[32];
	int n;

	for (int i = 0; i < 32; i++)
		all[i].size = sizeof(all[i]);
	n = cgtune_probe_features(all, 32);
	for (int i = 0; i < n; i++)
		if (strcmp(all[i].name, name) == 0)
			return all[i].answer;
	ck_abort_msg("no feature %s", name);
}

/* What this kernel must be able to, by what it says. */
static bool has_rung(uint32_t rung)
{
	switch (rung) {
	case CGTUNE_PROBE_FENTRY:
		return answer("fentry") == 1 && answer("throttle-functions") == 1;
	case CGTUNE_PROBE_KPROBE:
		return answer("kprobe") == 1;
	case CGTUNE_PROBE_TRACEPOINT:
		return answer("sched-tracepoints") == 1;
	default:
		return answer("raw-tracepoint") == 1;
	}
}

/* NULL where the kernel has no such rung. */
static struct cgtune_probe *start(uint32_t rung)
{
	struct cgtune_probe_options options = options_of(1u << rung);
	struct cgtune_probe *probe = NULL;
	int r = cgtune_probe_start(&options, &probe);

	current = rung;
	if (!has_rung(rung)) {
		ck_assert_msg(r == -EOPNOTSUPP || r == -EPERM, "%s: %d", cgtune_probe_rung_name(rung), r);
		return NULL;
	}
	ck_assert_msg(r == 0, "%s: %d: %.3000s", cgtune_probe_rung_name(rung), r, text);
	return probe;
}

static void stop(struct cgtune_probe *probe)
{
	struct cgtune_probe_options options = options_of(0);
	struct cgtune_probe_state state = { .size = sizeof(state) };

	ck_assert_int_eq(cgtune_probe_state(probe, &state), 0);
	ck_assert_uint_eq(state.stopped_ns, 0);
	ck_assert_uint_eq(state.lost, 0);
	ck_assert_uint_eq(state.overflow, 0);
	ck_assert_int_eq(cgtune_probe_stop(&options), 0);
	ck_assert_int_eq(cgtune_probe_state(probe, &state), 0);
	ck_assert_uint_ne(state.stopped_ns, 0);
	cgtune_probe_close(probe);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* At least that long, and until the group of the limit was stopped a few times: others may use the CPUs, too. */
static pid_t burn(const char *name, const char *limited, uint64_t milliseconds, uint64_t stops)
{
	pid_t pid = check_fork();

	if (pid == 0) {
		uint64_t end = now_ms() + milliseconds, last = end + 60000;

		real_move(name, 0);
		do
			while (now_ms() < end)
				;
		while ((end = now_ms() + 200) < last && real_number(limited, REAL_CPU, "cpu.stat", "nr_throttled") < stops);
		_exit(0);
	}
	return pid;
}

static void wait_all(void)
{
	while (wait(NULL) > 0)
		;
}

static uint32_t hierarchy(void)
{
	unsigned number = 0;
	char line[512];
	FILE *file = fopen("/proc/self/cgroup", "re");

	while (real_version(REAL_CPU) == 1 && fgets(line, sizeof(line), file))
		if (strstr(line, ":cpu:") || strstr(line, ":cpu,") || strstr(line, ",cpu:"))
			number = (unsigned)strtoul(line, NULL, 10);
	fclose(file);
	return number;
}

static uint64_t id_of(const char *name)
{
	char path[REAL_PATH_SIZE];
	struct stat st;

	ck_assert_int_eq(stat(real_path(name, REAL_CPU, "", path), &st), 0);
	return st.st_ino;
}

/* Its counts when none of its CPUs is stopped any more, and nothing changes; zeros: nothing has happened to
 * it. A read takes number by number, so that one that an end of a stop falls into is of two moments. */
static struct cgtune_stalls counts_of(struct cgtune_probe *probe, const char *name)
{
	struct cgtune_stalls counts = { .size = sizeof(counts) }, before = counts;

	for (int i = 0; i < 50; i++) {
		int r = cgtune_probe_read(probe, id_of(name), hierarchy(), &counts);

		ck_assert_msg(r == 0 || r == -ENODATA, "%s: %d", name, r);
		if (r == -ENODATA || (!counts.open && counts.throttles == before.throttles &&
				      memcmp(counts.hist, before.hist, sizeof(counts.hist)) == 0))
			break;
		before = counts;
		usleep(20000);
	}
	return counts;
}

/* The sum, to the kernel's own unit, or short of it by a last stop of each CPU; the histogram has every stop that was charged. */
static void expect_sum(struct cgtune_probe *probe, const char *name, uint64_t least, bool but_last)
{
	struct cgtune_stalls counts = counts_of(probe, name);
	bool v1 = real_version(REAL_CPU) == 1;
	uint64_t kernel = real_number(name, REAL_CPU, "cpu.stat", v1 ? "throttled_time" : "throttled_usec"), stops = 0;
	uint64_t sum = v1 ? counts.throttled_ns : counts.throttled_ns / 1000;
	uint64_t cpus = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t most = but_last ? sum + cpus * (v1 ? counts.max_ns : counts.max_ns / 1000) : sum;

	ck_assert_msg(sum <= kernel && kernel <= most, "%s: %lu, at most %lu, cpu.stat %lu", name,
		      (unsigned long)sum, (unsigned long)most, (unsigned long)kernel);
	ck_assert_uint_ge(counts.throttles, least);
	ck_assert_uint_eq(counts.open, 0);
	ck_assert_uint_le(counts.episodes, counts.throttles);
	ck_assert_uint_le(counts.max_ns, counts.throttled_ns);
	for (int i = 0; i < CGTUNE_PROBE_HIST; i++)
		stops += counts.hist[i];
	ck_assert_uint_eq(stops + (counts.uncharged == CGTUNE_UNKNOWN ? 0 : counts.uncharged), counts.throttles);
}

static void expect_exact(struct cgtune_probe *probe, const char *name, uint64_t least)
{
	expect_sum(probe, name, least, false);
}

START_TEST(one_and_two)
{
	struct cgtune_probe *probe = start((uint32_t)_i);
	struct cgtune_stalls counts;

	if (!probe)
		return;
	real_make(own("one"));
	real_quota(own("one"), 20000, 100000);
	burn(own("one"), own("one"), BURN_MS, STOPS);
	wait_all();
	expect_exact(probe, own("one"), 3);
	counts = counts_of(probe, own("one"));
	ck_assert_uint_ge(counts.hits, 3);
	ck_assert_uint_ge(counts.nr_throttled, 3);

	real_make(own("two"));
	real_quota(own("two"), 50000, 100000);
	burn(own("two"), own("two"), BURN_MS, STOPS);
	burn(own("two"), own("two"), BURN_MS, STOPS);
	wait_all();
	expect_exact(probe, own("two"), 3);
	stop(probe);
}
END_TEST

/* Each limit is its own: what the parent stops is not counted for the child. */
START_TEST(nested)
{
	struct cgtune_probe *probe = start((uint32_t)_i);

	if (!probe)
		return;
	real_make(own("above/free"));
	real_quota(own("above"), 20000, 100000);
	burn(own("above/free"), own("above"), BURN_MS, STOPS);
	wait_all();
	expect_exact(probe, own("above"), 3);
	ck_assert_uint_eq(counts_of(probe, own("above/free")).throttles, 0);
	ck_assert_uint_ge(counts_of(probe, own("above/free")).hits, 3);

	real_make(own("both/limited"));
	real_make(own("both/free"));
	real_quota(own("both"), 60000, 100000);
	real_quota(own("both/limited"), 20000, 100000);
	burn(own("both/limited"), own("both/limited"), BURN_MS, STOPS);
	burn(own("both/free"), own("both"), BURN_MS, STOPS);
	wait_all();
	expect_exact(probe, own("both"), 1);
	expect_exact(probe, own("both/limited"), 1);
	stop(probe);
}
END_TEST

/*
 * Where a task is moved to a CPU whose queue is stopped as it comes, no tracepoint
 * tells, and the sum there is that of the last stop that was seen.
 */
START_TEST(many)
{
	bool but_last = _i >= CGTUNE_PROBE_TRACEPOINT;
	struct cgtune_probe *probe = start((uint32_t)_i);
	char name[32];

	if (!probe)
		return;
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "%s/many%d", cgtune_probe_rung_name(current), i);
		real_make(name);
		real_quota(name, 5000, 50000);
		burn(name, name, 2 * BURN_MS, 0);
	}
	wait_all();
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "%s/many%d", cgtune_probe_rung_name(current), i);
		expect_sum(probe, name, 0, but_last);
	}
	stop(probe);
}
END_TEST

START_TEST(raised_while_stopped)
{
	struct cgtune_probe *probe = start((uint32_t)_i);

	if (!probe)
		return;
	real_make(own("raised"));
	real_quota(own("raised"), 5000, 1000000);
	burn(own("raised"), own("raised"), 2 * BURN_MS, 0);
	usleep(BURN_MS / 2 * 1000);
	real_quota(own("raised"), REAL_NONE, 0);
	wait_all();
	expect_exact(probe, own("raised"), 1);
	ck_assert_uint_lt(counts_of(probe, own("raised")).max_ns, UINT64_C(990000000));
	stop(probe);
}
END_TEST

/* Groups by the hundred, one after the other; css ids come back: a slot never holds what another group did. */
START_TEST(reused)
{
	struct cgtune_probe_options options = options_of(1u << _i);
	struct cgtune_probe_state state = { .size = sizeof(state) };
	struct cgtune_probe *probe;
	char name[32];
	int r;

	if (!has_rung((uint32_t)_i))
		return;
	options.slots = 1024;
	r = cgtune_probe_start(&options, &probe);
	ck_assert_msg(r == 0, "%d: %.3000s", r, text);
	for (int i = 0; i < REUSED; i++) {
		bool limited = i % 30 == 0;

		snprintf(name, sizeof(name), "reused%d", i);
		real_make(name);
		if (limited) {
			real_quota(name, 5000, 50000);
			burn(name, name, 150, 0);
			wait_all();
			expect_exact(probe, name, 0);
		} else {
			ck_assert_uint_eq(counts_of(probe, name).throttles, 0);
		}
		real_remove(name);
	}
	ck_assert_int_eq(cgtune_probe_state(probe, &state), 0);
	ck_assert_uint_eq(state.slots, 1024);
	stop(probe);
}
END_TEST

START_TEST(events)
{
	struct cgtune_probe *probe = start((uint32_t)_i);
	struct cgtune_stall_event event = { .size = sizeof(event) };
	uint64_t cursor = 0, sum = 0, stops = 0, victims = 0, limit;
	pid_t pid;

	if (!probe)
		return;
	real_make(own("events/leaf"));
	real_quota(own("events"), 20000, 100000);
	limit = id_of(own("events"));
	pid = burn(own("events/leaf"), own("events"), BURN_MS, STOPS);
	wait_all();
	expect_exact(probe, own("events"), 3);
	while (cgtune_probe_next_event(probe, &cursor, &event) == 1) {
		if (event.limit != limit)
			continue;
		ck_assert_uint_eq(event.kind, CGTUNE_STALL_THROTTLE);
		ck_assert_uint_eq(event.hierarchy, hierarchy());
		stops++;
		sum += event.duration_ns;
		if (event.leaf != id_of(own("events/leaf")))
			continue;
		victims++;
		ck_assert_uint_eq(event.pid, (unsigned)pid);
		ck_assert_uint_eq(event.tgid, (unsigned)pid);
		ck_assert_ptr_ne(strstr(event.comm, "real-probe"), NULL);
	}
	ck_assert_uint_eq(stops, counts_of(probe, own("events")).throttles);
	ck_assert_uint_ge(victims, 3);
	ck_assert_uint_le(sum, counts_of(probe, own("events")).throttled_ns);
	stop(probe);
}
END_TEST

/* The first that works, from the top; a second start finds it, and after the end nothing is left. */
START_TEST(ladder)
{
	struct cgtune_probe_options options = options_of(0);
	struct cgtune_probe *probe, *again;
	struct cgtune_probe_state state = { .size = sizeof(state) };
	uint32_t best = CGTUNE_PROBE_FENTRY;
	char path[64];
	struct stat st;

	while (best < CGTUNE_PROBE_RAW && !has_rung(best))
		best++;
	ck_assert_int_eq(cgtune_probe_open(&options, &probe), -ENOENT);
	ck_assert_int_eq(cgtune_probe_stop(&options), -ENOENT);
	ck_assert_int_eq(cgtune_probe_start(&options, &probe), 0);
	ck_assert_int_eq(cgtune_probe_state(probe, &state), 0);
	ck_assert_str_eq(cgtune_probe_rung_name(state.rung), cgtune_probe_rung_name(best));
	ck_assert_int_eq(cgtune_probe_start(&options, &again), 1);
	cgtune_probe_close(again);
	snprintf(path, sizeof(path), "%s/cgtune-1", bpffs_path());
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
	snprintf(path, sizeof(path), "%s/cgtune-1/map", bpffs_path());
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	stop(probe);
	ck_assert_int_eq(stat(path, &st), -1);
}
END_TEST

/* Processes that start at once: one publishes, the others find it. */
START_TEST(race)
{
	struct cgtune_probe_options options = options_of(0);
	struct cgtune_probe *probe;
	int first = 0, status;

	for (int i = 0; i < 4; i++)
		if (check_fork() == 0) {
			int r = cgtune_probe_start(&options, &probe);

			_exit(r == 0 || r == 1 ? r : 2);
		}
	for (int i = 0; i < 4; i++) {
		ck_assert_int_gt(wait(&status), 0);
		ck_assert(WIFEXITED(status));
		ck_assert_int_le(WEXITSTATUS(status), 1);
		first += WEXITSTATUS(status) == 0;
	}
	ck_assert_int_eq(first, 1);
	ck_assert_int_eq(cgtune_probe_open(&options, &probe), 0);
	stop(probe);
}
END_TEST

START_TEST(subtree)
{
	struct cgtune_probe_options options = options_of(0);
	struct cgtune_probe *probe;

	real_make("scope/in");
	real_make("outside");
	real_quota("scope/in", 20000, 100000);
	real_quota("outside", 20000, 100000);
	options.subtree = id_of("scope");
	ck_assert_int_eq(cgtune_probe_start(&options, &probe), 0);
	burn("scope/in", "scope/in", BURN_MS, STOPS);
	burn("outside", "outside", BURN_MS, STOPS);
	wait_all();
	expect_exact(probe, "scope/in", 3);
	ck_assert_uint_eq(counts_of(probe, "outside").throttles, 0);
	stop(probe);
}
END_TEST

static void stop_any(void)
{
	struct cgtune_probe_options options = options_of(0);

	cgtune_probe_stop(&options);
}

static Suite *suite(void)
{
	Suite *all = suite_create("real-probe");
	TCase *tcase = tcase_create("probe");

	tcase_set_timeout(tcase, SECONDS);
	tcase_add_checked_fixture(tcase, stop_any, NULL);
	tcase_add_test(tcase, ladder);
	tcase_add_test(tcase, race);
	tcase_add_test(tcase, subtree);
	tcase_add_loop_test(tcase, one_and_two, CGTUNE_PROBE_FENTRY, CGTUNE_PROBE_RAW + 1);
	tcase_add_loop_test(tcase, nested, CGTUNE_PROBE_FENTRY, CGTUNE_PROBE_RAW + 1);
	tcase_add_loop_test(tcase, many, CGTUNE_PROBE_FENTRY, CGTUNE_PROBE_RAW + 1);
	tcase_add_loop_test(tcase, raised_while_stopped, CGTUNE_PROBE_FENTRY, CGTUNE_PROBE_RAW + 1);
	tcase_add_loop_test(tcase, reused, CGTUNE_PROBE_FENTRY, CGTUNE_PROBE_RAW + 1);
	tcase_add_loop_test(tcase, events, CGTUNE_PROBE_FENTRY, CGTUNE_PROBE_RAW + 1);
	suite_add_tcase(all, tcase);
	return all;
}

int main(void)
{
	const char *why = real_begin();
	int status;

	if (!why)
		why = bpffs_begin();
	if (why)
		return suite_skip(why);
	status = suite_run(suite());
	bpffs_end();
	return status;
}
