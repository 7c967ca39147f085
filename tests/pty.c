/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pty - run a command on a terminal of its own, and type, for tests in shell
 *
 *   pty [-e TEXT | -s KEYS]... -- COMMAND...
 *
 * -e waits until TEXT has come after what was waited for before, -s types KEYS, in which
 * \n, \003 and the like stand for what they do in C. What comes is copied to standard
 * output. Exit status: the command's, 128 + its signal; 99: TEXT did not come in 20 s.
 */
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_MS 20000

static char seen[1 << 16];
static size_t length, looked;		/* up to where it was waited for */

/* More output; false: it has ended, or took too long. */
static bool more(int terminal)
{
	struct pollfd fd = { .fd = terminal, .events = POLLIN };
	ssize_t n = poll(&fd, 1, TIMEOUT_MS) == 1 ? read(terminal, seen + length, sizeof(seen) - 1 - length) : 0;

	if (n <= 0)
		return false;
	fwrite(seen + length, 1, (size_t)n, stdout);
	length += (size_t)n;
	seen[length] = '\0';
	return true;
}

static bool expect(int terminal, const char *text)
{
	char *at;

	while (!(at = strstr(seen + looked, text)))
		if (!more(terminal))
			return false;
	looked = (size_t)(at - seen) + strlen(text);
	return true;
}

static void type(int terminal, const char *keys)
{
	while (*keys) {
		char key = *keys++;

		if (key == '\\' && *keys == 'n') {
			key = '\n';
			keys++;
		} else if (key == '\\' && *keys >= '0' && *keys <= '7') {
			key = (char)strtol((char[]){ keys[0], keys[1], keys[2], '\0' }, NULL, 8);
			keys += 3;
		}
		if (write(terminal, &key, 1) != 1)
			return;
	}
}

int main(int argc, char **argv)
{
	int terminal, status, i;
	pid_t pid;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		;
	if (i >= argc - 1)
		return 2;
	pid = forkpty(&terminal, NULL, NULL, NULL);
	if (pid < 0)
		return 77;
	if (pid == 0) {
		execvp(argv[i + 1], argv + i + 1);
		_exit(127);
	}
	for (int k = 1; k + 1 < i; k += 2) {
		if (strcmp(argv[k], "-s") == 0) {
			type(terminal, argv[k + 1]);
		} else if (!expect(terminal, argv[k + 1])) {
			fprintf(stderr, "pty: %s did not come\n", argv[k + 1]);
			kill(pid, SIGKILL);
			return 99;
		}
	}
	while (more(terminal))
		;
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
