/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * preload-environ - the environment in an array of its own
 *
 * Not by setenv(3): a shell has its own, which frees what it is given, and
 * programs write into the strings.
 */
#include "preload.h"
#include "table.h"

#include <unistd.h>

size_t preload_environ_count(void)
{
	size_t count = 0;

	while (environ[count])
		count++;
	return count + TABLE_VARIABLES + 2;
}

/* Which change an entry is for; -1: none. */
static int change_of(const struct table *table, const char *entry)
{
	for (unsigned i = 0; i < table->count; i++)
		if (util_value_of(entry, table->changes[i].name))
			return (int)i;
	return -1;
}

/* The first of several entries of one name counts, as getenv(3) has it: the others go. */
void preload_environ(const struct table *table, char **room)
{
	uint32_t done = 0;
	size_t n = 0;

	for (char **entry = environ; *entry; entry++) {
		int k = change_of(table, *entry);

		if (k < 0)
			room[n++] = *entry;
		else if (table->changes[k].value && !(done & 1u << k))
			room[n++] = table->changes[k].entry;
		done |= k < 0 ? 0 : 1u << k;
	}
	for (unsigned k = 0; k < table->count; k++)
		if (table->changes[k].value && !(done & 1u << k))
			room[n++] = table->changes[k].entry;
	room[n] = NULL;
	environ = room;
}
