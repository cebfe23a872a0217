"""Whatever stands in a header: no server error, refusals say why and change nothing."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import StartServer
from tests.web.fuzzing import FIXED, TRIED, Reply, ask_raw, check, report
from tests.web.helpers import stored
from tests.web.openapi_world import INV, World
from wizard_server.web.openapi import examples

STATE = f"/api/v1/wizard-state/{INV}"
POLL = f"/api/v1/polling/wizard-state/{INV}"
ACTIVE = "/api/v1/polling/active-investigations"
EVENTS = f"/api/v1/events/wizard-state/{INV}"
UPDATE = json.dumps({"settings": examples.SETTINGS}).encode()
CREATE = json.dumps({"investigation_id": "inv-2", "user_id": "analyst-7"}).encode()
TEMPLATE = json.dumps({"name": "t", "settings": examples.SETTINGS}).encode()
WRITES = [("PATCH", STATE, UPDATE), ("PUT", STATE, UPDATE), ("POST", "/api/v1/wizard-state", CREATE)]
READS = [("GET", path, b"") for path in (STATE, POLL, f"{POLL}/changes", ACTIVE, "/openapi.json", "/docs/docs.js")]
TARGETS = {
    "If-Match": [*WRITES, ("DELETE", f"{STATE}-none", b"")],
    "If-None-Match": READS,
    "Prefer": [*WRITES, *READS],
    "Last-Event-ID": [("GET", EVENTS, b"")],
    "Range": READS,
    "Accept-Encoding": [*READS, *WRITES],
    "Idempotency-Key": [*WRITES, ("POST", "/api/v1/templates", TEMPLATE), ("DELETE", f"{STATE}-none", b"")],
    "X-Request-Id": [*READS, *WRITES],
    "X-Audit-Source": WRITES,
    "Content-Type": WRITES,
    "X-User-Id": [*READS, *WRITES],
}
PIECES = [
    *('"version-1"', '"version-', '"list-1"', 'W/"version-1"', "W/", "*", '"', ",", ";", "=", " ", "\t", "-", "."),
    *("wait=1", "wait", "return=minimal", "return", "q=0", "q=", "gzip", "identity", "bytes=0-1", "bytes=-", "0", "1"),
    *("9" * 18, "9" * 400, "-1", "1e9", "nan", "USER", "SYSTEM", "application/json", "application/merge-patch+json"),
    *("charset=utf-16", "text/plain", "../", "%00", "\xe9", "\x7f", "\u0661", "' OR 1=1 --", "${x}", "\U0001f600"),
]
# What may stand in a header at all: anything but the characters that end it.
BYTES = st.binary(max_size=80).map(lambda value: value.translate(None, bytes(range(9)) + bytes(range(10, 32))))
JOINED = st.lists(st.sampled_from(PIECES), max_size=6).map(lambda pieces: "".join(pieces).encode())
VALUES = st.one_of(JOINED, JOINED, BYTES)


@pytest.fixture(scope="module", autouse=True)
def _report(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    report(request, f"headers tried: {sum(TRIED[name] for name in TARGETS)}")


@pytest.fixture
async def world(start_server: StartServer) -> World:
    started = await World.start(start_server, "none", polling={"max_wait_seconds": 1})
    await started.investigate()
    return started


async def tried(world: World, name: str, values: list[bytes], target: tuple[str, str, bytes]) -> Reply:
    method, path, body = target
    TRIED[name] += 1
    headers = [(name, value) for value in values]
    if body and name != "Content-Type":
        headers.append(("Content-Type", b"application/json"))
    return await ask_raw(world.client, method, path, headers, body, stream=path == EVENTS)


@pytest.mark.parametrize("name", TARGETS)
@settings(FIXED, max_examples=60)
@given(data=st.data())
async def test_any_value_is_answered_and_a_refusal_changes_nothing(
    world: World, database: str, name: str, data: st.DataObject
) -> None:
    values = data.draw(st.lists(VALUES, min_size=1, max_size=2))
    target = data.draw(st.sampled_from(TARGETS[name]))
    before = stored(database)
    check(await tried(world, name, values, target), before, database)


NO_TAGS = [b"version-1", b'"version-2', b"'version-1'"]
OTHER_TAGS = [b'"VERSION-1"', b"", b'"version-01"']


@pytest.mark.parametrize("value", [*NO_TAGS, *OTHER_TAGS])
async def test_what_is_not_the_current_tag_is_never_taken_for_it(world: World, database: str, value: bytes) -> None:
    before = stored(database)
    reply = await tried(world, "If-Match", [value], ("PATCH", STATE, UPDATE))
    refusal = (400, "malformed-header") if value in NO_TAGS else (412, "precondition-failed")
    assert (reply.status, reply.problem["code"]) == refusal
    check(reply, before, database)


@pytest.mark.parametrize("control", [b"\x00", b"\x01", b"\x1f", b"\n", b"\r"])
async def test_a_control_character_in_a_header_is_refused(world: World, database: str, control: bytes) -> None:
    before = stored(database)
    reply = await tried(world, "X-Audit-Source", [b"US" + control + b"ER"], ("PATCH", STATE, UPDATE))
    assert reply.status == 400
    assert stored(database) == before
