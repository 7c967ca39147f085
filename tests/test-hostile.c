/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-hostile - any bytes in any file, and anything in a file's place
 *
 * HOSTILE_COUNT mutations (default 4,000) of the trees in fixtures/, the same
 * ones at every run for a HOSTILE_SEED. Whatever is read: an answer or an error
 * in bounded time, a sane result, nothing from outside of the root, and no
 * descriptor left.
 */
#include "machine.h"
#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define COUNT_DEFAULT 4000
#define MUTATIONS_OF_A_TREE 40
#define MOST_FILES 512
#define MOST_BYTES 65536
/* What no read may take, on a machine with much else to do and under a sanitizer. */
#define MOST_SECONDS 10
/* Limits that stand outside of the root: no answer may hold them. */
#define OUTSIDE_QUOTA 777771
#define OUTSIDE_MEMORY UINT64_C(777777152)

static glob_t trees;
static uint64_t seed = 1;
static int count = COUNT_DEFAULT;

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

static size_t below(uint64_t *state, size_t n)
{
	return n ? (size_t)(next_random(state) >> 11) % n : 0;
}

/* What every answer is, whatever was read. */
static void check_limits(const struct cgtune_limits *l, const char *what)
{
	ck_assert_msg(l->cpus >= 1, "%s: no CPU", what);
	ck_assert_msg(!l->cpu_period_us == !l->cpu_quota_us, "%s: half a quota", what);
	ck_assert_msg(l->cpu_hierarchy <= 2 && l->memory_hierarchy <= 2, "%s: hierarchy", what);
	ck_assert_msg(memchr(l->cpu_from, '\0', sizeof(l->cpu_from)) && (!*l->cpu_from || *l->cpu_from == '/'),
		      "%s: cpu_from", what);
	ck_assert_msg(memchr(l->memory_from, '\0', sizeof(l->memory_from)) && (!*l->memory_from || *l->memory_from == '/'),
		      "%s: memory_from", what);
	ck_assert_msg(!strstr(l->cpu_from, "/../") && !strstr(l->memory_from, "/../"), "%s: .. in a path", what);
	ck_assert_msg(!l->memory_physical || l->memory == CGTUNE_UNLIMITED || l->memory < l->memory_physical,
		      "%s: a limit above physical memory", what);
	ck_assert_msg(l->cpu_quota_us != OUTSIDE_QUOTA && l->memory != OUTSIDE_MEMORY && l->memory_high != OUTSIDE_MEMORY,
		      "%s: a limit from outside of the root", what);
}

static void check_plan(const struct cgtune_options *options, const struct cgtune_limits *limits, const char *what)
{
	struct cgtune_plan plan = { .size = sizeof(plan) };

	ck_assert_int_eq(cgtune_plan(options, limits, &plan), 0);
	ck_assert_msg(plan.threads >= 1 && plan.threads <= limits->cpus, "%s: %u threads", what, plan.threads);
	ck_assert_msg(plan.memory >= 4 * MIB, "%s: a budget of %llu", what, (unsigned long long)plan.memory);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Read everything below a root. The result of cgtune_read(), and its limits when that is 0. */
static int check_root(const char *root, const char *what, struct heard *heard, struct cgtune_limits *limits)
{
	struct cgtune_options options = {
		.size = sizeof(options), .root = root, .flags = CGTUNE_NO_ENV, .report = heard_report, .report_user = heard,
	};
	struct cgtune_usage usage = { .size = sizeof(usage) };
	struct cgtune_throttle throttle = { .size = sizeof(throttle) };
	unsigned before = descriptors_open();
	double start = seconds();
	uint64_t left;
	int r;

	memset(heard, 0, sizeof(*heard));
	limits->size = sizeof(*limits);
	r = cgtune_read(&options, limits);
	if (r == 0) {
		check_limits(limits, what);
		check_plan(&options, limits, what);
	}
	ck_assert_msg(r <= 0, "%s: cgtune_read answers %d", what, r);
	ck_assert_int_le(cgtune_usage_read(&options, &usage), 0);
	ck_assert_int_le(cgtune_throttle_read(&options, &throttle), 0);
	ck_assert_int_le(cgtune_memory_available_of(&options, &left), 0);
	ck_assert_msg(descriptors_open() == before, "%s: a descriptor is left open", what);
	ck_assert_msg(seconds() - start < MOST_SECONDS, "%s: took %.1f s", what, seconds() - start);
	return r;
}

/* The regular files of an unpacked tree. */
static struct {
	char *path[MOST_FILES];
	size_t count;
} files;

static int list_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)ftw;
	if (type == FTW_F && files.count < MOST_FILES)
		files.path[files.count++] = strdup(path);
	return 0;
}

static void forget_files(void)
{
	while (files.count)
		free(files.path[--files.count]);
}

/* A file's bytes before and after. */
struct content {
	unsigned char bytes[MOST_BYTES];
	size_t length;
};

static void content_read(const char *path, struct content *content)
{
	FILE *file = fopen(path, "re");

	ck_assert_ptr_nonnull(file);
	content->length = fread(content->bytes, 1, sizeof(content->bytes), file);
	fclose(file);
}

static void content_write(const char *path, const struct content *content)
{
	FILE *file = fopen(path, "we");

	ck_assert_ptr_nonnull(file);
	fwrite(content->bytes, 1, content->length, file);
	fclose(file);
}

/* Words that mean something to one parser or another. */
static const char *const words[] = {
	"max", "-1", "0", "1", "18446744073709551615", "18446744073709551616", "9223372036854771712", "-9223372036854775808",
	"4294967296", "2147483647", "2147483648", "100000", "0::", "0::/", "1:cpu:/", "2:memory:/", ":", "/", "/..", "/../..", "..",
	"//", "\\040", "\\134", "\\000", "\\777", "\\", "\\0", " - cgroup2 cgroup2 rw", " - cgroup cgroup rw,cpu,memory", "cgroup2",
	"/sys/fs/cgroup", " ", "\t", "\n", "\n\n", "\r\n", "\f", "+5", "1e9", "0x10", "1.5", "kB", "MemTotal:", "hierarchical_memory_limit ",
	"0-", "-0", "0-3,", "0-7:2/4", "0:1/0", "4294967295-4294967296", "inactive_file ", "usage_usec ", "nr_periods ",
};

static void replace(struct content *content, size_t at, size_t cut, const void *bytes, size_t length)
{
	if (content->length - cut + length > sizeof(content->bytes))
		return;
	memmove(content->bytes + at + length, content->bytes + at + cut, content->length - at - cut);
	memcpy(content->bytes + at, bytes, length);
	content->length += length - cut;
}

static void mutate_once(struct content *content, uint64_t *state)
{
	size_t at = below(state, content->length + 1), left = content->length - at, length;
	const char *word = words[below(state, ARRAY_SIZE(words))];
	unsigned char byte = (unsigned char)next_random(state);
	unsigned char block[64];

	switch (below(state, 8)) {
	case 0:					/* flip a bit */
		if (left)
			content->bytes[at] ^= (unsigned char)(1u << below(state, 8));
		return;
	case 1:
		replace(content, at, left > 0, &byte, 1);
		return;
	case 2:
		replace(content, at, 0, word, strlen(word));
		return;
	case 3:					/* a word in place of others */
		replace(content, at, left < 8 ? left : below(state, 8), word, strlen(word));
		return;
	case 4:
		replace(content, at, below(state, left + 1), "", 0);
		return;
	case 5:					/* cut short */
		content->length = at;
		return;
	case 6:					/* some of it twice */
		length = left < sizeof(block) ? left : sizeof(block);
		memcpy(block, content->bytes + at, length);
		replace(content, at, 0, block, length);
		return;
	default:
		replace(content, at, 0, "\0", 1);
	}
}

static void mutate(const char *dir, const char *tree, uint64_t *state)
{
	const char *path = files.path[below(state, files.count)];
	struct cgtune_limits limits;
	struct content whole, mutant;
	struct heard heard;
	char what[TREE_PATH_SIZE];

	content_read(path, &whole);
	mutant = whole;
	for (size_t n = 1 + below(state, 4); n > 0; n--)
		mutate_once(&mutant, state);
	content_write(path, &mutant);
	snprintf(what, sizeof(what), "%s, %s", strrchr(tree, '/') + 1, path + strlen(dir));
	check_root(dir, what, &heard, &limits);
	content_write(path, &whole);
}

/* Each test takes one tree; the number says which mutations. */
START_TEST(mutations)
{
	uint64_t state = (seed << 20) + (uint64_t)_i * 2 + 1;
	const char *tree = trees.gl_pathv[below(&state, trees.gl_pathc)];
	char dir[TREE_PATH_SIZE];

	ck_assert_int_eq(tree_make(dir, sizeof(dir)), 0);
	ck_assert_int_eq(tree_unpack(tree, dir), 0);
	ck_assert_int_eq(nftw(dir, list_one, 16, FTW_PHYS), 0);
	for (int i = 0; i < MUTATIONS_OF_A_TREE; i++)
		mutate(dir, tree, &state);
	forget_files();
	ck_assert_int_eq(tree_remove(dir), 0);
}
END_TEST

/* Every file that is read, in place of which something else stands. */
static const char *const v2_files[] = {
	"/proc/self/cgroup", "/proc/self/mountinfo", "/proc/meminfo", "/sys/devices/system/cpu/online",
	CPU_MAX, MEMORY_MAX, MEMORY_HIGH, TOP_CPU_MAX, TOP_MEMORY_MAX, "/sys/fs/cgroup/a/memory.stat",
	"/sys/fs/cgroup/a/memory.current", "/sys/fs/cgroup/a/cpu.stat",
};

static struct machine machine;

static void make(void)
{
	machine_make(&machine);
	machine_limit(&machine);
}

static void full_path(char ret[TREE_PATH_SIZE + 64], const char *path)
{
	snprintf(ret, TREE_PATH_SIZE + 64, "%s%s", machine.root, path);
}

/* Take away what stands there; the directory above it stays. */
static void clear(const char *path, char full[TREE_PATH_SIZE + 64])
{
	machine_write(&machine, path, "");
	full_path(full, path);
	ck_assert_int_eq(remove(full), 0);
}

typedef void put_fn(const char *full);

static void put_directory(const char *full)
{
	ck_assert_int_eq(mkdir(full, 0700), 0);
}

static void put_fifo(const char *full)
{
	ck_assert_int_eq(mkfifo(full, 0600), 0);
}

static void put_sparse(const char *full, off_t size)
{
	int fd = open(full, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, size), 0);
	close(fd);
}

static void put_a_mebibyte(const char *full)
{
	put_sparse(full, (1 << 20) + 1);
}

static void put_a_gibibyte(const char *full)
{
	put_sparse(full, 1 << 30);
}

static void put_loop(const char *full)
{
	ck_assert_int_eq(symlink(strrchr(full, '/') + 1, full), 0);
}

static void put_dangling(const char *full)
{
	ck_assert_int_eq(symlink("nowhere", full), 0);
}

static void put_null_device(const char *full)
{
	ck_assert_int_eq(symlink("/dev/null", full), 0);
}

static void put_unreadable(const char *full)
{
	put_sparse(full, 1);
	ck_assert_int_eq(chmod(full, 0), 0);
}

static void put_nul_bytes(const char *full)
{
	put_sparse(full, 300);
}

static void put_digits(const char *full)
{
	FILE *file = fopen(full, "we");

	ck_assert_ptr_nonnull(file);
	for (int i = 0; i < 100000; i++)
		fputc('0' + i % 10, file);
	fclose(file);
}

static void put_newlines(const char *full)
{
	FILE *file = fopen(full, "we");

	ck_assert_ptr_nonnull(file);
	for (int i = 0; i < 100000; i++)
		fputc('\n', file);
	fclose(file);
}

static const struct {
	const char *what;
	put_fn *put;
} in_place[] = {
	{ "a directory", put_directory }, { "a FIFO", put_fifo }, { "1 MiB and a byte", put_a_mebibyte },
	{ "1 GiB", put_a_gibibyte }, { "a link to itself", put_loop }, { "a dangling link", put_dangling },
	{ "a link to /dev/null", put_null_device }, { "no permission", put_unreadable },
	{ "NUL bytes", put_nul_bytes }, { "100,000 digits", put_digits }, { "100,000 newlines", put_newlines },
};

START_TEST(something_else_in_place_of_a_file)
{
	const char *path = v2_files[(size_t)_i % ARRAY_SIZE(v2_files)];
	size_t which = (size_t)_i / ARRAY_SIZE(v2_files);
	char full[TREE_PATH_SIZE + 64], what[256];
	struct cgtune_limits limits;
	struct heard heard;
	int r;

	make();
	clear(path, full);
	in_place[which].put(full);
	snprintf(what, sizeof(what), "%s in place of %s", in_place[which].what, path);
	r = check_root(machine.root, what, &heard, &limits);
	/* One bad file never hides a good one: the other resource is as ever. */
	if (strncmp(path, "/proc/", 6) != 0 && strstr(path, "cpu"))
		ck_assert_msg(r == 0 && limits.memory == GIB, "%s: memory", what);
	if (strncmp(path, "/proc/", 6) != 0 && strstr(path, "memory"))
		ck_assert_msg(r == 0 && limits.cpu_quota_us == 250000, "%s: quota", what);
	machine_remove(&machine);
}
END_TEST

/* A directory in place of the level's file is a warning that names it. */
START_TEST(unreadable_level_is_one_warning)
{
	static const char *const paths[] = { CPU_MAX, MEMORY_MAX, MEMORY_HIGH, TOP_CPU_MAX, TOP_MEMORY_MAX };
	char full[TREE_PATH_SIZE + 64];
	struct cgtune_limits limits;
	struct heard heard;

	make();
	clear(paths[_i], full);
	put_directory(full);
	ck_assert_int_eq(check_root(machine.root, paths[_i], &heard, &limits), 0);
	ck_assert_uint_eq(heard.warnings, 1);
	ck_assert_str_eq(heard.file, paths[_i]);
	machine_remove(&machine);
}
END_TEST

/* Links that lead out of the root end in it: absolute ones begin at the root, ".." stops there. */
static struct machine outside;

static void link_out(const char *path, const char *target_below_outside, bool relative)
{
	char full[TREE_PATH_SIZE + 64], target[3 * TREE_PATH_SIZE] = "";

	clear(path, full);
	if (relative)
		for (int i = 0; i < 40; i++)
			strcat(target, "../");
	snprintf(target + strlen(target), sizeof(target) - strlen(target), "%s%s", outside.root + relative, target_below_outside);
	ck_assert_int_eq(symlink(target, full), 0);
}

static void make_outside(void)
{
	char text[64];

	machine_make(&outside);
	snprintf(text, sizeof(text), "%d 100000\n", OUTSIDE_QUOTA);
	machine_write(&outside, CPU_MAX, text);
	snprintf(text, sizeof(text), "%llu\n", (unsigned long long)OUTSIDE_MEMORY);
	machine_write(&outside, MEMORY_MAX, text);
}

/* Before Linux 5.6, and under valgrind 3.19: no promise is made about links below another root. */
static bool has_openat2(void)
{
	const struct open_how how = { .flags = O_PATH | O_CLOEXEC };
	long fd = syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how));

	if (fd >= 0)
		close((int)fd);
	else
		suite_skip_test("no openat2(2)");
	return fd >= 0;
}

START_TEST(link_of_a_file_is_not_followed_out)
{
	const char *path = v2_files[(size_t)_i % ARRAY_SIZE(v2_files)];
	struct cgtune_limits limits;
	struct heard heard;

	if (!has_openat2())
		return;
	make();
	make_outside();
	machine_write(&outside, path, strstr(path, "memory") ? "777777152\n" : "777771 100000\n");
	link_out(path, path, (size_t)_i >= ARRAY_SIZE(v2_files));
	check_root(machine.root, path, &heard, &limits);
	ck_assert_msg(!strstr(heard.value, "7777"), "%s: %s", path, heard.value);
	machine_remove(&machine);
	machine_remove(&outside);
}
END_TEST

START_TEST(link_of_a_directory_is_not_followed_out)
{
	static const char *const dirs[] = { "/sys/fs/cgroup/a", "/sys/fs/cgroup", "/sys/fs", "/sys" };
	const char *dir = dirs[_i / 2];
	struct cgtune_limits limits;
	struct heard heard;
	char full[TREE_PATH_SIZE + 64];

	if (!has_openat2())
		return;
	make();
	make_outside();
	full_path(full, dir);
	ck_assert_int_eq(tree_remove(full), 0);
	link_out(dir, dir, _i % 2);
	ck_assert_int_eq(check_root(machine.root, dir, &heard, &limits), 0);
	ck_assert_uint_eq(limits.cpu_quota_us, 0);
	machine_remove(&machine);
	machine_remove(&outside);
}
END_TEST

/* A link inside of the root is followed: some systems have /sys/fs/cgroup/cpu so. */
START_TEST(link_inside_is_followed)
{
	struct cgtune_limits limits;
	struct heard heard;
	char full[TREE_PATH_SIZE + 64];

	if (!has_openat2())
		return;
	make();
	clear(CPU_MAX, full);
	machine_write(&machine, "/elsewhere", "150000 100000\n");
	ck_assert_int_eq(symlink("/elsewhere", full), 0);
	ck_assert_int_eq(check_root(machine.root, "a link inside", &heard, &limits), 0);
	ck_assert_uint_eq(limits.cpu_quota_us, 150000);
	machine_remove(&machine);
}
END_TEST

/* Names with "..": as the kernel prints them for a cgroup outside of the namespace, and as nobody prints them. */
static const struct {
	const char *cgroup, *mountinfo;
} dotdots[] = {
	{ "0::/../../outside/a\n", NULL },
	{ "0::/..\n", NULL },
	{ "0::/a/../../../../outside\n", NULL },
	{ "0::/a/..\n", NULL },
	{ "0::../a\n", NULL },
	{ NULL, "25 22 0:22 / /sys/fs/cgroup/../../../outside rw - cgroup2 cgroup2 rw\n" },
	{ NULL, "25 22 0:22 / /.. rw - cgroup2 cgroup2 rw\n" },
	{ NULL, "25 22 0:22 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n" },
	{ NULL, "25 22 0:22 / /sys\\057..\\057..\\057outside rw - cgroup2 cgroup2 rw\n" },
	{ NULL, "25 22 0:22 / /\\056\\056/outside rw - cgroup2 cgroup2 rw\n" },
	{ "1:cpu,memory:/../a\n", "25 22 0:22 /../ /sys/fs/cgroup rw - cgroup cgroup rw,cpu,memory\n" },
};

START_TEST(dotdot_in_names)
{
	struct cgtune_limits limits;
	struct heard heard;

	make();
	machine_write(&machine, "/outside/a/cpu.max", "777771 100000\n");
	machine_write(&machine, "/outside/cpu.max", "777771 100000\n");
	if (dotdots[_i].cgroup)
		machine_write(&machine, "/proc/self/cgroup", dotdots[_i].cgroup);
	if (dotdots[_i].mountinfo)
		machine_write(&machine, "/proc/self/mountinfo", dotdots[_i].mountinfo);
	ck_assert_int_eq(check_root(machine.root, "..", &heard, &limits), 0);
	machine_remove(&machine);
}
END_TEST

/* Long lines: paths of nearly PATH_MAX, above it, and of 100 KB; as deep as they can be. */
static const struct {
	size_t length, component;	/* bytes of the path; of each part of it */
} paths[] = {
	{ 4000, 1 }, { 4090, 1 }, { 4094, 1 }, { 4095, 1 }, { 4096, 1 }, { 4097, 1 }, { 4095, 255 }, { 8192, 1 }, { 100000, 1 },
	{ 100000, 99999 }, { 16384, 8 }, { 16383, 8 }, { 16379, 8 },
};

static char *long_path(size_t length, size_t component)
{
	char *path = malloc(length + 1);

	for (size_t i = 0; i < length; i++)
		path[i] = i % (component + 1) ? 'x' : '/';
	path[length] = '\0';
	return path;
}

START_TEST(long_lines)
{
	char *path = long_path(paths[_i].length, paths[_i].component), *line = malloc(2 * paths[_i].length + 256);
	struct cgtune_limits limits;
	struct heard heard;

	make();
	sprintf(line, "1:cpu:%s\n0::/a\n", path);
	machine_write(&machine, "/proc/self/cgroup", line);
	check_root(machine.root, "a long path in cgroup", &heard, &limits);
	sprintf(line, "0::%s\n", path);
	machine_write(&machine, "/proc/self/cgroup", line);
	ck_assert_int_eq(check_root(machine.root, "a long path in cgroup", &heard, &limits), 0);
	machine_write(&machine, "/proc/self/cgroup", "0::/a\n");
	/* A line that is too long is nobody's: the next one counts. */
	sprintf(line, "24 22 0:22 %s %s rw - overlay overlay rw\n"
		"25 22 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", path, path);
	machine_write(&machine, "/proc/self/mountinfo", line);
	ck_assert_int_eq(check_root(machine.root, "a long line in mountinfo", &heard, &limits), 0);
	ck_assert_uint_eq(limits.cpu_quota_us, 250000);
	sprintf(line, "25 22 0:22 %s %s rw - cgroup2 cgroup2 rw\n", path, path);
	machine_write(&machine, "/proc/self/mountinfo", line);
	check_root(machine.root, "a long path in mountinfo", &heard, &limits);
	machine_remove(&machine);
	free(path);
	free(line);
}
END_TEST

/* Every level of the deepest path that there can be is looked at, and ends. */
START_TEST(deep_path)
{
	struct cgtune_limits limits;
	struct heard heard;
	char line[4200] = "0::";
	size_t n = strlen(line);

	make();
	while (n < 4000)
		n += (size_t)sprintf(line + n, "/a");
	strcat(line, "\n");
	machine_write(&machine, "/proc/self/cgroup", line);
	ck_assert_int_eq(check_root(machine.root, "2,000 levels", &heard, &limits), 0);
	ck_assert_uint_eq(limits.cpu_quota_us, 250000);
	ck_assert_str_eq(limits.cpu_from, CPU_MAX);
	machine_remove(&machine);
}
END_TEST

/* More mounts that show the cgroup than descriptors are closed together: that of mountinfo stays open
 * until the last line, which shows an ancestor that is tighter. */
START_TEST(many_mounts_of_the_hierarchy)
{
	enum { MOUNTS = 1000, LINE = 64 };
	char *text = malloc((MOUNTS + 1) * LINE);
	struct cgtune_limits limits;
	struct heard heard;
	size_t n = 0;

	make();
	for (int i = 0; i < MOUNTS; i++)
		n += (size_t)sprintf(text + n, "%d 22 0:22 /a /sys/fs/cgroup/a rw - cgroup2 cgroup2 rw\n", 100 + i);
	sprintf(text + n, "25 22 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	machine_write(&machine, "/proc/self/mountinfo", text);
	machine_write(&machine, TOP_CPU_MAX, "100000 100000\n");
	ck_assert_int_eq(check_root(machine.root, "1,000 mounts of one hierarchy", &heard, &limits), 0);
	ck_assert_uint_eq(heard.warnings, 0);
	ck_assert_uint_eq(limits.cpu_quota_us, 100000);
	machine_remove(&machine);
	free(text);
}
END_TEST

/* A container may have its cgroup for a root directory. */
START_TEST(hierarchy_at_the_root)
{
	struct cgtune_limits limits;
	struct heard heard;

	make();
	machine_write(&machine, "/proc/self/cgroup", "0::/a\n");
	machine_write(&machine, "/proc/self/mountinfo",
		      "25 22 0:22 /b / rw - cgroup2 cgroup2 rw\n"
		      "26 22 0:22 /a / rw - cgroup2 cgroup2 rw\n"
		      "27 22 0:22 /a /mnt rw - cgroup2 cgroup2 rw\n");
	machine_write(&machine, "/cpu.max", "300000 100000\n");
	machine_write(&machine, "/mnt/cpu.max", "200000 100000\n");
	ck_assert_int_eq(check_root(machine.root, "a hierarchy at the root", &heard, &limits), 0);
	ck_assert_uint_eq(limits.cpu_quota_us, 300000);
	ck_assert_str_eq(limits.cpu_from, "/cpu.max");
	machine_remove(&machine);
}
END_TEST

/* Only root's reading is not stopped by a mode; the fd table may be full for others too. */
START_TEST(root_that_cannot_be_read)
{
	static const struct { const char *root; int error; } roots[] = {
		{ "/nonexistent", -ENOENT }, { "/dev/null", -ENOTDIR }, { "", -ENOENT }, { "/proc/self/exe/x", -ENOTDIR },
	};
	struct cgtune_limits limits;
	struct heard heard;

	ck_assert_int_eq(check_root(roots[_i].root, roots[_i].root, &heard, &limits), roots[_i].error);
}
END_TEST

START_TEST(empty_root)
{
	struct cgtune_limits limits;
	struct heard heard;
	char dir[TREE_PATH_SIZE];

	ck_assert_int_eq(tree_make(dir, sizeof(dir)), 0);
	ck_assert_int_eq(check_root(dir, "an empty root", &heard, &limits), 0);
	ck_assert_uint_eq(limits.cpus, 1);
	ck_assert_uint_eq(limits.memory, CGTUNE_UNLIMITED);
	ck_assert_uint_eq(limits.cpu_hierarchy, 0);
	ck_assert_int_eq(tree_remove(dir), 0);
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *test, size_t to)
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, test, 0, (int)to);
	suite_add_tcase(suite, tcase);
}

int main(void)
{
	Suite *suite = suite_create("hostile");
	char folder[TREE_PATH_SIZE], pattern[TREE_PATH_SIZE + 16];
	int status;

	if (getenv("HOSTILE_COUNT"))
		count = atoi(getenv("HOSTILE_COUNT"));
	if (getenv("HOSTILE_SEED"))
		seed = strtoull(getenv("HOSTILE_SEED"), NULL, 10);
	suite_folder(folder, sizeof(folder), "FIXTURES", "fixtures");
	snprintf(pattern, sizeof(pattern), "%s/*.tree", folder);
	if (glob(pattern, 0, NULL, &trees) != 0) {
		fprintf(stderr, "no fixtures: %s\n", pattern);
		return EXIT_FAILURE;
	}
	add(suite, "places", something_else_in_place_of_a_file, ARRAY_SIZE(in_place) * ARRAY_SIZE(v2_files));
	add(suite, "levels", unreadable_level_is_one_warning, 5);
	add(suite, "links of files", link_of_a_file_is_not_followed_out, 2 * ARRAY_SIZE(v2_files));
	add(suite, "links of directories", link_of_a_directory_is_not_followed_out, 8);
	add(suite, "links inside", link_inside_is_followed, 1);
	add(suite, "dotdot", dotdot_in_names, ARRAY_SIZE(dotdots));
	add(suite, "long", long_lines, ARRAY_SIZE(paths));
	add(suite, "deep", deep_path, 1);
	add(suite, "mounts", many_mounts_of_the_hierarchy, 1);
	add(suite, "hierarchy at the root", hierarchy_at_the_root, 1);
	add(suite, "roots", root_that_cannot_be_read, 4);
	add(suite, "empty root", empty_root, 1);
	add(suite, "mutations", mutations, (size_t)(count + MUTATIONS_OF_A_TREE - 1) / MUTATIONS_OF_A_TREE);
	status = suite_run(suite);
	printf("# %d mutations of %zu trees\n", count, trees.gl_pathc);
	return status;
}
