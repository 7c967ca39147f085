/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz-agent - any --listen and any client of `cgtune agent`: what it resolves, and what it answers
 *
 * The first string is what to listen on, the rest is what a client sends before it is answered. The
 * command's end for a wrong usage is the end of one input.
 */
#include "fuzz.h"
#include "../../tools/agent.c"
#include "../../tools/listen.c"
#include "../../tools/notify.c"

#include <setjmp.h>

static jmp_buf usage;

void tool_usage(const char *what, const char *why)
{
	CLAIM(what && why);
	longjmp(usage, 1);
}

int tool_failed(const char *what, int error)
{
	CLAIM(what && error < 0);
	return TOOL_FAILED;
}

int privilege_drop(const char *user)
{
	CLAIM(!user || *user);
	return TOOL_DONE;
}

void tool_parse(const struct argp *argp, int argc, char **argv, void *input)
{
	argp_parse(argp, argc, argv, 0, NULL, input);
}

/* An address and a port in figures, and nothing is left of it. */
static void test_resolve(const char *listen_text)
{
	struct addrinfo *found = listen_resolve(listen_text);

	CLAIM(found && (found->ai_family == AF_INET || found->ai_family == AF_INET6));
	CLAIM(found->ai_socktype == SOCK_STREAM && !found->ai_canonname);
	freeaddrinfo(found);
}

/* Not inlined: what comes back here has nothing in registers. */
static __attribute__((noinline)) void test_usage(const char *listen_text)
{
	if (setjmp(usage) == 0)
		test_resolve(listen_text);
}

/* One line, whatever was sent and however much of it; the client sees its end and no reset. */
static void test_answer(const struct agent *agent, struct input sent, bool unlimited)
{
	char text[128];
	int pair[2];
	size_t n = 0;
	ssize_t r;

	CLAIM(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	CLAIM(!sent.size || send(pair[0], sent.data, sent.size, MSG_DONTWAIT) > 0);
	answer(agent, pair[1]);
	while (n < sizeof(text) - 1 && (r = recv(pair[0], text + n, sizeof(text) - 1 - n, 0)) > 0)
		n += (size_t)r;
	text[n] = '\0';
	CLAIM(n >= 3 && text[n - 1] == '\n' && strcspn(text, "\n") == n - 1);
	CLAIM(strncmp(text, unlimited ? "up\n" : "up maxconn:", unlimited ? 3 : 11) == 0);
	close(pair[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct agent agents[2];
	struct input in = { data, size };
	char *text = input_string(&in);

	for (unsigned i = 0; i < 2 && !agents[i].limiter; i++) {
		struct cgtune_limiter_options sizes = {
			.size = sizeof(sizes), .limit = 7, .flags = i ? CGTUNE_LIMITER_UNLIMITED : 0,
		};

		CLAIM(cgtune_limiter_new(&sizes, &agents[i].limiter) == 0);
	}
	test_usage(text);
	free(text);
	test_answer(&agents[0], in, false);
	test_answer(&agents[1], in, true);
	return 0;
}
