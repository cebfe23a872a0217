"""How long a poll waits: what was asked for, what is granted, and the jitter below it."""

import asyncio
import random

from aiohttp import web
from multidict import istr

from wizard_server.web.http.context import CONFIG
from wizard_server.web.http.parameters import preferences

_MOST_SHARE, _LEAST_SHARE = 16, 64

PREFER = istr("Prefer")


def asked_seconds(request: web.Request, wait: float | None, headers: dict[str, str]) -> float:
    """Return how long the client wants to wait, by parameter or by ``Prefer``; what is granted goes into `headers`."""
    prefer = ",".join(request.headers.getall(PREFER, ()))
    return granted_seconds(wait, prefer, request.app[CONFIG].polling.max_wait_seconds, headers)


def granted_seconds(wait: float | None, prefer: str, longest: float, headers: dict[str, str]) -> float:
    """Return the same of a ``Prefer`` header; at most `longest`."""
    seconds = wait if wait is not None else _preferred_wait(prefer)
    if seconds is None:
        return 0
    seconds = min(seconds, longest)
    if wait is None:
        headers["Preference-Applied"] = f"wait={seconds:g}"
    return seconds


def deadline(seconds: float) -> float:
    """Return when a poll that has just arrived and waits for `seconds` is answered (the loop's clock).

    Ask for it before anything is read, because what a client asks for is an upper bound (RFC 7240, 4.3), and its own
    time-out lies just above.
    """
    return asyncio.get_running_loop().time() + with_jitter(seconds)


def left_until(deadline: float) -> float:
    """Return the seconds that are left, at least 0."""
    return max(deadline - asyncio.get_running_loop().time(), 0)


def with_jitter(seconds: float) -> float:
    """Return up to a sixteenth less than `seconds`, so that clients that came together do not come back together.

    It is always a little less, so that the answer has arrived when the client's time is up.
    """
    early = random.uniform(seconds / _LEAST_SHARE, seconds / _MOST_SHARE)  # noqa: S311 - spreads load, keeps no secret
    return seconds - early


def _preferred_wait(prefer: str) -> float | None:
    """Return the seconds of ``Prefer: wait``; a preference that cannot be read is ignored (RFC 7240)."""
    value = preferences(prefer).get("wait", "")
    return float(value) if value.isascii() and value.isdecimal() and len(value) < 10 else None
