"""What a pool of agents runs on: every investigation that starts is handed to one worker of each group.

A worker claims an investigation by a conditional update of its group's entry among the agents of the progress: of two
that try at once the server takes one, and the other sees it taken. A claim holds while the investigation is alive:
once it counts as stalled (no agent has reported for ``stall_after_seconds``), another worker may claim it.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator
from typing import Any

from wizard_server.client.backoff import Backoff
from wizard_server.client.investigation import Investigation
from wizard_server.client.problems import Problem, Unreachable, _Conflict
from wizard_server.client.transport import Transport
from wizard_server.client.watching import LONGEST_WAIT_SECONDS
from wizard_server.domain.models import InvestigationStatus, WizardStateResponse, WizardStep

CLAIMED = "claimed by "
_GRACE_SECONDS = 15.0
_PATH = "/polling/active-investigations"


async def watch_active(transport: Transport, group: str, worker: str | None) -> AsyncGenerator[Investigation, None]:
    """Yield each investigation that runs, once for all workers of `group`; see the module."""
    name = worker or secrets.token_hex(4)
    cursor: Any = None
    backoff = Backoff()
    while True:
        wait = None if cursor is None else LONGEST_WAIT_SECONDS
        query = {"cursor": cursor, "wait": wait}
        try:
            answer = await transport.once("GET", _PATH, query=query, seconds=(wait or 0) + _GRACE_SECONDS)
        except (Problem, Unreachable) as error:
            pause = transport.pause(error, backoff)
            if pause is None:
                raise
            await asyncio.sleep(pause)
            continue
        backoff.reset()
        if answer.body is None:
            await asyncio.sleep(answer.retry_after or 0)
            continue
        for row in answer.body["investigations"]:
            if _runs(row["wizard_step"], row["status"]):
                investigation = Investigation(transport, row["investigation_id"])
                if await _claimed(investigation, group, name):
                    yield investigation
        cursor = answer.body["cursor"]


def _runs(step: str, status: str) -> bool:
    return step == WizardStep.PROGRESS and status == InvestigationStatus.IN_PROGRESS


async def _claimed(investigation: Investigation, group: str, worker: str) -> bool:
    """Claim the investigation for `worker`; False when another has it, or it runs no more."""
    while True:
        state = await investigation.read()
        if not _runs(state.wizard_step, state.status) or not _is_free(state, group, worker):
            return False
        progress = state.progress.model_dump(mode="json", exclude_none=True) if state.progress else {}
        others = [agent for agent in progress.get("agents", ()) if agent["agent_name"] != group]
        mine: dict[str, Any] = next((agent for agent in progress.get("agents", ()) if agent["agent_name"] == group), {})
        claim = {**mine, "agent_name": group, "status": CLAIMED + worker}
        try:
            await investigation.patch({"progress": {"agents": [*others, claim]}}, version=state.version)
        except _Conflict:
            continue  # somebody was first, perhaps with something else
        return True


def _is_free(state: WizardStateResponse, group: str, worker: str) -> bool:
    agents = state.progress.agents if state.progress else []
    holder = next((agent.status for agent in agents if agent.agent_name == group), None)
    if holder is None:
        return True
    return state.stalled and holder != CLAIMED + worker
