"""Somebody who watches: every version as it is committed, and how soon it arrived."""

import statistics
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime

from wizard_server.client import Investigation
from wizard_server.domain.models.enumerations import InvestigationStatus, WizardStep
from wizard_server.domain.models.states import WizardStateResponse

Show = Callable[[WizardStateResponse], None]


@dataclass(slots=True)
class Watch:
    """What was seen: `versions` in their order, and how long after its timestamp each of them arrived.

    The timestamp is taken before the commit and cut to milliseconds, so a latency includes the write to disk and is up
    to a millisecond too long. The first version has none: it was there before anybody waited.
    """

    versions: list[int] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def version(self) -> int:
        """The newest version seen, 0 before the first."""
        return self.versions[-1] if self.versions else 0

    @property
    def latency(self) -> str:
        """The latency in words, for people."""
        if not self.latencies_ms:
            return "-"
        return f"p50 {statistics.median(self.latencies_ms):.1f} ms, max {max(self.latencies_ms):.1f} ms"

    async def follow(self, investigation: Investigation, show: Show) -> None:
        """Hand every state to `show`, the last of which is in step RESULTS, or has ended otherwise.

        Raises a `WizardClientError`; `NotFound` when it is deleted.
        """
        async with aclosing(investigation.watch()) as states:
            async for state in states:
                self._note(state, datetime.now(UTC))
                show(state)
                if state.wizard_step == WizardStep.RESULTS or state.status != InvestigationStatus.IN_PROGRESS:
                    return

    def _note(self, state: WizardStateResponse, arrived: datetime) -> None:
        if self.versions:
            self.latencies_ms.append((arrived - state.updated_at).total_seconds() * 1000)
        self.versions.append(state.version)
