/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-table - which variables of language runtimes get which value, and whose they are */
#include "suite.h"
#include "table.h"
#include "util.h"

#include <string.h>

#define MIB (UINT64_C(1) << 20)
#define NONE CGTUNE_UNLIMITED
#define EVERY_GROUP UINT64_C(0x3FF)
#define DEFAULT ENV_GROUP_BIT(ENV_GROUP_DEFAULT)

static struct table table;

/* The value that the table wants to give; NULL: it does not touch the variable; "-": it unsets it. */
static const char *value_of(const char *name)
{
	for (unsigned i = 0; i < table.count; i++)
		if (strcmp(table.changes[i].name, name) == 0)
			return table.changes[i].value ? table.changes[i].value : "-";
	return NULL;
}

static void make(uint32_t threads, uint64_t budget, uint64_t limit, uint64_t groups)
{
	struct cgtune_plan plan = {
		.size = sizeof(plan), .threads = threads, .cpus = 8, .memory = budget,
		.tuned = (threads < 8 ? CGTUNE_CPU : 0) | (budget != NONE ? CGTUNE_MEMORY : 0),
	};

	table_make(&(struct table_input){
		.plan = &plan, .memory = limit, .groups = groups, .known = TABLE_ALL_GROUPS,
	}, &table);
}

/* All groups, 3 threads of 8 CPUs, 1 GiB of which 921 MiB are the budget. */
static const struct {
	const char *name, *value;
} all[] = {
	{ "OMP_NUM_THREADS", "3" }, { "GOMAXPROCS", "3" }, { "GOMEMLIMIT", "921MiB" },
	{ "OPENBLAS_NUM_THREADS", "3" }, { "MKL_NUM_THREADS", "3" }, { "BLIS_NUM_THREADS", "3" },
	{ "NUMEXPR_NUM_THREADS", "3" }, { "NUMEXPR_MAX_THREADS", "3" },
	{ "RAYON_NUM_THREADS", "3" }, { "TOKIO_WORKER_THREADS", "3" }, { "POLARS_MAX_THREADS", "3" },
	{ "DOTNET_PROCESSOR_COUNT", "3" }, { "DOTNET_GCHeapHardLimit", "30000000" },
	{ "JAVA_TOOL_OPTIONS", "-XX:ActiveProcessorCount=3 -XX:MaxRAM=1024m" },
	{ "NODE_OPTIONS", "--max-old-space-size=768" }, { "ERL_AFLAGS", "+S 3:3" },
	{ "MAGICK_THREAD_LIMIT", "3" }, { "MAGICK_MEMORY_LIMIT", "512MiB" },
	{ "CMAKE_BUILD_PARALLEL_LEVEL", "3" }, { "CARGO_BUILD_JOBS", "3" }, { "CTEST_PARALLEL_LEVEL", "3" },
	{ "PYTHON_CPU_COUNT", "3" },
};

static void clear(void)
{
	ck_assert_int_eq(clearenv(), 0);
}

START_TEST(each_variable_has_its_formula)
{
	clear();
	make(3, 921 * MIB + 1, 1024 * MIB, EVERY_GROUP);
	ck_assert_uint_eq(table.count, TABLE_VARIABLES + 1);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		char entry[256];

		ck_assert_str_eq(value_of(all[i].name), all[i].value);
		snprintf(entry, sizeof(entry), "%s=%s", all[i].name, all[i].value);
		ck_assert_str_eq(table.changes[i].entry, entry);
		ck_assert_ptr_nonnull(strstr(value_of("CGTUNE_SET"), entry));
	}
}
END_TEST

START_TEST(the_default_is_three_variables)
{
	clear();
	make(1, 460 * MIB, 512 * MIB, DEFAULT);
	ck_assert_uint_eq(table.count, 4);
	ck_assert_str_eq(value_of("CGTUNE_SET"), "OMP_NUM_THREADS=1;GOMAXPROCS=2;GOMEMLIMIT=460MiB;");
}
END_TEST

START_TEST(nothing_without_limits_or_groups)
{
	clear();
	make(8, NONE, NONE, EVERY_GROUP);
	ck_assert_uint_eq(table.count, 0);
	make(1, 460 * MIB, 512 * MIB, 0);
	ck_assert_uint_eq(table.count, 0);
}
END_TEST

START_TEST(one_resource_alone)
{
	clear();
	make(2, NONE, NONE, EVERY_GROUP);
	ck_assert_str_eq(value_of("JAVA_TOOL_OPTIONS"), "-XX:ActiveProcessorCount=2");
	ck_assert_ptr_null(value_of("GOMEMLIMIT"));
	ck_assert_ptr_null(value_of("NODE_OPTIONS"));
	make(8, 460 * MIB, 512 * MIB, EVERY_GROUP);
	ck_assert_str_eq(value_of("JAVA_TOOL_OPTIONS"), "-XX:MaxRAM=512m");
	ck_assert_ptr_null(value_of("OMP_NUM_THREADS"));
}
END_TEST

/* Runtimes cannot live in less than 64 MiB: there they are left alone. */
START_TEST(little_memory_is_left_alone)
{
	clear();
	make(8, 64 * MIB - 1, 64 * MIB - 1, EVERY_GROUP);
	ck_assert_uint_eq(table.count, 0);
	make(8, 64 * MIB, 64 * MIB, DEFAULT);
	ck_assert_str_eq(value_of("GOMEMLIMIT"), "64MiB");
}
END_TEST

START_TEST(what_the_user_set_stays)
{
	clear();
	setenv("OMP_NUM_THREADS", "5", 1);
	setenv("JAVA_TOOL_OPTIONS", "-Xmx1g", 1);
	make(3, NONE, NONE, EVERY_GROUP);
	ck_assert_ptr_null(value_of("OMP_NUM_THREADS"));
	ck_assert_ptr_null(value_of("JAVA_TOOL_OPTIONS"));
	ck_assert_ptr_null(strstr(value_of("CGTUNE_SET"), "OMP_NUM_THREADS"));
	ck_assert_ptr_null(strstr(value_of("CGTUNE_SET"), "JAVA"));
}
END_TEST

/* As a child finds it in a smaller cgroup, in one like its parent's, and in one without limits. */
START_TEST(what_is_ours_follows_the_limits)
{
	clear();
	setenv("OMP_NUM_THREADS", "2", 1);
	setenv("GOMAXPROCS", "2", 1);
	setenv("ERL_AFLAGS", "+S 2:2", 1);
	setenv("CGTUNE_SET", "OMP_NUM_THREADS=2;GOMAXPROCS=2;ERL_AFLAGS=+S 2:2;", 1);
	make(1, NONE, NONE, DEFAULT);
	ck_assert_str_eq(value_of("OMP_NUM_THREADS"), "1");
	ck_assert_ptr_null(value_of("GOMAXPROCS"));		/* Go's least is 2 */
	ck_assert_str_eq(value_of("ERL_AFLAGS"), "-");		/* no longer asked for */
	ck_assert_str_eq(value_of("CGTUNE_SET"), "OMP_NUM_THREADS=1;GOMAXPROCS=2;");
	make(2, NONE, NONE, EVERY_GROUP & (DEFAULT | ENV_GROUP_BIT(ENV_GROUP_ERLANG)));
	ck_assert_uint_eq(table.count, 0);
	make(8, NONE, NONE, EVERY_GROUP);
	ck_assert_uint_eq(table.count, 4);
	for (unsigned i = 0; i < table.count; i++)
		ck_assert_ptr_null(table.changes[i].value);
}
END_TEST

/* A marker that has no room left, with entries of a later version, still gets all of ours. */
START_TEST(a_full_marker_has_room_for_ours)
{
	char marker[8000] = "", *p = marker;

	clear();
	for (int i = 0; i < 300; i++)
		p += sprintf(p, "LATER_VERSION_%d=1;", i);
	setenv("CGTUNE_SET", marker, 1);
	make(3, 921 * MIB, 1024 * MIB, EVERY_GROUP);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		ck_assert(env_is_ours(value_of("CGTUNE_SET"), all[i].name, all[i].value));
	ck_assert(env_is_ours(value_of("CGTUNE_SET"), "LATER_VERSION_0", "1"));
	ck_assert_uint_lt(strlen(value_of("CGTUNE_SET")), TABLE_MARKER_SIZE);
}
END_TEST

static const struct {
	const char *text;
	uint64_t groups;
	bool refused;
} lists[] = {
	{ "0", 0, false },
	{ "java", DEFAULT | ENV_GROUP_BIT(ENV_GROUP_JAVA), false },
	{ "blas,python", DEFAULT | ENV_GROUP_BIT(ENV_GROUP_BLAS) | ENV_GROUP_BIT(ENV_GROUP_PYTHON), false },
	{ "rust,dotnet,node,erlang,magick,build,blas,java,python", EVERY_GROUP, false },
	{ "", 0, true }, { "java,", 0, true }, { ",java", 0, true }, { "Java", 0, true }, { "java node", 0, true },
	{ "jav", 0, true }, { "javax", 0, true }, { "1", 0, true }, { "0,java", 0, true },
};

START_TEST(lists_of_groups)
{
	uint64_t groups = 12345;
	int r = env_groups(lists[_i].text, &groups);

	ck_assert_msg((r < 0) == lists[_i].refused, "'%s': %d", lists[_i].text, r);
	ck_assert_uint_eq(groups, lists[_i].refused ? 12345 : lists[_i].groups);
}
END_TEST

/* Those of the preload object. */
START_TEST(views_and_pinning)
{
	struct cgtune_options options = { .size = sizeof(options) };
	struct env env;

	setenv("CGTUNE_FILES", "stat,meminfo", 1);
	setenv("CGTUNE_PIN", "ignore", 1);
	env_read(&options, &env);
	ck_assert_uint_eq(env.value[ENV_FILES], 1u << ENV_FILE_MEMINFO | 1u << ENV_FILE_STAT);
	ck_assert_uint_eq(env.value[ENV_PIN], 1);
	ck_assert_uint_eq(env.refused, 0);
	setenv("CGTUNE_FILES", "meminfo,vmstat", 1);
	setenv("CGTUNE_PIN", "1", 1);
	env_read(&options, &env);
	ck_assert_uint_eq(env.refused, ENV_BIT(ENV_FILES) | ENV_BIT(ENV_PIN));
	unsetenv("CGTUNE_FILES");
	unsetenv("CGTUNE_PIN");
}
END_TEST

START_TEST(the_memory_of_a_program)
{
	struct cgtune_limits limits = { .memory = 5, .memory_high = 3 };

	ck_assert_uint_eq(table_memory(&limits), 5);
	limits.memory = NONE;
	ck_assert_uint_eq(table_memory(&limits), 3);
	limits.memory_high = NONE;
	ck_assert_uint_eq(table_memory(&limits), NONE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("table");
	TCase *tcase = tcase_create("table");

	tcase_add_test(tcase, each_variable_has_its_formula);
	tcase_add_test(tcase, the_default_is_three_variables);
	tcase_add_test(tcase, nothing_without_limits_or_groups);
	tcase_add_test(tcase, one_resource_alone);
	tcase_add_test(tcase, little_memory_is_left_alone);
	tcase_add_test(tcase, what_the_user_set_stays);
	tcase_add_test(tcase, what_is_ours_follows_the_limits);
	tcase_add_test(tcase, a_full_marker_has_room_for_ours);
	tcase_add_loop_test(tcase, lists_of_groups, 0, ARRAY_SIZE(lists));
	tcase_add_test(tcase, views_and_pinning);
	tcase_add_test(tcase, the_memory_of_a_program);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
