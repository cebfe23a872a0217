"""The costliest requests: the largest bodies that the limits take, the longest histories, the largest crowds."""

import json
import operator
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from functools import partial

import orjson

from tests import factories
from tests.acceptance.process import until
from tests.benchmarks.database import USER, topic
from tests.benchmarks.listening import PATIENCE_SECONDS, Listener
from tests.benchmarks.subjects import POLL, STATE, Ours, authorization
from tests.benchmarks.swarm import request
from tests.benchmarks.trails import with_chips

NODES = 18_000
TINY, OLDER, SLIDING, LONG, HASHES = "tiny-nodes", "tiny-nodes-by-index", "sliding", "long", "hashes"
# Its changes are larger than changes may be, so no version before the newest is shown.
OLDER_TRAIL = "tiny nodes, 490 KB, by index"
UNIQUE = "unique"
# Tool name to JSON Schema: one tool's objects have to differ.
CATALOGUE = {"t": {}, "device_graph": {}, UNIQUE: {"properties": {"objects": {"uniqueItems": True}}}}
_JSON = ("Content-Type", "application/json")
_GZIP = (("Accept-Encoding", "gzip"),)
_OWNER = authorization()
_CHUNK = 1 << 20
_QUIET_SECONDS = 0.5
_ACTIVE = "/api/v1/polling/active-investigations"
_TEMPLATES = "/api/v1/templates"
_HANDSHAKE = (
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
)
_SYNC = b'{"type": "sync"}'

Headers = Sequence[tuple[str, str]]
Question = Callable[[Ours, Listener], int]


class Crowd:
    """Connections that each sent one request; a thread for each takes what comes, and counts it."""

    def __init__(self, port: int, requests: Sequence[bytes]) -> None:
        self.counts = [0] * len(requests)
        self._socks = [socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) for _ in requests]
        self._threads = [threading.Thread(target=self._take, args=pair, daemon=True) for pair in enumerate(requests)]
        for thread in self._threads:
            thread.start()

    def _take(self, number: int, text: bytes) -> None:
        self._socks[number].sendall(text)
        while data := _received(self._socks[number]):
            self.counts[number] += len(data)

    def close(self) -> None:
        """Close all."""
        for sock in self._socks:
            with suppress(OSError):  # the server may have closed it before
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
        for sock in self._socks:
            sock.close()


def _received(sock: socket.socket) -> bytes:
    try:
        return sock.recv(_CHUNK)
    except OSError:
        return b""  # the server, or `close`, ended it


def questions(quick: bool) -> dict[str, Question]:
    """Return what is asked, by what it is called."""
    return {**_reads(), **_writes(), **_streams(), **_watched(10 if quick else 1)}


def _reads() -> dict[str, Question]:
    trails = {
        "60 x 18,000 tiny nodes": TINY,
        OLDER_TRAIL: OLDER,
        "120,000 lines that slide": SLIDING,
        "10,000 versions of a log": LONG,
    }
    ways = {
        "changes": f"{POLL}/changes?since_version=1&limit=1000",
        "version 1": f"{STATE}?version=1",
        "history": f"{STATE}/history?page_size=100",
        "state": STATE,
        "poll": POLL,
    }
    found = {f"{way}: {trail}": path.format(key) for way, path in ways.items() for trail, key in trails.items()}
    expected = {what: 410 for what in found if OLDER_TRAIL in what and what.startswith(("changes", "version"))}
    found |= {
        "list of 100": "/api/v1/wizard-state?page_size=100",
        "dashboard": _ACTIVE,
        "templates, the largest": f"{_TEMPLATES}?page_size=100",
        "config": "/api/v1/config",
        "polling/health": "/api/v1/polling/health",
        "openapi.json": "/openapi.json",
        "metrics": "/metrics",
    }
    asked: dict[str, Question] = {
        what: partial(_asked, "GET", path, None, expected.get(what, 200)) for what, path in found.items()
    }
    compressed: dict[str, Question] = {
        f"{way}, compressed: 490 KB of hashes": partial(_asked, "GET", ways[way].format(HASHES), None, 200, also=_GZIP)
        for way in ("state", "poll", "changes")
    }
    return asked | compressed


def _writes() -> dict[str, Question]:
    settings = with_chips([{} for _ in range(NODES)])
    lines = {"logs": ["x" * 20] * NODES}
    unknown = {f"name-{number}": 1 for number in range(NODES)}
    objects = [{"id": number, "kind": "account"} for number in range(2000)]
    tool = {"tool_name": UNIQUE, "enabled": True, "parameters": {"objects": objects}}
    unique = {"investigation_id": "unique", "user_id": USER, "settings": factories.settings(tools=[tool])}
    line = "agent-03: looked at one more of the entities and took note of what it found: " + "x" * 20
    logs = {"progress": factories.progress(logs=[line] * 4000)}
    evidence = [{"device_id": f"d-{number}", "accounts": number} for number in range(12)]
    findings = [{**factories.results()["findings"][0], "evidence": evidence}] * 300
    results = {"status": "COMPLETED", "wizard_step": "RESULTS", "results": factories.results(findings=findings)}
    new = {"investigation_id": "new", "user_id": USER, "settings": settings}
    bodies = {
        "create, 18,000 nodes": ("POST", "/api/v1/wizard-state", orjson.dumps(new), 201),
        "create, 18,000 unknown names": ("POST", "/api/v1/wizard-state", orjson.dumps(unknown), 422),
        "PUT of tiny nodes": ("PUT", STATE.format(TINY), orjson.dumps({"settings": settings}), 200),
        "replace tiny nodes": ("PATCH", STATE.format(TINY), orjson.dumps({"settings": settings}), 200),
        "patch of 544,000 numbers": ("PATCH", STATE.format(TINY), b'{"settings":[' + b"1," * 543_999 + b"1]}", 413),
        "report of 18,000 lines": ("POST", f"{STATE.format(topic(0))}/progress", orjson.dumps(lines), 200),
        "template, 18,000 nodes": ("POST", "/api/v1/templates", orjson.dumps({"name": "t", "settings": settings}), 201),
        "history entry": ("POST", f"{STATE.format(TINY)}/history", _entry(settings), 201),
        "delete": ("DELETE", STATE.format(TINY), None, 204),
        "2,000 objects that have to differ": ("POST", "/api/v1/wizard-state", orjson.dumps(unique), 201),
        "400 KB of logs": ("PATCH", STATE.format(topic(0)), orjson.dumps(logs), 200),
        "200 KB of findings": ("PATCH", STATE.format(topic(0)), orjson.dumps(results), 200),
    }
    return {**{what: partial(_asked, *body) for what, body in bodies.items()}, "apply, 18,000 nodes": _applied}


def _applied(ours: Ours, listener: Listener) -> int:
    """Apply one of the templates of the database."""
    _, _, body = _answer(ours, "GET", f"{_TEMPLATES}?page_size=1").partition(b"\r\n\r\n")
    path = f"{_TEMPLATES}/{json.loads(body)['items'][0]['template_id']}/apply"
    return _asked("POST", path, b"{}", 201, ours, listener)


def _entry(state: object) -> bytes:
    body = {"investigation_id": TINY, "user_id": USER, "action_type": "NOTE", "new_state": state, "source": "USER"}
    return orjson.dumps(body)


def _asked(
    method: str,
    path: str,
    body: bytes | None,
    expected: int,
    ours: Ours,
    listener: Listener,
    *,
    also: Headers = (),
) -> int:
    with listener.listening():
        return len(_answer(ours, method, path, body, expected, also))


def _answer(
    ours: Ours, method: str, path: str, body: bytes | None = None, expected: int = 200, also: Headers = ()
) -> bytes:
    """Return an answer with its head; raise for another status, for then something else was measured."""
    headers = (*_OWNER, *also, *((_JSON,) if body is not None else ()), ("Connection", "close"))
    with closing(socket.create_connection(("127.0.0.1", ours.port), timeout=PATIENCE_SECONDS)) as sock:
        sock.sendall(request(method, path, headers, body or b""))
        text = bytearray()
        while data := _received(sock):
            text += data
    if not text.startswith(b"HTTP/1.1 %d " % expected):
        raise RuntimeError(f"{method} {path}: {bytes(text[:300])!r}")
    return bytes(text)


def _streams() -> dict[str, Question]:
    events = request("GET", f"/api/v1/events/wizard-state/{TINY}", (*_OWNER, ("Last-Event-ID", "1")))
    upgrade = request("GET", f"/ws/investigation/{TINY}", (*_OWNER, *_HANDSHAKE))
    masked = bytes([0x81, 0x80 | len(_SYNC), 0, 0, 0, 0]) + _SYNC
    return {
        "SSE from version 1 on": partial(_streamed, events, b"event: change", 59),
        "WebSocket, 9 syncs": partial(_streamed, upgrade + 9 * masked, b'"type":"state_sync"', 1),
    }


def _streamed(text: bytes, each: bytes, times: int, ours: Ours, listener: Listener) -> int:
    """Open a stream, and return how many bytes came until `each` had come so many times."""
    size, end = 0, b""
    with listener.listening(), closing(socket.create_connection(("127.0.0.1", ours.port), PATIENCE_SECONDS)) as sock:
        sock.sendall(text)
        while times > 0:
            data = _received(sock)
            if not data:
                raise RuntimeError("the server ended the stream")
            size += len(data)
            times -= (end + data).count(each)
            end = data[1 - len(each) :]
    return size


def _watched(divisor: int) -> dict[str, Question]:
    key = TINY
    version = 60
    parked = f"{POLL.format(key)}/changes?since_version={version}&wait=300"
    poll = request("GET", f"{POLL.format(key)}?since_version={version}&wait=300", _OWNER)
    ways = {
        "50 SSE": (50, request("GET", f"/api/v1/events/wizard-state/{key}", _OWNER)),
        "50 WebSockets": (50, request("GET", f"/ws/investigation/{key}", (*_OWNER, *_HANDSHAKE))),
        "300 parked /changes": (300, request("GET", parked, _OWNER)),
        "300 parked polls": (300, poll),
        "300 dashboards": (300, None),
        "1,000 parked polls": (1000, poll),
        "1,000 dashboards": (1000, None),
    }
    return {
        f"one PATCH, watched by {what}": partial(_woken, count // divisor, text) for what, (count, text) in ways.items()
    }


def _woken(count: int, text: bytes | None, ours: Ours, listener: Listener) -> int:
    """Change a state of tiny nodes under the eyes of `count` watchers, and return what all of them were told."""
    if text is None:
        _, _, body = _answer(ours, "GET", _ACTIVE).partition(b"\r\n\r\n")
        text = request("GET", f"{_ACTIVE}?cursor={json.loads(body)['cursor']}&wait=300", _OWNER)
    crowd = Crowd(ours.port, [text] * count)
    try:
        until(lambda: ours.parked() >= count, f"{count} watch")
        _until_quiet(crowd)
        first = list(crowd.counts)
        chips: list[object] = [[] if number % 2 else {} for number in range(NODES)]
        with listener.listening():
            _answer(ours, "PATCH", STATE.format(TINY), orjson.dumps({"settings": with_chips(chips)}))
            until(lambda: all(map(operator.gt, crowd.counts, first)), "all were told")
            _until_quiet(crowd)
        return sum(crowd.counts) - sum(first)
    finally:
        crowd.close()


def _until_quiet(crowd: Crowd) -> None:
    """Return when nobody has been told anything for a while."""
    before = -1
    while (total := sum(crowd.counts)) != before:
        before = total
        time.sleep(_QUIET_SECONDS)
