"""The limiter's memory: bounded, and what leaves it leaves nobody locked out."""

import pytest

from wizard_server.config.models import RateLimitConfig
from wizard_server.domain.callers import Caller
from wizard_server.errors import RateLimitedError
from wizard_server.web.http import quotas
from wizard_server.web.http.quotas import RateLimiter


def admit(limiter: RateLimiter, user: str) -> str:
    admission = limiter.admit(Caller(user, frozenset()))
    admission.check()
    return dict(admission.pairs)["RateLimit"]


def test_whoever_came_first_is_forgotten_when_too_many_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "MAX_USERS", 2)
    limiter = RateLimiter(RateLimitConfig(requests_per_second=0.001, burst=1))
    for user in ("ann", "bob"):
        admit(limiter, user)
        with pytest.raises(RateLimitedError):
            admit(limiter, user)
    admit(limiter, "eve")
    with pytest.raises(RateLimitedError):
        admit(limiter, "bob")
    assert admit(limiter, "ann") == '"user";r=0;t=1000'


def test_whose_quota_is_whole_is_forgotten_before_those_who_came_first(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(quotas, "MAX_USERS", 3)
    monkeypatch.setattr(quotas, "monotonic", lambda: now[0])
    limiter = RateLimiter(RateLimitConfig(requests_per_second=0.1, burst=2))
    for user in ("ann", "bob", "eve"):
        admit(limiter, user)
    now[0] += 10
    admit(limiter, "ann")
    admit(limiter, "ann")  # bob's and eve's quota is whole again, hers is used up
    admit(limiter, "joe")
    with pytest.raises(RateLimitedError):
        admit(limiter, "ann")
    assert set(limiter._users._accounts) == {"ann", "eve", "joe"}
