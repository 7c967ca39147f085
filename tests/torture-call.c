/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* torture-call - functions of a library are tortured: how each point is run, and what every one is judged by */
#include "torture-call.h"
#include "fail.h"
#include "machine.h"
#include "suite.h"

#include <string.h>
#include <sys/wait.h>

#define WRONG_SIZE 512

static const struct call_suite *suite;
static unsigned *points;		/* over all forked tests */
static char *wrong;			/* what the child has to say */

void complain(const char *what)
{
	if (!wrong[0])
		snprintf(wrong, WRONG_SIZE, "%s", what);
}

static void complain_if(const char *what)
{
	if (what)
		complain(what);
}

struct attempt {
	const struct call *call;
	const struct torture *torture;
};

static void judge_failure(const struct attempt *a, int r, unsigned descriptors, long blocks)
{
	if (!a->torture->at ? !(a->call->flags & LACKS) : !suite->is_documented(r, a->torture))
		complain(strerror(-r));
	if (!(a->call->flags & WATCHED) && descriptors_open() != descriptors)
		complain("it fails, and a descriptor is left open or closed");
	if (a->call->flags & GIVES_BACK && fail_live() != blocks)
		complain("it fails, and memory is left allocated");
}

static int attempt(void *user)
{
	const struct attempt *a = user;
	const struct call *call = a->call;
	unsigned descriptors;
	long blocks;
	int r;

	if (suite->prepare)
		suite->prepare(call);
	call->before();
	descriptors = descriptors_open();
	blocks = fail_live();
	torture_arm(a->torture);
	r = call->run();
	torture_disarm();
	if (r < 0)
		judge_failure(a, r, descriptors, blocks);
	complain_if(suite->judge(call, a->torture, r));
	if (call->after)
		complain_if(call->after(r));
	if (!(call->flags & KEEPS) && descriptors_open() != descriptors)
		complain("a descriptor is left open or closed");
	if (!(call->flags & KEEPS) && fail_live() != blocks)
		complain("memory is left allocated");
	return 0;
}

static void try_point(struct torture *t, void *user)
{
	struct attempt a = { user, t };
	char room[512];

	if (suite->before_point)
		suite->before_point(a.call);
	torture_run(t, attempt, &a);
	if (t->hung)
		complain("it does not end");
	else if (t->status)
		complain(WIFSIGNALED(t->status) ? strsignal(WTERMSIG(t->status)) : "it ends with a status");
	ck_assert_msg(!wrong[0], "%s, %s: %s", a.call->name, torture_says(t, room, sizeof(room)), wrong);
	if (suite->after_point)
		suite->after_point(a.call);
}

/* The fault-free run must be right, or nothing is learnt from the others. */
static void try_call(const struct call *call, enum torture_kind kind)
{
	struct torture none = { .kind = kind };

	if (suite->before)
		suite->before(call);
	try_point(&none, (void *)call);
	*points += torture_all(&none, suite->most, try_point, (void *)call);
}

START_TEST(allocations)
{
	try_call(&suite->calls[_i], TORTURE_ALLOCATION);
}
END_TEST

START_TEST(calls)
{
	try_call(&suite->calls[_i], TORTURE_CALL);
}
END_TEST

static void begin(void)
{
	wrong[0] = '\0';
	suite->begin();
}

static void add(Suite *all, const char *name, const TTest *test)
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, 3600);
	tcase_add_checked_fixture(tcase, begin, suite->end);
	tcase_add_loop_test(tcase, test, 0, (int)suite->count);
	suite_add_tcase(all, tcase);
}

int call_suite_run(const struct call_suite *calls_of)
{
	Suite *all = suite_create(calls_of->name);
	int status;

	suite = calls_of;
	setenv("CK_FORK", "yes", 1);
	points = torture_shared(sizeof(*points));
	wrong = torture_shared(WRONG_SIZE);
	add(all, "allocations", allocations);
	add(all, "calls", calls);
	status = suite_run(all);
	printf("# %u fault points of %zu %s\n", *points, suite->count, suite->name);
	return status;
}
