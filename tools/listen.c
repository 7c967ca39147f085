/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* listen - the socket that a server of this command listens on */
#include "listen.h"
#include "tool.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define UNIX "unix:"

struct addrinfo *listen_resolve(const char *text)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	char room[128], *colon;
	const char *port = room, *address = "127.0.0.1";
	int r;

	if (strlen(text) >= sizeof(room))
		tool_usage(text, "is too long for an address and a port");
	strcpy(room, text);
	colon = strrchr(room, ':');
	if (colon) {
		port = colon + 1;
		*colon = '\0';
		if (colon > room)
			address = room;
		if (*room == '[' && colon[-1] == ']') {
			colon[-1] = '\0';
			address = room + 1;
		}
	}
	/* getaddrinfo(3) takes a greater number for what its lower 16 bits are. */
	r = *port && strtoul(port, NULL, 10) <= UINT16_MAX ? getaddrinfo(address, port, &hints, &found) : EAI_NONAME;
	if (r == EAI_MEMORY || r == EAI_SYSTEM || r == EAI_AGAIN)
		exit(tool_failed(text, r == EAI_SYSTEM ? -errno : r == EAI_MEMORY ? -ENOMEM : -EAGAIN));
	if (r)
		tool_usage(text, "wants an address and a port in figures, such as 127.0.0.1:9778 or [::1]:9778");
	return found;
}

/* The path of a socket in the file system, or NULL. */
static const char *path_of(const char *text)
{
	return strncmp(text, UNIX, sizeof(UNIX) - 1) == 0 ? text + sizeof(UNIX) - 1 : NULL;
}

static int say_error(const char *text, int error)
{
	fprintf(stderr, "cgtune: %s: %s\n", text, strerror(error));
	return -1;
}

/* A socket that a server left which was killed: nobody answers there. */
static void remove_stale(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat st;

	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 && errno == ECONNREFUSED &&
	    lstat(address->sun_path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(address->sun_path);
	close(fd);
}

static int listen_unix(const char *text, const char *path, int backlog)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t mask;
	int fd, error = 0;

	if (!*path || strlen(path) >= sizeof(address.sun_path))
		tool_usage(text, "is no path of a socket");
	strcpy(address.sun_path, path);
	remove_stale(&address);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	mask = umask(0117);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, backlog) < 0)
		error = errno;
	umask(mask);
	if (!error) {
		printf("listening on %s\n", text);
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return say_error(text, error);
}

static int listen_address(const char *text, int backlog)
{
	struct addrinfo *where = listen_resolve(text);
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);
	char host[NI_MAXHOST], port[NI_MAXSERV];
	int one = 1, fd = socket(where->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error = 0;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, where->ai_addr, where->ai_addrlen) < 0 || listen(fd, backlog) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		error = errno;
	freeaddrinfo(where);
	if (error && fd >= 0)
		close(fd);
	if (error)
		return say_error(text, error);
	getnameinfo((struct sockaddr *)&address, size, host, sizeof(host), port, sizeof(port),
		    NI_NUMERICHOST | NI_NUMERICSERV);
	printf("listening on %s%s%s:%s\n", strchr(host, ':') ? "[" : "", host, strchr(host, ':') ? "]" : "", port);
	return fd;
}

int listen_on(const char *text, int backlog)
{
	const char *path = path_of(text);
	int fd = path ? listen_unix(text, path, backlog) : listen_address(text, backlog);

	fflush(stdout);
	return fd;
}

void listen_end(const char *text)
{
	const char *path = path_of(text);

	if (path)
		unlink(path);
}
