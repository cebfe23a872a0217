"""Memory of a server that knows many states and has many polls parked."""

from tests.benchmarks.bench import Bench, Measured
from tests.benchmarks.database import Shape, fill
from tests.benchmarks.machine import kib_of_memory
from tests.benchmarks.parking import arrive
from tests.benchmarks.report import Section
from tests.benchmarks.subjects import serving
from tests.benchmarks.swarm import Swarm

_STATE_BYTES = 10_000
_MOST_MIB = 280e6 / 2**20  # the issue says MB, and writes KiB where it means powers of two


def memory(bench: Bench) -> Section:
    """Park one poll on each of so many states that each of them is in memory."""
    count = bench.size.known
    section = Section("memory", f"the server with {count:,} waiters and {count:,} states of 10 KB known")
    shape = Shape(states=count, state_bytes=_STATE_BYTES)
    database = fill(bench.root / "investigations.db", shape)

    def measure() -> Measured:
        with serving(bench.folder(), shape, database=database) as ours, Swarm(ours.port) as swarm:
            before = kib_of_memory(ours.pid)
            arrive(swarm, ours, range(count), shape.entries)
            return {"before": before / 1024, "after": kib_of_memory(ours.pid) / 1024}

    measured = bench.alternate({"ours": measure})
    section.add("memory before", "MiB", measured["before"])
    section.add("memory of the server", "MiB", measured["after"])
    section.limit("memory of the server", measured["after"]["ours"], "MiB", "<=", _MOST_MIB)
    return section
