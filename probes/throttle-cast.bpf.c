/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* throttle-cast.bpf - the rung tracepoint where numbers can be made typed pointers: without bpf_probe_read_kernel */
#define CAST
#include "tracepoint.bpf.h"
