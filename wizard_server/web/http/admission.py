"""How many connections there are: bounded below the limit of open files, with a share for those that showed no token.

A connection is a stranger until a request over it has shown a valid token (mode ``none``: until its first request).
For a stranger that comes beyond the bound the one that has been silent longest is closed. So whoever connects has a
moment to show a token, strangers take no place of those who have, and those who have leave a tenth to who is about to.
"""

import logging
import resource
from typing import Protocol

from aiohttp import web

from wizard_server.config.models import DatabaseConfig
from wizard_server.sparing import Sparing

logger = logging.getLogger(__name__)

# More than this take more memory than a server is likely to have.
MOST = 65_536
# What is neither a connection nor the database: standard streams, the loop, listening sockets, key files, a margin.
_OTHER_FILES = 32
# The database, its -wal, and one that a statement may need for a moment.
_FILES_PER_READER = 3
_FEWEST = 16


class Guest(Protocol):
    """A connection, as far as it can be asked to leave."""

    def abort(self) -> None:
        """Be gone at once."""


class Connections:
    """The connections of one server, at most `limit` of them."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.turned_away = 0
        self._strangers: dict[Guest, None] = {}  # who was silent longest comes first
        self._known: set[Guest] = set()
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

    def arrive(self, guest: Guest) -> None:
        """Take in a stranger; the one that was silent longest leaves when there are too many."""
        self._strangers[guest] = None
        if len(self._strangers) > min(self._most_strangers, self.limit - len(self._known)):
            silent = next(iter(self._strangers))
            del self._strangers[silent]
            self.turned_away += 1
            self._lines.log({"limit": self.limit})
            silent.abort()

    def speak(self, guest: Guest) -> None:
        """Note that a stranger is not silent."""
        if guest in self._strangers:
            del self._strangers[guest]
            self._strangers[guest] = None

    def vouch(self, guest: Guest) -> bool:
        """Note that a connection has shown a valid token; return whether there is a place for it among those."""
        if guest in self._known:
            return True
        if guest not in self._strangers or len(self._known) >= self._most_known:
            self.speak(guest)
            return False
        del self._strangers[guest]
        self._known.add(guest)
        return True

    def leave(self, guest: Guest) -> None:
        """Forget a connection."""
        self._strangers.pop(guest, None)
        self._known.discard(guest)


CONNECTIONS = web.AppKey("connections", Connections)


def limit_of(configured: int, database: DatabaseConfig) -> int:
    """Return how many connections there may be: `configured` (0: as many as are sensible), if files suffice."""
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
