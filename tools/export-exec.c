/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* export-exec - `cgtune export`: its program, beside this one as it was built, or where it is installed */
#include "tool.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "cgtune-export"

int tool_export(int argc, char **argv)
{
	char self[PATH_MAX], path[PATH_MAX + sizeof("/" PROGRAM)];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	(void)argc;
	if (n > 0) {
		self[n] = '\0';
		*strrchr(self, '/') = '\0';
		snprintf(path, sizeof(path), "%s/%s", self, PROGRAM);
		execv(path, argv);
	}
	execv(CGTUNE_LIBEXECDIR "/" PROGRAM, argv);
	return tool_failed(CGTUNE_LIBEXECDIR "/" PROGRAM, -errno);
}
