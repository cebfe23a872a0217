"""Rows that are not as they should be: each column of each table in turn, and every route that reads."""

import asyncio
import json
import logging
import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from aiohttp import WSMsgType

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.helpers import (
    INV,
    STATES,
    Answer,
    noticed,
    parked,
    patch,
    poll_url,
    polling,
    send,
    soon,
    start,
    url,
)
from tests.web.openapi_world import USER, World
from tests.web.push import events_url, socket_url
from wizard_server.errors import UnreadableRowError
from wizard_server.storage.schema.manifest import load_manifest
from wizard_server.storage.tables import SHAPES
from wizard_server.storage.unreadable import MAX_NAMED, UnreadableRows

pytestmark = pytest.mark.needs("files")

GOOD = "inv-good"
TEMPLATES = "/api/v1/templates"
ACTIVE = "/api/v1/polling/active-investigations"
LISTS = (STATES, f"{STATES}?sort=name", f"{STATES}?q=ring", f"{STATES}?sort=-created_at", TEMPLATES)
NO_UTF_8 = "CAST(x'ff41' AS TEXT)"
DEEP = '{"a":' * 900 + "1" + "}" * 900
TEXTS: tuple[Any, ...] = (b"\xff", NO_UTF_8, None)
INSTANTS: tuple[Any, ...] = (*TEXTS, "garbage", "2026-13-45T00:00:00.000Z", "9999-12-31T23:59:59.999Z", 5, 1.5)
INTEGERS: tuple[Any, ...] = (*TEXTS, "garbage", -1, 1.5, math.inf, 2**63 - 1)
DOCUMENTS = (
    "{not json",
    "",
    "5",
    "[]",
    "{}",
    '{"version":"x"}',
    '{"a":1e400}',
    '{"a":"\\ud800"}',
    '{"a":1,"a":2}',
    f'{{"a":{2**70}}}',
    DEEP,
    '{"name":5,"overall_progress":1e400,"current_phase":[],"phases":5,"agents":{},"logs":"x","version":3}',
)
# All of them are tried in a column of the states and in one of the trail, of each kind one in the others.
TRIED_WHOLLY = ("settings_json", "new_state")
KINDS = ("{not json", "5", '{"version":"x"}', '{"a":1e400}', DOCUMENTS[-1])
KEPT = "idempotency_keys"
TABLES = sorted({shape.table for shape in SHAPES})
COLUMNS = [
    (table, name, column.type)
    for table in TABLES
    if table != KEPT
    for name, column in load_manifest().tables[table].columns.items()
    if not column.generated and (table, name) != ("change_sequence", "id")  # which nobody reads
]


class Hand:
    """An operator who knows no rule: neither checks nor triggers stop him."""

    def __init__(self, database: str) -> None:
        self.connection = sqlite3.connect(database, isolation_level=None)
        self.connection.execute("PRAGMA ignore_check_constraints = ON")
        names = self.connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in names:
            self.connection.execute(f"DROP TRIGGER {name}")

    def write(self, table: str, column: str, value: Any, where: str) -> bool:
        """Return whether the database took the value."""
        text = NO_UTF_8 if value == NO_UTF_8 else "?"
        values = () if value == NO_UTF_8 else (value,)
        try:
            self.connection.execute(f"UPDATE {table} SET {column} = {text} WHERE {where}", values)
        except sqlite3.IntegrityError:
            return False
        return True

    def keep(self, table: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(f"SELECT {self._columns(table)} FROM {table}").fetchall()

    def put_back(self, table: str, kept: list[tuple[Any, ...]]) -> None:
        self.connection.execute("BEGIN")
        self.connection.execute(f"DELETE FROM {table}")
        marks = ", ".join("?" for _ in kept[0])
        self.connection.executemany(f"INSERT INTO {table} ({self._columns(table)}) VALUES ({marks})", kept)
        self.connection.execute("COMMIT")

    def _columns(self, table: str) -> str:
        """Return the columns that can be written, and the row id, which is the order of a trail."""
        return ", ".join(["rowid", *(row[1] for row in self.connection.execute(f"PRAGMA table_info({table})"))])


@pytest.fixture
def hand(database: str) -> Iterator[Hand]:
    hand = Hand(database)
    with closing(hand.connection):
        yield hand


async def lived(client: Client) -> str:
    """Make two investigations of the same life, and two templates; return the id of the template that goes bad."""
    for key in (INV, GOOD):
        await start(client, key)
        await patch(client, {"progress": factories.progress()}, key)
    made = [
        await send(client, "POST", TEMPLATES, json={"name": name, "settings": factories.settings()})
        for name in ("bad", "good")
    ]
    assert [answer.status for answer in made] == [201, 201]
    return str(made[0].body["template_id"])


async def everything(client: Client, investigation_id: str, template_id: str) -> list[tuple[str, Answer]]:
    """Return the answer of every route that reads, but for the two that stream."""
    paths = [
        url(investigation_id),
        *(f"{url(investigation_id)}?version={version}" for version in (1, 2)),
        url(investigation_id, "/history"),
        poll_url(investigation_id),
        f"{poll_url(investigation_id)}?view=summary",
        *(f"{poll_url(investigation_id)}/changes?since_version={version}" for version in (0, 1, 2)),
        f"{TEMPLATES}/{template_id}",
        *LISTS,
        f"{TEMPLATES}?sort=-usage_count&q=o",
        ACTIVE,
        f"{ACTIVE}?cursor=0",
        f"{ACTIVE}?cursor=1",
        f"{ACTIVE}?cursor=9&wait=0.001",
        "/api/v1/polling/health",
        "/healthz",
        "/readyz",
        "/metrics",
    ]
    return [(path, await send_text(client, path)) for path in paths]


async def send_text(client: Client, path: str) -> Answer:
    async with client.get(path) as response:
        text = await response.read()
        is_json = response.content_type.endswith("json")
        return Answer(response.status, response.headers, json.loads(text) if is_json and text else None, text)


async def streams(client: Client, investigation_id: str) -> list[int]:
    """Return the statuses of both streams; each is read up to its first message."""
    async with client.get(events_url(investigation_id)) as stream:
        if stream.status == 200:
            await stream.content.readuntil(b"event:")
    async with client.get(socket_url(investigation_id), headers=_HANDSHAKE) as handshake:
        return [stream.status, handshake.status]


_HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


def is_as_described(answer: Answer) -> bool:
    if answer.status >= 500:
        return (answer.status, answer.body["code"]) == (503, "unreadable-row") and "Retry-After" in answer.headers
    return True


def values_for(column: str, kind: str) -> tuple[Any, ...]:
    """Return what an operator's mistake may put into a column of the SQL type `kind`."""
    if column.endswith(("_json", "_state")):
        return (*TEXTS, *(DOCUMENTS if column in TRIED_WHOLLY else KINDS))
    return {"TIMESTAMP": INSTANTS, "INTEGER": INTEGERS}.get(kind, TEXTS)


@pytest.mark.parametrize(("table", "column", "kind"), COLUMNS)
async def test_no_value_of_any_column_breaks_more_than_its_row(
    client: Client, database: str, hand: Hand, table: str, column: str, kind: str
) -> None:
    template_id = await lived(client)
    where = {
        "investigations": f"id = '{INV}'",
        "investigation_templates": f"template_id = '{template_id}'",
        "investigation_audit_log": f"investigation_id = '{INV}' AND version = 2",
        "investigation_states": f"investigation_id = '{INV}'",
        "change_sequence": "1",
    }[table]
    kept = hand.keep(table)
    tried = 0
    for value in values_for(column, kind):
        if not hand.write(table, column, value, where):
            continue
        tried += 1
        await noticed(client)
        for path, answer in await everything(client, INV, template_id):
            assert is_as_described(answer), (path, value, answer.status, answer.text[:500])
            if path in LISTS:
                names = [item.get("investigation_id", item["user_id"]) for item in answer.body["items"]]
                missing = answer.body.get("unreadable", 0)
                assert (answer.status, len(names) + missing) == (200, answer.body["total"]), (path, value, answer.body)
        for status in await streams(client, INV):
            assert status in (101, 200, 404, 410, 503)
        if table != "change_sequence":
            for path in (url(GOOD), f"{url(GOOD)}?version=1", url(GOOD, "/history"), poll_url(GOOD)):
                assert (await send(client, "GET", path)).status == 200, (path, value)
        hand.put_back(table, kept)
    assert tried >= 2
    await noticed(client)
    for path, answer in await everything(client, INV, template_id):
        assert answer.status < 500, (path, "after the row was mended")


async def notice(client: Client) -> None:
    await noticed(client)


async def test_a_template_that_is_no_json_is_left_out_with_a_mark_and_answered_for_itself(
    client: Client, hand: Hand
) -> None:
    template_id = await lived(client)
    hand.write("investigation_templates", "template_json", "{not json", f"template_id = '{template_id}'")
    listed = (await send(client, "GET", TEMPLATES)).body
    assert ([item["name"] for item in listed["items"]], listed["unreadable"], listed["total"]) == (["good"], 1, 2)
    answer = await send(client, "GET", f"{TEMPLATES}/{template_id}")
    assert (answer.status, answer.body["code"], answer.headers["Retry-After"]) == (503, "unreadable-row", "60")
    assert template_id in answer.body["detail"]
    assert "template_json is not JSON" in answer.body["detail"]
    foreign = await send(client, "GET", f"{TEMPLATES}/{template_id}", headers={"X-User-Id": "eve"})
    assert (foreign.status, foreign.body["code"]) == (404, "not-found")


async def test_a_timestamp_that_is_an_integer_breaks_no_list(client: Client, hand: Hand) -> None:
    await lived(client)
    hand.write("investigation_states", "updated_at", 5, f"investigation_id = '{INV}'")
    await notice(client)
    for path, items in ((STATES, "items"), (ACTIVE, "investigations")):
        body = (await send(client, "GET", path)).body
        assert ([item["investigation_id"] for item in body[items]], body["unreadable"]) == ([GOOD], 1)
    answer = await send(client, "GET", url())
    assert (answer.status, answer.body["code"]) == (503, "unreadable-row")
    assert "updated_at is an integer, not text" in answer.body["detail"]


async def test_that_a_row_cannot_be_read_is_no_strangers_business(start_server: StartServer, database: str) -> None:
    world = await World.start(start_server, "jwt")
    await world.investigate()
    hand = Hand(database)
    with closing(hand.connection):
        hand.write("investigation_states", "version", "x", "1")
        hand.write("investigations", "newest_version", "x", "1")
    await notice(world.client)
    for user, expected in ((USER, "unreadable-row"), ("eve", "not-found")):
        headers = world.caller(user=user)
        for path in (url(), url(suffix="/history"), poll_url()):
            assert (await send(world.client, "GET", path, headers=headers)).body["code"] == expected
        assert (await send(world.client, "DELETE", url(), headers=headers)).body["code"] == expected


async def test_a_row_is_named_in_the_log_once(client: Client, hand: Hand, caplog: pytest.LogCaptureFixture) -> None:
    await lived(client)
    hand.write("investigation_states", "updated_at", 5, f"investigation_id = '{INV}'")
    await notice(client)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            await everything(client, INV, "none")
    named = [record for record in caplog.records if record.message == "a stored row cannot be read"]
    assert [(record.__dict__["key"], record.__dict__["column"]) for record in named] == [(INV, "updated_at")]


def test_the_log_remembers_a_bounded_number_of_rows(caplog: pytest.LogCaptureFixture) -> None:
    ledger = UnreadableRows()
    with caplog.at_level(logging.ERROR):
        for number in range(MAX_NAMED + 5):
            error = UnreadableRowError(table="t", key=str(number), column="c", reason="is wrong")
            ledger.name(error)
            ledger.name(error)
        assert len(caplog.records) == MAX_NAMED + 5
        ledger.name(error)
        assert len(caplog.records) == MAX_NAMED + 5, "the newest is remembered"
        ledger.name(UnreadableRowError(table="t", key="0", column="c", reason="is wrong"))
        assert len(caplog.records) == MAX_NAMED + 6, "the oldest is not"


async def test_whoever_waits_for_a_row_that_goes_bad_is_told_so(client: Client, hand: Hand) -> None:
    await start(client)
    waiting = [
        polling(client, since_version=2),
        asyncio.create_task(send(client, "GET", f"{poll_url()}/changes", params={"since_version": "2", "wait": "30"})),
    ]
    async with client.get(events_url()) as stream, client.ws_connect(socket_url()) as socket:
        await socket.receive()
        await parked(client, 4)
        hand.write("investigation_states", "status", "BROKEN", "1")
        hand.write("investigation_states", "version", 3, "1")
        await notice(client)
        for answer in [await soon(task) for task in waiting]:
            assert (answer.status, answer.body["code"]) == (503, "unreadable-row")
        told = (await stream.content.read()).decode()
        assert told.endswith('event: closed\ndata: {"reason":"unavailable"}\n\n')
        assert (await socket.receive()).type is WSMsgType.TEXT
        await socket.receive()
        assert socket.close_code == 1013


async def test_an_entry_that_cannot_be_read_is_a_gap_for_who_follows_and_an_error_for_who_asks_for_it(
    client: Client, hand: Hand
) -> None:
    await lived(client)
    hand.write("investigation_audit_log", "new_state", "{not json", f"investigation_id = '{INV}' AND version = 2")
    changes = f"{poll_url()}/changes?since_version="
    assert (await send(client, "GET", f"{changes}1")).body["code"] == "history-gone"
    assert [each["version"] for each in (await send(client, "GET", f"{changes}2")).body["changes"]] == [3]
    assert (await send(client, "GET", f"{url()}?version=2")).body["version"] == 2
    assert (await send(client, "GET", f"{url()}?version=1")).body["code"] == "unreadable-row"
    history = (await send(client, "GET", url(suffix="/history"))).body
    assert ([item["version"] for item in history["items"]], history["unreadable"], history["total"]) == ([3, 1], 1, 3)


@pytest.mark.parametrize("document", [text for text in DOCUMENTS if text not in ("{not json", "")])
@pytest.mark.parametrize("part", ["settings", "progress", "results"])
async def test_no_write_to_what_was_written_by_hand_is_a_500(
    client: Client, hand: Hand, part: str, document: str
) -> None:
    await lived(client)
    hand.write("investigation_states", f"{part}_json", document, f"investigation_id = '{INV}'")
    await notice(client)
    for method, path, body in (
        ("POST", url(suffix="/progress"), factories.progress(logs=["more"])),
        ("PATCH", url(), {"progress": factories.progress()}),
        ("PATCH", url(), {"status": "COMPLETED", "wizard_step": "RESULTS", "results": factories.results()}),
        ("PATCH", url(), {"wizard_step": "SETTINGS", "settings": factories.settings()}),
        ("POST", TEMPLATES, {"name": "from", "from_investigation_id": INV}),
        ("DELETE", url(), None),
    ):
        answer = await send(client, method, path, json=body)
        assert is_as_described(answer), (method, path, answer.text)
    assert (await patch(client, {"progress": factories.progress(logs=["on"])}, GOOD))["version"] == 4


@pytest.mark.parametrize("document", [text for text in DOCUMENTS if text not in ("{not json", "")])
async def test_no_write_to_a_template_that_was_written_by_hand_is_a_500(
    client: Client, hand: Hand, document: str
) -> None:
    template_id = await lived(client)
    hand.write("investigation_templates", "template_json", document, f"template_id = '{template_id}'")
    for method, path, body in (
        ("POST", f"{TEMPLATES}/{template_id}/apply", {"investigation_id": "inv-made"}),
        ("PATCH", f"{TEMPLATES}/{template_id}", {"description": "mended"}),
        ("DELETE", f"{TEMPLATES}/{template_id}", None),
    ):
        answer = await send(client, method, path, json=body)
        assert is_as_described(answer), (method, path, answer.text)


@pytest.mark.parametrize(
    ("column", "kind"), [(name, c.type) for name, c in load_manifest().tables[KEPT].columns.items()]
)
async def test_no_value_of_a_kept_answer_is_a_500(client: Client, hand: Hand, column: str, kind: str) -> None:
    await lived(client)
    keyed = [
        ("POST", STATES, factories.creation("inv-keyed")),
        ("POST", TEMPLATES, {"name": "keyed", "settings": factories.settings()}),
    ]
    for number, (method, path, body) in enumerate(keyed):
        answer = await send(client, method, path, json=body, headers={"Idempotency-Key": f"key-{number}"})
        assert answer.status == 201
    kept = hand.keep(KEPT)
    for value in (*values_for(column, kind), *(DOCUMENTS if column == "body" else ())):
        for number, (method, path, body) in enumerate(keyed):
            if not hand.write(KEPT, column, value, f"key = 'key-{number}'"):
                continue
            await notice(client)
            answer = await send(client, method, path, json=body, headers={"Idempotency-Key": f"key-{number}"})
            assert is_as_described(answer), (value, answer.text)
            assert answer.status != 200
            hand.put_back(KEPT, kept)


async def test_an_edit_by_hand_in_another_form_of_time_is_read(client: Client, hand: Hand) -> None:
    await lived(client)
    hand.write("investigation_states", "updated_at", "2026-01-02 03:04:05", f"investigation_id = '{INV}'")
    await notice(client)
    assert (await send(client, "GET", url())).body["updated_at"] == "2026-01-02T03:04:05.000Z"
    assert (await send(client, "GET", f"{ACTIVE}?cursor=99&wait=0.001")).status == 200
