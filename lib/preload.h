/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * preload - the answers of the preload object
 *
 * It is loaded into strangers' processes, under any C library: nothing is
 * needed, nothing allocated, nothing locked. Its answers are computed once,
 * at its constructor or at the first call of another library's constructor,
 * whichever comes first; until then, and where no limit applies, every call
 * goes to the C library.
 */
#ifndef CGTUNE_PRELOAD_H
#define CGTUNE_PRELOAD_H

#include "util.h"

struct preload_answers {
	/* 0: the real one. Read and written one by one: none depends on another. */
	_Atomic uint32_t threads;
	_Atomic uint64_t memory;	/* bytes: the limit */
	_Atomic uint64_t available;	/* bytes left of it then */

	/* Written at the start only. */
	bool affinity;			/* affinity calls are answered */
	bool ignore_pin;
	bool conf;			/* the configured CPUs are lowered too */
	uint64_t files;			/* mask of ENV_FILE_* */
	uint32_t offset;		/* of the CPUs that are shown */
	uint32_t page_size;
};

/* The answers, computed before unless this is another thread's first call. */
const struct preload_answers *preload_answers(void);

/* The next definition of a function behind this object's, as RTLD_NEXT of dlsym(3), but with
 * no lock and no memory; NULL: none. cache: where it is remembered. */
void *preload_next(const char *name, void *_Atomic *cache);
#define PRELOAD_NEXT(name) __extension__({ static void *_Atomic cache; preload_next(name, &cache); })

/* Entries that the environment may need; and the environment with these changes, in room
 * for so many. Room and table stay in use. */
size_t preload_environ_count(void);
struct table;
void preload_environ(const struct table *table, char **room);

/* A result of the kernel as the C library gives it: -1 and errno, or the result. */
int preload_result(long r);

/* The affinity mask of the calling thread as it is shown: its words; or -errno. size: bytes. */
int preload_shown_mask(unsigned long *mask, size_t size);

/* A descriptor of a view of a file; or -1, and the real file is to be opened. */
int preload_open_view(const char *path, int flags);

#endif
