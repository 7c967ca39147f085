/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* torture-client - who asks a server that is tortured, and ends it */
#include "torture-client.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* One call that fails costs one connection or two; all that fail cost each. */
#define TRIES 20
#define PAUSE_MS 2

/* Until the server closes the connection, as all of ours do after an answer, or dies. */
static void take_answer(int fd, char *answer)
{
	size_t n = 0;
	ssize_t got;

	while (n < CLIENT_ANSWER_MOST - 1 && (got = read(fd, answer + n, CLIENT_ANSWER_MOST - 1 - n)) > 0)
		n += (size_t)got;
	answer[n] = '\0';
}

static bool is_well(const char *answer, const char *begins)
{
	return strncmp(answer, begins, strlen(begins)) == 0 && answer[strlen(answer) - 1] == '\n';
}

/* false: nobody listens. */
static bool ask(const struct sockaddr_un *address, const char *request, char *answer, pid_t *server)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct ucred listener;
	socklen_t size = sizeof(listener);

	if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0) {
		close(fd);
		return false;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &listener, &size) == 0)
		*server = listener.pid;
	send(fd, request, strlen(request), MSG_NOSIGNAL);
	take_answer(fd, answer);
	close(fd);
	return true;
}

static void be_client(struct client_told *told, int alive, const struct sockaddr_un *address, const char *request,
		      const char *begins)
{
	struct pollfd server_ended = { .fd = alive };
	pid_t server = 0;
	int tries = 0;

	while (!told->answered && tries < TRIES) {
		if (ask(address, request, told->answer, &server)) {
			tries++;
			told->answered = is_well(told->answer, begins);
		} else if (poll(&server_ended, 1, PAUSE_MS) > 0) {
			_exit(0);
		}
	}
	told->ended = poll(&server_ended, 1, 0) == 0 && kill(server, SIGTERM) == 0;
	_exit(0);
}

/* The server has a pipe open as long as it lives. */
static const char *pipe_in(const char *folder, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/alive", folder);
	return path;
}

void client_start(struct client_told *told, const char *folder, const char *request, const char *begins)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char path[PATH_MAX];
	pid_t pid;

	told->answered = told->ended = false;
	told->answer[0] = '\0';
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", folder);
	unlink(address.sun_path);
	if ((mkfifo(pipe_in(folder, path), 0600) < 0 && errno != EEXIST) || (pid = fork()) < 0) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	if (pid == 0)
		be_client(told, open(path, O_RDONLY | O_CLOEXEC), &address, request, begins);
}

void client_expect(const char *folder)
{
	char path[PATH_MAX];

	if (open(pipe_in(folder, path), O_WRONLY) < 0)		/* it goes to the program that is executed */
		_exit(99);
}
