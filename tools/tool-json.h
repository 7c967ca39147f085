/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tool-json - what the subcommands that print JSON share */
#ifndef CGTUNE_TOOL_JSON_H
#define CGTUNE_TOOL_JSON_H

#include <json-c/json.h>

/* JSON is UTF-8, a file's name or text may be any bytes: those that are not become U+FFFD. NULL for NULL. */
struct json_object *tool_json_string(const char *text);

/* Print an object in one line, and free it. */
void tool_json_print(struct json_object *object);

#endif
