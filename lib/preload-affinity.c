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

/*
 * The masks of which parts were shown: the first one for good, as what a program saves is mostly
 * that, and the latest others. The count is odd while one is written, by a thread of this process:
 * in a forked child nobody would end what one of its parent's began.
 */
#define MASKS 3
static struct {
	_Atomic unsigned count;
	_Atomic int32_t writer;
	unsigned used;			/* of the masks, the oldest first */
	struct shown {
		unsigned shown;		/* CPUs of it */
		size_t words;
		mask_word mask[WORDS];
	} masks[MASKS];
} seen;

static struct shown *next_place(void)
{
	if (seen.used < MASKS)
		return &seen.masks[seen.used++];
	memmove(&seen.masks[1], &seen.masks[2], (MASKS - 2) * sizeof(seen.masks[0]));
	return &seen.masks[MASKS - 1];
}

static bool is_remembered(const mask_word *mask, size_t words, unsigned shown)
{
	for (unsigned i = 0; i < seen.used; i++)
		if (seen.masks[i].shown == shown && mask_same(seen.masks[i].mask, seen.masks[i].words, mask, words))
			return !(seen.count & 1);
	return false;
}

static void remember(const mask_word *mask, size_t words, unsigned shown)
{
	int32_t pid, writer;
	struct shown *place;

	if (words > WORDS || is_remembered(mask, words, shown))
		return;
	pid = (int32_t)sys0(SYS_getpid);
	writer = seen.writer;
	/* Another thread's will do: threads of one process that differ in it are rare. */
	if (writer == pid || !atomic_compare_exchange_strong(&seen.writer, &writer, pid))
		return;
	seen.count |= 1;
	place = next_place();
	place->shown = shown;
	place->words = words;
	memcpy(place->mask, mask, words * sizeof(*mask));
	seen.count++;
	seen.writer = 0;
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

/* If a mask is one that was shown, copy the one that it stands for, the latest of several. Its words, or 0. */
static size_t recall(const mask_word *mask, size_t words, mask_word whole[WORDS])
{
	for (unsigned i = seen.used; i-- > 0;) {
		unsigned count = seen.count, shown = seen.masks[i].shown;
		size_t n = seen.masks[i].words;

		memcpy(whole, seen.masks[i].mask, n * sizeof(*whole));
		if (!(count & 1) && seen.count == count && is_part(mask, words, whole, n, shown))
			return n;
	}
	return 0;
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

/* How a mask is to be set: 0 as it is; -1 not at all; else so many words of whole instead. */
static int translate(size_t size, const void *mask, mask_word whole[WORDS])
{
	size_t words = size / sizeof(mask_word);

	if (preload_answers()->ignore_pin)
		return -1;
	if (!is_readable(mask, words))
		return 0;
	return (int)recall(mask, words, whole);
}

/* Whether masks that are set may be such as were shown. */
static bool may_be_shown(void)
{
	const struct preload_answers *answers = preload_answers();

	return answers->threads && answers->affinity && (answers->ignore_pin || seen.used);
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
		words = translate(size, mask, whole);
	if (words < 0)
		return 0;
	if (words > 0)
		return preload_result(sys3(SYS_sched_setaffinity, pid, (size_t)words * sizeof(*whole), whole));
	return preload_result(sys3(SYS_sched_setaffinity, pid, size, mask));
}

_public_ int pthread_setaffinity_np(pthread_t thread, size_t size, const cpu_set_t *mask)
{
	int (*next)(pthread_t, size_t, const cpu_set_t *) = PRELOAD_NEXT("pthread_setaffinity_np");
	mask_word whole[WORDS];
	int words = 0;

	if (!next)
		return ENOSYS;
	if (may_be_shown())
		words = translate(size, mask, whole);
	if (words < 0)
		return 0;
	if (words > 0)
		return next(thread, (size_t)words * sizeof(*whole), (const cpu_set_t *)whole);
	return next(thread, size, mask);
}
