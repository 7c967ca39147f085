/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* advise-threads - the threads of a process or of a cgroup: how many, which of them want to run, what they used */
#include "advise.h"
#include "tool.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "TID (COMM) STATE ..." of proc_pid_stat(5): COMM may hold anything, so what follows the last ')' counts. */
static int parse_stat(char *text, struct advise_thread *ret)
{
	unsigned long long user, system;
	char *end = strrchr(text, ')'), state;

	if (!end || sscanf(end + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &state, &user, &system) != 3)
		return -EBADMSG;
	ret->runnable = state == 'R';
	ret->used_ns = (uint64_t)(user + system) * (1000000000 / (uint64_t)sysconf(_SC_CLK_TCK));
	return 0;
}

/* One that has ended meanwhile is none. */
static int add(struct advise_threads *threads, int32_t tid)
{
	struct advise_thread thread = { .tid = tid }, *more;
	char path[64], text[1024];

	/* Outside of task/ the times are those of the whole process. */
	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", tid, tid);
	if (tid <= 0 || tool_read(path, text, sizeof(text)) <= 0 || parse_stat(text, &thread) < 0)
		return 0;
	more = reallocarray(threads->threads, threads->count + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	threads->threads = more;
	more[threads->count++] = thread;
	return 0;
}

static int add_process(struct advise_threads *threads, int32_t pid)
{
	struct dirent *entry;
	char path[64];
	DIR *tasks;
	int r = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	if (!tasks)
		return errno == ENOENT ? -ESRCH : -errno;
	while (r == 0 && (entry = readdir(tasks)))
		r = add(threads, (int32_t)strtol(entry->d_name, NULL, 10));
	closedir(tasks);
	return r;
}

struct walk {
	struct advise_threads *threads;
	const struct groups *groups;
};

/* Those of one cgroup: a line each. */
static int add_group(uint64_t id, const char *path, void *user)
{
	const struct walk *walk = user;
	char file_path[2 * 4096 + 32], *line = NULL;
	size_t room = 0;
	FILE *file;
	int r = 0;

	(void)id;
	snprintf(file_path, sizeof(file_path), "%s%s/%s", walk->groups->mount, path,
		 walk->groups->version == 2 ? "cgroup.threads" : "tasks");
	file = fopen(file_path, "re");
	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while (r == 0 && getline(&line, &room, file) > 0)
		r = add(walk->threads, (int32_t)strtol(line, NULL, 10));
	free(line);
	fclose(file);
	return r;
}

/* Not by fts_open(3), which crashes without memory (glibc 2.36). */
static int add_groups(struct advise_threads *threads, const struct groups *groups, const char *path)
{
	struct walk walk = { threads, groups };
	int r = groups_walk_below(groups, path, add_group, &walk);

	return r == -ENOENT ? 0 : r;
}

static int by_tid(const void *a, const void *b)
{
	const struct advise_thread *x = a, *y = b;

	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

int advise_threads_read(const struct advise_subject *subject, const struct groups *groups, struct advise_threads *ret)
{
	struct advise_threads threads = { .threads = NULL };
	int r = subject->pid ? add_process(&threads, subject->pid) : add_groups(&threads, groups, subject->cpu_path);

	if (r < 0) {
		free(threads.threads);
		return r;
	}
	if (threads.count)
		qsort(threads.threads, threads.count, sizeof(*threads.threads), by_tid);
	*ret = threads;
	return 0;
}

uint64_t advise_threads_used(const struct advise_threads *old, const struct advise_threads *new)
{
	uint64_t used = 0;

	for (size_t i = 0; i < new->count; i++) {
		const struct advise_thread *thread = &new->threads[i], *before;

		before = old->count ? bsearch(thread, old->threads, old->count, sizeof(*thread), by_tid) : NULL;
		if (!before || before->used_ns <= thread->used_ns)
			used += thread->used_ns - (before ? before->used_ns : 0);
	}
	return used;
}
