"""What the parts count for ``/metrics``: plain integers, and a histogram that costs a fraction of a microsecond.

Each part counts in attributes of its own; `web.ops.metrics` reads them at each scrape. The histogram of
prometheus-client takes a lock and a microsecond for each value, which would delay 10,000 waiters that wake together;
all counting happens in one thread, so a list and `bisect` suffice.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol


class Histogram:
    """Values counted in buckets by their upper bounds; values, bounds and `sum` have the same unit."""

    __slots__ = ("_bounds", "_counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def buckets(self) -> Iterator[tuple[str, float]]:
        """Yield each bound and how many values were not above it, as Prometheus defines them: the last is ``+Inf``."""
        total = 0
        for bound, count in zip((*map(str, map(float, self._bounds)), "+Inf"), self._counts, strict=True):
            total += count
            yield bound, total


_WAKE_BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class HubCounts:
    """The counts of the hub since the start; read by ``/metrics``.

    `shed` counts the polls that the limits had no room for, by limit; `ended` the waits of polls, by how they ended.
    `wake_seconds` has for each kind of waiter the time from the commit's publication until the waiter runs. The waiter
    sends its answer in the same turn of the loop, so the last one has waited for the answers of all others; its own
    answer, tens of microseconds, is not included.
    """

    def __init__(self) -> None:
        self.shed = {"global": 0, "user": 0}
        self.ended = {"woken": 0, "timeout": 0, "draining": 0, "gone": 0}
        self.wake_seconds = {kind: Histogram(_WAKE_BOUNDS) for kind in ("poll", "dashboard", "push")}


_BATCH_SIZE_BOUNDS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_BATCH_SECONDS_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_READER_WAIT_BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10)


class CacheCounts(Protocol):
    """The counts of a cache; its `len` is the number of its entries."""

    size_bytes: int
    hits: int
    misses: int
    evictions: int

    def __len__(self) -> int:
        """Return the number of entries."""


@dataclass(slots=True)
class StoreCounts:
    """The counts of the store since the start, and what it holds now; read by ``/metrics``.

    `batch_sizes` has the number of use cases in each committed batch, `batch_seconds` the time from its first use case
    until all of it was on disk, `reader_waits` the seconds until a reader was lent. `queued` use cases wait for the
    commit that is under way. `versions` counts the versions that this process committed.

    `looks` counts the readings of what others have committed, `looks_asked` what asked for one, and `position` is the
    place in the order of changes up to which memory has everything. `feed_connections` have been opened for them.
    `set_aside` counts the rows that were waited for apart, because somebody else held them.
    """

    cache: CacheCounts
    batch_sizes: Histogram = field(default_factory=lambda: Histogram(_BATCH_SIZE_BOUNDS))
    batch_seconds: Histogram = field(default_factory=lambda: Histogram(_BATCH_SECONDS_BOUNDS))
    reader_waits: Histogram = field(default_factory=lambda: Histogram(_READER_WAIT_BOUNDS))
    readers_in_use: int = 0
    queued: int = 0
    log_bytes: int = 0
    versions: int = 0
    external_commits: int = 0
    looks: int = 0
    looks_asked: dict[str, int] = field(default_factory=lambda: {"request": 0, "hint": 0, "timer": 0})
    position: int = 0
    feed_connections: int = 0
    set_aside: int = 0
    unknown_outcomes: int = 0
