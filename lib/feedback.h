/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* feedback - limiters that follow the process: its limits, and what the CPU quota does to it */
#ifndef CGTUNE_FEEDBACK_H
#define CGTUNE_FEEDBACK_H

#include "process.h"

/* How often to tick for adaptive limiters; 0: there is none, or no quota. With the process's lock. */
uint64_t feedback_window_ns(const struct process *process);

/* The limits have changed: resize. Without any lock, as callbacks of limiters may be made. */
void feedback_resize(void);

/* Time has passed: adapt, once a window is over. Likewise. */
void feedback_tick(void);

#endif
