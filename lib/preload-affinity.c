/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * preload-affinity - which CPUs: sched_getaffinity(2) and its kin
 *
 * A thread that asks for its own mask is shown as many of its CPUs as there
 * are threads to run. What it is shown must not become what it is bound to: a
 * program that saves its mask and restores it gets the full one back.
 */
#include "preload.h"
#include "preload-mask.h"
#include "sys.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#define WORDS 128			/* 8,192 CPUs, the most that Linux has */

/* The mask of which a part was last shown, and how much. Odd while it is written, by a thread
 * of this process: in a forked child nobody would end what one of its parent's began. */
static struct {
	_Atomic unsigned count;
	_Atomic int32_t writer;
	unsigned shown;
	size_t words;
	mask_word mask[WORDS];
} full;

static void remember(const mask_word *mask, size_t words, unsigned shown)
{
	int32_t pid, writer;

	if (words > WORDS || (!(full.count & 1) && full.shown == shown &&
			      mask_same(full.mask, full.words, mask, words)))
		return;
	pid = (int32_t)sys0(SYS_getpid);
	writer = full.writer;
	/* Another thread's will do: threads of one process that differ in it are rare. */
	if (writer == pid || !atomic_compare_exchange_strong(&full.writer, &writer, pid))
		return;
	full.count |= 1;
	full.shown = shown;
	full.words = words;
	memcpy(full.mask, mask, words * sizeof(*mask));
	full.count++;
	full.writer = 0;
}

/* Whether the kernel can read a mask: it looks at that before it looks for the thread. */
static bool is_readable(const mask_word *mask, size_t words)
{
	return sys3(SYS_sched_setaffinity, INT_MAX, words * sizeof(*mask), mask) != -EFAULT;
}

/* Whether a mask is what is shown of another one. As the kernel does, read no more of it than
 * its own masks are long. */
static bool is_part(const mask_word *mask, size_t words, const mask_word *whole, size_t n, unsigned shown)
{
	mask_word part[WORDS];

	if (n > WORDS || mask_count(whole, n) <= shown)
		return false;
	memcpy(part, whole, n * sizeof(*part));
	mask_trim(part, n, shown, preload_answers()->offset);
	return mask_same(mask, words < n ? words : n, part, n);
}

/* If a mask is the one that was shown last, copy the one that it stands for. Its words, or 0. */
static size_t recall(const mask_word *mask, size_t words, mask_word whole[WORDS])
{
	unsigned count = full.count, shown = full.shown;
	size_t n = full.words;

	memcpy(whole, full.mask, n * sizeof(*whole));
	if (count & 1 || full.count != count)
		return 0;
	return is_part(mask, words, whole, n, shown) ? n : 0;
}

static bool is_self(pid_t pid)
{
	return pid == 0 || pid == sys0(SYS_gettid) || pid == sys0(SYS_getpid);
}

/* Whether a number is that of a thread of this process. */
static bool is_ours(pid_t tid)
{
	return tid == 0 || sys3(SYS_tgkill, sys0(SYS_getpid), tid, 0) == 0;
}

static long get_real(pid_t pid, size_t size, void *mask)
{
	return sys3(SYS_sched_getaffinity, pid, size > INT_MAX ? INT_MAX : size, mask);
}

/* Bytes of the mask that the kernel wrote, perhaps cut down; or -errno. */
static long get_shown(pid_t pid, size_t size, mask_word *mask)
{
	const struct preload_answers *answers = preload_answers();
	long bytes = get_real(pid, size, mask);
	size_t words = bytes > 0 ? (size_t)bytes / sizeof(*mask) : 0;
	unsigned shown = answers->threads;

	if (!shown || !answers->affinity || mask_count(mask, words) <= shown)
		return bytes;
	remember(mask, words, shown);
	mask_trim(mask, words, shown, answers->offset);
	return bytes;
}

int preload_shown_mask(unsigned long *mask, size_t size)
{
	long bytes = get_shown(0, size, (mask_word *)mask);

	return (int)(bytes < 0 ? bytes : bytes / (long)sizeof(*mask));
}

static long get(pid_t pid, size_t size, void *mask)
{
	long bytes = is_self(pid) && size % sizeof(mask_word) == 0 ?
		     get_shown(pid, size, mask) : get_real(pid, size, mask);

	if (bytes >= 0)
		memset((char *)mask + bytes, 0, size - (size_t)bytes);
	return bytes < 0 ? bytes : 0;
}

/*
 * How a mask is to be set: 0 as it is; -1 not at all; else so many words of whole instead, which
 * comes with the present mask of the thread: what is shown of that asks for no change.
 */
static int translate(size_t size, const void *mask, mask_word whole[WORDS], long present)
{
	size_t words = size / sizeof(mask_word), n = present > 0 ? (size_t)present / sizeof(*whole) : 0;

	if (preload_answers()->ignore_pin)
		return -1;
	if (!is_readable(mask, words))
		return 0;
	if (n && is_part(mask, words, whole, n, full.shown))
		return (int)n;
	return (int)recall(mask, words, whole);
}

/* Whether masks that are set may be such as were shown. */
static bool may_be_shown(void)
{
	const struct preload_answers *answers = preload_answers();

	return answers->threads && answers->affinity && (answers->ignore_pin || full.shown);
}

_public_ int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *mask)
{
	return preload_result(get(pid, size, mask));
}

_public_ int pthread_getaffinity_np(pthread_t thread, size_t size, cpu_set_t *mask)
{
	int (*next)(pthread_t, size_t, cpu_set_t *);

	if (pthread_self && thread == pthread_self())
		return (int)-get(0, size, mask);
	next = PRELOAD_NEXT("pthread_getaffinity_np");
	return next ? next(thread, size, mask) : ENOSYS;
}

/* Any thread of this process: one often restores another's mask. */
_public_ int sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *mask)
{
	mask_word whole[WORDS];
	int words = 0;

	if (may_be_shown() && is_ours(pid))
		words = translate(size, mask, whole, get_real(pid, sizeof(whole), whole));
	if (words < 0)
		return 0;
	if (words > 0)
		return preload_result(sys3(SYS_sched_setaffinity, pid, (size_t)words * sizeof(*whole), whole));
	return preload_result(sys3(SYS_sched_setaffinity, pid, size, mask));
}

_public_ int pthread_setaffinity_np(pthread_t thread, size_t size, const cpu_set_t *mask)
{
	int (*get_next)(pthread_t, size_t, cpu_set_t *) = PRELOAD_NEXT("pthread_getaffinity_np");
	int (*next)(pthread_t, size_t, const cpu_set_t *) = PRELOAD_NEXT("pthread_setaffinity_np");
	mask_word whole[WORDS];
	int words = 0;

	if (!get_next || !next)
		return ENOSYS;
	if (may_be_shown())
		words = translate(size, mask, whole, get_next(thread, sizeof(whole), (cpu_set_t *)whole) == 0 ?
						     (long)sizeof(whole) : 0);
	if (words < 0)
		return 0;
	if (words > 0)
		return next(thread, (size_t)words * sizeof(*whole), (const cpu_set_t *)whole);
	return next(thread, size, mask);
}
