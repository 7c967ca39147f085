/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* runtimes - thread counts of libraries that are already loaded, for which a variable comes too late */
#include "runtimes.h"
#include "util.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

/* glibc's formula of 8 arenas a CPU (malloc/arena.c), with the CPUs that there are. */
#define ARENAS_PER_THREAD 8
#define GLIBC_M_ARENA_MAX (-8)

static struct runtime {
	const char *set, *get;
	int before;			/* 0: was not called */
} runtimes[] = {
	{ "omp_set_num_threads", "omp_get_max_threads", 0 },
	{ "openblas_set_num_threads", "openblas_get_num_threads", 0 },
	{ "MKL_Set_Num_Threads", "MKL_Get_Max_Threads", 0 },
};
static bool arenas_set;

/* A function pointer out of dlsym(3)'s void *, which ISO C cannot cast. */
#define FIND(name, pointer) do { \
	void *found_ = dlsym(RTLD_DEFAULT, name); \
	memcpy(&(pointer), &found_, sizeof(found_)); \
} while (0)

static void set_arenas(int most)
{
	int (*set)(int, int);

	FIND("mallopt", set);
	if (set)
		set(GLIBC_M_ARENA_MAX, most);
}

void runtimes_call(uint32_t threads)
{
	int n = threads > INT_MAX / ARENAS_PER_THREAD ? INT_MAX / ARENAS_PER_THREAD : (int)threads;

	for (size_t i = 0; i < ARRAY_SIZE(runtimes); i++) {
		int (*get)(void);
		void (*set)(int);

		FIND(runtimes[i].get, get);
		FIND(runtimes[i].set, set);
		if (!get || !set)
			continue;
		if (!runtimes[i].before)
			runtimes[i].before = get();
		set(n);
	}
	set_arenas(n * ARENAS_PER_THREAD);
	arenas_set = true;
}

void runtimes_undo(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(runtimes); i++) {
		void (*set)(int);

		FIND(runtimes[i].set, set);
		if (set && runtimes[i].before)
			set(runtimes[i].before);
		runtimes[i].before = 0;
	}
	if (arenas_set)
		set_arenas(0);		/* 0: the formula again */
	arenas_set = false;
}
