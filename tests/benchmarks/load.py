"""Closed loops: each client sends its next request once it has its answer. By ``wrk`` where it is installed."""

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from tests.benchmarks.swarm import Connection, Swarm, check, swarming
from tests.benchmarks.swarm import request as whole_request

WRK = shutil.which("wrk")
HOW_TO_GET_WRK = "wrk is not installed (Debian: apt-get install wrk): load by our own raw client instead"
_SPARE_SECONDS = 60
_ANEW = """
local number = 0
request = function()
  number = number + 1
  return wrk.format(nil, "%s?_=%d" .. number)
end
"""

Next = Callable[[int, int], bytes]


@dataclass(frozen=True)
class Loaded:
    """What a closed loop saw: answers, answers per second, and percentiles of the latency in milliseconds."""

    count: int
    per_second: float
    p50: float
    p99: float


def read_loop(
    port: int, path: str, headers: Sequence[tuple[str, str]], clients: int, seconds: float, *, anew: bool = False
) -> tuple[int, float]:
    """Send the same GET from `clients` connections; return the answers, and how many there were per second.

    Requests that ask `anew` are all different by a cache buster, which begins at the time of day: none came before.
    """
    begun = time.time_ns()
    if WRK is None:

        def following(client: int, number: int) -> bytes:
            return whole_request("GET", f"{path}?_={begun + number}" if anew else path, headers)

        seen = closed_loop(port, clients, seconds, following, (200, 304))
        return seen.count, seen.per_second
    named = [part for name, value in headers for part in ("-H", f"{name}: {value}")]
    whole = max(round(seconds), 1)
    command = [WRK, "-t1", f"-c{clients}", f"-d{whole}s", *named, f"http://127.0.0.1:{port}{path}"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        if anew:
            script.write(_ANEW % (path, begun))
            script.flush()
            command += ["-s", script.name]
        done = subprocess.run(command, capture_output=True, text=True, timeout=whole + _SPARE_SECONDS, check=True)
    if "Socket errors" in done.stdout or "Non-2xx" in done.stdout:
        raise ValueError(f"wrk met errors:\n{done.stdout}")
    found = re.search(r"(\d+) requests in .*Requests/sec:\s+([\d.]+)", done.stdout, re.DOTALL)
    assert found is not None, done.stdout
    return int(found[1]), float(found[2])


def closed_loop(port: int, clients: int, seconds: float, following: Next, expected: tuple[int, ...]) -> Loaded:
    """Send ``following(client, number)`` from each client, number growing over all, for `seconds`."""
    numbers = count()
    latencies: list[float] = []
    with swarming(port, clients) as (swarm, connections):
        indexes = {connection: index for index, connection in enumerate(connections)}

        def go_on(connection: Connection) -> None:
            swarm.ask(connection, following(indexes[connection], next(numbers)))

        started = time.monotonic()
        for connection in connections:
            go_on(connection)
        for connection in _until(swarm, started + seconds):
            check(connection, *expected)
            latencies.append((connection.answered - connection.sent) * 1000)
            go_on(connection)
        taken = time.monotonic() - started
        rate = len(latencies) / taken
        for connection in swarm.answers(clients):  # what is under way does not burden the next run
            check(connection, *expected)
            latencies.append((connection.answered - connection.sent) * 1000)
    return Loaded(len(latencies), rate, *percentiles(latencies))


def percentiles(values: Sequence[float]) -> tuple[float, float]:
    """Return the 50th and the 99th of `values`, each one of them."""
    ordered = sorted(values)
    return ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]


def _until(swarm: Swarm, deadline: float) -> Iterator[Connection]:
    """Yield the connections that are answered before `deadline`, those of the last look too."""
    while (left := deadline - time.monotonic()) > 0:
        yield from swarm.pump(left)
