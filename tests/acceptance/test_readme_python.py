"""The README's Python runs as it stands there."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests import factories
from tests.acceptance.process import CHECKOUT
from wizard_server.testing import Wizard

HANGS_AFTER_SECONDS = 60.0
AGENT = "wizard:read wizard:agent"


def _example(section: str) -> str:
    text = (CHECKOUT / "README.md").read_text(encoding="utf-8").partition(f"\n## {section}\n")[2]
    found = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert found
    return found[1]


@asynccontextmanager
async def _running(wizard: Wizard, agent: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = {**os.environ, "WIZARD_URL": wizard.url, "WIZARD_TOKEN": wizard.token("agents", AGENT)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, agent, env=environment, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_the_agent_is_forty_lines_and_finishes_what_starts(wizard: Wizard, tmp_path: Path) -> None:
    code = _example("Write an agent")
    assert len([line for line in code.splitlines() if line.strip()]) <= 40
    agent = tmp_path / "agent.py"
    agent.write_text(code, encoding="utf-8")
    async with wizard.client("alice") as alice, _running(wizard, agent), asyncio.timeout(HANGS_AFTER_SECONDS):
        for number in range(2):
            investigation = await alice.create(settings=factories.settings(), investigation_id=f"inv-{number}")
            await investigation.update({"wizard_step": "PROGRESS"})
            state = [each async for each in investigation.watch(until="status:COMPLETED")][-1]
            assert state.results is not None
            assert state.results.entity_summaries.keys() == {"u-1", "d-9"}
            assert state.progress is not None
            assert [(each.agent_name, each.progress) for each in state.progress.agents] == [("device", 100)]
            assert state.progress.agents[0].logs == ["u-1: 9 accounts", "d-9: 9 accounts"]


async def test_the_test_of_a_test_passes(wizard: Wizard) -> None:
    namespace: dict[str, Any] = {}
    exec(compile(_example("Test against it"), "README.md", "exec"), namespace)
    [test] = [each for name, each in namespace.items() if name.startswith("test_")]
    async with asyncio.timeout(HANGS_AFTER_SECONDS):
        await test(wizard)
