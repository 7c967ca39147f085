/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* usdt-seen - what usdt.bpf.c and real-usdt.c share */
#ifndef CGTUNE_TESTS_USDT_SEEN_H
#define CGTUNE_TESTS_USDT_SEEN_H

enum usdt_point { USDT_LIMIT_CHANGE, USDT_THROTTLE, USDT_ADMIT_FULL, USDT_ADMIT_TIMEOUT, USDT_POINTS };
#define USDT_ARGUMENTS 5

struct usdt_seen {
	unsigned long long count, argument_count, arguments[USDT_ARGUMENTS];
	char name[16];			/* what the first argument points to, where it does */
};

#endif
