/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fail - malloc(3) and its kin, of which the n-th call fails, once or from then on */
#include "fail.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* The allocator itself, by the names that the C library has for those who replace it. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

#define PUBLIC __attribute__((visibility("default")))

static _Atomic long fail_at, calls, live;
static _Atomic bool from_then_on, fired;

void fail_allocations(long at, bool all)
{
	fail_at = 0;
	calls = 0;
	fired = false;
	from_then_on = all;
	fail_at = at;
}

bool fail_fired(void)
{
	return fired;
}

long fail_calls(void)
{
	return calls;
}

long fail_live(void)
{
	return live;
}

static bool fails(void)
{
	long n;

	n = ++calls;
	if (!fail_at || (n != fail_at && !(from_then_on && n > fail_at)))
		return false;
	if (!atomic_exchange(&fired, true) && fail_says)
		fail_says();
	errno = ENOMEM;
	return true;
}

static void *counted(void *block)
{
	live += block != NULL;
	return block;
}

PUBLIC void *malloc(size_t size)
{
	return fails() ? NULL : counted(__libc_malloc(size));
}

PUBLIC void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : counted(__libc_calloc(n, size));
}

PUBLIC void *realloc(void *old, size_t size)
{
	void *block;

	if (size && fails())
		return NULL;
	block = __libc_realloc(old, size);
	if (!old)
		live += block != NULL;
	else if (!size)
		live--;
	return block;
}

PUBLIC void *reallocarray(void *old, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(old, bytes);
}

PUBLIC void *memalign(size_t alignment, size_t size)
{
	return fails() ? NULL : counted(__libc_memalign(alignment, size));
}

PUBLIC void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

PUBLIC int posix_memalign(void **ret, size_t alignment, size_t size)
{
	void *block = memalign(alignment, size);

	if (!block)
		return ENOMEM;
	*ret = block;
	return 0;
}

PUBLIC void free(void *block)
{
	live -= block != NULL;
	__libc_free(block);
}
