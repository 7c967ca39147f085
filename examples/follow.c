/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* follow - limits that change while the program runs: follow [CHANGES], default: for ever */
#include <cgtune.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

static void changed(const struct cgtune_change *change, void *user)
{
	printf("%s: %" PRIu64 " instead of %" PRIu64 "\n",
	       change->resource == CGTUNE_CPU ? "threads" : "budget",
	       change->new_value, change->old_value);
	--*(long *)user;
}

int main(int argc, char **argv)
{
	long changes = argc > 1 ? atol(argv[1]) : -1;
	struct pollfd limits = { .fd = cgtune_fd(), .events = POLLIN };

	if (limits.fd < 0) {
		fprintf(stderr, "follow: %s\n", cgtune_strerror(limits.fd));
		return 1;
	}
	cgtune_on_change(changed, &changes);
	printf("threads %u\n", cgtune_threads());
	fflush(stdout);
	while (changes != 0) {
		if (poll(&limits, 1, -1) == 1)	/* beside the sockets of the program */
			cgtune_dispatch();
		fflush(stdout);
	}
	cgtune_on_change(NULL, NULL);
	return 0;
}
