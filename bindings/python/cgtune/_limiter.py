# SPDX-License-Identifier: LGPL-2.1-or-later
"""_limiter - the admission limiter: slots that are given back, whatever happens"""

import ctypes
import enum
import errno
import itertools
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Tuple, Type

from . import _abi
from ._abi import lib
from ._core import Error, check

if TYPE_CHECKING:
    from ._aio import Timers

FOR_EVER_MS = 2 ** 32 - 1


class Counting(enum.IntEnum):
    CHI = 0
    GTS = 1


class Order(enum.IntEnum):
    FIFO = 0
    LIFO = 1


class Mode(enum.IntEnum):
    STATIC = 0
    ADAPTIVE = 1


class LimiterFlag(enum.IntFlag):
    NONE = 0
    DRY_RUN = 1
    BIND_PROCESS = 2
    UNLIMITED = 4
    RETRY_AUTO = 8


class RequestFlag(enum.IntFlag):
    NONE = 0
    BYPASS = 1
    NOWAIT = 2


class Outcome(enum.IntEnum):
    OK = 0
    IGNORED = 1
    DROPPED = 2


class Rejected(Error):
    """The limiter refused: reason is "capacity", "timeout", "closed" or "memory"."""

    def __init__(self, result: int) -> None:
        super().__init__(result)
        self.reason = str(lib.limiter_reason(result).decode())


@dataclass(frozen=True)
class Stats:
    """struct cgtune_limiter_stats. limit 2**32 - 1: all are admitted."""

    name: str
    limit: int
    limit_static: int
    backlog: int
    inflight: int
    waiting: int
    status: int
    admitted: int
    bypassed: int
    waited: int
    ok: int
    ignored: int
    dropped: int
    cancelled: int
    rejected_capacity: int
    rejected_timeout: int
    rejected_closed: int
    rejected_memory: int
    resized: int
    wait_ns: int
    wait_hist: Tuple[int, ...]


class Slot:
    """A request that was admitted. Given back once: by release(), finish(), `with`, or when it is forgotten."""

    __slots__ = ("_held",)

    def __init__(self, limiter: "Limiter") -> None:
        self._held = [limiter]

    def finish(self, outcome: Outcome = Outcome.OK) -> None:
        """Leave, and say how it ended; a second time it is nothing."""
        try:
            limiter = self._held.pop()  # atomic, whatever thread is here too
        except IndexError:
            return
        lib.limiter_finish(limiter._pointer, outcome)

    release = finish

    def finish_with(self, error: Optional[BaseException]) -> None:
        """Leave; an exception says nothing about the load, a time-out says that there is too much."""
        if error is None:
            self.finish()
        else:
            self.finish(Outcome.DROPPED if isinstance(error, TimeoutError) else Outcome.IGNORED)

    def __enter__(self) -> "Slot":
        return self

    def __exit__(self, _type: Optional[Type[BaseException]], error: Optional[BaseException],
                 _traceback: Optional[TracebackType]) -> None:
        self.finish_with(error)

    def __del__(self) -> None:
        self.finish(Outcome.IGNORED)


class Waiting:
    """A request of Limiter.submit(); it holds what the library points to until it was answered."""

    def __init__(self, limiter: "Limiter", answered: Callable[[int], None], request: _abi.Request) -> None:
        self._limiter = limiter
        self._answered = answered
        self._waiter = _abi.Waiter(request=request)
        self._submitter: Optional[int] = None
        self.result: Optional[int] = None  #: of a request that was answered within submit()

    def _submit(self) -> None:
        key = next(_keys)
        self._key = self._waiter.user = key
        _waiting[key] = self
        self._submitter = threading.get_ident()
        result = lib.limiter_async(self._limiter._pointer, ctypes.byref(self._waiter), _granted_native)
        self._submitter = None
        if result < 0:
            del _waiting[key]
            self.result = result

    def _answer(self, result: int) -> None:
        if self._submitter == threading.get_ident():
            self.result = result
        else:
            self._answered(result)

    def cancel(self) -> bool:
        """Wait no longer. False: it was or will be answered, and a slot may have to be given back."""
        if self.result is not None or lib.limiter_cancel(self._limiter._pointer, ctypes.byref(self._waiter)) != 1:
            return False
        _waiting.pop(self._key, None)
        return True


_keys = itertools.count(1)
_waiting: Dict[int, Waiting] = {}


def _granted(pointer: Any, result: int) -> None:
    _waiting.pop(pointer.contents.user)._answer(result)


_granted_native = _abi.GrantedFn(_granted)


# Limiters that nobody has any more. The interpreter may find that out within a callback that the library makes
# with a lock held that cgtune_limiter_free() takes: they are freed when the next one is made.
_forgotten: List[Any] = []


class Limiter:
    """Admit `limit` requests at once, let `backlog` wait, refuse the rest.

    Without a limit it is sized from the limits of the process, which it follows where dispatch() or watch() sees
    them change; with one the backlog is taken as given. Times are in seconds.
    """

    def __init__(self, limit: int = 0, backlog: int = 0, *, name: str = "default", multiplier: int = 0,
                 backlog_timeout: Optional[float] = 0, retry_after: int = 0, counting: Counting = Counting.CHI,
                 order: Order = Order.FIFO, mode: Mode = Mode.STATIC, minimum: int = 0, maximum: int = 0,
                 status: int = 503, flags: LimiterFlag = LimiterFlag.NONE, mem_per_request: int = 0) -> None:
        while _forgotten:
            lib.limiter_free(_forgotten.pop())
        self._pointer = ctypes.c_void_p()
        self.status = status
        self._timers: Optional["Timers"] = None
        if not limit:
            flags |= LimiterFlag.BIND_PROCESS
        options = _abi.LimiterOptions(
            name=name.encode(), limit=limit, backlog=backlog, multiplier=multiplier,
            backlog_timeout_ms=_milliseconds(backlog_timeout, FOR_EVER_MS), retry_after_s=retry_after,
            counting=counting, order=order, mode=mode, min=minimum, max=maximum, status=status, flags=flags,
            mem_per_request=mem_per_request)
        check(lib.limiter_new(ctypes.byref(options), ctypes.byref(self._pointer)))

    def __del__(self) -> None:
        if getattr(self, "_pointer", None):
            _forgotten.append(self._pointer)

    def acquire(self, timeout: Optional[float] = None, *, priority: int = 0, bypass: bool = False) -> Slot:
        """Be admitted, now or after waiting for timeout (None: the backlog timeout; 0: not at all), or Rejected.

        Other threads run meanwhile; signal handlers of Python only after it, as in any call of C.
        """
        request = request_of(timeout, priority, bypass)
        result = lib.limiter_acquire_as(self._pointer, ctypes.byref(request))
        return self._slot(result)

    async def acquire_async(self, timeout: Optional[float] = None, *, priority: int = 0, bypass: bool = False) -> Slot:
        """acquire() for a task of asyncio, whose loop runs meanwhile; a task that is cancelled leaves no slot behind."""
        from ._aio import acquire

        return await acquire(self, request_of(timeout, priority, bypass))

    def submit(self, answered: Callable[[int], None], timeout: Optional[float] = None, *, priority: int = 0,
               bypass: bool = False) -> Waiting:
        """For other event loops: a request without a thread.

        Either its result is set when this returns, or answered(result) is called once, on any thread: 0 and
        slot(result) is the caller's, or a negative errno. Who waits too long is told when expire() is called.
        """
        return self._submit(answered, request_of(timeout, priority, bypass))

    def _submit(self, answered: Callable[[int], None], request: _abi.Request) -> Waiting:
        waiting = Waiting(self, answered, request)
        waiting._submit()
        return waiting

    def _slot(self, result: int) -> Slot:
        if result == 0:
            return Slot(self)
        raise Rejected(result)

    slot = _slot

    def expire(self) -> Optional[float]:
        """Tell those of submit() whose time is up; seconds until the next one's is, None: nobody's."""
        milliseconds = int(lib.limiter_expire(self._pointer))
        return None if milliseconds < 0 else milliseconds / 1000

    def resize(self, limit: int, backlog: int) -> None:
        """Set both; from now on the limits of the process are not followed."""
        check(lib.limiter_resize(self._pointer, limit, backlog))

    def close(self) -> None:
        """Refuse from now on, and tell all who wait."""
        lib.limiter_close(self._pointer)

    def drain(self, timeout: Optional[float] = None) -> bool:
        """Close, and wait until those who are in have left; False: somebody still is."""
        result = int(lib.limiter_drain(self._pointer, -1 if timeout is None else _milliseconds(timeout, 0)))
        if result < 0 and -result != errno.ETIMEDOUT:
            raise Error(result)
        return result == 0

    def retry_after(self) -> int:
        """Seconds for the header Retry-After."""
        return int(lib.limiter_retry_after(self._pointer))

    def stats(self) -> Stats:
        """Read the counters."""
        raw = _abi.LimiterStats()
        check(lib.limiter_stats(self._pointer, ctypes.byref(raw)))
        values = {name: getattr(raw, name) for name, _ctype in raw._fields_ if name not in ("size", "name", "wait_hist")}
        return Stats(name=raw.name.decode(), wait_hist=tuple(raw.wait_hist), **values)


def _milliseconds(seconds: Optional[float], for_ever: int) -> int:
    """Rounded up, so that the shortest time is not none."""
    if seconds is None:
        return for_ever
    if seconds < 0:
        raise ValueError("a time below 0")
    return min(int(-(-seconds * 1000 // 1)), 2 ** 31 - 1)


def request_of(timeout: Optional[float], priority: int, bypass: bool) -> _abi.Request:
    flags = RequestFlag.BYPASS if bypass else RequestFlag.NONE
    if timeout == 0:
        flags |= RequestFlag.NOWAIT
    return _abi.Request(priority=priority, timeout_ms=0 if timeout is None else _milliseconds(timeout, 0), flags=flags)


__all__ = [
    "Counting", "Limiter", "LimiterFlag", "Mode", "Order", "Outcome", "Rejected", "RequestFlag", "Slot", "Stats",
    "Waiting",
]
