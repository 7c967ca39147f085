/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* preload-mask - affinity masks cut down to as many CPUs as there are threads; pure */
#include "preload-mask.h"

unsigned mask_count(const mask_word *mask, size_t words)
{
	unsigned count = 0;

	for (size_t i = 0; i < words; i++)
		for (unsigned long word = mask[i]; word; word &= word - 1)
			count++;
	return count;
}

/* The bits of a word that stand first..last-1 among those of the mask; seen: set bits before this word. */
static unsigned long keep(unsigned long word, unsigned seen, unsigned first, unsigned last)
{
	unsigned long kept = 0;

	for (; word; word &= word - 1, seen++)
		if (seen >= first && seen < last)
			kept |= word & -word;
	return kept;
}

void mask_trim(mask_word *mask, size_t words, unsigned n, uint32_t offset)
{
	unsigned count = mask_count(mask, words), first = offset % count, seen = 0;
	unsigned wrapped = first + n > count ? first + n - count : 0;

	for (size_t i = 0; i < words; i++) {
		unsigned long word = mask[i];

		mask[i] = keep(word, seen, first, first + n) | keep(word, seen, 0, wrapped);
		seen += mask_count(&(mask_word){ word }, 1);
	}
}

bool mask_same(const mask_word *a, size_t a_words, const mask_word *b, size_t b_words)
{
	for (size_t i = 0; i < a_words || i < b_words; i++)
		if ((i < a_words ? a[i] : 0) != (i < b_words ? b[i] : 0))
			return false;
	return true;
}
