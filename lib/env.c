/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* env - the only code that reads the environment: names, grammar, and what is ours */
#include "env.h"
#include "grammar.h"
#include "util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

static const struct {
	const char *name;
	int (*value)(const char *text, uint64_t *ret);
	const char *wants, *instead;
} variables[ENV_COUNT] = {
	[ENV_SWITCH] = { "CGTUNE", value_switch, "off or on", "on" },
	[ENV_CPUS] = { "CGTUNE_CPUS", grammar_cpus, "a number of CPUs above 0, such as 1.5 or 1500m",
		       "the cgroup's quota" },
	[ENV_MEMORY] = { "CGTUNE_MEMORY", grammar_size, "a size, such as 512MiB", "the cgroup's limit" },
	[ENV_THREADS] = { "CGTUNE_THREADS", value_threads, "a whole number from 1 to 2147483647",
			  "the count from the CPU limit" },
	[ENV_BUDGET] = { "CGTUNE_BUDGET", value_budget, "off or a size, such as 512MiB",
			 "the budget from the memory limit" },
	[ENV_RATIO] = { "CGTUNE_MEMORY_RATIO", grammar_ratio, "a ratio above 0 and at most 1, such as 0.9",
			"AUTOMEMLIMIT's ratio or 0.9" },
	[ENV_MEMORY_RESERVE] = { "CGTUNE_MEMORY_RESERVE", grammar_size, "a size, such as 64MiB", "no reserve" },
	[ENV_CPUS_RESERVE] = { "CGTUNE_CPUS_RESERVE", grammar_cpus,
			       "a number of CPUs above 0, such as 0.5 or 500m", "no reserve" },
	[ENV_ROUND] = { "CGTUNE_ROUND", value_rounding, "ceil, floor or nearest", "ceil" },
	[ENV_MULTIPLIER] = { "CGTUNE_THROTTLE_MULTIPLIER", value_integer, "a whole number", "8" },
	[ENV_GOMAXPROCS] = { "GOMAXPROCS", value_threads, "a whole number from 1 to 2147483647",
			     "the count from the CPU limit" },
	[ENV_GOMEMLIMIT] = { "GOMEMLIMIT", value_gomemlimit,
			     "off or a byte count of Go, such as 512MiB", "the budget from the memory limit" },
	[ENV_AUTOMEMLIMIT] = { "AUTOMEMLIMIT", value_automemlimit, "off or a ratio above 0 and at most 1",
			       "0.9" },
	[ENV_LOG] = { "CGTUNE_LOG", value_log, "error, warning, info, debug or off", "off" },
};

const char *env_get(const char *name)
{
	const char *value = secure_getenv(name);

	return value && *value ? value : NULL;
}

bool env_is_ours(const char *marker, const char *name, const char *value)
{
	size_t n = strlen(name), m = strlen(value);

	while (marker && *marker) {
		const char *end = strchr(marker, ';');

		if (strncmp(marker, name, n) == 0 && marker[n] == '=' &&
		    strncmp(marker + n + 1, value, m) == 0 &&
		    (marker[n + 1 + m] == ';' || marker[n + 1 + m] == '\0'))
			return true;
		marker = end ? end + 1 : NULL;
	}
	return false;
}

static void refuse(const struct cgtune_options *options, enum env_variable variable, const char *value)
{
	char sentence[256];
	struct text text = TEXT(sentence);

	text_add(&text, "is not ");
	text_add(&text, variables[variable].wants);
	text_add(&text, "; ");
	text_add(&text, variables[variable].instead);
	text_add(&text, " is used instead");
	options->report(&(struct cgtune_report){
		.size = sizeof(struct cgtune_report), .kind = CGTUNE_REPORT_WARNING,
		.variable = variables[variable].name, .value = value, .text = sentence,
	}, options->report_user);
}

void env_read(const struct cgtune_options *options, uint32_t warn, struct env *ret)
{
	const char *marker;

	ret->set = 0;
	/* Another process's decisions have nothing to do with our environment. */
	if (options->flags & CGTUNE_NO_ENV || options->pid || options->cgroup)
		return;
	marker = env_get(ENV_MARKER);
	for (unsigned i = 0; i < ENV_COUNT && !env_is_off(ret); i++) {
		const char *value = env_get(variables[i].name);

		if (!value || env_is_ours(marker, variables[i].name, value))
			continue;
		if (variables[i].value(value, &ret->value[i]) == 0)
			ret->set |= ENV_BIT(i);
		else if (options->report && (warn & ENV_BIT(i)))
			refuse(options, (enum env_variable)i, value);
	}
}
