/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-util - exact arithmetic against 128-bit integers, structs that begin with their size, sentences */
#include "suite.h"
#include "util.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define RANDOM_CASES 2000000

typedef unsigned __int128 u128;

/* Where halves carry and quotients overflow. */
static const uint64_t edges[] = {
	0, 1, 2, 3, 9, 10, 999999, 1000000, 1000001, 100000, INT32_MAX, UINT32_MAX - 1, UINT32_MAX,
	UINT64_C(1) << 32, (UINT64_C(1) << 32) + 1, UINT64_C(1000000000000000000), INT64_MAX,
	UINT64_C(1) << 63, UINT64_MAX / 3, UINT64_MAX / 1000, UINT64_MAX - 1, UINT64_MAX,
};

/* xorshift64*: the same numbers on every machine. Short ones are as likely as long ones. */
static uint64_t random_number(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (*state * UINT64_C(2685821657736338717)) >> (*state >> 7 & 63);
}

static void check_mul_div(uint64_t a, uint64_t b, uint64_t c)
{
	u128 exact = (u128)a * b / c;
	uint64_t want = exact > UINT64_MAX ? UINT64_MAX : (uint64_t)exact, got = util_mul_div(a, b, c);

	if (got != want)
		ck_abort_msg("%" PRIu64 " x %" PRIu64 " / %" PRIu64 " is %" PRIu64 ", expected %" PRIu64,
			     a, b, c, got, want);
}

static void check_less(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	if (util_fraction_less(a, b, c, d) != ((u128)a * d < (u128)c * b))
		ck_abort_msg("%" PRIu64 "/%" PRIu64 " < %" PRIu64 "/%" PRIu64 " is answered wrongly", a, b, c, d);
}

START_TEST(mul_div_of_edges)
{
	for (size_t i = 0; i < ARRAY_SIZE(edges); i++)
		for (size_t j = 0; j < ARRAY_SIZE(edges); j++)
			for (size_t k = 1; k < ARRAY_SIZE(edges); k++)
				check_mul_div(edges[i], edges[j], edges[k]);
}
END_TEST

START_TEST(mul_div_of_random_numbers)
{
	uint64_t state = 1;

	for (int i = 0; i < RANDOM_CASES; i++) {
		uint64_t a = random_number(&state), b = random_number(&state), c = random_number(&state);

		check_mul_div(a, b, c ? c : 1);
	}
}
END_TEST

START_TEST(fraction_less_of_edges)
{
	for (size_t i = 0; i < ARRAY_SIZE(edges); i++)
		for (size_t j = 1; j < ARRAY_SIZE(edges); j++)
			for (size_t k = 0; k < ARRAY_SIZE(edges); k++)
				for (size_t l = 1; l < ARRAY_SIZE(edges); l++)
					check_less(edges[i], edges[j], edges[k], edges[l]);
}
END_TEST

/* Also neighbours of the same fraction, which random numbers hardly ever are. */
START_TEST(fraction_less_of_random_numbers)
{
	uint64_t state = 2;

	for (int i = 0; i < RANDOM_CASES; i++) {
		uint64_t a = random_number(&state), b = random_number(&state) | 1,
			 c = random_number(&state), d = random_number(&state) | 1;

		check_less(a, b, c, d);
		check_less(a, b, a, b);
		check_less(a, b, a + 1, b);
	}
}
END_TEST

START_TEST(subtraction_stops_at_zero)
{
	ck_assert_uint_eq(util_sub(5, 3), 2);
	ck_assert_uint_eq(util_sub(3, 3), 0);
	ck_assert_uint_eq(util_sub(3, 5), 0);
	ck_assert_uint_eq(util_sub(UINT64_MAX, 1), UINT64_MAX - 1);
	ck_assert_uint_eq(util_min(3, 5), 3);
	ck_assert_uint_eq(util_min(5, 3), 3);
}
END_TEST

static const struct {
	uint64_t value;
	unsigned decimals;
	const char *text;
} decimals[] = {
	{ 0, 0, "0" },
	{ 0, 6, "0" },
	{ 1500, 3, "1.5" },
	{ 1000, 3, "1" },
	{ 10, 0, "10" },
	{ 1, 3, "0.001" },
	{ 1001, 3, "1.001" },
	{ 123456, 6, "0.123456" },
	{ 100, 3, "0.1" },
	{ UINT64_MAX, 0, "18446744073709551615" },
	{ UINT64_MAX, 6, "18446744073709.551615" },
	{ UINT64_MAX, 19, "1.8446744073709551615" },
};

START_TEST(decimal)
{
	char room[64];
	struct text text = TEXT(room);

	text_add_decimal(&text, decimals[_i].value, decimals[_i].decimals);
	ck_assert_str_eq(room, decimals[_i].text);
	ck_assert_uint_eq(text.length, strlen(room));
}
END_TEST

START_TEST(sentence_is_cut_where_the_buffer_ends)
{
	char room[6] = "xxxxx";
	struct text text = { room, 4, 0 };

	text_add(&text, "ab");
	text_add(&text, "cdef");
	text_add_u64(&text, 12);
	ck_assert_str_eq(room, "abc");
	ck_assert_uint_eq(text.length, 3);
	ck_assert_mem_eq(room + 4, "x", 2);
}
END_TEST

START_TEST(sentence_in_no_room_writes_nothing)
{
	char room[2] = "x";
	struct text text = { room, 0, 0 };

	text_add(&text, "ab");
	ck_assert_str_eq(room, "x");
}
END_TEST

/* A struct of today, the same of a later release, and of the first one. */
struct today {
	size_t size;
	uint64_t a, b;
};

struct tomorrow {
	size_t size;
	uint64_t a, b, c;
};

#define FIRST_SIZE offsetof(struct today, b)

START_TEST(no_struct_is_one_of_zeroes)
{
	struct today ours = { 1, 2, 3 };

	ck_assert_int_eq(util_struct_in(&ours, sizeof(ours), NULL, FIRST_SIZE), 0);
	ck_assert_uint_eq(ours.size, sizeof(ours));
	ck_assert_uint_eq(ours.a, 0);
	ck_assert_uint_eq(ours.b, 0);
}
END_TEST

START_TEST(struct_of_the_first_release_is_filled_up)
{
	struct today theirs = { FIRST_SIZE, 7, 8 }, ours;

	ck_assert_int_eq(util_struct_in(&ours, sizeof(ours), &theirs, FIRST_SIZE), 0);
	ck_assert_uint_eq(ours.size, sizeof(ours));
	ck_assert_uint_eq(ours.a, 7);
	ck_assert_uint_eq(ours.b, 0);
}
END_TEST

START_TEST(struct_below_the_first_release_is_refused)
{
	struct today theirs = { .size = FIRST_SIZE - 1 }, ours;

	ck_assert_int_eq(util_struct_in(&ours, sizeof(ours), &theirs, FIRST_SIZE), -EINVAL);
	theirs.size = 0;
	ck_assert_int_eq(util_struct_in(&ours, sizeof(ours), &theirs, FIRST_SIZE), -EINVAL);
	ck_assert_int_eq(util_struct_check(&theirs, FIRST_SIZE), -EINVAL);
	ck_assert_int_eq(util_struct_check(NULL, FIRST_SIZE), -EINVAL);
	theirs.size = FIRST_SIZE;
	ck_assert_int_eq(util_struct_check(&theirs, FIRST_SIZE), 0);
}
END_TEST

START_TEST(tail_of_zeroes_is_accepted)
{
	struct tomorrow theirs = { sizeof(theirs), 7, 8, 0 };
	struct today ours;

	ck_assert_int_eq(util_struct_in(&ours, sizeof(ours), &theirs, FIRST_SIZE), 0);
	ck_assert_uint_eq(ours.size, sizeof(ours));
	ck_assert_uint_eq(ours.b, 8);
}
END_TEST

/* Every bit of the tail counts. */
START_TEST(unknown_tail_is_refused)
{
	struct tomorrow theirs = { sizeof(theirs), 7, 8, UINT64_C(1) << _i };
	struct today ours;

	ck_assert_int_eq(util_struct_in(&ours, sizeof(ours), &theirs, FIRST_SIZE), -E2BIG);
}
END_TEST

START_TEST(result_for_a_newer_caller_ends_in_zeroes)
{
	struct tomorrow theirs = { sizeof(theirs), 1, 1, 1 };
	struct today ours = { sizeof(ours), 7, 8 };

	util_struct_out(&theirs, &ours, sizeof(ours));
	ck_assert_uint_eq(theirs.size, sizeof(theirs));
	ck_assert_uint_eq(theirs.a, 7);
	ck_assert_uint_eq(theirs.b, 8);
	ck_assert_uint_eq(theirs.c, 0);
}
END_TEST

START_TEST(result_for_an_older_caller_stays_in_its_room)
{
	struct today theirs = { FIRST_SIZE, 1, 99 }, ours = { sizeof(ours), 7, 8 };

	util_struct_out(&theirs, &ours, sizeof(ours));
	ck_assert_uint_eq(theirs.size, FIRST_SIZE);
	ck_assert_uint_eq(theirs.a, 7);
	ck_assert_uint_eq(theirs.b, 99);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("util");
	TCase *numbers = tcase_create("numbers"), *structs = tcase_create("structs"),
	      *texts = tcase_create("texts");

	tcase_set_timeout(numbers, 120);
	tcase_add_test(numbers, mul_div_of_edges);
	tcase_add_test(numbers, mul_div_of_random_numbers);
	tcase_add_test(numbers, fraction_less_of_edges);
	tcase_add_test(numbers, fraction_less_of_random_numbers);
	tcase_add_test(numbers, subtraction_stops_at_zero);
	suite_add_tcase(suite, numbers);
	tcase_add_test(structs, no_struct_is_one_of_zeroes);
	tcase_add_test(structs, struct_of_the_first_release_is_filled_up);
	tcase_add_test(structs, struct_below_the_first_release_is_refused);
	tcase_add_test(structs, tail_of_zeroes_is_accepted);
	tcase_add_loop_test(structs, unknown_tail_is_refused, 0, 64);
	tcase_add_test(structs, result_for_a_newer_caller_ends_in_zeroes);
	tcase_add_test(structs, result_for_an_older_caller_stays_in_its_room);
	suite_add_tcase(suite, structs);
	tcase_add_loop_test(texts, decimal, 0, ARRAY_SIZE(decimals));
	tcase_add_test(texts, sentence_is_cut_where_the_buffer_ends);
	tcase_add_test(texts, sentence_in_no_room_writes_nothing);
	suite_add_tcase(suite, texts);
	return suite_run(suite);
}
