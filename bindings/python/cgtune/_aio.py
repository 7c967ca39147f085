# SPDX-License-Identifier: LGPL-2.1-or-later
"""_aio - to be admitted in asyncio: grants come on any thread, time-outs by the loop's timer"""

import asyncio
import weakref
from typing import TYPE_CHECKING

from . import _abi
from ._limiter import Outcome, Slot

if TYPE_CHECKING:
    from ._limiter import Limiter


class Timers:
    """One timer for each loop in which somebody waits: nobody else tells them that their time is up."""

    def __init__(self, limiter: "Limiter") -> None:
        self._limiter = weakref.ref(limiter)
        self._handles: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.TimerHandle]" = \
            weakref.WeakKeyDictionary()

    def tick(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tell whose time is up, and come again when the next one's is."""
        limiter = self._limiter()
        handle = self._handles.pop(loop, None)
        if handle is not None:
            handle.cancel()
        seconds = None if limiter is None else limiter.expire()
        if seconds is not None:
            self._handles[loop] = loop.call_later(seconds, self.tick, loop)

    def runs(self, loop: asyncio.AbstractEventLoop) -> bool:
        return loop in self._handles


class Admission:
    """A request of the running loop's: its future has a slot, or Rejected, when it was answered."""

    def __init__(self, limiter: "Limiter", request: _abi.Request) -> None:
        self._limiter = limiter
        self._loop = asyncio.get_running_loop()
        self.future: "asyncio.Future[Slot]" = self._loop.create_future()
        self._waiting = limiter._submit(self._answered, request)
        if self._waiting.result is not None:
            self._settle(self._waiting.result)
        else:
            self._arm(request)

    def _arm(self, request: _abi.Request) -> None:
        if self._limiter._timers is None:
            self._limiter._timers = Timers(self._limiter)
        # Those who wait as long as the one before are due after it: the timer that runs is early enough.
        if request.timeout_ms or not self._limiter._timers.runs(self._loop):
            self._limiter._timers.tick(self._loop)

    def _answered(self, result: int) -> None:
        """On any thread."""
        try:
            self._loop.call_soon_threadsafe(self._settle, result)
        except RuntimeError:  # the loop is closed
            self._forget(result)

    def _settle(self, result: int) -> None:
        if self.future.done():  # its task is gone
            self._forget(result)
            return
        try:
            self.future.set_result(self._limiter.slot(result))
        except OSError as error:
            self.future.set_exception(error)

    def _forget(self, result: int) -> None:
        if result == 0:
            self._limiter.slot(result).finish(Outcome.IGNORED)

    def abandon(self) -> None:
        """Leave nothing behind: neither a waiter nor a slot."""
        if self.future.cancel() or self.future.cancelled():
            self._waiting.cancel()  # if the grant won the race, _settle() gives it back
        elif self.future.exception() is None:
            self.future.result().finish(Outcome.IGNORED)


async def acquire(limiter: "Limiter", request: _abi.Request) -> Slot:
    admission = Admission(limiter, request)
    try:
        return await admission.future
    except asyncio.CancelledError:
        admission.abandon()
        raise
