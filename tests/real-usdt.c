/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * real-usdt - the library's tracepoints, passed in this process and seen by BPF programs (usdt.bpf.c) in the kernel
 *
 * Attached as bpftrace(8) attaches them, by the notes in the shared library, which is the one that this program uses.
 */
#include "probe.h"
#include "real.h"
#include "suite.h"
#include "usdt-seen.h"

#include <bpf/bpf.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define SECONDS 300				/* of a test: a VM without KVM is slow */

CARRY(usdt_program, "usdt.bpf.o");

static const char *const points[USDT_POINTS] = {
	[USDT_LIMIT_CHANGE] = "limit_change", [USDT_THROTTLE] = "throttle",
	[USDT_ADMIT_FULL] = "admit_full", [USDT_ADMIT_TIMEOUT] = "admit_timeout",
};
static struct bpf_object *object;
static struct bpf_link *links[USDT_POINTS];

static const char *library(void)
{
	Dl_info info;

	return dladdr((void *)(uintptr_t)cgtune_version, &info) ? info.dli_fname : "";
}

/* Have one seen in this process; 0 or -errno. */
static int attach(unsigned point)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, points[point]);

	links[point] = bpf_program__attach_usdt(program, getpid(), library(), "cgtune", points[point], NULL);
	return links[point] ? 0 : -errno;
}

static void detach(void)
{
	for (unsigned i = 0; i < USDT_POINTS; i++)
		bpf_link__destroy(links[i]);
	memset(links, 0, sizeof(links));
	bpf_object__close(object);
	object = NULL;
}

/* NULL; or why they cannot be seen here. */
static const char *load(void)
{
	static char why[256];
	int r;

	object = bpf_object__open_mem(usdt_program, (uintptr_t)usdt_program_end - (uintptr_t)usdt_program, NULL);
	r = object ? bpf_object__load(object) : -errno;
	if (r == 0)
		return NULL;
	snprintf(why, sizeof(why), "the kernel refuses the program: %s", strerror(-r));
	return why;
}

static struct usdt_seen seen(uint32_t point)
{
	struct usdt_seen s;

	ck_assert_int_eq(bpf_map_lookup_elem(bpf_object__find_map_fd_by_name(object, "seen"), &point, &s), 0);
	return s;
}

static void expect_counts(unsigned limit_change, unsigned throttle, unsigned full, unsigned timeout)
{
	ck_assert_uint_eq(seen(USDT_LIMIT_CHANGE).count, limit_change);
	ck_assert_uint_eq(seen(USDT_THROTTLE).count, throttle);
	ck_assert_uint_eq(seen(USDT_ADMIT_FULL).count, full);
	ck_assert_uint_eq(seen(USDT_ADMIT_TIMEOUT).count, timeout);
}

static void setup(void)
{
	const char *why = load();

	ck_assert_msg(!why, "%s", why);
	for (unsigned i = 0; i < USDT_POINTS; i++)
		ck_assert_msg(attach(i) == 0, "%s", points[i]);
	expect_counts(0, 0, 0, 0);
}

static struct cgtune_limiter *limiter_of_one(uint32_t backlog)
{
	struct cgtune_limiter_options options = {
		.size = sizeof(options), .name = "doorman", .limit = 1, .backlog = backlog,
	};
	struct cgtune_limiter *l;

	ck_assert_int_eq(cgtune_limiter_new(&options, &l), 0);
	ck_assert_int_eq(cgtune_limiter_acquire(l, -1), 0);
	return l;
}

START_TEST(admission)
{
	struct cgtune_limiter *l = limiter_of_one(1);
	struct usdt_seen s;

	expect_counts(0, 0, 0, 0);
	ck_assert_int_eq(cgtune_limiter_acquire(l, 20), -ETIMEDOUT);
	s = seen(USDT_ADMIT_TIMEOUT);
	ck_assert_uint_eq(s.count, 1);
	ck_assert_uint_eq(s.argument_count, 5);
	ck_assert_str_eq(s.name, "doorman");
	ck_assert_uint_ge(s.arguments[1], 20000000);
	ck_assert_uint_eq(s.arguments[2], 1);		/* limit */
	ck_assert_uint_eq(s.arguments[3], 1);		/* in */
	ck_assert_uint_eq(s.arguments[4], 0);		/* and nobody waits any more */

	ck_assert_int_eq(cgtune_limiter_try(l), -EBUSY);
	s = seen(USDT_ADMIT_FULL);
	ck_assert_uint_eq(s.count, 1);
	ck_assert_uint_eq(s.argument_count, 5);
	ck_assert_str_eq(s.name, "doorman");
	ck_assert_uint_eq(s.arguments[1], EBUSY);
	ck_assert_uint_eq(s.arguments[2], 1);
	ck_assert_uint_eq(s.arguments[3], 1);
	ck_assert_uint_eq(s.arguments[4], 0);

	cgtune_limiter_close(l);
	ck_assert_int_eq(cgtune_limiter_try(l), -ESHUTDOWN);	/* neither */
	cgtune_limiter_release(l);
	expect_counts(0, 0, 1, 1);
	cgtune_limiter_free(l);
}
END_TEST

START_TEST(limits)
{
	struct usdt_seen s;

	real_make("usdt");
	real_quota("usdt", 50000, 100000);
	real_move("usdt", 0);
	ck_assert_uint_eq(cgtune_threads(), 1);
	ck_assert_int_eq(cgtune_dispatch(), 0);
	expect_counts(0, 0, 0, 0);
	real_quota("usdt", 25000, 100000);
	ck_assert_int_eq(cgtune_dispatch(), CGTUNE_CPU);
	s = seen(USDT_LIMIT_CHANGE);
	ck_assert_uint_eq(s.count, 1);
	ck_assert_uint_eq(s.argument_count, 5);
	ck_assert_uint_eq(s.arguments[0], CGTUNE_CPU);
	ck_assert_uint_eq(s.arguments[1], 500);
	ck_assert_uint_eq(s.arguments[2], 250);
	ck_assert_uint_eq(s.arguments[3], 1);
	ck_assert_uint_eq(s.arguments[4], 1);
	ck_assert_int_eq(cgtune_dispatch(), 0);
	ck_assert_uint_eq(seen(USDT_LIMIT_CHANGE).count, 1);
}
END_TEST

START_TEST(throttling)
{
	struct cgtune_throttle throttle = { .size = sizeof(throttle) };
	struct usdt_seen s;

	real_make("usdt-slow");
	real_quota("usdt-slow", 10000, 100000);
	real_move("usdt-slow", 0);
	do {
		for (volatile unsigned i = 0; i < 1000000; i++)
			;
		ck_assert_int_eq(cgtune_throttle_read(NULL, &throttle), 0);
	} while (!throttle.throttled);
	s = seen(USDT_THROTTLE);
	ck_assert_uint_eq(s.count, 1);
	ck_assert_uint_eq(s.argument_count, 3);
	ck_assert_uint_eq(s.arguments[0], throttle.throttled);
	ck_assert_uint_eq(s.arguments[1], throttle.throttled);
	ck_assert_uint_eq(s.arguments[2], throttle.throttled_ns);
}
END_TEST

static Suite *suite(bool groups)
{
	Suite *s = suite_create("usdt");
	TCase *tcase = tcase_create("usdt");

	tcase_set_timeout(tcase, SECONDS);
	tcase_add_checked_fixture(tcase, setup, detach);
	tcase_add_test(tcase, admission);
	if (groups) {
		tcase_add_test(tcase, limits);
		tcase_add_test(tcase, throttling);
	}
	suite_add_tcase(s, tcase);
	return s;
}

static int quiet(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level, (void)format, (void)arguments;
	return 0;
}

/* Whether one may be attached at all; a kernel without uprobes, or this user, may not. */
static const char *try(void)
{
	static char why[256];
	const char *refused = load();
	int r = refused ? 0 : attach(USDT_ADMIT_FULL);

	detach();
	if (r < 0)
		snprintf(why, sizeof(why), "no uprobe can be attached here: %s", strerror(-r));
	return refused ? refused : r == -ENOENT ? "the library was built without <sys/sdt.h>" : r < 0 ? why : NULL;
}

int main(void)
{
	const char *why;

	libbpf_set_print(quiet);
	why = try();
	if (why)
		return suite_skip(why);
	why = real_begin();
	if (why)
		printf("# in real cgroups: not tested: %s\n", why);
	return suite_run(suite(!why));
}
