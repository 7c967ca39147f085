/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* run-cpus - lists of CPUs as cpuset(7) has them, as sets */
#include "run-cpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A number at *text, which is moved behind it; -1: none, or too large. */
static long number(const char **text)
{
	size_t n = strspn(*text, "0123456789");
	long value = n && n <= 5 ? strtol(*text, NULL, 10) : -1;

	*text += n;
	return value;
}

/* "3", "0-3" or "0-7:2/4": of each 4, the first 2. */
static bool parse_range(const char **text, struct cpus *ret)
{
	long first = number(text), last = first, used = 1, of = 1;

	if (**text == '-') {
		++*text;
		last = number(text);
		if (**text == ':') {
			++*text;
			used = number(text);
			if (*(*text)++ != '/')
				return false;
			of = number(text);
		}
	}
	if (first < 0 || last < first || last >= CPUS_MOST || used < 1 || of < used)
		return false;
	for (long i = first; i <= last; i++)
		if ((i - first) % of < used)
			ret->has[i] = 1;
	return true;
}

bool cpus_parse(const char *text, struct cpus *ret)
{
	memset(ret, 0, sizeof(*ret));
	while (parse_range(&text, ret)) {
		if (*text != ',')
			return !*text || strcmp(text, "\n") == 0;
		text++;
	}
	return false;
}

unsigned cpus_count(const struct cpus *cpus)
{
	unsigned count = 0;

	for (unsigned i = 0; i < CPUS_MOST; i++)
		count += cpus->has[i];
	return count;
}

unsigned cpus_and(struct cpus *cpus, const struct cpus *other)
{
	for (unsigned i = 0; i < CPUS_MOST; i++)
		cpus->has[i] &= other->has[i];
	return cpus_count(cpus);
}

bool cpus_format(const struct cpus *cpus, char *text, size_t size)
{
	size_t length = 0;

	for (unsigned i = 0, last; i < CPUS_MOST; i = last + 1) {
		int n;

		for (last = i; cpus->has[i] && last + 1 < CPUS_MOST && cpus->has[last + 1];)
			last++;
		if (!cpus->has[i])
			continue;
		n = snprintf(text + length, size - length, last > i ? "%s%u-%u" : "%s%u", length ? "," : "", i, last);
		if (n < 0 || (size_t)n >= size - length)
			return false;
		length += (size_t)n;
	}
	return length > 0;
}
