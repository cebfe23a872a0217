"""The demo's data is what the server accepts, and its agents lose nothing to each other."""

import re
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from rich.console import Console

from tests.conftest import Client
from wizard_server.demo import command, scenario
from wizard_server.demo.agents import STATE, Analyst, Lead
from wizard_server.demo.bar import Bar
from wizard_server.demo.client import Api, DemoError
from wizard_server.demo.command import demo
from wizard_server.demo.follower import Watch
from wizard_server.demo.view import Picture
from wizard_server.domain.models import InvestigationResults, InvestigationSettings

SPEED = 40.0


def test_settings_and_results_are_valid() -> None:
    settings = InvestigationSettings.model_validate(scenario.SETTINGS)
    assert {entity.entity_type for entity in settings.entities} == {"user_id", "device_id", "card", "ip"}
    InvestigationResults.model_validate(
        {
            "findings": scenario.FINDINGS,
            "risk_score": scenario.RISK_SCORE,
            "entity_summaries": scenario.ENTITY_SUMMARIES,
            "completed_at": "2026-03-17T09:00:00.000Z",
        }
    )


def test_every_agent_has_something_to_do() -> None:
    assert {task.agent for phase in scenario.PHASES for task in phase.tasks} == set(scenario.AGENTS)


async def test_agents_that_push_at_the_same_time_lose_no_line(client: Client) -> None:
    url = str(client.make_url("")).rstrip("/")
    async with aiohttp.ClientSession() as session:
        analyst = Analyst(session, url)
        await analyst.start(await analyst.create())
        await Lead(session, url).run(SPEED)
        state = (await Api(session, url, "test").get(STATE)).body
    lines = {
        name: [line for phase in scenario.PHASES for task in phase.tasks if task.agent == name for line in task.lines]
        for name in scenario.AGENTS
    }
    assert {agent["agent_name"]: agent["logs"] for agent in state["progress"]["agents"]} == lines
    assert len(state["progress"]["logs"]) == 1 + sum(map(len, lines.values()))
    assert {agent["progress"] for agent in state["progress"]["agents"]} == {100.0}
    assert {phase["progress"] for phase in state["progress"]["phases"]} == {100.0}


async def test_a_refusal_names_the_actor_the_request_and_the_reason(client: Client) -> None:
    async with aiohttp.ClientSession() as session:
        api = Api(session, str(client.make_url("")).rstrip("/"), "lead")
        with pytest.raises(DemoError, match=re.escape(f"lead: PATCH {STATE} answered 404: not-found")):
            await api.patch(STATE, {"status": "COMPLETED"})


async def test_a_server_that_is_gone_is_named_too(unused_tcp_port_factory: Callable[[], int]) -> None:
    async with aiohttp.ClientSession() as session:
        api = Api(session, f"http://127.0.0.1:{unused_tcp_port_factory()}", "device")
        with pytest.raises(DemoError, match=f"device: GET {STATE} failed"):
            await api.get(STATE)


async def test_the_demo_ends_with_1_when_the_server_refuses_something(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(scenario.SETTINGS, "tools", [{"tool_name": "device_graph", "enabled": False}])
    assert await demo(once=True) == 1
    assert "wizard-server demo: analyst: PATCH" in capsys.readouterr().err


async def test_the_demo_ends_with_1_when_the_investigation_is_not_as_expected(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scenario, "PHASES", scenario.PHASES[-1:])
    monkeypatch.setattr(command, "problems", lambda _: ["phase score is at 40 %"])
    assert await demo(once=True) == 1
    assert capsys.readouterr().err == "wizard-server demo: phase score is at 40 %\n"


@pytest.mark.parametrize("width", [80, 120])
def test_the_picture_fits_a_terminal(width: int) -> None:
    console = Console(width=width, record=True, force_terminal=True, quiet=True)
    picture = Picture(Watch(polls=2, versions=[1, 2], latencies_ms=[1.5]), "http://127.0.0.1:8080")
    picture.show(running())
    with console.capture():
        lines = console.render_lines(picture.render(), console.options)
    text = ["".join(segment.text for segment in line) for line in lines]
    assert len(text) <= 20
    assert all(len(line.rstrip()) <= width for line in text)
    assert re.search(r"▶ collect +━+─+ +25 %", "\n".join(text))


def test_a_bar_is_as_long_as_what_it_shows() -> None:
    console = Console(width=40)
    [line] = console.render_lines(Bar(25, width=8), console.options)
    assert "".join(segment.text for segment in line).rstrip() == "━━──────"


def running() -> dict[str, Any]:
    return {
        "wizard_step": "PROGRESS",
        "status": "IN_PROGRESS",
        "version": 2,
        "settings": scenario.SETTINGS,
        "progress": {
            "overall_progress": 6.0,
            "phases": [{"phase_name": phase.name, "status": "running", "progress": 25.0} for phase in scenario.PHASES],
            "agents": [{"agent_name": name, "status": "pending", "progress": 0.0} for name in scenario.AGENTS],
            "logs": [f"device: line {number} " + "x" * 150 for number in range(10)],
        },
        "results": None,
    }
