/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* groups - the kernel's counters of every cgroup below a directory, in one pass: groups [DIRECTORY] */
#include <cgtune-probe.h>
#include <inttypes.h>
#include <stdio.h>

enum { MOST = 4096 };
static struct cgtune_group_counters rows[MOST] = {
	{ .size = sizeof(rows[0]) },
};

int main(int argc, char **argv)
{
	const char *root = argc > 1 ? argv[1] : "/sys/fs/cgroup";
	char text[4096] = "";
	struct cgtune_probe_options options = {
		.size = sizeof(options), .text = text, .text_size = sizeof(text),
	};
	struct cgtune_probe_walk *walk;
	int n = cgtune_probe_walk_open(&options, root, MOST, &walk);

	if (n < 0) {
		fprintf(stderr, "groups: %s\n", *text ? text : cgtune_strerror(n));
		return 1;
	}
	n = cgtune_probe_walk(walk, rows, MOST);
	for (int i = 0; i < n && i < MOST; i++)
		if (rows[i].nr_throttled != CGTUNE_UNKNOWN && rows[i].nr_throttled)
			printf("cgroup %" PRIu64 ": %" PRIu64 " of %" PRIu64 " periods\n",
			       rows[i].cgroup, rows[i].nr_throttled, rows[i].nr_periods);
	cgtune_probe_walk_close(walk);
	return n < 0;
}
