/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* user - whom a server of this command becomes when it has opened what needs privilege */
#include "user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

int user_find(const char *name, struct user *ret)
{
	const struct passwd *entry = getpwnam(name);
	unsigned long n;
	char *end;

	if (!entry) {
		n = strtoul(name, &end, 10);
		if (end != name && !*end && n < (uid_t)-1)
			entry = getpwuid((uid_t)n);
	}
	if (!entry)
		return -ENOENT;
	ret->uid = entry->pw_uid;
	ret->gid = entry->pw_gid;
	snprintf(ret->name, sizeof(ret->name), "%s", entry->pw_name);
	return 0;
}

/* The kernel takes the capabilities of who leaves user 0 in all three of its ids (capabilities(7)). */
int user_become(const struct user *user)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (getuid() == user->uid && geteuid() == user->uid)
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(user->gid, user->gid, user->gid) < 0 ||
	    setresuid(user->uid, user->uid, user->uid) < 0)
		return -errno;
	return user->uid && setuid(0) == 0 ? -EPERM : 0;
}
