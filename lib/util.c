/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* util - what every file needs: visibility, arithmetic that cannot overflow, sized structs */
#include "util.h"

#include <errno.h>
#include <string.h>

/* 64 x 64 to 128 bits by halves: unsigned __int128 does not exist on 32-bit machines. */
struct u128 {
	uint64_t high, low;
};

static struct u128 multiply(uint64_t a, uint64_t b)
{
	uint64_t al = (uint32_t)a, ah = a >> 32, bl = (uint32_t)b, bh = b >> 32;
	uint64_t low = al * bl, m1 = ah * bl, m2 = al * bh;
	uint64_t middle = (low >> 32) + (uint32_t)m1 + (uint32_t)m2;

	return (struct u128){ ah * bh + (m1 >> 32) + (m2 >> 32) + (middle >> 32),
			      middle << 32 | (uint32_t)low };
}

bool util_fraction_less(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	struct u128 left = multiply(a, d), right = multiply(c, b);

	return left.high != right.high ? left.high < right.high : left.low < right.low;
}

uint64_t util_mul_div(uint64_t a, uint64_t b, uint64_t c)
{
	struct u128 n = multiply(a, b);
	uint64_t quotient = 0;

	if (n.high >= c)
		return UINT64_MAX;
	for (int i = 0; i < 64; i++) {		/* long division, a bit at a time */
		bool carry = n.high >> 63;

		n.high = n.high << 1 | n.low >> 63;
		n.low <<= 1;
		quotient <<= 1;
		if (carry || n.high >= c) {
			n.high -= c;
			quotient |= 1;
		}
	}
	return quotient;
}

int util_struct_in(void *ours, size_t ours_size, const void *theirs, size_t first_size)
{
	size_t size;

	memset(ours, 0, ours_size);
	memcpy(ours, &ours_size, sizeof(ours_size));
	if (!theirs)
		return 0;
	memcpy(&size, theirs, sizeof(size));
	if (size < first_size)
		return -EINVAL;
	for (size_t i = ours_size; i < size; i++)
		if (((const char *)theirs)[i])
			return -E2BIG;
	memcpy(ours, theirs, size < ours_size ? size : ours_size);
	memcpy(ours, &ours_size, sizeof(ours_size));
	return 0;
}

int util_struct_check(const void *theirs, size_t first_size)
{
	size_t size;

	if (!theirs)
		return -EINVAL;
	memcpy(&size, theirs, sizeof(size));
	return size < first_size ? -EINVAL : 0;
}

void util_struct_out(void *theirs, const void *ours, size_t ours_size)
{
	size_t size, known;

	memcpy(&size, theirs, sizeof(size));
	known = size < ours_size ? size : ours_size;
	memcpy((char *)theirs + sizeof(size), (const char *)ours + sizeof(size), known - sizeof(size));
	memset((char *)theirs + known, 0, size - known);
}

void text_add(struct text *text, const char *string)
{
	while (*string && text->length + 1 < text->size)
		text->buffer[text->length++] = *string++;
	if (text->size)
		text->buffer[text->length] = '\0';
}

void text_add_u64(struct text *text, uint64_t value)
{
	char digits[21], *p = digits + sizeof(digits) - 1;

	*p = '\0';
	do
		*--p = (char)('0' + value % 10);
	while (value /= 10);
	text_add(text, p);
}

void text_add_decimal(struct text *text, uint64_t value, unsigned decimals)
{
	uint64_t one = 1;
	char fraction[21];
	unsigned n = decimals;

	for (unsigned i = 0; i < decimals; i++)
		one *= 10;
	text_add_u64(text, value / one);
	value %= one;
	if (!value)
		return;
	for (unsigned i = decimals; i-- > 0; value /= 10)
		fraction[i] = (char)('0' + value % 10);
	while (fraction[n - 1] == '0')
		n--;
	fraction[n] = '\0';
	text_add(text, ".");
	text_add(text, fraction);
}
