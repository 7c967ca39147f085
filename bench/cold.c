/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owns the driver: one scenario, every subject in fresh processes in turn, one line of medians for each. */
#include <getopt.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "scene.h"
#include "trace.h"

#define MAX_SUBJECTS 32
#define MAX_WORDS 8

/* Given as "name=program argument..."; "name=!program" is measured from its start to its end. */
struct subject {
	char *name;
	char *argv[MAX_WORDS + 1];
	bool whole, failed;
	uint64_t *cold, *warm, *faults;
	unsigned long threads;
	unsigned long long memory;
	struct trace trace;
};

struct driver {
	struct scene scene;
	struct subject subjects[MAX_SUBJECTS];
	unsigned count, runs;
};

static bool parse_subject(struct subject *subject, char *text, unsigned runs)
{
	char *save = NULL, *word = strchr(text, '=');
	unsigned words = 0;

	if (word == NULL)
		return false;
	*word++ = '\0';
	subject->name = text;
	subject->whole = *word == '!';
	word += subject->whole;
	for (word = strtok_r(word, " ", &save); word != NULL && words < MAX_WORDS; word = strtok_r(NULL, " ", &save))
		subject->argv[words++] = word;
	subject->cold = calloc(runs, sizeof(uint64_t));
	subject->warm = calloc(runs, sizeof(uint64_t));
	subject->faults = calloc(runs, sizeof(uint64_t));
	return words > 0 && subject->cold != NULL && subject->warm != NULL && subject->faults != NULL;
}

static pid_t start(char *const argv[], int *output)
{
	int ends[2];
	pid_t pid;

	if (pipe(ends) != 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		execv(argv[0], argv);
		_exit(127);
	}
	close(ends[1]);
	*output = ends[0];
	return pid;
}

static void run_once(struct subject *subject, unsigned run)
{
	unsigned long long cold, warm, faults;
	char text[256];
	uint64_t before = bench_now();
	int output = -1, status = -1;
	pid_t pid = start(subject->argv, &output);
	FILE *stream = pid > 0 ? fdopen(output, "r") : NULL;
	bool got = stream != NULL && fgets(text, sizeof(text), stream) != NULL;

	if (stream != NULL)
		fclose(stream);
	if (pid > 0)
		waitpid(pid, &status, 0);
	if (subject->whole) {
		subject->cold[run] = bench_now() - before;
		subject->failed |= status != 0;
		if (got)
			subject->threads = strtoul(text, NULL, 10);
		return;
	}
	if (!got || status != 0 || sscanf(text, "%llu %llu %llu %lu %llu", &cold, &warm, &faults,
					  &subject->threads, &subject->memory) != 5) {
		subject->failed = true;
		return;
	}
	subject->cold[run] = cold;
	subject->warm[run] = warm;
	subject->faults[run] = faults;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static double median(uint64_t *values, unsigned count)
{
	qsort(values, count, sizeof(*values), compare);
	return ((double)values[(count - 1) / 2] + (double)values[count / 2]) / 2;
}

/* A new order in every round, so that nobody always runs in the caches that the same neighbour left. */
static void shuffle(unsigned *order, unsigned count)
{
	for (unsigned i = count; i > 1; i--) {
		unsigned other = (unsigned)random() % i, kept = order[i - 1];

		order[i - 1] = order[other];
		order[other] = kept;
	}
}

/* name, cold ns, warm ns, system calls, bytes read, page faults, threads, memory: one line each, tabs between. */
static int measure(struct driver *driver)
{
	unsigned order[MAX_SUBJECTS];

	for (unsigned i = 0; i < driver->count; i++)
		order[i] = i;
	for (unsigned run = 0; run < driver->runs; run++) {
		shuffle(order, driver->count);
		for (unsigned i = 0; i < driver->count; i++)
			if (!driver->subjects[order[i]].failed)
				run_once(&driver->subjects[order[i]], run);
	}
	for (unsigned i = 0; i < driver->count; i++) {
		struct subject *subject = &driver->subjects[i];

		if (subject->failed || !trace_run(subject->argv, subject->whole, &subject->trace)) {
			fprintf(stderr, "cold: %s: failed\n", subject->name);
			continue;
		}
		printf("%s\t%.0f\t%.0f\t%lu\t%lu\t%.0f\t%lu\t%llu\n", subject->name,
		       median(subject->cold, driver->runs), median(subject->warm, driver->runs),
		       subject->trace.calls, subject->trace.bytes, median(subject->faults, driver->runs),
		       subject->threads, subject->memory);
	}
	return 0;
}

/* The only process inside the scene; what it starts inherits cgroup and mounts. */
static int work(struct driver *driver, char **command)
{
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!scene_enter(&driver->scene))
		return 77;
	if (command == NULL)
		return measure(driver);
	execvp(command[0], command);
	perror(command[0]);
	return 127;
}

/* Signals are taken one at a time by sigwait, so that the scene is closed whatever ends the run. */
static int supervise(struct driver *driver, char **command)
{
	int status = 77 << 8, signal = 0;
	sigset_t set;
	pid_t worker;

	sigemptyset(&set);
	for (const int *s = (const int[]){ SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD, 0 }; *s != 0; s++)
		sigaddset(&set, *s);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (scene_open(&driver->scene)) {
		fflush(stdout);
		worker = fork();
		if (worker == 0) {
			sigprocmask(SIG_UNBLOCK, &set, NULL);
			exit(work(driver, command));
		}
		do
			sigwait(&set, &signal);
		while (signal == SIGCHLD && waitpid(worker, &status, WNOHANG) == 0);
		if (signal != SIGCHLD) {
			kill(-worker, SIGKILL);
			waitpid(worker, &status, 0);
		}
	}
	scene_close(&driver->scene);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	if (signal != 0 && signal != SIGCHLD)
		raise(signal);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int usage(void)
{
	fputs("Usage: cold [-n RUNS] [-d DEPTH] [-a] [-m MOUNTS] NAME=PROGRAM...\n"
	      "       cold [-d DEPTH] [-a] [-m MOUNTS] -x COMMAND ARGUMENT...\n"
	      "-d: levels of cgroups; -a: limits on every level; -x: only run a command in the scene\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	static struct driver driver = { .runs = 300, .scene = { .depth = 1, .mounts = 30 } };
	bool command = false;
	int c;

	while ((c = getopt(argc, argv, "+n:d:am:x")) != -1)
		switch (c) {
		case 'n': driver.runs = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'd': driver.scene.depth = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'm': driver.scene.mounts = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'a': driver.scene.every_level = true; break;
		case 'x': command = true; break;
		default: return usage();
		}
	if (optind == argc || driver.runs == 0 || driver.scene.depth == 0 || driver.scene.depth > 32)
		return usage();
	for (; !command && optind < argc; optind++)
		if (driver.count == MAX_SUBJECTS ||
		    !parse_subject(&driver.subjects[driver.count++], argv[optind], driver.runs))
			return usage();
	return supervise(&driver, command ? argv + optind : NULL);
}
