"""The tail: reads what was committed after its place in the order of changes, corrects memory, and publishes it.

Another server's commit, an operator's edit and a purge are the same thing: a state, or its end, at a new place.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from wizard_server.counts import StoreCounts
from wizard_server.domain.events import Audience
from wizard_server.domain.ports import Clock
from wizard_server.domain.record import Stamp
from wizard_server.errors import StorageUnavailableError, UnreadableRowError
from wizard_server.storage.engine import Engine, LostError
from wizard_server.storage.looks import Looks
from wizard_server.storage.memory import Memory
from wizard_server.storage.publisher import Publisher
from wizard_server.storage.statements.changes import Change, Changes, Page

logger = logging.getLogger(__name__)

_CHUNK = 500
# Where more has changed than this, forgetting everything costs less.
_MOST = 10_000
# How long an answer waits for a look at a database that other nodes write to, in seconds: for one that is given up
# after 2 because nothing answers, and for the next, on a new connection.
_ANSWER_SECONDS = 2.5
# Where nobody waits hints gather, and it is seen so often, so many seconds apart, whether somebody does: whoever asks
# has a look of their own, so hints only keep memory fresh. Measured: a twentieth less processor where two nodes write.
_GLANCES = 5
_GLANCE_SECONDS = 0.02
# A position that no newest place is below of: everything is to be read anew.
_UNKNOWN = 2**63 - 1


class Feed:
    """Keeps `memory` and `audience` level with the database; memory has everything up to `mark` and the position.

    `stamps` reads which versions some states have.
    """

    def __init__(
        self,
        engine: Engine,
        memory: Memory,
        audience: Audience,
        clock: Clock,
        counts: StoreCounts,
        changes: Changes,
        stamps: Callable[[Sequence[str]], Awaitable[Mapping[str, Stamp]]],
    ) -> None:
        self._engine = engine
        self._memory = memory
        self._audience = audience
        self._publisher = Publisher(memory, audience, clock)
        self._counts = counts
        self._changes = changes
        self._stamps = stamps
        self._looks = Looks(self._look, _ANSWER_SECONDS if engine.is_shared else None)
        self._position = _UNKNOWN
        self._epoch: int | None = None
        self._unsure = False
        self.mark: int | None = None

    async def caught_up(self, since: float | None = None) -> bool:
        """Return once memory has all that was committed before `since` (the loop's clock; None: now).

        Returns whether others had committed since the look before; raises `StorageUnavailableError`.
        """
        return await self._looks.after(since)

    def next_look(self) -> "asyncio.Future[bool]":
        """Return the look that `caught_up` would wait for now."""
        return self._looks.next()

    async def follow(self) -> None:
        """Look after each hint, and after a while without one, until it is cancelled.

        The while is counted from the beginning of the round before, and half of it at least is left to others.
        """
        signal, reason = self._engine.signal, None
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while True:
            seconds = signal.busy_seconds if self._audience.has_waiters else signal.idle_seconds
            hinted = await signal.wait(max(begun + seconds - loop.time(), seconds / 2))
            if hinted:
                await self._gather()
            begun = loop.time()
            self._counts.looks_asked["hint" if hinted else "timer"] += 1
            failed, reason = reason, None
            try:
                await self.caught_up()
                await self.review()
            except StorageUnavailableError as error:
                reason = error.message
                if reason != failed and not isinstance(error, LostError):  # the engine has told of a loss
                    logger.warning("changes of others cannot be read", extra={"reason": reason})

    async def _gather(self) -> None:
        """Return when somebody waits for changes, or after a tenth of a second."""
        for _ in range(_GLANCES):
            if self._audience.has_waiters:
                return
            await asyncio.sleep(_GLANCE_SECONDS)

    def has_passed(self, place: int) -> bool:
        """Whether a look may have read our commit of `place` before its answer came, and what came after it."""
        return self._engine.is_shared and place != 0 and place <= self._position

    def committed(self, place: int) -> bool:
        """Move on past a commit of this process that memory has, unless others have committed since the last look.

        Returns whether it did. If not, the next look tells of both in their order.
        """
        follows = not self._engine.is_shared or place == self._position + 1
        if follows and place:
            self._position = self._counts.position = place
        return follows

    async def close(self) -> None:
        """Return when nothing is being read."""
        await self._looks.close()
        await self._publisher.close()

    async def _look(self) -> bool:
        read = frozenset(self._memory.read_unpublished)
        found = await self._find()
        self._memory.read_unpublished -= read
        return found

    async def _find(self) -> bool:
        mark = await self._engine.mark()
        if mark is not None and mark == self.mark:
            return False
        self._unsure = mark is not None  # where there are marks, edits by hand need not take a place
        page, epoch = await self._page()
        if epoch == self._epoch and page.leads_on_from(self._position) and len(page.changes) <= _MOST:
            found = mark is not None or bool(page.changes)
            self._take(page.changes)
            self._position = max(self._position, page.newest)
        else:
            found = self._epoch is not None
            await self._begin_anew()
            self._position, self._epoch = page.newest, epoch
        self.mark = mark
        self._counts.looks += 1
        self._counts.position, self._counts.feed_connections = self._position, epoch
        self._counts.external_commits += found
        if found and not self._engine.is_shared:
            logger.info("another process has written to the database")
        return found

    async def _page(self) -> tuple[Page, int]:
        """Return what has changed, and the epoch of the connection that says so.

        Where the order of changes cannot be read, the page leads on from nowhere.
        """
        async with self._engine.tail() as reader:
            epoch = self._engine.epoch
            try:
                return await self._changes.after(reader, self._position, _MOST + 1), epoch
            except UnreadableRowError:
                return Page(_UNKNOWN, _UNKNOWN, ()), epoch

    def _take(self, changes: Sequence[Change]) -> None:
        """Correct memory, wake who waits for one of the states, and have the dashboards of their owners look again."""
        for change in changes:
            known = self._memory.cache.stamp(change.investigation_id)
            if known is None or (known.version, known.heard_at) != (change.version, change.heard_at):
                self._memory.drop(change.investigation_id)
        self._publisher.publish(change.investigation_id for change in changes)
        if shown := [change.owner for change in changes if change.is_shown]:
            self._audience.refresh(set(shown))

    async def _begin_anew(self) -> None:
        """Forget everything and compare what is watched: the position says nothing of what others have done."""
        known = self._memory.cache.stamps()
        for key in self._memory.read_unpublished:
            known.pop(key, None)
        self._memory.forget()
        for keys in chunks(list(self._audience.watched()), _CHUNK):
            stamps = await self._stamps(keys)
            self._publisher.publish(key for key in keys if _is_news(stamps.get(key), known.get(key)))
        self._audience.refresh()

    async def review(self) -> None:
        """Compare what is in memory with the database where others have committed, and publish all that was found.

        Not everything takes a place: when agents were heard does not, nor do edits by hand of what is no content.
        """
        if self._unsure:
            self._unsure = False
            try:
                await self._compare()
            except BaseException:
                self._unsure = True
                raise
        await self._publisher.flush()

    async def _compare(self) -> None:
        for keys in chunks(list(self._memory.cache.stamps()), _CHUNK):
            stamps = await self._stamps(keys)
            news = [key for key in keys if self._is_outdated(key, stamps.get(key))]
            for key in news:
                self._memory.drop(key)
            self._publisher.publish(news)

    def _is_outdated(self, investigation_id: str, found: Stamp | None) -> bool:
        known = self._memory.cache.stamp(investigation_id)
        return known is not None and _is_news(found, known)


def _is_news(found: Stamp | None, known: Stamp | None) -> bool:
    """Whether a row (None: there is none) says what is not in memory, which may have heard of the agents since."""
    if found is None or known is None:
        return True
    return found[:-1] != known[:-1] or (found.heard_at or "") > (known.heard_at or "")


def chunks(items: Sequence[str], size: int) -> Iterable[Sequence[str]]:
    """Yield `items` in runs of at most `size`."""
    return (items[start : start + size] for start in range(0, len(items), size))
