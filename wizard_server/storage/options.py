"""What a store is opened with."""

from dataclasses import dataclass

from wizard_server.storage.engine import BUSY_TIMEOUT_SECONDS
from wizard_server.storage.statements.bounded import Largest


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """Where the database is and how much of the machine the store may use; times in seconds.

    `path` is a file, or the URL of a server. Then `wake` says how the commits of others are noticed (auto, listen,
    poll), and `pooler` that a pooler in transaction mode stands between. Entries of the trail of which
    `largest_part` does not admit a side are read without their parts (None: all are read whole). A writer waits for a
    lock, and a use case for its turn, at most `busy_timeout`.
    """

    path: str
    pool_size: int
    max_overflow: int
    pool_timeout: float
    echo: bool
    cache_max_bytes: int
    audit: bool = True
    wake: str = "auto"
    pooler: bool = False
    largest_part: Largest | None = None
    busy_timeout: float = BUSY_TIMEOUT_SECONDS
