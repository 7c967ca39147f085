/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* inspect - what a program is: what of a preload object and of an environment reaches it */
#ifndef CGTUNE_INSPECT_H
#define CGTUNE_INSPECT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum inspect_kind {
	INSPECT_UNKNOWN,		/* cannot be read, or nothing that we know: the kernel may know more */
	INSPECT_SHELL,			/* no magic number: execvp(3) hands it to /bin/sh */
	INSPECT_STATIC,			/* ELF without an interpreter, static-pie too */
	INSPECT_DYNAMIC,
};

/* Why the loader drops LD_PRELOAD (AT_SECURE of getauxval(3)). */
enum inspect_privilege { INSPECT_PLAIN, INSPECT_SETUID, INSPECT_SETGID, INSPECT_FILECAPS };

struct inspect {
	enum inspect_kind kind;
	int error;			/* errno of what cannot be read, or 0 */
	unsigned scripts;		/* interpreters that were followed from "#!" */
	char program[PATH_MAX];		/* what is run in the end: the last interpreter */
	char loader[PATH_MAX];		/* of a dynamic one: PT_INTERP */
	bool go, musl, bits32, foreign;	/* foreign: of another machine, run by binfmt_misc(5) if at all */
	enum inspect_privilege privilege;
};

/*
 * Find a command as execvp(3) does, into path. 0; -ENOENT; or -EACCES and the like: it is
 * there and cannot be run.
 */
int inspect_find(const char *command, char *path, size_t size);

void inspect_program(const char *path, struct inspect *ret);

/* Whether a preload object can take effect in the program itself. */
bool inspect_takes_preload(const struct inspect *inspect);

/* One line on stderr: what it is; and where no preload reaches it, another that says why. */
void inspect_explain(const struct inspect *inspect, const char *path);

#endif
