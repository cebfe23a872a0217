"""The port: what the store asks of a database engine, and the four ways in which an engine refuses.

A commit has two steps. `begin` says what the use cases may rest on; `commit` runs what they wrote, as data, and answers
with its place in the order of all changes. An engine raises, with nothing written:

- `StaleError`: the database, or a row of it, is not what the writes rest on any more; `OvertakenError`, where it is
  known that another process has written, or that the locks of the batch were lost with their connection;
- `BusyError`: somebody else holds a lock that is waited for no longer;
- `StorageUnavailableError`: the database cannot serve this now;

and `UnknownOutcomeError` when the connection was lost while the commit was under way.
"""

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from time import monotonic
from typing import Any, NamedTuple, Protocol

from wizard_server.errors import StorageUnavailableError
from wizard_server.storage.queries import Query

Parameters = Mapping[str, Any]
# How long a writer waits for a lock, and a use case for its turn, in seconds.
BUSY_TIMEOUT_SECONDS = 5.0

# A place that is not known any more: others may have changed the same states since.
UNKNOWN_PLACE = -1


def patience(seconds: float) -> Callable[[], bool]:
    """Return a function that answers whether `seconds` have not passed since now."""
    deadline = monotonic() + seconds
    return lambda: monotonic() < deadline


class StaleError(Exception):
    """The database is not what the writes rest on; nothing was written."""


class OvertakenError(StaleError):
    """Another process has written since the batch was begun: none of its use cases is to blame."""


class BusyError(StorageUnavailableError):
    """Another process holds the lock; nothing was written."""


class LostError(StorageUnavailableError):
    """What was opened is not where it was; nothing was read or written."""


class Row(Protocol):
    """One row of an answer: its values by the names of their columns, or in their order."""

    def __getitem__(self, name: str, /) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...

    def keys(self) -> Sequence[str]:
        """Return the names of the columns."""


class Reader(Protocol):
    """What answers questions; each statement sees all that was committed before it began."""

    async def fetch_all(self, query: Query, parameters: Parameters | None = None) -> Sequence[Row]:
        """Return every row of `query`."""

    def stream(
        self, query: Query, parameters: Parameters | None = None, chunk: int = 100
    ) -> AsyncGenerator[Sequence[Row], None]:
        """Yield the rows of `query`, at most `chunk` of them in memory at a time."""


class Write(NamedTuple):
    """One step of a commit: the statement `query`, run once for each of `rows`.

    With `exact` every row has to change one row of the database, or nothing of the commit is written.
    """

    query: str
    rows: Sequence[Parameters]
    exact: bool = True


class Stored(NamedTuple):
    """Which version of a state a row has, and its audit entry, which tells two histories of one number apart."""

    version: int
    last_entry: str | None


class Keys(NamedTuple):
    """What use cases have read and rest on: `states` by investigation, and the templates of the users `owners`."""

    states: frozenset[str] = frozenset()
    owners: frozenset[str] = frozenset()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was read."""
        return not (self.states or self.owners)

    def has(self, other: "Keys") -> bool:
        """Whether all of `other` is among these."""
        return self.states >= other.states and self.owners >= other.owners

    def among(self, other: "Keys") -> "Keys":
        """Return those that are among `other`."""
        return Keys(self.states & other.states, self.owners & other.owners)

    @classmethod
    def of_all(cls, keys: Iterable["Keys"]) -> "Keys":
        """Return all of `keys`."""
        states, owners = zip(*keys, strict=True)
        return cls(frozenset().union(*states), frozenset().union(*owners))

    def meets(self, other: "Keys") -> bool:
        """Whether any of `other` is among these."""
        return bool(self.states & other.states or self.owners & other.owners)


class Locked(NamedTuple):
    """What the use cases of a batch rest on until it is committed: the database as it was at `mark`.

    `states` has the locked rows by investigation, without those that do not exist; None where none are locked. The rows
    of `held` are not locked: somebody else has held them for longer than a batch takes.
    """

    mark: int | None
    states: Mapping[str, Stored] | None = None
    held: Keys = Keys()


class Readers(Protocol):
    """Lends readers."""

    def reader(self, owner: str | None = None) -> AbstractAsyncContextManager[Reader]:
        """Lend a reader for what may take the user `owner` a while (None: single rows), each user in turn.

        Raises `StorageUnavailableError` when none becomes free in time, and for what the database refuses within.
        """


class Signal(Protocol):
    """Hints that others may have committed: they make looks come sooner, and nothing rests on one."""

    busy_seconds: float
    """How long a wait may last at most while somebody waits for changes here."""
    idle_seconds: float
    """How long while nobody does."""

    async def wait(self, seconds: float) -> bool:
        """Return when others may have committed, after `seconds` at the latest; whether a hint said so."""

    def send(self) -> None:
        """Tell the others that this process has committed; returns at once, and an error is only logged."""


class Tail(Protocol):
    """What the feed reads through, and what has it look."""

    @property
    def is_shared(self) -> bool:
        """Whether other nodes write all the time: then what is in memory is told only after a look."""

    @property
    def signal(self) -> Signal:
        """What has the feed look."""

    @property
    def epoch(self) -> int:
        """Another number says that what is read from now on may be another history: the connection is a new one."""

    def tail(self) -> AbstractAsyncContextManager[Reader]:
        """Lend the reader of the feed; raises `StorageUnavailableError`, also for what the database refuses within."""


class Writer(Protocol):
    """Writes, one commit at a time."""

    @property
    def stores_listed(self) -> bool:
        """Whether what lists show is written beside the documents of a state; else the database reads it from them."""

    async def begin(self, keys: Keys, base: int | None) -> Locked:
        """Return what the use cases may rest on that have read `keys`.

        An engine with row locks takes them here; what memory does not hold is read again under them. One without lets
        the use cases rest on memory, which has everything up to the mark `base`, and compares marks in `commit`.
        """

    async def release(self) -> None:
        """Give up what `begin` locked: nothing will be committed on it."""

    async def until_free(self, keys: Keys) -> Keys:
        """Return those of the rows of `keys` that nobody holds, once there are any.

        Raises `BusyError` when that takes too long.
        """

    async def commit(
        self, writes: Sequence[Write], locked: Locked | None = None, may_wait: Callable[[], bool] | None = None
    ) -> int:
        """Run `writes` in one transaction and return the place of the newest change once it is on disk.

        The place is 0 when none of the writes takes one, `UNKNOWN_PLACE` when it was found out only afterwards that
        they were committed. Where somebody else holds the lock it is tried again while `may_wait`, else for the busy
        timeout. Without `locked` the writes rest on nothing.
        """


class Upkeep(Protocol):
    """What an engine does beside requests."""

    @property
    def log_bytes(self) -> int:
        """How many bytes the write-ahead log has; 0 where the engine has none of ours to look after."""

    async def mark(self) -> int | None:
        """Return a number that differs after another connection or process has committed.

        None where the engine cannot tell: then every look reads what has changed.
        """

    async def require_intact(self) -> None:
        """Raise `LostError` while what was opened is lost, with all that was committed saved."""

    @property
    def hindrance(self) -> str | None:
        """What keeps a commit that is under way from ending; None: nothing, as far as is known."""

    async def tidy(self) -> None:
        """Do what has to be done now and then, several times a second."""

    def break_off(self) -> None:
        """Have a commit that nobody waits for any more end, though its outcome may be unknown, and begin no other.

        Where it waits for nothing but the disk it goes on to its end.
        """

    async def close(self) -> None:
        """Close every connection."""


class Engine(Readers, Tail, Writer, Upkeep, Protocol):
    """A database; `dialect` is the folder of its statements below ``sql/``."""

    dialect: str
