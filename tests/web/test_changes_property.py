"""Random lives: from every version to every later one the patches lead exactly, and dashboards miss nothing."""

import asyncio
import random
from typing import Any

import jsonpatch
import orjson
import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.dashboards import ACTIVE, ask
from tests.web.deltas import content
from tests.web.helpers import INV, STATES, as_operator, create, noticed, poll_url, read, send, url

# More than a dashboard is told of at once.
MANY = 2100
FAIL_BY_HAND = "UPDATE investigation_states SET status = 'ERROR' WHERE investigation_id = ?"
CHANGES = f"{poll_url()}/changes"


def act(dice: random.Random) -> tuple[str, str, Any]:
    """Return one random request on an investigation; many are refused where they come, which is part of a life."""
    lines = [dice.choice(["a", "b", f"line {dice.random()}"]) for _ in range(dice.randrange(9))]
    agent = {"agent_name": dice.choice(["x", "y", "1", "a/b"]), "logs": lines, "progress": dice.randrange(101)}
    report = {"agents": [agent], "logs": lines[:3], "phases": [{"phase_name": dice.choice("pq"), "progress": 5}]}
    return dice.choices(
        [
            ("POST", "/progress", report),
            ("POST", "/progress", {"overall_progress": dice.randrange(101), "current_phase": dice.choice("pq")}),
            ("PATCH", "", {"wizard_step": "PROGRESS"}),
            ("PATCH", "", {"settings": factories.settings(name=dice.choice("abc"))}),
            ("PATCH", "", {"progress": factories.progress(logs=lines)}),
            ("PATCH", "", {"status": dice.choice(["ERROR", "IN_PROGRESS"])}),
            ("POST", "/progress", {"finish": True, "results": factories.results(), "logs": lines}),
            ("PATCH", "", {"wizard_step": "SETTINGS"}),
            ("DELETE", "", None),
        ],
        weights=[10, 3, 5, 2, 2, 1, 1, 1, 1],
    )[0]


async def step(client: Client, dice: random.Random, key: str = INV) -> None:
    method, suffix, body = act(dice)
    answer = await send(client, method, url(key, suffix), json=body)
    assert answer.status in (200, 204, 404, 409), answer.body
    if answer.status == 404:
        await create(client, key, settings=factories.settings(name=dice.choice("de")))


def updated(shown: dict[str, Any], body: Any) -> dict[str, Any]:
    """Return what a dashboard shows after a delta."""
    rows = {row["investigation_id"]: row for row in body["investigations"]}
    return {key: row for key, row in shown.items() if key not in body["removed"]} | rows


def text(document: Any) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


async def follow(client: Client, state: Any, since: int, to: int, limit: int) -> Any:
    """Return `state` after all the patches from one version to another."""
    while since < to:
        params = {"since_version": str(since), "limit": str(limit)}
        answer = await send(client, "GET", CHANGES, params=params)
        assert (answer.status, answer.body["from_version"]) == (200, since), answer.body
        for change in answer.body["changes"]:
            state = jsonpatch.apply_patch(state, change["patch"])
        since = answer.body["to_version"]
        assert answer.body["has_more"] == (since < to)
    return state


@pytest.mark.parametrize("seed", range(3))
async def test_from_every_version_to_the_newest_the_patches_lead_exactly(start_server: StartServer, seed: int) -> None:
    dice = random.Random(seed)
    client = await start_server(state={"max_log_lines": 10})
    known = {}
    await create(client)
    for _ in range(60):
        await step(client, dice)
        answer = await send(client, "GET", url())
        if answer.status == 200:
            known[answer.body["version"]] = content(answer.body)
    if (await send(client, "GET", url())).status != 200:
        await create(client)
    newest = content(await read(client))
    for since, state in known.items():
        reached = await follow(client, state, since, newest["version"], dice.choice([1, 3, 1000]))
        assert text(reached) == text(newest)
        if since > 1:
            shown = await send(client, "GET", url(), params={"version": str(since)})
            assert text(content(shown.body)) == text(state)


@pytest.mark.parametrize("seed", range(2))
async def test_followers_of_a_life_end_at_its_state_and_see_every_version(start_server: StartServer, seed: int) -> None:
    client = await start_server(state={"max_log_lines": 10})
    await create(client)
    ended = asyncio.Event()

    async def live() -> None:
        writers = [random.Random(seed * 10 + number) for number in range(4)]
        await asyncio.gather(*(write(dice) for dice in writers))
        await send(client, "POST", STATES, json=factories.creation())
        ended.set()

    async def write(dice: random.Random) -> None:
        for _ in range(25):
            method, suffix, body = act(dice)
            if method != "DELETE":
                await send(client, method, url(suffix=suffix), json=body)

    async def follower(dice: random.Random) -> list[int]:
        state = content(await read(client))
        versions: list[int] = []
        while True:
            ending = ended.is_set()
            wait = "0" if ending else dice.choice(["0", "0.05", "1"])
            params = {"since_version": str(state["version"]), "wait": wait, "limit": dice.choice(["1", "2", "100"])}
            answer = await send(client, "GET", CHANGES, params=params)
            assert answer.status in (200, 304), answer.body
            if answer.status == 304 and ending:
                assert text(state) == text(content(await read(client)))
                return versions
            for change in answer.body["changes"] if answer.status == 200 else ():
                state = jsonpatch.apply_patch(state, change["patch"])
                versions.append(change["version"])

    told = await asyncio.gather(live(), *(follower(random.Random(number)) for number in range(5)))
    newest = (await read(client))["version"]
    for versions in told[1:]:
        assert versions is not None
        assert versions == list(range(newest - len(versions) + 1, newest + 1))


@pytest.mark.parametrize("parameters", [{}, {"status": "IN_PROGRESS"}, {"wizard_step": "PROGRESS"}])
@pytest.mark.parametrize("seed", range(2))
async def test_a_dashboard_ends_as_the_list_whatever_happens(
    client: Client, database: str, seed: int, parameters: dict[str, Any]
) -> None:
    ended = asyncio.Event()

    async def live(dice: random.Random) -> None:
        for _ in range(30):
            key = f"inv-{dice.randrange(6)}"
            if dice.random() < 0.1:
                await asyncio.to_thread(as_operator, database, FAIL_BY_HAND, key)
            else:
                method, suffix, body = act(dice)
                answer = await send(client, method, url(key, suffix), json=body)
                if answer.status == 404:
                    await send(client, "POST", STATES, json=factories.creation(key))

    async def run() -> None:
        await asyncio.gather(*(live(random.Random(seed * 100 + number)) for number in range(4)))
        await noticed(client)
        ended.set()

    async def dashboard(dice: random.Random) -> dict[str, Any]:
        first = (await ask(client, **parameters)).body
        shown = {row["investigation_id"]: row for row in first["investigations"]}
        place = first["cursor"]
        while True:
            ending = ended.is_set()
            wait = 0 if ending else dice.choice([0, 0.05, 1])
            body = (await ask(client, cursor=place, wait=wait, **parameters)).body
            assert body["cursor"] >= place
            assert {row["investigation_id"] for row in body["investigations"]}.isdisjoint(body["removed"])
            shown = updated(shown, body)
            place = body["cursor"]
            if ending and not body["investigations"] and not body["removed"]:
                return shown

    _, *shown = await asyncio.gather(run(), *(dashboard(random.Random(number)) for number in range(4)))
    answer = await send(client, "GET", STATES, params={"page_size": "100", **parameters})
    expected = {item["investigation_id"]: item["version"] for item in answer.body["items"]}
    for each in shown:
        assert {key: row["version"] for key, row in (each or {}).items()} == expected


def plant(database: str, name: str) -> None:
    """Make more states than a dashboard is told of at once."""
    numbers = f"WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {MANY})"
    as_operator(database, f"{numbers} INSERT INTO investigations (id) SELECT '{name}-' || n FROM numbers")
    made = "INSERT INTO investigation_states (investigation_id, user_id, wizard_step, status)"
    like = f"FROM investigations WHERE id LIKE '{name}-%'"
    as_operator(database, f"{made} SELECT id, 'dev', 'SETTINGS', 'IN_PROGRESS' {like}")


async def test_a_long_delta_that_is_cut_goes_on_without_losing_any(client: Client, database: str) -> None:
    plant(database, "old")
    await noticed(client)
    place = (await ask(client)).body["cursor"]
    as_operator(database, "DELETE FROM investigation_states")
    plant(database, "new")
    await noticed(client)
    changed: list[str] = []
    removed: list[str] = []
    for _ in range(2 * MANY // 100 + 3):
        body = (await send(client, "GET", ACTIVE, params={"cursor": str(place), "wait": "0"})).body
        changed += [row["investigation_id"] for row in body["investigations"]]
        removed += body["removed"]
        place = body["cursor"]
    assert sorted(changed) == sorted(f"new-{number}" for number in range(1, MANY + 1))
    assert sorted(removed) == sorted(f"old-{number}" for number in range(1, MANY + 1))
