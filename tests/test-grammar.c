/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-grammar - values of variables and options: every form that is taken, every one that is refused */
#include "cgtune.h"
#include "grammar.h"
#include "suite.h"
#include "util.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define TIB (UINT64_C(1) << 40)
#define ONE GRAMMAR_RATIO_ONE
#define UNTOUCHED UINT64_C(0x5555555555555555)

/* The value of a text; or with error not 0 how it is refused. */
struct row {
	const char *text;
	uint64_t value;
	int error;
};

static const struct row sizes[] = {
	{ "0", 0, 0 },
	{ "1", 1, 0 },
	{ "007", 7, 0 },
	{ "512", 512, 0 },
	{ "512B", 512, 0 },
	{ "1K", KIB, 0 }, { "1Ki", KIB, 0 }, { "1KiB", KIB, 0 },
	{ "1M", MIB, 0 }, { "1Mi", MIB, 0 }, { "1MiB", MIB, 0 },
	{ "1G", GIB, 0 }, { "1Gi", GIB, 0 }, { "1GiB", GIB, 0 },
	{ "1T", TIB, 0 }, { "1Ti", TIB, 0 }, { "1TiB", TIB, 0 },
	{ "1.5", 1, 0 },
	{ "0.9", 0, 0 },
	{ "1.5K", 1536, 0 },
	{ "1.5GiB", GIB + GIB / 2, 0 },
	{ "0.25TiB", TIB / 4, 0 },
	{ "0.1KiB", 102, 0 },				/* 102.4 */
	{ "0.1TiB", UINT64_C(109951162777), 0 },	/* 109951162777.6 */
	{ "0.0009765625KiB", 1, 0 },
	{ "0.00097656249999999999999999KiB", 0, 0 },	/* a double would say 1 */
	{ "0.99999999999999999999999999999TiB", TIB - 1, 0 },
	{ "4.000000000000000000000000000001GiB", 4 * GIB, 0 },
	{ "16777215TiB", UINT64_C(16777215) << 40, 0 },
	{ "18446744073709551614", UINT64_MAX - 1, 0 },
	/* All ones are "no limit": a number cannot say that. */
	{ "18446744073709551615", 0, -ERANGE },
	{ "18446744073709551615B", 0, -ERANGE },
	{ "16777216TiB", 0, -ERANGE },
	{ "18014398509481984K", 0, -ERANGE },
	{ "18014398509481983.9K", UINT64_C(18446744073709551513), 0 },
	{ "17179869183.99999999999999999999GiB", UINT64_MAX, -ERANGE },
	{ "18446744073709551616", 0, -EINVAL },
	{ "99999999999999999999999999", 0, -EINVAL },
	{ "", 0, -EINVAL },
	{ "K", 0, -EINVAL },
	{ ".5", 0, -EINVAL }, { "1.", 0, -EINVAL }, { "1.K", 0, -EINVAL }, { ".", 0, -EINVAL },
	{ "1.5.5", 0, -EINVAL },
	{ "1,5G", 0, -EINVAL },
	{ "-1", 0, -EINVAL }, { "+1", 0, -EINVAL },
	{ " 1", 0, -EINVAL }, { "1 ", 0, -EINVAL }, { "1 K", 0, -EINVAL }, { "1\n", 0, -EINVAL },
	{ "1k", 0, -EINVAL }, { "1m", 0, -EINVAL }, { "1g", 0, -EINVAL }, { "1b", 0, -EINVAL },
	{ "1KB", 0, -EINVAL }, { "1MB", 0, -EINVAL }, { "1kib", 0, -EINVAL }, { "1KIB", 0, -EINVAL },
	{ "1Bi", 0, -EINVAL }, { "1iB", 0, -EINVAL }, { "1KiBs", 0, -EINVAL },
	{ "1P", 0, -EINVAL }, { "1PiB", 0, -EINVAL }, { "1E", 0, -EINVAL },
	{ "1e9", 0, -EINVAL }, { "0x10", 0, -EINVAL },
	{ "50%", 0, -EINVAL },
	{ "max", 0, -EINVAL }, { "off", 0, -EINVAL }, { "unlimited", 0, -EINVAL },
	{ "inf", 0, -EINVAL }, { "nan", 0, -EINVAL },
};

static const struct row cpus[] = {
	{ "1", 1000000, 0 },
	{ "1.5", 1500000, 0 },
	{ "0.5", 500000, 0 },
	{ "2.0", 2000000, 0 },
	{ "0.000001", 1, 0 },
	{ "1.234567", 1234567, 0 },
	{ "64", 64000000, 0 },
	{ "0064", 64000000, 0 },
	{ "1m", 1000, 0 },
	{ "1500m", 1500000, 0 },
	{ "18446744073709.551615", UINT64_MAX, 0 },
	{ "18446744073709551m", UINT64_C(18446744073709551000), 0 },
	{ "18446744073709.551616", 0, -ERANGE },
	{ "18446744073710", 0, -ERANGE },
	{ "18446744073709552m", 0, -ERANGE },
	{ "0", 0, -ERANGE }, { "0.0", 0, -ERANGE }, { "0.000000", 0, -ERANGE }, { "0m", 0, -ERANGE },
	{ "1.2345678", 0, -EINVAL }, { "0.0000001", 0, -EINVAL }, { "1.0000000", 0, -EINVAL },
	{ "18446744073709551616", 0, -EINVAL },
	{ "1.5m", 0, -EINVAL }, { "1M", 0, -EINVAL }, { "1mm", 0, -EINVAL }, { "m", 0, -EINVAL },
	{ "", 0, -EINVAL },
	{ ".5", 0, -EINVAL }, { "1.", 0, -EINVAL }, { "1.m", 0, -EINVAL },
	{ "1,5", 0, -EINVAL },
	{ "-1", 0, -EINVAL }, { "+1", 0, -EINVAL }, { "-0.5", 0, -EINVAL },
	{ " 1", 0, -EINVAL }, { "1 ", 0, -EINVAL }, { "1\t", 0, -EINVAL },
	{ "1e1", 0, -EINVAL }, { "0x1", 0, -EINVAL },
	{ "50%", 0, -EINVAL },
	{ "max", 0, -EINVAL }, { "off", 0, -EINVAL },
	{ "inf", 0, -EINVAL }, { "NaN", 0, -EINVAL },
};

static const struct row ratios[] = {
	{ "1", ONE, 0 },
	{ "1.0", ONE, 0 },
	{ "1.000000000000000000000", ONE, 0 },
	{ "0.9", ONE / 10 * 9, 0 },
	{ "0.5", ONE / 2, 0 },
	{ "0.001", ONE / 1000, 0 },
	{ "1e-1", ONE / 10, 0 },
	{ "1E-1", ONE / 10, 0 },
	{ "9e-1", ONE / 10 * 9, 0 },
	{ "90e-2", ONE / 10 * 9, 0 },
	{ "0.09e1", ONE / 10 * 9, 0 },
	{ "0.09e+1", ONE / 10 * 9, 0 },
	{ "1e0", ONE, 0 },
	{ "0.333333333333333333", UINT64_C(333333333333333333), 0 },
	{ "0.3333333333333333339", UINT64_C(333333333333333333), 0 },
	{ "0.000000000000000001", 1, 0 },
	{ "1e-18", 1, 0 },
	{ "0", 0, -ERANGE }, { "0.0", 0, -ERANGE }, { "0e0", 0, -ERANGE }, { "0e5", 0, -ERANGE },
	{ "1.1", 0, -ERANGE }, { "2", 0, -ERANGE }, { "90", 0, -ERANGE }, { "10e-1x", 0, -EINVAL },
	{ "1.000000000000000001", 0, -ERANGE },
	{ "1e1", 0, -ERANGE }, { "1e999999999999999999999999", 0, -ERANGE },
	{ "99999999999999999999999999", 0, -ERANGE },
	{ "", 0, -EINVAL }, { ".", 0, -EINVAL }, { "e", 0, -EINVAL }, { "e-1", 0, -EINVAL },
	{ "1e", 0, -EINVAL }, { "1e-", 0, -EINVAL }, { "1e+", 0, -EINVAL }, { "1e-1.5", 0, -EINVAL },
	{ "1e--1", 0, -EINVAL },
	{ "-0.5", 0, -EINVAL }, { "+0.5", 0, -EINVAL },
	{ " 0.5", 0, -EINVAL }, { "0.5 ", 0, -EINVAL }, { "0.5\n", 0, -EINVAL },
	{ "0,5", 0, -EINVAL }, { "0.5.5", 0, -EINVAL }, { "1/2", 0, -EINVAL },
	{ "90%", 0, -EINVAL },
	{ "0x1p-1", 0, -EINVAL }, { "0x0.8", 0, -EINVAL },
	{ "nan", 0, -EINVAL }, { "NaN", 0, -EINVAL }, { "inf", 0, -EINVAL }, { "Inf", 0, -EINVAL },
	{ "infinity", 0, -EINVAL },
	{ "off", 0, -EINVAL },
};

static const struct row gomemlimits[] = {
	{ "0", 0, 0 },
	{ "1", 1, 0 },
	{ "012345", 12345, 0 },
	{ "1B", 1, 0 },
	{ "1KiB", KIB, 0 }, { "1MiB", MIB, 0 }, { "1GiB", GIB, 0 }, { "1TiB", TIB, 0 },
	{ "9223372036854775807", INT64_MAX, 0 },
	{ "9223372036854775807B", INT64_MAX, 0 },
	{ "8388607TiB", UINT64_C(8388607) << 40, 0 },
	{ "9223372036854775808", 0, -ERANGE },
	{ "8388608TiB", 0, -ERANGE },
	{ "99999999999999999999999", 0, -ERANGE },
	{ "", 0, -EINVAL },
	{ "1.5GiB", 0, -EINVAL },
	{ "1K", 0, -EINVAL }, { "1Ki", 0, -EINVAL }, { "1G", 0, -EINVAL }, { "1Gi", 0, -EINVAL },
	{ "1KB", 0, -EINVAL }, { "1kib", 0, -EINVAL }, { "1PiB", 0, -EINVAL },
	{ "B", 0, -EINVAL }, { "KiB", 0, -EINVAL },
	{ "-1", 0, -EINVAL }, { "+1", 0, -EINVAL },
	{ " 1", 0, -EINVAL }, { "1 ", 0, -EINVAL },
	{ "1e9", 0, -EINVAL }, { "0x10", 0, -EINVAL },
	{ "OFF", 0, -EINVAL },
};

static const struct row threads[] = {
	{ "1", 1, 0 },
	{ "007", 7, 0 },
	{ "100000", 100000, 0 },
	{ "2147483647", INT32_MAX, 0 },
	{ "0", 0, -ERANGE },
	{ "2147483648", 0, -ERANGE },
	{ "4294967297", 0, -ERANGE },
	{ "18446744073709551617", 0, -ERANGE },
	{ "", 0, -EINVAL },
	{ "-1", 0, -EINVAL }, { "+1", 0, -EINVAL },
	{ " 4", 0, -EINVAL }, { "4 ", 0, -EINVAL },
	{ "4.0", 0, -EINVAL }, { "1e3", 0, -EINVAL }, { "0x4", 0, -EINVAL },
	{ "4x", 0, -EINVAL }, { "many", 0, -EINVAL }, { "off", 0, -EINVAL },
};

static const struct row integers[] = {
	{ "0", 0, 0 },
	{ "8", 8, 0 },
	{ "-1", (uint64_t)-1, 0 },
	{ "-2147483647", (uint64_t)-INT32_MAX, 0 },
	{ "2147483647", INT32_MAX, 0 },
	{ "2147483648", 0, -ERANGE },
	{ "99999999999999999999", 0, -ERANGE },
	{ "", 0, -EINVAL }, { "-", 0, -EINVAL }, { "--1", 0, -EINVAL }, { "+1", 0, -EINVAL },
	{ " 1", 0, -EINVAL }, { "1.0", 0, -EINVAL }, { "many", 0, -EINVAL },
};

static const struct row roundings[] = {
	{ "ceil", CGTUNE_ROUND_CEIL, 0 },
	{ "floor", CGTUNE_ROUND_FLOOR, 0 },
	{ "nearest", CGTUNE_ROUND_NEAREST, 0 },
	{ "", 0, -EINVAL }, { "CEIL", 0, -EINVAL }, { "ceiling", 0, -EINVAL }, { "round", 0, -EINVAL },
	{ " ceil", 0, -EINVAL }, { "1", 0, -EINVAL },
};

static const struct row switches[] = {
	{ "off", 0, 0 }, { "0", 0, 0 }, { "false", 0, 0 }, { "no", 0, 0 },
	{ "on", 1, 0 }, { "1", 1, 0 }, { "true", 1, 0 }, { "yes", 1, 0 },
	{ "", 0, -EINVAL }, { "OFF", 0, -EINVAL }, { "Off", 0, -EINVAL }, { "False", 0, -EINVAL },
	{ "off ", 0, -EINVAL }, { "00", 0, -EINVAL }, { "2", 0, -EINVAL }, { "n", 0, -EINVAL },
};

/* One signature for all. A value must not be touched when the text is refused. */
typedef int grammar_fn(const char *text, uint64_t *ret);

static int of_threads(const char *text, uint64_t *ret)
{
	uint32_t n = (uint32_t)UNTOUCHED;
	int r = grammar_threads(text, &n);

	*ret = r < 0 && n == (uint32_t)UNTOUCHED ? UNTOUCHED : n;
	return r;
}

static int of_integer(const char *text, uint64_t *ret)
{
	int32_t n = (int32_t)UNTOUCHED;
	int r = grammar_integer(text, &n);

	*ret = r < 0 && n == (int32_t)UNTOUCHED ? UNTOUCHED : (uint64_t)(int64_t)n;
	return r;
}

static int of_rounding(const char *text, uint64_t *ret)
{
	uint32_t n = (uint32_t)UNTOUCHED;
	int r = grammar_rounding(text, &n);

	*ret = r < 0 && n == (uint32_t)UNTOUCHED ? UNTOUCHED : n;
	return r;
}

static int of_switch(const char *text, uint64_t *ret)
{
	int r = grammar_switch(text);

	if (r >= 0)
		*ret = (uint64_t)r;
	return r < 0 ? r : 0;
}

static const struct {
	const char *name;
	grammar_fn *grammar;
	const struct row *rows;
	size_t count;
} grammars[] = {
	{ "size", grammar_size, sizes, ARRAY_SIZE(sizes) },
	{ "cpus", grammar_cpus, cpus, ARRAY_SIZE(cpus) },
	{ "ratio", grammar_ratio, ratios, ARRAY_SIZE(ratios) },
	{ "gomemlimit", grammar_gomemlimit, gomemlimits, ARRAY_SIZE(gomemlimits) },
	{ "threads", of_threads, threads, ARRAY_SIZE(threads) },
	{ "integer", of_integer, integers, ARRAY_SIZE(integers) },
	{ "rounding", of_rounding, roundings, ARRAY_SIZE(roundings) },
	{ "switch", of_switch, switches, ARRAY_SIZE(switches) },
};

/* -EINVAL and -ERANGE are both refusals: only a number too long to be read may be either. */
static void check_row(const char *name, grammar_fn *grammar, const struct row *row)
{
	uint64_t value = UNTOUCHED;
	int r = grammar(row->text, &value);

	if (r != row->error)
		ck_abort_msg("%s \"%s\" answers %d, expected %d", name, row->text, r, row->error);
	if (value != (row->error ? UNTOUCHED : row->value))
		ck_abort_msg("%s \"%s\" is %" PRIu64 ", expected %" PRIu64, name, row->text, value,
			     row->error ? UNTOUCHED : row->value);
}

/* One test for each row of all grammars. */
START_TEST(row)
{
	size_t i = (size_t)_i, g = 0;

	while (i >= grammars[g].count)
		i -= grammars[g++].count;
	check_row(grammars[g].name, grammars[g].grammar, &grammars[g].rows[i]);
}
END_TEST

/* A ratio below what is counted is still above zero: zero would be read as "off". */
START_TEST(tiny_ratio_is_not_zero)
{
	static const char *const tiny[] = { "1e-19", "0.0000000000000000001", "1e-1000", "5e-99999999999" };
	uint64_t value = 0;

	ck_assert_int_eq(grammar_ratio(tiny[_i], &value), 0);
	ck_assert_uint_gt(value, 0);
}
END_TEST

/* A sanitizer sees a read behind the end of a text, of any length. */
START_TEST(long_texts)
{
	char *text = malloc(100001);
	uint64_t value;
	int32_t integer;

	memset(text, '9', 100000);
	text[100000] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(grammars); i++)
		ck_assert_int_lt(grammars[i].grammar(text, &value), 0);
	ck_assert_int_lt(grammar_integer(text, &integer), 0);
	text[1] = '.';
	ck_assert_int_eq(grammar_size(text, &value), 0);
	ck_assert_uint_eq(value, 9);
	text[0] = '0';
	ck_assert_int_eq(grammar_ratio(text, &value), 0);
	ck_assert_uint_eq(value, ONE - 1);
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("grammar");
	TCase *rows = tcase_create("rows"), *rest = tcase_create("rest");
	int count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(grammars); i++)
		count += (int)grammars[i].count;
	tcase_add_loop_test(rows, row, 0, count);
	suite_add_tcase(suite, rows);
	tcase_add_loop_test(rest, tiny_ratio_is_not_zero, 0, 4);
	tcase_add_test(rest, long_texts);
	suite_add_tcase(suite, rest);
	return suite_run(suite);
}
