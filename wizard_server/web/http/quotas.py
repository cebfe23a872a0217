"""How many requests each user may send (``[rate_limit]``), and the headers that tell the client.

The headers are those of the IETF draft "RateLimit header fields for HTTP": ``RateLimit-Policy`` names the quota `q` and
the window `w` in which it comes back whole, ``RateLimit`` how many requests are left now (`r`) and the seconds until
all of them are (`t`).

A request without a valid token is not counted, because it names no user. The only other key would be the address, which
behind a proxy all users share, so one client with bad tokens would lock out all. Refusing a token costs about as much
as a poll, four times that for the longest token; a limit by address belongs into the proxy, which knows the addresses.
"""

import math
from collections import OrderedDict
from functools import lru_cache
from itertools import islice
from time import monotonic

from aiohttp import web

from wizard_server.config.models import RateLimitConfig
from wizard_server.domain.callers import Caller
from wizard_server.errors import RateLimitedError
from wizard_server.pace import Timer
from wizard_server.web.http.gcra import SLACK_SECONDS, Account, Quota
from wizard_server.web.http.poll_slots import PollSlots, Slots

# Accounts kept at a time. Only users with a valid token have one, and a quota regains its burst within seconds.
MAX_USERS = 100_000
# Beyond `MAX_USERS`, of so many oldest accounts the one with the most quota left is dropped.
_LOOKED_AT = 8
_CACHED = 4096


class Admission:
    """The quota headers of the answer to one request: as pairs, and as lines of a head.

    `refusal` is the error to answer with when the quota is used up.
    """

    __slots__ = ("_left", "_policy", "_refusal")

    def __init__(self, policy: str, left: str, refusal: RateLimitedError | None = None) -> None:
        self._policy = policy
        self._left = left
        self._refusal = refusal

    @property
    def pairs(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """The headers; made when they are sent, because a poll may be parked until then."""
        return ("RateLimit-Policy", self._policy), ("RateLimit", self._left)

    @property
    def lines(self) -> bytes:
        """The same as lines of a head."""
        return "".join(f"{name}: {value}\r\n" for name, value in self.pairs).encode()

    def check(self) -> None:
        """Raise `RateLimitedError` when the quota is used up."""
        if self._refusal is not None:
            raise self._refusal


# Set only for handlers that send the head of their answer themselves (streams).
ADMISSION = web.RequestKey("admission", Admission)


class _Known(Account):
    """The account of one user, with the slots of their polls once they poll."""

    __slots__ = ("slots",)

    def __init__(self) -> None:
        super().__init__()
        self.slots: Slots | None = None


class _Callers:
    """One kind of caller, users or agents: the quota of each, and their accounts."""

    def __init__(self, name: str, rate: float, burst: int, max_users: int, timer: Timer) -> None:
        self._name = name
        self._quota = Quota(rate, burst)
        self._poll_slots = PollSlots(rate, burst)
        self._policy = f'"{name}";q={burst};w={math.ceil(self._quota.window_seconds)}'
        self.accounts: OrderedDict[str, _Known] = OrderedDict()
        self._max_users = max_users
        self._timer = timer
        self._admission = lru_cache(maxsize=_CACHED)(self._let_in)

    def take(self, user_id: str, polled: str | None) -> Admission:
        account, now = self.accounts.get(user_id) or self._opened(user_id), self._timer()
        wait = self._quota.take(account, now)
        if wait and not (polled and self._poll_slots.take(self._slots(account), polled, now)):
            return self._refusal(account, now, wait, polled)
        return self._admitted(account, now)

    def take_at_once(self, user_id: str) -> Admission | None:
        account, now = self.accounts.get(user_id) or self._opened(user_id), self._timer()
        return None if self._quota.take(account, now) else self._admitted(account, now)

    def has_room(self, user_id: str) -> bool:
        account = self.accounts.get(user_id)
        return account is None or self._quota.left(account, self._timer()) > 0

    def interval(self, user_id: str, polled: str, milliseconds: int) -> int:
        account, now = self.accounts.get(user_id) or self._opened(user_id), self._timer()
        return round(self._reserved(account, polled, now, milliseconds / 1000) * 1000)

    def _reserved(self, account: _Known, polled: str, now: float, seconds: float) -> float:
        return self._poll_slots.reserve(self._slots(account), polled, now, seconds, self._quota.used(account, now))

    def _slots(self, account: _Known) -> Slots:
        if account.slots is None:
            account.slots = self._poll_slots.opened()
        return account.slots

    def _admitted(self, account: _Known, now: float) -> Admission:
        return self._admission(self._quota.left(account, now), _whole(self._quota.whole_in(account, now)))

    def _opened(self, user_id: str) -> _Known:
        account = self.accounts[user_id] = _Known()
        if len(self.accounts) > self._max_users:
            oldest = islice(self.accounts.items(), min(_LOOKED_AT, self._max_users))
            forgotten, _ = min(oldest, key=lambda item: item[1].whole_at)
            del self.accounts[forgotten]
        return account

    def _let_in(self, remaining: int, whole_in: int) -> Admission:
        return Admission(self._policy, f'"{self._name}";r={remaining};t={whole_in}')

    def _refusal(self, account: _Known, now: float, wait: float, polled: str | None) -> Admission:
        retry_after = max(_whole(wait), 1)
        if polled:
            retry_after = _whole(self._reserved(account, polled, now, retry_after))
        error = RateLimitedError(
            f"too many requests: {self._quota.burst} at once and {self._quota.rate:g} per second in the long run",
            retry_after=retry_after,
        )
        left = f'"{self._name}";r=0;t={_whole(self._quota.whole_in(account, now))}'
        return Admission(self._policy, left, error)


def _whole(seconds: float) -> int:
    """Return `seconds` rounded up, apart from the rounding error of instants: 6.0000000001 becomes 6."""
    return math.ceil(seconds - SLACK_SECONDS)


class RateLimiter:
    """The quotas of users and of agents; agents have their own, because each reports for many users."""

    def __init__(self, config: RateLimitConfig, *, timer: Timer = monotonic, max_users: int = MAX_USERS) -> None:
        """Count by `timer`, and keep the accounts of `max_users` users, and of as many agents."""
        self._users = _Callers("user", config.requests_per_second, config.burst, max_users, timer)
        agents = config.agent_requests_per_second, config.agent_burst
        self._agents = _Callers("agent", *agents, max_users, timer)

    @property
    def accounts(self) -> int:
        """How many accounts are kept."""
        return len(self._users.accounts) + len(self._agents.accounts)

    def admit(self, caller: Caller, polled: str | None = None) -> Admission:
        """Count a request of the caller, and return the quota headers of its answer.

        A request counts once, on arrival, however long it is parked; a refused one does not count. A poll names the
        path that is `polled`: one that comes at the recommended time is admitted even over quota.
        """
        return self._of(caller).take(caller.user_id, polled)

    def admit_at_once(self, caller: Caller) -> Admission | None:
        """Count a request as `admit` does; where the quota is used up, count nothing and return None."""
        return self._of(caller).take_at_once(caller.user_id)

    def has_room(self, caller: Caller) -> bool:
        """Whether a request of the caller would be admitted now; counts nothing."""
        return self._of(caller).has_room(caller.user_id)

    def interval(self, caller: Caller, polled: str, milliseconds: int) -> int:
        """Return the milliseconds until the caller polls the path again: as given, or more; see `PollSlots.reserve`."""
        return self._of(caller).interval(caller.user_id, polled, milliseconds)

    def _of(self, caller: Caller) -> _Callers:
        return self._agents if caller.is_agent else self._users
