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
#include "shared.h"
#include "suite.h"
#include "torture-call.h"

#include <cgtune-probe.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define POINTS_SHORT 2
#define POINTS_LONG 400

static char text[1 << 16];
static struct cgtune_probe_options options;
static struct cgtune_probe *probe;
static struct cgtune_probe_walk *walk;
static struct cgtune_probe_spec *spec;
static struct bpfdist *dist;

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

static const char *after_start(int r)
{
	struct cgtune_probe_state state = { .size = sizeof(state) };
	bool counts = true;

	if (r >= 0) {
		counts = cgtune_probe_state(probe, &state) == 0 && state.pinned && state.rung != CGTUNE_PROBE_NONE;
		cgtune_probe_close(probe);
	}
	cgtune_probe_stop(&options);
	if (!counts)
		return "it succeeds, and there is no probe";
	return pinned() ? "something is left pinned" : NULL;
}

static int open_started(void)
{
	return cgtune_probe_open(&options, &probe);
}

static const char *after_open(int r)
{
	if (r >= 0)
		cgtune_probe_close(probe);
	return NULL;
}

static int stop(void)
{
	return cgtune_probe_stop(&options);
}

/* What could not be stopped or removed is by the next stop. */
static const char *after_stop(int r)
{
	if (r >= 0 && pinned())
		return "it succeeds, and something is left pinned";
	if (r < 0)
		cgtune_probe_stop(&options);
	return pinned() ? "the next stop leaves something pinned" : NULL;
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

static const char *after_walk_open(int r)
{
	if (r >= 0)
		cgtune_probe_walk_close(walk);
	return NULL;
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

static const char *after_walk(int r)
{
	int again = walk_once();

	(void)r;
	cgtune_probe_walk_close(walk);
	return again < 1 ? "no clean pass after it" : NULL;
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

static const char *after_spec(int r)
{
	struct cgtune_probe_item item = { .size = sizeof(item) };
	bool empty = r >= 0 && cgtune_probe_spec_item(spec, 0, &item) < 0;

	if (r >= 0)
		cgtune_probe_spec_free(spec);
	return empty ? "it succeeds, and there is nothing in it" : NULL;
}

static int start_bpfdist(void)
{
	const struct bpfdist_options count = { .text = text, .text_size = sizeof(text) };

	return bpfdist_start(&count, &dist);
}

static const char *after_bpfdist(int r)
{
	struct bpfdist_value value;
	bool unreadable = r >= 0 && bpfdist_read(dist, 0, &value) < 0;

	if (r >= 0)
		bpfdist_free(dist);
	return unreadable ? "it succeeds, and cannot be read" : NULL;
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

static const char *after_published(int r)
{
	(void)r;
	return read_published() < 0 ? "no clean reading after it" : NULL;
}

enum { STARTED = CALL_FLAGS };		/* in the child a probe is */

#define USUAL (KEEPS | GIVES_BACK)

static const struct call calls[] = {
	{ "cgtune_probe_start", nothing, start, after_start, 0, USUAL },
	{ "cgtune_probe_start, when it is started", nothing, start, after_open, 0, USUAL | STARTED },
	{ "cgtune_probe_open", nothing, open_started, after_open, 0, USUAL | STARTED },
	{ "cgtune_probe_stop", must_start, stop, after_stop, 0, USUAL },
	{ "cgtune_probe_read and the like", before_read, read_all, after_open, 0, USUAL | STARTED },
	{ "cgtune_probe_walk_open", before_open_walk, open_walk, after_walk_open, 0, USUAL },
	{ "cgtune_probe_walk", before_walk, walk_once, after_walk, 0, USUAL },
	{ "cgtune_probe_features", nothing, ask_features, NULL, 0, USUAL },
	{ "cgtune_probe_spec", nothing, read_spec, after_spec, 0, USUAL },
	{ "bpfdist_start", nothing, start_bpfdist, after_bpfdist, 0, USUAL },
	{ "cgtune_throttle_read by a probe", nothing, read_published, after_published, 0, USUAL | STARTED },
};

/* cgtune-probe.h; or the error that was made. */
static bool is_documented(int r, const struct torture *t)
{
	static const int documented[] = {
		ENOMEM, EPERM, EACCES, EOPNOTSUPP, ENODEV, EBADMSG, EINVAL, ENOENT, EMFILE, EIO, EINTR, ENOSPC, EROFS, EAGAIN,
		ENOSYS, EBUSY, ENODATA,
	};

	(void)t;
	for (size_t i = 0; i < ARRAY_SIZE(documented); i++)
		if (r == -documented[i])
			return true;
	return false;
}

static const char *judge(const struct call *call, const struct torture *t, int r)
{
	if (r >= 0 || call->run != start || call->flags & STARTED || !pinned())
		return NULL;
	/* What can be removed no more, as all calls fail, is by the next stop. */
	if (t->from_then_on && cgtune_probe_stop(&options) == 0 && !pinned())
		return NULL;
	return "it fails, and something is left pinned";
}

/* What a stop or a start that failed has left, if it may. */
static void clear(void)
{
	char command[256];

	cgtune_probe_stop(&options);
	snprintf(command, sizeof(command), "rm -rf %s/cgtune-*", bpffs_path());
	ck_assert_int_eq(system(command), 0);
}

static void before(const struct call *call)
{
	if (call->flags & STARTED)
		must_start();
}

static void after_point(const struct call *call)
{
	if (!(call->flags & STARTED))
		clear();
}

static void begin(void)
{
	options = (struct cgtune_probe_options){
		.size = sizeof(options), .bpffs = bpffs_path(), .text = text, .text_size = sizeof(text), .slots = 64,
	};
}

int main(void)
{
	const struct call_suite suite = {
		.name = "operations of the probe's loader", .calls = calls, .count = ARRAY_SIZE(calls),
		.most = getenv("TORTURE_ALL") ? POINTS_LONG : POINTS_SHORT,
		.begin = begin, .end = clear, .before = before, .after_point = after_point, .judge = judge,
		.is_documented = is_documented,
	};
	const char *why = geteuid() != 0 ? "not root" : torture_why_not();
	int status;

	if (!why)
		why = bpffs_begin();
	if (why)
		return suite_skip(why);
	setenv("CGTUNE_PROBE", bpffs_path(), 1);
	status = call_suite_run(&suite);
	bpffs_end();
	return status;
}
