"""Somebody who watches: one long-poll after the other, each naming the version that it has."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from wizard_server.demo import scenario
from wizard_server.demo.client import Api

WAIT_SECONDS = 30
POLL = f"/polling/wizard-state/{scenario.INVESTIGATION_ID}"

State = dict[str, Any]


@dataclass(slots=True)
class Watch:
    """What the follower saw: `versions` in their order, and how long after its timestamp each of them arrived.

    The timestamp is taken before the commit and cut to milliseconds, so a latency includes the write to disk and is up
    to a millisecond too long. The first version is no wake: it was there before anybody waited.
    """

    polls: int = 0
    versions: list[int] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def version(self) -> int:
        """The newest version seen, 0 before the first."""
        return self.versions[-1] if self.versions else 0

    @property
    def wakes(self) -> int:
        """How many polls were answered with news."""
        return len(self.latencies_ms)

    @property
    def latency(self) -> str:
        """The latency in words, for people."""
        if not self.latencies_ms:
            return "-"
        return f"p50 {statistics.median(self.latencies_ms):.1f} ms, max {max(self.latencies_ms):.1f} ms"


class Follower:
    """Follows the investigation and hands every state it learns of to `show`."""

    def __init__(self, api: Api, watch: Watch, show: Callable[[State], None]) -> None:
        self._api = api
        self._watch = watch
        self._show = show

    async def follow(self) -> None:
        """Return once the state in step RESULTS, or of an investigation that has ended otherwise, has been shown.

        Raises `DemoError` when a poll fails.
        """
        running = True
        while running:
            answer = await self._api.get(POLL, since_version=self._watch.version, wait=WAIT_SECONDS)
            arrived = datetime.now(UTC)
            self._watch.polls += 1
            if answer.body["has_changes"]:
                state: State = answer.body["state"]
                self._note(state, arrived)
                self._show(state)
                running = state["wizard_step"] != "RESULTS" and state["status"] == "IN_PROGRESS"

    def _note(self, state: State, arrived: datetime) -> None:
        if self._watch.versions:
            elapsed = arrived - datetime.fromisoformat(state["updated_at"])
            self._watch.latencies_ms.append(elapsed.total_seconds() * 1000)
        self._watch.versions.append(state["version"])
