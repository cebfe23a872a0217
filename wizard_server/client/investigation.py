"""One investigation, as an agent or a tool works with it (contract 13)."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any
from urllib.parse import quote

from wizard_server.client.active import Pool
from wizard_server.client.agent_reports import AgentReports
from wizard_server.client.changes import Change
from wizard_server.client.merging import merged
from wizard_server.client.pages import Pages
from wizard_server.client.reporting import Reporters
from wizard_server.client.transport import Transport
from wizard_server.client.watching import Watcher
from wizard_server.client.wire import if_match, state_of, wire
from wizard_server.domain.models.enumerations import InvestigationStatus
from wizard_server.domain.models.pages import PaginatedResponse
from wizard_server.domain.models.results import InvestigationResults
from wizard_server.domain.models.states import WizardStateResponse, WizardStateUpdate
from wizard_server.domain.models.trail import AuditLogResponse

_MERGE_PATCH = "application/merge-patch+json"
_JSON_PATCH = "application/json-patch+json"


class Investigation:
    """A handle; nothing is asked of the server before a method is called. Each raises a `Problem`, or `Unreachable`."""

    def __init__(
        self, transport: Transport, reporters: Reporters, investigation_id: str, pool: Pool | None = None
    ) -> None:
        self.id = investigation_id
        self._transport = transport
        self._quoted = quote(investigation_id, safe="")
        self._path = f"/wizard-state/{self._quoted}"
        self._reporter = reporters.of(self._path)
        self._reports = AgentReports(self._reporter, None)
        self._pool = pool

    async def read(self, *, version: int | None = None) -> WizardStateResponse:
        """Return the state, or the state as it was at `version`."""
        return state_of(await self._transport.insist("GET", self._path, query={"version": version}))

    async def update(
        self, update: WizardStateUpdate | Mapping[str, Any], *, version: int | None = None
    ) -> WizardStateResponse:
        """Replace the fields that are there; with `version` only while the state is at it (`PreconditionFailed`)."""
        answer = await self._transport.insist("PATCH", self._path, body=wire(update), headers=if_match(version))
        return state_of(answer)

    async def patch(
        self, patch: Mapping[str, Any] | Sequence[Mapping[str, Any]], *, version: int | None = None
    ) -> WizardStateResponse:
        """Apply a merge patch (RFC 7396), or a list of operations (RFC 6902)."""
        media = _MERGE_PATCH if isinstance(patch, Mapping) else _JSON_PATCH
        headers = {**if_match(version), "Content-Type": media}
        return state_of(await self._transport.insist("PATCH", self._path, body=patch, headers=headers))

    async def delete(self) -> None:
        """Delete the state; its trail stays."""
        await self._transport.insist("DELETE", self._path)

    def history(self, **query: Any) -> Pages[AuditLogResponse]:
        """Return the trail, newest first: ``await`` a page, or ``async for`` over all of it.

        `query` as the route takes it: ``page``, ``action_type``, ``since``, ...
        """
        return Pages(self._transport, f"{self._path}/history", query, PaginatedResponse[AuditLogResponse])

    def report(self, *, agent: str | None = None, **report: Any) -> None:
        """Report progress and return at once; see `AgentReports.report`. `flush` waits until it stands."""
        self._reports.report(agent=agent, **report)

    def reporting(self, agent: str | None = None) -> AgentReports:
        """Return what `agent` reports with; ``async with`` flushes at its end."""
        return AgentReports(self._reporter, agent)

    async def flush(self) -> None:
        """Return when every report stands; raises what the server refused for good."""
        await self._reports.flush()

    async def finish(
        self,
        results: InvestigationResults | Mapping[str, Any] | None = None,
        *,
        status: InvestigationStatus = InvestigationStatus.COMPLETED,
        **report: Any,
    ) -> WizardStateResponse:
        """Complete the investigation and show its results, in one change, after every report before it.

        What `watch_active` handed out is given back with it.
        """
        await self.flush()
        shown = {} if results is None else {"results": wire(results)}
        done = {} if self._pool is None else self._pool.released(status)
        body = {**merged(done, report), "finish": True, "status": str(status), **shown}
        answer = await self._transport.insist("POST", f"{self._path}/progress", body=body)
        if self._pool is not None:
            self._pool.release(self.id)
        return state_of(answer)

    async def watch(
        self, *, until: str | None = None, watch: str | Sequence[str] | None = None, since: int = 0
    ) -> AsyncGenerator[WizardStateResponse, None]:
        """Yield the state, and every newer one as it is committed, over reconnects, restarts and restored backups.

        `until` (``"status:COMPLETED,ERROR"``) ends it after that state; `watch` (``"status"``) names the only fields
        that count; `since` is the version that is known. Raises `NotFound` when the state is deleted.
        """
        fields = watch if watch is None or isinstance(watch, str) else ",".join(watch)
        async with aclosing(Watcher(self._transport, self._quoted).states(since, until, fields)) as states:
            async for state in states:
                yield WizardStateResponse.model_validate(state, extra="ignore")

    async def changes(self, *, since: int | None = None) -> AsyncGenerator[Change, None]:
        """Yield every change after version `since` (by default the current one), none missed, none repeated."""
        async with aclosing(Watcher(self._transport, self._quoted).changes(since)) as changes:
            async for change in changes:
                yield change
