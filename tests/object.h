/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * object - what a preloaded object may hold, so that no program under any libc fails to start with it
 *
 * A program dies at once (127) of a library or symbol version that is missing, of an
 * undefined symbol, and of a relocation that its loader does not know.
 */
#ifndef CGTUNE_TESTS_OBJECT_H
#define CGTUNE_TESTS_OBJECT_H

#include <gelf.h>
#include <stddef.h>

struct object {
	Elf *elf;
	int fd;
	GElf_Ehdr header;
	char complaint[512];		/* of the rule that was looked at last; "": none */
};

struct object_rule {
	const char *name;
	void (*look)(struct object *object);	/* says what it dislikes by object_complain() */
};

/* The list ends with a name of NULL. */
extern const struct object_rule object_rules[];

/* The functions that may be exported; all of them must be. The list ends with NULL. */
extern const char *const object_interposers[];

/* NULL; or why the file cannot be read. object_close() is due in any case. */
const char *object_open(const char *path, struct object *ret);
void object_close(struct object *object);

/* Only the first complaint is kept. */
void object_complain(struct object *object, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What the object says against the rule; "": nothing. */
const char *object_look(struct object *object, const struct object_rule *rule);

#endif
