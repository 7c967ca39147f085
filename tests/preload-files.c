/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * preload-files - views of files: opened in every way, and used as files are
 *
 * Usage: preload-files cat WAY PATH, or as case.h says: with all of CGTUNE_FILES, in
 * the limits, or natively.
 */
#include "case.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What _FORTIFY_SOURCE makes of them: there is no declaration. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int directory, const char *path, int flags);
int __openat64_2(int directory, const char *path, int flags);

char **case_arguments;
static const char *const paths[] = { "/proc/meminfo", "/proc/cpuinfo", "/proc/stat", "/sys/devices/system/cpu/online" };
#define PATHS (sizeof(paths) / sizeof(*paths))

static int open_by(const char *way, const char *path)
{
	FILE *file = NULL;

	if (strcmp(way, "open") == 0)
		return open(path, O_RDONLY);
	if (strcmp(way, "open64") == 0)
		return open64(path, O_RDONLY);
	if (strcmp(way, "openat") == 0)
		return openat(AT_FDCWD, path, O_RDONLY);
	if (strcmp(way, "openat64") == 0)
		return openat64(-1, path, O_RDONLY | O_CLOEXEC);
	if (strcmp(way, "__open_2") == 0)
		return __open_2(path, O_RDONLY);
	if (strcmp(way, "__open64_2") == 0)
		return __open64_2(path, O_RDONLY);
	if (strcmp(way, "__openat_2") == 0)
		return __openat_2(AT_FDCWD, path, O_RDONLY);
	if (strcmp(way, "__openat64_2") == 0)
		return __openat64_2(-1, path, O_RDONLY);
	if (strcmp(way, "fopen") == 0)
		file = fopen(path, "r");
	else if (strcmp(way, "fopen64") == 0)
		file = fopen64(path, "rbe");
	return file ? fileno(file) : -1;
}

static void cat(const char *way, const char *path)
{
	int fd = open_by(way, path);
	char text[4096];
	ssize_t n;

	EXPECT(fd >= 0, "%s by %s: %d", path, way, errno);
	while ((n = read(fd, text, sizeof(text))) > 0)
		EXPECT(fwrite(text, 1, (size_t)n, stdout) == (size_t)n);
	EXPECT(n == 0, "%d", errno);
}

static ssize_t read_all(int fd, char *ret, size_t size)
{
	size_t length = 0;
	ssize_t n;

	while (length < size && (n = read(fd, ret + length, size - length)) > 0)
		length += (size_t)n;
	return (ssize_t)length;
}

static void it_can_be_sought(void)
{
	static char first[65536], second[65536];
	ssize_t length;

	for (size_t i = 0; i < PATHS; i++) {
		int fd = open(paths[i], O_RDONLY);

		EXPECT(lseek(fd, 0, SEEK_CUR) == 0, "%s", paths[i]);
		length = read_all(fd, first, sizeof(first));
		EXPECT(length > 0 && lseek(fd, 0, SEEK_SET) == 0, "%s", paths[i]);
		EXPECT(pread(fd, second, 3, 1) == (length < 4 ? length - 1 : 3) && second[0] == first[1], "%s", paths[i]);
		EXPECT(read_all(fd, second, sizeof(second)) > 0 && *second == *first, "%s", paths[i]);
		close(fd);
	}
}

/* It has the type and the readers of the real one; a program that maps it may read it. */
static void it_is_a_plain_file(void)
{
	for (size_t i = 0; i < PATHS; i++) {
		int fd = open(paths[i], O_RDONLY);
		struct stat st;
		char *text;

		EXPECT(fstat(fd, &st) == 0 && S_ISREG(st.st_mode), "%s: %o", paths[i], st.st_mode);
		text = st.st_size ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
		if (text != MAP_FAILED)
			EXPECT(*text && munmap(text, (size_t)st.st_size) == 0);
		close(fd);
	}
}

/* EPERM where the kernel's own file says EBADF: it is sealed. */
static void it_cannot_be_written(void)
{
	for (size_t i = 0; i < PATHS; i++) {
		int fd = open(paths[i], O_RDONLY);

		errno = 0;
		EXPECT(write(fd, "x", 1) == -1 && (errno == EBADF || errno == EPERM), "%s: %d", paths[i], errno);
		EXPECT(ftruncate(fd, 0) == -1 && ftruncate(fd, 1 << 20) == -1, "%s", paths[i]);
		EXPECT(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED, "%s", paths[i]);
		close(fd);
	}
}

static void close_on_exec_is_as_asked_for(void)
{
	FILE *file;
	int fd;

	for (size_t i = 0; i < PATHS; i++) {
		fd = open(paths[i], O_RDONLY);
		EXPECT(fcntl(fd, F_GETFD) == 0, "%s", paths[i]);
		close(fd);
		fd = open(paths[i], O_RDONLY | O_CLOEXEC);
		EXPECT(fcntl(fd, F_GETFD) == FD_CLOEXEC, "%s", paths[i]);
		close(fd);
		file = fopen(paths[i], "re");
		EXPECT(file && fcntl(fileno(file), F_GETFD) == FD_CLOEXEC, "%s", paths[i]);
		fclose(file);
		file = fopen(paths[i], "r");
		EXPECT(file && fcntl(fileno(file), F_GETFD) == 0, "%s", paths[i]);
		fclose(file);
	}
}

static void it_has_the_lowest_free_descriptor(void)
{
	int lowest = dup(0), next;

	close(lowest);
	for (size_t i = 0; i < PATHS; i++) {
		int fd = open(paths[i], O_RDONLY);

		EXPECT(fd == lowest, "%s: %d, not %d", paths[i], fd, lowest);
		next = dup(0);
		EXPECT(next == fd + 1, "%s: %d is left open", paths[i], fd + 1);
		close(next);
		close(fd);
	}
}

static void reopened_it_is_fresh(void)
{
	static char first[65536], second[65536];
	struct timespec start, now;
	ssize_t length;
	int fd = open("/proc/stat", O_RDONLY);

	length = read_all(fd, first, sizeof(first));
	close(fd);
	clock_gettime(CLOCK_MONOTONIC, &start);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < 60);
	fd = open("/proc/stat", O_RDONLY);
	EXPECT(read_all(fd, second, sizeof(second)) > 0 && length > 0);
	close(fd);
	EXPECT(strcmp(first, second) != 0);
}

/* Flags that are not for reading, and paths of other files: what the kernel says. */
static void what_else_is_opened_is_untouched(void)
{
	const char *volatile nowhere = NULL;
	char made[] = "/tmp/cgtune-made-XXXXXX";
	struct stat st;
	int fd;

	errno = 0;
	EXPECT(open("/proc/meminfo", O_RDONLY | O_DIRECTORY) == -1 && errno == ENOTDIR, "%d", errno);
	EXPECT(open("/proc/meminfo/x", O_RDONLY) == -1 && errno == ENOTDIR, "%d", errno);
	EXPECT(open("/proc/meminfos", O_RDONLY) == -1 && errno == ENOENT, "%d", errno);
	EXPECT(open(nowhere, O_RDONLY) == -1 && errno == EFAULT, "%d", errno);
	EXPECT(openat(-1, "meminfo", O_RDONLY) == -1 && errno == EBADF, "%d", errno);
	EXPECT(!fopen("/proc/nothing", "r") && errno == ENOENT, "%d", errno);
	EXPECT(!fopen("/proc/meminfo", "bad") && errno == EINVAL, "%d", errno);
	fd = open("/proc/meminfo", O_PATH);
	EXPECT(fd >= 0 && read(fd, made, 1) == -1 && errno == EBADF, "%d", errno);
	close(fd);
	umask(0);
	fd = mkstemp(made);
	EXPECT(fd >= 0 && close(fd) == 0 && unlink(made) == 0);
	fd = open(made, O_CREAT | O_EXCL | O_RDWR, 0640);
	EXPECT(fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0640 && unlink(made) == 0, "%o", st.st_mode);
	close(fd);
	fd = open("/tmp", O_TMPFILE | O_RDWR, 0604);
	EXPECT(fd < 0 || (fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0604), "%o", st.st_mode);
	close(fd);
}

static void without_a_free_descriptor_it_fails_as_ever(void)
{
	struct rlimit limit = { 3, 3 };

	for (int fd = 3; fd < 64; fd++)
		close(fd);
	EXPECT(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	for (size_t i = 0; i < PATHS; i++) {
		errno = 0;
		EXPECT(open(paths[i], O_RDONLY) == -1 && errno == EMFILE, "%s: %d", paths[i], errno);
		errno = 0;
		EXPECT(!fopen(paths[i], "r") && errno == EMFILE, "%s: %d", paths[i], errno);
	}
}

static void errno_is_kept(void)
{
	FILE *file;
	int fd;

	for (size_t i = 0; i < PATHS; i++) {
		errno = 7777;
		fd = open(paths[i], O_RDONLY);
		EXPECT(fd >= 0 && errno == 7777, "%s: %d", paths[i], errno);
		close(fd);
		file = fopen(paths[i], "r");
		EXPECT(file && errno == 7777, "%s: %d", paths[i], errno);
		fclose(file);
	}
}

/* The next of many opens has the same content as the first: nothing is lost on the way. */
static void opened_a_thousand_times(void)
{
	char text[256];

	for (int i = 0; i < 1000; i++) {
		int fd = open("/sys/devices/system/cpu/online", O_RDONLY);

		EXPECT(fd >= 0 && fd < 16 && read(fd, text, sizeof(text)) > 1, "%d: %d", i, errno);
		close(fd);
	}
}

static const struct case_entry entries[] = {
	{ "it_can_be_sought", it_can_be_sought },
	{ "it_is_a_plain_file", it_is_a_plain_file },
	{ "it_cannot_be_written", it_cannot_be_written },
	{ "close_on_exec_is_as_asked_for", close_on_exec_is_as_asked_for },
	{ "it_has_the_lowest_free_descriptor", it_has_the_lowest_free_descriptor },
	{ "reopened_it_is_fresh", reopened_it_is_fresh },
	{ "what_else_is_opened_is_untouched", what_else_is_opened_is_untouched },
	{ "without_a_free_descriptor_it_fails_as_ever", without_a_free_descriptor_it_fails_as_ever },
	{ "errno_is_kept", errno_is_kept },
	{ "opened_a_thousand_times", opened_a_thousand_times },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	if (argc != 4 || strcmp(argv[1], "cat") != 0)
		return case_main(argv, entries);
	cat(argv[2], argv[3]);
	return EXIT_SUCCESS;
}
