"""Agents that are there: they watch what runs, and work on whatever starts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from wizard_server.client import InvalidTransition, Investigation, NotFound, WizardClient
from wizard_server.demo.agents import LEAD, Agent, Lead
from wizard_server.demo.improvised import script_for
from wizard_server.demo.scenario import OWNER
from wizard_server.demo.script import Script
from wizard_server.domain.models.enumerations import AuditSource
from wizard_server.domain.models.settings import InvestigationSettings

Tell = Callable[[str], None]
# What agents do with the settings of an investigation.
Scripts = Callable[[InvestigationSettings], Script]

# What agents are answered once the analyst has cancelled, reset or deleted what they work on.
_OVER = (InvalidTransition, NotFound)


@contextlib.asynccontextmanager
async def crew_at_work(url: str, tell: Tell, speed: float = 1.0, scripts: Scripts = script_for) -> AsyncIterator[None]:
    """Have a crew work by `scripts` on every investigation of the owner that runs, as long as the block.

    `tell` hears of each.

    Raises a group of `WizardClientError` when the server refuses what it should not.
    """
    async with asyncio.TaskGroup() as group:
        working = group.create_task(_take(url, tell, speed, scripts))
        yield
        working.cancel()


def worker(url: str, name: str) -> WizardClient:
    """Return the connection of an agent, of its own as in a process of its own."""
    return WizardClient(url, user=OWNER, name=name, source=AuditSource.SYSTEM)


async def _take(url: str, tell: Tell, speed: float, scripts: Scripts) -> None:
    async with worker(url, LEAD) as lead, asyncio.TaskGroup() as runs:
        async for investigation in lead.watch_active(LEAD):
            runs.create_task(_run(url, investigation, tell, speed, scripts))


async def _run(url: str, investigation: Investigation, tell: Tell, speed: float, scripts: Scripts) -> None:
    try:
        settings = (await investigation.read()).settings
        if settings is None:
            return
        tell(f'agents begin "{settings.name}"')
        script = scripts(settings)
        async with contextlib.AsyncExitStack() as connections:
            agents = {}
            for name in script.agents:
                client = await connections.enter_async_context(worker(url, name))
                agents[name] = Agent(client.investigation(investigation.id), name, script.ticks_of(name))
            await Lead(investigation, script, agents).run(speed)
        tell(f'agents completed "{settings.name}"')
    except* _OVER:
        with contextlib.suppress(*_OVER):
            await investigation.flush()  # what the lead had yet to report is refused as well
        tell(f"agents stopped: {investigation.id} was cancelled, reset or deleted")
