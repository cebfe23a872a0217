"""`WizardClient`: the server, as an agent or a tool talks to it (contract 13)."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self

from wizard_server.client.active import Pool
from wizard_server.client.identity import GetToken, Identity
from wizard_server.client.investigation import Investigation
from wizard_server.client.pages import Pages
from wizard_server.client.reporting import Reporters
from wizard_server.client.templates import Templates
from wizard_server.client.transport import Transport
from wizard_server.client.wire import wire
from wizard_server.domain.models.enumerations import AuditSource
from wizard_server.domain.models.pages import PaginatedResponse
from wizard_server.domain.models.states import WizardStateCreate, WizardStateResponse, WizardStateSummary

GIVE_UP_SECONDS = 600.0


class WizardClient:
    """One caller of the server at `url`; ``async with`` opens and closes it.

    Who is asking: a `token`, or `get_token` that is asked before each request (a function, or a coroutine function),
    or in development `user`. The trail names workers by `name`, with which the keys of their writes begin
    (``mutation_id``), and says over what they write by `source`. A request that cannot be carried out now (no answer,
    429, 503) is repeated for `give_up_seconds`, a write with one ``Idempotency-Key``, so that it is carried out once.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        get_token: GetToken | None = None,
        user: str | None = None,
        name: str | None = None,
        source: AuditSource | None = None,
        give_up_seconds: float = GIVE_UP_SECONDS,
    ) -> None:
        identity = Identity(token=token, get_token=get_token, user=user, name=name, source=source)
        self._transport = Transport(url, identity, give_up_seconds)
        self._reporters = Reporters(self._transport)
        self.templates = Templates(self._transport)

    async def __aenter__(self) -> Self:
        await self._transport.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                await self._reporters.flush()
        finally:
            await self._reporters.stop()
            await self._transport.close()

    def investigation(self, investigation_id: str) -> Investigation:
        """Return the handle of one investigation; all handles of it share its reports and their order."""
        return Investigation(self._transport, self._reporters, investigation_id)

    async def create(self, state: WizardStateCreate | Mapping[str, Any] | None = None, **members: Any) -> Investigation:
        """Make an investigation, from a model or from `members` (``settings=...``), and return its handle."""
        body = {**(wire(state) if state is not None else {}), **wire(members)}
        answer = await self._transport.insist("POST", "/wizard-state", body=body)
        return self.investigation(answer.body["investigation_id"])

    async def read(self, investigation_id: str) -> WizardStateResponse:
        """Return a state."""
        return await self.investigation(investigation_id).read()

    def list(self, **query: Any) -> Pages[WizardStateSummary]:
        """Return the caller's investigations: ``await`` a page, or ``async for`` over all.

        `query` as the route takes it: ``status``, ``q``, ``page``, ...
        """
        return Pages(self._transport, "/wizard-state", query, PaginatedResponse[WizardStateSummary])

    async def watch_active(
        self, group: str = "agents", *, worker: str | None = None
    ) -> AsyncGenerator[Investigation, None]:
        """Yield every investigation that runs, each to one worker of `group`, and again when its worker is gone.

        A worker is gone when its investigation counts as stalled: report at least every ``stall_after_seconds``.
        """
        pool = Pool(self._transport, group, worker)
        async with aclosing(pool.claimed()) as claimed:
            async for investigation_id in claimed:
                yield Investigation(self._transport, self._reporters, investigation_id, pool)
