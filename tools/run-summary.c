/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* run-summary - what the limits did to a command, out of the counters of its cgroup */
#include "run.h"
#include "parse.h"
#include "tool.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* The number that a file of the controller is, or the one behind key; CGTUNE_UNKNOWN. */
static uint64_t number(const struct group *group, const char *controller, const char *file, const char *key)
{
	char path[PATH_MAX + 64], text[4096];
	int i = group_find(group, controller), fd;
	uint64_t value;
	ssize_t n;

	if (i < 0)
		return CGTUNE_UNKNOWN;
	snprintf(path, sizeof(path), "%s/%s", group->controller[i].dir, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return CGTUNE_UNKNOWN;
	n = read(fd, text, sizeof(text));
	close(fd);
	if (n < 0 || (key ? parse_stat(text, (size_t)n, key, &value) : parse_number(text, (size_t)n, &value)) < 0)
		return CGTUNE_UNKNOWN;
	return value;
}

static uint64_t us_to_ns(uint64_t us)
{
	return us < UINT64_MAX / 1000 ? us * 1000 : CGTUNE_UNKNOWN;
}

static bool is_v2(const struct group *group, const char *controller)
{
	int i = group_find(group, controller);

	return i >= 0 && group->controller[i].version == 2;
}

/* CPU time: v2 counts it in every cgroup, whichever controllers it has. */
static uint64_t cpu_ns(const struct group *group)
{
	for (unsigned i = 0; i < group->controllers; i++)
		if (group->controller[i].version == 2)
			return us_to_ns(number(group, group->controller[i].name, "cpu.stat", "usage_usec"));
	return number(group, "cpuacct", "cpuacct.usage", NULL);
}

static void read_throttle(const struct group *group, bool own, struct summary *ret)
{
	const struct cgtune_options options = { .size = sizeof(options), .flags = CGTUNE_NO_ENV };
	struct cgtune_throttle throttle = { .size = sizeof(throttle) };

	if (own && cgtune_throttle_read(&options, &throttle) == 0) {
		ret->periods = throttle.periods;
		ret->throttled = throttle.throttled;
		ret->throttled_ns = throttle.throttled_ns;
		return;
	}
	ret->periods = number(group, "cpu", "cpu.stat", "nr_periods");
	ret->throttled = number(group, "cpu", "cpu.stat", "nr_throttled");
	ret->throttled_ns = is_v2(group, "cpu") ? us_to_ns(number(group, "cpu", "cpu.stat", "throttled_usec")) :
						  number(group, "cpu", "cpu.stat", "throttled_time");
}

/* What a started probe counts of the command's own cgroup. */
static void read_stops(const struct group *group, struct summary *ret)
{
	struct cgtune_options options = { .size = sizeof(options) };
	struct cgtune_throttle throttle = { .size = sizeof(throttle) };
	int i = group_find(group, "cpu");

	ret->throttles = ret->max_ns = CGTUNE_UNKNOWN;
	if (i < 0)
		return;
	options.cgroup = group->controller[i].dir + group->controller[i].mount;
	if (*options.cgroup == '/' && cgtune_throttle_read(&options, &throttle) == 0) {
		ret->throttles = throttle.throttles;
		ret->max_ns = throttle.max_ns;
	}
}

static void read_memory(const struct group *group, struct summary *ret)
{
	bool v2 = is_v2(group, "memory");

	ret->peak = number(group, "memory", v2 ? "memory.peak" : "memory.max_usage_in_bytes", NULL);
	ret->limit = number(group, "memory", v2 ? "memory.max" : "memory.limit_in_bytes", NULL);
	ret->oom_kills = number(group, "memory", v2 ? "memory.events" : "memory.oom_control", "oom_kill");
}

void summary_read(const struct group *group, bool own, struct summary *ret)
{
	ret->cpu_ns = cpu_ns(group);
	ret->has_quota = !own && group_find(group, "cpu") >= 0;
	read_throttle(group, own, ret);
	read_stops(group, ret);
	read_memory(group, ret);
}

static bool has_limit(const struct summary *s)
{
	return s->limit != CGTUNE_UNKNOWN && !parse_is_unlimited(s->limit);
}

static uint64_t difference(uint64_t after, uint64_t before)
{
	return after == CGTUNE_UNKNOWN || before == CGTUNE_UNKNOWN || after < before ? CGTUNE_UNKNOWN : after - before;
}

static void print_end(const struct run_result *result)
{
	char room[32];

	if (result->signal)
		fprintf(stderr, "cgtune: summary: ended by signal %d (%s)", result->signal, strsignal(result->signal));
	else
		fprintf(stderr, "cgtune: summary: exit status %d", result->status);
	fprintf(stderr, " after %s\n", tool_seconds(result->wall_ns, room));
}

static void print_cpu(const struct summary *s, uint64_t wall_ns, bool shared)
{
	bool quota = s->periods != CGTUNE_UNKNOWN && s->throttled != CGTUNE_UNKNOWN && (s->periods || s->has_quota);
	char room[32];

	fputs("cgtune: summary: CPU: ", stderr);
	if (s->cpu_ns == CGTUNE_UNKNOWN)
		fputs("use not known", stderr);
	else
		fprintf(stderr, "%s used, %.2f CPUs on average", tool_seconds(s->cpu_ns, room),
			wall_ns ? (double)s->cpu_ns / (double)wall_ns : 0.0);
	if (!quota)
		fputs("; no quota", stderr);
	else
		fprintf(stderr, "; throttled in %" PRIu64 " of %" PRIu64 " periods", s->throttled, s->periods);
	if (quota && s->throttled_ns != CGTUNE_UNKNOWN)
		fprintf(stderr, ", %s in all", tool_seconds(s->throttled_ns, room));
	if (quota && !shared && s->throttles != CGTUNE_UNKNOWN)
		fprintf(stderr, "; %" PRIu64 " stops of a CPU, the longest %s", s->throttles, tool_seconds(s->max_ns, room));
	fputc('\n', stderr);
}

static void print_memory(const struct summary *s, bool shared)
{
	char room[32];

	fputs("cgtune: summary: memory: ", stderr);
	if (shared)
		fputs("peak not known, as other programs share the cgroup", stderr);
	else if (s->peak == CGTUNE_UNKNOWN)
		fputs("peak not known", stderr);
	else
		fprintf(stderr, "%s at most", tool_bytes(s->peak, room));
	if (!shared && has_limit(s))
		fprintf(stderr, " of %s", tool_bytes(s->limit, room));
	if (s->oom_kills == CGTUNE_UNKNOWN)
		fputs("; OOM kills not known\n", stderr);
	else
		fprintf(stderr, "; %" PRIu64 " OOM kill%s\n", s->oom_kills, s->oom_kills == 1 ? "" : "s");
}

void summary_print(const struct summary *before, const struct summary *after, const struct run_result *result)
{
	struct summary s = *after;

	if (before) {
		s.cpu_ns = difference(after->cpu_ns, before->cpu_ns);
		s.periods = difference(after->periods, before->periods);
		s.throttled = difference(after->throttled, before->throttled);
		s.throttled_ns = difference(after->throttled_ns, before->throttled_ns);
		s.oom_kills = difference(after->oom_kills, before->oom_kills);
	}
	print_end(result);
	print_cpu(&s, result->wall_ns, before != NULL);
	print_memory(&s, before != NULL);
	if (before)
		fputs("cgtune: summary: these figures are of all programs in the cgroup, as the command had none of its own\n",
		      stderr);
}

/* The kernel counts a kill before it sends the signal (mm/oom_kill.c). */
void summary_print_kill(const struct group *group, const char *command, const struct run_result *result)
{
	struct summary s;
	char room[32];

	if (result->signal != SIGKILL)
		return;
	read_memory(group, &s);
	if (has_limit(&s) && s.oom_kills && s.oom_kills != CGTUNE_UNKNOWN)
		run_failed(command, "killed for want of memory: the limit is %s", tool_bytes(s.limit, room));
}
