"""What a store is opened with."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """Where the database is and how much of the machine the store may use; `pool_timeout` in seconds.

    `path` is a file, or the URL of a server. Then `wake` says how the commits of others are noticed (auto, listen,
    poll), and `pooler` that a pooler in transaction mode stands between.
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
