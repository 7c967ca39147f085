/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* apply - decisions into the environment of language runtimes: the only setenv */
#include "env.h"
#include "runtimes.h"
#include "table.h"
#include "util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What cgtune_undo() needs, of each variable and of the marker. */
struct undo {
	const char *name;		/* NULL: nothing was done */
	char *before;			/* NULL: it was not set */
	char *given;			/* NULL: it was unset */
};
static struct undo undos[TABLE_VARIABLES + 1];

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static void forget(struct undo *undo)
{
	free(undo->before);
	free(undo->given);
	*undo = (struct undo){ 0 };
}

static int set_or_unset(const char *name, const char *value)
{
	return (value ? setenv(name, value, 1) : unsetenv(name)) < 0 ? -ENOMEM : 0;
}

/* The place of a variable: what is changed once stays in it. There is one for each. */
static struct undo *undo_of(const char *name)
{
	struct undo *undo = undos;

	while (undo < undos + ARRAY_SIZE(undos) - 1 && undo->name && strcmp(undo->name, name) != 0)
		undo++;
	return undo;
}

/* Give a variable a value, or none, and remember what it had at first. */
static int change(const char *name, const char *value)
{
	struct undo *undo = undo_of(name);
	const char *now = env_raw(name);
	char *before = NULL, *given = NULL;

	if (same(now, value))
		return 0;
	if (!undo->name && now && !(before = strdup(now)))
		return -ENOMEM;
	if ((value && !(given = strdup(value))) || set_or_unset(name, value) < 0) {
		free(before);
		free(given);
		return -ENOMEM;
	}
	if (!undo->name)
		undo->before = before;
	free(undo->given);
	undo->given = given;
	undo->name = name;
	return 0;
}

_public_ int cgtune_apply(const struct cgtune_plan *theirs)
{
	struct cgtune_plan plan;
	struct table table;
	int r = util_struct_check(theirs, sizeof(plan));

	if (r < 0)
		return r;
	memcpy(&plan, theirs, sizeof(plan));
	if (!plan.threads || !plan.cpus)
		return -EINVAL;
	if (env_is_secure())		/* what the user has set cannot be told from what is ours */
		return 0;
	table_make(&(struct table_input){
		.plan = &plan, .memory = CGTUNE_UNLIMITED,
		.groups = ENV_GROUP_BIT(ENV_GROUP_DEFAULT), .known = ENV_GROUP_BIT(ENV_GROUP_DEFAULT),
	}, &table);
	for (unsigned i = 0; i < table.count && r == 0; i++)
		r = change(table.changes[i].name, table.changes[i].value);
	if (r < 0) {
		cgtune_undo();
		return r;
	}
	if (plan.flags & CGTUNE_CALL_RUNTIMES && plan.tuned & CGTUNE_CPU)
		runtimes_call(plan.threads);
	return 0;
}

/* A value that somebody has changed since is theirs. */
static int take_back(struct undo *undo)
{
	int r = 0;

	if (undo->name && same(env_raw(undo->name), undo->given))
		r = set_or_unset(undo->name, undo->before);
	forget(undo);
	return r;
}

_public_ int cgtune_undo(void)
{
	int r = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(undos); i++)
		if (take_back(&undos[i]) < 0)
			r = -ENOMEM;
	runtimes_undo();
	return r;
}
