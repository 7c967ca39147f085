# SPDX-License-Identifier: LGPL-2.1-or-later
"""wsgi - admission for a WSGI application (PEP 3333), for servers with a thread for each request

    application = cgtune.wsgi.Middleware(application, cgtune.Limiter(status=429), bypass=["/healthz"])
"""

from typing import Any, Callable, Dict, Iterable, Iterator, Optional

from ._http import Bypass, goes_by, refusal
from ._limiter import Limiter, Rejected, Slot

Environ = Dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


class _Body:
    """A response; its slot is given back when the server closes it, which it also does when the client is gone."""

    def __init__(self, chunks: Iterable[bytes], slot: Slot) -> None:
        self._chunks = chunks
        self._slot = slot  # which gives itself back if the server forgets to close

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._chunks)

    def close(self) -> None:
        try:
            close = getattr(self._chunks, "close", None)
            if close is not None:
                close()
        finally:
            self._slot.release()


class Middleware:
    """Requests wait on the server's thread; those that are refused get 503, or limiter.status."""

    def __init__(self, app: Application, limiter: Optional[Limiter] = None, *, bypass: "Bypass[Environ]" = (),
                 timeout: Optional[float] = None) -> None:
        self.app = app
        self.limiter = Limiter() if limiter is None else limiter
        self._bypass = bypass
        self._timeout = timeout

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        bypass = goes_by(self._bypass, environ, environ.get("PATH_INFO", ""))
        try:
            slot = self.limiter.acquire(self._timeout, bypass=bypass)
        except Rejected as rejected:
            status, headers, body = refusal(self.limiter, rejected)
            start_response(status, headers)
            return [body]
        try:
            return _Body(self.app(environ, start_response), slot)
        except BaseException as error:
            slot.finish_with(error)
            raise
