/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * agent - `cgtune agent`: HAProxy's agent-check, so that maxconn follows a backend's limits
 *
 * To whoever connects it says "up maxconn:N" and closes (HAProxy's configuration
 * manual, "agent-check"). It keeps no client and waits for none: one send(2) that does not wait
 * is all that a client costs.
 */
#include "listen.h"
#include "notify.h"
#include "privilege.h"
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { KEY_LISTEN = 256, KEY_PID, KEY_CGROUP, KEY_MULTIPLIER, KEY_USER, ROUND_MOST = 64, BACKLOG = 1024, PAUSE_MS = 100 };

struct agent {
	const char *listen;
	struct cgtune_options options;
	struct cgtune_limiter_options limiter_options;
	struct cgtune_limiter *limiter;
	struct cgtune_waiter queue;
	const char *user;		/* NULL: nobody, if this is root */
	int spare;			/* a descriptor to answer with when there is none left */
};

static const struct argp_option options[] = {
	{ "listen", KEY_LISTEN, "ADDR:PORT", 0, "where HAProxy asks, [ADDR]:PORT for IPv6; without ADDR 127.0.0.1; "
	  "port 0: a free one, which is printed", 0 },
	{ "pid", KEY_PID, "PID", 0, "the backend's process; default: the cgroup that this command is in", 0 },
	{ "cgroup", KEY_CGROUP, "PATH", 0, "the backend's cgroup, by its path as in /proc/PID/cgroup", 0 },
	{ "multiplier", KEY_MULTIPLIER, "N", 0, "connections for each thread; default: "
	  "CGTUNE_THROTTLE_MULTIPLIER, else 8", 0 },
	{ "user", KEY_USER, "USER", 0, "whom root becomes once all is open; default nobody", 0 },
	{ 0 },
};

static uint32_t parse_number(const char *text, const char *wants)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || end == text || *end || n < 1 || n > INT32_MAX)
		tool_usage(text, wants);
	return (uint32_t)n;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct agent *agent = state->input;

	switch (key) {
	case KEY_LISTEN:
		agent->listen = argument;
		return 0;
	case KEY_PID:
		agent->options.pid = tool_pid(argument);
		return 0;
	case KEY_CGROUP:
		agent->options.cgroup = tool_cgroup(argument);
		return 0;
	case KEY_MULTIPLIER:
		agent->limiter_options.multiplier = parse_number(argument, "--multiplier wants a whole number from 1");
		return 0;
	case KEY_USER:
		agent->user = argument;
		return 0;
	case ARGP_KEY_ARG:
		tool_usage(argument, "agent takes no argument");
	case ARGP_KEY_END:
		if (!agent->listen)
			tool_usage("agent", "--listen ADDR:PORT is missing");
		tool_pid_or_cgroup(agent->options.pid, agent->options.cgroup);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void answer(const struct agent *agent, int fd)
{
	struct cgtune_limiter_stats stats = { .size = sizeof(stats) };
	char text[64];

	cgtune_limiter_stats(agent->limiter, &stats);
	if (stats.limit == UINT32_MAX)
		snprintf(text, sizeof(text), "up\n");
	else
		snprintf(text, sizeof(text), "up maxconn:%u\n", stats.limit);
	send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
	/* With something unread, close(2) would take the answer back: agent-send sends a line. */
	shutdown(fd, SHUT_WR);
	recv(fd, text, sizeof(text), MSG_DONTWAIT);
	close(fd);
}

static int open_spare(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* The next client, with the last descriptor if need be: one that nobody can accept would wake us again and again. */
static int accept_next(struct agent *agent, int listening)
{
	int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0 || (errno != EMFILE && errno != ENFILE) || agent->spare < 0)
		return fd;
	close(agent->spare);
	agent->spare = -1;
	return accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

/* False: who comes next cannot be accepted, now. */
static bool answer_all(struct agent *agent, int listening)
{
	for (int i = 0; i < ROUND_MOST; i++) {
		int fd = accept_next(agent, listening);

		if (fd < 0)
			return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
		answer(agent, fd);
		if (agent->spare < 0)
			agent->spare = open_spare();
	}
	return true;
}

static void take_all(struct cgtune_waiter *waiter, int result);

/* HAProxy's queue is not seen from here: that there is one is assumed, or a limit that shrank
 * would never grow again. So every slot is taken, and one waits for the next. */
static void pretend_demand(struct agent *agent)
{
	struct cgtune_limiter_stats stats = { .size = sizeof(stats) };

	if (cgtune_limiter_stats(agent->limiter, &stats) == 0 && stats.limit != UINT32_MAX && !stats.waiting)
		cgtune_limiter_async(agent->limiter, &agent->queue, take_all);
}

static void take_all(struct cgtune_waiter *waiter, int result)
{
	if (result == 0)
		pretend_demand(waiter->user);
}

static int serve(struct agent *agent, int listening, int changes)
{
	struct pollfd fds[] = { { .fd = listening, .events = POLLIN }, { .fd = changes, .events = POLLIN } };
	int watchdog_ms = notify_watchdog_ms();

	notify_send("READY=1");
	for (;;) {
		if (poll(fds, 2, watchdog_ms) < 0) {
			if (errno != EINTR)
				return tool_failed("poll", -errno);
			continue;
		}
		if (watchdog_ms >= 0)
			notify_send("WATCHDOG=1");
		if (fds[1].revents) {
			pretend_demand(agent);
			cgtune_dispatch();
		}
		if (fds[0].revents && !answer_all(agent, listening))
			poll(fds + 1, 1, PAUSE_MS);
	}
}

int tool_agent(int argc, char **argv)
{
	static const struct argp argp = {
		options, parse, NULL, "Answer the agent-check of HAProxy with \"up maxconn:N\": as many connections as the CPU "
		"limit of a backend allows, fewer while its quota stops it. In haproxy.cfg: server ... maxconn 1000 "
		"agent-check agent-port PORT agent-inter 1s. It runs until it is ended by a signal, and tells systemd when it is "
		"ready and that it lives (Type=notify, WatchdogSec=).", NULL, NULL, NULL,
	};
	struct agent agent = {
		.options = { .size = sizeof(agent.options), .flags = CGTUNE_NO_APPLY },
		.limiter_options = {
			.size = sizeof(agent.limiter_options), .name = "agent", .mode = CGTUNE_MODE_ADAPTIVE,
			.backlog_timeout_ms = UINT32_MAX,
		},
	};
	struct cgtune_throttle throttle = { .size = sizeof(throttle) };
	int r, listening;

	agent.queue.user = &agent;
	tool_parse(&argp, argc, argv, &agent);
	r = cgtune_init_with(&agent.options);
	if (r >= 0)
		r = cgtune_limiter_new(&agent.limiter_options, &agent.limiter);
	if (r >= 0)
		r = cgtune_fd();
	if (r < 0)
		return tool_failed(agent.options.cgroup ? agent.options.cgroup : "the limits", r);
	listening = listen_on(agent.listen, BACKLOG);
	if (listening < 0)
		return TOOL_FAILED;
	agent.spare = open_spare();
	/* A probe that only root may read is mapped by this, and stays so. */
	cgtune_throttle_read(&agent.options, &throttle);
	notify_open();
	return privilege_drop(agent.user) ? TOOL_FAILED : serve(&agent, listening, r);
}
