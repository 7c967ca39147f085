/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* object - what a preloaded object may hold: its segments, dynamic section, symbols and relocations */
#include "object.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *const object_interposers[] = {
	"sysconf", "get_nprocs", "get_nprocs_conf", "get_phys_pages", "get_avphys_pages", "sysinfo",
	"sched_getaffinity", "sched_setaffinity", "pthread_getaffinity_np", "pthread_setaffinity_np",
	"open", "open64", "openat", "openat64", "fopen", "fopen64",
	"__open_2", "__open64_2", "__openat_2", "__openat64_2", NULL,
};

/*
 * Undefined symbols that may be bound to: weak, so that a libc without one still
 * starts the program, and each of them unversioned, free of locks and of malloc.
 */
static const char *const known_weak[] = {
	"__sysconf", "environ", "getauxval", "mallopt", "pthread_self",
	"_r_debug", "_dl_debug_addr",	/* the list of loaded objects: of glibc, of musl */
	NULL,
};

/* Never, whatever the list above will hold one day: they lock, allocate, or call back into a program. */
static const char *const forbidden[] = {
	"malloc", "free", "calloc", "realloc", "reallocarray", "memalign", "posix_memalign", "aligned_alloc",
	"dlsym", "dlvsym", "dlopen", "printf", "fprintf", "dprintf", "snprintf", "sprintf", "vsnprintf",
	"__printf_chk", "__fprintf_chk", "__snprintf_chk", "__sprintf_chk", "fdopen", "fclose", "fgets", "fread",
	"pthread_mutex_lock", "pthread_mutex_unlock", "pthread_mutex_trylock", "pthread_once", "pthread_key_create",
	"getenv", "secure_getenv", "setenv", "unsetenv", "putenv", "clearenv", "syscall", "__tls_get_addr",
	"___tls_get_addr", "abort", "__stack_chk_fail", "__assert_fail", "__popcountdi2", "__udivdi3", "__umoddi3", NULL,
};

static bool listed(const char *const *list, const char *name)
{
	for (; *list; list++)
		if (strcmp(*list, name) == 0)
			return true;
	return false;
}

const char *object_open(const char *path, struct object *ret)
{
	*ret = (struct object){ .fd = -1 };
	if (elf_version(EV_CURRENT) == EV_NONE)
		return "libelf is too old";
	ret->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (ret->fd < 0)
		return "it cannot be opened";
	ret->elf = elf_begin(ret->fd, ELF_C_READ, NULL);
	if (!ret->elf || elf_kind(ret->elf) != ELF_K_ELF || !gelf_getehdr(ret->elf, &ret->header))
		return "it is no ELF file";
	return ret->header.e_type == ET_DYN ? NULL : "it is no shared object";
}

void object_close(struct object *object)
{
	if (object->elf)
		elf_end(object->elf);
	if (object->fd >= 0)
		close(object->fd);
}

void object_complain(struct object *object, const char *format, ...)
{
	va_list args;

	if (*object->complaint)
		return;
	va_start(args, format);
	vsnprintf(object->complaint, sizeof(object->complaint), format, args);
	va_end(args);
}

const char *object_look(struct object *object, const struct object_rule *rule)
{
	*object->complaint = '\0';
	rule->look(object);
	return object->complaint;
}

/* The next section of a type behind the given one; NULL: there is none. */
static Elf_Scn *next_section(struct object *object, Elf_Scn *after, Elf64_Word type, GElf_Shdr *ret)
{
	while ((after = elf_nextscn(object->elf, after)))
		if (gelf_getshdr(after, ret) && ret->sh_type == type)
			return after;
	return NULL;
}

/* The table of a type, its header, and how many entries it has; 0: there is none. */
static size_t table(struct object *object, Elf64_Word type, GElf_Shdr *header, Elf_Data **ret)
{
	Elf_Scn *section = next_section(object, NULL, type, header);

	*ret = section ? elf_getdata(section, NULL) : NULL;
	return *ret && header->sh_entsize ? header->sh_size / header->sh_entsize : 0;
}

/* The nth entry of the dynamic section; false: there is none. */
static bool dynamic(struct object *object, size_t n, GElf_Dyn *ret, const char **text)
{
	GElf_Shdr header;
	Elf_Data *data;

	if (n >= table(object, SHT_DYNAMIC, &header, &data) || !gelf_getdyn(data, (int)n, ret))
		return false;
	*text = elf_strptr(object->elf, header.sh_link, ret->d_un.d_val);
	return true;
}

/* The nth symbol that the loader sees; its name is never NULL. */
static bool symbol(struct object *object, size_t n, GElf_Sym *ret, const char **name)
{
	GElf_Shdr header;
	Elf_Data *data;

	if (n >= table(object, SHT_DYNSYM, &header, &data) || !gelf_getsym(data, (int)n, ret))
		return false;
	*name = elf_strptr(object->elf, header.sh_link, ret->st_name);
	if (!*name)
		*name = "";
	return true;
}

/* The value of a tag, 0 when it is not there. */
static uint64_t tag(struct object *object, Elf64_Sxword wanted)
{
	const char *text;
	GElf_Dyn entry;

	for (size_t n = 0; dynamic(object, n, &entry, &text); n++)
		if (entry.d_tag == wanted)
			return entry.d_un.d_val;
	return 0;
}

static void no_tags(struct object *object, const Elf64_Sxword *tags, size_t count, const char *what)
{
	const char *text;
	GElf_Dyn entry;

	for (size_t n = 0; dynamic(object, n, &entry, &text); n++)
		for (size_t i = 0; i < count; i++)
			if (entry.d_tag == tags[i])
				object_complain(object, "%s: %s", what, text ? text : "?");
}

#define NO_TAGS(object, what, ...) \
	no_tags(object, (const Elf64_Sxword[]){ __VA_ARGS__ }, \
		sizeof((const Elf64_Sxword[]){ __VA_ARGS__ }) / sizeof(Elf64_Sxword), what)

static void has_tables(struct object *object)
{
	GElf_Shdr header;
	Elf_Data *data;

	if (!table(object, SHT_DYNAMIC, &header, &data))
		object_complain(object, "it has no dynamic section");
	if (!table(object, SHT_DYNSYM, &header, &data))
		object_complain(object, "it has no dynamic symbols");
}

static void needs_nothing(struct object *object)
{
	NO_TAGS(object, "needs", DT_NEEDED, DT_FILTER, DT_AUXILIARY, DT_AUDIT, DT_DEPAUDIT);
}

static void no_versions(struct object *object)
{
	static const Elf64_Word types[] = { SHT_GNU_verneed, SHT_GNU_verdef, SHT_GNU_versym };
	GElf_Shdr header;

	NO_TAGS(object, "symbol versions", DT_VERNEED, DT_VERNEEDNUM, DT_VERDEF, DT_VERDEFNUM, DT_VERSYM);
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (next_section(object, NULL, types[i], &header))
			object_complain(object, "section of symbol versions, type %x", types[i]);
}

static void no_search_path(struct object *object)
{
	NO_TAGS(object, "search path", DT_RPATH, DT_RUNPATH);
}

/* Thread-local storage of a preloaded object comes out of every thread's stack. */
static void no_tls(struct object *object)
{
	const char *name;
	GElf_Phdr segment;
	GElf_Sym sym;
	size_t count = 0;

	elf_getphdrnum(object->elf, &count);
	for (size_t i = 0; i < count; i++)
		if (gelf_getphdr(object->elf, (int)i, &segment) && segment.p_type == PT_TLS)
			object_complain(object, "a segment of thread-local storage");
	for (size_t n = 0; symbol(object, n, &sym, &name); n++)
		if (GELF_ST_TYPE(sym.st_info) == STT_TLS)
			object_complain(object, "thread-local symbol %s", name);
	if (tag(object, DT_FLAGS) & DF_STATIC_TLS)
		object_complain(object, "static thread-local storage");
}

static void undefined_is_weak(struct object *object)
{
	const char *name;
	GElf_Sym sym;

	for (size_t n = 1; symbol(object, n, &sym, &name); n++)
		if (sym.st_shndx == SHN_UNDEF && GELF_ST_BIND(sym.st_info) != STB_WEAK &&
		    strcmp(name, "__errno_location") != 0)
			object_complain(object, "undefined and not weak: %s", name);
}

static void undefined_is_known(struct object *object)
{
	const char *name;
	GElf_Sym sym;

	for (size_t n = 1; symbol(object, n, &sym, &name); n++)
		if (sym.st_shndx == SHN_UNDEF && !listed(known_weak, name) && strcmp(name, "__errno_location") != 0)
			object_complain(object, "undefined and not expected: %s", name);
}

static void nothing_forbidden(struct object *object)
{
	const char *name;
	GElf_Sym sym;

	for (size_t n = 1; symbol(object, n, &sym, &name); n++)
		if (listed(forbidden, name))
			object_complain(object, "refers to %s", name);
}

static bool exported(const GElf_Sym *sym)
{
	unsigned bind = GELF_ST_BIND(sym->st_info), visibility = GELF_ST_VISIBILITY(sym->st_other);

	return sym->st_shndx != SHN_UNDEF && bind != STB_LOCAL &&
	       (visibility == STV_DEFAULT || visibility == STV_PROTECTED);
}

static void exports_interposers_alone(struct object *object)
{
	const char *name;
	GElf_Sym sym;

	for (size_t n = 1; symbol(object, n, &sym, &name); n++) {
		if (!exported(&sym))
			continue;
		if (!listed(object_interposers, name))
			object_complain(object, "exports %s", name);
		else if (GELF_ST_TYPE(sym.st_info) != STT_FUNC)
			object_complain(object, "%s is no function", name);
	}
}

static void exports_all_interposers(struct object *object)
{
	const char *name;
	GElf_Sym sym;

	for (const char *const *wanted = object_interposers; *wanted; wanted++) {
		bool found = false;

		for (size_t n = 1; !found && symbol(object, n, &sym, &name); n++)
			found = exported(&sym) && strcmp(name, *wanted) == 0;
		if (!found)
			object_complain(object, "does not export %s", *wanted);
	}
}

/* Two constructors would run in an order that nobody wrote down. */
static void one_constructor(struct object *object)
{
	uint64_t word = gelf_fsize(object->elf, ELF_T_ADDR, 1, EV_CURRENT), entries;

	entries = tag(object, DT_INIT_ARRAYSZ) / word + (tag(object, DT_INIT) != 0);
	if (entries != 1)
		object_complain(object, "%u constructors", (unsigned)entries);
	if (tag(object, DT_PREINIT_ARRAYSZ))
		object_complain(object, "a constructor before all others");
	if (tag(object, DT_FINI_ARRAYSZ) || tag(object, DT_FINI))
		object_complain(object, "a destructor");
}

/* Before libc's own: its environ is then reset behind ours. */
static void not_first(struct object *object)
{
	if (tag(object, DT_FLAGS_1) & DF_1_INITFIRST)
		object_complain(object, "-z initfirst");
}

static void text_stays(struct object *object)
{
	NO_TAGS(object, "text relocations", DT_TEXTREL);
	if (tag(object, DT_FLAGS) & DF_TEXTREL)
		object_complain(object, "text relocations (flag)");
}

static void stack_not_executable(struct object *object)
{
	GElf_Phdr segment;
	size_t count = 0;
	bool found = false;

	elf_getphdrnum(object->elf, &count);
	for (size_t i = 0; i < count; i++) {
		if (!gelf_getphdr(object->elf, (int)i, &segment) || segment.p_type != PT_GNU_STACK)
			continue;
		found = true;
		if (segment.p_flags & PF_X)
			object_complain(object, "an executable stack");
	}
	if (!found)			/* the default of old kernels and loaders */
		object_complain(object, "an executable stack, as nothing says otherwise");
}

static void written_or_executed(struct object *object)
{
	GElf_Phdr segment;
	size_t count = 0;

	elf_getphdrnum(object->elf, &count);
	for (size_t i = 0; i < count; i++)
		if (gelf_getphdr(object->elf, (int)i, &segment) && segment.p_type == PT_LOAD &&
		    (segment.p_flags & (PF_W | PF_X)) == (PF_W | PF_X))
			object_complain(object, "segment %u is writable and executable", (unsigned)i);
}

/* Relative ones, and addresses of symbols: the types that every loader of the machine has had from the start. */
static bool plain_relocation(unsigned machine, unsigned type)
{
	switch (machine) {
	case EM_X86_64:
		return type == R_X86_64_RELATIVE || type == R_X86_64_GLOB_DAT ||
		       type == R_X86_64_JUMP_SLOT || type == R_X86_64_64;
	case EM_386:
		return type == R_386_RELATIVE || type == R_386_GLOB_DAT ||
		       type == R_386_JMP_SLOT || type == R_386_32;
	case EM_AARCH64:
		return type == R_AARCH64_RELATIVE || type == R_AARCH64_GLOB_DAT ||
		       type == R_AARCH64_JUMP_SLOT || type == R_AARCH64_ABS64;
	default:
		return false;
	}
}

/* The nth relocation's type, and the symbol that it is for; 0: none. */
static unsigned relocation(Elf_Data *data, Elf64_Word section, int n, size_t *symbol_index)
{
	GElf_Rela rela = { 0 };
	GElf_Rel rel = { 0 };
	GElf_Xword info;

	if (section == SHT_RELA)
		info = gelf_getrela(data, n, &rela) ? rela.r_info : 0;
	else
		info = gelf_getrel(data, n, &rel) ? rel.r_info : 0;
	*symbol_index = GELF_R_SYM(info);
	return (unsigned)GELF_R_TYPE(info);
}

/* Neither of thread-local storage, nor of a resolver (musl has none). */
static void look_at_type(struct object *object, unsigned type, size_t symbol_index)
{
	(void)symbol_index;
	if (!plain_relocation(object->header.e_machine, type))
		object_complain(object, "relocation of type %u", type);
}

static void look_at_symbol(struct object *object, unsigned type, size_t symbol_index)
{
	const char *name;
	GElf_Sym sym;

	(void)type;
	if (symbol_index && symbol(object, symbol_index, &sym, &name) && sym.st_shndx != SHN_UNDEF)
		object_complain(object, "its own %s is bound by the loader", name);
}

static void each_relocation(struct object *object, void (*look)(struct object *, unsigned, size_t))
{
	static const Elf64_Word types[] = { SHT_RELA, SHT_REL };
	GElf_Shdr header;
	size_t of;

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		for (Elf_Scn *at = NULL; (at = next_section(object, at, types[i], &header));) {
			Elf_Data *data = elf_getdata(at, NULL);

			for (size_t n = 0; data && n < header.sh_size / header.sh_entsize; n++) {
				unsigned type = relocation(data, types[i], (int)n, &of);

				look(object, type, of);
			}
		}
	}
}

static void plain_relocations(struct object *object)
{
	each_relocation(object, look_at_type);
	NO_TAGS(object, "packed relocations (glibc 2.36)", 36 /* DT_RELR */);
}

/* Another object's function of the same name may call back into this one, for ever. */
static void bound_to_itself(struct object *object)
{
	each_relocation(object, look_at_symbol);
}

const struct object_rule object_rules[] = {
	{ "it can be read by the loader", has_tables },
	{ "it needs no library", needs_nothing },
	{ "it has no symbol versions", no_versions },
	{ "it has no search path", no_search_path },
	{ "it has no thread-local storage", no_tls },
	{ "undefined symbols are weak, but __errno_location", undefined_is_weak },
	{ "undefined symbols are the known ones", undefined_is_known },
	{ "nothing that locks, allocates or prints is referred to", nothing_forbidden },
	{ "nothing but the interposers is exported", exports_interposers_alone },
	{ "every interposer is exported", exports_all_interposers },
	{ "there is one constructor, and no destructor", one_constructor },
	{ "the constructor does not run before libc's", not_first },
	{ "no text relocations", text_stays },
	{ "the stack is not executable", stack_not_executable },
	{ "no segment is writable and executable", written_or_executed },
	{ "its relocations are those of any loader", plain_relocations },
	{ "its own functions are not bound by the loader", bound_to_itself },
	{ NULL, NULL },
};
