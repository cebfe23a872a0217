"""What retention removed: a tombstone answers 410 to its owner, 404 to everybody else, and may be created again."""

import asyncio
from typing import Any

import pytest

from tests import factories
from tests.conftest import Client
from tests.web.helpers import insert_state, noticed, parked
from tests.web.purging import PURGED_AT, bury
from tests.web.templates import ANN, STATE, TEMPLATES, apply, ask, investigate, make, trail, uses

POLL = "/api/v1/polling/wizard-state/inv-1"
ENTRY = {"investigation_id": "inv-1", "user_id": "dev", "action_type": "NOTE", "source": "USER"}
RULES: list[tuple[str, str, Any]] = [
    ("GET", f"{STATE}/inv-1", None),
    ("GET", f"{STATE}/inv-1?version=1", None),
    ("GET", POLL, None),
    ("GET", f"{POLL}?since_version=1&wait=30", None),
    ("PATCH", f"{STATE}/inv-1", {"wizard_step": "PROGRESS"}),
    ("PUT", f"{STATE}/inv-1", {"wizard_step": "SETTINGS"}),
    ("DELETE", f"{STATE}/inv-1", None),
    ("GET", f"{STATE}/inv-1/history", None),
    ("POST", f"{STATE}/inv-1/history", ENTRY),
    ("POST", TEMPLATES, {"name": "t", "from_investigation_id": "inv-1"}),
]


async def look(client: Client) -> None:
    """Let the server notice what an operator did, now instead of within half a second."""
    assert client.app is not None
    await noticed(client)


@pytest.fixture
async def purged(client: Client, database: str) -> Client:
    """A client whose investigation, after three versions, was removed by retention."""
    await investigate(client)
    for name in ("a", "b"):
        await ask(client, "PATCH", f"{STATE}/inv-1", {"settings": factories.settings(name=name)})
    bury(database)
    await look(client)
    return client


@pytest.mark.parametrize(("method", "path", "body"), RULES)
async def test_its_owner_learns_when_it_was_removed(purged: Client, method: str, path: str, body: Any) -> None:
    status, problem, _ = await ask(purged, method, path, body)
    assert (status, problem.get("code")) == (410, "history-gone")
    assert PURGED_AT in problem["detail"]


@pytest.mark.parametrize(("method", "path", "body"), RULES)
async def test_to_others_it_never_was(purged: Client, method: str, path: str, body: Any) -> None:
    given = body if body != ENTRY else {**ENTRY, "user_id": "ann"}
    answers = []
    for key in ("inv-1", "inv-9"):
        named = None if given is None else {name: key if value == "inv-1" else value for name, value in given.items()}
        status, problem, _ = await ask(purged, method, path.replace("inv-1", key), named, ANN)
        answers.append((status, problem.get("code"), str(problem["detail"]).replace(key, "KEY")))
    assert answers[0] == answers[1]
    assert answers[0][:2] == (404, "not-found")


async def test_it_is_in_no_list(purged: Client) -> None:
    assert (await ask(purged, "GET", STATE))[1]["total"] == 0


async def test_a_poll_that_is_parked_learns_it(client: Client, database: str) -> None:
    await investigate(client)
    poll = asyncio.create_task(ask(client, "GET", f"{POLL}?since_version=1&wait=30"))
    await parked(client)
    bury(database)
    await look(client)
    status, problem, _ = await poll
    assert (status, problem["code"]) == (410, "history-gone")


async def test_created_again_it_goes_on_above_its_newest_version(purged: Client) -> None:
    status, made, headers = await ask(purged, "POST", STATE, factories.creation())
    assert (status, made["version"], headers["ETag"]) == (201, 5, '"version-5"')
    assert (await ask(purged, "PATCH", f"{STATE}/inv-1", {"wizard_step": "PROGRESS"}))[1]["version"] == 6
    assert [entry["version"] for entry in await trail(purged)] == [6, 5]
    assert (await ask(purged, "GET", POLL))[1]["version"] == 6


async def test_created_again_it_is_nobody_s_tombstone(purged: Client) -> None:
    await investigate(purged)
    assert (await ask(purged, "DELETE", f"{STATE}/inv-1"))[0] == 204
    assert (await ask(purged, "GET", f"{STATE}/inv-1"))[0] == 404
    assert (await ask(purged, "GET", f"{STATE}/inv-1/history"))[1]["total"] == 2


async def test_what_was_removed_stays_removed_after_a_new_creation(purged: Client) -> None:
    await investigate(purged)
    status, problem, _ = await ask(purged, "GET", f"{STATE}/inv-1?version=1")
    assert (status, problem["code"]) == (410, "history-gone")


async def test_a_template_brings_it_back_too(purged: Client) -> None:
    template = await make(purged)
    status, state, _ = await apply(purged, template)
    assert (status, state["version"], await uses(purged, template)) == (201, 5, 1)


async def test_others_cannot_take_its_place(purged: Client) -> None:
    status, problem, _ = await ask(purged, "POST", STATE, factories.creation(user_id="ann"), ANN)
    assert (status, problem["code"]) == (409, "state-exists")
    assert (await ask(purged, "GET", f"{STATE}/inv-1"))[0] == 410


async def test_inserted_again_by_hand_it_goes_on_above_its_newest_version(purged: Client, database: str) -> None:
    insert_state(database)
    await look(purged)
    assert (await ask(purged, "GET", f"{STATE}/inv-1"))[1]["version"] > 4
    assert (await ask(purged, "DELETE", f"{STATE}/inv-1"))[0] == 204
    assert (await ask(purged, "GET", f"{STATE}/inv-1"))[0] == 404
