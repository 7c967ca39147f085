# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_wsgi - the middleware behind a real server with a thread for each request, and clients that go"""

import http.client
import socket
import socketserver
import threading
import unittest
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import cgtune
from cgtune.wsgi import Middleware
from test_limiter import wait_until


class Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """A client that is gone is no news."""


class Handler(WSGIRequestHandler):
    def log_message(self, *_arguments):
        pass


class Wsgi(unittest.TestCase):
    def serve(self, application, limiter, **arguments):
        server = make_server("127.0.0.1", 0, Middleware(application, limiter, **arguments), Server, Handler)
        self.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()

        def stop():
            server.shutdown()
            server.server_close()
            thread.join()

        self.addCleanup(stop)

    def get(self, path="/"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def test_refused_with_reason_and_time_a_health_check_goes_by(self):
        limiter = cgtune.Limiter(1, status=429, retry_after=3)
        gate = threading.Event()
        self.addCleanup(gate.set)

        def application(environ, start_response):
            if environ["PATH_INFO"] == "/slow":
                gate.wait(60)
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"done"]

        self.serve(application, limiter, bypass=["/healthz"])
        slow = []
        client = threading.Thread(target=lambda: slow.append(self.get("/slow")))
        client.start()
        self.assertTrue(wait_until(lambda: limiter.stats().inflight == 1))
        status, headers, body = self.get()
        self.assertEqual((status, headers["Retry-After"], headers["X-Cgtune-Reject"]), (429, "3", "capacity"))
        self.assertEqual((headers["Content-Length"], body), (str(len(body)), b"server capacity exceeded\n"))
        self.assertEqual(self.get("/healthz")[::2], (200, b"done"))
        gate.set()
        client.join()
        self.assertEqual(slow[0][::2], (200, b"done"))
        self.assertTrue(wait_until(lambda: limiter.stats().inflight == 0))
        self.assertEqual(self.get()[::2], (200, b"done"))

    def test_whose_time_is_up_and_who_comes_when_it_is_closed(self):
        limiter = cgtune.Limiter(1, 5)
        self.serve(lambda _environ, _start: [b""], limiter, timeout=0.001)
        with limiter.acquire():
            status, headers, _body = self.get()
            self.assertEqual((status, headers["X-Cgtune-Reject"]), (503, "timeout"))
        limiter.close()
        self.assertEqual(self.get()[1]["X-Cgtune-Reject"], "closed")

    def test_concurrent_requests_stay_below_the_limit(self):
        limiter = cgtune.Limiter(3, 1000)
        lock, inside, most = threading.Lock(), 0, 0

        def application(_environ, start_response):
            nonlocal inside, most
            with lock:
                inside += 1
                most = max(most, inside)
            start_response("200 OK", [("Content-Type", "text/plain")])
            yield b"a"
            yield b"b"
            with lock:
                inside -= 1

        self.serve(application, limiter)
        answers = []
        clients = [threading.Thread(target=lambda: answers.extend(self.get()[::2] for _ in range(5))) for _ in range(16)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        self.assertEqual(answers, [(200, b"ab")] * 80)
        self.assertLessEqual(most, 3)
        self.assertTrue(wait_until(lambda: limiter.stats().inflight == 0))
        self.assertEqual(limiter.stats().admitted, 80)

    def test_a_client_that_goes_gives_its_slot_back(self):
        limiter = cgtune.Limiter(1, retry_after=3)

        def application(_environ, start_response):
            start_response("200 OK", [("Content-Type", "application/octet-stream")])
            while True:  # ends when the server cannot write any more
                yield bytes(65536)

        self.serve(application, limiter)
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            self.assertTrue(client.recv(1))
            self.assertEqual(limiter.stats().inflight, 1)
        self.assertTrue(wait_until(lambda: limiter.stats().inflight == 0))

    def test_an_application_that_fails_gives_its_slot_back(self):
        limiter = cgtune.Limiter(1)

        def application(_environ, _start_response):
            raise TimeoutError("of the test")

        with self.assertRaises(TimeoutError):
            Middleware(application, limiter)({}, None)
        stats = limiter.stats()
        self.assertEqual((stats.inflight, stats.dropped), (0, 1))

    def test_a_server_that_forgets_to_close(self):
        limiter = cgtune.Limiter(1)
        body = Middleware(lambda _environ, _start: iter([b"x"]), limiter)({}, None)
        self.assertEqual((list(body), limiter.stats().inflight), ([b"x"], 1))
        del body
        self.assertEqual(limiter.stats().inflight, 0)

    def test_the_response_is_closed_once_it_is_read(self):
        closed = []

        class Body(list):
            def close(self):
                closed.append(self)

        limiter = cgtune.Limiter(1)
        body = Middleware(lambda _environ, _start: Body([b"x"]), limiter, bypass=lambda _environ: True)({}, None)
        self.assertEqual(list(body), [b"x"])
        body.close()
        self.assertEqual((len(closed), limiter.stats().inflight, limiter.stats().bypassed), (1, 0, 1))


if __name__ == "__main__":
    unittest.main()
