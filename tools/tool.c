/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tool - what the subcommands of cgtune share: exit statuses, messages, argument parsing */
#include "tool.h"

#include <stdio.h>
#include <stdlib.h>

void tool_usage(const char *what, const char *why)
{
	fprintf(stderr, "cgtune: %s: %s\n", what, why);
	exit(TOOL_USAGE);
}

int tool_failed(const char *what, int error)
{
	fprintf(stderr, "cgtune: %s: %s\n", what, cgtune_strerror(error));
	return TOOL_FAILED;
}

/* argp adds a line "Try ... --help" to every complaint: it goes nowhere. */
static error_t quiet(int key, char *argument, struct argp_state *state)
{
	static FILE *nowhere;

	(void)argument;
	if (key != ARGP_KEY_INIT)
		return ARGP_ERR_UNKNOWN;
	if (!nowhere)
		nowhere = fopen("/dev/null", "we");
	if (nowhere)
		state->err_stream = nowhere;
	state->child_inputs[0] = state->input;
	return 0;
}

void tool_parse(const struct argp *argp, int argc, char **argv, void *input)
{
	const struct argp_child children[] = { { .argp = argp }, { 0 } };
	const struct argp outer = { .parser = quiet, .children = children };

	argp_err_exit_status = TOOL_USAGE;
	if (argp_parse(&outer, argc, argv, ARGP_IN_ORDER, NULL, input))
		tool_usage(argv[0], "the arguments cannot be parsed");
}
