"""Many agents at full speed: no line, no field and no order is lost, however the reports are committed."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import jsonpatch
import pytest

from tests.conftest import Client, StartServer
from tests.web.deltas import content
from tests.web.helpers import (
    hold_commits,
    parked,
    poll_url,
    polling,
    queued,
    read,
    send,
    sending,
    soon,
    start,
    trail,
    until,
    url,
)

PROGRESS = url(suffix="/progress")
AGENTS = 16
UPDATES = 50
MINIMAL = {"Prefer": "return=minimal"}


def line(agent: int, update: int) -> str:
    return f"agent {agent} line {update}"


async def work(client: Client, agent: int) -> None:
    """Report as one agent, its own lines and lines of the investigation, as fast as the server answers."""
    for update in range(UPDATES):
        body = {
            "overall_progress": update * 100 / UPDATES,
            "agents": [
                {
                    "agent_name": f"agent-{agent}",
                    "progress": (update + 1) * 100 / UPDATES,
                    "logs": [line(agent, update)],
                }
            ],
            "phases": [{"phase_name": f"phase-{agent}", "progress": (update + 1) * 100 / UPDATES}],
            "logs": [line(agent, update)],
        }
        answer = await send(client, "POST", PROGRESS, json=body, headers=MINIMAL)
        assert answer.status == 204


def added(part: Any) -> list[str]:
    """Return the lines that an entry brought to one log, in order."""
    if isinstance(part, list):
        return part
    return [part[index] for index in sorted(part or {}, key=int)]


def logs_of(progress: Any, name: str) -> Iterable[str]:
    for agent in (progress.get("agents") or {}).values() if isinstance(progress.get("agents"), dict) else ():
        yield from (text for text in added(agent.get("logs")) if text.startswith(f"{name} "))
    if isinstance(progress.get("agents"), list):
        for agent in progress["agents"]:
            yield from (text for text in agent["logs"] if text.startswith(f"{name} "))


@pytest.mark.parametrize("max_log_lines", [10, 100_000])
async def test_every_one_of_800_lines_is_there_once_and_in_order(
    start_server: StartServer, database: str, max_log_lines: int
) -> None:
    client = await start_server(state={"max_log_lines": max_log_lines, "max_size_kb": 5000})
    await start(client)
    await asyncio.gather(*(work(client, agent) for agent in range(AGENTS)))
    progress = (await read(client))["progress"]
    entries = [json.loads(entry["new_state"])["progress"] for entry in trail(database)[2:]]
    told = [text for part in entries for text in added(part.get("logs"))]
    assert sorted(told) == sorted(line(agent, update) for agent in range(AGENTS) for update in range(UPDATES))
    assert progress["logs"] == told[-max_log_lines:]
    assert progress.get("logs_dropped", 0) == max(len(told) - max_log_lines, 0)
    assert len(progress["agents"]) == len(progress["phases"]) == AGENTS
    for number in range(AGENTS):
        expected = [line(number, update) for update in range(UPDATES)]
        assert [text for text in told if text.startswith(f"agent {number} ")] == expected
        assert [text for part in entries for text in logs_of(part, f"agent {number}")] == expected
        [agent] = [each for each in progress["agents"] if each["agent_name"] == f"agent-{number}"]
        [phase] = [each for each in progress["phases"] if each["phase_name"] == f"phase-{number}"]
        assert (agent["logs"], agent["progress"]) == (expected[-max_log_lines:], 100.0)
        assert agent.get("logs_dropped", 0) == max(UPDATES - max_log_lines, 0)
        assert phase["progress"] == 100.0


async def test_agents_in_one_commit_lose_nothing_of_each_other(client: Client) -> None:
    await start(client)
    door = hold_commits(client)
    first = sending(client, "POST", PROGRESS, json={"logs": ["first"]})
    await door.reached.wait()
    reports = [
        sending(
            client,
            "POST",
            PROGRESS,
            json={
                "agents": [{"agent_name": f"a{agent}", "progress": agent, "logs": [line(agent, 0)]}],
                "logs": [line(agent, 0)],
            },
        )
        for agent in range(20)
    ]
    await until(lambda: queued(client) == 20)
    door.open()
    answers = [await soon(task) for task in (first, *reports)]
    assert sorted(answer.body["version"] for answer in answers) == list(range(3, 24))
    progress = (await read(client))["progress"]
    assert {agent["agent_name"]: agent["progress"] for agent in progress["agents"]} == {
        f"a{agent}": float(agent) for agent in range(20)
    }
    assert progress["logs"][0] == "first"
    assert sorted(progress["logs"][1:]) == sorted(line(agent, 0) for agent in range(20))


async def test_a_user_and_agents_in_one_commit_lose_nothing_of_each_other(client: Client) -> None:
    await start(client)
    door = hold_commits(client)
    tasks = [sending(client, "POST", PROGRESS, json={"logs": ["one"]})]
    await door.reached.wait()
    tasks.append(sending(client, "POST", PROGRESS, json={"logs": ["two"], "overall_progress": 50}))
    await until(lambda: queued(client) == 1)
    tasks.append(sending(client, "PATCH", url(), json={"status": "CANCELLED"}))
    await until(lambda: queued(client) == 2)
    tasks.append(sending(client, "POST", PROGRESS, json={"logs": ["too late"]}))
    await until(lambda: queued(client) == 3)
    door.open()
    assert [(await soon(task)).status for task in tasks] == [200, 200, 200, 409]
    state = await read(client)
    assert (state["status"], state["progress"]["logs"], state["version"]) == ("CANCELLED", ["one", "two"], 5)


async def test_a_burst_wakes_a_poll_once_and_its_changes_are_all_there(client: Client) -> None:
    before = await start(client)
    waiting = polling(client, since_version=2)
    changes = sending(client, "GET", f"{poll_url()}/changes", params={"since_version": "2", "wait": "30"})
    await parked(client, 2)
    door = hold_commits(client)
    tasks = [sending(client, "POST", PROGRESS, json={"logs": ["0"]})]
    await door.reached.wait()
    tasks += [sending(client, "POST", PROGRESS, json={"logs": [str(number)]}) for number in range(1, 10)]
    await until(lambda: queued(client) == 9)
    door.open()
    for task in tasks:
        await soon(task)
    assert (await soon(waiting)).body["version"] >= 3
    body = (await soon(changes)).body
    state = content(before)
    while True:
        for change in body["changes"]:
            state = jsonpatch.apply_patch(state, change["patch"])
        if body["to_version"] == 12:
            break
        params = {"since_version": str(body["to_version"])}
        body = (await send(client, "GET", f"{poll_url()}/changes", params=params)).body
    assert state == content(await read(client))
