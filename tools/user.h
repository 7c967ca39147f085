/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* user - whom a server of this command becomes when it has opened what needs privilege */
#ifndef CGTUNE_USER_H
#define CGTUNE_USER_H

#include <sys/types.h>

struct user {
	uid_t uid;
	gid_t gid;
	char name[64];
};

/* By name or number; 0, -ENOENT: there is none. */
int user_find(const char *name, struct user *ret);

/* Become it for good: no other group, no capability, no way back by a setuid program. 0 or -errno. */
int user_become(const struct user *user);

#endif
