/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* probe - `cgtune probe`: start, stop and describe the programs that count what limits do */
#include "tool.h"
#include "cgtune-probe.h"
#include "counts.h"
#include "groups.h"
#include "register.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_SUBTREE = 256, KEY_READERS, KEY_BPFFS, KEY_SLOTS, KEY_RUNG, KEY_BTF, KEY_PID, KEY_NAME };

struct arguments {
	struct cgtune_probe_options options;
	const char *subtree, *action, *name;
};

static char text[1 << 16];

static const struct argp_option options[] = {
	{ "subtree", KEY_SUBTREE, "PATH", 0, "start: count this cgroup and those below it only", 0 },
	{ "readers", KEY_READERS, "GROUP", 0, "start: who may read besides root: a group, or all", 0 },
	{ "slots", KEY_SLOTS, "N", 0, "start: room for cgroups, a power of two to 32768; default 2048", 0 },
	{ "rung", KEY_RUNG, "NAME", 0, "start: try only fentry, kprobe, tracepoint or raw", 0 },
	{ "pid", KEY_PID, "PID", 0, "start: count only stops of quotas that hit this process (TGID); register: whose cgroups", 0 },
	{ "name", KEY_NAME, "NAME", 0, "register: how stalls, top and export call the cgroups of --pid, stalls also when they are gone", 0 },
	{ "btf", KEY_BTF, "FILE", 0, "start: types of a kernel that has no BTF, made by bpftool gen min_core_btf", 0 },
	{ "bpffs", KEY_BPFFS, "DIR", 0, "a BPF file system; default /sys/fs/bpf", 0 },
	{ 0 },
};

static void set_readers(struct cgtune_probe_options *o, const char *word)
{
	struct group *group = getgrnam(word);

	if (strcmp(word, "all") == 0) {
		o->flags |= CGTUNE_PROBE_READERS_ALL;
		return;
	}
	if (!group)
		tool_usage(word, "--readers wants a group of this machine, or all");
	o->flags |= CGTUNE_PROBE_READERS_GROUP;
	o->readers = group->gr_gid;
}

static void set_slots(struct cgtune_probe_options *o, const char *word)
{
	char *end;
	unsigned long n = strtoul(word, &end, 10);

	if (*end || n < 64 || n > 32768 || n & (n - 1))
		tool_usage(word, "--slots wants a power of two from 64 to 32768");
	o->slots = (uint32_t)n;
}

static void set_rung(struct cgtune_probe_options *o, const char *word)
{
	for (uint32_t rung = CGTUNE_PROBE_FENTRY; rung <= CGTUNE_PROBE_RAW; rung++)
		if (strcmp(word, cgtune_probe_rung_name(rung)) == 0)
			o->rungs = 1u << rung;
	if (!o->rungs)
		tool_usage(word, "--rung wants fentry, kprobe, tracepoint or raw");
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case KEY_SUBTREE:
		arguments->subtree = argument;
		return 0;
	case KEY_READERS:
		set_readers(&arguments->options, argument);
		return 0;
	case KEY_SLOTS:
		set_slots(&arguments->options, argument);
		return 0;
	case KEY_RUNG:
		set_rung(&arguments->options, argument);
		return 0;
	case KEY_PID:
		arguments->options.tgid = (uint32_t)tool_pid(argument);
		return 0;
	case KEY_NAME:
		arguments->name = argument;
		return 0;
	case KEY_BTF:
		arguments->options.btf = argument;
		return 0;
	case KEY_BPFFS:
		arguments->options.bpffs = argument;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->action)
			tool_usage(argument, "probe takes one of start, stop, status, features, spec and register");
		arguments->action = argument;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* One line: the library's sentence where it has one. */
static int failed(const struct cgtune_probe_options *o, int error)
{
	char *line = text;

	if (error == -ENOENT && !*text)
		counts_say_none(o->bpffs, text, sizeof(text));
	if (error == -EPERM && geteuid() == 0)
		snprintf(text, sizeof(text), "not permitted, though this is root: it lacks CAP_BPF or CAP_PERFMON, or the "
			 "kernel refuses such programs");
	if (!*text)
		return tool_failed("probe", error);
	line[strcspn(line, "\n")] = '\0';
	fputs("cgtune: probe: ", stderr);
	tool_print_safe(stderr, line);
	fputs(error == -EACCES ? "; " COUNTS_READERS "\n" : "\n", stderr);
	return TOOL_FAILED;
}

static void print_memory(const struct cgtune_probe_state *state)
{
	if (state->memory_rung == CGTUNE_PROBE_NONE)
		puts("memory limits are not counted: this kernel takes none of those programs");
	else
		printf("memory limits by rung %s%s\n", cgtune_probe_rung_name(state->memory_rung),
		       state->memory_sleeps == CGTUNE_PROBE_SLEEPS_UNKNOWN ? "; sleeps over memory.high are not counted" : "");
}

static void print_subtree(uint64_t id)
{
	static struct groups groups;
	static char path[4096];

	if (groups_find("cpu", &groups) == 0 && groups_path_of(&groups, id, path, sizeof(path)) == 0) {
		fputs("only of ", stdout);
		tool_print_safe(stdout, path);
		puts(" and the cgroups below it");
	} else {
		printf("only of a cgroup that is removed, inode %lu\n", (unsigned long)id);
	}
}

static void print_state(struct cgtune_probe *probe)
{
	struct cgtune_probe_state state = { .size = sizeof(state) };

	cgtune_probe_state(probe, &state);
	printf("rung %s, running for %lu s; %lu groups of %u seen, %lu events\n", cgtune_probe_rung_name(state.rung),
	       (unsigned long)((tool_now_ns() - state.loaded_ns) / 1000000000), (unsigned long)state.groups,
	       state.slots, (unsigned long)state.events);
	print_memory(&state);
	if (state.subtree)
		print_subtree(state.subtree);
	if (state.tgid)
		printf("only stops that hit process %u\n", state.tgid);
	if (state.stopped_ns || !state.pinned)
		puts("it counts no longer");
	if (state.overflow)
		printf("%lu events of groups without a slot: start it with more --slots\n", (unsigned long)state.overflow);
	if (state.unpaired)
		printf("%lu stops were not seen from beginning to end\n", (unsigned long)state.unpaired);
	if (state.lost)
		printf("%lu events were lost\n", (unsigned long)state.lost);
}

/* The same path in both hierarchies; where memory's has none, none is counted. */
static int set_subtree(struct arguments *arguments)
{
	struct cgtune_probe_options *o = &arguments->options;
	static struct groups cpu, memory;
	int r = groups_find("cpu", &cpu);

	if (r == 0)
		r = groups_id(&cpu, arguments->subtree, &o->subtree);
	if (r == 0 && groups_find("memory", &memory) == 0 && memory.hierarchy != cpu.hierarchy &&
	    groups_id(&memory, groups_path(&cpu, arguments->subtree), &o->memory_subtree) < 0)
		o->memory_subtree = UINT64_MAX;
	return r;
}

/* What only root may, for what everybody else would be told of readers. */
static int not_permitted(const char *who)
{
	fprintf(stderr, "cgtune: probe: not permitted: whoever %s it must be root\n", who);
	return TOOL_FAILED;
}

/* systemd mounts /sys/fs/bpf for root alone, and that mode is the machine's: it is not changed here. */
static void warn_of_closed_folder(const struct cgtune_probe_options *o)
{
	const char *folder = o->bpffs ? o->bpffs : "/sys/fs/bpf";
	struct stat st;

	if (!(o->flags & (CGTUNE_PROBE_READERS_ALL | CGTUNE_PROBE_READERS_GROUP)) || stat(folder, &st) < 0)
		return;
	if (!(st.st_mode & (o->flags & CGTUNE_PROBE_READERS_GROUP && st.st_gid == o->readers ? S_IXGRP : S_IXOTH)))
		tool_warn(folder, NULL, NULL, "is closed to --readers, until `chmod o+x` opens it");
}

static int start(struct arguments *arguments)
{
	struct cgtune_probe *probe;
	int r = arguments->subtree ? set_subtree(arguments) : 0;

	if (r < 0)
		return tool_failed(arguments->subtree, r);
	if (arguments->options.tgid && kill((pid_t)arguments->options.tgid, 0) < 0 && errno == ESRCH)
		return tool_failed("--pid", -ESRCH);
	arguments->options.flags |= CGTUNE_PROBE_MOUNT;
	r = cgtune_probe_start(&arguments->options, &probe);
	if (r == -EACCES && geteuid() != 0)
		return not_permitted("starts");
	if (r < 0)
		return failed(&arguments->options, r);
	if (r == 1)
		puts("it runs already, as it was started then; `cgtune probe stop` ends it:");
	else
		warn_of_closed_folder(&arguments->options);
	print_state(probe);
	cgtune_probe_close(probe);
	return TOOL_DONE;
}

static int stop(struct arguments *arguments)
{
	int r = cgtune_probe_stop(&arguments->options);

	if (r == -EACCES || r == -EPERM)
		return not_permitted("stops");
	return r < 0 ? failed(&arguments->options, r) : TOOL_DONE;
}

static int status(struct arguments *arguments)
{
	struct cgtune_probe *probe;
	int r = cgtune_probe_open(&arguments->options, &probe);

	if (r < 0)
		return failed(&arguments->options, r);
	print_state(probe);
	cgtune_probe_close(probe);
	return TOOL_DONE;
}

/* What refuses it on a kernel that has it, in words. */
static void print_refusal(int error)
{
	char lockdown[128], *mode;

	printf("refused here: %s", strerror(-error));
	if (tool_read("/sys/kernel/security/lockdown", lockdown, sizeof(lockdown)) > 0 && (mode = strchr(lockdown, '[')) &&
	    strncmp(mode, "[none]", 6) != 0)
		printf(" (lockdown: %.*s)", (int)strcspn(mode + 1, "]"), mode + 1);
	fputs("; ", stdout);
}

static int features(struct arguments *arguments)
{
	static const char *const answers[] = { "unknown", "no", "yes" };
	struct cgtune_probe_feature all[32];
	int n;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		all[i].size = sizeof(all[i]);
	n = cgtune_probe_features(all, sizeof(all) / sizeof(all[0]));
	for (int i = 0; i < n; i++) {
		printf("%-20s %-8s since Linux %-5s ", all[i].name, answers[all[i].answer + 1], all[i].since);
		if (all[i].error)
			print_refusal(all[i].error);
		printf("without it: %s\n", all[i].fallback);
	}
	return n < 0 ? failed(&arguments->options, n) : TOOL_DONE;
}

static int spec(struct arguments *arguments)
{
	struct cgtune_probe_item item = { .size = sizeof(item) };
	struct cgtune_probe_spec *all;
	int r = cgtune_probe_spec(&arguments->options, &all);

	if (r < 0)
		return failed(&arguments->options, r);
	for (size_t i = 0; cgtune_probe_spec_item(all, i, &item) == 0; i++)
		if (strcmp(item.type, "map") == 0)
			printf("%-20s %-24s map of %u entries of %u bytes\n", item.object, item.name, item.entries,
			       item.value_size);
		else
			printf("%-20s %-24s %s, %u instructions\n", item.object, item.name, item.type, item.instructions);
	cgtune_probe_spec_free(all);
	return TOOL_DONE;
}

static int enter(struct arguments *arguments)
{
	int32_t pid = (int32_t)arguments->options.tgid;

	if (!pid != !arguments->name)
		tool_usage("register", "--pid and --name go together; without them a container's state is read");
	return register_container(&arguments->options, pid, arguments->name);
}

int tool_probe(int argc, char **argv)
{
	static const struct argp argp = {
		options, parse, "start | stop | status | features | spec | register",
		"Count in the kernel, exactly, how often and for how long limits stop programs. "
		"It goes on until it is stopped; `cgtune stalls` prints the counts. register, for OCI hooks: the "
		"container whose state is on standard input keeps its name there when it has ended.", NULL, NULL, NULL,
	};
	static const struct {
		const char *name;
		int (*run)(struct arguments *arguments);
	} actions[] = {
		{ "start", start }, { "stop", stop }, { "status", status }, { "features", features }, { "spec", spec },
		{ "register", enter },
	};
	struct arguments arguments = {
		.options = { .size = sizeof(arguments.options), .text = text, .text_size = sizeof(text) },
	};

	tool_parse(&argp, argc, argv, &arguments);
	for (size_t i = 0; arguments.action && i < sizeof(actions) / sizeof(actions[0]); i++)
		if (strcmp(arguments.action, actions[i].name) == 0)
			return actions[i].run(&arguments);
	tool_usage(arguments.action ? arguments.action : "probe", "one of start, stop, status, features, spec, register is wanted");
}
