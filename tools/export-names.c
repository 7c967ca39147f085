/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * export-names - the paths of cgroups by their numbers, kept from pass to pass
 *
 * A pass of the kernel's iterator gives numbers. To read all directories for their names takes twenty times as
 * long as the pass itself; as groups come after those they are in, one directory is enough for those that are new in it.
 */
#include "export-names.h"
#include "groups.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct place {
	uint64_t id;
	struct export_name *name;
};

static struct export_name **names;	/* by path */
static size_t count, room;
static struct place *places[2];		/* by id */
static size_t placed[2], place_room[2];
static unsigned pass;

/* Where the path is among them, or would be. */
static size_t path_at(const char *path)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(names[middle]->path, path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static size_t id_at(int which, uint64_t id)
{
	size_t low = 0, high = placed[which];

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (places[which][middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A number that another directory of that path has now leads nowhere. */
struct export_name *export_names_find(enum export_which which, uint64_t id)
{
	size_t at = id_at(which, id);

	return at < placed[which] && places[which][at].id == id && places[which][at].name->ids[which] == id ?
		places[which][at].name : NULL;
}

static int grow(void **array, size_t used, size_t *have, size_t size)
{
	size_t want = *have ? 2 * *have : 1024;
	void *more = used < *have ? *array : reallocarray(*array, want, size);

	if (!more)
		return -ENOMEM;
	if (used == *have)
		*have = want;
	*array = more;
	return 0;
}

static struct export_name *name_of(const char *path)
{
	size_t at = path_at(path);
	struct export_name *name;

	if (at < count && strcmp(names[at]->path, path) == 0)
		return names[at];
	name = calloc(1, sizeof(*name));
	if (!name || !(name->path = strdup(path)) || grow((void **)&names, count, &room, sizeof(struct export_name *)) < 0) {
		if (name)
			free(name->path);
		free(name);
		return NULL;
	}
	memmove(names + at + 1, names + at, (count++ - at) * sizeof(struct export_name *));
	names[at] = name;
	return name;
}

/* Numbers count up, so mostly it is the last. */
static int learn(int which, uint64_t id, const char *path)
{
	struct export_name *name = name_of(path);
	size_t at = id_at(which, id);

	if (!name || grow((void **)&places[which], placed[which], &place_room[which], sizeof(struct place)) < 0)
		return -ENOMEM;
	name->ids[which] = id;
	if (at < placed[which] && places[which][at].id == id) {	/* renamed, as v1 allows */
		places[which][at].name = name;
		return 0;
	}
	memmove(places[which] + at + 1, places[which] + at, (placed[which]++ - at) * sizeof(struct place));
	places[which][at] = (struct place){ id, name };
	return 0;
}

void export_names_begin(void)
{
	pass++;
	for (size_t i = 0; i < count; i++)
		names[i]->seen = false;
}

int export_names_root(enum export_which which, uint64_t id)
{
	return export_names_find(which, id) ? 0 : learn(which, id, "/");
}

static int learn_entry(int which, const char *above, const struct dirent *entry)
{
	char path[4096];

	if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
		return 0;
	if (snprintf(path, sizeof(path), "%s/%s", above[1] ? above : "", entry->d_name) >= (int)sizeof(path))
		return 0;			/* nothing can be told of it */
	return export_names_find(which, entry->d_ino) ? 0 : learn(which, entry->d_ino, path);
}

int export_names_read(enum export_which which, const char *mount, struct export_name *above)
{
	char directory[2 * 4096];
	struct dirent *entry;
	DIR *stream;
	int r = 0;

	if (above->read[which] == pass)
		return 0;
	above->read[which] = pass;
	snprintf(directory, sizeof(directory), "%s%s", mount, above->path);
	stream = opendir(directory);
	while (stream && r == 0 && (entry = readdir(stream)))
		r = learn_entry(which, above->path, entry);
	if (stream)
		closedir(stream);
	return r;
}

size_t export_names_order(void)
{
	for (size_t i = 0; i < count; i++)
		names[i]->at = i;
	return count;
}

void export_names_prune(void)
{
	size_t n;

	for (int which = EXPORT_CPU; which <= EXPORT_MEMORY; which++) {
		n = 0;
		for (size_t i = 0; i < placed[which]; i++)
			if (places[which][i].name->seen && places[which][i].name->ids[which] == places[which][i].id)
				places[which][n++] = places[which][i];
		placed[which] = n;
	}
	n = 0;
	for (size_t i = 0; i < count; i++) {
		if (names[i]->seen) {
			names[n++] = names[i];
			continue;
		}
		free(names[i]->path);
		free(names[i]);
	}
	count = n;
}

void export_names_free(void)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]->path), free(names[i]);
	free(names);
	names = NULL;
	count = room = 0;
	for (int which = EXPORT_CPU; which <= EXPORT_MEMORY; which++) {
		free(places[which]);
		places[which] = NULL;
		placed[which] = place_room[which] = 0;
	}
}
