/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-parse - any bytes to each function of lib/parse.c; the first byte says which */
#include "fuzz.h"
#include "parse.h"

#include <errno.h>
#include <limits.h>

#define UNTOUCHED UINT64_C(0x5a5a5a5a5a5a5a5a)

struct text {
	const char *text;
	size_t length;
};

/* With a blank before and a newline behind it the words are the same. */
static struct text padded(struct text text)
{
	char *copy = malloc(text.length + 2);

	CLAIM(copy);
	copy[0] = '\t';
	if (text.length)
		memcpy(copy + 1, text.text, text.length);
	copy[text.length + 1] = '\n';
	return (struct text){ copy, text.length + 2 };
}

static void free_text(struct text text)
{
	free((char *)text.text);
}

typedef int number_fn(const char *text, size_t length, uint64_t *ret);

/* A function of words to one number: what it says, what it leaves alone, and that blanks do not count. */
static int number(struct text text, number_fn *parse, uint64_t *ret)
{
	uint64_t again = UNTOUCHED;
	struct text wide = padded(text);
	int r;

	*ret = UNTOUCHED;
	r = parse(text.text, text.length, ret);
	CLAIM(parse(wide.text, wide.length, &again) == r && again == *ret);
	CLAIM(r == 1 || r == 0 || r == -EBADMSG || r == -ERANGE);
	free_text(wide);
	return r;
}

static void test_u64(struct text text)
{
	uint64_t value = UNTOUCHED;
	char print[24];
	int r = parse_u64(text.text, text.length, &value), n;

	CLAIM(r == 0 || r == -EBADMSG || r == -ERANGE);
	if (r < 0) {
		CLAIM(value == UNTOUCHED);
		return;
	}
	while (text.length > 1 && *text.text == '0') {
		text.text++;
		text.length--;
	}
	n = snprintf(print, sizeof(print), "%llu", (unsigned long long)value);
	CLAIM((size_t)n == text.length && memcmp(print, text.text, text.length) == 0);
}

static void test_number(struct text text)
{
	uint64_t value;
	int r = number(text, parse_number, &value);

	CLAIM(r <= 0 && (r == 0 || value == UNTOUCHED));
}

static void test_memory_max(struct text text)
{
	uint64_t value;
	int r = number(text, parse_memory_max, &value);

	CLAIM(r != -ERANGE && (r > 0 ? !parse_is_unlimited(value) : value == UNTOUCHED));
}

static void test_cfs_quota(struct text text)
{
	uint64_t value;
	int r = number(text, parse_cfs_quota, &value);

	CLAIM(r != -ERANGE && (r > 0 ? value > 0 : value == UNTOUCHED));
}

static void test_cfs_period(struct text text)
{
	uint64_t value;
	int r = number(text, parse_cfs_period, &value);

	CLAIM(r <= 0 && r != -ERANGE && (r == 0 ? value > 0 : value == UNTOUCHED));
}

static void test_cpu_max(struct text text)
{
	uint64_t quota = UNTOUCHED, period = UNTOUCHED, quota2, period2;
	char print[64];
	int r = parse_cpu_max(text.text, text.length, &quota, &period), n;

	CLAIM(r == 0 || r == 1 || r == -EBADMSG);
	if (r != 1) {
		CLAIM(quota == UNTOUCHED && period == UNTOUCHED);
		return;
	}
	CLAIM(quota && period);
	n = snprintf(print, sizeof(print), "%llu %llu\n", (unsigned long long)quota, (unsigned long long)period);
	CLAIM(parse_cpu_max(print, (size_t)n, &quota2, &period2) == 1 && quota2 == quota && period2 == period);
}

static void test_flag(struct text text)
{
	int r = parse_flag(text.text, text.length);

	CLAIM(r == 0 || r == 1 || r == -EBADMSG);
}

/* Line by line it is what it is of the whole text. */
static void test_stat(struct text text)
{
	static const char *const keys[] = { "nr_periods", "nr_throttled", "a", "hierarchical_memory_limit" };
	const char *key = keys[text.length % 4];
	uint64_t whole = UNTOUCHED, one = UNTOUCHED;
	int r = parse_stat(text.text, text.length, key, &whole), found = 0;

	for (size_t at = 0, n; at < text.length && !found; at += n + 1) {
		const char *newline = memchr(text.text + at, '\n', text.length - at);
		char *line;

		n = newline ? (size_t)(newline - text.text) - at : text.length - at;
		line = exact_copy(text.text + at, n);
		found = parse_stat_line(line, n, key, &one);
		CLAIM(found == 0 || found == 1 || found == -EBADMSG);
		free(line);
	}
	CLAIM(r == (found > 0 ? 0 : found < 0 ? found : -ENOENT) && whole == one);
}

static void test_meminfo(struct text text)
{
	uint64_t bytes = UNTOUCHED;
	int r = parse_meminfo_line(text.text, text.length, "MemTotal:", &bytes);

	CLAIM(r == 0 || r == 1 || r == -EBADMSG);
	CLAIM(r == 1 ? bytes % 1024 == 0 : bytes == UNTOUCHED);
}

/* A list twice is twice as many CPUs. */
static void test_cpu_list(struct text text)
{
	int r = parse_cpu_list(text.text, text.length), twice;
	struct text wide = padded(text);
	char *copy = malloc(2 * text.length + 1);

	CLAIM(copy && (r >= 0 || r == -EBADMSG));
	CLAIM(parse_cpu_list(wide.text, wide.length) == r);
	if (r > 0 && !memchr(text.text, ' ', text.length) && !memchr(text.text, '\t', text.length) &&
	    !memchr(text.text, '\n', text.length)) {
		memcpy(copy, text.text, text.length);
		copy[text.length] = ',';
		memcpy(copy + text.length + 1, text.text, text.length);
		twice = parse_cpu_list(copy, 2 * text.length + 1);
		CLAIM(twice == (r > INT_MAX / 2 ? -EBADMSG : 2 * r));
	}
	free(copy);
	free_text(wide);
}

static bool within(struct slice slice, struct text text)
{
	return slice.text >= text.text && slice.length <= text.length &&
	       (size_t)(slice.text - text.text) <= text.length - slice.length;
}

static void test_cgroup_line(struct text text)
{
	struct parse_cgroup found;
	int r = parse_cgroup_line(text.text, text.length, &found);

	CLAIM(r == 0 || r == -EBADMSG);
	if (r < 0)
		return;
	CLAIM(within(found.controllers, text) && within(found.path, text));
	CLAIM(!memchr(found.controllers.text, ':', found.controllers.length));
	CLAIM(found.path.length && *found.path.text == '/');
	CLAIM(found.path.text + found.path.length == text.text + text.length);
	CLAIM(found.controllers.text + found.controllers.length + 1 == found.path.text);
}

/* As a comma before and behind a word has it. */
static void test_has_controller(struct text text)
{
	char *list = malloc(text.length + 3);
	bool has = parse_has_controller((struct slice){ text.text, text.length }, "cpu");
	bool zero = text.length && memchr(text.text, '\0', text.length);

	CLAIM(list);
	list[0] = ',';
	if (text.length)
		memcpy(list + 1, text.text, text.length);
	list[text.length + 1] = ',';
	list[text.length + 2] = '\0';
	CLAIM(zero || has == (strstr(list, ",cpu,") != NULL));
	free(list);
}

/* What was unescaped, escaped again in full, is the same; a byte less of room is not enough. */
static void unescape(struct slice path)
{
	size_t size = path.length + 1;
	char *room = malloc(size), *again = malloc(size), *escaped = malloc(4 * size);
	int r = parse_unescape(path, room, size);

	CLAIM(room && again && escaped);
	CLAIM(r >= 0 || r == -EBADMSG);
	if (r >= 0) {
		char *tight = malloc((size_t)r + 1);

		CLAIM(tight && strlen(room) == (size_t)r && (size_t)r <= path.length);
		for (int i = 0; i < r; i++)
			sprintf(escaped + (size_t)i * 4, "\\%03o", (unsigned char)room[i]);
		CLAIM(parse_unescape((struct slice){ escaped, (size_t)r * 4 }, again, (size_t)r + 1) == r);
		CLAIM(strcmp(room, again) == 0);
		CLAIM(parse_unescape(path, tight, (size_t)r + 1) == r && strcmp(room, tight) == 0);
		if (r > 0)
			CLAIM(parse_unescape(path, tight, (size_t)r) == -ENAMETOOLONG);
		free(tight);
	}
	free(room);
	free(again);
	free(escaped);
}

static void test_unescape(struct text text)
{
	unescape((struct slice){ text.text, text.length });
}

static void test_mountinfo(struct text text)
{
	struct parse_mount found;
	int r = parse_mountinfo_line(text.text, text.length, &found);

	CLAIM(r == 0 || r == -EBADMSG);
	if (r < 0)
		return;
	CLAIM(within(found.root, text) && within(found.point, text) && within(found.type, text) &&
	      within(found.options, text));
	CLAIM(found.root.length && *found.root.text == '/' && found.point.length && *found.point.text == '/');
	CLAIM(found.type.length && found.options.length);
	CLAIM(found.root.text < found.point.text && found.point.text < found.type.text &&
	      found.type.text < found.options.text);
	CLAIM(!memchr(found.point.text, ' ', found.point.length) && !memchr(found.type.text, ' ', found.type.length));
	unescape(found.root);
	unescape(found.point);
}

/* Whether a path has a component that is "..": by a rule of its own. */
static bool leads_up(const char *path)
{
	size_t n = strlen(path) + 3;
	char *wide = malloc(n);
	bool found;

	CLAIM(wide);
	snprintf(wide, n, "/%s/", path);
	found = strstr(wide, "/../");
	free(wide);
	return found;
}

static void test_translate(struct text text)
{
	struct input in = { (const uint8_t *)text.text, text.length };
	char *root = input_string(&in), *point = input_string(&in), *path = input_string(&in);
	size_t size = strlen(point) + strlen(path) + 1, n;
	char *room = malloc(size);
	int below = parse_below(root, path), r = parse_translate(root, point, path, room, size);

	CLAIM(room && parse_has_dotdot(path) == leads_up(path));
	CLAIM(below == -ENOENT || (below >= 0 && (size_t)below <= strlen(path) && (!path[below] || path[below] == '/')));
	CLAIM(r >= 0 ? below >= 0 : r == -ENOENT);
	if (r >= 0) {
		char *tight = malloc((size_t)r + 1);

		CLAIM(tight && strlen(room) == (size_t)r && !leads_up(room) && !leads_up(path + below));
		CLAIM(!r || room[r - 1] != '/');
		for (n = strlen(point); n && point[n - 1] == '/'; n--)
			;
		CLAIM(strncmp(room, point, n) == 0 && (room[n] == '/' || !room[n]));
		CLAIM(parse_translate(root, point, path, tight, (size_t)r + 1) == r && strcmp(tight, room) == 0);
		if (r)
			CLAIM(parse_translate(root, point, path, tight, (size_t)r) == -ENAMETOOLONG);
		free(tight);
	}
	free(room);
	free(root);
	free(point);
	free(path);
}

typedef void test_fn(struct text text);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static test_fn *const tests[] = {
		test_u64, test_number, test_memory_max, test_cfs_quota, test_cfs_period, test_cpu_max, test_flag,
		test_stat, test_meminfo, test_cpu_list, test_cgroup_line, test_has_controller, test_unescape,
		test_mountinfo, test_translate,
	};
	struct input in = { data, size };
	unsigned which = input_byte(&in);
	char *copy;

	if (which < 'a' || which >= 'a' + sizeof(tests) / sizeof(tests[0]))
		return 0;
	copy = exact_copy(in.data, in.size);
	tests[which - 'a']((struct text){ copy, in.size });
	free(copy);
	return 0;
}
