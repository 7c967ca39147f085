/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * row - files of test rows, vectors/NAME.json: each row is one test
 *
 *   { "about": TEXT, "source": TEXT, "rows": [
 *     { "in": INPUT, "want": RESULT }		RESULT may be null, where the file says so
 *     { "in": INPUT, "error": WHY } ] }	must be refused
 */
#ifndef CGTUNE_TESTS_ROW_H
#define CGTUNE_TESTS_ROW_H

#include "parse.h"

#include <check.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

struct row;
typedef void row_check_fn(const struct row *row);

struct row {
	row_check_fn *check;
	struct json_object *object;	/* all of it, for messages */
	struct json_object *in, *want;	/* NULL: null */
	bool refused;			/* "error" stands in place of "want" */
};

#define ck_row(condition) \
	ck_assert_msg(condition, "%s: failed: %s", json_object_to_json_string(row->object), #condition)

/* Make a test of every row of a file. Number of rows; < 0: not of the form above. */
int rows_add(Suite *suite, const char *path, const char *name, row_check_fn *check);

struct json_object *row_item(struct json_object *array, size_t index);
uint64_t row_number(struct json_object *value);
const char *row_string(struct json_object *value);

/*
 * The bytes of a JSON string in a buffer of just that size, without a NUL, so that a
 * sanitizer sees a parser read on. Code points up to U+00FF stand for bytes.
 */
struct slice row_bytes(struct json_object *value);
void row_bytes_free(struct slice slice);

/* Whether these are the bytes of a JSON string. */
bool row_is(struct slice slice, struct json_object *value);

#endif
