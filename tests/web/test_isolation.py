"""Somebody else's identifier answers exactly as an absent one, on every route (issue 5, part 2).

The matrix is made from the table of routes: a new route that names something of a user has no example and fails.
"Exactly" is status, headers, body, and the statements that the database is asked, which is what takes the time; the
instant stands still, and ``Date`` and the identifier itself are left out.
"""

import json
import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.gated import without_looks
from tests.web.helpers import STATES, StoppedClock, as_operator, noticed, send, stored, url
from tests.web.isolation import EXAMPLES, NAMED_IN_BODY, NOBODYS, Comparable, Example, ask
from wizard_server.app import DATABASE
from wizard_server.pace import Pace
from wizard_server.web.routes import ROUTES, Route

pytestmark = pytest.mark.needs("silence")

ANN, EVE = {"X-User-Id": "ann"}, {"X-User-Id": "eve"}
THEIRS, ERASED, PURGED, ABSENT, MINE = "inv-theirs", "inv-erased", "inv-purged", "inv-absent", "inv-eve"
TEMPLATES = "/api/v1/templates"
NOT_FOUND, CONFLICT = 404, 409
# All examples of a route are asked of one server: none changes anything, which is asserted after each.
CASES = [
    pytest.param(method, path, examples, id=f"{method} {path}".replace("/api/v1", ""))
    for (route_method, path), examples in (EXAMPLES | NAMED_IN_BODY).items()
    for method in ([route_method, "HEAD"] if route_method == "GET" else [route_method])
]


@dataclass(frozen=True)
class World:
    """A server on which ann has three investigations, one deleted and one purged, and a template; eve has her own."""

    client: Client
    database: str
    template: str
    own_template: str

    def somebody_elses(self, path: str) -> list[str]:
        """Return what of ann's a path may name."""
        return [self.template] if "template_id" in path else [THEIRS, ERASED, PURGED]

    def forget(self) -> None:
        """Have nothing in memory, as after a restart."""
        self.client.app[DATABASE].forget()


async def made(client: Client, path: str, body: Any, headers: dict[str, str]) -> Any:
    answer = await send(client, "POST", path, json=body, headers=headers)
    assert answer.status == 201, answer.body
    return answer.body


def purge(database: str, investigation_id: str) -> None:
    """Do by hand what retention does."""
    for statement in (
        "DELETE FROM investigation_states WHERE investigation_id = ?",
        "DELETE FROM investigation_audit_log WHERE investigation_id = ?",
        "UPDATE investigations SET purged_at = '2026-05-01T00:00:00.000Z' WHERE id = ?",
    ):
        as_operator(database, statement, investigation_id)


@pytest.fixture
async def world(start_server: StartServer, database: str) -> World:
    """Nothing but requests asks the database."""
    client = await start_server(
        clock=StoppedClock(), pace=Pace(tidy=3600.0), opening=without_looks, database={"echo": True}
    )
    for key in (THEIRS, ERASED, PURGED):
        await made(client, STATES, factories.creation(key, user_id="ann"), ANN)
        moved = await send(client, "PATCH", url(key), json={"wizard_step": "PROGRESS"}, headers=ANN)
        assert moved.status == 200
    await made(client, STATES, factories.creation(MINE, user_id="eve"), EVE)
    theirs = await made(client, TEMPLATES, {"name": "Of ann", "settings": factories.settings()}, ANN)
    own = await made(client, TEMPLATES, {"name": "Of eve", "settings": factories.settings()}, EVE)
    assert (await send(client, "DELETE", url(ERASED), headers=ANN)).status == 204
    purge(database, PURGED)
    await noticed(client)
    assert (await send(client, "GET", url(MINE), headers=EVE)).status == 200  # a reader is open from here on
    return World(client, database, theirs["template_id"], own["template_id"])


def visible(answer: Comparable) -> tuple[int, list[tuple[str, str]], str]:
    return answer.status, answer.headers, answer.body


def test_every_route_that_names_something_of_a_user_has_examples() -> None:
    naming = {(route.method, route.path) for route in ROUTES if "{" in route.path} - NOBODYS
    assert naming == set(EXAMPLES), "a new route needs examples in tests/web/isolation.py"


@pytest.mark.parametrize(("method", "path", "examples"), CASES)
async def test_somebody_elses_answers_exactly_as_an_absent_one(
    world: World, method: str, path: str, examples: tuple[Example, ...]
) -> None:
    before = stored(world.database)
    never = str(uuid.uuid4()) if "template_id" in path else ABSENT
    for example in examples:
        absent = await ask(world.client, method, path, example, never)
        for key in world.somebody_elses(path):
            assert visible(await ask(world.client, method, path, example, key)) == visible(absent), (example, key)
        assert 400 <= absent.status < 500, example
        assert "ann" not in f"{absent.headers} {absent.body}".replace("want", ""), example
        assert stored(world.database) == before, example


@pytest.mark.parametrize("warm", [True, False], ids=["in memory", "on disk"])
@pytest.mark.parametrize(("method", "path", "examples"), CASES)
async def test_the_database_is_asked_the_same_for_somebody_elses_and_for_an_absent_one(
    world: World, method: str, path: str, examples: tuple[Example, ...], warm: bool
) -> None:
    never = str(uuid.uuid4()) if "template_id" in path else ABSENT
    for example in examples:
        absent = await ask(world.client, method, path, example, never)
        for key in world.somebody_elses(path):
            if warm:
                await send(world.client, "GET", url(key), headers=ANN)
            else:
                world.forget()
            asked = (await ask(world.client, method, path, example, key)).statements
            assert asked == absent.statements, (example, key)


@pytest.mark.parametrize(("method", "path"), list(EXAMPLES))
async def test_the_examples_ask_for_what_is_there_when_it_is_ones_own(world: World, method: str, path: str) -> None:
    """Otherwise the matrix would compare two answers that never looked."""
    key = world.template if "template_id" in path else THEIRS
    first = EXAMPLES[method, path][0]
    absent = await ask(world.client, method, path, first, ABSENT)
    assert absent.status == NOT_FOUND
    assert absent.statements
    as_owner = Example(first.name, first.query, json.loads(json.dumps(first.body).replace("eve", "ann")), first.headers)
    owns = await ask(world.client, method, path, as_owner, key, user="ann")
    assert owns.status < 400, owns.body


@pytest.mark.parametrize("path", [STATES, f"{TEMPLATES}/{{template_id}}/apply"])
async def test_an_identifier_that_is_taken_does_not_say_by_whom(world: World, path: str) -> None:
    def body(key: str) -> dict[str, Any]:
        return factories.creation(key, user_id="eve") if path == STATES else {"investigation_id": key}

    answers = {}
    for key in (MINE, THEIRS, ERASED, PURGED):
        answer = await ask(world.client, "POST", path, Example("taken", body=body(key)), world.own_template)
        told = [(name, value) for name, value in answer.headers if name != "Content-Length"]
        answers[key] = (answer.status, told, answer.body.replace(key, "ID"))
    assert answers[MINE][0] == CONFLICT
    assert set(map(str, answers.values())) == {str(answers[MINE])}


async def test_acting_for_another_user_is_refused_whether_or_not_there_is_such_a_user(world: World) -> None:
    answers = [
        await ask(world.client, "POST", STATES, Example("", body=factories.creation("inv-new", user_id=user)), "-")
        for user in ("ann", "nobody")
    ]
    assert answers[0] == answers[1]
    assert answers[0].status == 403


LISTS: dict[str, tuple[str, ...]] = {
    "/api/v1/wizard-state": ("", "?q=Card", "?sort=name&page_size=100", "?status=IN_PROGRESS", "?page=2"),
    "/api/v1/templates": ("", "?q=ann", "?sort=-usage_count&page_size=100", "?page=2"),
    "/api/v1/polling/active-investigations": ("", "?cursor=0", "?cursor=1", "?cursor=99999"),
    "/api/v1/tools": ("",),
    "/api/v1/config": ("",),
}


@pytest.mark.parametrize("path", [route.path for route in ROUTES if route.method == "GET" and "{" not in route.path])
async def test_no_list_and_no_open_route_holds_anything_of_others(world: World, path: str) -> None:
    for query in LISTS.get(path, ("",)):
        answer = await ask(world.client, "GET", path, Example("", query), "-")
        for theirs in (THEIRS, ERASED, PURGED, world.template, "Of ann", '"ann"'):
            assert theirs not in f"{answer.headers} {answer.body}", query


def test_every_list_has_its_queries() -> None:
    lists = {r.path for r in ROUTES if isinstance(r, Route) and r.method == "GET" and "{" not in r.path}
    assert lists == set(LISTS)


async def test_a_dashboard_never_names_what_others_removed(world: World) -> None:
    asked = "/api/v1/polling/active-investigations"
    first = (await send(world.client, "GET", asked, headers=EVE)).body
    assert [each["investigation_id"] for each in first["investigations"]] == [MINE]
    await send(world.client, "DELETE", url(THEIRS), headers=ANN)
    later = await send(world.client, "GET", f"{asked}?cursor={first['cursor']}", headers=EVE)
    assert THEIRS.encode() not in later.text


async def test_the_key_of_another_user_replays_nothing(world: World) -> None:
    key = {"Idempotency-Key": "save-1"}
    body = {"name": "The same", "settings": factories.settings()}
    theirs = await made(world.client, TEMPLATES, body, {**ANN, **key})
    mine = await made(world.client, TEMPLATES, body, {**EVE, **key})
    assert (theirs["user_id"], mine["user_id"]) == ("ann", "eve")
    assert theirs["template_id"] != mine["template_id"]
    other = await send(world.client, "DELETE", url(THEIRS), headers={**EVE, **key})
    assert other.status == NOT_FOUND


async def test_who_changed_ones_own_is_told_and_nobody_else_is(world: World) -> None:
    """What the owner reads of a change names its author and its key; a stranger's answers name neither."""
    key = {"Idempotency-Key": "key-of-ann"}
    changed = await send(world.client, "PATCH", url(THEIRS), json={"status": "ERROR"}, headers={**ANN, **key})
    assert changed.status == 200
    history = (await send(world.client, "GET", url(THEIRS, "/history"), headers=ANN)).body["items"][0]
    assert (history["user_id"], history["mutation_id"]) == ("ann", "key-of-ann")
    for method, path in EXAMPLES:
        for example in EXAMPLES[method, path]:
            answer = await ask(world.client, method, path, example, THEIRS)
            assert "key-of-ann" not in f"{answer.headers} {answer.body}"
