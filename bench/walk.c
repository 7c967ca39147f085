/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * walk - the kernel's counters of many cgroups: cgtune_probe_walk() against kept descriptors and open, read, close of cpu.stat
 *
 *   walk HIERARCHY [GROUPS]	makes the groups below a folder of its own there, and removes them
 *
 * The three take turns in one run; the best of each is compared.
 */
#include "bench.h"

#include <cgtune-probe.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ROUNDS 15
#define MOST 10000

static char top[256], text[1 << 16];
static struct cgtune_group_counters rows[MOST + 1];
static int kept[MOST];
static long groups = 1000;

static void die(const char *what)
{
	fprintf(stderr, "walk: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static const char *path_of(long i, const char *file)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%ld/%s", top, i, file);
	return path;
}

static void clean(void)
{
	for (long i = 0; i < groups; i++)
		rmdir(path_of(i, ""));
	rmdir(top);
}

static void make(void)
{
	char file[300];
	int fd;

	if (mkdir(top, 0755) < 0)
		die(top);
	atexit(clean);
	snprintf(file, sizeof(file), "%s/cgroup.subtree_control", top);
	fd = open(file, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, "+cpu", 4) != 4)
		die(file);
	for (long i = 0; i < groups; i++)
		if (mkdir(path_of(i, ""), 0755) < 0)
			die(path_of(i, ""));
}

static void read_kept(void)
{
	char stat[1024];

	for (long i = 0; i < groups; i++)
		if (pread(kept[i], stat, sizeof(stat), 0) <= 0)
			die("cpu.stat");
}

static void read_opened(void)
{
	char stat[1024];

	for (long i = 0; i < groups; i++) {
		int fd = open(path_of(i, "cpu.stat"), O_RDONLY | O_CLOEXEC);

		if (fd < 0 || read(fd, stat, sizeof(stat)) <= 0)
			die("cpu.stat");
		close(fd);
	}
}

static struct cgtune_probe_walk *walk;

static void read_walked(void)
{
	if (cgtune_probe_walk(walk, rows, MOST + 1) != groups + 1)
		die("cgtune_probe_walk");
}

static uint64_t time_of(void (*call)(void))
{
	uint64_t start = bench_now();

	call();
	return bench_now() - start;
}

static void compare(void)
{
	static const struct {
		const char *name;
		void (*call)(void);
	} all[] = {
		{ "cgtune_probe_walk()", read_walked },
		{ "pread() of kept descriptors", read_kept },
		{ "open(), read(), close()", read_opened },
	};
	uint64_t best[3] = { UINT64_MAX, UINT64_MAX, UINT64_MAX };

	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < 3; i++) {
			uint64_t start, ns;

			if (i == 0)
				usleep(100000);		/* what the last pass found is given again for a while */
			start = bench_now();
			ns = time_of(all[i].call);
			if (i == 0 && rows[0].taken_ns < start)
				die("no new pass");
			best[i] = ns < best[i] ? ns : best[i];
		}
	for (int i = 0; i < 3; i++)
		printf("| %s | %.0f us | %.1f |\n", all[i].name, (double)best[i] / 1000,
		       (double)best[i] / (double)best[0]);
}

int main(int argc, char **argv)
{
	struct cgtune_probe_options options = { .size = sizeof(options), .text = text, .text_size = sizeof(text) };
	uint64_t start;
	int r;

	if (argc > 2)
		groups = atol(argv[2]);
	if (argc < 2 || groups < 1 || groups > MOST)
		return 2;
	snprintf(top, sizeof(top), "%s/cgtune-bench-%d", argv[1], (int)getpid());
	make();
	for (long i = 0; i < groups; i++)
		kept[i] = open(path_of(i, "cpu.stat"), O_RDONLY | O_CLOEXEC);
	start = bench_now();
	r = cgtune_probe_walk_open(&options, top, MOST + 1, &walk);
	if (r < 0) {
		fprintf(stderr, "walk: %s", text);
		return EXIT_FAILURE;
	}
	printf("%ld groups; cgtune_probe_walk_open() takes %.1f ms, once\n\n| | all of them | ratio |\n|---|---|---|\n",
	       groups, (double)(bench_now() - start) / 1e6);
	rows[0].size = sizeof(rows[0]);
	compare();
	cgtune_probe_walk_close(walk);
	return EXIT_SUCCESS;
}
