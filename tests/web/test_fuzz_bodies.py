"""Whatever stands in a body: no server error, refusals say why and change nothing, what is taken is kept exactly."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import shell
from tests.conftest import StartServer
from tests.web.fuzzing import FIXED, TRIED, Reply, ask_raw, check, report
from tests.web.helpers import stored
from tests.web.openapi_world import INV, World
from wizard_server.web.http.route import AnyRoute
from wizard_server.web.openapi import examples
from wizard_server.web.routes import ROUTES

TARGETS = [(route, media) for route in ROUTES for media in route.bodies]
NAMES = [f"{route.method} {route.path} {media}" for route, media in TARGETS]
DEEP = 200_000
LONG = 10 * 1024 * 1024
# What stands in the place of a value: texts of JSON, of which some are none.
TEXTS = [
    *(b"null", b"true", b"0", b"-0.0", b"1e999", b"-1e999", b"NaN", b"Infinity", b"-Infinity", b'"NaN"', b"[]", b"{}"),
    *(b"9223372036854775808", b"-9223372036854775809", b"1" * 400, b"1." + b"0" * 400, b"1e-400", b"01", b"+1", b".5"),
    *(b'"\\u0000"', b'"a\\u0000b"', b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\ud83d\\ude00"', b'"\xff"', b'"\xc3\x28"'),
    *(b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\x00"', b'"\t"', b'"\\x"', b"'a'", b'""', b'" "', b'"\xef\xbb\xbf"'),
    *(b"[" * 100 + b"]" * 100, b'{"a":' * 100 + b"1" + b"}" * 100, b'{"a":1,"a":2}', b'"' + b"x" * 5000 + b'"', b""),
    *(b'"2026-02-30T00:00:00Z"', b'"0001-01-01T00:00:00+23:59"', b'"9999-12-31T23:59:59-23:59"', b"1e15", b"[[[]]]"),
]
SQL = [
    "'; DROP TABLE investigation_states; --",
    '" OR ""="',
    "x') ON CONFLICT DO NOTHING; DELETE FROM investigations; --",
    "%_\\%' /* :user_id ?1 @a $b */ \u2019\u02bc",
]
_MARK = "<<<here>>>"


@pytest.fixture(scope="module", autouse=True)
def _report(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    report(request, f"bodies tried: {TRIED['body']}")


@pytest.fixture
async def world(start_server: StartServer) -> World:
    started = await World.start(start_server, "none", state={"template_max_count_per_user": 200})
    await started.investigate()
    return started


async def tried(world: World, route: AnyRoute, media: str, body: bytes) -> Reply:
    TRIED["body"] += 1
    path = route.path.replace("{investigation_id}", INV).replace("{template_id}", world.template_id)
    return await ask_raw(world.client, route.method, path, [("Content-Type", media.encode())], body)


def places(
    value: Any, found: Callable[[Any], bool] = lambda _: True, at: tuple[Any, ...] = ()
) -> list[tuple[Any, ...]]:
    """Return where in `value` there are values that `found` takes."""
    own = [at] if found(value) else []
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*own, *(place for key, child in children for place in places(child, found, (*at, key)))]


def put(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    """Return `value` with `new` at a place."""
    if not place:
        return new
    changed = deepcopy(value)
    holder = changed
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = new
    return changed


def spliced(value: Any, place: tuple[Any, ...], text: bytes) -> bytes:
    """Return `value` as JSON with `text`, whatever it is, at a place."""
    return json.dumps(put(value, place, _MARK)).encode().replace(json.dumps(_MARK).encode(), text, 1)


@pytest.mark.parametrize(("route", "media"), TARGETS, ids=NAMES)
@settings(FIXED, max_examples=30)
@given(data=st.data())
async def test_anything_in_the_place_of_any_value(
    world: World, database: str, route: AnyRoute, media: str, data: st.DataObject
) -> None:
    example = examples.of(route.bodies[media])
    body = spliced(example, data.draw(st.sampled_from(places(example))), data.draw(st.sampled_from(TEXTS)))
    before = stored(database)
    check(await tried(world, route, media, body), before, database)


@pytest.mark.parametrize(("route", "media"), TARGETS, ids=NAMES)
@settings(FIXED, max_examples=15)
@given(data=st.data())
async def test_bytes_that_are_no_json_or_half_of_it(
    world: World, database: str, route: AnyRoute, media: str, data: st.DataObject
) -> None:
    whole = json.dumps(examples.of(route.bodies[media])).encode()
    cut = st.integers(0, len(whole)).map(lambda end: whole[:end])
    body = data.draw(st.one_of(st.binary(max_size=60), cut, st.builds(lambda a, b: a + b, cut, st.binary(max_size=4))))
    before = stored(database)
    check(await tried(world, route, media, body), before, database)


@pytest.mark.parametrize(("route", "media"), TARGETS, ids=NAMES)
async def test_depth_and_length_beyond_reason(world: World, database: str, route: AnyRoute, media: str) -> None:
    before = stored(database)
    for body, code in (
        (b"[" * DEEP, "malformed-json"),
        (b'{"a":' * (DEEP // 5), "malformed-json"),
        (b"[" * DEEP + b"]" * DEEP, "malformed-json"),
        (b'{"name": "' + b"x" * LONG + b'"}', "body-too-large"),
        (b" " * LONG, "body-too-large"),
    ):
        reply = await tried(world, route, media, body)
        assert reply.problem["code"] == code, reply
        check(reply, before, database)


def is_text(value: Any) -> bool:
    return isinstance(value, str)


@pytest.mark.parametrize(("route", "media"), TARGETS, ids=NAMES)
async def test_sql_in_every_text_is_text(world: World, database: str, route: AnyRoute, media: str) -> None:
    example = examples.of(route.bodies[media])
    tables = schema(database)
    for place in places(example, is_text):
        for sql in SQL:
            before = stored(database)
            reply = await tried(world, route, media, json.dumps(put(example, place, sql)).encode())
            check(reply, before, database)
            if reply.status < 400:
                assert sql in texts(json.loads(reply.body)), (place, reply)
                assert sql in texts(await everything(world)), place
    assert schema(database) == tables
    if not database.startswith("postgresql://"):
        assert shell.ask(database, "PRAGMA integrity_check") == [{"integrity_check": "ok"}]


def texts(value: Any) -> set[str]:
    """Return all texts within `value`."""
    if isinstance(value, str):
        return {value}
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set().union(*map(texts, children))


async def everything(world: World) -> list[Any]:
    """Return all that the caller can read."""
    found = []
    for path in (f"/api/v1/wizard-state/{INV}", f"/api/v1/wizard-state/{INV}/history", "/api/v1/templates"):
        reply = await ask_raw(world.client, "GET", f"{path}", [])
        found.append(json.loads(reply.body))
    async with world.client.get("/api/v1/wizard-state", headers=world.caller()) as answer:
        for row in (await answer.json())["items"]:
            reply = await ask_raw(world.client, "GET", f"/api/v1/wizard-state/{row['investigation_id']}", [])
            found.append(json.loads(reply.body))
    return found


def schema(database: str) -> list[dict[str, Any]]:
    if database.startswith("postgresql://"):
        columns = "SELECT table_name, column_name, data_type FROM information_schema.columns"
        return shell.ask(database, f"{columns} WHERE table_schema = 'public' ORDER BY 1, 2")
    return shell.ask(database, "SELECT type, name, sql FROM sqlite_schema ORDER BY name")


@pytest.mark.parametrize("sql", SQL)
@pytest.mark.parametrize("path", ["/api/v1/wizard-state", "/api/v1/templates"])
async def test_sql_in_a_search_finds_nothing_and_harms_nothing(
    world: World, database: str, path: str, sql: str
) -> None:
    before = stored(database)
    async with world.client.get(path, params={"q": sql}, headers=world.caller()) as answer:
        assert (answer.status, (await answer.json())["total"]) == (200, 0)
    assert stored(database) == before
