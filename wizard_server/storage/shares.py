"""Fair shares of the readers: users take turns, and each has one at a time."""

import asyncio
from collections import Counter, OrderedDict, deque

# Two readers of one user do not serve that user sooner: their threads compete for the interpreter, with each other and
# with the loop. Fifteen at work on twenty dashboards of 1,000 states answered 11 of them a second and held up everybody
# else for seconds; one answers 20, and nobody notices.
_MOST_OF_ONE_USER = 1


class Shares:
    """`count` places, which users get in turns, one each at a time.

    ::

        await shares.take(user)
        try:
            ...
        finally:
            shares.give_back(user)

    Short reads and those of the server itself (None) take turns like one user, and may have every free place.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._taken: Counter[str | None] = Counter()
        self._waiting: OrderedDict[str | None, deque[asyncio.Future[None]]] = OrderedDict()

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return sum(map(len, self._waiting.values()))

    async def take(self, user_id: str | None) -> None:
        """Return when a place is the user's."""
        if self._free and self._may_have_more(user_id) and user_id not in self._waiting:
            self._enter(user_id)
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(user_id, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.cancelled():
                self._leave_queue(user_id, place)
            else:  # it was given one in the same moment
                self.give_back(user_id)
            raise

    def give_back(self, user_id: str | None) -> None:
        """Give the place to the next in turn, who is another user where one waits."""
        self._free += 1
        self._taken[user_id] -= 1
        if not self._taken[user_id]:
            del self._taken[user_id]
        if user_id in self._waiting:
            self._waiting.move_to_end(user_id)
        self._let_in()

    def _let_in(self) -> None:
        while self._free:
            for user_id in self._waiting:
                if self._may_have_more(user_id):
                    break
            else:
                return
            queue = self._waiting[user_id]
            place = queue.popleft()
            self._waiting.move_to_end(user_id)
            if not queue:
                del self._waiting[user_id]
            if not place.done():
                self._enter(user_id)
                place.set_result(None)

    def _may_have_more(self, user_id: str | None) -> bool:
        return user_id is None or self._taken[user_id] < _MOST_OF_ONE_USER

    def _enter(self, user_id: str | None) -> None:
        self._free -= 1
        self._taken[user_id] += 1

    def _leave_queue(self, user_id: str | None, place: "asyncio.Future[None]") -> None:
        queue = self._waiting.get(user_id)
        if queue is not None and place in queue:
            queue.remove(place)
            if not queue:
                del self._waiting[user_id]
