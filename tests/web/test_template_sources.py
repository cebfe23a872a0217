"""Which investigations a template can be made from, and what an ``Idempotency-Key`` does to the making."""

from typing import Any

import pytest

from tests import factories, shell
from tests.conftest import Client, StartServer
from tests.web.templates import ANN, STATE, TEMPLATES, ask, disabled, fields, investigate, make, trail

FROM = {"name": "Ring", "from_investigation_id": "inv-1"}


async def test_an_investigation_that_is_absent_or_of_another_is_a_404(client: Client) -> None:
    await investigate(client)
    answers = []
    for key, headers in (("inv-1", ANN), ("inv-9", {})):
        status, problem, _ = await ask(client, "POST", TEMPLATES, {**FROM, "from_investigation_id": key}, headers)
        answers.append((status, problem["code"], problem["detail"].replace(key, "KEY")))
    assert answers[0] == answers[1]
    assert answers[0][:2] == (404, "not-found")
    assert [entry["action_type"] for entry in await trail(client)] == ["STATE_CREATED"]


@pytest.mark.parametrize("settings", [None, disabled()])
async def test_settings_that_could_not_start_make_no_template(client: Client, settings: dict[str, Any] | None) -> None:
    await investigate(client, settings=settings)
    status, problem, _ = await ask(client, "POST", TEMPLATES, FROM)
    assert (status, problem["code"]) == (422, "validation-failed")
    assert fields(problem)


@pytest.mark.parametrize("text", ["{}", '{"name": "By hand"}', '{"name": "By hand", "tools": [{}]}', "[]", "7"])
async def test_settings_that_an_operator_wrote_by_hand_are_refused_and_break_nothing(
    start_server: StartServer, database: str, text: str
) -> None:
    client = await start_server()
    await investigate(client)
    shell.run(database, "UPDATE investigation_states SET settings_json = ?", [text])
    fresh = await start_server()
    status, problem, _ = await ask(fresh, "POST", TEMPLATES, FROM)
    assert (status, problem["code"]) == (422, "validation-failed")


async def test_a_name_that_is_taken_is_refused_before_anything_is_noted(client: Client) -> None:
    await investigate(client)
    await make(client)
    assert (await ask(client, "POST", TEMPLATES, FROM))[0] == 409
    assert [entry["action_type"] for entry in await trail(client)] == ["STATE_CREATED"]


async def test_the_source_that_the_client_names_stands_in_the_trail(client: Client) -> None:
    await investigate(client)
    await ask(client, "POST", TEMPLATES, FROM, {"X-Audit-Source": "POLLING"})
    assert (await trail(client))[0]["source"] == "POLLING"


async def test_a_template_keeps_the_settings_when_the_investigation_moves_on_or_goes(client: Client) -> None:
    await investigate(client)
    _, made, _ = await ask(client, "POST", TEMPLATES, FROM)
    await ask(client, "PATCH", f"{STATE}/inv-1", {"settings": factories.settings(name="Another")})
    await ask(client, "DELETE", f"{STATE}/inv-1")
    assert (await ask(client, "GET", f"{TEMPLATES}/{made['template_id']}"))[1] == made


async def test_the_same_key_and_body_make_one_template(client: Client) -> None:
    await investigate(client)
    key = {"Idempotency-Key": "k-1"}
    first, again = [await ask(client, "POST", TEMPLATES, FROM, key) for _ in range(2)]
    assert first[:2] == again[:2]
    assert (first[0], first[2]["Location"]) == (201, again[2]["Location"])
    assert (await ask(client, "GET", TEMPLATES))[1]["total"] == 1
    saved, created = await trail(client)
    assert (saved["mutation_id"], created["mutation_id"]) == ("k-1", None)


async def test_the_same_key_with_another_body_is_refused(client: Client) -> None:
    key = {"Idempotency-Key": "k-1"}
    await make(client, headers=key)
    status, problem, _ = await ask(client, "POST", TEMPLATES, {"name": "Mules", "settings": factories.settings()}, key)
    assert (status, problem["code"]) == (422, "idempotency-mismatch")
