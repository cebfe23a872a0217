"""What the web tests share: requests in one line, and doors that force an order of events without sleeping."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests import factories, shell
from tests.conftest import Client
from tests.gated import Gated
from wizard_server.app import DATABASE
from wizard_server.storage.engine import Locked, Reader
from wizard_server.storage.queries import Query
from wizard_server.web.http.context import HUB

STATES = "/api/v1/wizard-state"
INV = "inv-1"
HANGS_AFTER_SECONDS = 20.0
TIMESTAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
MERGE = {"Content-Type": "application/merge-patch+json"}
JSON_PATCH = {"Content-Type": "application/json-patch+json"}
COMPLETE = {"status": "COMPLETED", "wizard_step": "RESULTS"}


@dataclass(frozen=True)
class Answer:
    """One answer, read to its end; `body` is parsed JSON, None when there was no body."""

    status: int
    headers: Mapping[str, str]
    body: Any
    text: bytes = b""


def url(investigation_id: str = INV, suffix: str = "") -> str:
    return f"{STATES}/{investigation_id}{suffix}"


def poll_url(investigation_id: str = INV) -> str:
    return f"/api/v1/polling/wizard-state/{investigation_id}"


async def send(client: Client, method: str, path: str, **kwargs: Any) -> Answer:
    async with client.request(method, path, **kwargs) as response:
        text = await response.read()
        body = await response.json(content_type=None) if text else None
        return Answer(response.status, response.headers, body, text)


def sending(client: Client, method: str, path: str, **kwargs: Any) -> asyncio.Task[Answer]:
    return asyncio.create_task(send(client, method, path, **kwargs))


async def create(client: Client, investigation_id: str = INV, **overrides: Any) -> Any:
    headers = {"X-User-Id": overrides["user_id"]} if "user_id" in overrides else {}
    body = factories.creation(investigation_id, **overrides)
    answer = await send(client, "POST", STATES, json=body, headers=headers)
    assert answer.status == 201, answer.body
    return answer.body


async def patch(client: Client, fields: Any, investigation_id: str = INV, **headers: str) -> Any:
    """Change a state as its owner and return the new one."""
    answer = await send(client, "PATCH", url(investigation_id), json=fields, headers=headers)
    assert answer.status == 200, answer.body
    return answer.body


async def start(client: Client, investigation_id: str = INV) -> Any:
    """Create a state and bring it to step PROGRESS: version 2."""
    await create(client, investigation_id)
    return await patch(client, {"wizard_step": "PROGRESS"}, investigation_id)


async def read(client: Client, investigation_id: str = INV) -> Any:
    answer = await send(client, "GET", url(investigation_id))
    assert answer.status == 200, answer.body
    return answer.body


def polling(
    client: Client, investigation_id: str = INV, *, headers: Mapping[str, str] | None = None, **parameters: Any
) -> asyncio.Task[Answer]:
    """Begin a poll, with a wait of 30 seconds unless told."""
    asked = {"wait": 30, **parameters}
    params = {key: str(value) for key, value in asked.items() if value is not None}
    return sending(client, "GET", poll_url(investigation_id), params=params, headers=headers or {})


async def poll(client: Client, investigation_id: str = INV, **kwargs: Any) -> Answer:
    """Poll without waiting, unless told."""
    return await polling(client, investigation_id, **{"wait": None, **kwargs})


async def until(condition: Callable[[], bool]) -> None:
    """Yield to the loop until `condition` holds; the time limit is there to name a hang, not to pass one."""
    async with asyncio.timeout(HANGS_AFTER_SECONDS):
        while not condition():  # noqa: ASYNC110 - what is waited for lies inside the server, which tells nobody
            await asyncio.sleep(0)


async def parked(client: Client, count: int = 1) -> None:
    await until(lambda: client.app[HUB].parked == count)


async def soon(task: asyncio.Task[Answer]) -> Answer:
    """Return the answer of a request that nothing holds up any more."""
    async with asyncio.timeout(HANGS_AFTER_SECONDS):
        return await task


async def raw(client: Client, method: str, path: str, headers: bytes, body: bytes = b"") -> tuple[int, bytes]:
    """Send bytes that no well-behaved client sends; return status and head of the answer."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    length = b"Content-Length: %d\r\n" % len(body)
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n".encode()
    writer.write(head + headers + length + b"\r\n" + body)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return int(answer.split()[1]), answer.partition(b"\r\n\r\n")[0].lower()


class Door:
    """Holds everybody who comes by until it is opened; `reached` says that somebody has come."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()
        self.passed = 0
        self.waiting = 0

    async def go_through(self) -> None:
        self.waiting += 1
        self.reached.set()
        await self.opened.wait()
        self.passed += 1

    def open(self) -> None:
        self.opened.set()


def hold_commits(client: Client) -> Door:
    """Hold every commit of use cases before it begins; what is asked for meanwhile queues."""
    door, engine = Door(), engine_of(client)
    commit = engine.commit

    async def held(writes: Any, locked: Any = None, *more: Any, **named: Any) -> int:
        if locked is not None:  # one of use cases
            await door.go_through()
        return await commit(writes, locked, *more, **named)

    engine.commit = held
    return door


def hold_before_locks(client: Client) -> Door:
    """Hold every change at the last moment when another server's may come first: before row locks, where there are."""
    engine = engine_of(client)
    if not engine.is_shared:
        return hold_commits(client)
    door, begin = Door(), engine.begin

    async def held(*given: Any) -> Locked:
        await door.go_through()
        return await begin(*given)

    engine.begin = held
    return door


def hold_told(client: Client) -> Door:
    """Hold the server between a commit on disk and the moment when it knows of it; readers see what is on disk."""
    door, engine = Door(), engine_of(client)
    commit = engine.commit

    async def held(writes: Any, locked: Any = None, *more: Any, **named: Any) -> int:
        place = await commit(writes, locked, *more, **named)
        if locked is not None:  # one of use cases
            await door.go_through()
        return place

    engine.commit = held
    return door


def forbid_reading(client: Client) -> None:
    """Let every question to the database fail from now on."""

    async def forbidden(_: Reader, query: Query, *more: Any) -> Any:
        raise AssertionError(f"the database was read: {query.name}")

    engine_of(client).any_statement = forbidden


def engine_of(client: Client) -> Gated:
    """Return the engine of the server behind `client`, whose steps are there to be held, failed and counted."""
    engine = client.app[DATABASE].engine
    assert isinstance(engine, Gated)
    return engine


def queued(client: Client) -> int:
    """Return how many changes wait for the commit that is under way."""
    return client.app[DATABASE].counts.queued


class StoppedClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 9, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **duration: float) -> None:
        self.now += timedelta(**duration)


class TickingClock(StoppedClock):
    """A clock that moves on by a second whenever it is read."""

    def __call__(self) -> datetime:
        self.move(seconds=1)
        return self.now


def as_operator(database: str, statement: str, *values: Any) -> None:
    """Run one statement as an operator would, from another connection."""
    shell.run(database, statement, values)


def insert_state(database: str) -> None:
    """Insert the state of inv-1 as an operator does, whose investigation is there."""
    columns = "investigation_id, user_id, wizard_step, status, settings_json"
    statement = f"INSERT INTO investigation_states ({columns}) VALUES (?, ?, 'SETTINGS', 'IN_PROGRESS', ?)"
    as_operator(database, statement, INV, factories.USER, json.dumps(factories.settings()))


async def noticed(client: Client) -> bool:
    """Have the server look at what others have done, operators among them; return whether there was anything."""
    store = client.app[DATABASE]
    await store.look_around()
    return await store.notice_external_commits()


def rows(database: str, statement: str, *values: Any) -> list[dict[str, Any]]:
    return shell.ask(database, statement, values)


def trail(database: str, investigation_id: str = INV) -> list[dict[str, Any]]:
    return rows(
        database, "SELECT * FROM investigation_audit_log WHERE investigation_id = ? ORDER BY rowid", investigation_id
    )


_STORED = (
    "SELECT * FROM investigation_states ORDER BY investigation_id",
    "SELECT * FROM investigations ORDER BY id",
    "SELECT * FROM investigation_audit_log ORDER BY rowid",
    "SELECT * FROM investigation_templates ORDER BY template_id",
)


def stored(database: str) -> tuple[list[dict[str, Any]], ...]:
    """Return everything that a refused request must leave as it was."""
    states, *others = (rows(database, statement) for statement in _STORED)
    for state in states:
        del state["last_accessed"]
    return states, *others


def but_access(state: Any) -> dict[str, Any]:
    """Return a state without the one member that reading changes."""
    return {key: value for key, value in state.items() if key != "last_accessed"}


def fields_named(answer: Answer) -> set[str]:
    return {error["field"] for error in answer.body["errors"]}
