/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* probe - what the files of libcgtune-probe share: options, a loaded set of programs, the pins */
#ifndef CGTUNE_PROBES_PROBE_H
#define CGTUNE_PROBES_PROBE_H

#include "cgtune-probe.h"
#include "shared.h"
#include "util.h"

#include <bpf/libbpf.h>
#include <stdio.h>
#include <sys/resource.h>

#define PROBE_PATH 512
#define PROBE_MOST_LINKS 16

/* text.c: the caller's room for a sentence and a log; the log of libbpf in this thread goes there too. */
struct probe_text {
	char *buffer;
	size_t size, length;
};
void probe_text_begin(struct probe_text *text, const struct cgtune_probe_options *options);
void probe_text_end(void);
/* A first line; returns error. */
int probe_says(struct probe_text *text, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* options.c */
int probe_options(const struct cgtune_probe_options *theirs, struct cgtune_probe_options *ret);

/* The bytes of a compiled file, from symbol to symbol_end. */
#define CARRY(symbol, file) \
	__asm__(".section .rodata\n.balign 16\n" #symbol ":\n.incbin \"" file "\"\n" #symbol "_end:\n.previous"); \
	extern const char symbol[] __attribute__((visibility("hidden"))), \
		symbol##_end[] __attribute__((visibility("hidden")))

/* objects.c: the compiled programs. */
struct probe_object {
	const char *name;
	const void *bytes;
	size_t size;
};
enum { PROBE_OBJECT_TYPED, PROBE_OBJECT_CAST, PROBE_OBJECT_UNTYPED, PROBE_OBJECT_MEMORY_TYPED,
       PROBE_OBJECT_MEMORY_UNTYPED, PROBE_OBJECT_GROUPS, PROBE_OBJECTS };
/* fetch: for kernels whose atomic operations give the old value back. */
struct probe_object probe_object(unsigned which, bool fetch);
/* 0 or -errno, which libbpf's own errors are made to be. */
int probe_object_open(unsigned which, bool fetch, struct bpf_object **ret);
int probe_object_open_as(const struct probe_object *object, struct bpf_object **ret);
int probe_object_load(struct bpf_object *object);
/* Whether an error says nothing about the kernel: another rung would not do better. */
bool probe_is_out_of_resources(int r);
/* Slots and entries of maps, and the constants of the programs, from the options. */
int probe_object_set(struct bpf_object *object, const struct cgtune_probe_options *options, int cpus,
		     bool sleeps_at_switch);

/* load.c: one rung, loaded and attached, into the array that shared_fd is. */
struct probe_programs {
	struct bpf_object *object;
	struct bpf_link *links[PROBE_MOST_LINKS];
	size_t count;
	int shared_fd;
	uint32_t rung;
	uint32_t memory_rung;		/* enum probe_rung */
	uint32_t memory_sleeps;		/* enum probe_sleeps: what counts them already, and then what does */
};
int probe_programs_load(const struct cgtune_probe_options *options, uint32_t rung, struct probe_programs *ret);
void probe_programs_drop(struct probe_programs *programs);
/* Whether a program is of a rung, which its name begins with. */
bool probe_program_is_of(const struct bpf_program *program, uint32_t rung);

/* load-memory.c: the best rung for what memory limits do, in the same array. Without one, memory is not counted, and
 * it is 0 too; -errno: out of resources. */
int probe_memory_load(const struct cgtune_probe_options *options, struct probe_programs *programs);

/* btf.c: between begin and end the kernel's types are parsed once. file: what stands for them; NULL: what is found. */
int probe_btf_begin(const char *file, struct probe_text *text);
void probe_btf_end(void);
bool probe_btf_kernel_has(void);
/* The file that stands for them; NULL: they are the kernel's own. */
const char *probe_btf_file(void);
/* As libbpf_find_vmlinux_btf_id(). */
int probe_btf_id(enum bpf_attach_type type, const char *name);

/* rung.c: 0, or -errno. */
int probe_rung_try(uint32_t rung);
/* 1, 0, or -errno. */
int probe_has_perf_link(void);

/* read.c */
int probe_open(const struct cgtune_probe_options *options, struct probe_text *text, struct cgtune_probe **ret);

/* features.c: 1, 0, or -1: unknown. */
int probe_has_fetch(void);
int probe_has_memcg_accounting(void);
int probe_has_pressure(void);

/* memlock.c: where that kernel needs it, and has let us. */
struct probe_memlock {
	bool raised;
	struct rlimit before;
};
void probe_memlock_raise(struct probe_memlock *ret);
void probe_memlock_restore(const struct probe_memlock *memlock);

/* pin.c: the folder "cgtune-ABI" of the file system. */
int probe_pin_check(const struct cgtune_probe_options *options, struct probe_text *text);
void probe_pin_path(const struct cgtune_probe_options *options, const char *name, char ret[PROBE_PATH]);
/* -EEXIST: somebody else was first. */
int probe_pin_publish(const struct cgtune_probe_options *options, const struct probe_programs *programs,
		      struct probe_text *text);
int probe_pin_remove(const struct cgtune_probe_options *options);

#endif
