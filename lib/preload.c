/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* preload - the answers of the preload object, computed once: its constructor */
#include "preload.h"
#include "limit.h"
#include "log.h"
#include "plan.h"
#include "sys.h"
#include "table.h"
#include "usage.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <malloc.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define ARENAS_PER_CPU (sizeof(long) == 8 ? 8 : 2)	/* glibc's own formula */

static struct cgtune_options options;
static struct env env;
static struct cgtune_plan plan;

/* What computing needs, and what the environment is made of: the kernel's memory, not this
 * object's, as not all programs have limits. */
static struct work {
	struct table table;
	struct pass pass;
	struct cgtune_limits limits;
	bool found;			/* pass knows the cgroups */
	char *environment[];
} *work;

static _Atomic int64_t refresh_at;	/* millisecond; 0: never */
static struct preload_answers answers;
static _Atomic int state;		/* of the answers: one of these */
enum { NOT_YET, STARTING, READY };

static int64_t now(void)
{
	struct timespec time = { 0 };

	sys2(SYS_clock_gettime, CLOCK_MONOTONIC_COARSE, &time);
	return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* The process whose thread is at work; a forked child does not wait for its parent's. */
static _Atomic int32_t owner;

/* One thread at a time; the others go by what was found before. */
static bool take_turn(void)
{
	int32_t pid = (int32_t)sys0(SYS_getpid), other = owner;

	return other != pid && atomic_compare_exchange_strong(&owner, &other, pid);
}

static void end_turn(void)
{
	owner = 0;
}

/* The kernel keeps the first 15 bytes of a program's name. */
static bool is_skipped(void)
{
	const char *list = env_get("CGTUNE_SKIP");
	char comm[16] = "";

	if (!list || sys2(SYS_prctl, PR_GET_NAME, comm) < 0)
		return false;
	while (*list) {
		size_t n = strcspn(list, ",");

		if (util_min(n, sizeof(comm) - 1) == strlen(comm) && memcmp(list, comm, strlen(comm)) == 0)
			return true;
		list += n + (list[n] == ',');
	}
	return false;
}

static int walk(struct pass *pass, void *limits)
{
	int r = limit_walk(pass, limits);

	work->found = r == 0;
	return r;
}

/* The limits, where the cgroups lie where they lay; else looked for. */
static int read_limits(void)
{
	int r = -ENODEV;

	if (work->found) {
		work->pass.retry = true;
		r = walk(&work->pass, &work->limits);
	}
	return r == -ENODEV ? pass_find_and(&work->pass, walk, &work->limits) : r;
}

/* The directory of the level that decided, or the cgroup's own. */
static size_t deciding_level(const char *from, const struct cgroup *cgroup)
{
	size_t length = strlen(from);

	while (length && from[length - 1] != '/')
		length--;
	return length ? length - 1 : cgroup->length;
}

/* What is left at the level whose limit decided. Half of it is enough not to look closer. */
static uint64_t available(uint64_t limit)
{
	struct pass *pass = &work->pass;
	size_t level = deciding_level(work->limits.memory_from, &pass->cgroups[PASS_MEMORY]);

	return util_min(usage_left(pass, level, limit, limit / 2), limit);
}

static int compute(void)
{
	uint64_t memory, left = 0;
	int r = pass_open(&work->pass, &options, &env);

	if (r < 0)
		return r;
	work->pass.explain = log_wants(CGTUNE_LOG_DEBUG);
	r = read_limits();
	memory = r == 0 ? table_memory(&work->limits) : CGTUNE_UNLIMITED;
	if (memory != CGTUNE_UNLIMITED)
		left = available(memory);
	pass_close(&work->pass);
	if (r < 0)
		return r;
	plan_make(&options, &env, &work->limits, &plan);
	answers.threads = plan.tuned & CGTUNE_CPU ? plan.threads : 0;
	answers.available = left;
	answers.memory = memory != CGTUNE_UNLIMITED ? memory : 0;
	return 0;
}

/*
 * Where the shown CPUs begin: the same for all of a container, another in the
 * next one, so that those that pin their threads do not all pin them to the
 * first CPUs. In a cgroup namespace all paths are alike, but a directory has a
 * number of its own on the machine.
 */
static uint32_t container_offset(void)
{
	struct cgroup *cpu = &work->pass.cgroups[PASS_CPU];
	size_t length = deciding_level(work->limits.cpu_from, cpu);
	char next = cpu->dir[length];
	struct statx stx = { 0 };
	uint64_t hash = 0;

	if (!cpu->has_root) {
		cpu->dir[length] = '\0';
		sys5(SYS_statx, AT_FDCWD, cpu->dir, AT_NO_AUTOMOUNT, STATX_INO, &stx);
		cpu->dir[length] = next;
		hash = stx.stx_ino;
	}
	for (size_t i = 0; i < length; i++)
		hash = hash * 31 + (unsigned char)cpu->dir[i];
	return (uint32_t)(hash * UINT64_C(0x9E3779B97F4A7C15) >> 32);
}

static void prepare(void)
{
	answers.affinity = env_value(&env, ENV_AFFINITY, 1);
	answers.ignore_pin = env_has(&env, ENV_PIN);
	answers.conf = env_value(&env, ENV_CONF, 0);
	answers.files = env_value(&env, ENV_FILES, 0);
	answers.page_size = (uint32_t)getauxval(AT_PAGESZ);
	if (answers.affinity && (answers.threads || env_has(&env, ENV_REFRESH)))
		answers.offset = container_offset();
	if (env_has(&env, ENV_REFRESH))
		refresh_at = now() + (int64_t)env.value[ENV_REFRESH] * 1000;
}

static void warn_refused(void)
{
	static const enum env_variable switches[] = { ENV_AFFINITY, ENV_PIN, ENV_FILES, ENV_CONF, ENV_REFRESH };

	env_warn(&options, &env, ENV_GROUPS, "the default variables");
	for (size_t i = 0; i < ARRAY_SIZE(switches); i++)
		env_warn(&options, &env, switches[i], "the default");
}

static void change_environment(void)
{
	table_make(&(struct table_input){
		.plan = &plan, .memory = table_memory(&work->limits), .known = TABLE_ALL_GROUPS,
		.groups = env_value(&env, ENV_GROUPS, ENV_GROUP_BIT(ENV_GROUP_DEFAULT)),
	}, &work->table);
	if (work->table.count)
		preload_environ(&work->table, work->environment);
}

static bool get_room(void)
{
	size_t size = sizeof(*work) + preload_environ_count() * sizeof(char *);
	long room = sys6(SYS_MMAP, NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (room < 0 && room > -4096)
		return false;
	work = (struct work *)room;
	work->limits.size = sizeof(work->limits);
	return true;
}

/* Once per process image, as soon as there is an environment. */
static void start(void)
{
	int from = NOT_YET;

	/* While the libraries of this one's are still being loaded, nothing of the kind is there. */
	if (!&environ || !environ || !getauxval || !atomic_compare_exchange_strong(&state, &from, STARTING))
		return;
	if (!env_is_secure()) {
		options.size = sizeof(options);
		env_read(&options, &env);
		log_configure(&env);
		if (log_wants(CGTUNE_LOG_WARNING))
			options.report = log_report;
		if (!env_is_off(&env) && !is_skipped() && get_room() && compute() == 0) {
			prepare();
			warn_refused();
			change_environment();
		}
	}
	state = READY;
}

static void refresh(int64_t time)
{
	if (!take_turn())
		return;
	if (time >= refresh_at) {
		compute();
		refresh_at = time + (int64_t)env.value[ENV_REFRESH] * 1000;
	}
	end_turn();
}

const struct preload_answers *preload_answers(void)
{
	static const struct preload_answers real;

	if (state == NOT_YET)
		start();
	if (state != READY)
		return &real;
	if (refresh_at) {
		int64_t time = now();

		if (time >= refresh_at)
			refresh(time);
	}
	return &answers;
}

/* Fewer CPUs, fewer malloc arenas: the allocator does not ask sysconf(3). The user's own count stays. */
static void set_arenas(void)
{
	const char *tunables = env_get("GLIBC_TUNABLES");

	if (!answers.threads || !mallopt || env_get("MALLOC_ARENA_MAX") ||
	    (tunables && strstr(tunables, "glibc.malloc.arena_max")))
		return;
	mallopt(M_ARENA_MAX, (int)util_min(answers.threads, 4096) * (int)ARENAS_PER_CPU);
}

static __attribute__((constructor)) void preload(void)
{
	start();
	set_arenas();
}
