"""No body holds the loop (contract 4): each input of the attacks, what it costs everybody else, and what it answers."""

import asyncio
from collections.abc import AsyncIterator

import orjson
import pytest

from tests import factories
from tests.conftest import Client
from tests.silence import LOUD, Silence, ask, unobserved
from tests.web.helpers import COMPLETE, JSON_PATCH, MERGE, STATES, create, patch, url

PROGRESS = url(suffix="/progress")
TEMPLATES = "/api/v1/templates"
SMALL_ANSWER = 20_000


@pytest.fixture
async def client(database: str) -> AsyncIterator[Client]:
    async with unobserved(database) as client:
        yield client


def chips(count: int, each: object = ()) -> dict[str, object]:
    """Settings of about `count` tiny nodes."""
    return factories.settings(
        tools=[{"tool_name": "t", "enabled": True, "parameters": {"chips": [each for _ in range(count)]}}]
    )


def settings_patch(settings: object) -> bytes:
    return orjson.dumps({"settings": settings})


NUMBERS = b'{"progress":{"logs":[' + b"1," * 543_999 + b"1]}}"

REFUSED = {
    "a patch of 544,000 numbers": ("PATCH", url(), NUMBERS, 413),
    "the same to an id that is not there": (
        "PATCH",
        url("none"),
        NUMBERS,
        413,
    ),
    "360,000 empty agents": ("POST", PROGRESS, b'{"agents":[' + b"{}," * 359_999 + b"{}]}", 413),
    "a long name over 270,000 items": (
        "PATCH",
        url(),
        b'{"settings":{"' + b"n" * 500_000 + b'":[' + b"1," * 270_000 + b'"\\u0000"]}}',
        413,
    ),
    "a long name over items within the limit": (
        "PATCH",
        url(),
        b'{"settings":{"' + b"n" * 540_000 + b'":[' + b"1," * 19_000 + b'"\\u0000"]}}',
        422,
    ),
    "U+0000 at the end of many items": ("PATCH", url(), b'{"settings":{"n":[' + b"1," * 19_000 + b'"\\u0000"]}}', 422),
    "500,000 escaped quotes and commas": ("PATCH", url(), b'{"x":"' + b'\\",' * 300_000 + b'"}', 422),
    "360,000 empty texts": ("POST", PROGRESS, b'{"logs":[' + b'"",' * 359_999 + b'""]}', 413),
    "20,000 numbers as lines": ("POST", PROGRESS, b'{"logs":[' + b"1," * 19_000 + b"1]}", 422),
    "1,000 agents that are none": ("POST", PROGRESS, b'{"agents":[' + b"{}," * 19_000 + b"{}]}", 422),
    "19,000 scores that are no numbers": (
        "PATCH",
        url(),
        orjson.dumps({"results": {"risk_score": {"category_scores": {str(i): [] for i in range(19_000)}}}}),
        422,
    ),
    "a template of 1 MB": (
        "POST",
        TEMPLATES,
        orjson.dumps({"name": "t", "settings": factories.settings(description="x" * 1_000_000)}),
        413,
    ),
    "a template of tiny nodes": ("POST", TEMPLATES, orjson.dumps({"name": "t", "settings": chips(300_000)}), 413),
    "a body that only opens": ("PATCH", url(), b'{"settings":' + b'[{"a":' * 150_000, 400),
}


@pytest.mark.parametrize("named", REFUSED)
async def test_a_body_that_costs_too_much_is_refused_before_it_does(client: Client, named: str) -> None:
    method, path, body, expected = REFUSED[named]
    await create(client)
    async with Silence() as silence:
        status, text = await ask(client, method, path, body)
    assert (status, len(text) < SMALL_ANSWER) == (expected, True), text[:500]
    assert silence.longest < LOUD


async def test_sixty_thousand_unknown_names_twenty_times_at_once(client: Client) -> None:
    unknown = b"{" + b",".join(b'"name-%d":1' % index for index in range(60_000)) + b"}"
    fewer = b"{" + b",".join(b'"name-%d":1' % index for index in range(19_000)) + b"}"
    async with Silence() as silence:
        many = await asyncio.gather(*(ask(client, "POST", STATES, unknown) for _ in range(20)))
    assert [(status, len(text) < SMALL_ANSWER) for status, text in many] == [(413, True)] * 20
    assert silence.longest < LOUD
    async with Silence() as silence:
        some = await asyncio.gather(*(ask(client, "POST", STATES, fewer) for _ in range(20)))
    assert [(status, len(text) < SMALL_ANSWER) for status, text in some] == [(422, True)] * 20
    assert silence.longest < LOUD
    problem = orjson.loads(some[0][1])
    assert (len(problem["errors"]), problem["errors_total"]) == (50, 19_000)


async def test_a_body_with_too_many_nodes_names_the_limit(client: Client) -> None:
    status, text = await ask(client, "POST", PROGRESS, b'{"logs":[' + b'"",' * 50_000 + b'""]}')
    problem = orjson.loads(text)
    assert (status, problem["code"], problem["limit_nodes"]) == (413, "body-too-large", 20_032)
    assert "max_nodes" in problem["detail"]


async def test_a_state_that_grows_over_its_nodes_is_refused_and_names_the_limit(client: Client) -> None:
    await create(client)
    await patch(client, {"settings": chips(15_000)})
    more = [{"op": "copy", "from": "/settings/tools/0", "path": "/settings/tools/-"}]
    async with Silence() as silence:
        status, text = await ask(client, "PATCH", url(), orjson.dumps(more), JSON_PATCH)
    problem = orjson.loads(text)
    assert (status, problem["code"], problem["limit_nodes"]) == (413, "state-too-large", 20_000)
    assert silence.longest < LOUD


CHIPS = "/settings/tools/0/parameters/chips"
RENAME = [{"op": "move", "from": "/settings/tools/0/parameters/chips", "path": "/settings/tools/0/parameters/tokens"}]
COPIES = [
    {"op": "copy", "from": "/settings/tools/0/parameters/chips", "path": f"/settings/tools/0/parameters/{index}"}
    for index in range(30)
]
CHANGES = {
    "a JSON patch renames it": (orjson.dumps(RENAME), JSON_PATCH, 200),
    "a JSON patch copies it 30 times": (orjson.dumps(COPIES), JSON_PATCH, 422),
    "each node becomes another": (settings_patch(chips(18_000, {})), {}, 200),
    "a merge patch makes each node another": (settings_patch(chips(18_000, {})), MERGE, 200),
    "1,000 removals at its front": (orjson.dumps([{"op": "remove", "path": f"{CHIPS}/0"}] * 1000), JSON_PATCH, 200),
    "a merge patch empties it": (settings_patch({"tools": [{"tool_name": "t"}]}), MERGE, 200),
    "1,000 operations on it": (
        orjson.dumps([{"op": "add", "path": "/settings/tools/0/parameters/chips/0", "value": 1}] * 999 + RENAME),
        JSON_PATCH,
        200,
    ),
}


@pytest.mark.parametrize("named", CHANGES)
async def test_a_change_of_a_state_of_many_tiny_nodes_holds_nobody_up(client: Client, named: str) -> None:
    body, headers, expected = CHANGES[named]
    await create(client)
    status, _ = await ask(client, "PATCH", url(), settings_patch(chips(18_000)))
    assert status == 200
    async with Silence() as silence:
        status, text = await ask(client, "PATCH", url(), body, headers)
    assert status == expected, text[:500]
    assert silence.longest < LOUD


async def test_a_finish_that_makes_twelve_thousand_lines_leave_holds_nobody_up(database: str) -> None:
    async with unobserved(database, state={"max_log_lines": 100_000}) as client:
        await create(client)
        await patch(client, {"wizard_step": "PROGRESS"})
        for number in range(6):
            logs = [f"{'x' * 20}{line}" for line in range(2000)]
            body = orjson.dumps({"agents": [{"agent_name": f"agent-{number}", "logs": logs}]})
            assert (await ask(client, "POST", PROGRESS, body))[0] == 200
        finding = {**factories.results()["findings"][0], "description": "d" * 3500}
        finish = {"finish": True, "results": factories.results(findings=[finding] * 130), "logs": ["done"]}
        async with Silence() as silence:
            status, text = await ask(client, "POST", PROGRESS, orjson.dumps(finish))
    assert status == 200, text[:500]
    progress = orjson.loads(text)["progress"]
    assert sum(agent["logs_dropped"] for agent in progress["agents"]) > 10_000
    assert progress["logs"] == ["done"]
    assert silence.longest < LOUD


async def test_ordinary_large_states_are_taken(client: Client) -> None:
    await create(client)
    await patch(client, {"wizard_step": "PROGRESS"})
    line = "a line of the log, as long as they are: " + "x" * 60
    logs = {"progress": factories.progress(logs=[line] * 4000)}
    status, text = await ask(client, "PATCH", url(), orjson.dumps(logs))
    assert status == 200, text[:500]
    evidence = [{"device_id": f"d-{index}", "accounts": index} for index in range(12)]
    finding = {**factories.results()["findings"][0], "evidence": evidence}
    body = {"progress": factories.progress(), **COMPLETE, "results": factories.results(findings=[finding] * 400)}
    status, text = await ask(client, "PATCH", url(), orjson.dumps(body))
    assert status == 200, text[:500]
