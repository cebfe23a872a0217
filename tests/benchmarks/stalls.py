"""How long one request silences the server for everybody else: the costliest bodies, histories and crowds."""

import json
import operator
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

import orjson

from tests.acceptance.process import until
from tests.benchmarks.bench import Bench
from tests.benchmarks.database import USER, Shape, fill, topic
from tests.benchmarks.report import Section
from tests.benchmarks.subjects import POLL, STATE, Ours, authorization, serving
from tests.benchmarks.swarm import request
from tests.benchmarks.trails import add_trail, by_index, growing_log, sliding_log, tiny_nodes, with_chips
from wizard_server.domain.diffing import diff

_MOST_MS = 20.0
_NODES = 18_000
_JSON = ("Content-Type", "application/json")
_OWNER = authorization()
_TINY, _OLDER, _SLIDING, _LONG = "tiny-nodes", "tiny-nodes-by-index", "sliding", "long"
_STATES = 1_000
_PROC = Path("/proc")
_CHUNK = 1 << 20
_PATIENCE_SECONDS = 120.0
_QUIET_SECONDS = 0.5
_ACTIVE = "/api/v1/polling/active-investigations"

Found = Mapping[str, float]
Question = Callable[[Ours, "Listener"], int]


def stalls(bench: Bench) -> Section:
    """Ask each question of a server of its own, so that none finds what another has left."""
    section = Section("stalls", "what everybody else waits for, the memory, and the answer, of the costliest requests")
    quick = bench.size.rounds == 1
    shape = Shape(states=_STATES // 10 if quick else _STATES)
    database = fill(bench.root / "investigations.db", shape)
    _add_trails(database, 10 if quick else 1)
    measured = bench.alternate(
        {what: partial(_measured, bench, shape, database, ask) for what, ask in _questions(quick).items()}
    )
    for what in measured["silence"]:
        for quantity, unit in (("silence", "ms"), ("memory", "MiB"), ("answer", "bytes")):
            section.add(what, unit, {quantity: measured[quantity][what]})
    for what, values in measured["silence"].items():
        section.limit(what, values, "ms", "<=", _MOST_MS)
    section.notes.append("silence: the longest wait of /healthz, of which the server computed as long; a pause is none")
    section.notes.append("memory: the peak above what the server had before; answer: bytes that came back, to all")
    return section


def _add_trails(database: Path, divisor: int) -> None:
    add_trail(database, _TINY, USER, tiny_nodes(60, _NODES), diff)
    add_trail(database, _OLDER, USER, tiny_nodes(6), by_index)
    add_trail(database, _SLIDING, USER, sliding_log(13), diff)
    add_trail(database, _LONG, USER, growing_log(10_000 // divisor, 400_000), diff)


class Crowd:
    """Connections that each sent one request; a thread for each takes what comes, and counts it."""

    def __init__(self, port: int, requests: Sequence[bytes]) -> None:
        self.counts = [0] * len(requests)
        self._socks = [socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_SECONDS) for _ in requests]
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
            thread.join(_PATIENCE_SECONDS)
        for sock in self._socks:
            sock.close()


def _received(sock: socket.socket) -> bytes:
    try:
        return sock.recv(_CHUNK)
    except OSError:
        return b""  # the server, or `close`, ended it


def _measured(bench: Bench, shape: Shape, database: Path, ask: Question) -> Found:
    """Copy the database, so that no write is seen by the next, and return silence, memory and bytes of one question."""
    copy = bench.root / f"{bench.folder().name}.db"
    copy.write_bytes(database.read_bytes())
    try:
        with serving(bench.folder(), shape, database=copy) as ours:
            listener = Listener(ours)
            answer = ask(ours, listener)
            return {"silence": listener.silence * 1000, "memory": listener.memory, "answer": answer}
    finally:
        copy.unlink()


class Listener:
    """Asks for ``/healthz`` all the time that something is measured."""

    def __init__(self, ours: Ours) -> None:
        self.silence = 0.0
        self.memory = 0.0
        self._pid, self._port = ours.pid, ours.port

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Measure what happens meanwhile; raise when the listener itself failed, for then nobody has listened."""
        (_PROC / f"{self._pid}/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
        before = _kib(self._pid, "VmRSS")
        ended = threading.Event()
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=_PATIENCE_SECONDS)) as probe:
            _alive(probe)
            with ThreadPoolExecutor(1) as thread:
                listening = thread.submit(self._listen, probe, ended)
                try:
                    yield
                finally:
                    ended.set()
                listening.result()
        self.memory = (_kib(self._pid, "VmHWM") - before) / 1024

    def _listen(self, probe: HTTPConnection, ended: threading.Event) -> None:
        while not ended.is_set():
            began, computed = time.monotonic(), _computed(self._pid)
            _alive(probe)
            waited, busy = time.monotonic() - began, _computed(self._pid) - computed
            self.silence = max(self.silence, min(waited, busy))


def _alive(probe: HTTPConnection) -> None:
    probe.request("GET", "/healthz")
    answer = probe.getresponse()
    answer.read()
    if answer.status != HTTPStatus.OK:
        raise RuntimeError(f"/healthz answered {answer.status}")


def _computed(pid: int) -> float:
    """Return the seconds that the loop's thread was on a processor: exact, where ``stat`` counts in hundredths."""
    text = (_PROC / f"{pid}/task/{pid}/schedstat").read_text(encoding="ascii")
    return int(text.split()[0]) / 1e9


def _kib(pid: int, name: str) -> int:
    lines = (_PROC / f"{pid}/status").read_text(encoding="ascii").splitlines()
    [line] = [line for line in lines if line.startswith(f"{name}:")]
    return int(line.split()[1])


def _questions(quick: bool) -> dict[str, Question]:
    return {**_reads(), **_writes(), **_watched(10 if quick else 1)}


def _reads() -> dict[str, Question]:
    trails = {
        "60 x 18,000 tiny nodes": _TINY,
        "tiny nodes, 490 KB, by index": _OLDER,
        "120,000 lines that slide": _SLIDING,
        "10,000 versions of a log": _LONG,
    }
    ways = {
        "changes": f"{POLL}/changes?since_version=1&limit=1000",
        "version 1": f"{STATE}?version=1",
        "history": f"{STATE}/history?page_size=100",
        "state": STATE,
        "poll": POLL,
    }
    found = {f"{way}: {trail}": path.format(key) for way, path in ways.items() for trail, key in trails.items()}
    found |= {
        "list of 100": "/api/v1/wizard-state?page_size=100",
        "dashboard": _ACTIVE,
        "templates": "/api/v1/templates?page_size=100",
        "config": "/api/v1/config",
        "polling/health": "/api/v1/polling/health",
        "openapi.json": "/openapi.json",
        "metrics": "/metrics",
    }
    return {what: partial(_asked, "GET", path, None, 200) for what, path in found.items()}


def _writes() -> dict[str, Question]:
    settings = with_chips([{} for _ in range(_NODES)])
    lines = {"logs": ["x" * 20] * _NODES}
    unknown = {f"name-{number}": 1 for number in range(_NODES)}
    new = {"investigation_id": "new", "user_id": USER, "settings": settings}
    bodies = {
        "create, 18,000 nodes": ("POST", "/api/v1/wizard-state", orjson.dumps(new), 201),
        "create, 18,000 unknown names": ("POST", "/api/v1/wizard-state", orjson.dumps(unknown), 422),
        "PUT of tiny nodes": ("PUT", STATE.format(_TINY), orjson.dumps({"settings": settings}), 200),
        "replace tiny nodes": ("PATCH", STATE.format(_TINY), orjson.dumps({"settings": settings}), 200),
        "patch of 544,000 numbers": ("PATCH", STATE.format(_TINY), b'{"settings":[' + b"1," * 543_999 + b"1]}", 413),
        "report of 18,000 lines": ("POST", f"{STATE.format(topic(0))}/progress", orjson.dumps(lines), 200),
        "template, 18,000 nodes": ("POST", "/api/v1/templates", orjson.dumps({"name": "t", "settings": settings}), 201),
        "history entry": ("POST", f"{STATE.format(_TINY)}/history", _entry(settings), 201),
        "delete": ("DELETE", STATE.format(_TINY), None, 204),
    }
    return {what: partial(_asked, *body) for what, body in bodies.items()}


def _entry(state: object) -> bytes:
    body = {"investigation_id": _TINY, "user_id": USER, "action_type": "NOTE", "new_state": state, "source": "USER"}
    return orjson.dumps(body)


def _asked(method: str, path: str, body: bytes | None, expected: int, ours: Ours, listener: Listener) -> int:
    with listener.listening():
        return len(_answer(ours, method, path, body, expected))


def _answer(ours: Ours, method: str, path: str, body: bytes | None = None, expected: int = 200) -> bytes:
    """Return an answer with its head; raise for another status, for then something else was measured."""
    headers = (*_OWNER, *((_JSON,) if body is not None else ()), ("Connection", "close"))
    with closing(socket.create_connection(("127.0.0.1", ours.port), timeout=_PATIENCE_SECONDS)) as sock:
        sock.sendall(request(method, path, headers, body or b""))
        text = bytearray()
        while data := _received(sock):
            text += data
    if not text.startswith(b"HTTP/1.1 %d " % expected):
        raise RuntimeError(f"{method} {path}: {bytes(text[:300])!r}")
    return bytes(text)


def _watched(divisor: int) -> dict[str, Question]:
    key = _TINY
    version = 60
    parked = f"{POLL.format(key)}/changes?since_version={version}&wait=300"
    handshake = (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"))
    keyed = (*_OWNER, *handshake, ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="))
    ways = {
        "50 SSE": (50, request("GET", f"/api/v1/events/wizard-state/{key}", _OWNER)),
        "50 WebSockets": (50, request("GET", f"/ws/investigation/{key}", keyed)),
        "300 parked /changes": (300, request("GET", parked, _OWNER)),
        "300 parked polls": (300, request("GET", f"{POLL.format(key)}?since_version={version}&wait=300", _OWNER)),
        "300 dashboards": (300, None),
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
        chips: list[object] = [[] if number % 2 else {} for number in range(_NODES)]
        with listener.listening():
            _answer(ours, "PATCH", STATE.format(_TINY), orjson.dumps({"settings": with_chips(chips)}))
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
