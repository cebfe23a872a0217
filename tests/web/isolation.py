"""One example of a request for each route that names something of a user, and how two answers to it are compared."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests import factories
from tests.conftest import Client
from wizard_server import storage

STATE = "/api/v1/wizard-state/{investigation_id}"
TEMPLATE = "/api/v1/templates/{template_id}"
POLL = "/api/v1/polling/wizard-state/{investigation_id}"
EVENTS = "/api/v1/events/wizard-state/{investigation_id}"
SOCKET = "/ws/investigation/{investigation_id}"
# What these name is a file of the server's own.
NOBODYS = {("GET", "/docs/{file}"), ("GET", "/api/v1/docs/{file}"), ("GET", "/static/client/{module}")}

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
MERGE = {"Content-Type": "application/merge-patch+json"}
JSON_PATCH = {"Content-Type": "application/json-patch+json"}
_NOTE = {"investigation_id": "{id}", "user_id": "eve", "action_type": "NOTE", "source": "USER"}
_SETTINGS = factories.settings()


@dataclass(frozen=True)
class Example:
    """A request; ``{id}`` in it stands for the identifier."""

    name: str
    query: str = ""
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Comparable:
    """What of an answer a stranger sees, the identifier taken out, and what the database was asked for it."""

    status: int
    headers: list[tuple[str, str]]
    body: str
    statements: list[str]


_CHANGES = (
    Example("plain", body={"status": "ERROR"}),
    Example("with nothing", body={}),
    Example("against the rules", body={"results": factories.results()}),
    Example("with a version", body={"status": "ERROR", "version": 1}),
    Example("with a version there never was", body={"status": "ERROR", "version": 99}),
    Example("with the tag", body={"status": "ERROR"}, headers={"If-Match": '"version-2"'}),
    Example("with an older tag", body={"status": "ERROR"}, headers={"If-Match": '"version-1"'}),
    Example("with any tag", body={"status": "ERROR"}, headers={"If-Match": "*"}),
    Example("with a key", body={"status": "ERROR"}, headers={"Idempotency-Key": "key-{id}"}),
    Example("minimal", body={"status": "ERROR"}, headers={"Prefer": "return=minimal"}),
    Example("not valid", body={"typo": 1}),
    Example("too much", body={"settings": factories.settings(description="d" * 5000)}),
)
_TEMPLATE_CHANGES = (
    Example("plain", body={"name": "Mine now"}),
    Example("with nothing", body={}),
    Example("to the name that it has", body={"name": "Of ann"}),
    Example("to a name that the caller has", body={"name": "Of eve"}),
    Example("settings", body={"settings": _SETTINGS}),
    Example("with a key", body={"name": "Mine now"}, headers={"Idempotency-Key": "key-{id}"}),
    Example("not valid", body={"typo": 1}),
)
_POLLS = (
    Example("plain"),
    Example("with a version", "?since_version=2"),
    Example("with an older version", "?since_version=1"),
    Example("with a newer version", "?since_version=99"),
    Example("with the tag", headers={"If-None-Match": '"version-2"'}),
    Example("waiting", "?since_version=2&wait=30"),
    Example("waiting by preference", headers={"If-None-Match": '"version-2"', "Prefer": "wait=30"}),
    Example("not valid", "?since_version=x"),
)

EXAMPLES: dict[tuple[str, str], tuple[Example, ...]] = {
    ("GET", STATE): (
        Example("plain"),
        Example("a version", "?version=1"),
        Example("a version there never was", "?version=99"),
        Example("with the tag", headers={"If-None-Match": '"version-2"'}),
        Example("with any tag", headers={"If-None-Match": "*"}),
        Example("not valid", "?typo=1"),
    ),
    ("PATCH", STATE): (
        *_CHANGES,
        Example("merge patch", body={"status": "ERROR"}, headers=MERGE),
        Example("json patch", body=[{"op": "replace", "path": "/status", "value": "ERROR"}], headers=JSON_PATCH),
        Example("json patch that tests", body=[{"op": "test", "path": "/user_id", "value": "ann"}], headers=JSON_PATCH),
        Example("another type", body={}, headers={"Content-Type": "text/plain"}),
    ),
    ("PUT", STATE): _CHANGES,
    ("DELETE", STATE): (
        Example("plain"),
        Example("with the tag", headers={"If-Match": '"version-2"'}),
        Example("with an older tag", headers={"If-Match": '"version-1"'}),
        Example("with any tag", headers={"If-Match": "*"}),
    ),
    ("POST", f"{STATE}/progress"): (
        Example("plain", body={"overall_progress": 50.0, "logs": ["a line"]}),
        Example("finish", body={"finish": True, "results": factories.results()}),
        Example("with nothing", body={}),
        Example("with a key", body={"logs": ["a line"]}, headers={"Idempotency-Key": "key-{id}"}),
        Example("minimal", body={"logs": ["a line"]}, headers={"Prefer": "return=minimal"}),
        Example("not valid", body={"typo": 1}),
    ),
    ("GET", f"{STATE}/history"): (
        Example("plain"),
        Example("of one kind", "?action_type=STATE_CREATED&source=USER"),
        Example("page", "?page=2&page_size=1"),
        Example("not valid", "?page=0"),
    ),
    ("POST", f"{STATE}/history"): (
        Example("plain", body=_NOTE),
        Example("for the owner", body={**_NOTE, "user_id": "ann"}),
        Example("with a key", body=_NOTE, headers={"Idempotency-Key": "key-{id}"}),
        Example("not valid", body={"typo": 1}),
    ),
    ("GET", POLL): (
        *_POLLS,
        Example("a summary", "?view=summary"),
        Example("waiting for a condition", "?until=status:ERROR&wait=30"),
        Example("waiting for what is so", "?until=wizard_step:PROGRESS&wait=30"),
        Example("watching fields", "?watch=status&since_version=2&wait=30"),
    ),
    ("GET", f"{POLL}/changes"): (*_POLLS[1:], Example("limited", "?since_version=1&limit=1")),
    ("GET", EVENTS): (
        Example("plain"),
        Example("resuming", headers={"Last-Event-ID": "1"}),
        Example("resuming from a newer version", headers={"Last-Event-ID": "99"}),
        Example("not valid", headers={"Last-Event-ID": "x"}),
    ),
    ("GET", SOCKET): (
        Example("upgrading", headers=UPGRADE),
        Example("resuming", "?since_version=1", headers=UPGRADE),
        Example("not upgrading"),
        Example("not valid", "?since_version=x", headers=UPGRADE),
    ),
    ("GET", TEMPLATE): (Example("plain"),),
    ("PUT", TEMPLATE): _TEMPLATE_CHANGES,
    ("PATCH", TEMPLATE): _TEMPLATE_CHANGES,
    ("DELETE", TEMPLATE): (Example("plain"), Example("with a key", headers={"Idempotency-Key": "key-{id}"})),
    ("POST", f"{TEMPLATE}/apply"): (
        Example("plain", body={"investigation_id": "inv-new"}),
        Example("where there is one", body={"investigation_id": "inv-eve"}),
        Example("where somebody else has one", body={"investigation_id": "inv-theirs"}),
        Example("with overrides", body={"investigation_id": "inv-new", "overrides": {"name": "x"}}),
        Example("with overrides that do not fit", body={"investigation_id": "inv-new", "overrides": {"tools": 1}}),
        Example("with a key", body={"investigation_id": "inv-new"}, headers={"Idempotency-Key": "key-{id}"}),
        Example("not valid", body={"typo": 1}),
    ),
}
# Routes that take an identifier of an investigation in their body.
NAMED_IN_BODY: dict[tuple[str, str], tuple[Example, ...]] = {
    ("POST", "/api/v1/templates"): (
        Example("plain", body={"name": "Stolen", "from_investigation_id": "{id}"}),
        Example("a name that the caller has", body={"name": "Of eve", "from_investigation_id": "{id}"}),
        Example("not valid", body={"name": "", "from_investigation_id": "{id}"}),
    ),
}


def target(path: str, example: Example, identifier: str) -> str:
    """Return the path of the request, and its query."""
    for name in ("investigation_id", "template_id"):
        path = path.replace("{" + name + "}", identifier)
    return path + example.query


async def ask(
    client: Client, method: str, path: str, example: Example, identifier: str, user: str = "eve"
) -> Comparable:
    """Send the request as `user`; of an answer that goes on for ever only its head is read."""
    body = None if example.body is None else json.dumps(example.body).replace("{id}", identifier)
    typed = {} if body is None else {"Content-Type": "application/json"}
    own = {name: value.replace("{id}", identifier) for name, value in example.headers.items()}
    headers = {"X-User-Id": user, "X-Request-Id": "r-1", **typed, **own}
    with statements() as seen:
        async with client.request(method, target(path, example, identifier), data=body, headers=headers) as answer:
            endless = answer.status == 101 or answer.content_type == "text/event-stream"
            text = "" if endless else (await answer.read()).decode()
    told = sorted((name, value.replace(identifier, "ID")) for name, value in answer.headers.items() if name != "Date")
    return Comparable(answer.status, told, text.replace(identifier, "ID"), seen)


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect the names of the statements that a database is asked which says so (``[database] echo``)."""
    names: list[str] = []
    handler = Names(names)
    logger = logging.getLogger(storage.__name__)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield names
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


class Names(logging.Handler):
    """Keeps the names of the statements that are logged."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(logging.INFO)
        self._names = names

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage() == "statement":
            self._names.append(vars(record)["query"])
