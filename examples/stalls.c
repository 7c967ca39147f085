/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stalls - what a started probe has counted, and its last events: stalls [BPFFS] */
#include <cgtune-probe.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static void print_counts(struct cgtune_probe *probe)
{
	struct cgtune_stalls stalls = { .size = sizeof(stalls) };
	uint32_t cursor = 0;

	while (cgtune_probe_next(probe, &cursor, &stalls) == 1)
		printf("cgroup %" PRIu64 ": %" PRIu64 " stops, %" PRIu64 " ns\n",
		       stalls.cgroup, stalls.throttles, stalls.throttled_ns);
}

static void print_events(struct cgtune_probe *probe)
{
	struct cgtune_stall_event event = { .size = sizeof(event) };
	uint64_t cursor = 0;

	while (cgtune_probe_next_event(probe, &cursor, &event) == 1)
		printf("%s: %" PRIu64 " ns\n", event.comm, event.duration_ns);
}

int main(int argc, char **argv)
{
	char text[4096] = "";
	struct cgtune_probe_options options = {
		.size = sizeof(options), .bpffs = argc > 1 ? argv[1] : NULL,
		.text = text, .text_size = sizeof(text),
	};
	struct cgtune_probe_state state = { .size = sizeof(state) };
	struct cgtune_probe *probe;
	int r = cgtune_probe_open(&options, &probe);

	if (r < 0) {
		fprintf(stderr, "stalls: %s\n", *text ? text : r == -ENOENT ? "no probe is started (cgtune probe start)" :
			cgtune_strerror(r));
		return 1;
	}
	if (cgtune_probe_state(probe, &state) == 0)
		printf("counted by %s\n", cgtune_probe_rung_name(state.rung));
	print_counts(probe);
	print_events(probe);
	cgtune_probe_close(probe);
	return 0;
}
