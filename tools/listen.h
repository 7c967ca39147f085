/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* listen - the socket that a server of this command listens on */
#ifndef CGTUNE_LISTEN_H
#define CGTUNE_LISTEN_H

#include <netdb.h>

/* Of "ADDR:PORT", "[ADDR]:PORT", ":PORT" or "PORT", in figures; without ADDR 127.0.0.1. Ends with wrong usage. */
struct addrinfo *listen_resolve(const char *text);

/*
 * Listen on that, or on "unix:PATH" for the owner and the group, and say where on standard output.
 * A descriptor that does not block; -1: said why not.
 */
int listen_on(const char *text, int backlog);

/* Remove what listen_on() made: the name of a socket in the file system. */
void listen_end(const char *text);

#endif
