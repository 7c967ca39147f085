/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* preload-open - opening files: open(2), fopen(3) and their kin, for those of which there is a view */
#include "preload.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The C library's function of that name, or the system call where there is none. */
#define REAL_OPEN(name, flags, mode) __extension__({ \
	int (*next)(const char *, int, ...) = PRELOAD_NEXT(name); \
	next ? next(path, flags, mode) : \
	       preload_result(sys4(SYS_openat, AT_FDCWD, path, flags, mode)); })
#define REAL_OPENAT(name, flags, mode) __extension__({ \
	int (*next)(int, const char *, int, ...) = PRELOAD_NEXT(name); \
	next ? next(directory, path, flags, mode) : \
	       preload_result(sys4(SYS_openat, directory, path, flags, mode)); })

/* The mode is there only where a file may be made (open(2)). */
#define MODE(flags) __extension__({ \
	mode_t mode_ = 0; \
	if ((flags) & O_CREAT || ((flags) & O_TMPFILE) == O_TMPFILE) { \
		va_list list; \
		va_start(list, flags); \
		mode_ = va_arg(list, mode_t); \
		va_end(list); \
	} \
	mode_; })

_public_ int open(const char *path, int flags, ...)
{
	mode_t mode = MODE(flags);
	int fd = preload_open_view(path, flags);

	return fd >= 0 ? fd : REAL_OPEN("open", flags, mode);
}

_public_ int open64(const char *path, int flags, ...)
{
	mode_t mode = MODE(flags);
	int fd = preload_open_view(path, flags);

	return fd >= 0 ? fd : REAL_OPEN("open64", flags, mode);
}

_public_ int openat(int directory, const char *path, int flags, ...)
{
	mode_t mode = MODE(flags);
	int fd = preload_open_view(path, flags);

	return fd >= 0 ? fd : REAL_OPENAT("openat", flags, mode);
}

_public_ int openat64(int directory, const char *path, int flags, ...)
{
	mode_t mode = MODE(flags);
	int fd = preload_open_view(path, flags);

	return fd >= 0 ? fd : REAL_OPENAT("openat64", flags, mode);
}

/* What _FORTIFY_SOURCE makes of an open without a mode. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int directory, const char *path, int flags);
int __openat64_2(int directory, const char *path, int flags);

_public_ int __open_2(const char *path, int flags)
{
	int fd = preload_open_view(path, flags);

	return fd >= 0 ? fd : REAL_OPEN("__open_2", flags, 0);
}

_public_ int __open64_2(const char *path, int flags)
{
	int fd = preload_open_view(path, flags);

	return fd >= 0 ? fd : REAL_OPEN("__open64_2", flags, 0);
}

_public_ int __openat_2(int directory, const char *path, int flags)
{
	int fd = preload_open_view(path, flags);

	return fd >= 0 ? fd : REAL_OPENAT("__openat_2", flags, 0);
}

_public_ int __openat64_2(int directory, const char *path, int flags)
{
	int fd = preload_open_view(path, flags);

	return fd >= 0 ? fd : REAL_OPENAT("__openat64_2", flags, 0);
}

/* A stream of a view; NULL: the real file is to be opened. */
static FILE *fopen_view(const char *path, const char *mode)
{
	FILE *(*next)(int, const char *);
	FILE *stream;
	int fd;

	if (!mode || *mode != 'r' || strchr(mode, '+'))
		return NULL;
	fd = preload_open_view(path, O_RDONLY | (strchr(mode, 'e') ? O_CLOEXEC : 0));
	if (fd < 0)
		return NULL;
	next = PRELOAD_NEXT("fdopen");
	stream = next ? next(fd, mode) : NULL;
	if (!stream)
		sys1(SYS_close, fd);
	return stream;
}

#define REAL_FOPEN(name) __extension__({ \
	FILE *(*next)(const char *, const char *) = PRELOAD_NEXT(name); \
	next ? next(path, mode) : (errno = ENOSYS, NULL); })

_public_ FILE *fopen(const char *path, const char *mode)
{
	FILE *stream = fopen_view(path, mode);

	return stream ? stream : REAL_FOPEN("fopen");
}

_public_ FILE *fopen64(const char *path, const char *mode)
{
	FILE *stream = fopen_view(path, mode);

	return stream ? stream : REAL_FOPEN("fopen64");
}
