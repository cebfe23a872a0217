import json
from typing import Any

import pytest

from tests import factories
from tests.conftest import Client
from tests.web.helpers import JSON_PATCH, Answer, create, patch, poll_url, polling, send, stored, url

THEIRS, ABSENT = "inv-theirs", "inv-absent"
REQUEST: dict[str, tuple[str, str, dict[str, Any]]] = {
    "read": ("GET", "{state}", {}),
    "read a version": ("GET", "{state}?version=1", {}),
    "read a version there never was": ("GET", "{state}?version=99", {}),
    "read with a tag": ("GET", "{state}", {"headers": {"If-None-Match": '"version-2"'}}),
    "read with any tag": ("GET", "{state}", {"headers": {"If-None-Match": "*"}}),
    "patch": ("PATCH", "{state}", {"json": {"status": "ERROR"}}),
    "patch with nothing": ("PATCH", "{state}", {"json": {}}),
    "patch against the rules": ("PATCH", "{state}", {"json": {"results": factories.results()}}),
    "patch with a version": ("PATCH", "{state}", {"json": {"status": "ERROR", "version": 1}}),
    "patch with a tag": ("PATCH", "{state}", {"json": {}, "headers": {"If-Match": '"version-1"'}}),
    "patch what does not apply": (
        "PATCH",
        "{state}",
        {"json": [{"op": "test", "path": "/version", "value": 7}], "headers": JSON_PATCH},
    ),
    "patch what is not valid": ("PATCH", "{state}", {"json": {"typo": 1}}),
    "patch with a key": ("PATCH", "{state}", {"json": {"status": "ERROR"}, "headers": {"Idempotency-Key": "{id}"}}),
    "put": ("PUT", "{state}", {"json": {"status": "ERROR"}}),
    "delete": ("DELETE", "{state}", {}),
    "delete with a tag": ("DELETE", "{state}", {"headers": {"If-Match": '"version-1"'}}),
    "history": ("GET", "{state}/history", {}),
    "append": (
        "POST",
        "{state}/history",
        {"json": {"investigation_id": "{id}", "user_id": "eve", "action_type": "NOTE", "source": "USER"}},
    ),
    "append for the owner": (
        "POST",
        "{state}/history",
        {"json": {"investigation_id": "{id}", "user_id": "dev", "action_type": "NOTE", "source": "USER"}},
    ),
    "poll": ("GET", "{poll}", {}),
    "poll with a version": ("GET", "{poll}?since_version=2", {}),
    "poll with a tag": ("GET", "{poll}", {"headers": {"If-None-Match": '"version-2"'}}),
    "poll and wait": ("GET", "{poll}?since_version=2&wait=30", {}),
    "poll and wait for a condition": ("GET", "{poll}?until=status:ERROR&wait=30", {}),
    "poll a summary": ("GET", "{poll}?view=summary", {}),
}


def named(value: Any, investigation_id: str) -> Any:
    return json.loads(json.dumps(value).replace("{id}", investigation_id))


async def ask(client: Client, request: str, investigation_id: str) -> Answer:
    method, path, kwargs = REQUEST[request]
    target = path.format(state=url(investigation_id), poll=poll_url(investigation_id))
    asked = named(kwargs, investigation_id)
    headers = {"X-User-Id": "eve", "X-Request-Id": "r-1", **asked.pop("headers", {})}
    return await send(client, method, target, headers=headers, **asked)


def comparable(answer: Answer, investigation_id: str) -> tuple[int, dict[str, str], Any]:
    headers = {name: value.replace(investigation_id, "ID") for name, value in answer.headers.items() if name != "Date"}
    body = json.loads(answer.text.replace(investigation_id.encode(), b"ID"))
    del body["timestamp"]
    return answer.status, headers, body


@pytest.mark.parametrize("request_name", list(REQUEST))
async def test_somebody_elses_answers_exactly_like_an_absent_one(
    client: Client, database: str, request_name: str
) -> None:
    await create(client, THEIRS)
    await patch(client, {"wizard_step": "PROGRESS"}, THEIRS)
    before = stored(database)
    theirs = await ask(client, request_name, THEIRS)
    absent = await ask(client, request_name, ABSENT)
    assert theirs.status in (403, 404, 422)
    assert comparable(theirs, THEIRS) == comparable(absent, ABSENT)
    assert stored(database) == before


@pytest.mark.parametrize("request_name", ["history", "append", "read", "poll and wait"])
async def test_somebody_elses_deleted_one_answers_like_an_absent_one(client: Client, request_name: str) -> None:
    await create(client, THEIRS)
    await send(client, "DELETE", url(THEIRS))
    theirs, absent = await ask(client, request_name, THEIRS), await ask(client, request_name, ABSENT)
    assert comparable(theirs, THEIRS) == comparable(absent, ABSENT)


async def test_a_stranger_who_waits_is_answered_while_the_owner_waits_on(client: Client) -> None:
    await create(client, THEIRS)
    waiting = polling(client, THEIRS, since_version=1)
    assert (await ask(client, "poll and wait", THEIRS)).status == 404
    assert not waiting.done()
    await patch(client, {"status": "ERROR"}, THEIRS)
    assert (await waiting).body["version"] == 2


@pytest.mark.parametrize("user", ["", "a b", "é", "x" * 256, "a\tb"])
async def test_a_user_id_that_is_none_is_a_422(client: Client, user: str) -> None:
    answer = await send(client, "GET", url(), headers={"X-User-Id": user})
    assert (answer.status, answer.body["errors"][0]["field"]) == (422, "X-User-Id")
