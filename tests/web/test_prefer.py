import pytest

from tests import factories
from tests.conftest import Client
from tests.web.helpers import STATES, Answer, create, parked, patch, poll, poll_url, polling, read, send, soon, url

MINIMAL = {"Prefer": "return=minimal"}


@pytest.mark.parametrize(
    "preference", ["return=minimal", 'Return="minimal"', "wait=5, return=minimal", "return=minimal; x"]
)
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_a_change_may_be_answered_by_its_tag_alone(client: Client, method: str, preference: str) -> None:
    await create(client)
    answer = await send(client, method, url(), json={"status": "ERROR"}, headers={"Prefer": preference})
    assert (answer.status, answer.text, answer.headers["ETag"]) == (204, b"", '"version-2"')
    assert answer.headers["Preference-Applied"] == "return=minimal"
    assert (await read(client))["status"] == "ERROR"


async def test_a_change_that_changes_nothing_too(client: Client) -> None:
    await create(client)
    answer = await send(client, "PATCH", url(), json={}, headers=MINIMAL)
    assert (answer.status, answer.headers["ETag"]) == (204, '"version-1"')


async def test_a_creation_keeps_its_201_and_its_place(client: Client) -> None:
    answer = await send(client, "POST", STATES, json=factories.creation(), headers=MINIMAL)
    assert (answer.status, answer.text, answer.headers["ETag"]) == (201, b"", '"version-1"')
    assert (answer.headers["Location"], answer.headers["Preference-Applied"]) == (url(), "return=minimal")


async def test_a_refusal_keeps_its_body(client: Client) -> None:
    await create(client)
    answer = await send(client, "PATCH", url(), json={"wizard_step": "RESULTS"}, headers=MINIMAL)
    assert (answer.status, answer.body["code"]) == (409, "invalid-transition")


@pytest.mark.parametrize("preference", ["return=representation", "respond-async", "return", "", ";;,,="])
async def test_another_preference_changes_nothing(client: Client, preference: str) -> None:
    await create(client)
    answer = await send(client, "PATCH", url(), json={"status": "ERROR"}, headers={"Prefer": preference})
    assert (answer.status, answer.body["version"]) == (200, 2)
    assert "Preference-Applied" not in answer.headers


@pytest.mark.parametrize("preference", ["wait=20", 'wait="20"', "respond-async, WAIT=20", "wait=20; x=y"])
async def test_a_poll_may_ask_for_its_wait_by_preference(client: Client, preference: str) -> None:
    await create(client)
    waiting = polling(client, wait=None, since_version=1, headers={"Prefer": preference})
    await parked(client)
    await patch(client, {"status": "ERROR"})
    answer = await soon(waiting)
    assert (answer.body["version"], answer.headers["Preference-Applied"]) == (2, "wait=20")


async def test_the_parameter_goes_before_the_preference(client: Client) -> None:
    await create(client)
    answer = await poll(client, since_version=1, wait=0, headers={"Prefer": "wait=20"})
    assert answer.body["has_changes"] is False
    assert "Preference-Applied" not in answer.headers


async def test_a_preference_over_the_cap_is_applied_up_to_it(client: Client) -> None:
    await create(client)
    answer = await poll(client, headers={"Prefer": "wait=3600"})
    assert answer.headers["Preference-Applied"] == "wait=55"


@pytest.mark.parametrize("preference", ["wait=soon", "wait=-1", "wait=", "wait=" + "9" * 4000, "wait=٣", "wait=1e3"])
async def test_a_wait_that_cannot_be_read_is_ignored(client: Client, preference: str) -> None:
    await create(client)
    answer: Answer = await send(
        client, "GET", poll_url(), params={"since_version": "1"}, headers={"Prefer": preference}
    )
    assert (answer.status, answer.body["has_changes"]) == (200, False)
    assert "Preference-Applied" not in answer.headers
