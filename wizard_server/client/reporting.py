"""Reports that return at once: they are merged while one is under way, sent in order, and repeated until they stand."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from wizard_server.client.merging import merged
from wizard_server.client.problems import WizardClientError
from wizard_server.client.transport import Transport

# A report grows by what is merged into it up to this many log lines; what comes then is the next report.
MOST_LINES = 1000


class Reporter:
    """The reports on one investigation, from all its agents in this process."""

    def __init__(self, transport: Transport, path: str) -> None:
        self._transport = transport
        self._path = path
        self._queue: list[dict[str, Any]] = []
        self._sending: asyncio.Task[None] | None = None
        self._refusal: WizardClientError | None = None
        self.sent = 0

    def add(self, report: Mapping[str, Any]) -> None:
        """Have `report` sent; raises what the server said for good to an earlier one."""
        if self._refusal is not None:
            raise self._refusal
        if self._queue and _lines(self._queue[-1]) + _lines(report) <= MOST_LINES:
            self._queue[-1] = merged(self._queue[-1], report)
        else:
            self._queue.append(dict(report))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        # What is said within one turn of the loop is one report.
        await asyncio.sleep(0)
        while self._queue:
            report = self._queue.pop(0)
            try:
                await self._transport.insist("POST", self._path, body=report, headers={"Prefer": "return=minimal"})
            except WizardClientError as error:
                self._refusal = error
                self._queue.clear()
                return
            self.sent += 1

    async def flush(self) -> None:
        """Return when every report stands; raises what the server said for good to one of them."""
        if self._sending is not None:
            await asyncio.shield(self._sending)
        if self._refusal is not None:
            raise self._refusal


class AgentReports:
    """What one agent reports; as an async context manager it flushes at its end."""

    def __init__(self, reporter: Reporter, agent: str | None) -> None:
        self._reporter = reporter
        self._agent = agent

    def report(
        self,
        progress: float | None = None,
        *,
        status: str | None = None,
        log: str | list[str] | None = None,
        **whole: Any,
    ) -> None:
        """Report how far the agent is (0 to 100), its status, and lines for its log; returns at once.

        `whole` are members of a progress report that are about the investigation: ``overall_progress``,
        ``current_phase``, ``phases``, ``logs``. Raises what the server said for good to an earlier report.
        """
        lines = [log] if isinstance(log, str) else list(log or [])
        said = {"status": status, "progress": progress, "logs": lines or None}
        mine = {name: value for name, value in said.items() if value is not None}
        if mine and self._agent is None:
            raise ValueError("reporting(agent=...) names the agent that has a progress, a status or a log")
        agents = {"agents": [{"agent_name": self._agent, **mine}]} if mine else {}
        self._reporter.add({**whole, **agents})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._reporter.flush()
        except WizardClientError:
            if error is None:
                raise


def _lines(report: Mapping[str, Any]) -> int:
    return len(report.get("logs", ())) + sum(len(agent.get("logs", ())) for agent in report.get("agents", ()))
