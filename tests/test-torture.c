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
#include "suite.h"
#include "torture-lib.h"

#include <errno.h>
#include <string.h>

#define PATTERN 0x5a
/* Of an operation, of each mode, in the short form: all of them, in one way each. */
#define POINTS_SHORT 1000

struct machine machine;
union result result;
static union result *right;		/* without a fault, of the operation at hand */

static bool is_untouched(size_t size)
{
	const unsigned char *bytes = (const unsigned char *)&result;

	for (size_t i = size > sizeof(size_t) ? sizeof(size_t) : 0; i < size; i++)
		if (bytes[i] != PATTERN)
			return false;
	return true;
}

/* Each member is as without the fault, or unknown. */
static bool is_right(const struct call *o, enum torture_kind kind)
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

static void prepare(const struct call *o)
{
	memset(&result, PATTERN, sizeof(result));
	if (o->size > sizeof(size_t))
		result.size = o->size;
}

static const char *judge(const struct call *o, const struct torture *t, int r)
{
	if (r >= 0 && !t->at)
		memcpy(right, &result, sizeof(result));
	if (r < 0 && o->size && !is_untouched(o->size))
		return "it fails, and the result is touched";
	return r >= 0 && o->flags & STEADY && !is_right(o, t->kind) ? "another answer, without an error" : NULL;
}

static void before_point(const struct call *o)
{
	(void)o;
	machine_limit(&machine);
}

static void begin(void)
{
	environment_clear();
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

int main(void)
{
	const struct call_suite suite = {
		.name = "operations of libcgtune", .calls = operations, .count = operations_count,
		.most = getenv("TORTURE_ALL") ? 0 : POINTS_SHORT,
		.begin = begin, .end = end, .before_point = before_point, .prepare = prepare, .judge = judge,
		.is_documented = is_documented,
	};
	const char *why = torture_why_not();

	if (why)
		return suite_skip(why);
	right = torture_shared(sizeof(*right));
	return call_suite_run(&suite);
}
