/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * epoll - an echo server: a slot for each connection, and live limits in the same epoll set
 * (epoll LIMIT; without one, by the cgroup)
 */
#include <arpa/inet.h>
#include <cgtune.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static int listening, set;
static struct cgtune_limiter *limiter;

static void watch(int fd)
{
	epoll_ctl(set, EPOLL_CTL_ADD, fd, &(struct epoll_event){ .events = EPOLLIN, .data.fd = fd });
}

static void enter(void)
{
	int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), r;
	char text[64];

	if (fd < 0)
		return;
	r = cgtune_limiter_try(limiter);
	if (r == 0)
		return watch(fd);
	snprintf(text, sizeof(text), "%s, try again in %d s\n", cgtune_limiter_reason(r), cgtune_limiter_retry_after(limiter));
	send(fd, text, strlen(text), MSG_NOSIGNAL);
	close(fd);
}

static void echo(int fd)
{
	char text[4096];
	ssize_t n = recv(fd, text, sizeof(text), 0);

	if (n > 0 && send(fd, text, (size_t)n, MSG_NOSIGNAL) == n)
		return;
	close(fd);
	cgtune_limiter_release(limiter);
}

int main(int argc, char **argv)
{
	struct cgtune_limiter_options options = {
		.size = sizeof(options), .name = "epoll", .limit = argc > 1 ? (uint32_t)atoi(argv[1]) : 0,
		.flags = CGTUNE_LIMITER_BIND_PROCESS,
	};
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	struct epoll_event event;
	int changes = cgtune_fd();

	set = epoll_create1(EPOLL_CLOEXEC);
	listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (changes < 0 || set < 0 || cgtune_limiter_new(&options, &limiter) < 0 ||
	    bind(listening, (struct sockaddr *)&address, size) < 0 || listen(listening, 128) < 0 ||
	    getsockname(listening, (struct sockaddr *)&address, &size) < 0)
		return 1;
	printf("listening on %u\n", ntohs(address.sin_port));
	fflush(stdout);
	watch(listening);
	watch(changes);
	while (epoll_wait(set, &event, 1, -1) >= 0) {
		if (event.data.fd == listening)
			enter();
		else if (event.data.fd == changes)
			cgtune_dispatch();
		else
			echo(event.data.fd);
	}
	return 1;
}
