/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* names - what container engines call cgroups, kept beyond their end: the probe still has the counts of removed ones */
#ifndef CGTUNE_NAMES_H
#define CGTUNE_NAMES_H

#include "groups.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NAMES_LENGTH = 767 };		/* of a name, most */

/* Name a group, which is there, by its path in a hierarchy; an older name of it is replaced. 0; -EINVAL: too long, empty or more
 * than a line; or -errno. */
int names_add(const struct groups *groups, const char *path, const char *name);

/* Take all names that there are; false: they are as they were. No file is opened where the folder has not changed. */
bool names_look(void);
/* The name of a group, as it was at the last look and until the next one; NULL: it has none. */
const char *names_find(uint64_t id, uint32_t hierarchy);

/* What a person is shown: "PATH = NAME", or the path alone where that has the name in it, or there is no name. */
enum { NAMES_SHOWN = 4096 + NAMES_LENGTH + 4 };
const char *names_show(const char *path, const char *name, char room[NAMES_SHOWN]);

/* Forget those whose groups are gone and that counted() says nothing is counted of. */
void names_prune(const struct groups *groups, bool (*counted)(uint64_t id, uint32_t hierarchy, void *user), void *user);

#endif
