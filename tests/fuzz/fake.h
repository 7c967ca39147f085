/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fake - a kernel in memory for what lib/sys.c asks: files as text, faults, short reads, values that change
 *
 * Linked with -Wl,--wrap=sys_call. The text is like that of a fixture (tests/tree.h), with short words:
 *
 *   == /proc/self/cgroup		a file: the lines up to the next marker
 *   =- @/a/cpu.max			the same without its last newline; "@" is /sys/fs/cgroup
 *   =0 @/cpu.max			an empty file
 *   =/ @/a/memory.max			a directory
 *   =! @/a/memory.max			a file that may not be opened
 *   =x @/a/cpu.max			nothing: for what comes and goes
 *   =* /proc/self/mountinfo		its lines, 200 times
 *
 * What stands twice changes: it is the first until the call fake.at, and the last from then on.
 */
#ifndef CGTUNE_TESTS_FAKE_H
#define CGTUNE_TESTS_FAKE_H

#include "fuzz.h"

#define FAKE_FILES 96
#define FAKE_DESCRIPTORS 300
#define FAKE_PATH 5000
#define FAKE_ROOT "/fake"		/* is "/" as well */

enum fake_trouble {
	FAKE_NONE,
	FAKE_ONCE,		/* the call fake.at fails with fake.error */
	FAKE_FROM_THEN_ON,
	FAKE_CHANGE,		/* from there on the later texts count */
};

struct fake_file {
	char *path;
	const char *text;
	size_t length;		/* of text */
	unsigned times;
	char kind;
};

struct fake {
	/* Set by the target. */
	enum fake_trouble trouble;
	long at;
	int error;
	bool one_byte;		/* each read gives one byte */
	bool no_openat2;
	uint8_t mounts;		/* bits of what statx(2), statfs(2) and statmount(2) say of any directory */
	unsigned cpus;		/* in the affinity mask */
	unsigned scheduler;
	uint64_t memory;

	/* What happened. */
	long calls;
	bool fired;
	unsigned open;		/* descriptors */
	int maps;		/* arrays that are mapped */
	uint64_t ticks;		/* of the timer, not read yet */

	struct fake_file files[FAKE_FILES];
	unsigned count;
	struct fake_descriptor {
		char kind;	/* 0: closed; 'f': of a file; 'p': of a path only; 't': a timer; 'e': anything else */
		const struct fake_file *file;	/* NULL: a directory */
		size_t position;
	} descriptors[FAKE_DESCRIPTORS];
};
extern struct fake fake;

/* Begin with these files. */
void fake_make(const char *text, size_t length);
/* Forget them: every descriptor was closed. */
void fake_free(void);
/* The file of an absolute path, as it is now; NULL: none, or a directory. */
const struct fake_file *fake_find(const char *path);
/* Calls are counted from now on. */
void fake_restart(void);

#endif
