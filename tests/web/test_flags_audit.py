"""``[features] audit_logging = false``: nothing goes into the trail, and what depends on it says so."""

import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.helpers import as_operator, insert_state, noticed, rows
from tests.web.templates import STATE, TEMPLATES, apply, ask, investigate, make

OFF = {"audit_logging": False}


@pytest.fixture
async def silent(start_server: StartServer) -> Client:
    """A client of a server that writes no trail."""
    return await start_server(features=OFF)


def by_hand(database: str, *statements: str) -> None:
    for statement in statements:
        as_operator(database, statement)


def entries(database: str) -> int:
    return len(rows(database, "SELECT entry_id FROM investigation_audit_log"))


async def look(client: Client) -> None:
    """Let the server notice what an operator did, now instead of within half a second."""
    assert client.app is not None
    await noticed(client)


async def rename(client: Client, name: str) -> int:
    status, state, _ = await ask(client, "PATCH", f"{STATE}/inv-1", {"settings": factories.settings(name=name)})
    assert status == 200, state
    version: int = state["version"]
    return version


async def test_nothing_that_the_server_does_is_written(silent: Client, database: str) -> None:
    await investigate(silent)
    await rename(silent, "Mules")
    status, template, _ = await ask(silent, "POST", TEMPLATES, {"name": "t", "from_investigation_id": "inv-1"})
    assert status == 201
    assert (await apply(silent, template, "inv-2"))[0] == 201
    assert (await ask(silent, "DELETE", f"{STATE}/inv-1"))[0] == 204
    assert entries(database) == 0


async def test_nothing_that_an_operator_does_is_written_and_an_edit_is_a_version(silent: Client, database: str) -> None:
    await investigate(silent)
    by_hand(database, "UPDATE investigation_states SET status = 'CANCELLED'")
    await look(silent)
    _, state, headers = await ask(silent, "GET", f"{STATE}/inv-1")
    assert (state["version"], state["status"], headers["ETag"]) == (2, "CANCELLED", '"version-2"')
    by_hand(database, "UPDATE investigation_states SET version = 9", "DELETE FROM investigation_states")
    assert entries(database) == 0


async def test_an_edit_by_hand_answers_a_poll(silent: Client, database: str) -> None:
    await investigate(silent)
    by_hand(database, "UPDATE investigation_states SET status = 'ERROR'")
    await look(silent)
    _, answer, _ = await ask(silent, "GET", "/api/v1/polling/wizard-state/inv-1?since_version=1")
    assert (answer["has_changes"], answer["version"]) == (True, 2)


async def test_versions_still_grow(silent: Client) -> None:
    await investigate(silent)
    assert [await rename(silent, name) for name in ("a", "b", "b", "c")] == [2, 3, 3, 4]


async def test_preconditions_still_hold(silent: Client) -> None:
    await investigate(silent)
    await rename(silent, "a")
    change = {"settings": factories.settings(name="late")}
    status, problem, _ = await ask(silent, "PATCH", f"{STATE}/inv-1", change, {"If-Match": '"version-1"'})
    assert (status, problem["version"], problem["changed_fields"]) == (412, 2, ["settings"])


@pytest.mark.parametrize("rounds", [1, 3])
async def test_a_tag_is_never_used_again_after_delete_and_create(silent: Client, rounds: int) -> None:
    seen: list[int] = []
    for _ in range(rounds):
        _, made, _ = await ask(silent, "POST", STATE, factories.creation())
        seen += [made["version"], await rename(silent, "a")]
        assert (await ask(silent, "DELETE", f"{STATE}/inv-1"))[0] == 204
    assert seen == sorted(set(seen))


async def test_a_tag_is_never_used_again_by_another_server(start_server: StartServer) -> None:
    first = await start_server(features=OFF)
    await investigate(first)
    assert await rename(first, "a") == 2
    await ask(first, "DELETE", f"{STATE}/inv-1")
    second = await start_server(features=OFF)
    _, made, _ = await ask(second, "POST", STATE, factories.creation())
    assert made["version"] > 3


@pytest.mark.parametrize("features", [OFF, {}])
async def test_a_tag_is_never_used_again_by_a_state_that_an_operator_inserts(
    start_server: StartServer, database: str, features: dict[str, bool]
) -> None:
    first = await start_server(features=OFF)
    await investigate(first)
    await rename(first, "a")
    await ask(first, "DELETE", f"{STATE}/inv-1")
    await first.close()
    client = await start_server(features=features)
    insert_state(database)
    await look(client)
    _, state, _ = await ask(client, "GET", f"{STATE}/inv-1")
    assert state["version"] > 3


async def test_a_tag_is_never_used_again_after_an_operator_set_a_state_back(silent: Client, database: str) -> None:
    await investigate(silent)
    assert [await rename(silent, name) for name in ("a", "b")] == [2, 3]
    by_hand(database, "UPDATE investigation_states SET version = 1")
    await look(silent)
    assert (await ask(silent, "GET", f"{STATE}/inv-1"))[1]["version"] == 1
    assert await rename(silent, "c") > 3


async def test_an_older_version_is_refused_for_the_flag_and_the_current_one_is_not(silent: Client) -> None:
    await investigate(silent)
    await rename(silent, "a")
    status, problem, _ = await ask(silent, "GET", f"{STATE}/inv-1?version=1")
    assert (status, problem["code"]) == (404, "feature-disabled")
    assert "audit_logging" in problem["detail"]
    assert (await ask(silent, "GET", f"{STATE}/inv-1?version=2"))[1]["version"] == 2


async def test_an_older_version_of_somebody_else_s_is_a_plain_404(silent: Client) -> None:
    await investigate(silent)
    await rename(silent, "a")
    _, problem, _ = await ask(silent, "GET", f"{STATE}/inv-1?version=1", headers={"X-User-Id": "ann"})
    assert problem["code"] == "not-found"


async def test_switched_on_again_new_versions_rebuild_and_those_of_the_gap_are_gone(
    start_server: StartServer,
) -> None:
    before = await start_server()
    await investigate(before)
    assert await rename(before, "kept") == 2
    during = await start_server(features=OFF)
    assert [await rename(during, name) for name in ("lost", "also lost")] == [3, 4]
    after = await start_server()
    assert [await rename(after, name) for name in ("again", "and again")] == [5, 6]
    answers = {version: await ask(after, "GET", f"{STATE}/inv-1?version={version}") for version in range(1, 8)}
    assert {version: status for version, (status, _, _) in answers.items()} == {
        **dict.fromkeys((1, 2, 3), 410),
        **dict.fromkeys((4, 5, 6), 200),
        7: 404,
    }
    assert {answers[version][1]["code"] for version in (1, 2, 3)} == {"history-gone"}
    names = {version: answers[version][1]["settings"]["name"] for version in (4, 5, 6)}
    assert names == {4: "also lost", 5: "again", 6: "and again"}


async def test_switched_on_again_the_trail_goes_on_where_it_stopped(start_server: StartServer) -> None:
    before = await start_server()
    await investigate(before)
    during = await start_server(features=OFF)
    await rename(during, "lost")
    after = await start_server()
    await rename(after, "again")
    _, page, _ = await ask(after, "GET", f"{STATE}/inv-1/history")
    assert [entry["version"] for entry in page["items"]] == [3, 1]


async def test_switched_on_again_edits_by_hand_are_audited(start_server: StartServer, database: str) -> None:
    await investigate(await start_server(features=OFF))
    after = await start_server()
    by_hand(database, "UPDATE investigation_states SET status = 'ERROR'")
    assert entries(database) == 1
    await look(after)
    assert (await ask(after, "GET", f"{STATE}/inv-1"))[1]["version"] == 2


async def test_a_deletion_during_the_gap_keeps_its_version(start_server: StartServer) -> None:
    before = await start_server()
    await investigate(before)
    await rename(before, "a")
    during = await start_server(features=OFF)
    await ask(during, "DELETE", f"{STATE}/inv-1")
    after = await start_server()
    _, made, _ = await ask(after, "POST", STATE, factories.creation())
    assert made["version"] == 4
    assert (await ask(after, "GET", f"{STATE}/inv-1?version=2"))[0] == 410


async def test_templates_count_their_uses_without_a_trail(silent: Client) -> None:
    template = await make(silent)
    assert (await apply(silent, template))[0] == 201
    assert (await ask(silent, "GET", f"{TEMPLATES}/{template['template_id']}"))[1]["usage_count"] == 1
