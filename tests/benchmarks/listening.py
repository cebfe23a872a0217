"""What is listened to while something costly is asked: ``/healthz``, again and again, and the memory of the server."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

from tests.benchmarks.subjects import Ours

PATIENCE_SECONDS = 120.0
_PROC = Path("/proc")
_SCHEDULED = 2


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
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_SECONDS)) as probe:
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
    """Return the seconds that the process was on a processor, all threads, because they share the interpreter's lock.

    This is the clock that ``clock_getcpuclockid`` names: exact, where ``stat`` counts in hundredths.
    """
    return time.clock_gettime(~pid << 3 | _SCHEDULED)


def _kib(pid: int, name: str) -> int:
    lines = (_PROC / f"{pid}/status").read_text(encoding="ascii").splitlines()
    [line] = [line for line in lines if line.startswith(f"{name}:")]
    return int(line.split()[1])
