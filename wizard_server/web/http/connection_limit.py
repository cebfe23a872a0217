"""How many connections there may be: bounded below the limit of open files, with a share for unauthenticated ones.

A connection is a *stranger* until a request over it has shown a valid token (mode ``none``: until its first request);
then it is *known*. A stranger beyond the bound closes the stranger that has been idle longest. So every client has a
moment to show a token, strangers never displace known connections, and known ones leave a tenth of the limit to clients
that are about to show a token.
"""

import logging
import resource
from typing import Protocol

from aiohttp import web

from wizard_server.config.models import DatabaseConfig
from wizard_server.sparing import Sparing

logger = logging.getLogger(__name__)

# Bounds the memory that connections take.
MOST = 65_536
# Files beside connections and the database: standard streams, the loop, listening sockets, key files, a margin.
_OTHER_FILES = 32
# The database, its -wal, and one that a statement may need for a moment.
_FILES_PER_READER = 3
_FEWEST = 16


class Closable(Protocol):
    """A connection as the limit sees it."""

    def abort(self) -> None:
        """Close the connection without waiting for what is queued."""


class ConnectionLimit:
    """The connections of one server, at most `limit` of them."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.turned_away = 0
        self._strangers: dict[Closable, None] = {}  # the one that has been idle longest comes first
        self._known: set[Closable] = set()
        self._most_strangers = max(limit // 2, 1)
        self._most_known = max(limit - max(limit // 10, 1), 1)
        self._lines = Sparing(logger, logging.WARNING, "connections closed: too many that have shown no valid token", 1)

    @property
    def strangers(self) -> int:
        """How many have shown no valid token."""
        return len(self._strangers)

    @property
    def known(self) -> int:
        """How many have shown a valid token."""
        return len(self._known)

    def add(self, connection: Closable) -> None:
        """Add a stranger; where that makes too many, close the stranger that has been idle longest."""
        self._strangers[connection] = None
        if len(self._strangers) > min(self._most_strangers, self.limit - len(self._known)):
            idle = next(iter(self._strangers))
            del self._strangers[idle]
            self.turned_away += 1
            self._lines.log({"limit": self.limit})
            idle.abort()

    def mark_active(self, connection: Closable) -> None:
        """Note that a stranger has sent a request."""
        if connection in self._strangers:
            del self._strangers[connection]
            self._strangers[connection] = None

    def mark_known(self, connection: Closable) -> bool:
        """Note that a connection has shown a valid token; return False where no further one can be known."""
        if connection in self._known:
            return True
        if connection not in self._strangers or len(self._known) >= self._most_known:
            self.mark_active(connection)
            return False
        del self._strangers[connection]
        self._known.add(connection)
        return True

    def remove(self, connection: Closable) -> None:
        """Forget a closed connection."""
        self._strangers.pop(connection, None)
        self._known.discard(connection)


CONNECTIONS = web.AppKey("connections", ConnectionLimit)


def limit_of(configured: int, database: DatabaseConfig) -> int:
    """Return how many connections there may be: `configured` (0: a default), reduced to what open files permit."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    readers = database.pool_size + database.max_overflow + 1
    sensible = MOST
    if files != resource.RLIM_INFINITY:
        reserve = _OTHER_FILES + _FILES_PER_READER * readers
        sensible = min(max(files - reserve, files // 4, _FEWEST), MOST)
        if files - sensible < reserve:
            logger.warning("the limit of open files is low", extra={"files": files, "needed": reserve + _FEWEST})
        if configured > files - reserve:
            logger.warning("max_connections is over the limit of open files", extra={"files": files, "used": sensible})
            return sensible
    return configured or sensible
