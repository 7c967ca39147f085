/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tool - what the subcommands of cgtune share: exit statuses, messages, argument parsing */
#include "tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF. */
int tool_utf8_length(const char *text)
{
	const unsigned char *t = (const unsigned char *)text;
	int n = t[0] < 0x80 ? 1 : t[0] >= 0xC2 && t[0] < 0xE0 ? 2 :
		t[0] >= 0xE0 && t[0] < 0xF0 ? 3 : t[0] >= 0xF0 && t[0] < 0xF5 ? 4 : 0;

	for (int i = 1; i < n; i++)
		if ((t[i] & 0xC0) != 0x80)
			return 0;
	if ((t[0] == 0xE0 && t[1] < 0xA0) || (t[0] == 0xED && t[1] > 0x9F) ||
	    (t[0] == 0xF0 && t[1] < 0x90) || (t[0] == 0xF4 && t[1] > 0x8F))
		return 0;
	return n;
}

void tool_print_safe(FILE *out, const char *text)
{
	for (int n; *text; text += n ? n : 1) {
		const unsigned char *t = (const unsigned char *)text;

		n = tool_utf8_length(text);
		if (!n || t[0] < ' ' || t[0] == 127 || (t[0] == 0xC2 && t[1] < 0xA0))
			fputc('?', out);		/* C0, DEL, C1 */
		else
			fwrite(text, 1, (size_t)n, out);
	}
}

static void complain(const char *what, const char *why)
{
	fputs("cgtune: ", stderr);
	tool_print_safe(stderr, what);
	fprintf(stderr, ": %s\n", why);
}

void tool_usage(const char *what, const char *why)
{
	complain(what, why);
	exit(TOOL_USAGE);
}

int tool_failed(const char *what, int error)
{
	complain(what, cgtune_strerror(error));
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
	static char name[] = "cgtune";

	argp_err_exit_status = TOOL_USAGE;
	/* Help begins with the subcommand's name, a complaint of getopt(3) with the command's. */
	if (argc < 2 || (strcmp(argv[1], "--help") != 0 && strcmp(argv[1], "-?") != 0 &&
			 strcmp(argv[1], "--usage") != 0))
		argv[0] = name;
	if (argp_parse(&outer, argc, argv, ARGP_IN_ORDER, NULL, input))
		tool_usage("arguments", "cannot be parsed");
}
