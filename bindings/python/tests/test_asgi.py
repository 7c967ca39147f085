# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_asgi - the middleware driven as a server drives it: requests, bodies and disconnects are what this test says"""

import asyncio
import unittest

import cgtune
from cgtune.asgi import READ_AHEAD, Middleware
from test_limiter import until

GONE = {"type": "http.disconnect"}


def chunk(data=b"", more=False):
    return {"type": "http.request", "body": data, "more_body": more}


class Client:
    """One request: what it sends stands in a queue, what it is answered in a list."""

    def __init__(self, application, *messages, path="/", kind="http"):
        self._messages = asyncio.Queue()
        for message in messages or (chunk(),):
            self._messages.put_nowait(message)
        self.sent = []
        self.task = asyncio.ensure_future(application({"type": kind, "path": path}, self._messages.get, self._send))

    async def _send(self, message):
        self.sent.append(message)

    def say(self, message):
        self._messages.put_nowait(message)

    @property
    def status(self):
        return self.sent[0]["status"]

    @property
    def headers(self):
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def body(self):
        return b"".join(message["body"] for message in self.sent[1:])


async def read(receive):
    """A body, to its end; or None when the client is gone."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message["body"])
        if not message["more_body"]:
            return b"".join(parts)


class Asgi(unittest.TestCase):
    def drive(self, coroutine):
        asyncio.run(asyncio.wait_for(coroutine, 120))

    def make(self, limiter, **arguments):
        """An application that echoes when the gate is open."""
        self.gate = asyncio.Event()
        self.served = 0

        async def application(_scope, receive, send):
            body = await read(receive)
            await self.gate.wait()
            self.served += 1
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body or b""})

        return Middleware(application, limiter, **arguments)

    def idle(self, limiter):
        stats = limiter.stats()
        self.assertEqual((stats.inflight, stats.waiting), (0, 0))
        self.assertEqual(cgtune._limiter._waiting, {})

    def test_served_waits_and_refused_while_the_loop_runs(self):
        async def main():
            limiter = cgtune.Limiter(1, 1, status=429, retry_after=3)
            application = self.make(limiter, bypass=["/healthz"])
            first = Client(application, chunk(b"one"))
            second = Client(application, chunk(b"t", True), chunk(b"wo"))
            self.assertTrue(await until(lambda: limiter.stats().waiting == 1))
            third = Client(application)
            await third.task
            self.assertEqual(third.status, 429)
            self.assertEqual((third.headers["retry-after"], third.headers["x-cgtune-reject"]), ("3", "capacity"))
            self.assertEqual(third.headers["content-length"], str(len(third.body)))
            healthy = Client(application, path="/healthz")
            self.assertTrue(await until(lambda: limiter.stats().bypassed == 1))
            self.gate.set()
            await asyncio.gather(first.task, second.task, healthy.task)
            self.assertEqual((first.status, first.body, second.status, second.body), (200, b"one", 200, b"two"))
            self.idle(limiter)

        self.drive(main())

    def test_a_client_that_goes_while_it_waits_leaves_the_queue(self):
        async def main():
            limiter = cgtune.Limiter(1, 1)
            application = self.make(limiter)
            first = Client(application)
            second = Client(application, chunk(b"x", True))
            self.assertTrue(await until(lambda: limiter.stats().waiting == 1))
            second.say(GONE)
            await second.task
            self.assertEqual((second.sent, limiter.stats().cancelled, limiter.stats().waiting), ([], 1, 0))
            self.gate.set()
            await first.task
            self.assertEqual(self.served, 1)
            self.idle(limiter)

        self.drive(main())

    def test_a_client_that_goes_while_it_is_served(self):
        async def main():
            limiter = cgtune.Limiter(1, 1)
            application = self.make(limiter)
            self.gate.set()
            client = Client(application, chunk(b"x", True), GONE)
            await client.task
            self.assertEqual(limiter.stats().ok, 1)
            self.gate.clear()
            client = Client(application)
            self.assertTrue(await until(lambda: limiter.stats().inflight == 1))
            client.task.cancel()  # as servers do with a request that is gone
            with self.assertRaises(asyncio.CancelledError):
                await client.task
            self.idle(limiter)

        self.drive(main())

    def test_cancelled_while_it_waits(self):
        async def main():
            limiter = cgtune.Limiter(1, 1)
            application = self.make(limiter)
            first, second = Client(application), Client(application)
            self.assertTrue(await until(lambda: limiter.stats().waiting == 1))
            second.task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await second.task
            self.assertEqual(limiter.stats().waiting, 0)
            self.gate.set()
            await first.task
            self.idle(limiter)

        self.drive(main())

    def test_time_out(self):
        async def main():
            limiter = cgtune.Limiter(1, 1)
            application = self.make(limiter, timeout=0.001)
            first, second = Client(application), Client(application)
            await second.task
            self.assertEqual((second.status, second.headers["x-cgtune-reject"]), (503, "timeout"))
            self.gate.set()
            await first.task
            self.idle(limiter)

        self.drive(main())

    def test_no_more_is_read_ahead_than_is_said(self):
        async def main():
            limiter = cgtune.Limiter(1, 1)
            application = self.make(limiter)
            first = Client(application)
            chunks = [chunk(bytes([i]) * 16384, True) for i in range(20)]
            second = Client(application, *chunks, chunk(b"end"))
            self.assertTrue(await until(lambda: limiter.stats().waiting == 1 and
                                        second._messages.qsize() <= 20 - READ_AHEAD // 16384))
            for _ in range(20):
                await asyncio.sleep(0)
            self.assertEqual(second._messages.qsize(), 20 - READ_AHEAD // 16384)
            self.gate.set()
            await asyncio.gather(first.task, second.task)
            self.assertEqual(second.body, b"".join(one["body"] for one in chunks) + b"end")
            self.idle(limiter)

        self.drive(main())

    def test_an_error_of_the_application_comes_out_also_one_of_another_limiter(self):
        async def main():
            limiter = cgtune.Limiter(1)
            full = cgtune.Limiter(1)

            async def application(_scope, _receive, _send):
                await full.acquire_async()

            with full.acquire():
                client = Client(Middleware(application, limiter))
                with self.assertRaises(cgtune.Rejected):
                    await client.task
            self.assertEqual((client.sent, limiter.stats().ignored), ([], 1))
            self.idle(limiter)

        self.drive(main())

    def test_web_sockets_and_the_life_span_go_by(self):
        async def main():
            limiter = cgtune.Limiter(1)
            seen = []

            async def application(scope, _receive, _send):
                seen.append(scope["type"])

            for kind in ("lifespan", "websocket"):
                await Client(Middleware(application, limiter), kind=kind).task
            self.assertEqual((seen, limiter.stats().admitted), (["lifespan", "websocket"], 0))

        self.drive(main())

    def test_many_clients_some_of_which_go(self):
        async def main():
            limiter = cgtune.Limiter(3, 500)
            application = self.make(limiter)
            self.gate.set()
            clients = [Client(application, chunk(b"x", number % 5 == 0)) for number in range(200)]
            await asyncio.sleep(0)
            for client in clients[::5]:
                client.say(GONE)
            await asyncio.gather(*(client.task for client in clients))
            self.assertEqual([client.body for client in clients if client not in clients[::5]], [b"x"] * 160)
            self.idle(limiter)

        self.drive(main())


if __name__ == "__main__":
    unittest.main()
