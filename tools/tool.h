/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tool - what the subcommands of cgtune share: exit statuses, messages, argument parsing */
#ifndef CGTUNE_TOOL_H
#define CGTUNE_TOOL_H

#include "cgtune.h"

#include <argp.h>
#include <stdio.h>

enum { TOOL_DONE = 0, TOOL_FAILED = 1, TOOL_USAGE = 2 };

/* Print a text from a file or a user: no terminal's commands, no line breaks, and UTF-8 only. */
void tool_print_safe(FILE *out, const char *text);

/* Length of the UTF-8 character at text; 0: the byte does not begin one. */
int tool_utf8_length(const char *text);

/* One line "cgtune: WHAT: WHY" on stderr, then exit(2). */
void tool_usage(const char *what, const char *why) __attribute__((noreturn));

/* The same line; returns TOOL_FAILED. */
int tool_failed(const char *what, int error);

/* argp_parse(3) that answers wrong usage with one line and exit status 2. */
void tool_parse(const struct argp *argp, int argc, char **argv, void *input);

/* Subcommands: argv[0] is the name to show. */
int tool_show(int argc, char **argv);

#endif
