/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * real-probe-memory - what the BPF programs count of memory limits, on each rung that this kernel has
 *
 * The kernel's own counters are those of memory.events.local, which v1 has not: there
 * an iterator of cgroups reads them, from Linux 6.1 on.
 *
 *   RUNG/old		has reclaimed before the probe was started
 *   RUNG/max, ...	of one test each; all stay, so that no id comes back where it is not wanted
 */
#include "bpffs.h"
#include "real.h"
#include "suite.h"

#include <cgtune-probe.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 300				/* of a test: a VM without KVM is slow */
#define LIMIT (16 * REAL_MIB)
#define CHUNK (4 * (size_t)REAL_MIB)
#define GROUPS 4
#define MOST_REUSED 300
#define SLEEPS 3
#define UNKNOWN UINT64_MAX

static struct cgtune_probe *probe;
static struct cgtune_probe_walk *walk;
static uint64_t old_max;
static uint32_t current;
static char text[1 << 16];

static const char *own(const char *name)
{
	static char rooms[8][64];
	static unsigned next;
	char *room = rooms[next++ % 8];

	snprintf(room, sizeof(rooms[0]), "%s/%s", cgtune_probe_rung_name(current), name);
	return room;
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

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t id_of(const char *name)
{
	char path[REAL_PATH_SIZE];
	struct stat st;

	ck_assert_int_eq(stat(real_path(name, REAL_MEMORY, "", path), &st), 0);
	return st.st_ino;
}

static uint32_t hierarchy(void)
{
	unsigned number = 0;
	char line[512];
	FILE *file = fopen("/proc/self/cgroup", "re");

	while (real_version(REAL_MEMORY) == 1 && fgets(line, sizeof(line), file))
		if (strstr(line, ":memory:") || strstr(line, ":memory,") || strstr(line, ",memory:"))
			number = (unsigned)strtoul(line, NULL, 10);
	fclose(file);
	return number;
}

/* A row of a walk that began after this was called. */
static struct cgtune_group_counters row_of(const char *name)
{
	static struct cgtune_group_counters rows[4096];
	uint64_t since = now_ns(), id = id_of(name);
	int n;

	rows[0].size = sizeof(rows[0]);
	do {
		n = cgtune_probe_walk(walk, rows, 4096);
		ck_assert_int_gt(n, 0);
		ck_assert_int_le(n, 4096);
	} while (rows[0].taken_ns < since);
	for (int i = 0; i < n; i++)
		if (rows[i].cgroup == id)
			return rows[i];
	ck_abort_msg("%s: in no row", name);
}

/* The kernel's count of the group alone; UNKNOWN: nobody can read it. */
static uint64_t kernel_count(const char *name, enum cgtune_memory_event event)
{
	static const char *const keys[] = { "low", "high", "max", "oom", "oom_kill" };

	if (real_version(REAL_MEMORY) == 2)
		return real_number(name, REAL_MEMORY, "memory.events.local", keys[event]);
	return walk ? row_of(name).memory_events_local[event] : UNKNOWN;
}

/* Of a group to which nothing has happened: zeros. */
static struct cgtune_memory_stalls counts_of(const char *name)
{
	struct cgtune_memory_stalls counts = { .size = sizeof(counts) };
	int r = cgtune_probe_read_memory(probe, id_of(name), hierarchy(), &counts);

	ck_assert_msg(r == 0 || r == -ENODATA, "%s: %d", name, r);
	return counts;
}

static void expect(const char *what, const char *name, uint64_t count, uint64_t kernel)
{
	ck_assert_msg(count == kernel || kernel == UNKNOWN, "%s of %s: %lu, the kernel's %lu", what, name,
		      (unsigned long)count, (unsigned long)kernel);
}

/* Both limits' reclaims, to the last one. */
static struct cgtune_memory_stalls expect_reclaims(const char *name)
{
	struct cgtune_memory_stalls counts = counts_of(name);

	expect("high", name, counts.high_reclaims, kernel_count(name, CGTUNE_MEMORY_HIGH));
	expect("max", name, counts.max_reclaims, kernel_count(name, CGTUNE_MEMORY_MAX));
	return counts;
}

static char *map(size_t size)
{
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(memory, MAP_FAILED);
	return memory;
}

/* Fill memory that the kernel may take back, more of it than the limit: it must reclaim. All is given back at the end. */
static void churn(unsigned chunks)
{
	char *memory = map(chunks * CHUNK);

	for (unsigned i = 0; i < chunks; i++) {
		memset(memory + i * CHUNK, 1, CHUNK);
		madvise(memory + i * CHUNK, CHUNK, MADV_FREE);
	}
	munmap(memory, chunks * CHUNK);
}

static pid_t start_churn(const char *name, unsigned chunks)
{
	pid_t pid = check_fork();

	if (pid == 0) {
		real_move(name, 0);
		churn(chunks);
		_exit(0);
	}
	return pid;
}

static void wait_all(void)
{
	int status;

	while (wait(&status) > 0)
		ck_assert(WIFEXITED(status) || WTERMSIG(status) == SIGKILL);
}

/* Once for each rung: all tests read the same probe. */
static void start(uint32_t rung)
{
	struct cgtune_probe_options options = {
		.size = sizeof(options), .bpffs = bpffs_path(), .rungs = 1u << rung,
		.text = text, .text_size = sizeof(text),
	};
	struct cgtune_probe_state state = { .size = sizeof(state) };
	int r;

	current = rung;
	probe = NULL;
	real_make(own("old"));
	real_memory(own("old"), LIMIT);
	ck_assert_int_gt(waitpid(start_churn(own("old"), 8), NULL, 0), 0);	/* not who cleans up at the end */
	old_max = kernel_count(own("old"), CGTUNE_MEMORY_MAX);
	r = cgtune_probe_start(&options, &probe);
	ck_assert_msg(r == 0, "%s: %d: %.3000s", cgtune_probe_rung_name(rung), r, text);
	ck_assert_int_eq(cgtune_probe_state(probe, &state), 0);
	ck_assert_msg(state.memory_rung == rung, "memory is on the rung %s: %.3000s",
		      cgtune_probe_rung_name(state.memory_rung), text);
	ck_assert_uint_eq(state.memory_sleeps, rung < CGTUNE_PROBE_TRACEPOINT ? CGTUNE_PROBE_SLEEPS_FUNCTION :
			  answer("memory-pressure") == 1 ? CGTUNE_PROBE_SLEEPS_SWITCH : CGTUNE_PROBE_SLEEPS_UNKNOWN);
}

#define START(name, rung) static void name(void) { start(rung); }
START(start_fentry, CGTUNE_PROBE_FENTRY)
START(start_kprobe, CGTUNE_PROBE_KPROBE)
START(start_tracepoint, CGTUNE_PROBE_TRACEPOINT)
START(start_raw, CGTUNE_PROBE_RAW)
static const SFun starts[] = { NULL, start_fentry, start_kprobe, start_tracepoint, start_raw };

static void stop(void)
{
	struct cgtune_probe_options options = { .size = sizeof(options), .bpffs = bpffs_path() };
	struct cgtune_probe_state state = { .size = sizeof(state) };

	ck_assert_int_eq(cgtune_probe_state(probe, &state), 0);
	ck_assert_int_eq(cgtune_probe_stop(&options), 0);
	cgtune_probe_close(probe);
	ck_assert_uint_eq(state.lost, 0);
	ck_assert_uint_eq(state.overflow, 0);
}

START_TEST(max)
{
	struct cgtune_memory_stalls counts;

	real_make(own("max"));
	real_memory(own("max"), LIMIT);
	ck_assert_uint_eq(counts_of(own("max")).max_reclaims, 0);
	start_churn(own("max"), 8);
	wait_all();
	counts = expect_reclaims(own("max"));
	ck_assert_uint_gt(counts.max_reclaims, 0);
	ck_assert_uint_eq(counts.high_reclaims, 0);
	ck_assert_uint_eq(counts.high_sleeps, 0);
	ck_assert_uint_eq(counts.oom_kills + counts.oom_victims, 0);
	ck_assert_uint_eq(counts.cgroup, id_of(own("max")));
	ck_assert_uint_eq(counts.hierarchy, hierarchy());
}
END_TEST

/* What it has reclaimed before is not counted: that was before the start. */
START_TEST(old)
{
	uint64_t now;

	ck_assert_uint_eq(counts_of(own("old")).max_reclaims, 0);
	start_churn(own("old"), 8);
	wait_all();
	now = kernel_count(own("old"), CGTUNE_MEMORY_MAX);
	ck_assert_uint_gt(counts_of(own("old")).max_reclaims, 0);
	expect("max", own("old"), counts_of(own("old")).max_reclaims, now == UNKNOWN ? now : now - old_max);
}
END_TEST

/* Reclaims for another reason are none of the limit's: the kernel does not count them either. */
START_TEST(lowered)
{
	uint64_t before;
	pid_t pid;
	int go[2];
	char byte;

	real_make(own("lowered"));
	real_memory(own("lowered"), 2 * LIMIT);
	ck_assert_int_eq(pipe(go), 0);
	pid = check_fork();
	if (pid == 0) {
		char *memory;

		real_move(own("lowered"), 0);
		memory = map(3 * CHUNK);
		memset(memory, 1, 3 * CHUNK);
		madvise(memory, 3 * CHUNK, MADV_FREE);
		ck_assert_int_eq(write(go[1], "x", 1), 1);
		pause();
	}
	ck_assert_int_eq(read(go[0], &byte, 1), 1);
	before = counts_of(own("lowered")).max_reclaims;
	real_memory(own("lowered"), (int64_t)(2 * CHUNK));
	expect("max", own("lowered"), counts_of(own("lowered")).max_reclaims, before);
	expect_reclaims(own("lowered"));
	kill(pid, SIGKILL);
	wait_all();
}
END_TEST

/* The parent has the limit: it reclaims, whoever of those below wanted memory. */
START_TEST(parent)
{
	real_make(own("parent/a"));
	real_make(own("parent/b"));
	real_memory(own("parent"), LIMIT);
	start_churn(own("parent/a"), 8);
	start_churn(own("parent/b"), 8);
	wait_all();
	ck_assert_uint_gt(expect_reclaims(own("parent")).max_reclaims, 0);
	ck_assert_uint_eq(expect_reclaims(own("parent/a")).max_reclaims, 0);
	ck_assert_uint_eq(expect_reclaims(own("parent/b")).max_reclaims, 0);
}
END_TEST

START_TEST(several)
{
	char name[64];

	for (int i = 0; i < GROUPS; i++) {
		snprintf(name, sizeof(name), "%s/several%d", cgtune_probe_rung_name(current), i);
		real_make(name);
		real_memory(name, LIMIT);
		start_churn(name, 6 + (unsigned)i);
		start_churn(name, 6);
	}
	wait_all();
	for (int i = 0; i < GROUPS; i++) {
		snprintf(name, sizeof(name), "%s/several%d", cgtune_probe_rung_name(current), i);
		ck_assert_uint_gt(expect_reclaims(name).max_reclaims, 0);
	}
}
END_TEST

/* Groups with any count: as many as there are slots in use. */
static unsigned slots_in_use(void)
{
	struct cgtune_memory_stalls counts = { .size = sizeof(counts) };
	uint32_t cursor = 0;
	unsigned n = 0;

	while (cgtune_probe_next_memory(probe, &cursor, &counts) == 1)
		n++;
	return n;
}

/* One group after the other, until two had the same id: each has its own counts. The kernel frees an id a while later. */
START_TEST(reused)
{
	unsigned before, made = 0;
	char name[64];

	before = slots_in_use();
	do {
		snprintf(name, sizeof(name), "%s/reused%u", cgtune_probe_rung_name(current), made++);
		real_make(name);
		real_memory(name, LIMIT / 2);
		ck_assert_uint_eq(counts_of(name).max_reclaims, 0);
		start_churn(name, 3);
		wait_all();
		ck_assert_uint_gt(expect_reclaims(name).max_reclaims, 0);
		real_remove(name);
	} while (made < 3 || (slots_in_use() == before + made && made < MOST_REUSED));
	ck_assert_uint_lt(slots_in_use(), before + made);
}
END_TEST

/* The newest event of that kind and victim's group. */
static struct cgtune_stall_event event_of(uint32_t kind, const char *leaf)
{
	struct cgtune_stall_event event = { .size = sizeof(event) }, found = { .size = sizeof(found) };
	uint64_t cursor = 0;

	while (cgtune_probe_next_event(probe, &cursor, &event) == 1)
		if (event.kind == kind && event.leaf == id_of(leaf))
			found = event;
	return found;
}

static pid_t start_hog(const char *name, size_t size, int ready)
{
	pid_t pid = check_fork();

	if (pid == 0) {
		char *memory;

		real_move(name, 0);
		memory = map(size);
		memset(memory, 1, size);
		ck_assert_int_eq(write(ready, "x", 1), 1);
		for (;;)
			pause();
	}
	return pid;
}

static void expect_kill(const char *limit, const char *leaf, pid_t pid)
{
	struct cgtune_stall_event event = event_of(CGTUNE_STALL_OOM_KILL, leaf);

	ck_assert_uint_eq(counts_of(limit).oom_kills, 1);
	ck_assert_uint_eq(counts_of(leaf).oom_victims, 1);
	expect("oom_kill", leaf, 1, kernel_count(leaf, CGTUNE_MEMORY_OOM_KILL));
	ck_assert_uint_eq(event.limit, id_of(limit));
	ck_assert_uint_eq(event.hierarchy, hierarchy());
	ck_assert_uint_eq(event.tgid, (unsigned)pid);
	ck_assert_uint_eq(event.pid, (unsigned)pid);
	ck_assert_ptr_ne(strstr(event.comm, "real-probe"), NULL);
}

START_TEST(oom)
{
	int ready[2];
	pid_t pid;

	ck_assert_int_eq(pipe(ready), 0);
	real_make(own("oom"));
	real_memory(own("oom"), LIMIT);
	pid = start_hog(own("oom"), 2 * LIMIT, ready[1]);
	wait_all();
	expect_kill(own("oom"), own("oom"), pid);
}
END_TEST

/* The parent has the limit, one child wants memory, the other has most: it goes. */
START_TEST(oom_of_another)
{
	int ready[2];
	pid_t large, small;
	char byte;

	ck_assert_int_eq(pipe(ready), 0);
	real_make(own("above/large"));
	real_make(own("above/small"));
	real_memory(own("above"), LIMIT);
	large = start_hog(own("above/large"), LIMIT / 8 * 5, ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	small = start_hog(own("above/small"), LIMIT / 2, ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	kill(small, SIGKILL);
	wait_all();
	expect_kill(own("above"), own("above/large"), large);
	ck_assert_uint_eq(counts_of(own("above")).oom_victims, 0);
	ck_assert_uint_eq(counts_of(own("above/large")).oom_kills, 0);
	ck_assert_uint_eq(counts_of(own("above/small")).oom_kills, 0);
	ck_assert_uint_eq(counts_of(own("above/small")).oom_victims, 0);
}
END_TEST

struct sleeper {
	volatile bool stop;
	uint64_t wall_ns;
	long switches;				/* voluntary */
};

/* Wants page after page until it is told to stop. */
static pid_t start_sleeper(const char *name, struct sleeper *sleeper)
{
	pid_t pid = check_fork();

	if (pid == 0) {
		struct rusage before, after;
		uint64_t since;
		char *memory;

		real_move(name, 0);
		memory = map(3 * LIMIT);
		getrusage(RUSAGE_SELF, &before);
		since = now_ns();
		for (size_t i = 0; i < 3 * LIMIT && !sleeper->stop; i += 4096)
			memory[i] = 1;
		sleeper->wall_ns = now_ns() - since;
		getrusage(RUSAGE_SELF, &after);
		sleeper->switches = after.ru_nvcsw - before.ru_nvcsw;
		munmap(memory, 3 * LIMIT);
		_exit(0);
	}
	return pid;
}

static bool proc_text(pid_t pid, const char *file, char *ret, size_t size)
{
	char path[64];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	f = fopen(path, "re");
	n = f ? fread(ret, 1, size - 1, f) : 0;
	ret[n] = '\0';
	if (f)
		fclose(f);
	return n != 0;
}

static unsigned long switches_of(pid_t pid)
{
	static const char key[] = "\nvoluntary_ctxt_switches:";
	char status[8192], *at;

	at = proc_text(pid, "status", status, sizeof(status)) ? strstr(status, key) : NULL;
	return at ? strtoul(at + strlen(key), NULL, 10) : 0;
}

/* How often it has gone to sleep so far, if it sleeps in that function now; 0: it does not. */
static unsigned long asleep(pid_t pid)
{
	unsigned long before = switches_of(pid);
	char stack[8192], *line, *rest;

	if (!proc_text(pid, "stack", stack, sizeof(stack)))
		return 0;
	/* The innermost function: those of the scheduler are left out. A program at fexit is between. */
	line = strtok_r(stack, "\n", &rest);
	while (line && strstr(line, "bpf_trampoline"))
		line = strtok_r(NULL, "\n", &rest);
	if (!line || !strstr(line, "mem_cgroup_handle_over_high"))
		return 0;
	return switches_of(pid) == before ? before : 0;
}

struct seen {
	uint64_t sleeps, ns, longest_ns;	/* at least */
};

/* Sleeps as /proc shows them: between two looks that find the same one it was asleep all the time. */
static struct seen watch(pid_t pid)
{
	struct seen seen = { 0 };
	uint64_t end = now_ns() + UINT64_C(100000000000), first = 0, length = 0;
	unsigned long last = 0;

	while ((seen.sleeps < SLEEPS || !seen.ns) && now_ns() < end) {
		uint64_t begun = now_ns();
		unsigned long which = asleep(pid);

		if (which && which == last) {
			seen.ns += begun - first - length;
			length = begun - first;
			seen.longest_ns = length > seen.longest_ns ? length : seen.longest_ns;
		} else if (which) {
			seen.sleeps++;
			first = now_ns();
			length = 0;
		}
		last = which;
		usleep(1000);
	}
	return seen;
}

static void expect_sleep_events(const struct cgtune_memory_stalls *counts, const char *limit, pid_t pid)
{
	struct cgtune_stall_event event = { .size = sizeof(event) };
	uint64_t cursor = 0, sleeps = 0, sum = 0;

	while (cgtune_probe_next_event(probe, &cursor, &event) == 1) {
		if (event.kind != CGTUNE_STALL_HIGH_SLEEP || event.leaf != counts->cgroup)
			continue;
		ck_assert_uint_eq(event.tgid, (unsigned)pid);
		ck_assert_uint_eq(event.limit, id_of(limit));
		sleeps++;
		sum += event.duration_ns;
	}
	ck_assert_uint_eq(sleeps, counts->high_sleeps);
	ck_assert_uint_eq(sum, counts->high_sleep_ns);
}

/* The parent is over its memory.high, and the child's thread is made to sleep for it. */
START_TEST(high)
{
	struct cgtune_memory_stalls counts;
	struct sleeper *sleeper;
	struct seen seen;
	uint64_t in_hist = 0;
	pid_t pid;

	real_make(own("high/leaf"));
	real_set(own("high"), REAL_MEMORY, "memory.high", "16M");
	sleeper = mmap(NULL, sizeof(*sleeper), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid = start_sleeper(own("high/leaf"), sleeper);
	seen = watch(pid);
	sleeper->stop = true;
	wait_all();
	ck_assert_uint_ge(seen.sleeps, SLEEPS);

	counts = expect_reclaims(own("high"));
	ck_assert_uint_gt(counts.high_reclaims, 0);
	ck_assert_uint_eq(counts.high_sleeps, 0);
	counts = expect_reclaims(own("high/leaf"));
	ck_assert_uint_eq(counts.high_reclaims, 0);
	ck_assert_uint_ge(counts.high_sleeps, seen.sleeps);
	ck_assert_uint_le(counts.high_sleeps, (uint64_t)sleeper->switches);
	ck_assert_uint_ge(counts.high_sleep_ns, seen.ns);
	ck_assert_uint_le(counts.high_sleep_ns, sleeper->wall_ns);
	ck_assert_uint_ge(counts.high_sleep_max_ns, seen.longest_ns);
	ck_assert_uint_le(counts.high_sleep_max_ns, counts.high_sleep_ns);
	for (int i = 0; i < CGTUNE_PROBE_HIST; i++)
		in_hist += counts.hist[i];
	ck_assert_uint_eq(in_hist, counts.high_sleeps);
	expect_sleep_events(&counts, own("high"), pid);
}
END_TEST

static void add_rung(Suite *all, uint32_t rung, SFun setup)
{
	TCase *tcase = tcase_create(cgtune_probe_rung_name(rung));

	suite_add_tcase(all, tcase);
	tcase_set_timeout(tcase, SECONDS);
	tcase_add_unchecked_fixture(tcase, setup, stop);
	tcase_add_test(tcase, max);
	tcase_add_test(tcase, old);
	tcase_add_test(tcase, lowered);
	tcase_add_test(tcase, parent);
	tcase_add_test(tcase, several);
	tcase_add_test(tcase, oom);
	tcase_add_test(tcase, reused);
	if (real_version(REAL_MEMORY) == 2)
		tcase_add_test(tcase, high);
	if (rung < CGTUNE_PROBE_TRACEPOINT || answer("oom-victim") == 1)
		tcase_add_test(tcase, oom_of_another);
}

/* NULL; or why the kernel's counters cannot be read. */
static const char *open_walk(void)
{
	struct cgtune_probe_options options = {
		.size = sizeof(options), .bpffs = bpffs_path(), .text = text, .text_size = sizeof(text),
	};
	char path[REAL_PATH_SIZE];

	if (real_version(REAL_MEMORY) != 1 || answer("cgroup-iterator") != 1)
		return NULL;
	return cgtune_probe_walk_open(&options, real_path(NULL, REAL_MEMORY, "", path), 4096, &walk) < 0 ? text : NULL;
}

int main(void)
{
	const char *why = real_begin();
	Suite *all = suite_create("real-probe-memory");
	int status;

	if (!why)
		why = bpffs_begin();
	if (why)
		return suite_skip(why);
	why = open_walk();
	if (why) {
		printf("Bail out! %s\n", why);
		return EXIT_FAILURE;
	}
	for (uint32_t rung = CGTUNE_PROBE_FENTRY; rung <= CGTUNE_PROBE_RAW; rung++)
		if (has_rung(rung))
			add_rung(all, rung, starts[rung]);
	status = suite_run(all);
	cgtune_probe_walk_close(walk);
	bpffs_end();
	return status;
}
