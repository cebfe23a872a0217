import re
from typing import Any

import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.helpers import (
    INV,
    TIMESTAMP,
    Answer,
    TickingClock,
    as_operator,
    create,
    fields_named,
    parked,
    patch,
    polling,
    send,
    soon,
    start,
    url,
)

HISTORY = url(suffix="/history")


def entry(**overrides: Any) -> dict[str, Any]:
    own = {"investigation_id": INV, "user_id": "dev", "action_type": "NOTE", "source": "USER"}
    return {**own, "new_state": {"note": "called the bank"}, **overrides}


async def history(client: Client, **parameters: str) -> Any:
    answer = await send(client, "GET", HISTORY, params=parameters)
    assert answer.status == 200, answer.body
    return answer.body


async def append(client: Client, **overrides: Any) -> Answer:
    return await send(client, "POST", HISTORY, json=entry(**overrides))


@pytest.fixture
async def lived(start_server: StartServer) -> Client:
    """A server on which inv-1 has versions 1 to 4: created, started, reported, cancelled by X-Audit-Source."""
    client = await start_server(clock=TickingClock())
    await start(client)
    await patch(client, {"progress": factories.progress()})
    await patch(client, {"status": "CANCELLED"}, **{"X-Audit-Source": "WEBSOCKET"})
    return client


async def test_the_trail_comes_newest_first_with_the_parts_that_changed(lived: Client) -> None:
    body = await history(lived)
    assert [(item["version"], item["action_type"]) for item in body["items"]] == [
        (4, "STATE_CHANGE"),
        (3, "PROGRESS_UPDATED"),
        (2, "STATE_CHANGE"),
        (1, "STATE_CREATED"),
    ]
    assert (body["total"], body["page"], body["page_size"], body["has_more"]) == (4, 1, 20, False)
    newest, created = body["items"][0], body["items"][-1]
    assert set(newest) == {
        "entry_id",
        "investigation_id",
        "user_id",
        "action_type",
        "previous_state",
        "new_state",
        "source",
        "timestamp",
        "version",
        "mutation_id",
    }
    assert (newest["previous_state"]["status"], newest["new_state"]["status"]) == ("IN_PROGRESS", "CANCELLED")
    assert set(newest["new_state"]) == {"status", "version", "updated_at"}
    assert created["previous_state"] is None
    assert created["new_state"]["settings"]["name"] == "Card testing ring"
    assert re.fullmatch(TIMESTAMP, newest["timestamp"])
    assert len({item["entry_id"] for item in body["items"]}) == 4


async def test_entries_and_states_carry_the_same_instant(lived: Client) -> None:
    state = (await send(lived, "GET", url())).body
    assert (await history(lived))["items"][0]["timestamp"] == state["updated_at"]


async def test_pages_follow_each_other_without_gap(lived: Client) -> None:
    pages = [await history(lived, page_size="3", page=page) for page in "123"]
    assert [[item["version"] for item in page["items"]] for page in pages] == [[4, 3, 2], [1], []]
    assert [page["has_more"] for page in pages] == [True, False, False]


@pytest.mark.parametrize(
    ("parameters", "versions"),
    [
        ({"action_type": "STATE_CHANGE"}, [4, 2]),
        ({"action_type": "NOTHING"}, []),
        ({"source": "WEBSOCKET"}, [4]),
        ({"source": "USER"}, [3, 2, 1]),
        ({"source": "USER", "action_type": "STATE_CHANGE"}, [2]),
    ],
)
async def test_filters_narrow_the_trail_and_its_total(
    lived: Client, parameters: dict[str, str], versions: list[int]
) -> None:
    body = await history(lived, **parameters)
    assert ([item["version"] for item in body["items"]], body["total"]) == (versions, len(versions))


async def test_since_and_until_include_their_instants(lived: Client) -> None:
    _, third, second, _ = [item["timestamp"] for item in (await history(lived))["items"]]
    body = await history(lived, since=second, until=third)
    assert [item["version"] for item in body["items"]] == [3, 2]
    assert (await history(lived, since=third, until=second))["items"] == []


@pytest.mark.parametrize(
    "parameters", [{"source": "FAX"}, {"since": "x"}, {"until": "x"}, {"page": "0"}, {"sort": "x"}]
)
async def test_a_wrong_parameter_is_named(lived: Client, parameters: dict[str, str]) -> None:
    answer = await send(lived, "GET", HISTORY, params=parameters)
    assert (answer.status, fields_named(answer)) == (422, set(parameters))


async def test_the_source_is_user_unless_the_client_names_another(client: Client) -> None:
    await create(client)
    for source in ("POLLING", "SYSTEM", "WEBSOCKET", "USER"):
        await patch(client, {"settings": factories.settings(name=source)}, **{"X-Audit-Source": source})
    sources = [item["source"] for item in (await history(client))["items"]]
    assert sources == ["USER", "WEBSOCKET", "SYSTEM", "POLLING", "USER"]


@pytest.mark.parametrize("source", ["user", "FAX", ""])
async def test_an_unknown_source_is_refused_by_name(client: Client, source: str) -> None:
    await create(client)
    answer = await send(client, "PATCH", url(), json={"status": "ERROR"}, headers={"X-Audit-Source": source})
    assert (answer.status, fields_named(answer)) == (422, {"X-Audit-Source"})


async def test_a_client_appends_an_entry_of_its_own(lived: Client) -> None:
    answer = await append(lived, previous_state={"a": 1}, source="POLLING")
    assert answer.status == 201
    assert (answer.body["action_type"], answer.body["source"], answer.body["version"]) == ("NOTE", "POLLING", None)
    assert (answer.body["previous_state"], answer.body["new_state"]) == ({"a": 1}, {"note": "called the bank"})
    assert (await history(lived))["items"][0] == answer.body


async def test_an_appended_entry_is_no_version_and_wakes_nobody(lived: Client) -> None:
    waiting = polling(lived, since_version=4)
    await parked(lived)
    await append(lived)
    assert not waiting.done()
    assert (await send(lived, "GET", url())).headers["ETag"] == '"version-4"'
    assert (await send(lived, "GET", url(), params={"version": "1"})).body["version"] == 1
    await patch(lived, {"wizard_step": "SETTINGS"})
    assert (await soon(waiting)).body["version"] == 5


@pytest.mark.parametrize(
    ("overrides", "field"),
    [
        ({"investigation_id": "inv-2"}, "investigation_id"),
        ({"action_type": ""}, "action_type"),
        ({"action_type": "x" * 101}, "action_type"),
        ({"source": "FAX"}, "source"),
        ({"source": None}, "source"),
        ({"new_state": []}, "new_state"),
        ({"entry_id": "mine"}, "entry_id"),
    ],
)
async def test_an_entry_that_is_not_valid_is_refused(lived: Client, overrides: dict[str, Any], field: str) -> None:
    answer = await append(lived, **overrides)
    assert (answer.status, fields_named(answer)) == (422, {field})
    assert (await history(lived))["total"] == 4


async def test_an_entry_in_the_name_of_another_is_refused(lived: Client) -> None:
    assert (await append(lived, user_id="eve")).status == 403


async def test_the_trail_outlives_its_state_for_the_owner(lived: Client) -> None:
    await send(lived, "DELETE", url())
    body = await history(lived)
    assert (body["total"], body["items"][0]["action_type"], body["items"][0]["version"]) == (5, "STATE_DELETED", 5)
    assert body["items"][0]["new_state"] is None
    assert body["items"][0]["previous_state"]["status"] == "CANCELLED"
    assert (await append(lived)).status == 201
    assert (await send(lived, "GET", HISTORY, headers={"X-User-Id": "eve"})).status == 404


async def test_an_investigation_that_was_never_there_has_no_trail(client: Client) -> None:
    assert (await send(client, "GET", HISTORY)).status == 404
    assert (await append(client)).status == 404


async def test_an_investigation_without_owner_is_nobodys(client: Client, database: str) -> None:
    as_operator(database, "INSERT INTO investigations (id) VALUES (?)", INV)
    assert (await send(client, "GET", HISTORY)).status == 404
    assert (await append(client)).status == 404
