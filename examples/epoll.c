/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * epoll - an HTTP server of one thread: a slot for each connection, live limits, and an end that serves who is in
 *
 *	epoll [LIMIT [IDLE]]	a connection that has not asked for IDLE seconds, 30, is closed, or it kept its slot
 */
#include "metrics.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum { DESCRIPTORS = 1024 };

static struct cgtune_limiter *limiter;
static time_t since[DESCRIPTORS];	/* which it has not asked; 0: it is none */

static time_t now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + 1;
}

/* The end of one whose time is up is read like any other. */
static void end_idle(time_t idle)
{
	for (int fd = 0; fd < DESCRIPTORS; fd++)
		if (since[fd] && now() - since[fd] > idle)
			shutdown(fd, SHUT_RDWR);
}

/* A connection that is refused is told so when it has asked. */
static void watch(int set, int fd, int is_connection)
{
	uint32_t error = is_connection && fd >= 0 ? (uint32_t)-cgtune_limiter_try(limiter) : 0;
	struct epoll_event event = { EPOLLIN, { .u64 = (uint32_t)fd | (uint64_t)error << 32 } };

	if (is_connection && fd >= 0)
		since[fd] = now();
	epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
}

static void answer(int fd, int admitted)
{
	char request[4096], *text = NULL;
	size_t size = 0;
	FILE *body = recv(fd, request, sizeof(request), MSG_DONTWAIT) > 0 ? open_memstream(&text, &size) : NULL;

	if (body) {
		strncmp(request, "GET /metrics ", 13) ? (void)fputs("done\n", body) : metrics_print(body, limiter);
		fclose(body);
	}
	if (body && admitted < 0)
		dprintf(fd, "HTTP/1.1 503 Busy\r\nRetry-After: %d\r\nX-Cgtune-Reject: %s\r\nContent-Length: 0\r\n\r\n",
			cgtune_limiter_retry_after(limiter), cgtune_limiter_reason(admitted));
	else if (body)
		dprintf(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s", size, text);
	free(text);
	since[fd] = 0;
	close(fd);
	if (admitted == 0)
		cgtune_limiter_release(limiter);
}

int main(int argc, char **argv)
{
	struct cgtune_limiter_options options = { .size = sizeof(options), .name = "epoll",
		.limit = argc > 1 ? (uint32_t)atoi(argv[1]) : 0, .flags = CGTUNE_LIMITER_BIND_PROCESS };
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fds[] = { socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), cgtune_fd(), -1 }, set = epoll_create1(0), ends = 0;
	socklen_t size = sizeof(address);
	struct epoll_event event;
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ DESCRIPTORS, DESCRIPTORS });
	fds[2] = signalfd(-1, &signals, SFD_CLOEXEC);
	if (fds[1] < 0 || cgtune_limiter_new(&options, &limiter) < 0 || bind(fds[0], (void *)&address, size) < 0 ||
	    listen(fds[0], 128) < 0 || getsockname(fds[0], (void *)&address, &size) < 0)
		return 1;
	dprintf(STDOUT_FILENO, "listening on %u\n", ntohs(address.sin_port));
	for (int i = 0; i < 3; i++)
		watch(set, fds[i], 0);
	while (!ends || cgtune_limiter_drain(limiter, 0) < 0) {
		int n = epoll_wait(set, &event, 1, 1000), fd = (int)(uint32_t)event.data.u64;

		if (n == 1 && fd == fds[0])
			watch(set, accept4(fd, NULL, NULL, SOCK_CLOEXEC), 1);
		else if (n == 1 && fd == fds[1])
			cgtune_dispatch();
		else if (n == 1 && fd == fds[2])
			ends = epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL) == 0;
		else if (n == 1)
			answer(fd, -(int)(event.data.u64 >> 32));
		end_idle(argc > 2 ? atoi(argv[2]) : 30);
	}
	return 0;
}
