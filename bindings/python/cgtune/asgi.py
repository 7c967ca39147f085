# SPDX-License-Identifier: LGPL-2.1-or-later
"""asgi - admission for an ASGI application; a request that waits is a task, never a thread

    application = cgtune.asgi.Middleware(application, cgtune.Limiter(status=429), bypass=["/healthz"])

Requests of HTTP are admitted; web sockets and the life span go by.
"""

import asyncio
from collections import deque
from typing import Any, Awaitable, Callable, Deque, List, MutableMapping, Optional

from ._aio import Admission
from ._http import Bypass, goes_by, refusal
from ._limiter import Limiter, Rejected, Slot, request_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

READ_AHEAD = 65536  #: bytes of a request's body that are read to see the client go, while it waits


class _Disconnected(Exception):
    pass


async def _end(future: "asyncio.Future[Any]") -> None:
    """Cancel it, and wait until it has ended; how, nobody wants to know."""
    future.cancel()
    await asyncio.wait([future])
    if not future.cancelled():
        future.exception()


class _Reader:
    """Reads ahead while a request waits, as only that tells that the client is gone; no message is lost."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._messages: Deque[Message] = deque()
        self._next: "Optional[asyncio.Future[Message]]" = None

    async def watch(self) -> None:
        """Raise _Disconnected when the client is gone; return when so much was read that no more should be."""
        read = 0
        while read <= READ_AHEAD:
            message = await self._one()
            if message["type"] == "http.disconnect":
                raise _Disconnected
            self._messages.append(message)
            read += len(message.get("body", b""))

    async def _one(self) -> Message:
        if self._next is None:
            self._next = asyncio.ensure_future(self._receive())
        message = await asyncio.shield(self._next)
        self._next = None
        return message

    async def _receive_rest(self) -> Message:
        return self._messages.popleft() if self._messages else await self._one()

    def rest(self) -> Receive:
        """What the application receives by."""
        return self._receive_rest if self._messages or self._next is not None else self._receive

    async def end(self) -> None:
        if self._next is not None:
            await _end(self._next)


class Middleware:
    """Requests wait without blocking the loop; those that are refused get 503, or limiter.status."""

    def __init__(self, app: Application, limiter: Optional[Limiter] = None, *, bypass: "Bypass[Scope]" = (),
                 timeout: Optional[float] = None) -> None:
        self.app = app
        self.limiter = Limiter() if limiter is None else limiter
        self._bypass = bypass
        self._timeout = timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        reader = _Reader(receive)
        try:
            await self._serve(scope, reader, send)
        finally:
            await reader.end()

    async def _serve(self, scope: Scope, reader: _Reader, send: Send) -> None:
        try:
            slot = await self._admit(scope, reader)
        except Rejected as rejected:
            await self._refuse(rejected, send)
            return
        except _Disconnected:
            return
        with slot:
            await self.app(scope, reader.rest(), send)

    async def _admit(self, scope: Scope, reader: _Reader) -> Slot:
        """Be admitted, unless the client goes first."""
        bypass = goes_by(self._bypass, scope, scope.get("path", ""))
        admission = Admission(self.limiter, request_of(self._timeout, 0, bypass))
        try:
            if not admission.future.done():
                await self._watch(admission, reader)
            return await admission.future
        except BaseException:
            admission.abandon()
            raise

    async def _watch(self, admission: Admission, reader: _Reader) -> None:
        watch = asyncio.ensure_future(reader.watch())
        try:
            both: "List[asyncio.Future[Any]]" = [admission.future, watch]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if watch.done():
                watch.result()
        finally:
            await _end(watch)

    async def _refuse(self, rejected: Rejected, send: Send) -> None:
        _line, headers, body = refusal(self.limiter, rejected)
        raw = [(name.lower().encode(), value.encode()) for name, value in headers]
        await send({"type": "http.response.start", "status": self.limiter.status, "headers": raw})
        await send({"type": "http.response.body", "body": body})
