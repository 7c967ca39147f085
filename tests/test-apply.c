/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-apply - what is set, what is left alone, and that undo leaves no trace */
#include "cgtune.h"
#include "machine.h"
#include "suite.h"
#include "util.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define NONE CGTUNE_UNLIMITED
#define BOTH (CGTUNE_CPU | CGTUNE_MEMORY)

/* Runtimes that are "already loaded": this program exports what theirs would. */
_public_ int omp_get_max_threads(void);
_public_ void omp_set_num_threads(int n);
_public_ int openblas_get_num_threads(void);
_public_ void openblas_set_num_threads(int n);
static int omp = 16, openblas = 12;
static unsigned calls;

int omp_get_max_threads(void)
{
	return omp;
}

void omp_set_num_threads(int n)
{
	omp = n;
	calls++;
}

int openblas_get_num_threads(void)
{
	return openblas;
}

void openblas_set_num_threads(int n)
{
	openblas = n;
	calls++;
}

/* Linked with -Wl,--wrap=strdup,--wrap=setenv,--wrap=unsetenv: the fail_at-th of them fails, counted from 1. */
static struct {
	int calls, fail_at;
	bool from_then_on;
} fault;

char *__real_strdup(const char *text);
int __real_setenv(const char *name, const char *value, int overwrite);
int __real_unsetenv(const char *name);
char *__wrap_strdup(const char *text);
int __wrap_setenv(const char *name, const char *value, int overwrite);
int __wrap_unsetenv(const char *name);

static bool fails(void)
{
	fault.calls++;
	if (!fault.fail_at || fault.calls < fault.fail_at || (fault.calls > fault.fail_at && !fault.from_then_on))
		return false;
	errno = ENOMEM;
	return true;
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

int __wrap_setenv(const char *name, const char *value, int overwrite)
{
	return fails() ? -1 : __real_setenv(name, value, overwrite);
}

int __wrap_unsetenv(const char *name)
{
	return fails() ? -1 : __real_unsetenv(name);
}

static struct cgtune_plan plan_of(uint32_t threads, uint64_t memory, uint32_t tuned)
{
	return (struct cgtune_plan){
		.size = sizeof(struct cgtune_plan), .threads = threads, .memory = memory,
		.tuned = tuned, .limited = tuned, .cpus = 8,
	};
}

/* Nothing but these, beside one that is nobody's business. */
static void set_all(const char *const *variables)
{
	ck_assert_int_eq(clearenv(), 0);
	setenv("OTHER", "1", 1);
	for (; *variables; variables++)
		ck_assert_int_eq(putenv((char *)*variables), 0);
}

static void set_none(void)
{
	static const char *const none[] = { NULL };

	set_all(none);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The whole environment, sorted: setenv(3) puts what was unset at the end. */
static char *environment_copy(void)
{
	char *copy = NULL, **sorted;
	size_t count = 0, size;
	FILE *out = open_memstream(&copy, &size);

	while (environ[count])
		count++;
	sorted = calloc(count + 1, sizeof(*sorted));
	memcpy(sorted, environ, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), compare);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s\n", sorted[i]);
	fclose(out);
	free(sorted);
	return copy;
}

static void check_variable(const char *name, const char *want)
{
	const char *value = getenv(name);

	if (!value != !want || (want && strcmp(value, want) != 0))
		ck_abort_msg("%s is %s, expected %s", name, value ? value : "unset", want ? want : "unset");
}

/* From an environment and a plan to what the three variables and the marker then hold. */
static const struct {
	const char *rule, *before[4];
	uint32_t threads;
	uint64_t memory;
	uint32_t tuned;
	const char *omp, *gomaxprocs, *gomemlimit, *marker;	/* NULL: unset */
} rows[] = {
	{ "all of them", { NULL }, 3, 512 * MIB, BOTH, "3", "3", "512MiB",
	  "OMP_NUM_THREADS=3;GOMAXPROCS=3;GOMEMLIMIT=512MiB;" },
	{ "no limits", { NULL }, 8, NONE, 0, NULL, NULL, NULL, NULL },
	{ "only CPU", { NULL }, 3, NONE, CGTUNE_CPU, "3", "3", NULL, "OMP_NUM_THREADS=3;GOMAXPROCS=3;" },
	{ "only memory", { NULL }, 8, GIB, CGTUNE_MEMORY, NULL, NULL, "1024MiB", "GOMEMLIMIT=1024MiB;" },
	{ "Go runs at least two", { NULL }, 1, NONE, CGTUNE_CPU, "1", "2", NULL, "OMP_NUM_THREADS=1;GOMAXPROCS=2;" },
	{ "whole MiB, rounded down", { NULL }, 8, 966367641, CGTUNE_MEMORY, NULL, NULL, "921MiB", "GOMEMLIMIT=921MiB;" },
	{ "64 MiB", { NULL }, 8, 64 * MIB, CGTUNE_MEMORY, NULL, NULL, "64MiB", "GOMEMLIMIT=64MiB;" },
	{ "below 64 MiB", { NULL }, 8, 64 * MIB - 1, CGTUNE_MEMORY, NULL, NULL, NULL, NULL },
	{ "user's OMP_NUM_THREADS", { "OMP_NUM_THREADS=7" }, 3, GIB, BOTH, "7", "3", "1024MiB",
	  "GOMAXPROCS=3;GOMEMLIMIT=1024MiB;" },
	{ "user's GOMAXPROCS", { "GOMAXPROCS=7" }, 3, GIB, BOTH, "3", "7", "1024MiB",
	  "OMP_NUM_THREADS=3;GOMEMLIMIT=1024MiB;" },
	{ "user's GOMEMLIMIT", { "GOMEMLIMIT=off" }, 3, GIB, BOTH, "3", "3", "off", "OMP_NUM_THREADS=3;GOMAXPROCS=3;" },
	{ "user's rubbish", { "OMP_NUM_THREADS=many", "GOMAXPROCS=x", "GOMEMLIMIT=y" }, 3, GIB, BOTH,
	  "many", "x", "y", NULL },
	{ "set but empty is unset", { "OMP_NUM_THREADS=", "GOMAXPROCS=", "GOMEMLIMIT=" }, 3, GIB, BOTH, "3", "3", "1024MiB",
	  "OMP_NUM_THREADS=3;GOMAXPROCS=3;GOMEMLIMIT=1024MiB;" },
	{ "user's value that is the same as ours", { "GOMAXPROCS=3" }, 3, NONE, CGTUNE_CPU, "3", "3", NULL,
	  "OMP_NUM_THREADS=3;" },
	/* In a process whose parent was tuned. */
	{ "outer values are replaced", { "GOMAXPROCS=6", "OMP_NUM_THREADS=6", "CGTUNE_SET=OMP_NUM_THREADS=6;GOMAXPROCS=6;" },
	  3, NONE, CGTUNE_CPU, "3", "3", NULL, "OMP_NUM_THREADS=3;GOMAXPROCS=3;" },
	{ "outer value is taken back where nothing limits", { "GOMAXPROCS=6", "CGTUNE_SET=GOMAXPROCS=6;" },
	  8, NONE, 0, NULL, NULL, NULL, NULL },
	{ "outer value that the user changed", { "GOMAXPROCS=5", "CGTUNE_SET=GOMAXPROCS=6;" },
	  3, NONE, CGTUNE_CPU, "3", "5", NULL, "OMP_NUM_THREADS=3;" },
	{ "foreign entries are kept", { "CGTUNE_SET=OPENBLAS_NUM_THREADS=4;JAVA_TOOL_OPTIONS=-XX:A=1 -B;" },
	  3, NONE, CGTUNE_CPU, "3", "3", NULL,
	  "OPENBLAS_NUM_THREADS=4;JAVA_TOOL_OPTIONS=-XX:A=1 -B;OMP_NUM_THREADS=3;GOMAXPROCS=3;" },
	{ "a foreign name that begins like ours", { "CGTUNE_SET=GOMAXPROCSX=4;" }, 3, NONE, CGTUNE_CPU, "3", "3", NULL,
	  "GOMAXPROCSX=4;OMP_NUM_THREADS=3;GOMAXPROCS=3;" },
};

/* Each row leaves the environment as it was, to the byte, after undo. */
START_TEST(row)
{
	struct cgtune_plan plan = plan_of(rows[_i].threads, rows[_i].memory, rows[_i].tuned);
	char *before, *after;

	set_all(rows[_i].before);
	before = environment_copy();
	ck_assert_int_eq(cgtune_apply(&plan), 0);
	check_variable("OMP_NUM_THREADS", rows[_i].omp);
	check_variable("GOMAXPROCS", rows[_i].gomaxprocs);
	check_variable("GOMEMLIMIT", rows[_i].gomemlimit);
	check_variable("CGTUNE_SET", rows[_i].marker);
	ck_assert_int_eq(cgtune_undo(), 0);
	after = environment_copy();
	ck_assert_msg(strcmp(before, after) == 0, "%s: undo left another environment:\n%s-- before:\n%s",
		      rows[_i].rule, after, before);
	free(before);
	free(after);
}
END_TEST

/* Markers as an outer cgtune, a preload or a person may leave them: undo gives them back as they were. */
static const char *const markers[][4] = {
	{ "CGTUNE_SET=", NULL },
	{ "CGTUNE_SET=X=1", NULL },
	{ "CGTUNE_SET=;;X=1;;", NULL },
	{ "GOMAXPROCS=6", "OMP_NUM_THREADS=6", "CGTUNE_SET=GOMAXPROCS=6;X=1;OMP_NUM_THREADS=6;", NULL },
	{ "GOMAXPROCS=5", "CGTUNE_SET=GOMAXPROCS=6;", NULL },
	{ "GOMAXPROCS=6", "CGTUNE_SET=GOMAXPROCS=6", NULL },
	{ "GOMAXPROCS=0000000000000000000000000000000000000006",
	  "CGTUNE_SET=GOMAXPROCS=0000000000000000000000000000000000000006;", NULL },
};

START_TEST(marker_comes_back)
{
	struct cgtune_plan plan = plan_of(3, GIB, BOTH);
	char *before, *after;

	set_all(markers[_i]);
	before = environment_copy();
	ck_assert_int_eq(cgtune_apply(&plan), 0);
	ck_assert_int_eq(cgtune_undo(), 0);
	after = environment_copy();
	ck_assert_msg(strcmp(before, after) == 0, "undo left another environment:\n%s-- before:\n%s", after, before);
	free(before);
	free(after);
}
END_TEST

START_TEST(no_limits_leave_the_marker_of_others_alone)
{
	static const char *const variables[] = { "CGTUNE_SET=X=1", "OMP_NUM_THREADS=4", NULL };
	struct cgtune_plan plan = plan_of(8, NONE, 0);
	char *before, *after;

	set_all(variables);
	before = environment_copy();
	ck_assert_int_eq(cgtune_apply(&plan), 0);
	after = environment_copy();
	ck_assert_str_eq(after, before);
	free(before);
	free(after);
}
END_TEST

/* Without limits, and with what an outer cgtune gave: values are set, replaced and taken away. */
static const char *const outer[] = {
	"CGTUNE_SET=OMP_NUM_THREADS=6;GOMAXPROCS=6;GOMEMLIMIT=2048MiB;", "OMP_NUM_THREADS=6", "GOMAXPROCS=6",
	"GOMEMLIMIT=2048MiB", NULL,
};

/* A call fails at each point: -ENOMEM, and once it is the only one that does, the environment is as before. */
static int apply_points(const char *const *variables, struct cgtune_plan plan, bool from_then_on)
{
	int n = 0, made, r = -ENOMEM;

	while (r < 0) {
		char *before, *after;

		set_all(variables);
		before = environment_copy();
		fault.from_then_on = from_then_on;
		fault.calls = 0;
		fault.fail_at = ++n;
		r = cgtune_apply(&plan);
		made = fault.calls;
		fault.fail_at = 0;
		after = environment_copy();
		ck_assert_msg(r == 0 || r == -ENOMEM, "point %d: %d", n, r);
		ck_assert_msg(r == 0 || from_then_on || strcmp(before, after) == 0,
			      "point %d left another environment:\n%s-- before:\n%s", n, after, before);
		ck_assert_msg(r < 0 || made < n, "point %d failed, and nobody says so", n);
		free(before);
		free(after);
		cgtune_undo();
	}
	return n - 1;
}

/* The same of undo, which goes on with the others. */
static int undo_points(bool from_then_on)
{
	struct cgtune_plan plan = plan_of(3, GIB, BOTH);
	int n = 0, r = -ENOMEM;

	while (r < 0) {
		set_all(outer);
		ck_assert_int_eq(cgtune_apply(&plan), 0);
		fault.from_then_on = from_then_on;
		fault.calls = 0;
		fault.fail_at = ++n;
		r = cgtune_undo();
		fault.fail_at = 0;
		ck_assert_msg(r == (fault.calls < n ? 0 : -ENOMEM), "point %d: %d", n, r);
		ck_assert_int_eq(cgtune_undo(), 0);
	}
	return n - 1;
}

START_TEST(every_call_fails_in_turn)
{
	static const char *const none[] = { NULL };
	int points = 0;

	for (int mode = 0; mode < 2; mode++) {
		points += apply_points(none, plan_of(3, GIB, BOTH), mode);
		points += apply_points(outer, plan_of(3, GIB, BOTH), mode);
		points += apply_points(outer, plan_of(8, NONE, 0), mode);
		points += undo_points(mode);
	}
	ck_assert_int_gt(points, 60);
}
END_TEST

START_TEST(second_apply_replaces_the_first)
{
	struct cgtune_plan first = plan_of(3, GIB, BOTH), second = plan_of(5, 128 * MIB, BOTH),
			   third = plan_of(8, NONE, 0);
	char *before, *after;

	set_none();
	before = environment_copy();
	ck_assert_int_eq(cgtune_apply(&first), 0);
	ck_assert_int_eq(cgtune_apply(&first), 0);
	check_variable("CGTUNE_SET", "OMP_NUM_THREADS=3;GOMAXPROCS=3;GOMEMLIMIT=1024MiB;");
	ck_assert_int_eq(cgtune_apply(&second), 0);
	check_variable("OMP_NUM_THREADS", "5");
	check_variable("GOMEMLIMIT", "128MiB");
	check_variable("CGTUNE_SET", "OMP_NUM_THREADS=5;GOMAXPROCS=5;GOMEMLIMIT=128MiB;");
	ck_assert_int_eq(cgtune_apply(&third), 0);
	check_variable("OMP_NUM_THREADS", NULL);
	check_variable("CGTUNE_SET", NULL);
	ck_assert_int_eq(cgtune_apply(&second), 0);
	ck_assert_int_eq(cgtune_undo(), 0);
	after = environment_copy();
	ck_assert_str_eq(after, before);
	free(before);
	free(after);
}
END_TEST

/* What the user sets between apply and undo is the user's. */
START_TEST(undo_leaves_a_changed_value_alone)
{
	struct cgtune_plan plan = plan_of(3, GIB, BOTH);

	set_none();
	ck_assert_int_eq(cgtune_apply(&plan), 0);
	setenv("GOMAXPROCS", "4", 1);
	unsetenv("GOMEMLIMIT");
	ck_assert_int_eq(cgtune_undo(), 0);
	check_variable("OMP_NUM_THREADS", NULL);
	check_variable("GOMAXPROCS", "4");
	check_variable("GOMEMLIMIT", NULL);
	check_variable("CGTUNE_SET", NULL);
}
END_TEST

START_TEST(undo_restores_an_outer_value)
{
	static const char *const variables[] = { "GOMAXPROCS=6", "CGTUNE_SET=GOMAXPROCS=6;", NULL };
	struct cgtune_plan plan = plan_of(3, GIB, BOTH);

	set_all(variables);
	ck_assert_int_eq(cgtune_apply(&plan), 0);
	check_variable("GOMAXPROCS", "3");
	ck_assert_int_eq(cgtune_undo(), 0);
	check_variable("GOMAXPROCS", "6");
	check_variable("OMP_NUM_THREADS", NULL);
	check_variable("CGTUNE_SET", "GOMAXPROCS=6;");
}
END_TEST

START_TEST(undo_without_apply_does_nothing)
{
	static const char *const variables[] = { "GOMAXPROCS=6", "OMP_NUM_THREADS=5", "CGTUNE_SET=GOMAXPROCS=6;X", NULL };
	char *before, *after;

	set_all(variables);
	before = environment_copy();
	ck_assert_int_eq(cgtune_undo(), 0);
	ck_assert_int_eq(cgtune_undo(), 0);
	after = environment_copy();
	ck_assert_str_eq(after, before);
	free(before);
	free(after);
}
END_TEST

START_TEST(undo_twice_is_undo_once)
{
	struct cgtune_plan plan = plan_of(3, GIB, BOTH);

	set_none();
	ck_assert_int_eq(cgtune_apply(&plan), 0);
	ck_assert_int_eq(cgtune_undo(), 0);
	setenv("GOMAXPROCS", "3", 1);	/* by the user, as it happens the same value */
	ck_assert_int_eq(cgtune_undo(), 0);
	check_variable("GOMAXPROCS", "3");
}
END_TEST

START_TEST(plan_that_is_none)
{
	struct cgtune_plan plan = plan_of(3, GIB, BOTH);
	char *before, *after;

	set_none();
	before = environment_copy();
	ck_assert_int_eq(cgtune_apply(NULL), -EINVAL);
	plan.size--;
	ck_assert_int_eq(cgtune_apply(&plan), -EINVAL);
	plan = plan_of(0, GIB, BOTH);	/* no plan has 0 threads */
	ck_assert_int_eq(cgtune_apply(&plan), -EINVAL);
	after = environment_copy();
	ck_assert_str_eq(after, before);
	free(before);
	free(after);
}
END_TEST

/* Runtimes are called only when the option asks for it. */
START_TEST(runtimes_are_left_alone)
{
	struct cgtune_plan plan = plan_of(3, GIB, BOTH);

	set_none();
	ck_assert_int_eq(cgtune_apply(&plan), 0);
	ck_assert_int_eq(cgtune_undo(), 0);
	ck_assert_uint_eq(calls, 0);
}
END_TEST

START_TEST(runtimes_are_called_and_called_back)
{
	struct cgtune_plan plan = plan_of(3, GIB, BOTH), other = plan_of(5, GIB, BOTH);

	set_none();
	plan.flags = other.flags = CGTUNE_CALL_RUNTIMES;
	ck_assert_int_eq(cgtune_apply(&plan), 0);
	ck_assert_int_eq(omp, 3);
	ck_assert_int_eq(openblas, 3);
	ck_assert_int_eq(cgtune_apply(&other), 0);
	ck_assert_int_eq(omp, 5);
	ck_assert_int_eq(cgtune_undo(), 0);
	ck_assert_int_eq(omp, 16);
	ck_assert_int_eq(openblas, 12);
	calls = 0;
	ck_assert_int_eq(cgtune_undo(), 0);
	ck_assert_uint_eq(calls, 0);
}
END_TEST

START_TEST(runtimes_are_not_called_without_a_cpu_limit)
{
	struct cgtune_plan plan = plan_of(8, GIB, CGTUNE_MEMORY);

	set_none();
	plan.flags = CGTUNE_CALL_RUNTIMES;
	ck_assert_int_eq(cgtune_apply(&plan), 0);
	ck_assert_int_eq(cgtune_undo(), 0);
	ck_assert_uint_eq(calls, 0);
}
END_TEST

START_TEST(runtimes_get_an_int)
{
	struct cgtune_plan plan = plan_of(UINT32_MAX - 1, GIB, BOTH);

	set_none();
	plan.cpus = UINT32_MAX;
	plan.flags = CGTUNE_CALL_RUNTIMES;
	ck_assert_int_eq(cgtune_apply(&plan), 0);
	ck_assert_int_gt(omp, 0);
	ck_assert_int_eq(cgtune_undo(), 0);
}
END_TEST

/* From end to end: init on a machine, and a child of it on the same one. */
START_TEST(init_and_undo)
{
	struct machine machine;
	char *before, *after;

	machine_make(&machine);
	machine_limit(&machine);
	set_none();
	before = environment_copy();
	ck_assert_int_eq(cgtune_init_with(&machine.options), BOTH);
	check_variable("OMP_NUM_THREADS", "3");
	check_variable("GOMAXPROCS", "3");
	check_variable("GOMEMLIMIT", "921MiB");
	ck_assert_int_eq(cgtune_undo(), 0);
	after = environment_copy();
	ck_assert_str_eq(after, before);
	machine_remove(&machine);
	free(before);
	free(after);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("apply");
	TCase *table = tcase_create("rows"), *old = tcase_create("markers"), *rest = tcase_create("rest"),
	      *runtimes = tcase_create("runtimes");

	setenv("CK_FORK", "yes", 1);	/* what is applied is remembered by the process */
	tcase_add_loop_test(table, row, 0, ARRAY_SIZE(rows));
	suite_add_tcase(suite, table);
	tcase_add_loop_test(old, marker_comes_back, 0, ARRAY_SIZE(markers));
	tcase_add_test(old, no_limits_leave_the_marker_of_others_alone);
	suite_add_tcase(suite, old);
	tcase_add_test(rest, every_call_fails_in_turn);
	tcase_add_test(rest, second_apply_replaces_the_first);
	tcase_add_test(rest, undo_leaves_a_changed_value_alone);
	tcase_add_test(rest, undo_restores_an_outer_value);
	tcase_add_test(rest, undo_without_apply_does_nothing);
	tcase_add_test(rest, undo_twice_is_undo_once);
	tcase_add_test(rest, plan_that_is_none);
	tcase_add_test(rest, init_and_undo);
	suite_add_tcase(suite, rest);
	tcase_add_test(runtimes, runtimes_are_left_alone);
	tcase_add_test(runtimes, runtimes_are_called_and_called_back);
	tcase_add_test(runtimes, runtimes_are_not_called_without_a_cpu_limit);
	tcase_add_test(runtimes, runtimes_get_an_int);
	suite_add_tcase(suite, runtimes);
	return suite_run(suite);
}
