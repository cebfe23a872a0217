import re
from typing import Any

import pytest

from tests import factories
from tests.conftest import Client
from tests.web.helpers import (
    INV,
    STATES,
    TIMESTAMP,
    as_operator,
    but_access,
    create,
    fields_named,
    read,
    rows,
    send,
    sending,
    stored,
    trail,
)


async def test_a_creation_answers_201_with_the_state_its_place_and_its_tag(client: Client) -> None:
    answer = await send(client, "POST", STATES, json=factories.creation())
    assert (answer.status, answer.headers["ETag"]) == (201, '"version-1"')
    assert answer.headers["Location"] == f"{STATES}/{INV}"
    state = answer.body
    assert set(state) == {
        "investigation_id",
        "user_id",
        "wizard_step",
        "settings",
        "progress",
        "results",
        "status",
        "version",
        "created_at",
        "updated_at",
        "last_accessed",
    }
    assert (state["wizard_step"], state["status"], state["version"]) == ("SETTINGS", "IN_PROGRESS", 1)
    assert (state["user_id"], state["progress"], state["results"]) == ("dev", None, None)
    assert re.fullmatch(TIMESTAMP, state["created_at"])
    assert state["created_at"] == state["updated_at"]


async def test_what_was_created_can_be_read_at_its_location(client: Client) -> None:
    answer = await send(client, "POST", STATES, json=factories.creation())
    found = await send(client, "GET", answer.headers["Location"])
    assert but_access(found.body) == but_access(answer.body)


async def test_what_is_left_out_of_the_settings_gets_the_specifications_defaults(client: Client) -> None:
    state = await create(client)
    assert state["settings"]["correlation_mode"] == "OR"
    assert state["settings"]["execution_mode"] == "parallel"


async def test_settings_may_come_later(client: Client) -> None:
    assert (await create(client, settings=None))["settings"] is None


async def test_a_creation_makes_the_investigation_and_gives_it_its_owner(client: Client, database: str) -> None:
    state = await create(client)
    assert rows(database, "SELECT id, user_id, created_at FROM investigations") == [
        {"id": INV, "user_id": "dev", "created_at": state["created_at"]}
    ]


async def test_a_creation_claims_an_investigation_that_has_no_owner(client: Client, database: str) -> None:
    as_operator(database, "INSERT INTO investigations (id) VALUES (?)", INV)
    await create(client)
    assert rows(database, "SELECT user_id FROM investigations") == [{"user_id": "dev"}]


async def test_a_creation_is_version_1_of_the_trail(client: Client, database: str) -> None:
    await create(client)
    (entry,) = trail(database)
    assert (entry["action_type"], entry["version"], entry["user_id"]) == ("STATE_CREATED", 1, "dev")
    assert entry["previous_state"] is None


async def test_a_second_creation_is_refused_and_changes_nothing(client: Client, database: str) -> None:
    await create(client)
    before = stored(database)
    answer = await send(client, "POST", STATES, json=factories.creation(settings=factories.settings(name="other")))
    assert (answer.status, answer.body["code"]) == (409, "state-exists")
    assert stored(database) == before


async def test_an_id_that_somebody_else_has_is_refused_and_stays_theirs(client: Client, database: str) -> None:
    await create(client)
    before = stored(database)
    body = factories.creation(user_id="eve")
    answer = await send(client, "POST", STATES, json=body, headers={"X-User-Id": "eve"})
    assert (answer.status, answer.body["code"]) == (409, "state-exists")
    assert stored(database) == before


async def test_a_deleted_investigation_stays_its_owners(client: Client) -> None:
    await create(client)
    await send(client, "DELETE", f"{STATES}/{INV}")
    body = factories.creation(user_id="eve")
    answer = await send(client, "POST", STATES, json=body, headers={"X-User-Id": "eve"})
    assert answer.status == 409
    assert (await create(client))["user_id"] == "dev"


async def test_of_two_creations_at_once_one_wins(client: Client, database: str) -> None:
    tasks = [sending(client, "POST", STATES, json=factories.creation()) for _ in range(2)]
    assert sorted([(await task).status for task in tasks]) == [201, 409]
    assert [entry["version"] for entry in trail(database)] == [1]


@pytest.mark.parametrize("left_out", [{}, {"user_id": None, "investigation_id": None}])
async def test_a_creation_that_names_nobody_is_the_callers_and_gets_an_identifier(
    client: Client, left_out: dict[str, None]
) -> None:
    body = {"settings": factories.settings(), **left_out}
    made = [await send(client, "POST", STATES, json=body, headers={"X-User-Id": "eve"}) for _ in range(2)]
    assert [(answer.status, answer.body["user_id"]) for answer in made] == [(201, "eve")] * 2
    first, second = (answer.body["investigation_id"] for answer in made)
    assert first != second
    assert made[0].headers["Location"] == f"{STATES}/{first}"
    assert (await send(client, "GET", f"{STATES}/{first}", headers={"X-User-Id": "eve"})).body["version"] == 1
    assert (await send(client, "GET", f"{STATES}/{first}")).status == 404


async def test_a_creation_without_an_identifier_that_is_sent_again_is_made_once(client: Client) -> None:
    headers = {"Idempotency-Key": "once"}
    made = [(await send(client, "POST", STATES, json={}, headers=headers)) for _ in range(2)]
    assert [answer.status for answer in made] == [201, 201]
    assert made[0].body["investigation_id"] == made[1].body["investigation_id"]


async def test_a_creation_for_another_user_needs_the_agents_scope(client: Client, database: str) -> None:
    answer = await send(client, "POST", STATES, json=factories.creation(user_id="eve"))
    assert (answer.status, answer.body["code"]) == (403, "missing-scope")
    assert stored(database) == ([], [], [], [])


@pytest.mark.parametrize(
    ("overrides", "field"),
    [
        ({"investigation_id": "no/slash"}, "investigation_id"),
        ({"investigation_id": ""}, "investigation_id"),
        ({"investigation_id": "x" * 256}, "investigation_id"),
        ({"investigation_id": "line\n"}, "investigation_id"),
        ({"user_id": ""}, "user_id"),
        ({"wizard_step": "PROGRESS"}, "wizard_step"),
        ({"status": "COMPLETED"}, "status"),
        ({"setings": {}}, "setings"),
        ({"setings": None}, "setings"),
        ({"settings": factories.settings(name="  ")}, "settings.name"),
        ({"settings": factories.settings(name="x" * 256)}, "settings.name"),
        ({"settings": factories.settings(entities=[])}, "settings.entities"),
        ({"settings": factories.settings(entities=[{"entity_type": "t", "entity_id": "i"}] * 11)}, "settings.entities"),
        ({"settings": factories.settings(tools=[])}, "settings.tools"),
        ({"settings": factories.settings(correlation_mode="XOR")}, "settings.correlation_mode"),
        ({"settings": factories.settings(entities=[{"entity_type": "t", "id": "i"}])}, "settings.entities.0.id"),
        (
            {
                "settings": factories.settings(
                    time_range={"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}
                )
            },
            "settings.time_range.end",
        ),
    ],
)
async def test_what_is_not_valid_is_named_and_makes_nothing(
    client: Client, database: str, overrides: dict[str, Any], field: str
) -> None:
    answer = await send(client, "POST", STATES, json={**factories.creation(), **overrides})
    assert (answer.status, answer.body["code"]) == (422, "validation-failed")
    assert field in fields_named(answer)
    assert all(set(error) == {"field", "message", "constraint"} for error in answer.body["errors"])
    assert stored(database) == ([], [], [], [])


async def test_every_offending_field_is_named_at_once(client: Client) -> None:
    body = factories.creation(settings=factories.settings(name="", tools=[]), typo=1)
    answer = await send(client, "POST", STATES, json=body)
    assert fields_named(answer) == {"settings.name", "settings.tools", "typo"}


async def test_times_of_any_zone_are_kept_in_utc(client: Client) -> None:
    times = {"start": "2026-01-01T00:00:00.1239+02:00", "end": "2026-01-02T00:00:00"}
    await create(client, settings=factories.settings(time_range=times))
    assert (await read(client))["settings"]["time_range"] == {
        "start": "2025-12-31T22:00:00.123Z",
        "end": "2026-01-02T00:00:00.000Z",
    }
