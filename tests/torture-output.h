/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* torture-output - what a command said: caught, and held against what it says when nothing fails */
#ifndef CGTUNE_TESTS_TORTURE_OUTPUT_H
#define CGTUNE_TESTS_TORTURE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

/* What a command prints on standard output when it succeeds. */
enum output {
	OUTPUT_ANY,			/* or nothing */
	OUTPUT_TEXT,			/* something */
	OUTPUT_STEADY,			/* always the same */
	OUTPUT_JSON,			/* an object, with the same members each time */
	OUTPUT_JSON_NULLS,		/* but that some are null */
	OUTPUT_JSON_STEADY,
};

#define SAID_MOST (1 << 20)

struct said {
	char out[SAID_MOST], err[SAID_MOST];
	int fds[2];			/* files that both go to */
};

/* Once; a failure ends the program. */
void said_open(struct said *said);
/* In the child: standard output and error go there. */
void said_take(const struct said *said);
/* Before a run, and after it. */
void said_clear(const struct said *said);
void said_read(struct said *said);

/*
 * A sentence about what is wrong with the output of a command that succeeded;
 * NULL: nothing. excused: a file may have been left out, if a warning says so.
 */
const char *said_judge(const struct said *said, const struct said *clean, enum output output, bool excused);

/* The metrics that a text is of, as its lines "# TYPE" name them, in room: "" where it does not end in a whole line. */
const char *said_families(const char *text, char *room, size_t size);

/* Whether it has a line "cgtune: WHAT: WHY". */
bool said_why(const struct said *said);

#endif
