/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * preload-next - the definition of a function that this object's hides
 *
 * dlsym(3) may allocate or lock, and programs of before glibc 2.34 need not
 * have it. The list of loaded objects that debuggers read (r_debug of
 * <link.h>) is enough: the loader only appends to it while others read.
 */
#include "preload.h"

#include <elf.h>
#include <link.h>
#include <stdatomic.h>
#include <string.h>

#define VERSION_HIDDEN 0x8000		/* of an entry of .gnu.version: not the default */

extern ElfW(Dyn) _DYNAMIC[] __attribute__((visibility("hidden")));

/* The tables of one loaded object. */
struct object {
	const ElfW(Sym) *symbols;
	const char *strings;
	const uint32_t *hash;		/* DT_GNU_HASH */
	const ElfW(Half) *versions;
};

/* glibc writes the address into the dynamic section, musl leaves what the file has. */
static const void *address(const struct link_map *map, ElfW(Addr) value)
{
	return (const void *)(value < map->l_addr ? value + map->l_addr : value);
}

static struct object open_object(const struct link_map *map)
{
	struct object o = { 0 };

	for (const ElfW(Dyn) *d = map->l_ld; d && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_SYMTAB)
			o.symbols = address(map, d->d_un.d_ptr);
		else if (d->d_tag == DT_STRTAB)
			o.strings = address(map, d->d_un.d_ptr);
		else if (d->d_tag == DT_GNU_HASH)
			o.hash = address(map, d->d_un.d_ptr);
		else if (d->d_tag == DT_VERSYM)
			o.versions = address(map, d->d_un.d_ptr);
	}
	return o;
}

static uint32_t hash_of(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

static bool is_function(const struct object *o, uint32_t i, const char *name)
{
	const ElfW(Sym) *symbol = &o->symbols[i];

	return symbol->st_shndx != SHN_UNDEF && (symbol->st_info & 0xF) == STT_FUNC &&
	       !(o->versions && o->versions[i] & VERSION_HIDDEN) &&
	       strcmp(o->strings + symbol->st_name, name) == 0;
}

/* A chain of the GNU hash table ends with a hash whose last bit is set. */
static const ElfW(Sym) *find(const struct object *o, const char *name)
{
	uint32_t hash = hash_of(name), buckets, first, i;
	const uint32_t *bucket, *chain;

	if (!o->hash || !o->symbols || !o->strings || !o->hash[0])
		return NULL;
	buckets = o->hash[0];
	first = o->hash[1];
	bucket = o->hash + 4 + o->hash[2] * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
	chain = bucket + buckets;
	i = bucket[hash % buckets];
	if (i < first)
		return NULL;
	for (;; i++) {
		uint32_t here = chain[i - first];

		if ((here | 1) == (hash | 1) && is_function(o, i, name))
			return &o->symbols[i];
		if (here & 1)
			return NULL;
	}
}

static void *search(const char *name)
{
	const struct r_debug *debug = &_r_debug ? &_r_debug : &_dl_debug_addr ? _dl_debug_addr : NULL;
	bool behind = false;

	for (const struct link_map *map = debug ? debug->r_map : NULL; map; map = map->l_next) {
		const ElfW(Sym) *symbol;
		struct object object;

		if (!behind) {
			behind = map->l_ld == _DYNAMIC;
			continue;
		}
		object = open_object(map);
		symbol = find(&object, name);
		if (symbol)
			return (void *)(map->l_addr + symbol->st_value);
	}
	return NULL;
}

void *preload_next(const char *name, void *_Atomic *cache)
{
	void *found = atomic_load_explicit(cache, memory_order_relaxed);

	if (!found) {
		found = search(name);
		atomic_store_explicit(cache, found, memory_order_relaxed);
	}
	return found;
}
