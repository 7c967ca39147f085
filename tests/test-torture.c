/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-torture - every allocation and every system call under every public function of libcgtune fails in turn
 *
 * Once and from then on, each in a process of its own. The answer is a
 * documented error, with the result untouched, or the right answer, or the one
 * that the documentation has for files that cannot be read; what was allocated
 * and opened is as before; and the same call, made again without a fault, does
 * what it should. With TORTURE_ALL each system call fails in three ways, not one.
 */
#include "fail.h"
#include "suite.h"
#include "torture.h"
#include "torture-lib.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATTERN 0x5a
/* Of an operation, of each mode, in the short form: all of them, in one way each. */
#define POINTS_SHORT 1000

struct machine machine;
union result result;
static union result *right;		/* without a fault, of the operation at hand */
static unsigned *points;		/* over all forked tests */

/* What the child has to say. */
static char *wrong;
#define WRONG_SIZE 256

bool complain(const char *what)
{
	if (!wrong[0])
		snprintf(wrong, WRONG_SIZE, "%s", what);
	return false;
}

static bool is_untouched(size_t size)
{
	const unsigned char *bytes = (const unsigned char *)&result;

	for (size_t i = size > sizeof(size_t) ? sizeof(size_t) : 0; i < size; i++)
		if (bytes[i] != PATTERN)
			return false;
	return true;
}

/* Each member is as without the fault, or unknown. */
static bool is_right(const struct operation *o, enum torture_kind kind)
{
	const uint64_t *a = (const uint64_t *)&result, *b = (const uint64_t *)right;

	if (kind == TORTURE_CALL && o->flags & REPORTS)
		return true;
	for (size_t i = 0; i < o->size / sizeof(*a); i++)
		if (a[i] != b[i] && a[i] != CGTUNE_UNKNOWN)
			return false;
	return true;
}

/* What the documentation has of all functions; or the error that was made. */
static bool is_documented(int r, const struct torture *t)
{
	static const int documented[] = { ENOMEM, EMFILE, ENFILE, ENODATA, EAGAIN, ENODEV };

	for (size_t i = 0; i < ARRAY_SIZE(documented); i++)
		if (r == -documented[i])
			return true;
	return r == -ENOENT || r == -EIO || r == -EACCES || r == -EINTR || r == -EPERM || r == -ENOSYS || r == -EINVAL ||
	       r == -ENOSPC ? t->kind == TORTURE_CALL : false;
}

/* One point, in the child. */
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

	memset(&result, PATTERN, sizeof(result));
	if (o->size > sizeof(size_t))
		result.size = o->size;
	o->before();
	descriptors = descriptors_open();
	blocks = fail_live();
	torture_arm(a->torture);
	r = o->run();
	torture_disarm();
	if (r < 0 && o->size && !is_untouched(o->size))
		complain("it fails, and the result is touched");
	if (r >= 0 && o->flags & STEADY && a->torture->at && !is_right(o, a->torture->kind))
		complain("another answer, without an error");
	if (r >= 0 && !a->torture->at)
		memcpy(right, &result, sizeof(result));
	if (r < 0 && !is_documented(r, a->torture))
		complain(strerror(-r));
	if (r < 0 && !(o->flags & WATCHED) && descriptors_open() != descriptors)
		complain("it fails, and a descriptor is left open or closed");
	if (o->after)
		o->after(r);
	if (!(o->flags & KEEPS) && descriptors_open() != descriptors)
		complain("a descriptor is left open or closed");
	if (!(o->flags & KEEPS) && fail_live() != blocks)
		complain("memory is left allocated");
	return 0;
}

static void try_point(struct torture *t, void *user)
{
	struct attempt a = { user, t };
	char room[512];

	machine_limit(&machine);
	torture_run(t, attempt, &a);
	if (t->hung)
		complain("it does not end");
	else if (t->status)
		complain(WIFSIGNALED(t->status) ? strsignal(WTERMSIG(t->status)) : "it ends with a status");
	ck_assert_msg(!wrong[0], "%s, %s: %s", a.operation->name, torture_says(t, room, sizeof(room)), wrong);
}

/* The fault-free run must be right, or nothing is learnt from the others. */
static void try_operation(const struct operation *operation, enum torture_kind kind)
{
	struct torture none = { .kind = kind };

	try_point(&none, (void *)operation);
	*points += torture_all(&none, getenv("TORTURE_ALL") ? 0 : POINTS_SHORT, try_point, (void *)operation);
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
	environment_clear();
	wrong[0] = '\0';
	machine_make(&machine);
	machine.options.report = NULL;
	machine_write(&machine, "/sys/fs/cgroup/a/cpu.stat", "usage_usec 7\nnr_periods 3\nnr_throttled 1\nthrottled_usec 9\n");
	machine_write(&machine, "/sys/fs/cgroup/a/memory.current", "1048576\n");
	machine_write(&machine, "/sys/fs/cgroup/a/memory.stat", "inactive_file 4096\n");
}

static void end(void)
{
	machine_remove(&machine);
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

	tcase_set_timeout(tcase, 600);
	tcase_add_checked_fixture(tcase, begin, end);
	tcase_add_loop_test(tcase, test, 0, (int)operations_count);
	suite_add_tcase(suite, tcase);
}

int main(void)
{
	Suite *suite = suite_create("torture");
	const char *why = torture_why_not();
	int status;

	if (why)
		return suite_skip(why);
	setenv("CK_FORK", "yes", 1);
	points = shared(sizeof(*points));
	wrong = shared(WRONG_SIZE);
	right = shared(sizeof(*right));
	add(suite, "allocations", allocations);
	add(suite, "calls", calls);
	status = suite_run(suite);
	printf("# %u fault points\n", *points);
	return status;
}
