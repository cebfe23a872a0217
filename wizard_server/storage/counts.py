"""What has happened in the store since the start, and what it holds now; read by ``/metrics``."""

from dataclasses import dataclass, field

from wizard_server.metrics import Histogram
from wizard_server.storage.cache import StateCache

_WAIT_BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10)


@dataclass(slots=True)
class StoreCounts:
    """`reader_waits` has the seconds until a reader was lent; `versions` are those committed here, by this process."""

    cache: StateCache
    batch_sizes: Histogram
    batch_seconds: Histogram
    reader_waits: Histogram = field(default_factory=lambda: Histogram(_WAIT_BOUNDS))
    readers_in_use: int = 0
    log_bytes: int = 0
    versions: int = 0
    external_commits: int = 0
