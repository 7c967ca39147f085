/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * preload-libc - what the preload object has of a C library
 *
 * Included before everything else in its sources. Nothing it refers to has a
 * version, and all but errno may be missing: a strong reference that one
 * library of a container lacks would end every program in it.
 */
#ifndef CGTUNE_PRELOAD_LIBC_H
#define CGTUNE_PRELOAD_LIBC_H

#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <unistd.h>

long __sysconf(int name);
extern struct r_debug *_dl_debug_addr;

#pragma weak environ
#pragma weak getauxval
#pragma weak pthread_self
#pragma weak mallopt
#pragma weak __sysconf			/* glibc's own name of sysconf(3) */
#pragma weak _r_debug			/* glibc's list of loaded objects */
#pragma weak _dl_debug_addr		/* musl's */

#endif
