"""What the parts count for ``/metrics``: plain integers, and a histogram that costs a fraction of a microsecond.

Each part counts where things happen, in attributes of its own; `web.metrics` reads them when it is asked. The
histogram of prometheus-client takes a lock and a microsecond for each value, which 10,000 waiters that are woken
together would wait for; everything here happens in one thread, so a list and `bisect` do.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence


class Histogram:
    """Values sorted into buckets by their upper bounds, both of them and the sum in the same base unit."""

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
        """Yield each bound and how many values were not above it, as Prometheus has them: the last is ``+Inf``."""
        total = 0
        for bound, count in zip((*map(str, map(float, self._bounds)), "+Inf"), self._counts, strict=True):
            total += count
            yield bound, total
