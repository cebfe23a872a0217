"""The kit on a PostgreSQL that there is."""

from tests import factories
from tests.postgresql import Database
from wizard_server.testing import Wizard
from wizard_server.testing.loops import LoopThread


async def test_a_server_is_killed_and_goes_on_where_it_was(wizard_loop: LoopThread, postgres: Database) -> None:
    with Wizard(wizard_loop, postgres.url, {}) as wizard:
        async with wizard.client("alice") as alice, wizard.agent() as agent:
            investigation = await alice.create(settings=factories.settings(), investigation_id="inv-1")
            await investigation.update({"wizard_step": "PROGRESS"})
            async with agent.investigation("inv-1").reporting(agent="device") as reports:
                reports.report(50, log="before")
                wizard.kill()
                reports.report(60, log="after")
                wizard.restart()
            progress = (await investigation.read()).progress
    assert progress is not None
    assert progress.agents[0].logs == ["before", "after"]
