"""What a pool of agents runs on: every investigation that starts is handed to one worker of each group.

A worker claims an investigation by a conditional report: of two that try at once the server takes one, and the other
sees it taken. The claim is the entry of the group among the agents of the progress. It holds while the investigation is
alive: once it counts as stalled (no agent has reported for ``stall_after_seconds``), another worker may claim it,
unless the group's part is completed.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Mapping
from typing import Any
from urllib.parse import quote

from wizard_server.client.asking import Asking
from wizard_server.client.problems import Conflict, InvalidToken, MissingScope, Problem
from wizard_server.client.transport import Transport
from wizard_server.domain.models.enumerations import InvestigationStatus, WizardStep
from wizard_server.domain.models.states import WizardStateResponse

CLAIMED = "claimed by "
# What an agent's entry says when its part is done: nobody is needed in this run. A reset clears it.
COMPLETED = "completed"
# What it says when its part is given back: whoever finds that in a run may try again.
GIVEN_BACK = frozenset({"error", "cancelled"})
# Everything is looked at again after this long: what stalled between two questions is no news.
LOOK_AGAIN_SECONDS = 60.0
# From an answer that brought nothing to the next question: every report on what others hold is such an answer.
PACE_SECONDS = 0.25
_PATH = "/polling/active-investigations"
_RUNNING = {"status": InvestigationStatus.IN_PROGRESS, "wizard_step": WizardStep.PROGRESS}
_MOST_ROWS = 1000


class Pool:
    """One worker of a group; it knows what it was handed and what others hold."""

    def __init__(self, transport: Transport, group: str, worker: str | None) -> None:
        self._transport = transport
        self._asking = Asking(transport)
        self._group = group
        self._claim = CLAIMED + (worker or secrets.token_hex(4))
        self._mine: set[str] = set()
        self._held: set[str] = set()

    def released(self, status: InvestigationStatus) -> dict[str, Any]:
        """Return the report that gives an investigation back, as part of that which ends it."""
        return {"agents": [{"agent_name": self._group, "status": str(status).lower()}]}

    def release(self, investigation_id: str) -> None:
        """Say that this worker is done with an investigation; when it runs again, it may be handed out again."""
        self._mine.discard(investigation_id)

    async def claimed(self) -> AsyncGenerator[str, None]:
        """Yield the id of each investigation that this worker has claimed."""
        loop = asyncio.get_running_loop()
        while True:
            cursor, rows = await self._all()
            running = {row["investigation_id"] for row in rows}
            self._mine &= running
            self._held.clear()
            look_again_at = loop.time() + LOOK_AGAIN_SECONDS
            while True:
                has_claimed = False
                for row in rows:
                    if await self._claims(row):
                        has_claimed = True
                        yield row["investigation_id"]
                if loop.time() > look_again_at:
                    break
                if not has_claimed:
                    await asyncio.sleep(PACE_SECONDS)
                before = cursor
                answer = await self._asking.ask(_PATH, waits=True, cursor=cursor, limit=_MOST_ROWS, **_RUNNING)
                if answer.body.get("reset"):
                    break
                rows, cursor = answer.body["investigations"], answer.body["cursor"]
                for ended in answer.body["removed"]:
                    self._mine.discard(ended)
                    self._held.discard(ended)
                if not rows and cursor == before:
                    await self._asking.rest(answer)

    async def _all(self) -> tuple[int, list[Mapping[str, Any]]]:
        """Return every investigation that runs, and the cursor from which on others are told."""
        first: Any = None
        rows: list[Mapping[str, Any]] = []
        while True:
            answer = await self._asking.ask(_PATH, waits=False, limit=_MOST_ROWS, offset=len(rows), **_RUNNING)
            first = answer.body["cursor"] if first is None else first
            found = answer.body["investigations"]
            rows += found
            if not found or len(rows) >= answer.body["total"]:
                return first, rows

    async def _claims(self, row: Mapping[str, Any]) -> bool:
        investigation_id = row["investigation_id"]
        if investigation_id in self._mine or (investigation_id in self._held and not row.get("stalled")):
            return False
        try:
            is_claimed = await self._claimed(f"/wizard-state/{quote(investigation_id, safe='')}")
        except (InvalidToken, MissingScope):
            raise
        except Problem:
            return False  # it is gone, or ended, or takes no report: none of it is the others' trouble
        (self._mine if is_claimed else self._held).add(investigation_id)
        return is_claimed

    async def _claimed(self, path: str) -> bool:
        """Claim the investigation; False when another has it, or it runs no more."""
        claim = {"agents": [{"agent_name": self._group, "status": self._claim}]}
        while True:
            answer = await self._transport.insist("GET", path, give_up_seconds=float("inf"))
            state = WizardStateResponse.model_validate(answer.body, extra="ignore")
            if not self._is_free(state):
                return False
            headers = {"If-Match": f'"version-{state.version}"', "Prefer": "return=minimal"}
            try:
                await self._transport.insist(
                    "POST", f"{path}/progress", body=claim, headers=headers, give_up_seconds=float("inf")
                )
            except Conflict:
                continue  # somebody was first, perhaps with something else
            return True

    def _is_free(self, state: WizardStateResponse) -> bool:
        if state.status != InvestigationStatus.IN_PROGRESS or state.wizard_step != WizardStep.PROGRESS:
            return False
        agents = state.progress.agents if state.progress else []
        holder = next((agent.status for agent in agents if agent.agent_name == self._group), None)
        return holder is None or holder in GIVEN_BACK or (state.stalled and holder != COMPLETED)
