/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * preload-environ - the environment in an array of its own
 *
 * Not by setenv(3): a shell has its own, which frees what it is given, and
 * programs write into the strings.
 */
#include "preload.h"
#include "sys.h"
#include "table.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Which change an entry is for; -1: none. */
static int change_of(const struct table *table, const char *entry)
{
	for (unsigned i = 0; i < table->count; i++)
		if (util_value_of(entry, table->changes[i].name))
			return (int)i;
	return -1;
}

/* Room for the old entries, the new ones and their strings. The kernel's, for the life of the process. */
static char **get_room(const struct table *table, size_t entries, size_t *size)
{
	long room;

	*size = (entries + table->count + 1) * sizeof(char *);
	for (unsigned i = 0; i < table->count; i++)
		if (table->changes[i].value)
			*size += strlen(table->changes[i].name) + strlen(table->changes[i].value) + 2;
	room = sys6(SYS_MMAP, NULL, *size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return room < 0 && room > -4096 ? NULL : (char **)room;
}

static char *put(struct text *strings, const struct table_change *change)
{
	char *entry = strings->buffer + strings->length;

	text_add(strings, change->name);
	text_add(strings, "=");
	text_add(strings, change->value);
	strings->length++;			/* its NUL */
	return entry;
}

void preload_environ(const struct table *table)
{
	uint32_t put_already = 0;
	size_t entries = 0, n = 0, size, array;
	struct text strings;
	char **room;

	while (environ[entries])
		entries++;
	room = get_room(table, entries, &size);
	if (!room)
		return;
	array = (entries + table->count + 1) * sizeof(char *);
	strings = (struct text){ (char *)room + array, size - array, 0 };
	for (size_t i = 0; i < entries; i++) {
		int k = change_of(table, environ[i]);

		if (k < 0)
			room[n++] = environ[i];
		else if (table->changes[k].value && !(put_already & 1u << k))
			room[n++] = put(&strings, &table->changes[k]);
		put_already |= k < 0 ? 0 : 1u << k;
	}
	for (unsigned k = 0; k < table->count; k++)
		if (table->changes[k].value && !(put_already & 1u << k))
			room[n++] = put(&strings, &table->changes[k]);
	room[n] = NULL;
	environ = room;
}
