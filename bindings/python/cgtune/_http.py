# SPDX-License-Identifier: LGPL-2.1-or-later
"""_http - what the middlewares share: who goes by, and what a refusal says"""

import http
from typing import Callable, Collection, List, Tuple, TypeVar, Union

from ._limiter import Limiter, Rejected

Request = TypeVar("Request")
#: Paths of health checks, or what tells one by the request; they are admitted above the limit if need be.
Bypass = Union[Collection[str], Callable[[Request], bool]]


def goes_by(bypass: "Bypass[Request]", request: Request, path: str) -> bool:
    return bypass(request) if callable(bypass) else path in bypass


def refusal(limiter: Limiter, rejected: Rejected) -> Tuple[str, List[Tuple[str, str]], bytes]:
    """Status line, headers and body."""
    try:
        phrase = http.HTTPStatus(limiter.status).phrase
    except ValueError:
        phrase = "Refused"
    body = f"{rejected.strerror}\n".encode()
    return f"{limiter.status} {phrase}", [
        ("Content-Type", "text/plain"), ("Content-Length", str(len(body))),
        ("Retry-After", str(limiter.retry_after())), ("X-Cgtune-Reject", rejected.reason)], body
