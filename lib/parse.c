/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* parse - the kernel's texts: bytes to numbers, names and paths */
#include "parse.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* No limit from here on: v1 prints PAGE_COUNTER_MAX in bytes, which depends on the
 * page size (mm/page_counter.c), or 2^63-1 before Linux 3.19. */
#define MEMORY_NO_LIMIT UINT64_C(0x7FFFFFFF00000000)
/* Default period of the kernel (kernel/sched/fair.c, default_cfs_period()). */
#define PERIOD_DEFAULT_US 100000

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static bool slice_is(struct slice s, const char *word)
{
	return s.length == strlen(word) && memcmp(s.text, word, s.length) == 0;
}

/* Cut the next word off *rest; words are apart by blanks. Empty at the end. */
static struct slice next_word(struct slice *rest)
{
	struct slice word;

	while (rest->length && is_blank(*rest->text)) {
		rest->text++;
		rest->length--;
	}
	word.text = rest->text;
	word.length = 0;
	while (word.length < rest->length && !is_blank(word.text[word.length]))
		word.length++;
	rest->text += word.length;
	rest->length -= word.length;
	return word;
}

/* The only word of a text, or an empty slice when there are none or several. */
static struct slice only_word(const char *text, size_t length)
{
	struct slice rest = { text, length }, word = next_word(&rest);

	if (next_word(&rest).length)
		word.length = 0;
	return word;
}

int parse_u64(const char *text, size_t length, uint64_t *ret)
{
	uint64_t value = 0;

	if (!length)
		return -EBADMSG;
	for (size_t i = 0; i < length; i++)
		if (!is_digit(text[i]))
			return -EBADMSG;
	for (size_t i = 0; i < length; i++) {
		uint64_t digit = (uint64_t)(text[i] - '0');

		if (value > (UINT64_MAX - digit) / 10)
			return -ERANGE;
		value = value * 10 + digit;
	}
	*ret = value;
	return 0;
}

int parse_number(const char *text, size_t length, uint64_t *ret)
{
	struct slice word = only_word(text, length);

	return parse_u64(word.text, word.length, ret);
}

/* A number above 0: the least that tg_set_cfs_bandwidth() takes is 1 ms, and 0
 * was printed by kernels that had no bandwidth control. */
static int parse_positive(struct slice word, uint64_t *ret)
{
	uint64_t value;

	if (parse_u64(word.text, word.length, &value) < 0 || value == 0)
		return -EBADMSG;
	*ret = value;
	return 0;
}

int parse_cpu_max(const char *text, size_t length, uint64_t *quota_us, uint64_t *period_us)
{
	struct slice rest = { text, length };
	struct slice quota = next_word(&rest), period = next_word(&rest);
	uint64_t q = 0, p = PERIOD_DEFAULT_US;
	bool unlimited = slice_is(quota, "max");

	if (next_word(&rest).length)
		return -EBADMSG;
	if (!unlimited && parse_positive(quota, &q) < 0)
		return -EBADMSG;
	if (period.length && parse_positive(period, &p) < 0)
		return -EBADMSG;
	if (unlimited)
		return 0;
	*quota_us = q;
	*period_us = p;
	return 1;
}

/* "-1" and every other negative number. */
static bool is_negative(struct slice word)
{
	uint64_t value;

	return word.length > 1 && *word.text == '-' &&
	       parse_u64(word.text + 1, word.length - 1, &value) != -EBADMSG;
}

int parse_cfs_quota(const char *text, size_t length, uint64_t *quota_us)
{
	struct slice word = only_word(text, length);

	if (is_negative(word))
		return 0;
	return parse_positive(word, quota_us) < 0 ? -EBADMSG : 1;
}

int parse_cfs_period(const char *text, size_t length, uint64_t *period_us)
{
	return parse_positive(only_word(text, length), period_us);
}

bool parse_is_unlimited(uint64_t bytes)
{
	return bytes >= MEMORY_NO_LIMIT;
}

int parse_memory_max(const char *text, size_t length, uint64_t *bytes)
{
	struct slice word = only_word(text, length);
	uint64_t value;
	int r;

	if (slice_is(word, "max") || is_negative(word))
		return 0;
	r = parse_u64(word.text, word.length, &value);
	if (r == -EBADMSG)
		return r;
	if (r == -ERANGE || parse_is_unlimited(value))
		return 0;
	*bytes = value;
	return 1;
}

int parse_flag(const char *text, size_t length)
{
	struct slice word = only_word(text, length);

	if (slice_is(word, "0"))
		return 0;
	return slice_is(word, "1") ? 1 : -EBADMSG;
}

int parse_stat_line(const char *line, size_t length, const char *key, uint64_t *ret)
{
	size_t n = strlen(key);
	struct slice rest;
	struct slice value;

	if (length <= n || memcmp(line, key, n) != 0 || !is_blank(line[n]))
		return 0;
	rest.text = line + n;
	rest.length = length - n;
	value = next_word(&rest);
	return parse_u64(value.text, value.length, ret) < 0 ? -EBADMSG : 1;
}

int parse_stat(const char *text, size_t length, const char *key, uint64_t *ret)
{
	while (length) {
		const char *newline = memchr(text, '\n', length);
		size_t n = newline ? (size_t)(newline - text) : length;
		int r = parse_stat_line(text, n, key, ret);

		if (r)
			return r < 0 ? r : 0;
		n += newline != NULL;
		text += n;
		length -= n;
	}
	return -ENOENT;
}

int parse_meminfo_line(const char *line, size_t length, const char *key, uint64_t *bytes)
{
	uint64_t kib;
	int r = parse_stat_line(line, length, key, &kib);

	if (r <= 0)
		return r;
	if (kib > UINT64_MAX / 1024)
		return -EBADMSG;
	*bytes = kib * 1024;
	return 1;
}

/* A number that ends at the first byte that is no digit. */
static int leading_number(struct slice *rest, uint64_t *ret)
{
	size_t n = 0;

	while (n < rest->length && is_digit(rest->text[n]))
		n++;
	if (parse_u64(rest->text, n, ret) < 0 || *ret > INT_MAX)
		return -EBADMSG;
	rest->text += n;
	rest->length -= n;
	return 0;
}

static bool skip_char(struct slice *rest, char c)
{
	if (!rest->length || *rest->text != c)
		return false;
	rest->text++;
	rest->length--;
	return true;
}

/* "A", "A-B" or "A-B:USED/GROUP": of each group of CPUs, the first used ones. */
static int cpu_range(struct slice *rest, uint64_t *count)
{
	uint64_t first, last, used, group, n;

	if (leading_number(rest, &first) < 0)
		return -EBADMSG;
	last = first;
	if (skip_char(rest, '-') && (leading_number(rest, &last) < 0 || last < first))
		return -EBADMSG;
	n = last - first + 1;
	if (skip_char(rest, ':')) {
		if (leading_number(rest, &used) < 0 || !skip_char(rest, '/') ||
		    leading_number(rest, &group) < 0 || used == 0 || used > group)
			return -EBADMSG;
		n = n / group * used + (n % group < used ? n % group : used);
	}
	*count += n;
	return 0;
}

int parse_cpu_list(const char *text, size_t length)
{
	struct slice rest = only_word(text, length);
	uint64_t count = 0;

	if (!rest.length) {
		struct slice all = { text, length };

		return next_word(&all).length ? -EBADMSG : 0;
	}
	do {
		if (cpu_range(&rest, &count) < 0)
			return -EBADMSG;
	} while (skip_char(&rest, ','));
	return rest.length || count > INT_MAX ? -EBADMSG : (int)count;
}

int parse_cgroup_line(const char *line, size_t length, struct parse_cgroup *ret)
{
	const char *first = memchr(line, ':', length), *end = line + length, *second;
	struct parse_cgroup found;

	if (!first)
		return -EBADMSG;
	second = memchr(first + 1, ':', (size_t)(end - first - 1));
	if (!second || parse_u64(line, (size_t)(first - line), &found.id) < 0)
		return -EBADMSG;
	found.controllers.text = first + 1;
	found.controllers.length = (size_t)(second - first - 1);
	found.path.text = second + 1;
	found.path.length = (size_t)(end - second - 1);
	if (!found.path.length || *found.path.text != '/')
		return -EBADMSG;
	*ret = found;
	return 0;
}

bool parse_has_controller(struct slice list, const char *name)
{
	size_t n = strlen(name);

	while (list.length >= n) {
		const char *comma = memchr(list.text, ',', list.length);
		size_t token = comma ? (size_t)(comma - list.text) : list.length;

		if (token == n && memcmp(list.text, name, n) == 0)
			return true;
		if (!comma)
			return false;
		list.text += token + 1;
		list.length -= token + 1;
	}
	return false;
}

/* Cut the next field off a line whose fields are apart by one blank. */
static struct slice next_field(struct slice *rest)
{
	const char *blank = rest->length ? memchr(rest->text, ' ', rest->length) : NULL;
	struct slice field = { rest->text, blank ? (size_t)(blank - rest->text) : rest->length };
	size_t cut = field.length + (blank != NULL);

	rest->text += cut;
	rest->length -= cut;
	return field;
}

int parse_mountinfo_line(const char *line, size_t length, struct parse_mount *ret)
{
	struct slice rest = { line, length }, field;
	struct parse_mount found;

	for (int i = 0; i < 3; i++)	/* mount id, parent id, device */
		if (!next_field(&rest).length)
			return -EBADMSG;
	found.root = next_field(&rest);
	found.point = next_field(&rest);
	if (!found.root.length || *found.root.text != '/' ||
	    !found.point.length || *found.point.text != '/')
		return -EBADMSG;
	field = next_field(&rest);	/* mount options, then optional fields up to "-" */
	if (!field.length || slice_is(field, "-"))
		return -EBADMSG;
	do {
		field = next_field(&rest);
		if (!field.length)
			return -EBADMSG;
	} while (!slice_is(field, "-"));
	found.type = next_field(&rest);
	if (!found.type.length || !next_field(&rest).length || !rest.length)
		return -EBADMSG;
	found.options = rest;		/* may hold blanks (9p on WSL) */
	*ret = found;
	return 0;
}

static int octal_digit(char c)
{
	return c >= '0' && c <= '7' ? c - '0' : -1;
}

int parse_unescape(struct slice path, char *ret, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < path.length; i++) {
		char c = path.text[i];

		if (n + 1 >= size)
			return -ENAMETOOLONG;
		if (c == '\\') {
			int value = 0;

			if (path.length - i < 4)
				return -EBADMSG;
			for (int k = 1; k <= 3; k++) {
				int digit = octal_digit(path.text[i + (size_t)k]);

				if (digit < 0)
					return -EBADMSG;
				value = value * 8 + digit;
			}
			if (value == 0 || value > UCHAR_MAX)
				return -EBADMSG;
			c = (char)value;
			i += 3;
		}
		if (c == '\0')
			return -EBADMSG;
		ret[n++] = c;
	}
	ret[n] = '\0';
	return (int)n;
}

int parse_below(const char *root, const char *path)
{
	size_t n = strlen(root);

	while (n && root[n - 1] == '/')		/* "/" is a prefix of every path */
		n--;
	if (strncmp(root, path, n) != 0 || (path[n] != '/' && path[n] != '\0'))
		return -ENOENT;
	return (int)n;
}

bool parse_has_dotdot(const char *path)
{
	for (const char *p = path; *p; p = strchr(p, '/')) {
		while (*p == '/')
			p++;
		if (p[0] == '.' && p[1] == '.' && (p[2] == '/' || p[2] == '\0'))
			return true;
		if (!strchr(p, '/'))
			return false;
	}
	return false;
}

int parse_translate(const char *root, const char *point, const char *path, char *ret, size_t size)
{
	int below = parse_below(root, path);
	size_t n = strlen(point), m;

	if (below < 0)
		return below;
	path += below;
	if (parse_has_dotdot(path) || parse_has_dotdot(point))
		return -ENOENT;
	while (n && point[n - 1] == '/')
		n--;
	m = strlen(path);
	while (m && path[m - 1] == '/')
		m--;
	if (n + m + 1 > size)
		return -ENAMETOOLONG;
	memcpy(ret, point, n);
	memcpy(ret + n, path, m);
	ret[n + m] = '\0';
	return (int)(n + m);
}
