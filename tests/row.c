/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* row - files of test rows, vectors/NAME.json: each row is one test */
#include "row.h"

#include <stdlib.h>
#include <string.h>

#define MOST_ROWS 1024

/* Here until the program ends: the tests read them, perhaps in a forked child. */
static struct row rows[MOST_ROWS];
static int row_count;

struct json_object *row_item(struct json_object *array, size_t index)
{
	return json_object_array_get_idx(array, index);
}

uint64_t row_number(struct json_object *value)
{
	return (uint64_t)json_object_get_int64(value);
}

const char *row_string(struct json_object *value)
{
	return json_object_get_string(value);
}

struct slice row_bytes(struct json_object *value)
{
	const char *text = row_string(value);
	struct slice slice = { NULL, 0 };
	char *bytes;

	for (const char *c = text; *c; c++)
		slice.length += ((unsigned char)*c & 0xc0) != 0x80;
	slice.text = bytes = malloc(slice.length);
	for (size_t i = 0; i < slice.length; i++, text++) {
		bytes[i] = *text;
		if ((unsigned char)*text >= 0xc0) {
			bytes[i] = (char)((text[0] & 0x03) << 6 | (text[1] & 0x3f));
			text++;
		}
	}
	return slice;
}

void row_bytes_free(struct slice slice)
{
	free((char *)slice.text);
}

bool row_is(struct slice slice, struct json_object *value)
{
	struct slice want = row_bytes(value);
	bool same = slice.length == want.length && memcmp(slice.text, want.text, want.length) == 0;

	row_bytes_free(want);
	return same;
}

START_TEST(vector)
{
	rows[_i].check(&rows[_i]);
}
END_TEST

static bool add_row(struct json_object *object, row_check_fn *check)
{
	struct row row = { .check = check, .object = object };
	bool wanted = json_object_object_get_ex(object, "want", &row.want);

	row.refused = json_object_object_get_ex(object, "error", NULL);
	if (wanted == row.refused || !json_object_object_get_ex(object, "in", &row.in))
		return false;
	if (row_count == MOST_ROWS)
		return false;
	rows[row_count++] = row;
	return true;
}

int rows_add(Suite *suite, const char *path, const char *name, row_check_fn *check)
{
	struct json_object *file = json_object_from_file(path), *array;
	int first = row_count;
	TCase *tcase;

	if (!file || !json_object_object_get_ex(file, "rows", &array))
		return -1;
	for (size_t i = 0; i < json_object_array_length(array); i++)
		if (!add_row(json_object_get(row_item(array, i)), check))
			return -1;
	json_object_put(file);
	tcase = tcase_create(name);
	tcase_add_loop_test(tcase, vector, first, row_count);
	suite_add_tcase(suite, tcase);
	return row_count - first;
}
