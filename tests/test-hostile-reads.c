/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-hostile-reads - something else in place of every file that is read, whichever that are
 *
 * Linked with -Wl,--wrap=sys_call, which tells what is read of a tree in
 * fixtures/: each of those files in turn is a directory, a FIFO, a device, a
 * link out of the root, too long. An answer or an error in bounded time, nothing
 * from outside, no descriptor left, and the other resource as it was. And
 * signals without SA_RESTART all the time: the same answers. HOSTILE_ALL takes
 * every tree instead of every tenth.
 */
#include "machine.h"
#include "suite.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MOST_FILES 256
#define MOST_SECONDS 10
#define SAVED ".saved"
#define SIGNALS 300			/* that a storm is to have at least */
#define OUTSIDE "777771 100000\n"

static glob_t trees;
static int root_fd;
static char outside[TREE_PATH_SIZE];	/* a folder that is not below the root, with such a file in it */

/* Paths that were opened for reading, while they are listed. */
static struct {
	bool on;
	char *path[MOST_FILES];
	size_t count;
} list;

long __real_sys_call(long number, long a, long b, long c, long d, long e, long f);
long __wrap_sys_call(long number, long a, long b, long c, long d, long e, long f);

static void note(const char *path)
{
	for (size_t i = 0; i < list.count; i++)
		if (strcmp(list.path[i], path) == 0)
			return;
	if (list.count < MOST_FILES)
		list.path[list.count++] = strdup(path);
}

long __wrap_sys_call(long number, long a, long b, long c, long d, long e, long f)
{
	long r = __real_sys_call(number, a, b, c, d, e, f);

	if (list.on && r >= 0 && number == SYS_openat2 && !(((const struct open_how *)c)->flags & O_PATH))
		note((const char *)b);
	return r;
}

struct answer {
	int r, usage_r, throttle_r, left_r;
	struct cgtune_limits limits;
	struct cgtune_usage usage;
	struct cgtune_throttle throttle;
	uint64_t left;
};

static void read_all(const struct cgtune_options *options, struct answer *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->limits.size = sizeof(ret->limits);
	ret->usage.size = sizeof(ret->usage);
	ret->throttle.size = sizeof(ret->throttle);
	ret->r = cgtune_read(options, &ret->limits);
	ret->usage_r = cgtune_usage_read(options, &ret->usage);
	ret->throttle_r = cgtune_throttle_read(options, &ret->throttle);
	ret->left_r = cgtune_memory_available_of(options, &ret->left);
}

/* As openat2(2) with RESOLVE_IN_ROOT has it. */
static int folder_of(const char *path, const char **base)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	char folder[TREE_PATH_SIZE];
	const char *slash = strrchr(path, '/');

	snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
	*base = slash + 1;
	return (int)__real_sys_call(SYS_openat2, root_fd, (long)(*folder ? folder : "/"), (long)&how, sizeof(how), 0, 0);
}

static void put_file(int fd, const char *name, const char *text, size_t length, off_t size)
{
	int file = openat(fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	ck_assert_int_ge(file, 0);
	ck_assert_int_eq(write(file, text, length), (ssize_t)length);
	ck_assert_int_eq(ftruncate(file, size), 0);
	close(file);
}

static void put_directory(int fd, const char *name)
{
	ck_assert_int_eq(mkdirat(fd, name, 0700), 0);
}

static void put_fifo(int fd, const char *name)
{
	ck_assert_int_eq(mkfifoat(fd, name, 0600), 0);
}

/* Endless. Who may make none has a link to it, which ends in the root. */
static void put_zero(int fd, const char *name)
{
	if (mknodat(fd, name, S_IFCHR | 0600, makedev(1, 5)) < 0)
		ck_assert_int_eq(symlinkat("/dev/zero", fd, name), 0);
}

static void put_socket(int fd, const char *name)
{
	ck_assert_int_eq(mknodat(fd, name, S_IFSOCK | 0600, 0), 0);
}

static void put_a_mebibyte(int fd, const char *name)
{
	put_file(fd, name, "1", 1, (1 << 20) + 1);
}

static void put_a_gibibyte(int fd, const char *name)
{
	put_file(fd, name, "", 0, 1 << 30);
}

static void put_nothing(int fd, const char *name)
{
	put_file(fd, name, "", 0, 0);
}

static void put_link_out(int fd, const char *name)
{
	char target[TREE_PATH_SIZE + 16];

	snprintf(target, sizeof(target), "%s/outside", outside);
	ck_assert_int_eq(symlinkat(target, fd, name), 0);
}

/* More ".." than there are directories: they end at the root. */
static void put_dotdot(int fd, const char *name)
{
	char target[2 * TREE_PATH_SIZE] = "";

	while (strlen(target) < 600)
		strcat(target, "../");
	snprintf(target + strlen(target), sizeof(target) - strlen(target), "%s/outside", outside + 1);
	ck_assert_int_eq(symlinkat(target, fd, name), 0);
}

static void put_loop(int fd, const char *name)
{
	ck_assert_int_eq(symlinkat(name, fd, name), 0);
}

static const struct {
	const char *what;
	void (*put)(int fd, const char *name);
} things[] = {
	{ "a directory", put_directory }, { "a FIFO", put_fifo }, { "/dev/zero", put_zero }, { "a socket", put_socket },
	{ "1 MiB and a byte", put_a_mebibyte }, { "1 GiB", put_a_gibibyte }, { "nothing", put_nothing },
	{ "a link out", put_link_out }, { "..", put_dotdot }, { "a link to itself", put_loop },
};

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool same_cpu(const struct cgtune_limits *a, const struct cgtune_limits *b)
{
	return a->cpu_quota_us == b->cpu_quota_us && a->cpu_period_us == b->cpu_period_us && strcmp(a->cpu_from, b->cpu_from) == 0;
}

static bool same_memory(const struct cgtune_limits *a, const struct cgtune_limits *b)
{
	return a->memory == b->memory && a->memory_high == b->memory_high && strcmp(a->memory_from, b->memory_from) == 0;
}

static void check(const struct cgtune_options *options, const struct answer *clean, const char *path, const char *what)
{
	const char *base = strrchr(path, '/') + 1;
	unsigned before = descriptors_open();
	double start = seconds();
	struct answer answer;

	read_all(options, &answer);
	ck_assert_msg(descriptors_open() == before, "%s in place of %s: a descriptor is left open", what, path);
	ck_assert_msg(seconds() - start < MOST_SECONDS, "%s in place of %s: took too long", what, path);
	ck_assert_msg(answer.r <= 0 && answer.usage_r <= 0 && answer.throttle_r <= 0 && answer.left_r <= 0,
		      "%s in place of %s: an answer that there is none", what, path);
	if (answer.r < 0)
		return;
	ck_assert_msg(answer.limits.cpus >= 1 && !answer.limits.cpu_quota_us == !answer.limits.cpu_period_us &&
		      answer.limits.cpu_quota_us != 777771, "%s in place of %s: no sane limits", what, path);
	if (strncmp(base, "cpu.", 4) == 0)
		ck_assert_msg(same_memory(&answer.limits, &clean->limits), "%s in place of %s: memory", what, path);
	if (strncmp(base, "memory.", 7) == 0)
		ck_assert_msg(same_cpu(&answer.limits, &clean->limits), "%s in place of %s: CPU", what, path);
}

static void replace(const struct cgtune_options *options, const struct answer *clean, const char *path)
{
	const char *base;
	char saved[NAME_MAX + 16];
	int fd = folder_of(path, &base);

	ck_assert_int_ge(fd, 0);
	snprintf(saved, sizeof(saved), "%s" SAVED, base);
	ck_assert_int_eq(renameat(fd, base, fd, saved), 0);
	for (size_t i = 0; i < ARRAY_SIZE(things); i++) {
		things[i].put(fd, base);
		check(options, clean, path, things[i].what);
		ck_assert(unlinkat(fd, base, 0) == 0 || unlinkat(fd, base, AT_REMOVEDIR) == 0);
	}
	ck_assert_int_eq(renameat(fd, saved, fd, base), 0);
	close(fd);
}

static void unpack(const char *tree, char dir[TREE_PATH_SIZE], struct cgtune_options *options)
{
	ck_assert_int_eq(tree_make(dir, TREE_PATH_SIZE), 0);
	ck_assert_int_eq(tree_unpack(tree, dir), 0);
	*options = (struct cgtune_options){ .size = sizeof(*options), .root = dir, .flags = CGTUNE_NO_ENV };
}

START_TEST(in_place_of_every_file)
{
	char dir[TREE_PATH_SIZE];
	struct cgtune_options options;
	struct answer clean, again;

	unpack(trees.gl_pathv[_i], dir, &options);
	ck_assert_int_eq(tree_make(outside, sizeof(outside)), 0);
	ck_assert_int_eq(tree_write(outside, "/outside", OUTSIDE, strlen(OUTSIDE)), 0);
	root_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	list.on = true;
	read_all(&options, &clean);
	list.on = false;
	for (size_t i = 0; i < list.count; i++)
		replace(&options, &clean, list.path[i]);
	read_all(&options, &again);
	ck_assert_int_eq(memcmp(&clean, &again, sizeof(clean)), 0);
	while (list.count)
		free(list.path[--list.count]);
	close(root_fd);
	ck_assert_int_eq(tree_remove(dir), 0);
	ck_assert_int_eq(tree_remove(outside), 0);
}
END_TEST

static volatile sig_atomic_t signals;

static void on_alarm(int number)
{
	(void)number;
	signals++;
}

static void storm(bool on)
{
	const struct sigaction action = { .sa_handler = on_alarm };	/* without SA_RESTART */
	const struct itimerval often = { { 0, 50 }, { 0, 50 } }, never = { 0 };

	if (on)
		ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, on ? &often : &never, NULL), 0);
}

START_TEST(storm_of_signals)
{
	char dir[TREE_PATH_SIZE];
	struct cgtune_options options;
	struct answer clean, answer;

	unpack(trees.gl_pathv[_i], dir, &options);
	read_all(&options, &clean);
	signals = 0;
	storm(true);
	while (signals < SIGNALS) {
		read_all(&options, &answer);
		if (memcmp(&clean, &answer, sizeof(clean)) != 0)
			break;
	}
	storm(false);
	ck_assert_msg(memcmp(&clean, &answer, sizeof(clean)) == 0, "%s: another answer while signals come", trees.gl_pathv[_i]);
	ck_assert_int_eq(tree_remove(dir), 0);
}
END_TEST

/* The real machine, a life of a process and a wait: nothing ends early, nothing fails. */
START_TEST(storm_over_a_life)
{
	struct cgtune_limiter_options one = { .size = sizeof(one), .limit = 1, .backlog = 1 };
	struct cgtune_limits clean = { .size = sizeof(clean) }, limits = { .size = sizeof(limits) };
	struct cgtune_limiter *limiter;
	double start;

	ck_assert_int_eq(cgtune_read(NULL, &clean), 0);
	signals = 0;
	storm(true);
	ck_assert_int_ge(cgtune_init(), 0);
	ck_assert_int_ge(cgtune_fd(), 0);
	ck_assert_int_eq(cgtune_watch_start(), 0);
	ck_assert_int_eq(cgtune_limiter_new(&one, &limiter), 0);
	ck_assert_int_eq(cgtune_limiter_acquire(limiter, 0), 0);
	while (signals < SIGNALS) {
		start = seconds();
		ck_assert_int_eq(cgtune_limiter_acquire(limiter, 5), -ETIMEDOUT);
		ck_assert(seconds() - start >= 0.004);
		ck_assert_int_ge(cgtune_dispatch(), 0);
		ck_assert_int_eq(cgtune_read(NULL, &limits), 0);
		ck_assert_uint_eq(limits.cpu_quota_us, clean.cpu_quota_us);
		ck_assert_uint_eq(limits.memory, clean.memory);
	}
	cgtune_limiter_release(limiter);
	ck_assert_int_eq(cgtune_limiter_drain(limiter, 10), 0);
	cgtune_limiter_free(limiter);
	ck_assert_int_eq(cgtune_watch_stop(), 0);
	storm(false);
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *test, int step)
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, 300);
	for (int i = 0; i < (int)trees.gl_pathc; i += step)
		tcase_add_loop_test(tcase, test, i, i + 1);
	suite_add_tcase(suite, tcase);
}

int main(void)
{
	Suite *suite = suite_create("hostile-reads");
	TCase *life = tcase_create("life");
	char folder[TREE_PATH_SIZE], pattern[TREE_PATH_SIZE + 16];

	suite_folder(folder, sizeof(folder), "FIXTURES", "fixtures");
	snprintf(pattern, sizeof(pattern), "%s/*.tree", folder);
	if (glob(pattern, 0, NULL, &trees) != 0) {
		fprintf(stderr, "no fixtures: %s\n", pattern);
		return EXIT_FAILURE;
	}
	environment_clear();
	setenv("CK_FORK", "yes", 1);
	add(suite, "in place", in_place_of_every_file, getenv("HOSTILE_ALL") ? 1 : 10);
	add(suite, "storm", storm_of_signals, getenv("HOSTILE_ALL") ? 1 : 40);
	tcase_set_timeout(life, 120);
	tcase_add_test(life, storm_over_a_life);
	suite_add_tcase(suite, life);
	return suite_run(suite);
}
