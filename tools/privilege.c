/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* privilege - what a server of this command gives up once it listens */
#include "privilege.h"
#include "tool.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Those that a change of the user leaves where SECBIT_NO_SETUID_FIXUP is set (capabilities(7)). */
static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];

	memset(none, 0, sizeof(none));
	return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

/* 0; or -errno: -EPERM and -EINVAL in a user namespace that has not got him. */
static int become(const char *user)
{
	struct passwd *entry;

	errno = 0;
	entry = getpwnam(user);
	if (!entry)
		return errno ? -errno : -ENOENT;
	if (setgroups(0, NULL) < 0 || setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) < 0 ||
	    setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) < 0)
		return -errno;
	return entry->pw_uid ? drop_capabilities() : 0;
}

int privilege_drop(const char *user)
{
	int r;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (!user && geteuid() != 0)
		return TOOL_DONE;
	r = user && strcmp(user, "root") == 0 && geteuid() == 0 ? 0 : become(user ? user : "nobody");
	if (r == 0)
		return TOOL_DONE;
	if (!user && (r == -EPERM || r == -EINVAL || r == -ENOENT)) {
		tool_warn(NULL, NULL, NULL, "root stays root, as it cannot become nobody here (--user)");
		return TOOL_DONE;
	}
	fprintf(stderr, "cgtune: --user ");
	tool_print_safe(stderr, user ? user : "nobody");
	fprintf(stderr, ": %s\n", r == -ENOENT ? "no such user" : strerror(-r));
	return TOOL_FAILED;
}
