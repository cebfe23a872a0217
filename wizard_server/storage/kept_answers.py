"""Looks up answers by Idempotency-Key: one query at a time, each for all requests that came during the last one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from copy import copy

from wizard_server.domain.keyed import KeptAnswer, Keyed
from wizard_server.errors import UnreadableRowError, bare

MOST = 256

_Asked = tuple[Keyed, "asyncio.Future[KeptAnswer | None]"]


class KeptAnswers:
    """Answers each request from a query that began after it asked.

    A query for each request would cost as much as the write that follows it.
    """

    def __init__(self, read: Callable[[Sequence[Keyed]], Awaitable[Sequence[KeptAnswer]]]) -> None:
        self._read = read
        self._asked: list[_Asked] = []
        self._reading: asyncio.Task[None] | None = None

    async def of(self, asked: Keyed) -> KeptAnswer | None:
        """Return the answer under the key of a request, or None; raises what the query raises."""
        future: asyncio.Future[KeptAnswer | None] = asyncio.get_running_loop().create_future()
        self._asked.append((asked, future))
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_all())
        try:
            return await future
        finally:
            del future  # an error keeps this frame, and the future would keep the error

    async def close(self) -> None:
        """Return when no query is under way."""
        if self._reading is not None:
            await self._reading

    async def _read_all(self) -> None:
        try:
            while self._asked:
                asked, self._asked = self._asked[:MOST], self._asked[MOST:]
                await self._answer(asked)
        finally:
            self._reading = None

    async def _answer(self, asked: list[_Asked]) -> None:
        try:
            kept = await self._read([request for request, _ in asked])
        except Exception as error:  # noqa: BLE001 - it belongs to those who asked
            if len(asked) > 1 and isinstance(error, UnreadableRowError):  # it is the row of one of them
                for each in asked:
                    await self._answer([each])
            for _, future in asked:
                if not future.done():
                    future.set_exception(bare(error if len(asked) == 1 else copy(error)))
            return
        found = {(each.user_id, each.key): each for each in kept}
        for request, future in asked:
            if not future.done():
                future.set_result(found.get((request.user_id, request.key)))
