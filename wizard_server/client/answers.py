"""What the server said, read to its end: an answer, or the exception that stands for a refusal."""

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import aiohttp

from wizard_server.client.problems import Problem, Unreachable, problem

_NOTHING = frozenset({204, 304})


class Answer(NamedTuple):
    """What the server said: the body (None without one), and after how many seconds to come again (None: not said)."""

    status: int
    body: Any
    retry_after: float | None
    interval: float


async def answer_of(response: aiohttp.ClientResponse) -> Answer:
    """Read a response; raises `Problem` for a refusal, `Unreachable` for what is no answer of the server."""
    content = None if response.status in _NOTHING else await _content(response)
    retry_after = _retry_after(response.headers.get("Retry-After"))
    if 300 <= response.status < 400 and response.status not in _NOTHING:
        where = response.headers.get("Location", "nowhere")
        raise Problem(response.status, {"detail": f"the address redirects to {where}; give the client that one"})
    if response.status >= 400:
        raise problem(response.status, content, retry_after)
    interval = response.headers.get("X-Recommended-Interval", "")
    return Answer(response.status, content, retry_after, int(interval) / 1000 if interval.isdecimal() else 1.0)


async def _content(response: aiohttp.ClientResponse) -> Any:
    try:
        return await response.json(content_type=None)
    except ValueError as error:
        if response.status >= 300:
            return None  # a proxy's page
        raise Unreachable(f"the answer is no JSON: {error}") from error


def _retry_after(header: str | None) -> float | None:
    if not header:
        return None
    if header.isdecimal():
        return float(header)
    try:
        seconds = (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds()
    except ValueError:
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
