/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* runtimes - thread counts of libraries that are already loaded, for which a variable comes too late */
#ifndef CGTUNE_RUNTIMES_H
#define CGTUNE_RUNTIMES_H

#include <stdint.h>

/* Call OpenMP, OpenBLAS, MKL and malloc, each where it is loaded. */
void runtimes_call(uint32_t threads);

/* Give them back the counts that they had. */
void runtimes_undo(void);

#endif
