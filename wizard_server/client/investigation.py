"""One investigation, as an agent or a tool works with it (contract 13)."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel

from wizard_server.client.reporting import AgentReports, Reporter
from wizard_server.client.transport import Answer, Transport
from wizard_server.client.watching import Change, Watcher
from wizard_server.domain.models import (
    AuditLogResponse,
    InvestigationResults,
    InvestigationStatus,
    PaginatedResponse,
    WizardStateResponse,
    WizardStateUpdate,
)

_MERGE_PATCH = "application/merge-patch+json"
_JSON_PATCH = "application/json-patch+json"


class Investigation:
    """A handle; nothing is asked of the server before a method is called. Each raises a `Problem`, or `Unreachable`."""

    def __init__(self, transport: Transport, investigation_id: str) -> None:
        self.id = investigation_id
        self._transport = transport
        self._path = f"/wizard-state/{quote(investigation_id, safe='')}"
        self._reporter = Reporter(transport, f"{self._path}/progress")

    async def read(self, *, version: int | None = None) -> WizardStateResponse:
        """Return the state, or the state as it was at `version`."""
        return _state(await self._transport.insist("GET", self._path, query={"version": version}))

    async def update(
        self, update: WizardStateUpdate | Mapping[str, Any], *, version: int | None = None
    ) -> WizardStateResponse:
        """Replace the fields that are there; with `version` only while the state is at it (`PreconditionFailed`)."""
        return _state(await self._transport.insist("PATCH", self._path, body=wire(update), headers=_if_match(version)))

    async def patch(
        self, patch: Mapping[str, Any] | Sequence[Mapping[str, Any]], *, version: int | None = None
    ) -> WizardStateResponse:
        """Apply a merge patch (RFC 7396), or a list of operations (RFC 6902)."""
        media = _MERGE_PATCH if isinstance(patch, Mapping) else _JSON_PATCH
        headers = {**_if_match(version), "Content-Type": media}
        return _state(await self._transport.insist("PATCH", self._path, body=patch, headers=headers))

    async def delete(self) -> None:
        """Delete the state; its trail stays."""
        await self._transport.insist("DELETE", self._path)

    async def history(self, **query: Any) -> PaginatedResponse[AuditLogResponse]:
        """Return a page of the trail, newest first; `query` as the route takes it (``page``, ``action_type``, ...)."""
        answer = await self._transport.insist("GET", f"{self._path}/history", query=query)
        return PaginatedResponse[AuditLogResponse].model_validate(answer.body, extra="ignore")

    def report(self, *, agent: str | None = None, **report: Any) -> None:
        """Report progress and return at once; see `AgentReports.report`. `flush` waits until it stands."""
        self.reporting(agent=agent).report(**report)

    def reporting(self, agent: str | None = None) -> AgentReports:
        """Return what `agent` reports with; ``async with`` flushes at its end."""
        return AgentReports(self._reporter, agent)

    async def flush(self) -> None:
        """Return when every report stands; raises what the server said for good to one of them."""
        await self._reporter.flush()

    async def finish(
        self,
        results: InvestigationResults | Mapping[str, Any] | None = None,
        *,
        status: InvestigationStatus = InvestigationStatus.COMPLETED,
        **report: Any,
    ) -> WizardStateResponse:
        """Complete the investigation and show its results, in one change, after every report before it."""
        await self.flush()
        shown = {} if results is None else {"results": wire(results)}
        body = {**report, "finish": True, "status": str(status), **shown}
        return _state(await self._transport.insist("POST", f"{self._path}/progress", body=body))

    async def watch(
        self, *, until: str | None = None, watch: str | Sequence[str] | None = None, since: int = 0
    ) -> AsyncGenerator[WizardStateResponse, None]:
        """Yield the state, and every newer one as it is committed, over reconnects, restarts and restored backups.

        `until` (``"status:COMPLETED,ERROR"``) ends it after that state; `watch` (``"status"``) names the only fields
        that count; `since` is the version that is known. Raises `NotFound` when the state is deleted.
        """
        fields = watch if watch is None or isinstance(watch, str) else ",".join(watch)
        async with aclosing(Watcher(self._transport, quote(self.id, safe="")).states(since, until, fields)) as states:
            async for state in states:
                yield WizardStateResponse.model_validate(state, extra="ignore")

    async def changes(self, *, since: int | None = None) -> AsyncGenerator[Change, None]:
        """Yield every change after version `since` (by default the current one), none missed, none repeated."""
        async with aclosing(Watcher(self._transport, quote(self.id, safe="")).changes(since)) as changes:
            async for change in changes:
                yield change


def wire(body: BaseModel | Mapping[str, Any]) -> Any:
    """Return `body` as JSON has it; what a model was not given is left out."""
    return body.model_dump(mode="json", exclude_unset=True) if isinstance(body, BaseModel) else body


def _state(answer: Answer) -> WizardStateResponse:
    return WizardStateResponse.model_validate(answer.body, extra="ignore")


def _if_match(version: int | None) -> dict[str, str]:
    return {} if version is None else {"If-Match": f'"version-{version}"'}
