/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* run-env - the environment of a command: the runtimes' variables, and the preload object */
#include "run.h"
#include "tool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OBJECT "libcgtune-preload.so"
#define PRELOAD "LD_PRELOAD"
#define PLENTY (UINT64_C(1) << 40)

static bool is_there(char path[PATH_MAX], const char *folder, const char *below)
{
	return snprintf(path, PATH_MAX, "%s/%s%s", folder, below, OBJECT) < PATH_MAX && access(path, R_OK) == 0;
}

/* The folder that the installed objects would be in, were this program installed where it lies. */
static bool is_there_moved(char path[PATH_MAX], char *bin, const char *libdir)
{
	static const char prefix[] = CGTUNE_PREFIX;
	char *slash = strrchr(bin, '/');
	size_t n = sizeof(prefix) - 1;

	if (!slash || strcmp(slash, "/bin") != 0 || strncmp(libdir, prefix, n) != 0)
		return false;
	*slash = '\0';
	strncat(bin, libdir + n, PATH_MAX - strlen(bin) - 1);
	return is_there(path, bin, "");
}

/* Beside this program, as it was built, or where it was installed, or moved to. */
static bool find_object(char path[PATH_MAX], bool bits32)
{
	const char *below = bits32 ? "32/" : "", *libdir = bits32 ? CGTUNE_LIBDIR32 : CGTUNE_LIBDIR;
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		self[n] = '\0';
		*strrchr(self, '/') = '\0';
		if (is_there(path, self, below) || is_there_moved(path, self, libdir))
			return true;
	}
	return is_there(path, libdir, "");
}

/* One path for programs of either class, which the loader completes (ld.so(8), $LIB), where both
 * objects lie as the loaders of Debian or of Fedora have it. */
static bool find_any_class(char path[PATH_MAX])
{
	static const char *const names[][2] = { { "/lib/x86_64-linux-gnu/", "/lib32/" }, { "/lib64/", "/lib/" } };
	char other[PATH_MAX];

	if (!find_object(path, false) || !find_object(other, true))
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *in_path = strstr(path, names[i][0]), *in_other = strstr(other, names[i][1]);

		if (!in_path || !in_other || strcmp(in_path + strlen(names[i][0]), OBJECT) != 0 ||
		    strcmp(in_other + strlen(names[i][1]), OBJECT) != 0 ||
		    in_path - path != in_other - other || memcmp(path, other, (size_t)(in_path - path)) != 0)
			continue;
		snprintf(in_path, PATH_MAX - (size_t)(in_path - path), "/$LIB/%s", OBJECT);
		return true;
	}
	return false;
}

void environment_object(const struct run_options *options, char object[PATH_MAX])
{
	const struct cgtune_options all = { .size = sizeof(all) };
	const struct inspect *inspect = &options->inspect;
	struct env env;

	object[0] = '\0';
	env_read(&all, &env);
	if (inspect->foreign || env_is_off(&env))
		return;
	if (!find_any_class(object) && !find_object(object, inspect->bits32)) {
		object[0] = '\0';
		fprintf(stderr, "cgtune: warning: %s%s is not installed: only the environment is set\n", OBJECT,
			inspect->bits32 ? " for 32-bit programs" : "");
	} else if (strpbrk(object, ": \t")) {
		tool_warn(object, NULL, NULL, "has a blank or a colon in it, which LD_PRELOAD cannot have: only the environment "
			  "is set");
		object[0] = '\0';
	}
}

/* Whether an entry of LD_PRELOAD is our object, from whichever folder, and of whichever class. */
static bool is_object(const char *entry, size_t n)
{
	size_t m = sizeof(OBJECT) - 1;

	return n >= m && memcmp(entry + n - m, OBJECT, m) == 0 && (n == m || entry[n - m - 1] == '/');
}

/* Whether that one will do for a program: a bare name or one with $LIB is completed by the loader of either class. */
static bool will_do(const char *entry, size_t n, bool bits32)
{
	struct inspect object;
	char path[PATH_MAX];

	if (!memchr(entry, '/', n) || memchr(entry, '$', n))
		return true;
	snprintf(path, sizeof(path), "%.*s", (int)n, entry);
	inspect_program(path, &object);
	return !object.error && object.bits32 == bits32;
}

/* LD_PRELOAD as it is to be: what the user has comes first, as ASan must; an object of ours that is for another class
 * of programs, as an outer run leaves it, goes. 0, and to be freed; NULL: nothing is to be done. */
static int preload_list(const char *object, bool bits32, char **ret)
{
	static const char between[] = ": \t";
	const char *now = getenv(PRELOAD);
	char *list, *end;

	*ret = NULL;
	if (!*object)
		return 0;
	list = end = malloc((now ? strlen(now) : 0) + strlen(object) + 2);
	if (!list)
		return -ENOMEM;
	for (now = now ? now + strspn(now, between) : ""; *now; now += strspn(now, between)) {
		size_t n = strcspn(now, between);

		if (is_object(now, n) && will_do(now, n, bits32)) {
			free(list);
			return 0;
		}
		if (!is_object(now, n)) {
			end = mempcpy(end, now, n);
			*end++ = ':';
		}
		now += n;
	}
	strcpy(end, object);
	*ret = list;
	return 0;
}

static void explain_limits(const struct tuning *tuning)
{
	const struct cgtune_limits *limits = &tuning->limits;
	const struct cgtune_plan *plan = &tuning->plan;
	char room[32];

	fputs("cgtune: limits: ", stderr);
	if (limits->cpu_period_us)
		fprintf(stderr, "%.6g CPUs of %" PRIu32, (double)limits->cpu_quota_us / (double)limits->cpu_period_us,
			limits->cpus);
	else
		fprintf(stderr, "%" PRIu32 " CPUs, no quota", limits->cpus);
	if (limits->memory != CGTUNE_UNLIMITED)
		fprintf(stderr, ", memory %s", tool_bytes(limits->memory, room));
	if (limits->memory_high != CGTUNE_UNLIMITED)
		fprintf(stderr, ", memory.high %s", tool_bytes(limits->memory_high, room));
	if (limits->memory == CGTUNE_UNLIMITED && limits->memory_high == CGTUNE_UNLIMITED)
		fputs(", no memory limit", stderr);
	fprintf(stderr, "\ncgtune: plan: %" PRIu32 " thread%s", plan->threads, plan->threads == 1 ? "" : "s");
	if (plan->memory != CGTUNE_UNLIMITED)
		fprintf(stderr, ", budget %s", tool_bytes(plan->memory, room));
	fputs(plan->tuned ? "\n" : ": nothing is to be set\n", stderr);
}

static void explain_assignment(const char *name, const char *value)
{
	fprintf(stderr, "cgtune: environment: %s%s%s", value ? "" : "without ", name, value ? "=" : "");
	tool_print_safe(stderr, value ? value : "");
	fputc('\n', stderr);
}

/* What a user has set, and no value of ours replaces. */
static void explain_kept(const struct tuning *tuning)
{
	const char *marker = env_get(ENV_MARKER);

	for (unsigned i = 0; i < TABLE_VARIABLES && tuning->plan.tuned; i++) {
		const char *now = env_get(table_name(i));

		if (!now || tuning->table.values[i] || env_is_ours(marker, table_name(i), now))
			continue;
		fprintf(stderr, "cgtune: environment: %s=", table_name(i));
		tool_print_safe(stderr, now);
		fputs(" stays, as it was set already\n", stderr);
	}
}

/* What would be set with more memory: the least that a runtime is told of is the table's to know. */
static void explain_left_out(const struct tuning *tuning)
{
	struct cgtune_plan plan = tuning->plan;
	static struct table more;

	plan.memory = PLENTY;
	table_make(&(struct table_input){
		.plan = &plan, .memory = PLENTY, .groups = tuning->groups, .known = TABLE_ALL_GROUPS,
	}, &more);
	for (unsigned i = 0; i < TABLE_VARIABLES; i++)
		if (more.values[i] && !tuning->table.values[i])
			fprintf(stderr, "cgtune: environment: without %s, as this is less memory than its runtime can do with\n",
				table_name(i));
}

static int set(const char *name, const char *value)
{
	return (value ? setenv(name, value, 1) : unsetenv(name)) < 0 ? -errno : 0;
}

static void explain(const struct run_options *options, const struct tuning *tuning)
{
	if (!options->why)
		return;
	if (tuning->off) {
		fputs("cgtune: CGTUNE is off: nothing is set\n", stderr);
		return;
	}
	explain_limits(tuning);
	explain_kept(tuning);
	explain_left_out(tuning);
}

int environment_set(const struct run_options *options, const char *object)
{
	struct tuning tuning;
	char *list = NULL;
	int r = tuning_read(options->runtime, NULL, &tuning);

	if (r < 0)
		return r;
	explain(options, &tuning);
	for (unsigned i = 0; i < tuning.table.count && !tuning.off && r == 0; i++) {
		const struct table_change *change = &tuning.table.changes[i];

		if (options->why)
			explain_assignment(change->name, change->value);
		r = set(change->name, change->value);
	}
	if (r == 0 && !tuning.off && options->runtime)
		r = set(TUNING_RUNTIME, options->runtime);
	if (r == 0 && !tuning.off)
		r = preload_list(object, options->inspect.bits32, &list);
	if (list && options->why)
		explain_assignment(PRELOAD, list);
	if (list)
		r = set(PRELOAD, list);
	free(list);
	return r;
}

int environment_print(const struct run_options *options, const char *object, const struct tuning_limits *limits)
{
	struct tuning tuning;
	char *list;
	int r = tuning_read(options->runtime, limits, &tuning);

	if (r < 0)
		return run_failed("the limits", "%s", cgtune_strerror(r));
	explain(options, &tuning);
	if (tuning.off)
		return 0;
	for (unsigned i = 0; i < tuning.table.count; i++) {
		const struct table_change *change = &tuning.table.changes[i];

		if (change->value)
			printf("%s=%s\n", change->name, change->value);
		else
			printf("unset %s\n", change->name);
	}
	if (options->runtime)
		printf(TUNING_RUNTIME "=%s\n", options->runtime);
	r = preload_list(object, options->inspect.bits32, &list);
	if (r < 0)
		return run_failed(PRELOAD, "%s", cgtune_strerror(r));
	if (list)
		printf(PRELOAD "=%s\n", list);
	free(list);
	return 0;
}
