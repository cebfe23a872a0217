"""The demo's data is what the server accepts, its agents lose nothing to each other and work on whatever starts."""

import asyncio
import re
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from tests import factories
from tests.conftest import Client
from wizard_server.client import Investigation, WizardClient
from wizard_server.demo import scenario
from wizard_server.demo.bar import Bar
from wizard_server.demo.catalogue import TOOLS
from wizard_server.demo.command import demo
from wizard_server.demo.crew import crew_at_work
from wizard_server.demo.improvised import script_for
from wizard_server.demo.picture import Picture
from wizard_server.demo.recent import Recent
from wizard_server.demo.watched import Watch
from wizard_server.domain.models.progress import InvestigationProgress
from wizard_server.domain.models.results import InvestigationResults
from wizard_server.domain.models.settings import InvestigationSettings
from wizard_server.domain.models.states import WizardStateResponse
from wizard_server.domain.tools import ToolCatalogue

SPEED = 40.0
HANGS_AFTER_SECONDS = 30.0


def settings(**overrides: Any) -> InvestigationSettings:
    return InvestigationSettings.model_validate({**scenario.SETTINGS, **overrides})


@pytest.mark.parametrize("overrides", [{}, {"name": "Another"}, {"name": "A third", "execution_mode": "sequential"}])
def test_scripts_are_about_the_settings_and_lead_to_valid_results(overrides: dict[str, Any]) -> None:
    given = settings(**overrides)
    script = script_for(given)
    results = InvestigationResults.model_validate(script.results("2026-03-17T09:00:00.000Z"))
    assert results.entity_summaries.keys() == {entity.entity_id for entity in given.entities}
    assert results.findings
    assert sum(map(script.ticks_of, script.agents)) == script.ticks
    assert script_for(given) == script


def test_every_tool_of_the_page_has_a_schema_and_the_demo_uses_them_as_it_says() -> None:
    assert ToolCatalogue.of(TOOLS).errors(scenario.SETTINGS) == []
    assert TOOLS.keys() == {tool["tool_name"] for tool in scenario.SETTINGS["tools"]}


async def start(analyst: WizardClient, investigation_id: str, **overrides: Any) -> Investigation:
    given = {**factories.settings(), **overrides}
    investigation = await analyst.create(investigation_id=investigation_id, settings=given)
    await investigation.update({"wizard_step": "PROGRESS"})
    return investigation


async def finished(investigation: Investigation) -> WizardStateResponse:
    async with asyncio.timeout(HANGS_AFTER_SECONDS):
        return [state async for state in investigation.watch(until="status:COMPLETED")][-1]


async def test_agents_that_push_at_the_same_time_lose_no_line(client: Client) -> None:
    url = str(client.make_url("")).rstrip("/")
    async with WizardClient(url, user="dev") as analyst, crew_at_work(url, lambda _: None, SPEED):
        progress = (await finished(await start(analyst, "inv-1", **scenario.SETTINGS))).progress
    assert progress is not None
    lines = {
        name: [
            line
            for phase in scenario.SCRIPT.phases
            for task in phase.tasks
            if task.agent == name
            for line in task.lines
        ]
        for name in scenario.SCRIPT.agents
    }
    assert {agent.agent_name: agent.logs for agent in progress.agents} == {"lead": [], **lines}
    assert progress.logs == ["investigation started with 5 agents"]
    assert {(agent.status, agent.progress) for agent in progress.agents} == {("completed", 100)}
    assert {(phase.status, phase.progress) for phase in progress.phases} == {("completed", 100)}


async def test_agents_work_on_whatever_starts_and_go_on_when_one_is_cancelled_or_deleted(client: Client) -> None:
    url, told = str(client.make_url("")).rstrip("/"), asyncio.Queue[str]()
    async with (
        WizardClient(url, user="dev") as analyst,
        crew_at_work(url, told.put_nowait, SPEED),
        asyncio.timeout(HANGS_AFTER_SECONDS),
    ):
        for number, end in enumerate(("cancel", "delete")):
            investigation = await start(analyst, f"inv-{number}", name=end)
            async with aclosing(investigation.watch()) as states:
                async for state in states:
                    if state.progress is not None and state.progress.current_phase:
                        break
            await (investigation.delete() if end == "delete" else investigation.update({"status": "CANCELLED"}))
            assert await told.get() == f'agents begin "{end}"'
            assert await told.get() == f"agents stopped: inv-{number} was cancelled, reset or deleted"
        state = await finished(await start(analyst, "inv-2", execution_mode="sequential"))
    assert state.progress is not None
    assert [phase.phase_name for phase in state.progress.phases] == ["collect: device_graph", "correlate", "score"]


async def test_the_demo_ends_with_1_when_the_server_refuses_something(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(scenario.SETTINGS, "tools", [{"tool_name": "device_graph", "enabled": False}])
    assert await demo(once=True) == 1
    assert "wizard-server demo: 409 invalid-transition: the investigation cannot start" in capsys.readouterr().err


async def test_the_demo_ends_with_1_when_the_server_refuses_what_the_crew_asks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    script = replace(scenario.SCRIPT, phases=scenario.SCRIPT.phases[-1:], risk_score={})
    assert await demo(once=True, scripts=lambda _: script) == 1
    assert "results.risk_score.overall_score: required" in capsys.readouterr().err


async def test_the_demo_ends_with_1_when_the_investigation_is_not_as_expected(
    capsys: pytest.CaptureFixture[str],
) -> None:
    script = replace(scenario.SCRIPT, phases=scenario.SCRIPT.phases[-1:], findings=[])
    assert await demo(once=True, scripts=lambda _: script) == 1
    assert capsys.readouterr().err == "wizard-server demo: phases or findings are missing\n"


@pytest.mark.parametrize("width", [80, 120])
def test_the_picture_fits_a_terminal(width: int) -> None:
    console = Console(width=width, record=True, force_terminal=True, quiet=True)
    picture = Picture(Watch(versions=[1, 2], latencies_ms=[1.5]), "http://127.0.0.1:8080")
    picture.show(running())
    with console.capture():
        lines = console.render_lines(picture.render(), console.options)
    text = ["".join(segment.text for segment in line) for line in lines]
    assert len(text) <= 20
    assert all(len(line.rstrip()) <= width for line in text)
    assert re.search(r"▶ collect +━+─+ +25 %", "\n".join(text))
    assert re.search(r"│ +risk  line 9 x+", "\n".join(text))


def test_lines_are_shown_in_the_order_in_which_they_come() -> None:
    recent = Recent()
    for device, payments in ((["a"], []), (["a"], ["b", "c"]), ([], []), (["d"], [])):
        logs = {"device": device, "payments": payments}
        agents = [{"agent_name": name, "status": "running", "logs": lines} for name, lines in logs.items()]
        recent.add(InvestigationProgress.model_validate({"agents": agents, "logs": ["started"]}))
    assert [*recent.lines] == ["started", "device: a", "payments: b", "payments: c", "device: d"]


def test_a_bar_is_as_long_as_what_it_shows() -> None:
    console = Console(width=40)
    [line] = console.render_lines(Bar(25, width=8), console.options)
    assert "".join(segment.text for segment in line).rstrip() == "━━──────"


def running() -> WizardStateResponse:
    script, agents = scenario.SCRIPT, ("lead", *scenario.SCRIPT.agents)
    lines = [f"line {number} " + "x" * 150 for number in range(10)]
    return WizardStateResponse.model_validate(
        {
            "investigation_id": scenario.INVESTIGATION_ID,
            "user_id": scenario.OWNER,
            "wizard_step": "PROGRESS",
            "status": "IN_PROGRESS",
            "version": 2,
            "created_at": "2026-01-01T00:00:00.000Z",
            "updated_at": "2026-01-01T00:00:00.000Z",
            "settings": scenario.SETTINGS,
            "progress": {
                "overall_progress": 6.0,
                "phases": [{"phase_name": each.name, "status": "running", "progress": 25.0} for each in script.phases],
                "agents": [{"agent_name": name, "status": "pending", "logs": lines} for name in agents],
            },
        }
    )
