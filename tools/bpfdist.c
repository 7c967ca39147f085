/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bpfdist - `cgtune bpfdist`: bpf(2) calls by command: how many, how long they took, and which failed */
#include "bpfdist.h"
#include "cgtune-probe.h"
#include "groups.h"
#include "tool.h"
#include "tool-json.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#define FIRST_PID_NAMESPACE 0xEFFFFFFCu	/* PROC_PID_INIT_INO of linux/proc_ns.h */

enum { KEY_PID = 256, KEY_CGROUP, KEY_DURATION, KEY_JSON, KEY_RUNG };

struct arguments {
	struct bpfdist_options options;
	const char *cgroup;
	double duration;		/* seconds; 0: until interrupted */
	bool json;
};

static const struct argp_option options[] = {
	{ "pid", KEY_PID, "TGID", 0, "calls of this process only, of all its threads", 0 },
	{ "cgroup", KEY_CGROUP, "PATH", 0, "calls from this cgroup and those below it only", 0 },
	{ "duration", KEY_DURATION, "SECONDS", 0, "end after so long; default: when interrupted", 0 },
	{ "json", KEY_JSON, NULL, 0, "print one JSON object", 0 },
	{ "rung", KEY_RUNG, "NAME", 0, "try only tracepoint or raw", 0 },
	{ 0 },
};

static void set_rung(struct bpfdist_options *o, const char *word)
{
	for (uint32_t rung = CGTUNE_PROBE_TRACEPOINT; rung <= CGTUNE_PROBE_RAW; rung++)
		if (strcmp(word, cgtune_probe_rung_name(rung)) == 0)
			o->rungs = 1u << rung;
	if (!o->rungs)
		tool_usage(word, "--rung wants tracepoint or raw");
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case KEY_PID:
		arguments->options.filter.tgid = (uint32_t)tool_pid(argument);
		return 0;
	case KEY_CGROUP:
		arguments->cgroup = tool_cgroup(argument);
		return 0;
	case KEY_DURATION:
		arguments->duration = tool_number(argument, 1e-9, 1e6, "--duration wants seconds above 0");
		return 0;
	case KEY_JSON:
		arguments->json = true;
		return 0;
	case KEY_RUNG:
		set_rung(&arguments->options, argument);
		return 0;
	case ARGP_KEY_ARG:
		tool_usage(argument, "bpfdist takes no argument");
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* In the order of enum bpf_cmd. */
static const char *const names[] = {
	"MAP_CREATE", "MAP_LOOKUP_ELEM", "MAP_UPDATE_ELEM", "MAP_DELETE_ELEM", "MAP_GET_NEXT_KEY", "PROG_LOAD",
	"OBJ_PIN", "OBJ_GET", "PROG_ATTACH", "PROG_DETACH", "PROG_TEST_RUN", "PROG_GET_NEXT_ID", "MAP_GET_NEXT_ID",
	"PROG_GET_FD_BY_ID", "MAP_GET_FD_BY_ID", "OBJ_GET_INFO_BY_FD", "PROG_QUERY", "RAW_TRACEPOINT_OPEN", "BTF_LOAD",
	"BTF_GET_FD_BY_ID", "TASK_FD_QUERY", "MAP_LOOKUP_AND_DELETE_ELEM", "MAP_FREEZE", "BTF_GET_NEXT_ID",
	"MAP_LOOKUP_BATCH", "MAP_LOOKUP_AND_DELETE_BATCH", "MAP_UPDATE_BATCH", "MAP_DELETE_BATCH", "LINK_CREATE",
	"LINK_UPDATE", "LINK_GET_FD_BY_ID", "LINK_GET_NEXT_ID", "ENABLE_STATS", "ITER_CREATE", "LINK_DETACH",
	"PROG_BIND_MAP", "TOKEN_CREATE", "PROG_STREAM_READ_BY_FD",
};

static const char *name_of(uint32_t command, char room[24])
{
	if (command < sizeof(names) / sizeof(names[0]))
		return names[command];
	snprintf(room, 24, command < BPFDIST_COMMANDS - 1 ? "%u" : "%u or above", command);
	return room;
}

static const char *error_name(uint32_t key, char room[24])
{
	int error = (int)(key & 0xffff);
	const char *name = strerrorname_np(error);

	if (name)
		return name;
	snprintf(room, 24, "%d", error);
	return room;
}

/* What was counted, in memory. */
struct counted {
	struct bpfdist_value values[BPFDIST_COMMANDS];
	struct {
		uint32_t key;
		uint64_t count;
	} errors[BPFDIST_ERRORS];
	size_t error_count;
	uint64_t lost;
	double seconds;
	uint32_t rung;
};

static int collect(struct bpfdist *dist, struct counted *ret)
{
	uint32_t key = 0;
	int r = 0;

	for (uint32_t i = 0; i < BPFDIST_COMMANDS && r == 0; i++)
		r = bpfdist_read(dist, i, &ret->values[i]);
	while (r >= 0 && ret->error_count < BPFDIST_ERRORS &&
	       (r = bpfdist_next_error(dist, &key, &ret->errors[ret->error_count].count)) == 1)
		ret->errors[ret->error_count++].key = key;
	ret->lost = bpfdist_lost(dist);
	ret->rung = bpfdist_rung(dist);
	return r < 0 ? r : 0;
}

static void print_command(const struct counted *c, uint32_t command)
{
	const struct bpfdist_value *v = &c->values[command];
	const char *before = "; failed: ";
	char room[24];

	printf("\n%s: %" PRIu64 " calls, %" PRIu64 " ns each", name_of(command, room), v->calls, v->ns / v->calls);
	for (size_t i = 0; i < c->error_count; i++) {
		if (c->errors[i].key >> 16 != command)
			continue;
		printf("%s%" PRIu64 " %s", before, c->errors[i].count, error_name(c->errors[i].key, room));
		before = ", ";
	}
	putchar('\n');
	tool_histogram("nsecs", v->hist, BPFDIST_HIST);
}

static struct json_object *json_errors(const struct counted *c, uint32_t command)
{
	struct json_object *array = tool_json_array();
	char room[24];

	for (size_t i = 0; i < c->error_count; i++) {
		struct json_object *error;

		if (c->errors[i].key >> 16 != command)
			continue;
		error = tool_json_object();
		tool_json_add(error, "errno", tool_json_string(error_name(c->errors[i].key, room)));
		tool_json_add(error, "number", tool_json_number(c->errors[i].key & 0xffff));
		tool_json_add(error, "calls", tool_json_number(c->errors[i].count));
		tool_json_append(array, error);
	}
	return array;
}

static struct json_object *json_command(const struct counted *c, uint32_t command)
{
	struct json_object *object = tool_json_object(), *hist = tool_json_array();
	const struct bpfdist_value *v = &c->values[command];
	char room[24];

	tool_json_add(object, "command", tool_json_string(name_of(command, room)));
	tool_json_add(object, "number", tool_json_number(command));
	tool_json_add(object, "calls", tool_json_number(v->calls));
	tool_json_add(object, "ns", tool_json_number(v->ns));
	tool_json_add(object, "errors", json_errors(c, command));
	for (int i = 0; i < BPFDIST_HIST; i++)
		tool_json_append(hist, tool_json_number(v->hist[i]));
	tool_json_add(object, "hist", hist);
	return object;
}

static void print_json(const struct counted *c)
{
	struct json_object *object = tool_json_object(), *commands = tool_json_array();
	char seconds[32];

	snprintf(seconds, sizeof(seconds), "%.3f", c->seconds);
	tool_json_add(object, "rung", tool_json_string(cgtune_probe_rung_name(c->rung)));
	tool_json_add(object, "seconds", tool_json_decimal(seconds));
	tool_json_add(object, "lost", tool_json_number(c->lost));
	for (uint32_t i = 0; i < BPFDIST_COMMANDS; i++)
		if (c->values[i].calls)
			tool_json_append(commands, json_command(c, i));
	tool_json_add(object, "commands", commands);
	tool_json_print(object);
}

static void print_plain(const struct counted *c)
{
	uint64_t calls = 0;

	for (uint32_t i = 0; i < BPFDIST_COMMANDS; i++)
		calls += c->values[i].calls;
	printf("%" PRIu64 " calls in %.1f s\n", calls, c->seconds);
	if (c->lost)
		printf("%" PRIu64 " calls at most were not counted\n", c->lost);
	for (uint32_t i = 0; i < BPFDIST_COMMANDS; i++)
		if (c->values[i].calls)
			print_command(c, i);
}

static double now(void)
{
	return (double)tool_now_ns() / 1e9;
}

/* Until it is over, or one of the signals comes. They are blocked. */
static void wait_for_end(const sigset_t *signals, double duration)
{
	double end = now() + duration, left = duration;
	struct timespec timeout;

	do {
		timeout.tv_sec = (time_t)left;
		timeout.tv_nsec = (long)((left - (double)timeout.tv_sec) * 1e9);
		if (sigtimedwait(signals, NULL, duration > 0 ? &timeout : NULL) > 0)
			return;
		left = end - now();
	} while (duration <= 0 || left > 0);
}

/* Numbers of processes are those of this PID namespace. */
static int set_filter(struct arguments *arguments)
{
	struct bpfdist_filter *filter = &arguments->options.filter;
	static struct groups groups;
	struct stat st;
	int r;

	filter->own = (uint32_t)getpid();
	if (filter->tgid && kill((pid_t)filter->tgid, 0) < 0 && errno == ESRCH)
		return -ESRCH;
	if (stat("/proc/self/ns/pid", &st) == 0 && st.st_ino != FIRST_PID_NAMESPACE) {
		filter->device = (uint64_t)major(st.st_dev) << 20 | minor(st.st_dev);	/* as in the kernel */
		filter->inode = st.st_ino;
	}
	if (!arguments->cgroup)
		return 0;
	r = groups_find("cpu", &groups);
	if (r == 0)
		r = groups_id(&groups, arguments->cgroup, &filter->cgroup);
	filter->unified = groups.version == 2;
	return r;
}

static int count(const struct arguments *arguments, struct bpfdist *dist, const sigset_t *signals)
{
	static struct counted counted;
	double start = now();
	int r;

	if (!arguments->json) {
		printf("Counting bpf(2) calls by %s programs, %s:\n", cgtune_probe_rung_name(bpfdist_rung(dist)),
		       arguments->duration > 0 ? "for a while" : "until Ctrl-C");
		fflush(stdout);
	}
	wait_for_end(signals, arguments->duration);
	bpfdist_stop(dist);
	counted.seconds = now() - start;
	r = collect(dist, &counted);
	if (r < 0)
		return tool_failed("the counts", r);
	(arguments->json ? print_json : print_plain)(&counted);
	return tool_flush();
}

int tool_bpfdist(int argc, char **argv)
{
	static const struct argp argp = {
		options, parse, NULL, "Count bpf(2) calls by command: how many, how long they took, and which failed. "
		"It takes root, or CAP_BPF and CAP_PERFMON.", NULL, NULL, NULL,
	};
	static char text[1 << 16];
	struct arguments arguments = { .options = { .text = text, .text_size = sizeof(text) } };
	struct bpfdist *dist;
	sigset_t signals;
	int r;

	tool_parse(&argp, argc, argv, &arguments);
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	r = set_filter(&arguments);
	if (r < 0)
		return tool_failed(r == -ESRCH ? "--pid" : arguments.cgroup, r);
	r = bpfdist_start(&arguments.options, &dist);
	if (r < 0) {
		text[strcspn(text, "\n")] = '\0';
		fprintf(stderr, "cgtune: bpfdist: %s\n", *text ? text : cgtune_strerror(r));
		return TOOL_FAILED;
	}
	r = count(&arguments, dist, &signals);
	bpfdist_free(dist);
	return r;
}
