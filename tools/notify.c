/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* notify - what a service manager is told, by the protocol of sd_notify(3) */
#include "notify.h"

#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int manager = -1;

void notify_open(void)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t n = name ? strlen(name) : 0;

	if (n < 2 || n >= sizeof(address.sun_path) || (*name != '/' && *name != '@'))
		return;
	memcpy(address.sun_path, name, n);
	if (*name == '@')			/* an abstract one (unix(7)) */
		address.sun_path[0] = '\0';
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (manager >= 0 && connect(manager, (struct sockaddr *)&address,
				    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0) {
		close(manager);
		manager = -1;
	}
}

void notify_send(const char *state)
{
	if (manager >= 0)
		send(manager, state, strlen(state), MSG_NOSIGNAL);
}

int notify_watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	unsigned long long us = usec ? strtoull(usec, NULL, 10) : 0;

	if (us < 2000 || (pid && strtoll(pid, NULL, 10) != getpid()))
		return -1;
	return us / 2000 < INT_MAX ? (int)(us / 2000) : INT_MAX;
}
