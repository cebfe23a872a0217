"""The limiter's memory: bounded, and what leaves it leaves nobody locked out."""

import pytest

from tests.clocks import StoppedTimer
from wizard_server.config.models import RateLimitConfig
from wizard_server.domain.callers import Caller
from wizard_server.errors import RateLimitedError
from wizard_server.web.http.quotas import RateLimiter


def admit(limiter: RateLimiter, user: str) -> str:
    admission = limiter.admit(Caller(user, frozenset()))
    admission.check()
    return dict(admission.pairs)["RateLimit"]


def test_whoever_came_first_is_forgotten_when_too_many_are_known() -> None:
    limiter = RateLimiter(RateLimitConfig(requests_per_second=0.001, burst=1), max_users=2)
    for user in ("ann", "bob"):
        admit(limiter, user)
        with pytest.raises(RateLimitedError):
            admit(limiter, user)
    admit(limiter, "eve")
    with pytest.raises(RateLimitedError):
        admit(limiter, "bob")
    assert admit(limiter, "ann") == '"user";r=0;t=1000'


def test_whose_quota_is_whole_is_forgotten_before_those_who_came_first() -> None:
    timer = StoppedTimer()
    limiter = RateLimiter(RateLimitConfig(requests_per_second=0.1, burst=2), timer=timer, max_users=3)
    for user in ("ann", "bob", "eve"):
        admit(limiter, user)
    timer.now += 10
    admit(limiter, "ann")
    admit(limiter, "ann")  # bob's and eve's quota is whole again, hers is used up
    admit(limiter, "joe")
    with pytest.raises(RateLimitedError):
        admit(limiter, "ann")
    assert limiter.accounts == 3
