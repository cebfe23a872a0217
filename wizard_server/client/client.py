"""`WizardClient`: the server, as an agent or a tool talks to it (contract 13)."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self

from wizard_server.client.active import watch_active
from wizard_server.client.investigation import Investigation, wire
from wizard_server.client.templates import Templates
from wizard_server.client.transport import GetToken, Transport
from wizard_server.domain.models import (
    PaginatedResponse,
    WizardStateCreate,
    WizardStateResponse,
    WizardStateSummary,
)

GIVE_UP_SECONDS = 600.0


class WizardClient:
    """One caller of the server at `url`; ``async with`` opens and closes it.

    Who is asking: a `token`, or `get_token` that is asked before each request (a function, or a coroutine function),
    or in development `user`. A request that cannot be carried out now (no answer, 429, 503) is repeated for
    `give_up_seconds`, a write with one ``Idempotency-Key``, so that it is carried out once.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        get_token: GetToken | None = None,
        user: str | None = None,
        give_up_seconds: float = GIVE_UP_SECONDS,
    ) -> None:
        self._transport = Transport(url, token=token, get_token=get_token, user=user, give_up_seconds=give_up_seconds)
        self._open: dict[str, Investigation] = {}
        self.templates = Templates(self._transport)

    async def __aenter__(self) -> Self:
        await self._transport.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                for investigation in self._open.values():
                    await investigation.flush()
        finally:
            await self._transport.close()

    def investigation(self, investigation_id: str) -> Investigation:
        """Return the handle of one investigation; its reports are those of all who ask for it here."""
        return self._open.setdefault(investigation_id, Investigation(self._transport, investigation_id))

    async def create(self, state: WizardStateCreate | Mapping[str, Any] | None = None, **members: Any) -> Investigation:
        """Make an investigation, from a model or from `members` (``settings=...``), and return its handle."""
        body = wire(state) if state is not None else {name: _wired(value) for name, value in members.items()}
        answer = await self._transport.insist("POST", "/wizard-state", body=body)
        return self.investigation(answer.body["investigation_id"])

    async def read(self, investigation_id: str) -> WizardStateResponse:
        """Return a state."""
        return await self.investigation(investigation_id).read()

    async def list(self, **query: Any) -> PaginatedResponse[WizardStateSummary]:
        """Return a page of the caller's investigations; `query` as the route takes it (``status``, ``q``, ...)."""
        answer = await self._transport.insist("GET", "/wizard-state", query=query)
        return PaginatedResponse[WizardStateSummary].model_validate(answer.body, extra="ignore")

    async def watch_active(
        self, group: str = "agents", *, worker: str | None = None
    ) -> AsyncGenerator[Investigation, None]:
        """Yield every investigation that runs, each to one worker of `group`, and again when its worker is gone.

        A worker is gone when its investigation counts as stalled: report at least every ``stall_after_seconds``.
        """
        async with aclosing(watch_active(self._transport, group, worker)) as found:
            async for investigation in found:
                yield self.investigation(investigation.id)


def _wired(value: Any) -> Any:
    return wire(value) if hasattr(value, "model_dump") else value
