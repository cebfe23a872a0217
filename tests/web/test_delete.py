import pytest

from tests import factories
from tests.conftest import Client
from tests.web.helpers import INV, STATES, create, parked, patch, polling, rows, send, soon, start, stored, trail, url


async def test_a_deletion_answers_204_without_a_body_and_the_state_is_absent(client: Client, database: str) -> None:
    await create(client)
    answer = await send(client, "DELETE", url())
    assert (answer.status, answer.text) == (204, b"")
    assert (await send(client, "GET", url())).status == 404
    assert (await send(client, "GET", STATES)).body["total"] == 0
    assert rows(database, "SELECT * FROM investigation_states") == []


async def test_the_trail_and_the_investigation_stay(client: Client, database: str) -> None:
    await start(client)
    await send(client, "DELETE", url())
    assert [(entry["version"], entry["action_type"]) for entry in trail(database)] == [
        (1, "STATE_CREATED"),
        (2, "STATE_CHANGE"),
        (3, "STATE_DELETED"),
    ]
    assert rows(database, "SELECT id, user_id FROM investigations") == [{"id": INV, "user_id": "dev"}]


@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
async def test_what_is_deleted_is_absent_for_every_method(client: Client, database: str, method: str) -> None:
    await create(client)
    await send(client, "DELETE", url())
    before = stored(database)
    body = {"json": {"status": "ERROR"}} if method in ("PATCH", "PUT") else {}
    answer = await send(client, method, url(), **body)
    assert (answer.status, answer.body["code"]) == (404, "not-found")
    assert stored(database) == before


async def test_a_new_state_under_an_old_id_has_a_version_above_all_that_were(client: Client) -> None:
    await start(client)
    await send(client, "DELETE", url())
    again = await send(client, "POST", STATES, json=factories.creation())
    assert (again.status, again.body["version"], again.headers["ETag"]) == (201, 4, '"version-4"')
    assert (again.body["wizard_step"], again.body["progress"]) == ("SETTINGS", None)
    assert (await patch(client, {"status": "ERROR"}))["version"] == 5


async def test_a_client_with_the_tag_of_the_deleted_state_does_not_mistake_the_new_one_for_it(client: Client) -> None:
    await create(client)
    await send(client, "DELETE", url())
    await create(client)
    answer = await send(client, "GET", url(), headers={"If-None-Match": '"version-1"'})
    assert answer.status == 200
    answer = await send(client, "PATCH", url(), json={"status": "ERROR"}, headers={"If-Match": '"version-1"'})
    assert answer.status == 412


async def test_everybody_who_waits_hears_of_the_deletion_at_once(client: Client) -> None:
    await start(client)
    waiting = [
        polling(client, since_version=2),
        polling(client, headers={"If-None-Match": '"version-2"'}),
        polling(client, since_version=2, watch="results"),
        polling(client, until="status:COMPLETED"),
    ]
    await parked(client, len(waiting))
    await send(client, "DELETE", url())
    answers = [await soon(task) for task in waiting]
    assert [(answer.status, answer.body["code"]) for answer in answers] == [(404, "not-found")] * len(waiting)
