/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tool-json - what the subcommands that print JSON share: the only code that makes it
 *
 * Where there is no memory the command ends, and says so: json-c would leave out
 * what it has no room for, and half a JSON must not look whole.
 */
#ifndef CGTUNE_TOOL_JSON_H
#define CGTUNE_TOOL_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

struct json_object *tool_json_object(void);
struct json_object *tool_json_array(void);
struct json_object *tool_json_boolean(bool value);

/* null for CGTUNE_UNKNOWN, which is CGTUNE_UNLIMITED. */
struct json_object *tool_json_number(uint64_t value);

/* A number with a fraction, as it is to be printed. */
struct json_object *tool_json_decimal(const char *text);

/* A figure to six digits; a whole number with all of them. null below 0: not known. */
struct json_object *tool_json_fraction(double value);

/* JSON is UTF-8, a file's name or text may be any bytes: those that are not become U+FFFD. null for NULL. */
struct json_object *tool_json_string(const char *text);

/* A member, an element; NULL is null. */
void tool_json_add(struct json_object *object, const char *key, struct json_object *value);
void tool_json_append(struct json_object *array, struct json_object *value);

/* Print an object in one line, and free it. */
void tool_json_print(struct json_object *object);

#endif
