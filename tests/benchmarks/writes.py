"""Durable writes: a PATCH of 5 KB of progress, state and audit entry in one transaction, against etcd's put of 5 KB."""

import base64
import json
from collections.abc import Callable
from contextlib import ExitStack

from tests.benchmarks import etcd_grpc
from tests.benchmarks.bench import Bench, Measured
from tests.benchmarks.cost import RATE, add_costs, costed
from tests.benchmarks.database import Shape, progress_of, topic
from tests.benchmarks.load import Loaded, Next, closed_loop
from tests.benchmarks.neighbours import ETCD, HOW_TO_GET_ETCD, etcd
from tests.benchmarks.report import Section, Series
from tests.benchmarks.subjects import STATE, authorization, serving
from tests.benchmarks.swarm import request

_BYTES = 5_000
_COUNTER = "00000000"
_OVER_ETCD, _P99_MILLISECONDS = 2.0, 25.0

Load = Callable[[int, float], Loaded]


def patch(bench: Bench) -> Section:
    """Measure writes by as many clients as the table names, then by ever more for the plot."""
    size = bench.size
    section = Section("patch", f"a durable PATCH of 5 KB of progress, {size.clients} clients, each its own state")
    with ExitStack() as stack:
        loads, pids = _loads(bench, stack, section)
        for load in loads.values():
            load(size.clients, size.seconds / 3)
        measured = bench.alternate({name: _measuring(pids[name], load, bench) for name, load in loads.items()})
        counted = {name: [(n, load(n, size.seconds / 2)) for n in size.client_counts] for name, load in loads.items()}
    section.add("durable writes", "writes/s", measured[RATE])
    section.add("latency p50", "ms", measured["p50"])
    section.add("latency p99", "ms", measured["p99"])
    add_costs(section, measured)
    rates = measured[RATE]
    for other in [name for name in rates if name != "ours"]:
        section.ratio(f"ours / {other}", rates["ours"], rates[other], ">=", _OVER_ETCD)
    section.limit("latency p99 of ours", measured["p99"]["ours"], "ms", "<=", _P99_MILLISECONDS)
    rate = {name: [(clients, each.per_second) for clients, each in points] for name, points in counted.items()}
    p99 = {name: [(clients, each.p99) for clients, each in points] for name, points in counted.items()}
    section.series.append(Series("writes", "Durable writes of 5 KB", "clients", "writes/s", rate))
    section.series.append(Series("write-latency", "Durable writes of 5 KB, latency p99", "clients", "ms", p99))
    return section


def _measuring(pid: int, load: Load, bench: Bench) -> Callable[[], Measured]:
    def measure() -> tuple[int, Measured]:
        seen = load(bench.size.clients, bench.size.seconds)
        return seen.count, {RATE: seen.per_second, "p50": seen.p50, "p99": seen.p99}

    return lambda: costed(pid, measure)


def _loads(bench: Bench, stack: ExitStack, section: Section) -> tuple[dict[str, Load], dict[str, int]]:
    """Start what is installed; return how each is loaded, and its process.

    etcd is asked as we are, and in its own protocol.
    """
    most = max(bench.size.clients, *bench.size.client_counts)
    ours = stack.enter_context(serving(bench.folder(), Shape(states=most, state_bytes=_BYTES + 700)))
    loads, pids = {"ours": _http(ours.port, new_progress(), 204)}, {"ours": ours.pid}
    if ETCD is None:
        section.notes.append(HOW_TO_GET_ETCD)
        return loads, pids
    pid, port = stack.enter_context(etcd(bench.folder()))
    loads["etcd json"] = _http(port, _put, 200)
    if etcd_grpc.INSTALLED:
        loads["etcd grpc"] = lambda clients, seconds: etcd_grpc.load(port, clients, seconds, _value)
    else:
        section.notes.append(etcd_grpc.HOW_TO_GET)
    return loads, pids | dict.fromkeys(loads.keys() - pids, pid)


def _http(port: int, following: Next, status: int) -> Load:
    return lambda clients, seconds: closed_loop(port, clients, seconds, following, (status,))


def new_progress(first: int = 0) -> Next:
    """Return what writes ever new progress of the states from `first` on: the same bytes but for a counter."""
    progress = progress_of(_BYTES)
    progress["logs"][-1] = f"{progress['logs'][-1]} {_COUNTER}"
    before, after = json.dumps({"progress": progress}).encode().split(_COUNTER.encode())
    headers = (*authorization(), ("Content-Type", "application/json"), ("Prefer", "return=minimal"))

    def following(client: int, number: int) -> bytes:
        return request("PATCH", STATE.format(topic(first + client)), headers, b"%b%08d%b" % (before, number, after))

    return following


def _value(number: int) -> bytes:
    """Return a value as long as ours, never the same."""
    return b"%08d" % number + bytes(range(32, 32 + 64)) * (_BYTES // 64)


def _put(client: int, number: int) -> bytes:
    key, value = base64.b64encode(topic(client).encode()).decode(), base64.b64encode(_value(number)).decode()
    body = f'{{"key":"{key}","value":"{value}"}}'.encode()
    return request("POST", "/v3/kv/put", [("Content-Type", "application/json")], body)
