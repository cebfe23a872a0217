"""How many requests each user may send (``[rate_limit]``), and what the answers say of it.

The headers are those of the IETF draft "RateLimit header fields for HTTP": ``RateLimit-Policy`` names the quota `q` and
the window `w` in which it comes back whole, ``RateLimit`` how many requests are left now (`r`) and the seconds until
all of them are (`t`).

A request without a good token is not counted: it names nobody to count it for. The address would be the only other
key, and behind a proxy all users share one, so that whoever sends bad tokens would lock out everybody. Refusing a token
costs about as much as a poll, four times that for the longest; a limit for each address belongs into the proxy, which
knows the addresses.
"""

import math
from functools import lru_cache, partial

from aiohttp import web
from throttled.rate_limiter.gcra import MemoryLimitAtomicAction
from throttled.store.memory import MemoryStoreBackend

from wizard_server.config_models import RateLimitConfig
from wizard_server.domain.callers import Caller
from wizard_server.errors import RateLimitedError

# Users that are known at a time. Only who has a token gets in here, and what is forgotten comes back in seconds anyway.
MAX_USERS = 100_000
# To whole seconds, forgiving what a difference of instants is off by: 6.0000000001 is no 7.
_ROUNDS_UP = 1 - 1e-7

_CACHED = 4096


class Admission:
    """What the answer to one request says of its caller's quota: as pairs, and as lines of a head.

    `refusal` is the error to answer with when the quota is used up.
    """

    __slots__ = ("_refusal", "lines", "pairs")

    def __init__(self, policy: str, left: str, refusal: RateLimitedError | None = None) -> None:
        self.pairs = (("RateLimit-Policy", policy), ("RateLimit", left))
        self.lines = "".join(f"{name}: {value}\r\n" for name, value in self.pairs).encode()
        self._refusal = refusal

    def check(self) -> None:
        """Raise `RateLimitedError` when the quota is used up."""
        if self._refusal is not None:
            raise self._refusal


# Where a handler finds it that sends the head of its answer itself; no other request pays for keeping it.
ADMISSION = web.RequestKey("admission", Admission)


class _Instants(MemoryStoreBackend):
    """For each user the instant at which their quota is whole again: one number, all that GCRA keeps.

    The library's own store keeps an expiry beside each and looks at it four times per request. An instant that has
    passed says the same as none, so nothing needs to expire: 1.0 microseconds for each request instead of 2.2.
    """

    def get(self, key: str) -> float | None:
        """Return the instant of a user."""
        return self._client.get(key)  # type: ignore[return-value]  # of the library's two kinds of value `set` puts in one

    def set(self, key: str, value: float, timeout: int) -> None:
        """Keep the instant of a user; beyond `max_size` whoever came first is forgotten."""
        self._client[key] = value
        if len(self._client) > self.max_size:
            self._client.popitem(last=False)


class _Quota:
    """One kind of caller: everybody has `burst` requests at once, and `rate` of them come back each second."""

    def __init__(self, name: str, rate: float, burst: int) -> None:
        self._name = name
        self._terms = (1 / rate, burst, 1)
        self._policy = f'"{name}";q={burst};w={math.ceil(burst / rate)}'
        instants = _Instants(None, {"MAX_SIZE": MAX_USERS})
        self._take = partial(MemoryLimitAtomicAction._do, instants)  # noqa: SLF001 - the algorithm without its lock: all happens in one thread
        self._admission = lru_cache(maxsize=_CACHED)(self._let_in)

    def take(self, user_id: str) -> Admission:
        limited, remaining, whole_in, retry_in = self._take((user_id,), self._terms)
        if limited:
            return Admission(self._policy, self._left(0, int(whole_in + _ROUNDS_UP)), self._refusal(retry_in))
        return self._admission(remaining, int(whole_in + _ROUNDS_UP))

    def _let_in(self, remaining: int, whole_in: int) -> Admission:
        return Admission(self._policy, self._left(remaining, whole_in))

    def _left(self, remaining: int, whole_in: int) -> str:
        return f'"{self._name}";r={remaining};t={whole_in}'

    def _refusal(self, retry_in: float) -> RateLimitedError:
        rate, burst = 1 / self._terms[0], self._terms[1]
        return RateLimitedError(
            f"too many requests: {burst} at once and {rate:g} per second in the long run",
            retry_after=max(int(retry_in + _ROUNDS_UP), 1),
        )


class RateLimiter:
    """The quotas of users and agents, apart: an agent reports on the investigations of many users."""

    def __init__(self, config: RateLimitConfig) -> None:
        self._users = _Quota("user", config.requests_per_second, config.burst)
        self._agents = _Quota("agent", config.agent_requests_per_second, config.agent_burst)

    def admit(self, caller: Caller) -> Admission:
        """Count a request of the caller, and return what its answer says of the quota.

        A request counts once, when it arrives, however long it is parked; a refused one does not count.
        """
        quota = self._agents if caller.is_agent else self._users
        return quota.take(caller.user_id)
