/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-preload-mask - masks of up to 8,192 CPUs are cut down as a simple model does it
 *
 * The model has one byte a CPU. Machines of 1,500 CPUs are not to be had.
 */
#include "preload-mask.h"
#include "suite.h"

#include <string.h>

#define CPUS 8192
#define WORDS (CPUS / MASK_WORD_BITS)

static unsigned char model[CPUS];		/* 1: the CPU is in the mask */
static unsigned long mask[WORDS + 1];
static uint32_t random_state = 1;

/* The same numbers on every run (Numerical Recipes). */
static uint32_t next_random(void)
{
	random_state = random_state * 1664525 + 1013904223;
	return random_state >> 8;
}

static size_t words_of(unsigned cpus)
{
	return (cpus + MASK_WORD_BITS - 1) / MASK_WORD_BITS;
}

static void to_mask(unsigned long *ret)
{
	memset(ret, 0, WORDS * sizeof(*ret));
	for (unsigned i = 0; i < CPUS; i++)
		if (model[i])
			ret[i / MASK_WORD_BITS] |= 1ul << i % MASK_WORD_BITS;
}

/* Some of the first CPUs: one in every so many, from one on. How many there are. */
static unsigned fill(unsigned cpus, unsigned every, unsigned from)
{
	unsigned count = 0;

	memset(model, 0, sizeof(model));
	for (unsigned i = from; i < cpus; i += every, count++)
		model[i] = 1;
	to_mask(mask);
	return count;
}

static unsigned fill_at_random(unsigned cpus)
{
	unsigned count = 0;

	memset(model, 0, sizeof(model));
	for (unsigned i = 0; i < cpus; i++)
		count += model[i] = next_random() % 3 == 0;
	to_mask(mask);
	return count;
}

/* The same for the model: the nth CPUs that it has, n from offset on, in a circle. */
static void trim_model(unsigned n, uint32_t offset, unsigned count)
{
	unsigned seen = 0;

	for (unsigned i = 0; i < CPUS; i++) {
		unsigned place;

		if (!model[i])
			continue;
		place = (seen++ + count - offset % count) % count;
		model[i] = place < n;
	}
}

static void expect_trimmed(size_t words, unsigned n, uint32_t offset, unsigned count)
{
	unsigned long wanted[WORDS];

	trim_model(n, offset, count);
	to_mask(wanted);
	mask_trim(mask, words, n, offset);
	ck_assert_msg(memcmp(mask, wanted, words * sizeof(*mask)) == 0, "%u of %u from %u", n, count, offset);
	ck_assert_uint_eq(mask_count(mask, words), n);
}

static const unsigned sizes[] = { 2, 3, 31, 32, 33, 63, 64, 65, 127, 128, 1500, 8191, 8192 };
#define SIZES (sizeof(sizes) / sizeof(*sizes))

START_TEST(all_cpus_of_a_machine)
{
	static const uint32_t offsets[] = { 0, 1, 7, 63, 64, 1499, 1500, 8191, UINT32_MAX, UINT32_MAX - 1 };
	unsigned cpus = sizes[_i];
	const unsigned wanted[] = { 1, 2, cpus / 2, cpus - 1 };

	for (size_t k = 0; k < sizeof(wanted) / sizeof(*wanted); k++) {
		for (size_t j = 0; j < sizeof(offsets) / sizeof(*offsets); j++) {
			if (wanted[k] < 1 || wanted[k] >= cpus)
				continue;
			ck_assert_uint_eq(fill(cpus, 1, 0), cpus);
			ck_assert_uint_eq(mask_count(mask, words_of(cpus)), cpus);
			expect_trimmed(words_of(cpus), wanted[k], offsets[j], cpus);
		}
	}
}
END_TEST

START_TEST(every_offset_and_count_of_1500)
{
	for (unsigned offset = 0; offset < 1500; offset += 13) {
		for (unsigned n = 1; n < 1500; n += 37) {
			fill(1500, 1, 0);
			expect_trimmed(words_of(1500), n, offset, 1500);
		}
	}
}
END_TEST

START_TEST(masks_with_holes)
{
	for (unsigned every = 2; every < 700; every += 41) {
		unsigned count = fill(CPUS, every, every - 1);

		for (unsigned n = 1; n < count; n += 1 + count / 7) {
			fill(CPUS, every, every - 1);
			expect_trimmed(WORDS, n, next_random(), count);
		}
	}
}
END_TEST

START_TEST(masks_at_random)
{
	for (int i = 0; i < 500; i++) {
		unsigned cpus = 8 + next_random() % (CPUS - 8), count = fill_at_random(cpus);

		if (count >= 2)
			expect_trimmed(words_of(cpus), 1 + next_random() % (count - 1), next_random(), count);
	}
}
END_TEST

/* Each CPU is one of those that are shown for some container: none is left out, none is favoured. */
START_TEST(offsets_spread_over_all_cpus)
{
	static unsigned shown[1500];

	for (unsigned offset = 0; offset < 1500; offset++) {
		fill(1500, 1, 0);
		mask_trim(mask, words_of(1500), 3, offset);
		for (unsigned i = 0; i < 1500; i++)
			shown[i] += mask[i / MASK_WORD_BITS] >> i % MASK_WORD_BITS & 1;
	}
	for (unsigned i = 0; i < 1500; i++)
		ck_assert_msg(shown[i] == 3, "CPU %u: %u times", i, shown[i]);
}
END_TEST

START_TEST(nothing_is_written_behind_the_mask)
{
	fill(CPUS, 1, 0);
	mask[2] = mask[WORDS] = 0x5A5A5A5Aul;
	mask_trim(mask, 2, 3, 100);
	ck_assert_uint_eq(mask[2], 0x5A5A5A5Aul);
	ck_assert_uint_eq(mask_count(mask, 2), 3);
}
END_TEST

/* A program's mask may lie anywhere. */
START_TEST(masks_at_odd_addresses)
{
	unsigned char room[WORDS * sizeof(unsigned long) + 1];
	mask_word *odd = (mask_word *)(room + 1);
	unsigned long wanted[WORDS];

	fill(1500, 1, 0);
	memcpy(room + 1, mask, sizeof(wanted));
	ck_assert_uint_eq(mask_count(odd, words_of(1500)), 1500);
	trim_model(5, 1498, 1500);
	to_mask(wanted);
	mask_trim(odd, words_of(1500), 5, 1498);
	ck_assert(memcmp(room + 1, wanted, sizeof(wanted)) == 0);
	ck_assert(mask_same(odd, WORDS, wanted, WORDS));
}
END_TEST

START_TEST(same_whatever_the_length)
{
	unsigned long a[3] = { 5, 0, 0 }, b[3] = { 5, 0, 1 };

	ck_assert(mask_same(a, 3, a, 1));
	ck_assert(mask_same(a, 1, a, 3));
	ck_assert(mask_same(a, 1, b, 2));
	ck_assert(!mask_same(a, 1, b, 3));
	ck_assert(!mask_same(b, 3, a, 1));
	ck_assert(!mask_same(a, 3, b, 3));
	ck_assert(!mask_same(a, 1, a, 0));
	ck_assert(mask_same(a + 1, 2, a, 0));
	ck_assert(mask_same(a, 0, a, 0));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("preload mask");
	TCase *tcase = tcase_create("masks");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, all_cpus_of_a_machine, 0, SIZES);
	tcase_add_test(tcase, every_offset_and_count_of_1500);
	tcase_add_test(tcase, masks_with_holes);
	tcase_add_test(tcase, masks_at_random);
	tcase_add_test(tcase, offsets_spread_over_all_cpus);
	tcase_add_test(tcase, nothing_is_written_behind_the_mask);
	tcase_add_test(tcase, masks_at_odd_addresses);
	tcase_add_test(tcase, same_whatever_the_length);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
