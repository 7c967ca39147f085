/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * torture-client - who asks a server that is tortured, and ends it
 *
 * A process of its own, which the server's tracer waits for, too. It asks again
 * until it has its answer, so many times at most, and then ends the server by
 * SIGTERM; or the server has ended before.
 */
#ifndef CGTUNE_TESTS_TORTURE_CLIENT_H
#define CGTUNE_TESTS_TORTURE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#define CLIENT_ANSWER_MOST (1 << 20)

/* Shared with it: torture_shared(). */
struct client_told {
	bool answered;			/* whole and well: in answer */
	bool ended;			/* the server, by it */
	char answer[CLIENT_ANSWER_MOST];	/* the last one */
};

/* Before the server is started, which will listen at folder/socket. Its answer is well if it begins so and ends a line. */
void client_start(struct client_told *told, const char *folder, const char *request, const char *begins);
/* In the process that is to be the server. */
void client_expect(const char *folder);

#endif
