"""Long-polls of one investigation, again and again; learns how long the line lets it wait."""

import asyncio
import time
from typing import Any

from wizard_server.client.answers import Answer
from wizard_server.client.problems import Problem, Unreachable, WizardClientError
from wizard_server.client.transport import Transport

LONGEST_WAIT_SECONDS = 55
GRACE_SECONDS = 15.0
# A wait that breaks off after this long was cut by something in between.
_CUT_AFTER_SECONDS = 1.0
_CUT = frozenset({408, 502, 504})
# An answer without news that came sooner did not wait for any.
_SOON_SECONDS = 1.0


class Asking:
    """Asks until there is an answer; `rest` after one without news."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._backoff = transport.backoff()
        self._wait = LONGEST_WAIT_SECONDS
        self._lasted = 0.0

    async def ask(self, path: str, *, waits: bool, **query: Any) -> Answer:
        """Return the next good answer; raises `Problem` for a refusal that stands."""
        while True:
            wait = self._wait if waits else 0
            began = time.monotonic()
            try:
                answer = await self._transport.once(
                    "GET", path, query={**query, "wait": wait or None}, seconds=wait + GRACE_SECONDS
                )
            except WizardClientError as error:
                pause = self._backoff.pause(error)
                if pause is None:
                    raise
                if isinstance(error, Unreachable):
                    self._cut_after(error.waited)
                elif isinstance(error, Problem) and error.status in _CUT:
                    self._cut_after(time.monotonic() - began)
                await asyncio.sleep(pause)
                continue
            self._backoff.reset()
            self._wait = min(LONGEST_WAIT_SECONDS, self._wait + 1)
            self._lasted = time.monotonic() - began
            return answer

    def _cut_after(self, seconds: float) -> None:
        if _CUT_AFTER_SECONDS < seconds < self._wait:
            self._wait = max(1, int(seconds * 0.7))

    async def rest(self, answer: Answer) -> None:
        """Pause after an answer without news that did not wait for any: the server drains, or has no room to park."""
        if answer.retry_after is not None:
            await asyncio.sleep(answer.retry_after)
        elif self._lasted < _SOON_SECONDS:
            await asyncio.sleep(answer.interval)
