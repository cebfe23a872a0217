"""Every problem that stands in the description of the API can be provoked, on every route that names it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests import factories
from tests.conftest import StartServer
from tests.gated import with_one_reader
from tests.observer import Observer
from tests.web.helpers import HANGS_AFTER_SECONDS, StoppedClock, as_operator, engine_of, noticed
from tests.web.openapi_world import INV, MODES, UNKNOWN, USER, World, documented, place, route
from wizard_server.errors import StorageUnavailableError, UnknownOutcomeError
from wizard_server.web.http.media import JSON, JSON_PATCH
from wizard_server.web.http.route import AnyRoute
from wizard_server.web.openapi import examples
from wizard_server.web.openapi.problems import codes
from wizard_server.web.routes import ROUTES

STATES, STATE = "/api/v1/wizard-state", "/api/v1/wizard-state/{investigation_id}"
TEMPLATES, TEMPLATE = "/api/v1/templates", "/api/v1/templates/{template_id}"
EVENTS, SOCKET = "/api/v1/events/wizard-state/{investigation_id}", "/ws/investigation/{investigation_id}"
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
LONG = "x" * 110 * 1024
SMALL = {"state": {"max_size_kb": 100}}
NARROW = {"max_push_per_user": 1}

Start = Callable[..., Awaitable[World]]
Provocation = Callable[[Start, str, "Case"], Awaitable[None]]


class Case:
    """What a provocation may need beside a server."""

    def __init__(self, database: str) -> None:
        self.database = database


def about(route: AnyRoute) -> dict[str, Any]:
    """Return what makes a request of `route` a request that is read: a handshake, a version."""
    if route.path == SOCKET:
        return {"headers": HANDSHAKE}
    return {"params": {"since_version": "1"}} if route.path.endswith("/changes") else {}


async def invalid_token(start: Start, mode: str, case: Case) -> None:
    world = await start()
    for each in documented("invalid-token", mode):
        await world.ask(each, headers={"Authorization": "Bearer no.token.this"})


async def keys_unavailable(start: Start, mode: str, case: Case) -> None:
    world = await start(auth={"mode": "jwt", "algorithm": "ES256", "jwks_url": "http://127.0.0.1:1/keys"})
    for each in documented("keys-unavailable", mode):
        await world.ask(each)


async def foreign_origin(start: Start, mode: str, case: Case) -> None:
    world = await start()
    for each in documented("foreign-origin", mode):
        await world.ask(each, headers={"Host": "wizard.example.com"})


async def missing_scope(start: Start, mode: str, case: Case) -> None:
    world = await start()
    for each in documented("missing-scope", mode):
        if mode == "jwt":
            await world.ask(each, headers=world.caller(scope="wizard:none"))
    await world.ask(route("POST", STATES), json={**factories.creation(), "user_id": "somebody"})
    entry = {"investigation_id": INV, "user_id": "somebody", "action_type": "NOTE", "source": "USER"}
    await world.ask(route("POST", f"{STATE}/history"), json=entry)


async def feature_disabled(start: Start, mode: str, case: Case) -> None:
    flags = dict.fromkeys(("templates_enabled", "polling_enabled", "audit_logging"), False)
    world = await start(features=flags)
    await world.ask(route("POST", STATES))
    await world.ask(route("PATCH", STATE))
    for each in documented("feature-disabled", mode):
        await world.ask(each, params={"version": "1"} if each.path == STATE else None)


async def not_found(start: Start, mode: str, case: Case) -> None:
    world = await start()
    for each in documented("not-found", mode):
        body = {"name": "t", "from_investigation_id": UNKNOWN} if each.path == TEMPLATES else None
        if each.path == f"{STATE}/history" and each.method == "POST":
            body = {**examples.of(each.bodies[JSON]), "investigation_id": UNKNOWN}
        await world.ask(each, identifier=UNKNOWN, json=body, **about(each))
    for path in ("/docs/none", "/api/v1/docs/none", "/static/client/none"):
        async with world.client.get(path) as answer:
            assert answer.status == 404


async def history_gone(start: Start, mode: str, case: Case) -> None:
    world = await start()
    await world.investigate()
    made = [
        (route("POST", STATES), factories.creation("inv-2", user_id=USER)),
        (route("POST", f"{TEMPLATE}/apply"), {"investigation_id": "inv-3"}),
    ]
    for number, (each, asked) in enumerate(made):
        answer = await world.ask(each, headers={"Idempotency-Key": f"key-{number}"}, json=asked)
        assert answer.status == 201
    as_operator(case.database, "DELETE FROM investigation_states")
    as_operator(case.database, "DELETE FROM investigation_audit_log")
    as_operator(case.database, "UPDATE investigations SET purged_at = '2026-05-01T00:00:00.000Z'")
    await noticed(world.client)
    for each in [each for each in documented("history-gone", mode) if each not in [makes for makes, _ in made]]:
        body = {"name": "t", "from_investigation_id": INV} if each.path == TEMPLATES else None
        await world.ask(each, json=body, **about(each))
    other = await start()
    other.template_id = world.template_id
    for number, (each, asked) in enumerate(made):
        await other.ask(each, headers={"Idempotency-Key": f"key-{number}"}, json=asked)


async def state_expired(start: Start, mode: str, case: Case) -> None:
    clock = StoppedClock()
    clock.now = clock.now.replace(year=2020)  # tokens tell the time by the real clock
    world = await start(clock=clock, features={"state_recovery": False})
    await world.investigate()
    clock.move(days=8)
    for each in documented("state-expired", mode):
        body = {"name": "t", "from_investigation_id": INV} if each.path == TEMPLATES else None
        await world.ask(each, json=body, **about(each))


async def validation_failed(start: Start, mode: str, case: Case) -> None:
    world = await start()
    for each in documented("validation-failed", mode):
        await world.ask(each, params={"typo": "1"})


async def malformed_header(start: Start, mode: str, case: Case) -> None:
    world = await start()
    await world.investigate()
    for each in documented("malformed-header", mode):
        named: dict[str, str] = {name: "version-1" for name in ("If-Match", "If-None-Match") if name in each.headers}
        await world.ask(each, headers=named)


async def send_head(world: World, head: bytes) -> None:
    reader, writer = await asyncio.open_connection(world.client.host, world.client.port)
    async with asyncio.timeout(HANGS_AFTER_SECONDS):
        writer.write(head)
        await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()


async def malformed_json(start: Start, mode: str, case: Case) -> None:
    world = await start()
    for each in documented("malformed-json", mode):
        await world.ask(each, data=b"{")


async def body_too_large(start: Start, mode: str, case: Case) -> None:
    world = await start(**SMALL)
    for each in documented("body-too-large", mode):
        await world.ask(each, data=b" " * 300 * 1024)


async def unsupported_media_type(start: Start, mode: str, case: Case) -> None:
    world = await start()
    for each in documented("unsupported-media-type", mode):
        await world.ask(each, headers={"Content-Type": "text/plain"}, data=b"{}")


async def idempotency_mismatch(start: Start, mode: str, case: Case) -> None:
    world = await start()
    for number, each in enumerate(documented("idempotency-mismatch", mode)):
        for body in (b"{}", b"{ }"):
            await world.ask(each, headers={"Idempotency-Key": f"key-{number}"}, data=body)


async def outcome_unknown(start: Start, mode: str, case: Case) -> None:
    world = await start()
    await world.investigate()
    bodies = {
        STATES: factories.creation("inv-fresh", user_id=USER),
        TEMPLATES: {"name": "fresh", "settings": factories.settings()},
        STATE: {"status": "ERROR"},
    }
    await world.ask(route("PATCH", STATE), json={"wizard_step": "PROGRESS"})

    async def lost(*_: object) -> int:
        raise UnknownOutcomeError("the connection was lost during the commit")

    engine_of(world.client).commit = lost
    for each in documented("outcome-unknown", mode):
        body = bodies.get(each.path) if each.bodies else None
        await world.ask(each, **about(each) | ({"json": body} if body else {}))


async def patch_conflict(start: Start, mode: str, case: Case) -> None:
    world = await start()
    await world.investigate()
    patch = [{"op": "test", "path": "/status", "value": "ERROR"}]
    await world.ask(route("PATCH", STATE), media=JSON_PATCH, json=patch)


async def storage_unavailable(start: Start, mode: str, case: Case) -> None:
    world = await start(opening=with_one_reader)
    engine = engine_of(world.client)

    async def full(*_: object) -> int:
        raise StorageUnavailableError("the disk is full")

    engine.commit = full
    async with engine.reader():
        for each in documented("storage-unavailable", mode):
            await world.ask(each, **about(each))


async def unreadable_row(start: Start, mode: str, case: Case) -> None:
    world = await start()
    await world.investigate()
    for table, column in (
        ("investigations", "newest_version"),
        ("investigation_states", "created_at"),
        ("investigation_templates", "usage_count"),
        ("change_sequence", "floor"),
    ):
        as_operator(case.database, f"UPDATE {table} SET {column} = 'by hand'")
    await noticed(world.client)
    for each in documented("unreadable-row", mode):
        body = {"name": "t", "from_investigation_id": INV} if each.path == TEMPLATES else None
        await world.ask(each, json=body, **about(each))


async def state_exists(start: Start, mode: str, case: Case) -> None:
    world = await start()
    await world.investigate()
    await world.ask(route("POST", STATES))
    await world.ask(route("POST", f"{TEMPLATE}/apply"), json={"investigation_id": INV})


async def state_too_large(start: Start, mode: str, case: Case) -> None:
    world = await start(**SMALL)
    await world.investigate()
    long = factories.settings(description=LONG)
    await world.ask(route("POST", STATES), json={"investigation_id": "inv-2", "user_id": USER, "settings": long})
    await world.ask(route("PATCH", STATE), json={"settings": long})
    await world.ask(route("PUT", STATE), json={"settings": long})
    overrides = {"investigation_id": "inv-3", "overrides": {"description": LONG}}
    await world.ask(route("POST", f"{TEMPLATE}/apply"), json=overrides)
    await world.ask(route("POST", TEMPLATES), json={"name": "large", "settings": long})
    await world.ask(route("PATCH", TEMPLATE), json={"settings": long})
    await world.ask(route("PUT", TEMPLATE), json={"settings": long})
    await world.expect(200, "PATCH", STATE)
    await world.ask(route("POST", f"{STATE}/progress"), json={"logs": [LONG]})


async def invalid_transition(start: Start, mode: str, case: Case) -> None:
    world = await start()
    await world.investigate()
    await world.ask(route("PATCH", STATE), json={"wizard_step": "RESULTS"})
    await world.ask(route("PUT", STATE), json={"wizard_step": "RESULTS"})
    await world.ask(route("POST", f"{STATE}/progress"))


async def version_conflict(start: Start, mode: str, case: Case) -> None:
    world = await start()
    await world.investigate()
    for method in ("PATCH", "PUT"):
        await world.ask(route(method, STATE), json={"version": 9})


async def precondition_failed(start: Start, mode: str, case: Case) -> None:
    world = await start()
    await world.investigate()
    for each in documented("precondition-failed", mode):
        if "If-Match" in each.headers:
            await world.ask(each, headers={"If-Match": '"version-9"'})
        else:
            body = {"investigation_id": INV} if each.path == f"{TEMPLATE}/apply" else None
            await world.ask(each, headers={"If-None-Match": "*"}, json=body)


async def precondition_required(start: Start, mode: str, case: Case) -> None:
    world = await start(state={"require_precondition": True})
    await world.investigate()
    for each in documented("precondition-required", mode):
        await world.ask(each)


async def template_exists(start: Start, mode: str, case: Case) -> None:
    world = await start()
    await world.investigate()
    await world.ask(route("POST", TEMPLATES))
    await world.ask(route("POST", TEMPLATES), json={"name": "other", "settings": examples.SETTINGS})
    for method in ("PATCH", "PUT"):
        await world.ask(route(method, TEMPLATE), json={"name": "other"})


async def template_limit(start: Start, mode: str, case: Case) -> None:
    world = await start(state={"template_max_count_per_user": 10})
    for number in range(11):
        await world.ask(route("POST", TEMPLATES), json={"name": f"t{number}", "settings": examples.SETTINGS})


async def too_many_connections(start: Start, mode: str, case: Case) -> None:
    world = await start(polling=NARROW)
    await world.investigate()
    async with world.client.get(EVENTS.replace("{investigation_id}", INV), headers=world.caller()) as stream:
        await stream.content.readline()
        await world.ask(route("GET", EVENTS))
        await world.ask(route("GET", SOCKET), headers=HANDSHAKE)


async def rate_limited(start: Start, mode: str, case: Case) -> None:
    world = await start(rate_limit={"requests_per_second": 0.01, "burst": 1})
    for each in documented("rate-limited", mode):
        for _ in range(2):
            await world.ask(each, **about(each))


async def request_timeout(start: Start, mode: str, case: Case) -> None:
    world = await start(server={"receive_timeout_seconds": 1})
    caller = "".join(f"{name}: {value}\r\n" for name, value in world.caller().items())
    heads = [
        f"{each.method} {each.path.replace('{investigation_id}', INV).replace('{template_id}', UNKNOWN)} HTTP/1.1\r\n"
        f"Host: x\r\n{caller}Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{{"
        for each in documented("request-timeout", mode)
    ]
    await asyncio.gather(*(send_head(world, head.encode()) for head in heads))


async def bad_request(start: Start, mode: str, case: Case) -> None:
    world = await start()
    await world.investigate()
    await world.ask(route("GET", SOCKET))


PROVOCATIONS: dict[str, Provocation] = {
    provocation.__name__.replace("_", "-"): provocation
    for provocation in (
        bad_request,
        body_too_large,
        feature_disabled,
        foreign_origin,
        history_gone,
        idempotency_mismatch,
        invalid_token,
        keys_unavailable,
        invalid_transition,
        malformed_header,
        malformed_json,
        missing_scope,
        not_found,
        outcome_unknown,
        patch_conflict,
        precondition_failed,
        precondition_required,
        rate_limited,
        request_timeout,
        state_exists,
        state_expired,
        state_too_large,
        storage_unavailable,
        template_exists,
        template_limit,
        too_many_connections,
        unreadable_row,
        unsupported_media_type,
        validation_failed,
        version_conflict,
    )
}
DOCUMENTED = [
    pytest.param(mode, code, marks=[pytest.mark.needs("files")] if code == "unreadable-row" else [])
    for mode, code in sorted({(mode, code) for mode in MODES for route in ROUTES for code in codes(route, mode)})
]


@pytest.mark.parametrize(("mode", "code"), DOCUMENTED)
async def test_every_route_that_names_a_problem_answers_with_it(
    start_server: StartServer, observer: Observer, database: str, mode: str, code: str
) -> None:
    async def start(**sections: Any) -> World:
        return await World.start(start_server, mode, **sections)

    await PROVOCATIONS[code](start, mode, Case(database))
    provoked = {seen[:3] for seen in observer.seen if seen[3] == code}
    assert provoked == {place(route, code) for route in documented(code, mode)}
