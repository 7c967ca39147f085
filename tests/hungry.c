/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hungry - for tests: processes that want memory in a group, and what /proc tells of one that sleeps for it */
#include "hungry.h"
#include "real.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define HUNGRY_MOST (48 * (size_t)REAL_MIB)

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

char *hungry_map(size_t size)
{
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(memory, MAP_FAILED);
	return memory;
}

/* Fill memory that the kernel may take back, more of it than the limit: it must reclaim. All is given back at the end. */
static void churn(unsigned chunks)
{
	char *memory = hungry_map(chunks * HUNGRY_CHUNK);

	for (unsigned i = 0; i < chunks; i++) {
		memset(memory + i * HUNGRY_CHUNK, 1, HUNGRY_CHUNK);
		madvise(memory + i * HUNGRY_CHUNK, HUNGRY_CHUNK, MADV_FREE);
	}
	munmap(memory, chunks * HUNGRY_CHUNK);
}

pid_t hungry_churn(const char *name, unsigned chunks)
{
	pid_t pid = check_fork();

	if (pid == 0) {
		real_move(name, 0);
		churn(chunks);
		_exit(0);
	}
	return pid;
}

pid_t hungry_hog(const char *name, size_t size, int ready)
{
	pid_t pid = check_fork();

	if (pid == 0) {
		char *memory;

		real_move(name, 0);
		memory = hungry_map(size);
		memset(memory, 1, size);
		ck_assert_int_eq(write(ready, "x", 1), 1);
		for (;;)
			pause();
	}
	return pid;
}

pid_t hungry_sleeper(const char *name, struct hungry_sleeper *sleeper)
{
	pid_t pid = check_fork();

	if (pid == 0) {
		struct rusage before, after;
		uint64_t since;
		char *memory;

		real_move(name, 0);
		memory = hungry_map(HUNGRY_MOST);
		getrusage(RUSAGE_SELF, &before);
		since = now_ns();
		for (size_t i = 0; i < HUNGRY_MOST && !sleeper->stop; i += 4096)
			memory[i] = 1;
		sleeper->wall_ns = now_ns() - since;
		getrusage(RUSAGE_SELF, &after);
		sleeper->switches = after.ru_nvcsw - before.ru_nvcsw;
		munmap(memory, HUNGRY_MOST);
		_exit(0);
	}
	return pid;
}

static bool proc_text(pid_t pid, const char *file, char *ret, size_t size)
{
	char path[64];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	f = fopen(path, "re");
	n = f ? fread(ret, 1, size - 1, f) : 0;
	ret[n] = '\0';
	if (f)
		fclose(f);
	return n != 0;
}

/* How often it has gone to sleep so far, if it sleeps; 0: it runs. */
static unsigned long sleeps_of(pid_t pid)
{
	static const char key[] = "\nvoluntary_ctxt_switches:";
	char status[8192], *at;

	at = proc_text(pid, "status", status, sizeof(status)) && strstr(status, "\nState:\tD") ? strstr(status, key) : NULL;
	return at ? strtoul(at + strlen(key), NULL, 10) : 0;
}

/* The same, if it sleeps in that function. The stack of one that runs is not to be trusted. */
static unsigned long asleep(pid_t pid)
{
	unsigned long before = sleeps_of(pid);
	char stack[8192], *line, *rest;

	if (!before || !proc_text(pid, "stack", stack, sizeof(stack)))
		return 0;
	/* The innermost function: those of the scheduler are left out. A program at fexit is between. */
	line = strtok_r(stack, "\n", &rest);
	while (line && strstr(line, "bpf_trampoline"))
		line = strtok_r(NULL, "\n", &rest);
	if (!line || !strstr(line, "mem_cgroup_handle_over_high"))
		return 0;
	return sleeps_of(pid) == before ? before : 0;
}

struct hungry_seen hungry_watch(pid_t pid)
{
	struct hungry_seen seen = { 0 };
	uint64_t end = now_ns() + UINT64_C(100000000000), first = 0, length = 0;
	unsigned long last = 0;

	while ((seen.sleeps < HUNGRY_SLEEPS || !seen.ns) && now_ns() < end) {
		uint64_t begun = now_ns();
		unsigned long which = asleep(pid);

		if (which && which == last) {
			seen.ns += begun - first - length;
			length = begun - first;
			seen.longest_ns = length > seen.longest_ns ? length : seen.longest_ns;
		} else if (which) {
			seen.sleeps++;
			first = now_ns();
			length = 0;
		}
		last = which;
		usleep(1000);
	}
	return seen;
}
