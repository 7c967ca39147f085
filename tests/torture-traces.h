/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * torture-traces - what a command that is tortured finds and leaves: cgroups, records, pinned programs, files
 *
 * Each point begins with the same, and what is there after it is what the command
 * may leave: all of it where it succeeded, and where it failed what was there
 * before, or what it says is left.
 */
#ifndef CGTUNE_TESTS_TORTURE_TRACES_H
#define CGTUNE_TESTS_TORTURE_TRACES_H

#include "torture.h"
#include "torture-output.h"

#define TRACES_PATH 512

/* Where the commands work. */
extern struct place {
	char cgtune[4096], program_of_export[4096];
	char name[64];			/* of cgroups and records */
	const char *folder;		/* of their files */
	char textfile[TRACES_PATH];
} place;

struct traces {
	void (*before)(void);		/* or NULL */
	/* What is wrong, or NULL; it is as at the beginning afterwards. */
	const char *(*after)(const struct torture *t, const struct said *said);
};
extern const struct traces traces_of_run, traces_of_file, traces_of_start, traces_of_stop, traces_of_probe, traces_of_register;

/* In a process and a mount namespace of its own: a container, so that there are no cgroups but ours to walk, what is
 * counted is the same at every run, and records in /run are ours. */
void traces_begin(void);
void traces_end(void);

/* Run cgtune with these arguments of the shell's, and nothing fails: its status. */
int traces_call(const char *arguments);

#endif
