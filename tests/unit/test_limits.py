"""The limiter's memory: bounded, and what leaves it leaves nobody locked out."""

import pytest

from wizard_server.config_models import RateLimitConfig
from wizard_server.domain.callers import Caller
from wizard_server.errors import RateLimitedError
from wizard_server.web import limits
from wizard_server.web.limits import RateLimiter


def admit(limiter: RateLimiter, user: str) -> str:
    admission = limiter.admit(Caller(user, frozenset()))
    admission.check()
    return dict(admission.pairs)["RateLimit"]


def test_whoever_came_first_is_forgotten_when_too_many_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_USERS", 2)
    limiter = RateLimiter(RateLimitConfig(requests_per_second=0.001, burst=1))
    for user in ("ann", "bob"):
        admit(limiter, user)
        with pytest.raises(RateLimitedError):
            admit(limiter, user)
    admit(limiter, "eve")
    with pytest.raises(RateLimitedError):
        admit(limiter, "bob")
    assert admit(limiter, "ann") == '"user";r=0;t=1000'
