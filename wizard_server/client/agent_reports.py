"""What an agent says of itself and of the investigation, checked where it is said."""

from types import TracebackType
from typing import Any, Self

from wizard_server.client.reporting import Reporter
from wizard_server.domain.models.progress import InvestigationProgress


class AgentReports:
    """What one agent reports; as an async context manager it flushes at its end.

    What the server refused for good is raised once to each that reports on the investigation: by its next `report`, its
    `flush`, or at the end of its block.
    """

    def __init__(self, reporter: Reporter, agent: str | None) -> None:
        self._reporter = reporter
        self._agent = agent
        self._told = reporter.refusals

    def report(
        self,
        progress: float | None = None,
        *,
        status: str | None = None,
        log: str | list[str] | None = None,
        agent: str | None = None,
        **whole: Any,
    ) -> None:
        """Report how far the agent is (0 to 100), its status, and lines for its log; returns at once.

        `whole` are members of a progress report that are about the investigation: ``overall_progress``,
        ``current_phase``, ``phases``, ``logs``, ``started_at``. Raises `ValueError` for what no server would take,
        `ReportsFull`, and what the server refused for good of an earlier report.
        """
        self._raise_refusal()
        lines = [log] if isinstance(log, str) else list(log or [])
        said = {"status": status, "progress": progress, "logs": lines or None}
        mine = {member: value for member, value in said.items() if value is not None}
        report = {member: value for member, value in whole.items() if value is not None}
        if mine:
            name = agent or self._agent
            if name is None:
                raise ValueError("agent= names the agent that has a progress, a status or a log")
            report["agents"] = [*report.get("agents", ()), {"agent_name": name, **mine}]
        _check(report)
        self._reporter.add(report)

    async def flush(self) -> None:
        """Return when every report stands; raises what the server refused for good."""
        await self._reporter.flush()
        self._raise_refusal()

    def _raise_refusal(self) -> None:
        if self._reporter.refusals > self._told and self._reporter.refusal is not None:
            self._told = self._reporter.refusals
            self._reporter.told()
            raise self._reporter.refusal

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self.flush()
        elif isinstance(error, Exception):  # an agent that is cancelled does not wait
            await self._reporter.flush()


def _check(report: dict[str, Any]) -> None:
    """Raise `ValueError` for a report that the server would refuse, and with it those that it is merged with."""
    named = {name: [{"status": "running", **each} for each in report.get(name, ())] for name in ("phases", "agents")}
    InvestigationProgress.model_validate({**report, **named})
