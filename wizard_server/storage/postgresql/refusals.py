"""What PostgreSQL refuses, as the errors of the port."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from wizard_server.errors import StorageUnavailableError
from wizard_server.storage.engine import BusyError, StaleError

# A statement that has to meet every row casts this text to a number where it does not: nothing after it is run.
_MET = re.compile(r'"([a-z_.]+ met \d+ of \d+ rows)"')
_LOCK_NOT_AVAILABLE = "55P03"
# Serialization failure, deadlock: who tries again finds another world.
_OVERTAKEN = frozenset({"40001", "40P01"})
_INTEGRITY = "23"

CANNOT_WRITE = "the database cannot be written"


@contextmanager
def refusals(what: str) -> Iterator[None]:
    """Raise the port's errors for those of the driver; `what` cannot be done then.

    What cannot be bound or stored is raised as it is: it belongs to the one use case that brought it.
    """
    try:
        yield
    except psycopg.Error as error:
        raise _translated(error, what) from error


def _translated(error: psycopg.Error, what: str) -> Exception:
    code, text = error.sqlstate or "", _text(error)
    if code in _OVERTAKEN or code.startswith(_INTEGRITY):
        return StaleError(text)
    if code == _LOCK_NOT_AVAILABLE:
        return BusyError(f"{what}: somebody else holds a lock: {text}")
    if isinstance(error, psycopg.DataError):
        met = _MET.search(text)
        return StaleError(met[1]) if met else error
    if isinstance(error, psycopg.ProgrammingError) and not code:  # the driver's own: nothing was sent
        return error
    return StorageUnavailableError(f"{what}: {text}")


def _text(error: psycopg.Error) -> str:
    """Return what the server says in one line, or the driver where no server answers."""
    return error.diag.message_primary or " ".join(str(error).split())
