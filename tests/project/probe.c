/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* probe - a program of a user that needs both libraries */
#include <cgtune-probe.h>
#include <stdio.h>

int main(void)
{
	struct cgtune_probe_options options = { .size = sizeof(options), .bpffs = "/nonexistent" };
	struct cgtune_probe *probe;

	printf("%s: %s\n", cgtune_version(), cgtune_probe_open(&options, &probe) < 0 ? "no probe" : "a probe");
	return 0;
}
