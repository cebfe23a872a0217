"""What agents do in an investigation and what they find, as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TICKS_PER_LINE = 3  # an agent reports this often for each line that it logs


@dataclass(frozen=True, slots=True)
class Task:
    """What one agent does in one phase: `lines` are what it logs, evenly over `seconds`."""

    agent: str
    seconds: float
    lines: tuple[str, ...]

    @property
    def ticks(self) -> int:
        """How often the agent reports."""
        return len(self.lines) * TICKS_PER_LINE


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase; its tasks run at the same time."""

    name: str
    tasks: tuple[Task, ...]

    @property
    def ticks(self) -> int:
        """How many reports make the phase complete."""
        return sum(task.ticks for task in self.tasks)


@dataclass(frozen=True, slots=True)
class Script:
    """The phases of an investigation, one after the other, and the results that they lead to."""

    phases: tuple[Phase, ...]
    findings: Sequence[Mapping[str, Any]]
    risk_score: Mapping[str, Any]
    entity_summaries: Mapping[str, Mapping[str, Any]]

    @property
    def agents(self) -> tuple[str, ...]:
        """Who works, in the order in which they begin."""
        return tuple(dict.fromkeys(task.agent for phase in self.phases for task in phase.tasks))

    @property
    def ticks(self) -> int:
        """How many reports make the whole complete."""
        return sum(phase.ticks for phase in self.phases)

    def ticks_of(self, agent: str) -> int:
        """Return how many reports make `agent` complete."""
        return sum(task.ticks for phase in self.phases for task in phase.tasks if task.agent == agent)

    def results(self, completed_at: str) -> dict[str, Any]:
        """Return what step RESULTS shows."""
        return {
            "findings": self.findings,
            "risk_score": self.risk_score,
            "entity_summaries": self.entity_summaries,
            "completed_at": completed_at,
        }
