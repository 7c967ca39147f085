/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* notify - what a service manager is told, by the protocol of sd_notify(3) */
#ifndef CGTUNE_NOTIFY_H
#define CGTUNE_NOTIFY_H

/* Find the manager, while this process may: to be called before it gives up a right. */
void notify_open(void);

/* "READY=1", "STOPPING=1", "WATCHDOG=1": a datagram to NOTIFY_SOCKET; without one nothing is done. */
void notify_send(const char *state);

/* How often a sign of life is due, twice as often as WATCHDOG_USEC says, in milliseconds; -1: it is not. */
int notify_watchdog_ms(void);

#endif
