/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-advise - the rules of `cgtune advise`: facts made by hand, on both sides of each line that is drawn */
#include "advise.h"
#include "suite.h"

#include <string.h>

#define UNKNOWN CGTUNE_UNKNOWN
#define SECOND UINT64_C(1000000000)
#define MIB (UINT64_C(1) << 20)

static struct advise_facts facts;
static struct advice said[ADVISE_MOST];

/* Ten seconds of one thread that uses 0.4 CPUs of half a one, and 60 of 128 MiB; a parent without limits. */
static void setup(void)
{
	memset(&facts, 0, sizeof(facts));
	facts.ns = 10 * SECOND;
	facts.online = facts.limits.cpus = 4;
	facts.plan.threads = 1;
	facts.cpu_version = facts.memory_version = 2;
	strcpy(facts.cpu_mount, "/sys/fs/cgroup");
	strcpy(facts.memory_mount, "/sys/fs/cgroup");
	facts.cpus = facts.memories = 2;
	facts.cpu[0] = (struct advise_cpu){
		.path = (char *)"/a/b", .before = { 50000, 100000, 0, 0, 0, 0 }, .after = { 50000, 100000, 4 * SECOND, 100, 0, 0 },
	};
	facts.cpu[1] = (struct advise_cpu){
		.path = (char *)"/a", .before = { UNKNOWN, UNKNOWN, 0, 0, 0, 0 }, .after = { UNKNOWN, UNKNOWN, 9 * SECOND, 0, 0, 0 },
		.burst_us = UNKNOWN,
	};
	facts.memory[0] = (struct advise_memory){
		.path = (char *)"/a/b", .before = { 60 * MIB, 128 * MIB, UNKNOWN, 0, 0, 0, 0 },
		.after = { 60 * MIB, 128 * MIB, UNKNOWN, 0, 0, 0, 0 },
		.unreclaimable = 50 * MIB, .peak = 64 * MIB,
	};
	facts.memory[1] = (struct advise_memory){
		.path = (char *)"/a", .before = { 90 * MIB, UNKNOWN, UNKNOWN, 0, 0, 0, 0 },
		.after = { 90 * MIB, UNKNOWN, UNKNOWN, 0, 0, 0, 0 },
		.unreclaimable = UNKNOWN, .peak = UNKNOWN,
	};
	facts.use = 0.4;
	facts.use_most = 0.5;
	facts.looks = 100;
	facts.threads = 4;
	facts.runnable = 0.8;
	facts.runnable_most = 1;
	facts.cpu_pressure = facts.memory_pressure = 0.01;
	facts.arenas_pid = 7;
}

static void stop(struct advise_cpu *level, uint64_t periods, uint64_t ns)
{
	level->after.throttled = periods;
	level->after.throttled_ns = ns;
}

/* The rules that speak, in order. */
static const char *rules(void)
{
	static char text[512];
	size_t n = advise_rules(&facts, said, ADVISE_MOST);

	*text = '\0';
	for (size_t i = 0; i < n; i++)
		sprintf(text + strlen(text), "%s%s", i ? " " : "", said[i].rule);
	return text;
}

START_TEST(test_nothing)
{
	ck_assert_str_eq(rules(), "");
	ck_assert(!advise_is_idle(&facts));
	facts.cpus = facts.memories = 0;
	ck_assert_str_eq(rules(), "");
}
END_TEST

START_TEST(test_threads)
{
	stop(facts.cpu, 5, SECOND / 10);
	facts.cpu[0].burst_us = UNKNOWN;
	facts.runnable = 8;
	facts.looks_above = 50;
	ck_assert_str_eq(rules(), "threads-over-quota");
	ck_assert_double_eq_tol(said[0].value, 1, 1e-9);
	facts.looks_above = 49;
	ck_assert_str_eq(rules(), "");
	facts.looks_above = 50;
	stop(facts.cpu, 4, SECOND / 10);
	ck_assert_str_eq(rules(), "");
	stop(facts.cpu, 5, SECOND / 10);
	facts.looks = facts.looks_above = 4;
	ck_assert_str_eq(rules(), "");
}
END_TEST

START_TEST(test_quota_too_small)
{
	stop(facts.cpu, 10, 3 * SECOND);
	facts.cpu[0].after.used_ns = 45 * SECOND / 10;
	facts.runnable = 3;
	ck_assert_str_eq(rules(), "quota-too-small");
	ck_assert_double_eq_tol(said[0].value, 0.8, 1e-9);	/* 0.45 used, 0.3 stood */
	facts.runnable = 0.7;					/* more than that never wanted to run */
	ck_assert_str_eq(rules(), "quota-too-small");
	ck_assert_double_eq_tol(said[0].value, 0.7, 1e-9);
	stop(facts.cpu, 9, 3 * SECOND);
	ck_assert_str_eq(rules(), "");
	stop(facts.cpu, 100, 90 * SECOND);
	facts.runnable = 100;
	ck_assert_str_eq(rules(), "quota-too-small");
	ck_assert_double_eq_tol(said[0].value, 4, 1e-9);	/* there are no more CPUs */
}
END_TEST

START_TEST(test_use_unknown)
{
	facts.cpu[0].before.used_ns = facts.cpu[0].after.used_ns = UNKNOWN;
	facts.use = facts.use_most = -1;
	ck_assert_str_eq(rules(), "");
	stop(facts.cpu, 50, 3 * SECOND);
	ck_assert_str_eq(rules(), "quota-too-small");
	stop(facts.cpu, 49, 3 * SECOND);
	ck_assert_str_eq(rules(), "");
}
END_TEST

START_TEST(test_ancestor)
{
	facts.cpu[1].after = (struct row_cpu){ 100000, 100000, 9 * SECOND, 100, 5, SECOND };
	ck_assert_str_eq(rules(), "ancestor-quota");
	ck_assert_str_eq(said[0].path, "/a");
	ck_assert_double_eq_tol(said[0].value, 1.3, 1e-9);
	stop(facts.cpu, 6, SECOND);				/* its own one is worse */
	facts.cpu[0].burst_us = UNKNOWN;
	ck_assert_str_eq(rules(), "");
}
END_TEST

START_TEST(test_burst)
{
	stop(facts.cpu, 5, SECOND);
	ck_assert_str_eq(rules(), "use-burst");
	ck_assert_double_eq_tol(said[0].value, 50000, 1e-9);
	facts.cpu[0].burst_us = 1;
	ck_assert_str_eq(rules(), "");
	facts.cpu[0].burst_us = UNKNOWN;
	ck_assert_str_eq(rules(), "");
	facts.cpu[0].burst_us = 0;
	facts.cpu[0].after.used_ns = 425 * SECOND / 100;	/* 85 %: it is used up */
	ck_assert_str_eq(rules(), "");
}
END_TEST

START_TEST(test_quota_too_large)
{
	facts.use_most = 0.125;
	ck_assert_str_eq(rules(), "quota-too-large");
	ck_assert_double_eq_tol(said[0].value, 0.2, 1e-9);
	facts.use_most = 0.126;
	ck_assert_str_eq(rules(), "");
	facts.use_most = facts.use = 0.019;
	ck_assert_str_eq(rules(), "");
	ck_assert(advise_is_idle(&facts));
}
END_TEST

START_TEST(test_cpus)
{
	facts.cpu[0].after.quota_us = 400000;
	facts.use_most = 2;
	ck_assert_str_eq(rules(), "");
	facts.cpu[0].after.quota_us = 400001;
	ck_assert_str_eq(rules(), "quota-above-cpus");
	ck_assert_ptr_nonnull(strstr(said[0].why, "this machine"));
	facts.limits.cpus = 2;
	ck_assert_str_eq(rules(), "quota-above-cpus");
	ck_assert_ptr_nonnull(strstr(said[0].why, "cpuset"));
	ck_assert_double_eq_tol(said[0].value, 2, 1e-9);
}
END_TEST

START_TEST(test_contention)
{
	facts.cpu_pressure = 0.2;
	ck_assert_str_eq(rules(), "cpu-contention");
	ck_assert_int_eq(said[0].setting, ADVISE_NOTHING);
	stop(facts.cpu, 1, 1000);				/* a stopped one waits, too */
	ck_assert_str_eq(rules(), "");
	stop(facts.cpu, 0, 0);
	facts.cpu_pressure = -1;
	ck_assert_str_eq(rules(), "");
}
END_TEST

START_TEST(test_memory)
{
	facts.memory[0].unreclaimable = 116 * MIB;
	ck_assert_str_eq(rules(), "memory-near-max");
	ck_assert_double_eq_tol(said[0].value, 155.0 * MIB, 1e-9);
	facts.memory[0].unreclaimable = 115 * MIB;
	ck_assert_str_eq(rules(), "");
	facts.memory[1].after.limit = 100 * MIB;		/* one above it is closer */
	facts.memory[1].unreclaimable = 91 * MIB;
	ck_assert_str_eq(rules(), "memory-near-max");
	ck_assert_str_eq(said[0].path, "/a");
	facts.memory[1].after.limit = UNKNOWN;
	facts.memory[1].after.high = 95 * MIB;
	ck_assert_str_eq(rules(), "memory-near-high");
	ck_assert_str_eq(said[0].path, "/a");
	ck_assert_ptr_null(strstr(said[0].what, "limit"));	/* 122 of 128 MiB */
	facts.memory[1].unreclaimable = 97 * MIB;		/* memory.high is of no use where it is above the limit */
	ck_assert_str_eq(rules(), "memory-near-high");
	ck_assert_ptr_nonnull(strstr(said[0].what, "and the limit of 128 MiB above it"));
	facts.memory[1].unreclaimable = 91 * MIB;
	facts.memory[1].after.high = 96 * MIB;
	ck_assert_str_eq(rules(), "");
}
END_TEST

START_TEST(test_oom)
{
	facts.memory[0].after.oom_kills = 2;
	facts.memory[0].before.oom_kills = 1;
	ck_assert_str_eq(rules(), "oom-kills");
	ck_assert_double_eq_tol(said[0].value, 192.0 * MIB, 1e-9);
	facts.memory[0].after.limit = UNKNOWN;
	ck_assert_str_eq(rules(), "oom-kills");
	ck_assert_int_eq(said[0].setting, ADVISE_NOTHING);
	facts.memory[0].after.oom_kills = UNKNOWN;
	ck_assert_str_eq(rules(), "");
}
END_TEST

START_TEST(test_memory_too_large)
{
	facts.memory[0].after.limit = 256 * MIB;
	ck_assert_str_eq(rules(), "memory-too-large");
	ck_assert_double_eq_tol(said[0].value, 96.0 * MIB, 1e-9);
	facts.memory[0].peak++;
	ck_assert_str_eq(rules(), "");
	facts.memory[0].peak = UNKNOWN;
	ck_assert_str_eq(rules(), "");
	facts.memory[0].peak = MIB;
	facts.memory[0].after.limit = 128 * MIB;		/* not worth a word */
	ck_assert_str_eq(rules(), "");
}
END_TEST

START_TEST(test_arenas)
{
	facts.arenas = 8;
	ck_assert_str_eq(rules(), "malloc-arenas");
	facts.arenas_pid = 0;
	ck_assert_str_eq(rules(), "");
	facts.arenas_pid = 7;
	facts.arenas = 7;
	ck_assert_str_eq(rules(), "");
	facts.arenas = 8;
	facts.memory[0].after.limit = UNKNOWN;
	ck_assert_str_eq(rules(), "");
}
END_TEST

static const char *command(const struct advice *advice, int place)
{
	static char room[1024];
	const char *text = advise_command(&facts, advice, place, room, sizeof(room));

	return text ? text : "none";
}

START_TEST(test_commands)
{
	struct advice one = { .setting = ADVISE_CPUS, .value = 1.5, .path = "/web.slice/it's.service/x", .period_us = 50000 };

	ck_assert_str_eq(command(&one, ADVISE_V2), "echo \"75000 50000\" >'/sys/fs/cgroup/web.slice/it'\\''s.service/x/cpu.max'");
	ck_assert_str_eq(command(&one, ADVISE_V1), "echo 75000 >'/sys/fs/cgroup/cpu/web.slice/it'\\''s.service/x/cpu.cfs_quota_us'");
	ck_assert_str_eq(command(&one, ADVISE_SYSTEMD), "systemctl set-property 'it'\\''s.service' CPUQuota=150%");
	ck_assert_str_eq(command(&one, ADVISE_KUBERNETES), "kubectl set resources deployment NAME --limits=cpu=1500m");
	ck_assert_str_eq(command(&one, ADVISE_START), "none");
	one = (struct advice){ .setting = ADVISE_MEMORY_MAX, .value = 64.0 * MIB, .path = "/" };
	facts.memory_version = 1;
	strcpy(facts.memory_mount, "/memory");
	ck_assert_str_eq(command(&one, ADVISE_V1), "echo 67108864 >'/memory/memory.limit_in_bytes'");
	ck_assert_str_eq(command(&one, ADVISE_V2), "echo 67108864 >'/sys/fs/cgroup/memory.max'");
	ck_assert_str_eq(command(&one, ADVISE_SYSTEMD), "systemctl set-property UNIT MemoryMax=67108864");
	ck_assert_str_eq(command(&one, ADVISE_KUBERNETES), "kubectl set resources deployment NAME --limits=memory=64Mi");
	one.setting = ADVISE_MEMORY_HIGH;
	ck_assert_str_eq(command(&one, ADVISE_V1), "none");
	ck_assert_str_eq(command(&one, ADVISE_KUBERNETES), "none");
	one.setting = ADVISE_BURST;
	ck_assert_str_eq(command(&one, ADVISE_V2), "echo 67108864 >'/sys/fs/cgroup/cpu.max.burst'");
	ck_assert_str_eq(command(&one, ADVISE_SYSTEMD), "none");
	one = (struct advice){ .setting = ADVISE_NOTHING, .value = 1, .path = "/" };
	for (int place = 0; place < ADVISE_PLACES; place++)
		ck_assert_str_eq(command(&one, place), "none");
}
END_TEST

START_TEST(test_places)
{
	struct advice one = { .setting = ADVISE_CPUS, .path = "/kubepods.slice/pod1.slice/x.scope" };

	ck_assert(advise_is_at(&facts, &one, ADVISE_V2));
	ck_assert(!advise_is_at(&facts, &one, ADVISE_V1));
	ck_assert(advise_is_at(&facts, &one, ADVISE_KUBERNETES));
	ck_assert(!advise_is_at(&facts, &one, ADVISE_SYSTEMD));
	one.path = "/system.slice/x.service";
	ck_assert(advise_is_at(&facts, &one, ADVISE_SYSTEMD));
	ck_assert(!advise_is_at(&facts, &one, ADVISE_KUBERNETES));
	one.path = "/.service/web";
	ck_assert(!advise_is_at(&facts, &one, ADVISE_SYSTEMD));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_nothing, test_threads, test_quota_too_small, test_use_unknown, test_ancestor, test_burst, test_quota_too_large,
		test_cpus, test_contention, test_memory, test_oom, test_memory_too_large, test_arenas, test_commands, test_places,
	};
	Suite *suite = suite_create("advise");
	TCase *all = tcase_create("all");

	tcase_add_checked_fixture(all, setup, NULL);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(all, tests[i]);
	suite_add_tcase(suite, all);
	return suite_run(suite);
}
