/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * real-torture-probe - every allocation and every system call under libcgtune-probe fails in turn
 *
 * Those of libbpf and libelf too, each point in a process of its own. The answer
 * is a documented error or the right one; after a start that failed nothing is
 * pinned, no descriptor is open (so nothing is loaded) and no block allocated; a
 * start without a fault works after it. The short form tries some points of each
 * operation, TORTURE_ALL so many that it takes minutes.
 */
#include "bpfdist.h"
#include "bpffs.h"
#include "fail.h"
#include "machine.h"
#include "shared.h"
#include "suite.h"
#include "torture.h"

#include <cgtune-probe.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define POINTS_SHORT 2
#define POINTS_LONG 400

static unsigned *points;		/* over all forked tests */
static char *wrong;			/* what the child has to say */
#define WRONG_SIZE 512

static char text[1 << 16];
static struct cgtune_probe_options options;
static struct cgtune_probe *probe;
static struct cgtune_probe_walk *walk;
static struct cgtune_probe_spec *spec;
static struct bpfdist *dist;

static void complain(const char *what)
{
	if (!wrong[0])
		snprintf(wrong, WRONG_SIZE, "%s", what);
}

/* Folders of ours; the kernel has files of its own there. */
static unsigned pinned(void)
{
	DIR *folder = opendir(bpffs_path());
	struct dirent *entry;
	unsigned n = 0;

	while (folder && (entry = readdir(folder)))
		n += strncmp(entry->d_name, "cgtune-", 7) == 0;
	if (folder)
		closedir(folder);
	return n;
}

static void must_start(void)
{
	struct cgtune_probe *started;

	if (cgtune_probe_start(&options, &started) < 0)
		complain("no clean start");
	else
		cgtune_probe_close(started);
}

static void nothing(void)
{
}

static int start(void)
{
	return cgtune_probe_start(&options, &probe);
}

static void after_start(int r)
{
	struct cgtune_probe_state state = { .size = sizeof(state) };

	if (r >= 0) {
		if (cgtune_probe_state(probe, &state) < 0 || !state.pinned || state.rung == CGTUNE_PROBE_NONE)
			complain("it succeeds, and there is no probe");
		cgtune_probe_close(probe);
	}
	cgtune_probe_stop(&options);
	if (pinned())
		complain("something is left pinned");
}

static int open_started(void)
{
	return cgtune_probe_open(&options, &probe);
}

static void after_open(int r)
{
	if (r >= 0)
		cgtune_probe_close(probe);
}

static int stop(void)
{
	return cgtune_probe_stop(&options);
}

/* What could not be stopped or removed is by the next stop. */
static void after_stop(int r)
{
	if (r >= 0 && pinned())
		complain("it succeeds, and something is left pinned");
	if (r < 0)
		cgtune_probe_stop(&options);
	if (pinned())
		complain("the next stop leaves something pinned");
}

static void before_read(void)
{
	if (cgtune_probe_open(&options, &probe) < 0)
		complain("no clean open");
}

/* Nothing of these enters the kernel but one member of the state. */
static int read_all(void)
{
	struct cgtune_stalls stalls = { .size = sizeof(stalls) };
	struct cgtune_memory_stalls memory = { .size = sizeof(memory) };
	struct cgtune_stall_event event = { .size = sizeof(event) };
	struct cgtune_probe_state state = { .size = sizeof(state) };
	uint32_t cursor = 0;
	uint64_t number = 0;
	int r = cgtune_probe_read(probe, 1, 1, &stalls);

	if (r == 0 || r == -ENODATA)
		r = cgtune_probe_read_memory(probe, 1, 1, &memory);
	if (r == 0 || r == -ENODATA || r == -EOPNOTSUPP)
		r = cgtune_probe_next(probe, &cursor, &stalls);
	if (r >= 0)
		r = cgtune_probe_next_event(probe, &number, &event);
	return r < 0 ? r : cgtune_probe_state(probe, &state);
}

static const char *cgroups = "/sys/fs/cgroup/unified";

static int open_walk(void)
{
	return cgtune_probe_walk_open(&options, cgroups, 64, &walk);
}

static void before_open_walk(void)
{
	if (access(cgroups, F_OK) < 0)
		cgroups = "/sys/fs/cgroup";
}

static void after_walk_open(int r)
{
	if (r >= 0)
		cgtune_probe_walk_close(walk);
}

static void before_walk(void)
{
	before_open_walk();
	if (open_walk() < 0)
		complain("no clean walk");
}

static int walk_once(void)
{
	static struct cgtune_group_counters rows[64] = { { .size = sizeof(rows[0]) } };

	return cgtune_probe_walk(walk, rows, ARRAY_SIZE(rows));
}

static void after_walk(int r)
{
	(void)r;
	if (walk_once() < 1)
		complain("no clean pass after it");
	cgtune_probe_walk_close(walk);
}

static int ask_features(void)
{
	struct cgtune_probe_feature features[32];

	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		features[i].size = sizeof(features[i]);
	return cgtune_probe_features(features, ARRAY_SIZE(features));
}

static int read_spec(void)
{
	return cgtune_probe_spec(&options, &spec);
}

static void after_spec(int r)
{
	struct cgtune_probe_item item = { .size = sizeof(item) };

	if (r >= 0 && cgtune_probe_spec_item(spec, 0, &item) < 0)
		complain("it succeeds, and there is nothing in it");
	if (r >= 0)
		cgtune_probe_spec_free(spec);
}

static int start_bpfdist(void)
{
	const struct bpfdist_options count = { .text = text, .text_size = sizeof(text) };

	return bpfdist_start(&count, &dist);
}

static void after_bpfdist(int r)
{
	struct bpfdist_value value;

	if (r >= 0 && bpfdist_read(dist, 0, &value) < 0)
		complain("it succeeds, and cannot be read");
	if (r >= 0)
		bpfdist_free(dist);
}

/* libcgtune, in a process that finds the array that the probe has published. */
static int read_published(void)
{
	struct cgtune_throttle throttle = { .size = sizeof(throttle) };
	int r = cgtune_throttle_read(NULL, &throttle);

	if (r == 0 && throttle.source == CGTUNE_THROTTLE_STAT && throttle.throttles != CGTUNE_UNKNOWN)
		complain("counts of a probe that was not read");
	return r;
}

static void after_published(int r)
{
	(void)r;
	if (read_published() < 0)
		complain("no clean reading after it");
}

enum { STARTED = 1 };

static const struct operation {
	const char *name;
	void (*before)(void);
	int (*run)(void);
	void (*after)(int r);
	unsigned flags;			/* STARTED: in the child a probe is; */
} operations[] = {
	{ "cgtune_probe_start", nothing, start, after_start, 0 },
	{ "cgtune_probe_start, when it is started", nothing, start, after_open, STARTED },
	{ "cgtune_probe_open", nothing, open_started, after_open, STARTED },
	{ "cgtune_probe_stop", must_start, stop, after_stop, 0 },
	{ "cgtune_probe_read and the like", before_read, read_all, after_open, STARTED },
	{ "cgtune_probe_walk_open", before_open_walk, open_walk, after_walk_open, 0 },
	{ "cgtune_probe_walk", before_walk, walk_once, after_walk, 0 },
	{ "cgtune_probe_features", nothing, ask_features, NULL, 0 },
	{ "cgtune_probe_spec", nothing, read_spec, after_spec, 0 },
	{ "bpfdist_start", nothing, start_bpfdist, after_bpfdist, 0 },
	{ "cgtune_throttle_read by a probe", nothing, read_published, after_published, STARTED },
};

/* cgtune-probe.h; or the error that was made. */
static bool is_documented(int r)
{
	static const int documented[] = {
		ENOMEM, EPERM, EACCES, EOPNOTSUPP, ENODEV, EBADMSG, EINVAL, ENOENT, EMFILE, EIO, EINTR, ENOSPC, EROFS, EAGAIN,
		ENOSYS, EBUSY, ENODATA,
	};

	for (size_t i = 0; i < ARRAY_SIZE(documented); i++)
		if (r == -documented[i])
			return true;
	return false;
}

struct attempt {
	const struct operation *operation;
	const struct torture *torture;
};

static int attempt(void *user)
{
	const struct attempt *a = user;
	const struct operation *o = a->operation;
	unsigned descriptors;
	long blocks;
	int r;

	o->before();
	descriptors = descriptors_open();
	blocks = fail_live();
	torture_arm(a->torture);
	r = o->run();
	torture_disarm();
	if (r < 0 && !is_documented(r))
		complain(strerror(-r));
	if (r < 0 && !a->torture->at)
		complain(strerror(-r));
	if (r < 0 && descriptors_open() != descriptors)
		complain("it fails, and a descriptor is left open or closed");
	if (r < 0 && o->run == start && !(o->flags & STARTED) && pinned())
		complain("it fails, and something is left pinned");
	if (r < 0 && fail_live() != blocks)
		complain("it fails, and memory is left allocated");
	if (o->after)
		o->after(r);
	return 0;
}

/* What a stop or a start that failed has left, if it may. */
static void clear(void)
{
	char command[256];

	cgtune_probe_stop(&options);
	snprintf(command, sizeof(command), "rm -rf %s/cgtune-*", bpffs_path());
	ck_assert_int_eq(system(command), 0);
}

static void try_point(struct torture *t, void *user)
{
	struct attempt a = { user, t };
	char room[512];

	torture_run(t, attempt, &a);
	if (t->hung)
		complain("it does not end");
	else if (t->status)
		complain(WIFSIGNALED(t->status) ? strsignal(WTERMSIG(t->status)) : "it ends with a status");
	ck_assert_msg(!wrong[0], "%s, %s: %s", a.operation->name, torture_says(t, room, sizeof(room)), wrong);
	if (!(a.operation->flags & STARTED))
		clear();
}

static void try_operation(const struct operation *operation, enum torture_kind kind)
{
	struct torture none = { .kind = kind };

	if (operation->flags & STARTED)
		must_start();
	try_point(&none, (void *)operation);
	*points += torture_all(&none, getenv("TORTURE_ALL") ? POINTS_LONG : POINTS_SHORT, try_point, (void *)operation);
}

START_TEST(allocations)
{
	try_operation(&operations[_i], TORTURE_ALLOCATION);
}
END_TEST

START_TEST(calls)
{
	try_operation(&operations[_i], TORTURE_CALL);
}
END_TEST

static void begin(void)
{
	wrong[0] = '\0';
	options = (struct cgtune_probe_options){
		.size = sizeof(options), .bpffs = bpffs_path(), .text = text, .text_size = sizeof(text), .slots = 64,
	};
}

static void *shared(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		exit(EXIT_FAILURE);
	return memory;
}

static void add(Suite *suite, const char *name, const TTest *test)
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, 3600);
	tcase_add_checked_fixture(tcase, begin, clear);
	tcase_add_loop_test(tcase, test, 0, ARRAY_SIZE(operations));
	suite_add_tcase(suite, tcase);
}

int main(void)
{
	Suite *suite = suite_create("real-torture-probe");
	const char *why = geteuid() != 0 ? "not root" : torture_why_not();
	int status;

	if (!why)
		why = bpffs_begin();
	if (why)
		return suite_skip(why);
	setenv("CK_FORK", "yes", 1);
	setenv("CGTUNE_PROBE", bpffs_path(), 1);
	points = shared(sizeof(*points));
	wrong = shared(WRONG_SIZE);
	add(suite, "allocations", allocations);
	add(suite, "calls", calls);
	status = suite_run(suite);
	printf("# %u fault points of the probe's loader\n", *points);
	bpffs_end();
	return status;
}
