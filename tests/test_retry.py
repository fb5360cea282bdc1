"""The retry policy."""

from __future__ import annotations

import pytest
import respx

from nemovideo import Client
from nemovideo.errors import RateLimitError
from nemovideo.retry import RetryPolicy
from nemovideo.testing import FakeClock

URL = "https://api.test"


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_a_429_is_retried_as_often_as_the_policy_says(retries: int) -> None:
    clock = FakeClock()
    policy = RetryPolicy(rate_limit_retries=retries)
    with (
        respx.mock(base_url=URL) as router,
        Client("nmv_usr_x", base_url=URL, retry=policy, clock=clock) as client,
    ):
        router.route().respond(429, headers={"Retry-After": "7"})
        with pytest.raises(RateLimitError):
            client.credits.balance()
        assert router.calls.call_count == retries + 1
    assert clock.waits == [7.0] * retries
