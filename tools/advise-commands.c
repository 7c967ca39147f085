/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* advise-commands - how advice is followed: the command for cgroup v2, v1, systemd, Kubernetes, or at the start */
#include "advise.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PERIOD_US 100000		/* the kernel's default */

const char *advise_place_name(int place)
{
	static const char *const names[] = {
		[ADVISE_V2] = "cgroup_v2", [ADVISE_V1] = "cgroup_v1", [ADVISE_SYSTEMD] = "systemd", [ADVISE_KUBERNETES] = "kubernetes",
		[ADVISE_START] = "start",
	};

	return names[place];
}

static bool is_of_memory(const struct advice *advice)
{
	return advice->setting == ADVISE_MEMORY_MAX || advice->setting == ADVISE_MEMORY_HIGH;
}

/* In single quotes, as a shell takes any byte there but that. */
static void quote(const char *text, char *ret, size_t size)
{
	size_t n = 0;

	ret[n++] = '\'';
	for (; *text && n + 6 < size; text++) {
		if (*text == '\'') {
			memcpy(ret + n, "'\\''", 4);
			n += 4;
		} else {
			ret[n++] = *text;
		}
	}
	ret[n++] = '\'';
	ret[n] = '\0';
}

/* The file of a setting, in that version of cgroups; NULL: it has none. */
static const char *file_of(enum advise_setting setting, int version)
{
	static const char *const files[][2] = {
		[ADVISE_CPUS] = { "cpu.cfs_quota_us", "cpu.max" }, [ADVISE_BURST] = { "cpu.cfs_burst_us", "cpu.max.burst" },
		[ADVISE_MEMORY_MAX] = { "memory.limit_in_bytes", "memory.max" }, [ADVISE_MEMORY_HIGH] = { NULL, "memory.high" },
	};

	return setting < sizeof(files) / sizeof(files[0]) ? files[setting][version - 1] : NULL;
}

/* Where that version is not the one in use here, where it commonly is. */
static const char *write_file(const struct advise_facts *facts, const struct advice *advice, int version, char *room, size_t size)
{
	const char *file = file_of(advice->setting, version), *mount;
	bool memory = is_of_memory(advice), here = (memory ? facts->memory_version : facts->cpu_version) == version;
	char path[3 * 4096], quoted[4 * 4096], value[64];
	uint64_t period = advice->period_us ? advice->period_us : PERIOD_US;

	if (!file)
		return NULL;
	mount = here ? (memory ? facts->memory_mount : facts->cpu_mount) : version == 2 ? "/sys/fs/cgroup" :
		memory ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup/cpu";
	snprintf(path, sizeof(path), "%s%s%s%s", mount, advice->path, strcmp(advice->path, "/") == 0 ? "" : "/", file);
	quote(path, quoted, sizeof(quoted));
	if (advice->setting != ADVISE_CPUS)
		snprintf(value, sizeof(value), "%.0f", advice->value);
	else if (version == 2)
		snprintf(value, sizeof(value), "%.0f %" PRIu64, advice->value * (double)period, period);
	else
		snprintf(value, sizeof(value), "%.0f", advice->value * (double)period);
	return snprintf(room, size, "echo %s%s%s >%s", strchr(value, ' ') ? "\"" : "", value, strchr(value, ' ') ? "\"" : "", quoted) < (int)size ?
		room : NULL;
}

static bool ends_with(const char *text, size_t n, const char *end)
{
	size_t m = strlen(end);

	return n > m && memcmp(text + n - m, end, m) == 0;
}

/* The last part of the path that is named like a unit; 0: none is. */
static size_t find_unit(const char *path, const char **ret)
{
	size_t length = 0;

	for (const char *part = path; *part;) {
		size_t n;

		part += *part == '/';
		n = strcspn(part, "/");
		if (ends_with(part, n, ".service") || ends_with(part, n, ".scope") || ends_with(part, n, ".slice")) {
			*ret = part;
			length = n;
		}
		part += n;
	}
	return length;
}

static const char *set_property(const struct advice *advice, char *room, size_t size)
{
	const char *unit = "UNIT";
	char name[512], quoted[1100];
	size_t n = find_unit(advice->path, &unit);

	snprintf(name, sizeof(name), "%.*s", n ? (int)n : 4, unit);
	if (n)
		quote(name, quoted, sizeof(quoted));
	else
		snprintf(quoted, sizeof(quoted), "%s", name);
	switch (advice->setting) {
	case ADVISE_CPUS:
		snprintf(room, size, "systemctl set-property %s CPUQuota=%.0f%%", quoted, advice->value * 100);
		return room;
	case ADVISE_MEMORY_MAX:
	case ADVISE_MEMORY_HIGH:
		snprintf(room, size, "systemctl set-property %s %s=%.0f", quoted,
			 advice->setting == ADVISE_MEMORY_MAX ? "MemoryMax" : "MemoryHigh", advice->value);
		return room;
	case ADVISE_THREADS:
		snprintf(room, size, "systemctl edit %s   # [Service] Environment=LD_PRELOAD=libcgtune-preload.so", quoted);
		return room;
	case ADVISE_ARENAS:
		snprintf(room, size, "systemctl edit %s   # [Service] Environment=MALLOC_ARENA_MAX=%.0f", quoted, advice->value);
		return room;
	default:
		return NULL;
	}
}

static const char *set_resources(const struct advice *advice, char *room, size_t size)
{
	switch (advice->setting) {
	case ADVISE_CPUS:
		snprintf(room, size, "kubectl set resources deployment NAME --limits=cpu=%.0fm", advice->value * 1000);
		return room;
	case ADVISE_MEMORY_MAX:
		snprintf(room, size, "kubectl set resources deployment NAME --limits=memory=%.0fMi", advice->value / (1 << 20));
		return room;
	case ADVISE_THREADS:
		snprintf(room, size, "kubectl set env deployment NAME LD_PRELOAD=libcgtune-preload.so");
		return room;
	case ADVISE_ARENAS:
		snprintf(room, size, "kubectl set env deployment NAME MALLOC_ARENA_MAX=%.0f", advice->value);
		return room;
	default:			/* Kubernetes sets neither memory.high of one's choice nor a burst */
		return NULL;
	}
}

static const char *start(const struct advice *advice, char *room, size_t size)
{
	if (advice->setting == ADVISE_THREADS)
		snprintf(room, size, "cgtune run -- COMMAND   # or its own setting, such as OMP_NUM_THREADS=%.0f", advice->value);
	else if (advice->setting == ADVISE_ARENAS)
		snprintf(room, size, "MALLOC_ARENA_MAX=%.0f COMMAND", advice->value);
	else
		return NULL;
	return room;
}

const char *advise_command(const struct advise_facts *facts, const struct advice *advice, int place, char *room, size_t size)
{
	if (advice->setting == ADVISE_NOTHING || advice->value < 0)
		return NULL;
	switch (place) {
	case ADVISE_V2:
	case ADVISE_V1:
		return write_file(facts, advice, place == ADVISE_V2 ? 2 : 1, room, size);
	case ADVISE_SYSTEMD:
		return set_property(advice, room, size);
	case ADVISE_KUBERNETES:
		return set_resources(advice, room, size);
	default:
		return start(advice, room, size);
	}
}

bool advise_is_at(const struct advise_facts *facts, const struct advice *advice, int place)
{
	const char *unit;
	int version = is_of_memory(advice) ? facts->memory_version : facts->cpu_version;
	bool pod = strstr(advice->path, "kubepods") != NULL;

	switch (place) {
	case ADVISE_V2:
		return version == 2;
	case ADVISE_V1:
		return version == 1;
	case ADVISE_SYSTEMD:
		return !pod && find_unit(advice->path, &unit) > 0;
	case ADVISE_KUBERNETES:
		return pod;
	default:
		return true;
	}
}
