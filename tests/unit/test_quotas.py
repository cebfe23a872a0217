"""The generic cell rate algorithm: burst, rate, what is left and when to come back, by a clock that is told."""

import pytest

from wizard_server.web.http.gcra import SLACK_SECONDS, Account, Quota


@pytest.mark.parametrize(("rate", "burst"), [(10.0, 20), (2.0, 2), (0.5, 3), (0.001, 1), (1e6, 1000), (3.0, 7)])
def test_a_burst_at_once_and_then_one_whenever_one_has_come_back(rate: float, burst: int) -> None:
    quota, account, now = Quota(rate, burst), Account(), 12345.678
    for left in range(burst, 0, -1):
        assert quota.left(account, now) == left
        assert quota.take(account, now) == 0
    assert quota.left(account, now) == 0
    assert quota.used(account, now) == pytest.approx(1)
    assert quota.whole_in(account, now) == pytest.approx(burst / rate)
    for _ in range(50):
        wait = quota.take(account, now)
        assert wait == pytest.approx(1 / rate) or 1 / rate <= SLACK_SECONDS
        now += wait
        assert quota.take(account, now) == 0, "who comes back when told is let in"


def test_what_is_refused_does_not_count() -> None:
    quota, account = Quota(0.5, 1), Account()
    assert quota.take(account, 0) == 0
    assert [quota.take(account, 1) for _ in range(9)] == [pytest.approx(1)] * 9
    assert quota.take(account, 2) == 0


def test_a_quota_that_is_whole_grows_no_further() -> None:
    quota, account = Quota(10, 3), Account()
    assert [quota.take(account, 1e6) for _ in range(3)] == [0, 0, 0]
    assert quota.take(account, 1e6) > 0
    assert (quota.left(account, 2e6), quota.whole_in(account, 2e6), quota.used(account, 2e6)) == (3, 0, 0)


def test_in_the_long_run_no_more_than_the_rate_is_let_in() -> None:
    quota, account = Quota(10, 20), Account()
    admitted = sum(quota.take(account, tick / 1000) == 0 for tick in range(60_000))
    assert 600 <= admitted <= 620
