"""``[features] state_recovery``: what nobody changed for ``cache_ttl_seconds`` is stale; flag off, it is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.templates import STATE, TEMPLATES, Answer, apply, ask, investigate, make

POLL = "/api/v1/polling/wizard-state/inv-1"
TTL = 3600
OFF = {"state_recovery": False}
JSON = "application/json"
MERGE = "application/merge-patch+json"
PATCH = "application/json-patch+json"


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, *, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def tolerant(start_server: StartServer, clock: Clock) -> Client:
    """A client of a server that still hands out stale states; it has one that changed just now."""
    client = await start_server(clock=clock, state={"cache_ttl_seconds": TTL})
    await investigate(client)
    return client


@pytest.fixture
async def strict(start_server: StartServer, clock: Clock) -> Client:
    """A client of a server with the flag off; its one state is stale."""
    client = await start_server(clock=clock, state={"cache_ttl_seconds": TTL}, features=OFF)
    await investigate(client)
    clock.pass_by(seconds=TTL + 1)
    return client


async def told(client: Client) -> set[bool]:
    """Return what the list, the state and the polls say of whether the state is stale."""
    _, page, _ = await ask(client, "GET", STATE)
    _, state, _ = await ask(client, "GET", f"{STATE}/inv-1")
    _, same, _ = await ask(client, "GET", f"{STATE}/inv-1?version={state['version']}")
    polls = [await ask(client, "GET", f"{POLL}?{query}") for query in ("", "view=summary", "since_version=1&wait=0")]
    return {
        page["items"][0].get("stale", False),
        state.get("stale", False),
        same.get("stale", False),
        *(poll["state"].get("stale", False) for _, poll, _ in polls),
    }


async def change(client: Client, body: Any, media_type: str = JSON, **headers: str) -> Answer:
    return await ask(client, "PATCH", f"{STATE}/inv-1", body, {"Content-Type": media_type, **headers})


@pytest.mark.parametrize(("seconds", "stale"), [(0, False), (TTL - 0.001, False), (TTL + 0.001, True), (10**8, True)])
async def test_a_state_is_stale_once_it_has_not_changed_for_the_ttl(
    tolerant: Client, clock: Clock, seconds: float, stale: bool
) -> None:
    clock.pass_by(seconds=seconds)
    assert await told(tolerant) == {stale}


async def test_reading_a_stale_state_does_not_make_it_fresh(tolerant: Client, clock: Clock) -> None:
    clock.pass_by(seconds=TTL + 1)
    await told(tolerant)
    assert await told(tolerant) == {True}


async def test_a_change_makes_it_fresh(tolerant: Client, clock: Clock) -> None:
    clock.pass_by(seconds=TTL + 1)
    status, state, _ = await change(tolerant, {"wizard_step": "PROGRESS"})
    assert (status, state.get("stale", False), state["version"]) == (200, False, 2)
    assert await told(tolerant) == {False}


async def test_an_update_that_changes_nothing_leaves_it_stale_and_says_so(tolerant: Client, clock: Clock) -> None:
    clock.pass_by(seconds=TTL + 1)
    status, state, _ = await change(tolerant, {"wizard_step": "SETTINGS"})
    assert (status, state["version"]) == (200, 1)
    assert await told(tolerant) == {True}
    assert state.get("stale", False) is True


async def test_the_current_state_in_a_conflict_says_whether_it_is_stale(tolerant: Client, clock: Clock) -> None:
    clock.pass_by(seconds=TTL + 1)
    status, problem, _ = await change(tolerant, {"status": "CANCELLED", "version": 7})
    assert (status, problem["current"].get("stale")) == (409, True)


async def test_a_version_of_the_past_is_not_stale(tolerant: Client, clock: Clock) -> None:
    await change(tolerant, {"wizard_step": "PROGRESS"})
    clock.pass_by(seconds=TTL + 1)
    assert (await ask(tolerant, "GET", f"{STATE}/inv-1?version=1"))[1].get("stale", False) is False


@pytest.mark.parametrize("seconds", [86400 * 365 * 3000, 10**15])
async def test_a_ttl_beyond_the_calendar_means_never(start_server: StartServer, seconds: int) -> None:
    client = await start_server(state={"cache_ttl_seconds": seconds})
    await investigate(client)
    assert await told(client) == {False}


async def test_a_ttl_of_nothing_makes_stale_what_changed_before_now(start_server: StartServer, clock: Clock) -> None:
    client = await start_server(clock=clock, state={"cache_ttl_seconds": 0})
    await investigate(client)
    clock.pass_by(seconds=0.001)
    assert await told(client) == {True}


@pytest.mark.parametrize(
    "path",
    [f"{STATE}/inv-1", f"{STATE}/inv-1?version=1", POLL, f"{POLL}?since_version=1&wait=30", f"{POLL}?view=summary"],
)
@pytest.mark.parametrize("headers", [{}, {"If-None-Match": '"version-1"'}])
async def test_with_the_flag_off_a_stale_state_is_not_read(strict: Client, path: str, headers: dict[str, str]) -> None:
    status, problem, _ = await ask(strict, "GET", path, headers=headers)
    assert (status, problem["code"]) == (410, "state-expired")
    assert "SETTINGS" in problem["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"status": "CANCELLED"},
        {"wizard_step": "PROGRESS"},
        {"settings": factories.settings(name="Late")},
        {"wizard_step": "SETTINGS", "status": "CANCELLED"},
    ],
)
async def test_with_the_flag_off_a_stale_state_is_not_changed(strict: Client, body: dict[str, Any]) -> None:
    status, problem, _ = await change(strict, body)
    assert (status, problem["code"]) == (410, "state-expired")


async def test_a_refusal_for_age_tells_nothing_of_the_state(strict: Client) -> None:
    status, problem, _ = await change(strict, {"status": "CANCELLED"}, **{"If-Match": '"version-7"'})
    assert (status, problem["code"], "current" in problem) == (410, "state-expired", False)


async def test_a_stale_state_makes_no_template(strict: Client) -> None:
    status, problem, _ = await ask(strict, "POST", TEMPLATES, {"name": "t", "from_investigation_id": "inv-1"})
    assert (status, problem["code"]) == (410, "state-expired")


async def test_with_the_flag_off_others_still_get_a_plain_404(strict: Client) -> None:
    status, problem, _ = await ask(strict, "GET", f"{STATE}/inv-1", headers={"X-User-Id": "ann"})
    assert (status, problem["code"]) == (404, "not-found")


async def test_with_the_flag_off_the_list_says_what_is_stale(strict: Client) -> None:
    await investigate(strict, "inv-2")
    _, page, _ = await ask(strict, "GET", f"{STATE}?sort=created_at")
    assert [item.get("stale", False) for item in page["items"]] == [True, False]


async def test_with_the_flag_off_what_is_not_stale_is_served(strict: Client) -> None:
    await investigate(strict, "inv-2")
    assert (await ask(strict, "GET", f"{STATE}/inv-2"))[0] == 200


async def test_with_the_flag_off_the_trail_is_read_and_the_state_deleted(strict: Client) -> None:
    assert (await ask(strict, "GET", f"{STATE}/inv-1/history"))[1]["total"] == 1
    assert (await ask(strict, "DELETE", f"{STATE}/inv-1"))[0] == 204
    assert (await apply(strict, await make(strict)))[1]["version"] == 3


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        (JSON, {"wizard_step": "SETTINGS"}),
        (JSON, {"wizard_step": "SETTINGS", "settings": factories.settings(name="New run")}),
        (MERGE, {"wizard_step": "SETTINGS"}),
        (PATCH, [{"op": "replace", "path": "/wizard_step", "value": "SETTINGS"}]),
    ],
)
async def test_a_reset_brings_a_stale_state_back_even_when_nothing_else_changes(
    strict: Client, media_type: str, body: Any
) -> None:
    status, state, headers = await change(strict, body, media_type)
    assert (status, state["version"], state.get("stale", False), headers["ETag"]) == (200, 2, False, '"version-2"')
    assert await told(strict) == {False}
    assert (await change(strict, {"wizard_step": "PROGRESS"}))[1]["version"] == 3
    assert [(await ask(strict, "GET", f"{STATE}/inv-1?version={version}"))[0] for version in (1, 2)] == [200, 200]


async def test_a_reset_of_a_run_clears_it(start_server: StartServer, clock: Clock) -> None:
    client = await start_server(clock=clock, state={"cache_ttl_seconds": TTL}, features=OFF)
    await investigate(client)
    await change(client, {"wizard_step": "PROGRESS"})
    await change(client, {"progress": factories.progress(), "status": "COMPLETED"})
    clock.pass_by(seconds=TTL + 1)
    assert (await change(client, {"wizard_step": "RESULTS", "results": factories.results()}))[0] == 410
    status, state, _ = await change(client, {"wizard_step": "SETTINGS"})
    assert (status, state["wizard_step"], state["status"], state["progress"]) == (200, "SETTINGS", "IN_PROGRESS", None)


async def test_a_reset_of_a_fresh_state_that_changes_nothing_makes_no_version(strict: Client) -> None:
    await change(strict, {"wizard_step": "SETTINGS"})
    assert (await change(strict, {"wizard_step": "SETTINGS"}))[1]["version"] == 2


async def test_the_reset_of_a_stale_state_answers_a_poll(strict: Client) -> None:
    await change(strict, {"wizard_step": "SETTINGS"})
    _, answer, _ = await ask(strict, "GET", f"{POLL}?since_version=1&wait=30")
    assert (answer["has_changes"], answer["version"], answer["state"].get("stale", False)) == (True, 2, False)


async def test_a_reset_is_checked_against_its_precondition(strict: Client) -> None:
    status, _, _ = await change(strict, {"wizard_step": "SETTINGS"}, **{"If-Match": '"version-7"'})
    assert status in (410, 412)
    assert (await change(strict, {"wizard_step": "SETTINGS"}, **{"If-Match": '"version-1"'}))[0] == 200
