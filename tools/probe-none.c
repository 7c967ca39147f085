/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* probe-none - `cgtune probe` and `cgtune stalls` of a build without BPF */
#include "tool.h"

static int say(const char *command)
{
	fprintf(stderr, "cgtune: %s: this cgtune was built without BPF (configure --with-bpf)\n", command);
	return TOOL_FAILED;
}

int tool_probe(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return say("probe");
}

int tool_stalls(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return say("stalls");
}
