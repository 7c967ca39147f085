/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* inspect - what a program is: what of a preload object and of an environment reaches it */
#include "inspect.h"
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SCRIPTS_MOST 5			/* as the kernel has it: fs/exec.c, exec_binprm() */
#define LINE_SIZE 256			/* BINPRM_BUF_SIZE */

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#define MACHINE_32 EM_386
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#define MACHINE_32 EM_ARM
#elif defined(__riscv)
#define MACHINE EM_RISCV
#define MACHINE_32 EM_RISCV
#elif defined(__powerpc64__)
#define MACHINE EM_PPC64
#define MACHINE_32 EM_PPC
#elif defined(__s390x__)
#define MACHINE EM_S390
#define MACHINE_32 EM_S390
#elif defined(__i386__)
#define MACHINE EM_386
#define MACHINE_32 EM_386
#else
#define MACHINE EM_NONE			/* not known: every one is taken for ours */
#define MACHINE_32 EM_NONE
#endif

static int try_path(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

int inspect_find(const char *command, char *path, size_t size)
{
	const char *list = getenv("PATH"), *end;
	char standard[256];
	int worst = -ENOENT, r;

	if (!*command)
		return -ENOENT;
	if (strchr(command, '/'))
		return snprintf(path, size, "%s", command) < (int)size ? try_path(path) : -ENAMETOOLONG;
	if (!list) {
		confstr(_CS_PATH, standard, sizeof(standard));
		list = standard;
	}
	for (;; list = end + 1) {
		end = strchrnul(list, ':');
		/* An empty entry is the current directory. */
		r = snprintf(path, size, "%.*s%s%s", (int)(end - list), list, end > list ? "/" : "./", command);
		r = r < (int)size ? try_path(path) : -ENAMETOOLONG;
		if (r == 0)
			return 0;
		if (r == -EACCES || r == -EISDIR)
			worst = -EACCES;
		if (!*end)
			return worst;
	}
}

/* The interpreter that a "#!" line names, NUL-terminated within line; NULL: there is none. */
static char *interpreter(char *line)
{
	char *name = line + 2 + strspn(line + 2, " \t");

	name[strcspn(name, " \t\n")] = '\0';
	return *name ? name : NULL;
}

/* Read the beginning of a program into line, NUL-terminated. Length; or -errno. */
static ssize_t read_start(int fd, char line[LINE_SIZE])
{
	ssize_t n = pread(fd, line, LINE_SIZE - 1, 0);

	if (n < 0)
		return -errno;
	line[n] = '\0';
	return n;
}

/* Bits that make the loader drop LD_PRELOAD: those that change what the caller is (security/commoncap.c,
 * cap_bprm_creds_from_file()), on a mount and in a process that let them. */
static enum inspect_privilege privilege(int fd)
{
	struct statvfs mount;
	struct stat st;
	char caps[64];

	if (fstat(fd, &st) < 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ||
	    (fstatvfs(fd, &mount) == 0 && mount.f_flag & ST_NOSUID))
		return INSPECT_PLAIN;
	if (st.st_mode & S_ISUID && st.st_uid != getuid())
		return INSPECT_SETUID;
	if ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && st.st_gid != getgid())
		return INSPECT_SETGID;
	if (getuid() != 0 && fgetxattr(fd, "security.capability", caps, sizeof(caps)) > 0)
		return INSPECT_FILECAPS;
	return INSPECT_PLAIN;
}

static void take_loader(Elf *elf, struct inspect *ret)
{
	size_t count = 0, size;
	const char *file = elf_rawfile(elf, &size);

	ret->kind = INSPECT_STATIC;
	if (!file || elf_getphdrnum(elf, &count) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr header;

		if (!gelf_getphdr(elf, (int)i, &header) || header.p_type != PT_INTERP)
			continue;
		ret->kind = INSPECT_DYNAMIC;
		if (header.p_offset < size && header.p_filesz <= size - header.p_offset && header.p_filesz < PATH_MAX)
			snprintf(ret->loader, sizeof(ret->loader), "%.*s", (int)header.p_filesz, file + header.p_offset);
	}
}

/* Go's linker leaves its build information in a section, older ones a note. */
static bool is_go(Elf *elf)
{
	size_t names;
	Elf_Scn *section = NULL;

	if (elf_getshdrstrndx(elf, &names) < 0)
		return false;
	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr header;
		const char *name = gelf_getshdr(section, &header) ? elf_strptr(elf, names, header.sh_name) : NULL;

		if (name && (strcmp(name, ".go.buildinfo") == 0 || strcmp(name, ".note.go.buildid") == 0))
			return true;
	}
	return false;
}

static void inspect_elf(int fd, struct inspect *ret)
{
	Elf *elf = elf_version(EV_CURRENT) == EV_NONE ? NULL : elf_begin(fd, ELF_C_READ_MMAP, NULL);
	GElf_Ehdr header;

	if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &header)) {
		elf_end(elf);
		ret->error = ENOEXEC;
		return;
	}
	ret->bits32 = gelf_getclass(elf) == ELFCLASS32 && sizeof(long) == 8;
	ret->foreign = MACHINE != EM_NONE && header.e_machine != (ret->bits32 ? MACHINE_32 : MACHINE);
	take_loader(elf, ret);
	ret->musl = strstr(ret->loader, "/ld-musl-") != NULL;
	ret->go = is_go(elf);
	elf_end(elf);
}

/* One program of the chain; the next one, of a script, within line; NULL: this was the last. */
static const char *inspect_one(const char *path, char line[LINE_SIZE], struct inspect *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	const char *next = NULL;
	ssize_t n;

	if (path != ret->program)
		snprintf(ret->program, sizeof(ret->program), "%s", path);
	if (fd < 0) {
		ret->error = errno;
		return NULL;
	}
	n = read_start(fd, line);
	if (n < 0)
		ret->error = (int)-n;
	else if (n >= SELFMAG && memcmp(line, ELFMAG, SELFMAG) == 0)
		inspect_elf(fd, ret);
	else if (n >= 2 && line[0] == '#' && line[1] == '!')
		next = interpreter(line);
	if (!next && ret->kind == INSPECT_UNKNOWN && !ret->error)
		ret->kind = INSPECT_SHELL;
	/* The kernel leaves the bits of a script alone. */
	if (!next && ret->kind != INSPECT_SHELL)
		ret->privilege = privilege(fd);
	close(fd);
	return next;
}

void inspect_program(const char *path, struct inspect *ret)
{
	char line[LINE_SIZE];

	*ret = (struct inspect){ 0 };
	while (path && ret->scripts <= SCRIPTS_MOST) {
		path = inspect_one(path, line, ret);
		if (path)
			ret->scripts++;
	}
	if (path)
		ret->error = ELOOP;
}

bool inspect_takes_preload(const struct inspect *inspect)
{
	return inspect->kind != INSPECT_STATIC && !inspect->privilege && !inspect->foreign;
}

static const char *why_not(const struct inspect *inspect)
{
	static const char *const reasons[] = {
		[INSPECT_SETUID] = "it is setuid, and the loader drops LD_PRELOAD then",
		[INSPECT_SETGID] = "it is setgid, and the loader drops LD_PRELOAD then",
		[INSPECT_FILECAPS] = "it has file capabilities, and the loader drops LD_PRELOAD then",
	};

	if (inspect->kind == INSPECT_STATIC)
		return inspect->go ? "it is a static Go program, which goes by GOMAXPROCS and GOMEMLIMIT" :
				     "it is static, so that no loader looks at LD_PRELOAD";
	if (inspect->foreign)
		return "it is for another kind of machine";
	return reasons[inspect->privilege];
}

void inspect_explain(const struct inspect *inspect, const char *path)
{
	fputs("cgtune: program: ", stderr);
	tool_print_safe(stderr, path);
	if (inspect->scripts) {
		fputs(", a script for ", stderr);
		tool_print_safe(stderr, inspect->program);
	}
	if (inspect->error) {
		fprintf(stderr, ": cannot be looked into: %s; what reaches it is not known\n", strerror(inspect->error));
		return;
	}
	if (inspect->kind == INSPECT_SHELL)
		fputs(": no magic number, so it is handed to /bin/sh\n", stderr);
	else
		fprintf(stderr, ": %s%s%s%s\n", inspect->foreign ? "foreign, " : inspect->bits32 ? "32-bit, " : "",
			inspect->kind == INSPECT_STATIC ? "static" : "dynamic", inspect->musl ? ", musl" : "",
			inspect->go ? ", Go" : "");
	if (inspect->go && inspect->kind == INSPECT_DYNAMIC)
		fputs("cgtune: preload: Go asks the kernel itself, and goes by GOMAXPROCS and GOMEMLIMIT\n", stderr);
	if (inspect_takes_preload(inspect)) {
		fputs("cgtune: preload: reaches the program, as the environment does\n", stderr);
		return;
	}
	fprintf(stderr, "cgtune: preload: does not reach the program itself: %s; "
		"the environment does, and programs that it starts are reached\n", why_not(inspect));
}
