/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* env - the only code that reads the environment: names, grammar, and what is ours */
#include "env.h"
#include "grammar.h"
#include "util.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

static int value_switch(const char *text, uint64_t *ret)
{
	int on = grammar_switch(text);

	if (on >= 0)
		*ret = (uint64_t)on;
	return on < 0 ? on : 0;
}

static int value_threads(const char *text, uint64_t *ret)
{
	uint32_t n;
	int r = grammar_threads(text, &n);

	if (r == 0)
		*ret = n;
	return r;
}

static int value_rounding(const char *text, uint64_t *ret)
{
	uint32_t rounding;
	int r = grammar_rounding(text, &rounding);

	if (r == 0)
		*ret = rounding;
	return r;
}

static int value_integer(const char *text, uint64_t *ret)
{
	int32_t n;
	int r = grammar_integer(text, &n);

	if (r == 0)
		*ret = (uint64_t)(int64_t)n;
	return r;
}

/* A negative time is none, as in GoToSocial's configuration. */
static int value_seconds(const char *text, uint64_t *ret)
{
	int32_t n;
	int r = grammar_integer(text, &n);

	if (r == 0)
		*ret = n < 0 ? 0 : (uint64_t)n;
	return r;
}

static int value_or_off(const char *text, uint64_t off, uint64_t *ret,
			int (*grammar)(const char *, uint64_t *))
{
	if (strcmp(text, "off") != 0)
		return grammar(text, ret);
	*ret = off;
	return 0;
}

static int value_budget(const char *text, uint64_t *ret)
{
	return value_or_off(text, CGTUNE_UNLIMITED, ret, grammar_size);
}

static int value_gomemlimit(const char *text, uint64_t *ret)
{
	return value_or_off(text, CGTUNE_UNLIMITED, ret, grammar_gomemlimit);
}

static int value_automemlimit(const char *text, uint64_t *ret)
{
	return value_or_off(text, 0, ret, grammar_ratio);
}

static int value_log(const char *text, uint64_t *ret)
{
	static const char *const levels[] = { "off", "error", "warning", "info", "debug" };

	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		if (strcmp(text, levels[i]) == 0) {
			*ret = i;
			return 0;
		}
	}
	return -EINVAL;
}

const char env_groups_wants[] =
	"0 or a list of blas, rust, dotnet, java, node, erlang, magick, build, python";

int env_groups(const char *text, uint64_t *ret)
{
	static const char *const words[] = {
		[ENV_GROUP_BLAS] = "blas", [ENV_GROUP_RUST] = "rust", [ENV_GROUP_DOTNET] = "dotnet",
		[ENV_GROUP_JAVA] = "java", [ENV_GROUP_NODE] = "node", [ENV_GROUP_ERLANG] = "erlang",
		[ENV_GROUP_MAGICK] = "magick", [ENV_GROUP_BUILD] = "build", [ENV_GROUP_PYTHON] = "python", NULL,
	};
	int r = 0;

	if (strcmp(text, "0") == 0) {
		*ret = 0;
		return 0;
	}
	r = grammar_words(text, words, ret);
	if (r == 0)
		*ret |= ENV_GROUP_BIT(ENV_GROUP_DEFAULT);
	return r;
}

static int value_files(const char *text, uint64_t *ret)
{
	static const char *const words[] = {
		[ENV_FILE_MEMINFO] = "meminfo", [ENV_FILE_CPUINFO] = "cpuinfo", [ENV_FILE_STAT] = "stat",
		[ENV_FILE_ONLINE] = "online", NULL,
	};

	return grammar_words(text, words, ret);
}

static int value_pin(const char *text, uint64_t *ret)
{
	static const char *const words[] = { "ignore", NULL };

	return grammar_words(text, words, ret);
}

static int value_probe(const char *text, uint64_t *ret)
{
	bool off = strcmp(text, "off") == 0;

	if (!off && *text != '/')
		return -EINVAL;
	*ret = off ? 0 : (uintptr_t)text;
	return 0;
}

static const struct {
	const char *name;
	int (*value)(const char *text, uint64_t *ret);
	const char *wants;
} variables[ENV_COUNT] = {
	[ENV_SWITCH] = { "CGTUNE", value_switch, "off or on" },
	[ENV_CPUS] = { "CGTUNE_CPUS", grammar_cpus, "a number of CPUs above 0, such as 1.5 or 1500m" },
	[ENV_MEMORY] = { "CGTUNE_MEMORY", grammar_size, "a size, such as 512MiB" },
	[ENV_THREADS] = { "CGTUNE_THREADS", value_threads, "a whole number from 1 to 2147483647" },
	[ENV_BUDGET] = { "CGTUNE_BUDGET", value_budget, "off or a size, such as 512MiB" },
	[ENV_RATIO] = { "CGTUNE_MEMORY_RATIO", grammar_ratio, "a ratio above 0 and at most 1, such as 0.9" },
	[ENV_MEMORY_RESERVE] = { "CGTUNE_MEMORY_RESERVE", grammar_size, "a size, such as 64MiB" },
	[ENV_CPUS_RESERVE] = { "CGTUNE_CPUS_RESERVE", grammar_cpus,
			       "a number of CPUs above 0, such as 0.5 or 500m" },
	[ENV_ROUND] = { "CGTUNE_ROUND", value_rounding, "ceil, floor or nearest" },
	[ENV_MULTIPLIER] = { "CGTUNE_THROTTLE_MULTIPLIER", value_integer, "a whole number" },
	[ENV_RETRY_AFTER] = { "CGTUNE_THROTTLE_RETRY_AFTER", value_seconds, "a whole number of seconds" },
	[ENV_GOMAXPROCS] = { "GOMAXPROCS", value_threads, "a whole number from 1 to 2147483647" },
	[ENV_GOMEMLIMIT] = { "GOMEMLIMIT", value_gomemlimit, "off or a byte count of Go, such as 512MiB" },
	[ENV_AUTOMEMLIMIT] = { "AUTOMEMLIMIT", value_automemlimit, "off or a ratio above 0 and at most 1" },
	[ENV_LOG] = { "CGTUNE_LOG", value_log, "error, warning, info, debug or off" },
	[ENV_GROUPS] = { "CGTUNE_ENV", env_groups, env_groups_wants },
	[ENV_AFFINITY] = { "CGTUNE_AFFINITY", value_switch, "0 or 1" },
	[ENV_PIN] = { "CGTUNE_PIN", value_pin, "ignore" },
	[ENV_FILES] = { "CGTUNE_FILES", value_files, "a list of meminfo, cpuinfo, stat, online" },
	[ENV_CONF] = { "CGTUNE_CONF", value_switch, "0 or 1" },
	[ENV_REFRESH] = { "CGTUNE_REFRESH", value_threads, "a whole number of seconds from 1" },
	[ENV_PROBE] = { "CGTUNE_PROBE", value_probe, "off or the absolute path of a BPF file system" },
};

bool env_is_secure(void)
{
	return getauxval(AT_SECURE);
}

const char *env_raw(const char *name)
{
	const char *value = NULL;

	for (char **entry = env_is_secure() ? NULL : environ; entry && *entry && !value; entry++)
		value = util_value_of(*entry, name);
	return value;
}

const char *env_get(const char *name)
{
	const char *value = env_raw(name);

	return value && *value ? value : NULL;
}

bool env_is_ours(const char *marker, const char *name, const char *value)
{
	size_t m = strlen(value);

	while (marker && *marker) {
		const char *listed = util_value_of(marker, name), *end = strchr(marker, ';');

		if (listed && strncmp(listed, value, m) == 0 && (listed[m] == ';' || listed[m] == '\0'))
			return true;
		marker = end ? end + 1 : NULL;
	}
	return false;
}

/* All values in one pass over the environment, of each the first, as getenv(3) has it. */
static void collect(const char *values[ENV_COUNT], const char **marker)
{
	for (char **entry = environ; entry && *entry; entry++) {
		if (**entry != 'C' && **entry != 'G' && **entry != 'A')
			continue;
		if (!*marker)
			*marker = util_value_of(*entry, ENV_MARKER);
		for (unsigned i = 0; i < ENV_COUNT; i++)
			if (!values[i])
				values[i] = util_value_of(*entry, variables[i].name);
	}
}

void env_read(const struct cgtune_options *options, struct env *ret)
{
	const char *values[ENV_COUNT] = { NULL }, *marker = NULL;

	ret->set = ret->refused = 0;
	/* Another process's decisions have nothing to do with our environment. */
	if (options->flags & CGTUNE_NO_ENV || options->pid || options->cgroup || env_is_secure())
		return;
	collect(values, &marker);
	for (unsigned i = 0; i < ENV_COUNT && !env_is_off(ret); i++) {
		if (!values[i] || !*values[i] || env_is_ours(marker, variables[i].name, values[i]))
			continue;
		if (variables[i].value(values[i], &ret->value[i]) == 0)
			ret->set |= ENV_BIT(i);
		else
			ret->refused |= ENV_BIT(i);
	}
}

void env_warn(const struct cgtune_options *options, const struct env *env, enum env_variable variable,
	      const char *instead)
{
	char sentence[256];
	struct text text = TEXT(sentence);

	if (!options->report || !(env->refused & ENV_BIT(variable)))
		return;
	text_add(&text, "is not ");
	text_add(&text, variables[variable].wants);
	text_add(&text, "; used instead: ");
	text_add(&text, instead);
	options->report(&(struct cgtune_report){
		.size = sizeof(struct cgtune_report), .kind = CGTUNE_REPORT_WARNING,
		.variable = variables[variable].name, .value = env_get(variables[variable].name),
		.text = sentence,
	}, options->report_user);
}
