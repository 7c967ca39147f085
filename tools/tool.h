/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tool - what the subcommands of cgtune share: exit statuses, messages, argument parsing */
#ifndef CGTUNE_TOOL_H
#define CGTUNE_TOOL_H

#include "cgtune.h"

#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

enum { TOOL_DONE = 0, TOOL_FAILED = 1, TOOL_USAGE = 2 };

#define TOOL_BOLD "\033[1m"
#define TOOL_DIM "\033[2m"
#define TOOL_YELLOW "\033[33m"
#define TOOL_RESET "\033[0m"

/* Print a text from a file or a user: no terminal's commands, no line breaks, and UTF-8 only. */
void tool_print_safe(FILE *out, const char *text);

/* Length of the UTF-8 character at text; 0: the byte does not begin one. */
int tool_utf8_length(const char *text);

/* One line "cgtune: WHAT: WHY" on stderr, then exit(2) with tool_usage_status. */
void tool_usage(const char *what, const char *why) __attribute__((noreturn));

/* The same line; returns the exit status of a failure: TOOL_FAILED, or that of wrong usage where it is one for both. */
int tool_failed(const char *what, int error);
int tool_failed_as(const char *what, const char *why);

/* Whether all that was printed has arrived: TOOL_DONE, or as tool_failed(). The command's end looks, too. */
int tool_flush(void);

/* "1.5 MiB", "20.0 ms", for a person, in room. */
const char *tool_bytes(uint64_t value, char room[32]);
const char *tool_seconds(uint64_t ns, char room[32]);

/* Exit status of wrong usage: TOOL_USAGE, unless a subcommand says otherwise before it parses. */
extern int tool_usage_status;

/* Counts by powers of two, from 0 -> 1 on, as the tools of bcc draw them; nothing where all are 0. */
void tool_histogram(const char *unit, const uint64_t *counts, int n);

/* The escape sequence on a terminal that wants colour (no-color.org), else nothing. */
const char *tool_style(int fd, const char *sequence);

/* One line "cgtune: warning: FILE or VARIABLE=value text" on stderr; NULL is left out. */
void tool_warn(const char *file, const char *variable, const char *value, const char *text);

/* Values of options: what cannot be one is wrong usage. */
int32_t tool_pid(const char *argument);
const char *tool_cgroup(const char *argument);
/* Not both were given. */
void tool_pid_or_cgroup(bool pid, bool cgroup);
/* A number in that range; wants: "--option wants ...". */
double tool_number(const char *argument, double least, double most, const char *wants);

/* A small file, and a NUL behind it. Its length; or -errno. */
ssize_t tool_read(const char *path, char *text, size_t size);
/* Nanoseconds; tool_now_ns(): of CLOCK_MONOTONIC. */
uint64_t tool_clock_ns(clockid_t clock);
uint64_t tool_now_ns(void);

/* argp_parse(3) that answers wrong usage with one line and that exit status. */
void tool_parse(const struct argp *argp, int argc, char **argv, void *input);

/* Subcommands: argv[0] is the name to show. */
int tool_show(int argc, char **argv);
int tool_env(int argc, char **argv);
int tool_run(int argc, char **argv);
int tool_agent(int argc, char **argv);
int tool_export(int argc, char **argv);
int tool_probe(int argc, char **argv);
int tool_stalls(int argc, char **argv);
int tool_top(int argc, char **argv);
int tool_bpfdist(int argc, char **argv);
int tool_advise(int argc, char **argv);

#endif
