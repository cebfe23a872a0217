"""What is measured: our server and a bare aiohttp application, each a process on the server's core."""

import base64
import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cache
from http.client import HTTPConnection, RemoteDisconnected
from pathlib import Path
from signal import SIGTERM
from typing import Any, Protocol

import jwt

from tests.acceptance.process import CHECKOUT, WIZARD_SERVER, ServerProcess, write_config
from tests.benchmarks.database import USER, Shape, fill, topic, version_of
from tests.benchmarks.machine import on_server_core
from tests.benchmarks.swarm import request
from wizard_server.config.models import EventLoop, RateLimitConfig

SECRET = "a secret of the benchmarks, thirty-two bytes or more"
POLL = "/api/v1/polling/wizard-state/{}"
STATE = "/api/v1/wizard-state/{}"
_MARKED = (sys.executable, "-m", "tests.benchmarks.marked")
_BARE = (sys.executable, "-m", "tests.benchmarks.bare")
# What aiohttp adds to every answer by itself.
_ADDED = frozenset({"content-length", "date", "server"})
_WAIT_SECONDS = 300
_AMPLE = 1_000_000
_PATIENCE_SECONDS = 30.0
# What servers answer to a change.
CHANGED = (200, 201, 202, 204)

Headers = tuple[tuple[str, str], ...]


class Subject(Protocol):
    """A server where polls can be parked by topic; `version` is what the client has, where the server asks for it."""

    name: str
    pid: int
    port: int

    def version(self, number: int) -> int:
        """Return the version that a topic has in the beginning."""

    def poll(self, number: int, version: int) -> bytes:
        """Return the request that parks until a newer version than `version`."""

    def change(self, number: int, version: int) -> bytes:
        """Return the request that makes the version after `version`."""

    def parked(self) -> int:
        """Return how many polls are parked."""


class Answer:
    """Status, headers and body of one answer, without what the framework adds to any."""

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {"status": self.status, "headers": self.headers, "body": base64.b64encode(self.body).decode()}


class Probe:
    """Asks one server again and again on one connection: where thousands connect at once it need not queue up."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)

    def get(self, path: str) -> bytes:
        """Return the body that `path` answers; the connection may have been closed for being idle."""
        try:
            return self._get(path)
        except RemoteDisconnected:
            return self._get(path)

    def _get(self, path: str) -> bytes:
        self._connection.request("GET", path)
        return self._connection.getresponse().read()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def ask(port: int, method: str, path: str, headers: Headers = (), body: bytes | None = None) -> Answer:
    """Send one request on a connection of its own and return the answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
    try:
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        kept = tuple(pair for pair in answer.getheaders() if pair[0].lower() not in _ADDED)
        return Answer(answer.status, kept, answer.read())
    finally:
        connection.close()


def token(user: str = USER, scope: str = "wizard:read wizard:write") -> str:
    """Return a token for all that a user may do, unless `scope` says otherwise."""
    claims = {"sub": user, "scope": scope, "exp": int(time.time()) + 86400}
    return jwt.encode(claims, SECRET, algorithm="HS256")


@cache
def authorization(user: str = USER, scope: str = "wizard:read wizard:write") -> Headers:
    """Return the header that says who asks."""
    return (("Authorization", f"Bearer {token(user, scope)}"),)


class Ours:
    """``wizard-server serve`` on a database of a given shape."""

    name = "ours"

    def __init__(self, process: ServerProcess, shape: Shape) -> None:
        self.pid, self.port = process.pid, process.port
        self.probe = Probe(process.port)
        self._shape = shape
        self._user = authorization()

    def version(self, number: int) -> int:
        """See `Subject`."""
        return version_of(self._shape, number)

    def poll(self, number: int, version: int) -> bytes:
        """See `Subject`."""
        path = f"{POLL.format(topic(number))}?wait={_WAIT_SECONDS}"
        return request("GET", path, (*self._user, ("If-None-Match", f'"version-{version}"')))

    def change(self, number: int, version: int) -> bytes:
        """See `Subject`: an agent says how far it is."""
        body = json.dumps({"overall_progress": version % 1000 / 10 + 0.05}).encode()  # never what it was
        headers = (*self._user, ("Prefer", "return=minimal"), ("Content-Type", "application/json"))
        return request("POST", f"{STATE.format(topic(number))}/progress", headers, body)

    def parked(self) -> int:
        """See `Subject`."""
        load = json.loads(self.probe.get("/api/v1/polling/health"))["server_load"]
        return int(load["active_connections"])

    def close(self) -> None:
        """Close what asks it."""
        self.probe.close()


@contextmanager
def serving(
    folder: Path,
    shape: Shape,
    *,
    marks: Path | None = None,
    database: Path | None = None,
    shared: Mapping[str, str] | None = None,
    catalogue: Mapping[str, object] | None = None,
    loop: EventLoop = "auto",
) -> Iterator[Ours]:
    """Run our server in `folder`, which is made: on `database`, or on a new one; `marks`: see `marked`.

    `shared`: the section ``[database]`` of a node, on a database that has the states of `shape` already.
    `catalogue`: tool name to JSON Schema; without it every tool is taken.
    """
    folder.mkdir()
    where = shared or {"url": f"sqlite:///{database or fill(folder / 'investigations.db', shape)}"}
    sections = _sections(where) | {"server": {"loop": loop}}
    if catalogue is not None:
        sections["tools"] = {"catalog": str(folder / "tools.json")}
        (folder / "tools.json").write_text(json.dumps(catalogue), encoding="utf-8")
    config = write_config(folder, **sections)
    env = {"PYTHONPATH": str(CHECKOUT), **({"BENCHMARK_MARKS": str(marks)} if marks else {})}
    with on_server_core():
        process = ServerProcess(config, command=_MARKED if marks else WIZARD_SERVER, env=env)
    with process, closing(Ours(process.ready(), shape)) as ours:
        yield ours
        process.signal(SIGTERM)
        status = process.wait()
        if status or process.complaints:
            raise RuntimeError(f"the server ended with {status} and said:\n{process.stderr}")


def _sections(database: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return the configuration: defaults, but for identity, and for limits that would end a measurement."""
    rate = {"requests_per_second": 1e6, "burst": _AMPLE, "agent_requests_per_second": 1e6, "agent_burst": _AMPLE}
    return {
        "database": dict(database),
        "auth": {"mode": "jwt", "algorithm": "HS256", "jwt_secret": SECRET},
        "rate_limit": {key: value for key, value in rate.items() if key in RateLimitConfig.model_fields},
        "polling": {
            "max_wait_seconds": _WAIT_SECONDS,
            "max_waiters": _AMPLE,
            "max_waiters_per_user": _AMPLE,
            "stall_after_seconds": _AMPLE,
        },
    }


class Bare:
    """A bare aiohttp application that answers from constants; the framework's limit."""

    name = "bare"

    def __init__(self, process: ServerProcess) -> None:
        self.pid, self.port = process.pid, process.port
        self.probe = Probe(process.port)
        self._user = authorization()

    def version(self, number: int) -> int:
        """See `Subject`; it has none."""
        return 0

    def poll(self, number: int, version: int) -> bytes:
        """See `Subject`; the same bytes as ours are asked."""
        path = f"{POLL.format(topic(number))}?wait={_WAIT_SECONDS}"
        return request("GET", path, (*self._user, ("If-None-Match", f'"version-{version}"')))

    def change(self, number: int, version: int) -> bytes:
        """See `Subject`."""
        headers = (*self._user, ("Prefer", "return=minimal"), ("Content-Type", "application/json"))
        return request("POST", POLL.format(topic(number)), headers, json.dumps({"overall_progress": version}).encode())

    def parked(self) -> int:
        """See `Subject`."""
        return int(self.probe.get("/parked"))

    def close(self) -> None:
        """Close what asks it."""
        self.probe.close()


@contextmanager
def answering(
    folder: Path, answers: Mapping[str, Answer], *, marks: Path | None = None, loop: EventLoop = "auto"
) -> Iterator[Bare]:
    """Run the bare application in `folder`, which is made: ``poll`` answers at once, ``woken`` what was parked."""
    folder.mkdir()
    plain = {name: answer.plain() for name, answer in answers.items()}
    file = folder / "answers.json"
    file.write_text(json.dumps({"answers": plain, "marks": str(marks) if marks else None}), encoding="utf-8")
    with on_server_core():
        process = ServerProcess(file, "--loop", loop, command=_BARE, env={"PYTHONPATH": str(CHECKOUT)})
    with process, closing(Bare(process.ready())) as bare:
        yield bare
