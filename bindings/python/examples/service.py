#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""service - a pool of threads, a cache and a WSGI server of the sizes that the container has room for"""

import socketserver
from wsgiref.simple_server import WSGIServer, make_server

import cgtune
import cgtune.futures
import cgtune.wsgi

cgtune.init()                                     # before the first thread
pool = cgtune.futures.thread_pool()
cache_bytes = cgtune.memory_share(250) or 1 << 30
limiter = cgtune.Limiter(status=429)


def application(environ, start_response):
    result = pool.submit(sum, range(1000)).result()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{result}\n".encode()]


class Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


def main():
    application_limited = cgtune.wsgi.Middleware(application, limiter, bypass=["/healthz"])
    with cgtune.watch(lambda change: print(change, flush=True)), \
            make_server("127.0.0.1", 0, application_limited, Server) as server:
        print(f"{cgtune.threads()} threads, cache of {cache_bytes} bytes, listening on {server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
