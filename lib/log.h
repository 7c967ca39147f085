/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* log - messages to the caller's logger, to stderr where CGTUNE_LOG asks, else to nobody */
#ifndef CGTUNE_LOG_H
#define CGTUNE_LOG_H

#include "cgtune.h"
#include "env.h"

/* Take the level that the environment asks for. */
void log_configure(const struct env *env);

/* Whether a message of this level would go anywhere; a logger is asked for no debugging. */
bool log_wants(int level);

void log_message(int level, const char *text);

/* A cgtune_report_fn that logs: "FILE or VARIABLE=value: sentence"; what is no warning, for debugging. */
void log_report(const struct cgtune_report *report, void *user);

#endif
