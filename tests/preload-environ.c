/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * preload-environ - a program that changes its environment, after the preload object has
 *
 * Run in 0.5 CPU and 512 MiB. A case that ends in `exec` prints the environment of
 * a child that it starts with one made by hand.
 */
#include "case.h"

#include <ctype.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#define MANY 10000

extern char **environ;
char **case_arguments;

static bool is(const char *name, const char *value)
{
	const char *now = getenv(name);

	return value ? now && strcmp(now, value) == 0 : !now;
}

static unsigned count(const char *name)
{
	size_t n = strlen(name);
	unsigned found = 0;

	for (char **entry = environ; entry && *entry; entry++)
		found += strncmp(*entry, name, n) == 0 && (*entry)[n] == '=';
	return found;
}

static void it_is_there_once(void)
{
	static const char *const names[] = { "OMP_NUM_THREADS", "GOMAXPROCS", "GOMEMLIMIT", "CGTUNE_SET", "PATH" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		EXPECT(count(names[i]) == 1, "%s: %u", names[i], count(names[i]));
	EXPECT(is("OMP_NUM_THREADS", "1"), "%s", getenv("OMP_NUM_THREADS"));
	EXPECT(is("GOMEMLIMIT", "460MiB"), "%s", getenv("GOMEMLIMIT"));
}

static void setenv_works(void)
{
	char name[32];

	EXPECT(setenv("OMP_NUM_THREADS", "17", 0) == 0 && is("OMP_NUM_THREADS", "1"));
	EXPECT(setenv("OMP_NUM_THREADS", "17", 1) == 0 && is("OMP_NUM_THREADS", "17"));
	EXPECT(setenv("PATH", "/nowhere", 1) == 0 && is("PATH", "/nowhere"));
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "NEW_%d", i);
		EXPECT(setenv(name, name, 1) == 0);
	}
	EXPECT(is("NEW_0", "NEW_0") && is("NEW_9999", "NEW_9999") && is("GOMEMLIMIT", "460MiB"));
	EXPECT(count("OMP_NUM_THREADS") == 1 && count("PATH") == 1);
}

static void unsetenv_works(void)
{
	static const char *const names[] = { "GOMAXPROCS", "CGTUNE_SET", "PATH", "GOMEMLIMIT", "OMP_NUM_THREADS" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		EXPECT(unsetenv(names[i]) == 0 && is(names[i], NULL) && count(names[i]) == 0, "%s", names[i]);
	EXPECT(setenv("PATH", "/again", 1) == 0 && is("PATH", "/again"));
}

static void putenv_works(void)
{
	static char ours[] = "GOMAXPROCS=33", other[] = "FRESH=1";

	EXPECT(putenv(ours) == 0 && is("GOMAXPROCS", "33") && count("GOMAXPROCS") == 1);
	EXPECT(putenv(other) == 0 && is("FRESH", "1"));
	ours[sizeof(ours) - 2] = '4';
	EXPECT(is("GOMAXPROCS", "34"));
	EXPECT(unsetenv("FRESH") == 0 && is("FRESH", NULL));
}

static void clearenv_works(void)
{
	EXPECT(clearenv() == 0 && is("PATH", NULL) && is("OMP_NUM_THREADS", NULL));
	EXPECT(sysconf(_SC_NPROCESSORS_ONLN) == 1);
	EXPECT(setenv("A", "1", 1) == 0 && is("A", "1"));
	EXPECT(clearenv() == 0 && setenv("B", "2", 1) == 0 && is("A", NULL) && is("B", "2"));
}

static void environ_may_be_null(void)
{
	environ = NULL;
	EXPECT(sysconf(_SC_NPROCESSORS_ONLN) == 1);
	EXPECT(is("PATH", NULL));
	EXPECT(setenv("A", "1", 1) == 0 && is("A", "1"));
}

/* As bash and setproctitle() do. */
static void strings_may_be_written(void)
{
	for (char **entry = environ; *entry; entry++)
		for (char *c = *entry; *c; c++)
			*c = (char)tolower((unsigned char)*c);
	EXPECT(is("omp_num_threads", "1") && is("gomemlimit", "460mib"));
}

/* As programs that keep their own table, and give it back to the kernel. */
static void entries_may_be_moved(void)
{
	size_t n = 0;
	char *first;

	while (environ[n])
		n++;
	first = environ[0];
	environ[0] = environ[n - 1];
	environ[n - 1] = first;
	EXPECT(is("OMP_NUM_THREADS", "1") && is("GOMEMLIMIT", "460MiB") && count("CGTUNE_SET") == 1);
	environ[n - 1] = NULL;
	EXPECT(environ[n] == NULL);
}

/* Print what env(1) is given by an environment made by hand; arguments: its entries. */
static void given(char **entries, char *const *command)
{
	int status;
	pid_t child;

	fflush(stdout);
	EXPECT(posix_spawn(&child, command[0], NULL, NULL, command, entries) == 0);
	EXPECT(waitpid(child, &status, 0) == child && status == 0, "status %d", status);
}

static char env_program[] = "/usr/bin/env";
static char *const env_command[] = { env_program, NULL };

static void exec(void)
{
	given(case_arguments, env_command);
}

/* All the others must be there behind it, in their order, and ours once. */
static void exec_many(void)
{
	static char strings[MANY][24], preload[4096];
	static char *entries[MANY + 2];

	for (int i = 0; i < MANY; i++) {
		snprintf(strings[i], sizeof(strings[i]), "VARIABLE_%d=%d", i, i);
		entries[i] = strings[i];
	}
	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", getenv("LD_PRELOAD"));
	entries[MANY] = preload;
	given(entries, env_command);
}

static const struct case_entry entries_of_cases[] = {
	{ "it_is_there_once", it_is_there_once },
	{ "setenv_works", setenv_works },
	{ "unsetenv_works", unsetenv_works },
	{ "putenv_works", putenv_works },
	{ "clearenv_works", clearenv_works },
	{ "environ_may_be_null", environ_may_be_null },
	{ "strings_may_be_written", strings_may_be_written },
	{ "entries_may_be_moved", entries_may_be_moved },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	case_arguments = argv + 2;
	if (argc > 1 && strcmp(argv[1], "exec") == 0)
		exec();
	else if (argc > 1 && strcmp(argv[1], "exec-many") == 0)
		exec_many();
	else
		return case_main(argv, entries_of_cases);
	return EXIT_SUCCESS;
}
