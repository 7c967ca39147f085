/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* export-text - a text that grows, and numbers in it: 100,000 of them in each scrape, so none by printf(3) that need not */
#include "export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 65536

bool export_text_room(struct export_text *text, size_t n)
{
	size_t room = text->room ? text->room : ROOM_FIRST;
	char *data;

	if (text->failed)
		return false;
	while (room - text->size < n)
		room *= 2;
	data = room == text->room ? text->data : realloc(text->data, room);
	if (!data) {
		text->failed = true;
		return false;
	}
	text->data = data;
	text->room = room;
	return true;
}

void export_text_string(struct export_text *text, const char *string)
{
	export_text_add(text, string, strlen(string));
}

void export_text_number(struct export_text *text, uint64_t n)
{
	char room[20], *at = room + sizeof(room);

	do
		*--at = (char)('0' + n % 10);
	while (n /= 10);
	export_text_add(text, at, (size_t)(room + sizeof(room) - at));
}

void export_text_seconds(struct export_text *text, uint64_t ns)
{
	uint64_t rest = ns % 1000000000;
	char room[10] = ".";
	size_t n = 9;

	export_text_number(text, ns / 1000000000);
	if (!rest)
		return;
	for (size_t i = n; i > 0; i--, rest /= 10)
		room[i] = (char)('0' + rest % 10);
	while (room[n] == '0')
		n--;
	export_text_add(text, room, n + 1);
}

void export_text_fraction(struct export_text *text, double n)
{
	char room[32];

	snprintf(room, sizeof(room), "%.9g", n);
	export_text_string(text, room);
}

void export_text_free(struct export_text *text)
{
	free(text->data);
	*text = (struct export_text){ .data = NULL };
}
