/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-grammar - any string to each function of lib/grammar.c, and to the lists of env.c and run-cpus.c */
#include "fuzz.h"
#include "env.h"
#include "grammar.h"
#include "run-cpus.h"
#include "util.h"

#include <errno.h>

#define UNTOUCHED UINT64_C(0x5a5a5a5a5a5a5a5a)

__extension__ typedef unsigned __int128 wide;

typedef int value_fn(const char *text, uint64_t *ret);

/* 0 and a value, or -EINVAL or -ERANGE and none. */
static int value(const char *text, value_fn *grammar, uint64_t *ret)
{
	int r;

	*ret = UNTOUCHED;
	r = grammar(text, ret);
	CLAIM(r == 0 || ((r == -EINVAL || r == -ERANGE) && *ret == UNTOUCHED));
	return r;
}

/* "DIGITS.DIGITS" with at most 18 of each: whole and fraction x 10^18; false: another form. */
static bool decimal(const char *text, size_t *length, uint64_t *whole, uint64_t *fraction)
{
	size_t n = strspn(text, "0123456789"), m = 0;

	*whole = *fraction = 0;
	if (!n || n > 18)
		return false;
	for (size_t i = 0; i < n; i++)
		*whole = *whole * 10 + (uint64_t)(text[i] - '0');
	if (text[n] == '.') {
		m = strspn(text + n + 1, "0123456789");
		if (!m || m > 18)
			return false;
		for (size_t i = 0; i < 18; i++)
			*fraction = *fraction * 10 + (i < m ? (uint64_t)(text[n + 1 + i] - '0') : 0);
		m++;
	}
	*length = n + m;
	return true;
}

/* By 128 bits: (whole + fraction) x unit, cut. */
static void test_size(const char *text)
{
	static const char *const units[] = { "", "B", "K", "Ki", "KiB", "M", "Mi", "MiB", "G", "Gi", "GiB", "T", "Ti", "TiB" };
	static const unsigned shifts[] = { 0, 0, 10, 10, 10, 20, 20, 20, 30, 30, 30, 40, 40, 40 };
	uint64_t bytes, whole, fraction;
	int r = value(text, grammar_size, &bytes);
	size_t n;

	CLAIM(r < 0 || bytes != CGTUNE_UNLIMITED);
	if (!decimal(text, &n, &whole, &fraction))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		wide exact = ((wide)whole << shifts[i]) + ((wide)fraction << shifts[i]) / GRAMMAR_RATIO_ONE;

		if (strcmp(text + n, units[i]) != 0)
			continue;
		CLAIM(exact < UINT64_MAX ? r == 0 && bytes == (uint64_t)exact : r == -ERANGE);
		return;
	}
	CLAIM(r == -EINVAL);
}

static void test_gomemlimit(const char *text)
{
	uint64_t bytes;
	int r = value(text, grammar_gomemlimit, &bytes);

	CLAIM(r < 0 || bytes <= INT64_MAX);
}

static void test_cpus(const char *text)
{
	uint64_t micro, whole, fraction;
	int r = value(text, grammar_cpus, &micro);
	size_t n;

	CLAIM(r < 0 || micro > 0);
	if (!decimal(text, &n, &whole, &fraction) || text[n] || strlen(text) > 12)
		return;
	if (fraction % (GRAMMAR_RATIO_ONE / 1000000))
		CLAIM(r == -EINVAL);
	else if (r != -EINVAL)			/* zeros behind the sixth place are refused as well */
		CLAIM(whole || fraction ? micro == whole * 1000000 + fraction / (GRAMMAR_RATIO_ONE / 1000000) : r == -ERANGE);
}

static void test_threads(const char *text)
{
	uint32_t threads = 0x5a5a5a5a;
	int r = grammar_threads(text, &threads);

	CLAIM(r == 0 ? threads >= 1 && threads <= INT32_MAX : r == -EINVAL || r == -ERANGE);
	CLAIM(r == 0 || threads == 0x5a5a5a5a);
}

static void test_ratio(const char *text)
{
	uint64_t ratio, whole, fraction;
	int r = value(text, grammar_ratio, &ratio);
	size_t n;

	CLAIM(r < 0 || (ratio > 0 && ratio <= GRAMMAR_RATIO_ONE));
	if (!decimal(text, &n, &whole, &fraction) || text[n])
		return;
	if (whole > 1 || (whole == 1 && fraction) || (!whole && !fraction))
		CLAIM(r == -ERANGE);
	else
		CLAIM(r == 0 && ratio == (whole ? GRAMMAR_RATIO_ONE : fraction));
}

static void test_integer(const char *text)
{
	int32_t n = 0x5a5a5a5a;
	int r = grammar_integer(text, &n);

	CLAIM(r == 0 ? n >= -INT32_MAX : (r == -EINVAL || r == -ERANGE) && n == 0x5a5a5a5a);
}

static void test_words(const char *text)
{
	uint64_t mask;
	uint32_t rounding = 99;
	int r = grammar_rounding(text, &rounding);

	CLAIM(r == 0 ? rounding <= CGTUNE_ROUND_NEAREST : r == -EINVAL && rounding == 99);
	r = grammar_switch(text);
	CLAIM(r == 0 || r == 1 || r == -EINVAL);
	r = value(text, env_groups, &mask);
	CLAIM(r < 0 || mask == 0 || mask & ENV_GROUP_BIT(ENV_GROUP_DEFAULT));
	CLAIM(r < 0 || mask >> (ENV_GROUP_DEFAULT + 1) == 0);
}

/* A list of CPUs printed and read again is the same set. */
static void test_cpu_list(const char *text)
{
	static char print[1 << 16];
	static struct cpus cpus, again;

	if (!cpus_parse(text, &cpus))
		return;
	CLAIM(cpus_count(&cpus) > 0);
	CLAIM(cpus_format(&cpus, print, sizeof(print)));
	CLAIM(cpus_parse(print, &again) && memcmp(&cpus, &again, sizeof(cpus)) == 0);
	CLAIM(cpus_and(&again, &cpus) == cpus_count(&cpus));
}

typedef void test_fn(const char *text);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static test_fn *const tests[] = {
		test_size, test_gomemlimit, test_cpus, test_threads, test_ratio, test_integer, test_words, test_cpu_list,
	};
	struct input in = { data, size };
	unsigned which = input_byte(&in);
	char *text;

	if (which < 'a' || which >= 'a' + ARRAY_SIZE(tests))
		return 0;
	text = input_string(&in);
	tests[which - 'a'](text);
	free(text);
	return 0;
}
