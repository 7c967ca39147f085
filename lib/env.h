/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * env - the only code that reads the environment: names, grammar, and what is ours
 *
 * In a setuid program nothing is read (AT_SECURE of getauxval(3), secure_getenv(3)).
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
	ENV_GOMAXPROCS,
	ENV_GOMEMLIMIT,			/* bytes; CGTUNE_UNLIMITED: off */
	ENV_AUTOMEMLIMIT,		/* a ratio; 0: off */
	ENV_LOG,			/* enum cgtune_log; 0: off */
	ENV_COUNT
};

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
