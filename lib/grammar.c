/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* grammar - people's texts: values of variables and of command-line options */
#include "grammar.h"
#include "cgtune.h"
#include "parse.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Digits with an optional fraction, "12" or "12.5": what precedes a unit. */
struct decimal {
	uint64_t whole;
	struct slice fraction;		/* its digits; length 0: none */
};

static size_t digits(const char *text)
{
	return strspn(text, "0123456789");
}

/* Returns what follows the number; NULL when there is none or it overflows. */
static const char *decimal_parse(const char *text, struct decimal *ret)
{
	size_t n = digits(text);

	if (!n || parse_u64(text, n, &ret->whole) < 0)
		return NULL;
	text += n;
	ret->fraction.text = text;
	ret->fraction.length = 0;
	if (*text != '.')
		return text;
	ret->fraction.text = ++text;
	ret->fraction.length = digits(text);
	return ret->fraction.length ? text + ret->fraction.length : NULL;
}

/* fraction x 2^shift, truncated: one digit at a time from the last, which keeps
 * the running value below 2^shift, so 2^40 x 10 never overflows. Digits cannot
 * push a truncated value up, because x/10 truncated in steps is x/10^n truncated. */
static uint64_t fraction_shift(struct slice fraction, unsigned shift)
{
	uint64_t value = 0;

	for (size_t i = fraction.length; i-- > 0;)
		value = (((uint64_t)(fraction.text[i] - '0') << shift) + value) / 10;
	return value;
}

/* The shift of a unit: "", B, K, Ki, KiB, M, ...; -1: none of them. */
static int unit_shift(const char *unit)
{
	static const char letters[] = "KMGT";
	const char *letter;

	if (!*unit || strcmp(unit, "B") == 0)
		return 0;
	letter = strchr(letters, *unit);
	if (!letter || (unit[1] && strcmp(unit + 1, "i") != 0 && strcmp(unit + 1, "iB") != 0))
		return -1;
	return 10 * (int)(letter - letters + 1);
}

static int shift_up(uint64_t whole, unsigned shift, uint64_t add, uint64_t *ret)
{
	if (whole > (UINT64_MAX - add) >> shift)
		return -ERANGE;
	*ret = (whole << shift) + add;
	/* The all-ones value stands for "no limit". */
	return *ret == UINT64_MAX ? -ERANGE : 0;
}

int grammar_size(const char *text, uint64_t *bytes)
{
	struct decimal number;
	const char *unit = decimal_parse(text, &number);
	int shift = unit ? unit_shift(unit) : -1;
	uint64_t value;

	if (shift < 0)
		return -EINVAL;
	if (shift_up(number.whole, (unsigned)shift, fraction_shift(number.fraction, (unsigned)shift), &value) < 0)
		return -ERANGE;
	*bytes = value;
	return 0;
}

int grammar_gomemlimit(const char *text, uint64_t *bytes)
{
	size_t n;
	uint64_t whole, value;
	int shift;

	if (*text == '-' && digits(text + 1) && strspn(text + 1, "0") == strlen(text + 1))
		text++;			/* Go reads -0 as 0 */
	n = digits(text);
	if (!n)
		return -EINVAL;
	shift = unit_shift(text + n);
	if (shift < 0 || (shift > 0 && strcmp(text + n + 1, "iB") != 0))
		return -EINVAL;
	if (parse_u64(text, n, &whole) < 0 || shift_up(whole, (unsigned)shift, 0, &value) < 0 ||
	    value > INT64_MAX)
		return -ERANGE;
	*bytes = value;
	return 0;
}

int grammar_cpus(const char *text, uint64_t *micro)
{
	struct decimal number;
	const char *rest = decimal_parse(text, &number);
	uint64_t unit = 1000000, value = 0;

	if (!rest)
		return -EINVAL;
	if (strcmp(rest, "m") == 0 && !number.fraction.length)
		unit = 1000;
	else if (*rest || number.fraction.length > 6)
		return -EINVAL;
	for (size_t i = 0; i < 6 && number.fraction.length; i++)
		value = value * 10 + (i < number.fraction.length ?
				      (uint64_t)(number.fraction.text[i] - '0') : 0);
	if (number.whole > (UINT64_MAX - value) / unit)
		return -ERANGE;
	value += number.whole * unit;
	if (!value)
		return -ERANGE;
	*micro = value;
	return 0;
}

int grammar_threads(const char *text, uint32_t *ret)
{
	uint64_t value;
	int r = parse_u64(text, strlen(text), &value);

	if (r == -EBADMSG)
		return -EINVAL;
	if (r < 0 || value == 0 || value > INT32_MAX)
		return -ERANGE;
	*ret = (uint32_t)value;
	return 0;
}

/* The exponent "e-3" at the end of a ratio, within +-1000; 0 when there is none. */
static int exponent_parse(const char *text, int *ret)
{
	int sign = 1;
	uint64_t value;
	size_t n;

	*ret = 0;
	if (!*text)
		return 0;
	if (*text != 'e' && *text != 'E')
		return -EINVAL;
	text++;
	if (*text == '-' || *text == '+')
		sign = *text++ == '-' ? -1 : 1;
	n = digits(text);
	if (!n || text[n])
		return -EINVAL;
	if (parse_u64(text, n, &value) < 0 || value > 1000)
		value = 1000;
	*ret = sign * (int)value;
	return 0;
}

/* Every digit is put at its place by hand: strtod(3) goes by the locale, and a
 * double cannot hold 0.9. Digits below 10^-18 are cut, as no byte count sees them. */
int grammar_ratio(const char *text, uint64_t *ret)
{
	size_t whole = digits(text), fraction = 0;
	const char *rest = text + whole;
	uint64_t value = 0;
	int exponent;
	bool nonzero = false;

	if (*rest == '.') {
		fraction = digits(rest + 1);
		rest += 1 + fraction;
	}
	if ((!whole && !fraction) || exponent_parse(rest, &exponent) < 0)
		return -EINVAL;
	for (size_t i = 0; i < whole + fraction; i++) {
		uint64_t digit = (uint64_t)(text[i < whole ? i : i + 1] - '0');
		long place = (long)whole - 1 - (long)i + exponent;	/* power of ten */

		nonzero |= digit != 0;
		if (digit && (place > 0 || (place == 0 && digit > 1)))
			return -ERANGE;
		if (place < -18)
			continue;
		for (long k = -18; k < place && digit; k++)
			digit *= 10;
		value += digit;
	}
	if (!nonzero || value > GRAMMAR_RATIO_ONE)
		return -ERANGE;
	*ret = value ? value : 1;	/* 0 is no ratio */
	return 0;
}

int grammar_rounding(const char *text, uint32_t *ret)
{
	if (strcmp(text, "ceil") == 0)
		*ret = CGTUNE_ROUND_CEIL;
	else if (strcmp(text, "floor") == 0)
		*ret = CGTUNE_ROUND_FLOOR;
	else if (strcmp(text, "nearest") == 0)
		*ret = CGTUNE_ROUND_NEAREST;
	else
		return -EINVAL;
	return 0;
}

int grammar_integer(const char *text, int32_t *ret)
{
	int negative = *text == '-';
	uint64_t value;
	int r = parse_u64(text + negative, strlen(text + negative), &value);

	if (r == -EBADMSG)
		return -EINVAL;
	if (r < 0 || value > INT32_MAX)
		return -ERANGE;
	*ret = negative ? -(int32_t)value : (int32_t)value;
	return 0;
}

static int is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return 1;
	return 0;
}

int grammar_switch(const char *text)
{
	static const char *const off[] = { "off", "0", "false", "no", NULL };
	static const char *const on[] = { "on", "1", "true", "yes", NULL };

	if (is_one_of(text, off))
		return 0;
	return is_one_of(text, on) ? 1 : -EINVAL;
}

/* Which of the words the n bytes are; -1: none. */
static int which_word(const char *text, size_t n, const char *const *words)
{
	for (int i = 0; words[i]; i++)
		if (strlen(words[i]) == n && memcmp(words[i], text, n) == 0)
			return i;
	return -1;
}

int grammar_words(const char *text, const char *const *words, uint64_t *mask)
{
	uint64_t found = 0;

	for (;;) {
		size_t n = strcspn(text, ",");
		int i = which_word(text, n, words);

		if (i < 0)
			return -EINVAL;
		found |= UINT64_C(1) << i;
		if (!text[n])
			break;
		text += n + 1;
	}
	*mask = found;
	return 0;
}
