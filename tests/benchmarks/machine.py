"""What the machine is and how it fares: cores, memory and processor time of processes, counters of the kernel."""

import os
import platform
import resource
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CORES = sorted(os.sched_getaffinity(0))
# The server has one core to itself and the load another, where there are two.
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_ALL_CORES = os.cpu_count() or 1
_PROC = Path("/proc")


def settle() -> int:
    """Bring this process to the load's core, and return how many files it and its children may have open: the most."""
    os.sched_setaffinity(0, {LOAD_CORE})
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


@contextmanager
def on_server_core() -> Iterator[None]:
    """Whatever is started meanwhile runs on the server's core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {SERVER_CORE})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def moved(pid: int, cores: Iterable[int]) -> Iterator[None]:
    """A process, those below it, and those that it starts meanwhile run on `cores`."""
    before = os.sched_getaffinity(pid)
    _move(pid, cores)
    try:
        yield
    finally:
        _move(pid, before)


def _move(pid: int, cores: Iterable[int]) -> None:
    for each in family(pid):
        for thread in _PROC.glob(f"{each}/task/*"):
            with suppress(ProcessLookupError):
                os.sched_setaffinity(int(thread.name), cores)


def described() -> dict[str, str | int]:
    """Return what a reader of the figures has to know of the machine."""
    cpu = [line.partition(":")[2].strip() for line in _lines("cpuinfo") if line.startswith("model name")]
    memory = next(line for line in _lines("meminfo") if line.startswith("MemTotal:"))
    return {
        "processor": cpu[0] if cpu else platform.machine(),
        "cores": len(CORES),
        "memory_mib": int(memory.split()[1]) // 1024,
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def family(pid: int) -> list[int]:
    """Return `pid` and every process below it; none when it has ended."""
    try:
        children = (_PROC / f"{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [pid, *(each for child in children for each in family(int(child)))]


def end_children() -> None:
    """Kill every process that this one has started and not ended: a signal may come just after a start."""
    for pid in family(os.getpid())[1:]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kib_of_memory(pid: int) -> int:
    """Return the memory of a process and those below it; what several share is counted once."""
    return sum(_pss(each) for each in family(pid))


def _pss(pid: int) -> int:
    [line] = [line for line in _lines(f"{pid}/smaps_rollup") if line.startswith("Pss:")]
    return int(line.split()[1])


def seconds_of_processor(pid: int) -> float:
    """Return the processor time, user and system, of a process and those below it."""
    return sum(_ticks(each) for each in family(pid)) / _TICKS_PER_SECOND


def _ticks(pid: int) -> int:
    fields = (_PROC / f"{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


class Others:
    """What other programs take of the machine from now on: figures taken beside a busy one say little."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._before = _busy_seconds() - _own_seconds()

    def share(self) -> float:
        """Return their share of all cores since then; children of ours count once they have ended."""
        taken = _busy_seconds() - _own_seconds() - self._before
        return max(taken / (time.monotonic() - self._started) / _ALL_CORES, 0.0)


def _busy_seconds() -> float:
    user, nice, system, _, _, irq, softirq, steal, *_ = map(int, _lines("stat")[0].split()[1:])
    return (user + nice + system + irq + softirq + steal) / _TICKS_PER_SECOND


def _own_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def counters(names: Iterable[str]) -> dict[str, int]:
    """Return counters of this network namespace, as ``Group.Name``."""
    found: dict[str, int] = {}
    for file in ("net/netstat", "net/snmp"):
        lines = _lines(file)
        for titles, values in zip(lines[::2], lines[1::2], strict=True):
            group, *columns = titles.split()
            pairs = zip(columns, values.split()[1:], strict=True)
            found.update({f"{group[:-1]}.{column}": int(value) for column, value in pairs})
    return {name: found[name] for name in names}


def _lines(file: str) -> list[str]:
    return (_PROC / file).read_text(encoding="utf-8").splitlines()
