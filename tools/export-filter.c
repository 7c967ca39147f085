/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* export-filter - which groups are told of, so that there are not more series than are wanted */
#include "export.h"

#include <string.h>

/* What of the path is below the cgroup, "" of itself; NULL: it is elsewhere. */
static const char *below(const char *cgroup, const char *path)
{
	size_t n = strlen(cgroup);

	while (n && cgroup[n - 1] == '/')
		n--;
	if (strncmp(path, cgroup, n) != 0 || (path[n] && path[n] != '/'))
		return NULL;
	path += n;
	return *path == '/' && !path[1] ? "" : path;
}

static unsigned depth_of(const char *path)
{
	unsigned depth = 0;

	for (; *path; path++)
		depth += *path == '/';
	return depth;
}

bool export_filter_takes(const struct export_filter *filter, const char *path)
{
	const char *rest = below(filter->cgroup ? filter->cgroup : "/", path);

	return rest && depth_of(rest) <= filter->depth &&
		(!filter->name || regexec(filter->name, path, 0, NULL, 0) == 0) &&
		(!filter->except || regexec(filter->except, path, 0, NULL, 0) != 0);
}
