/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* names - words for sources, errors and the version */
#include "cgtune.h"
#include "util.h"

#include <errno.h>

_public_ const char *cgtune_version(void)
{
	return PACKAGE_VERSION;
}

_public_ const char *cgtune_source_name(uint32_t source)
{
	static const char *const names[] = {
		[CGTUNE_SOURCE_NONE] = "none",
		[CGTUNE_SOURCE_OPTION] = "option",
		[CGTUNE_SOURCE_CGROUP] = "cgroup",
		[CGTUNE_SOURCE_AFFINITY] = "affinity",
		[CGTUNE_SOURCE_HOST] = "host",
		[CGTUNE_SOURCE_OFF] = "CGTUNE",
		[CGTUNE_SOURCE_CPUS] = "CGTUNE_CPUS",
		[CGTUNE_SOURCE_MEMORY] = "CGTUNE_MEMORY",
		[CGTUNE_SOURCE_THREADS] = "CGTUNE_THREADS",
		[CGTUNE_SOURCE_BUDGET] = "CGTUNE_BUDGET",
		[CGTUNE_SOURCE_GOMAXPROCS] = "GOMAXPROCS",
		[CGTUNE_SOURCE_GOMEMLIMIT] = "GOMEMLIMIT",
		[CGTUNE_SOURCE_AUTOMEMLIMIT] = "AUTOMEMLIMIT",
	};

	return source < ARRAY_SIZE(names) ? names[source] : "unknown";
}

/* Not strerror(3): that is in the user's language, and perhaps in a shared buffer. */
_public_ const char *cgtune_strerror(int error)
{
	switch (error) {
	case 0: return "success";
	case -EPERM: return "not permitted";
	case -ENOENT: return "no such file, directory or cgroup";
	case -ESRCH: return "no such process";
	case -EINTR: return "interrupted by signals again and again";
	case -EIO: return "the kernel could not read it";
	case -E2BIG: return "an option is set that this version does not know";
	case -EAGAIN: return "no more threads can be started";
	case -ENOMEM: return "out of memory";
	case -EACCES: return "permission denied";
	case -EINVAL: return "a value that is not allowed";
	case -ENFILE: return "the machine is out of file descriptors";
	case -EMFILE: return "the process is out of file descriptors";
	case -ENOTDIR: return "a part of the path is not a directory";
	case -EISDIR: return "a directory stands in the file's place";
	case -EFBIG: return "longer than any such file of a kernel";
	case -ELOOP: return "too many symbolic links";
	case -ENAMETOOLONG: return "the path is too long";
	case -EXDEV: return "the path leads out of the root";
	case -EBADMSG: return "not what a kernel writes there";
	case -ENODATA: return "no such data on this machine";
	case -ENODEV: return "the cgroup was removed";
	case -ENOSYS:
	case -EOPNOTSUPP: return "this kernel cannot do it";
	case -EBUSY: return "server capacity exceeded";
	case -ETIMEDOUT: return "timed out while waiting for a pending request to complete";
	case -ESHUTDOWN: return "closed";
	case -EDEADLK: return "not from within the callback";
	default: return "an error that cgtune has no words for";
	}
}
