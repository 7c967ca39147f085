/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * env - the only code that reads the environment: names, grammar, and what is ours
 *
 * In a setuid program nothing is read (AT_SECURE of getauxval(3)).
 */
#ifndef CGTUNE_ENV_H
#define CGTUNE_ENV_H

#include "cgtune.h"

#include <stdbool.h>

enum env_variable {
	ENV_SWITCH,			/* CGTUNE; value 0: off */
	ENV_CPUS,			/* micro-CPUs */
	ENV_MEMORY,			/* bytes */
	ENV_THREADS,
	ENV_BUDGET,			/* bytes; CGTUNE_UNLIMITED: off */
	ENV_RATIO,			/* in 1 / GRAMMAR_RATIO_ONE */
	ENV_MEMORY_RESERVE,		/* bytes */
	ENV_CPUS_RESERVE,		/* micro-CPUs */
	ENV_ROUND,			/* enum cgtune_rounding */
	ENV_MULTIPLIER,			/* int32_t */
	ENV_RETRY_AFTER,		/* whole seconds */
	ENV_GOMAXPROCS,
	ENV_GOMEMLIMIT,			/* bytes; CGTUNE_UNLIMITED: off */
	ENV_AUTOMEMLIMIT,		/* a ratio; 0: off */
	ENV_LOG,			/* enum cgtune_log; 0: off */
	ENV_GROUPS,			/* CGTUNE_ENV: mask of enum env_group */
	ENV_AFFINITY,			/* 0: leave affinity calls alone */
	ENV_PIN,			/* 1: pinning does nothing */
	ENV_FILES,			/* mask of enum env_file */
	ENV_CONF,			/* 1: the configured CPUs are lowered too */
	ENV_REFRESH,			/* seconds */
	ENV_PROBE,			/* address of a path in the environment; 0: off */
	ENV_COUNT
};

/* Groups of the variables that language runtimes are given, in the order of their words. */
enum env_group {
	ENV_GROUP_BLAS, ENV_GROUP_RUST, ENV_GROUP_DOTNET, ENV_GROUP_JAVA, ENV_GROUP_NODE, ENV_GROUP_ERLANG,
	ENV_GROUP_MAGICK, ENV_GROUP_BUILD, ENV_GROUP_PYTHON,
	ENV_GROUP_DEFAULT,		/* no word: all but CGTUNE_ENV=0 have it */
};
#define ENV_GROUP_BIT(group) (UINT64_C(1) << (group))

/* Files of which the preload object gives a view. */
enum env_file { ENV_FILE_MEMINFO, ENV_FILE_CPUINFO, ENV_FILE_STAT, ENV_FILE_ONLINE };

#define ENV_BIT(variable) (1u << (variable))

/* The values of the variables that are set, not empty, of the right form, and
 * not written by cgtune itself. */
struct env {
	uint32_t set;			/* masks of ENV_BIT() */
	uint32_t refused;		/* set, but not of the right form */
	uint64_t value[ENV_COUNT];
};

static inline bool env_has(const struct env *env, enum env_variable variable)
{
	return env->set & ENV_BIT(variable);
}

static inline bool env_is_off(const struct env *env)
{
	return env_has(env, ENV_SWITCH) && !env->value[ENV_SWITCH];
}

/*
 * Read all variables, unless the options say that the environment does not
 * count. With CGTUNE=off nothing else is looked at.
 */
void env_read(const struct cgtune_options *options, struct env *ret);

/* The value of a variable, or what counts when it is not there. */
static inline uint64_t env_value(const struct env *env, enum env_variable variable, uint64_t otherwise)
{
	return env_has(env, variable) ? env->value[variable] : otherwise;
}

/* A list of groups as CGTUNE_ENV has it, to a mask with ENV_GROUP_DEFAULT; "0": none. */
int env_groups(const char *text, uint64_t *ret);
/* What env_groups() takes, for a complaint. */
extern const char env_groups_wants[];

/* Report a variable if it was refused, with what is used instead: whoever decided knows. */
void env_warn(const struct cgtune_options *options, const struct env *env, enum env_variable variable,
	      const char *instead);

/* The environment variable that names what cgtune wrote: "NAME=value;NAME=value;". */
#define ENV_MARKER "CGTUNE_SET"

/* Whether the program is setuid or the like, and the environment its caller's. */
bool env_is_secure(void);

/* A variable of which set but empty counts as unset; NULL. */
const char *env_get(const char *name);
/* The same, with "" for set but empty. */
const char *env_raw(const char *name);

/* Whether cgtune wrote this value: the marker lists the variable with it. */
bool env_is_ours(const char *marker, const char *name, const char *value);

#endif
