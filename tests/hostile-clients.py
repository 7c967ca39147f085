#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# hostile-clients.py - clients that a server must survive: silent, slow, deaf, malformed, endless, and 10,000 at once
#
# usage: hostile-clients.py [OPTION...] ADDR:PORT CASE      exit status 0: it was survived; else one line says how not
#        hostile-clients.py [--http PATH] --list            the names of the cases, a line each
#
#   --http PATH      it speaks HTTP, and says something good to "GET PATH"; else it says that to whoever connects
#   --expect REGEX   what is good, anywhere in the answer (default: anything)
#   --pid PID        of the server: at the end it has as many descriptors as at the beginning
#   --most-kib KIB   and never had more memory (VmHWM)
#   --within S       by then it has let everybody go, and answers a good client (60)
#   --some N         so many clients at once (100), in the case "crowd" --crowd N (10000)
#
# Whatever a client does, it is answered or let go in bounded time, and others are served all the while. Nothing here
# depends on how fast anybody is: all waits are for what must come, until --within.
import argparse
import errno
import os
import random
import re
import resource
import select
import socket
import struct
import sys
import time

BIG = 64 << 20      # more than sockets hold: who takes all of it reads without a bound


class Failure(Exception):
    pass


class Server:
    def __init__(self, options):
        host, _, port = options.address.rpartition(":")
        host = host.strip("[]") or "127.0.0.1"
        self.family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.where, self.options = (host, int(port)), options
        self.deadline = time.monotonic() + options.within
        path = (options.http or "").encode()
        self.request = b"GET %b HTTP/1.1\r\nHost: hostile\r\nConnection: close\r\n\r\n" % path if path else b""

    def left(self, what):
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise Failure(f"{what}: not within {self.options.within} s")
        return seconds

    def connect(self, small=False):
        while True:
            s = socket.socket(self.family)
            if small:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            s.settimeout(self.left("a connection"))
            try:
                s.connect(self.where)
                return s
            except ConnectionRefusedError:
                raise Failure("nobody listens any longer") from None
            except (TimeoutError, ConnectionResetError):
                s.close()

    def read_all(self, s, what):
        """To the end of the connection, however that is brought about."""
        answer = b""
        while True:
            s.settimeout(self.left(what))
            try:
                more = s.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                return answer
            if not more or len(answer) > BIG:
                return answer
            answer += more

    def ask(self):
        """A good client: it comes again until it is served."""
        answer = b""
        while True:
            self.left(f"a good client was told {answer[:200]!r} last; an answer")
            with self.connect() as s:
                try:
                    s.sendall(self.request)
                except OSError:
                    continue
                answer = self.read_all(s, "a good client's answer")
            if self.is_good(answer):
                return
            time.sleep(0.05)

    def is_good(self, answer):
        if self.options.http and not re.match(rb"HTTP/1\.[01] 200 ", answer):
            return False
        return bool(answer) and re.search(self.options.expect.encode(), answer) is not None

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.options.pid}/fd")) if self.options.pid else 0

    def settle(self, before):
        """All is as it was."""
        while (now := self.descriptors()) > before:
            self.left(f"{now} descriptors, {before} before; fewer")
            time.sleep(0.05)
        if self.options.pid and self.options.most_kib:
            with open(f"/proc/{self.options.pid}/status", encoding="ascii") as status:
                used = int(re.search(r"VmHWM:\s*(\d+) kB", status.read())[1])
            print(f"# {used} KiB at most")
            if used > self.options.most_kib:
                raise Failure(f"{used} KiB of memory, more than {self.options.most_kib}")


def silent(server):
    idle = [server.connect() for _ in range(server.options.some)]
    server.ask()
    for s in idle:
        server.read_all(s, "the end of a silent client")


def slow(server):
    """Slow-loris: each has always just said something, and never all."""
    text = server.request[:-2] + b"X-Slow: 1\r\n" * 100000 if server.request else b"slow" * 100000
    clients = {}
    for _ in range(server.options.some):
        s = server.connect()
        s.setblocking(False)
        clients[s.fileno()] = s
    server.ask()
    at = 0
    while clients:
        server.left(f"{len(clients)} slow clients: their end")
        for fd, s in list(clients.items()):
            try:
                s.send(text[at:at + 1])
                if s.recv(65536) == b"":
                    del clients[fd]
            except BlockingIOError:
                pass
            except OSError:
                del clients[fd]
        at += 1
        time.sleep(0.1)


def deaf(server):
    """They ask, and do not read. That they are let go is seen in the server's descriptors."""
    clients = [server.connect(small=True) for _ in range(server.options.some)]
    for s in clients:
        try:
            s.sendall(server.request)
        except OSError:
            pass
    server.ask()
    server.settle(server.before)
    for s in clients:
        s.close()


def resets(server):
    for _ in range(10 * server.options.some):
        s = server.connect()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        try:
            s.send(server.request or b"hello\n")
        except OSError:
            pass
        s.close()


def endless(server):
    """It never reads all of what has no end."""
    heads = [(b"", b"x")]
    if server.request:
        post = server.request.replace(b"GET", b"POST")[:-2]
        heads += [(b"GET /", b"x"), (server.request[:-2] + b"X-Long: ", b"x"), (server.request[:-2], b"X-Many: 1\r\n"),
                  (post + b"Content-Length: 1000000000000\r\n\r\n", b"x"),
                  (post + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n")]
    for head, tail in heads:
        with server.connect() as s:
            sent, chunk = 0, tail * (65536 // len(tail))
            try:
                s.sendall(head)
                while sent <= BIG:
                    s.settimeout(server.left(f"after {sent} bytes of {head[:60]!r}: the end"))
                    sent += s.send(chunk)
            except TimeoutError:
                raise Failure(f"{head[:60]!r}: neither read nor ended after {sent} bytes") from None
            except OSError:
                continue
        raise Failure(f"all {sent} bytes of {head[:60]!r} were taken")


def malformed_requests(server):
    good, r = server.request, random.Random(1)
    texts = [b"\0" * 4096, b"\r\n" * 1000, b"\n", b"\xff" * 65536, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 512,
             b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET", b"GET\r\n\r\n", b"GET /\r\n\r\n", b"GET  /  HTTP/1.1\r\n\r\n",
             b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"get / http/1.1\r\nHost: a\r\n\r\n",
             b"X" * 10000 + b" / HTTP/1.1\r\n\r\n", b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
             b"GET /../../../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /%2e%2e/%00/%zz/%s%n HTTP/1.1\r\nHost: a\r\n\r\n",
             b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"]
    if good:
        head, post = good[:-2], good.replace(b"GET", b"POST")[:-2]
        texts += [head + line + b"\r\n\r\n" for line in (
            b"no colon", b": no name", b" folded", b"A: " + b"b" * 100000, b"\0: \0", b"\r\r\r", b"Host: b\r\nHost: c",
            b"Range: bytes=0-18446744073709551615", b"Accept-Encoding: " + b"gzip," * 2000, b"Expect: 100-continue",
            b"\r\n".join(b"N%d: 1" % i for i in range(10000)))]
        texts += [post + line + b"\r\n\r\nabc" for line in (
            b"Content-Length: -1", b"Content-Length: 99999999999999999999999", b"Content-Length: 3\r\nContent-Length: 4",
            b"Content-Length: x", b"Transfer-Encoding: chunked", b"Transfer-Encoding: x", b"Transfer-Encoding: chunked\r\nContent-Length: 3")]
        texts += [post + b"Transfer-Encoding: chunked\r\n\r\n" + chunk for chunk in (
            b"zz\r\n", b"ffffffffffffffffff\r\nx", b"-1\r\n", b"0\r\n" + b"T: 1\r\n" * 5000)]
    texts += [bytes(r.randrange(256) for _ in range(r.randrange(1, 600))) for _ in range(50)]
    for base in [good] * 50 if good else []:
        text = bytearray(base)
        for _ in range(r.randrange(1, 4)):
            text[r.randrange(len(text))] = r.randrange(256)
        texts.append(bytes(text))
    return texts


def malformed(server):
    for text in malformed_requests(server):
        with server.connect() as s:
            try:
                s.sendall(text)
                s.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            answer = server.read_all(s, f"the end after {text[:60]!r}")
        if b"root:" in answer:
            raise Failure(f"{text[:60]!r} was given a file")
        if server.options.http and answer and not answer.startswith(b"HTTP/1."):
            # What is no request at all may be answered without a status line, as HTTP/0.9 was.
            if b"HTTP/1" in text:
                raise Failure(f"{text[:60]!r} was told {answer[:60]!r}")
    server.ask()


def crowd(server):
    """All at once: each is served, refused, or its connection ended."""
    number = server.options.crowd
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    poll, clients, ends = select.epoll(), {}, {}
    for _ in range(number):
        s = socket.socket(server.family)
        s.setblocking(False)
        s.connect_ex(server.where)
        clients[s.fileno()] = [s, b""]
        poll.register(s.fileno(), select.EPOLLOUT)
    while clients:
        for fd, what in poll.poll(server.left(f"{len(clients)} of {number} hear nothing; an answer")):
            client = clients[fd]
            try:
                error = client[0].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if error:
                    raise OSError(error, os.strerror(error))
                if what & select.EPOLLOUT:
                    client[0].send(server.request)
                    poll.modify(fd, select.EPOLLIN)
                    continue
                more = client[0].recv(4096)
                client[1] += more
                if more:
                    continue
                end = "served" if server.is_good(client[1]) else "refused" if client[1] else "ended"
            except OSError as problem:
                end = errno.errorcode.get(problem.errno, "?")
                if end == "ECONNREFUSED":
                    raise Failure("nobody listens any longer") from None
            ends[end] = ends.get(end, 0) + 1
            poll.unregister(fd)
            client[0].close()
            del clients[fd]
    print("#", ", ".join(f"{n} {end}" for end, n in sorted(ends.items())))
    if not ends.get("served"):
        raise Failure("nobody was served")


CASES = {f.__name__: f for f in (silent, slow, deaf, resets, endless, malformed, crowd)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--http")
    parser.add_argument("--expect", default="")
    parser.add_argument("--pid", type=int)
    parser.add_argument("--most-kib", type=int)
    parser.add_argument("--within", type=float, default=60)
    parser.add_argument("--some", type=int, default=100)
    parser.add_argument("--crowd", type=int, default=10000)
    parser.add_argument("address", nargs="?")
    parser.add_argument("case", nargs="?", choices=CASES)
    options = parser.parse_args()
    if options.list:
        print("\n".join(CASES))
        return 0
    server = Server(options)
    try:
        server.ask()
        server.before = server.descriptors()
        CASES[options.case](server)
        server.ask()
        server.settle(server.before)
    except Failure as failure:
        print(f"# {options.case}: {failure}")
        return 1
    return 0


sys.exit(main())
