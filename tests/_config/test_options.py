"""Options of the wrong type are rejected when the client is created; the error names them."""

from __future__ import annotations

import logging
import math
from typing import Any

import httpx
import pytest

from nemovideo import AsyncClient, Client, errors
from nemovideo.local import LocalBackend
from nemovideo.retry import Polling, RetryPolicy, StreamLimits
from nemovideo.testing import FakeClock

WRONG: list[dict[str, Any]] = [
    {"timeout_s": (3, 5)},
    {"timeout_s": "10"},
    {"timeout_s": None},
    {"timeout_s": 0},
    {"timeout_s": math.nan},
    {"timeout_s": math.inf},
    {"timeout_s": True},
    {"deadline": -1},
    {"deadline": "60"},
    {"edit_cost": -5},
    {"retry": 3},
    {"polling": 1.0},
    {"http_client": "httpx"},
]


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("options", WRONG, ids=str)
def test_an_invalid_option_is_named_in_the_error(
    kind: type[Client] | type[AsyncClient], options: dict[str, Any]
) -> None:
    with pytest.raises(errors.InvalidRequestError, match=next(iter(options))) as caught:
        kind("nmv_usr_x", **options)
    assert caught.value.remedy != errors.InvalidRequestError.default_remedy


@pytest.mark.parametrize(
    "make",
    [
        lambda: RetryPolicy(attempts=-1),
        lambda: RetryPolicy(max_s=math.nan),
        lambda: Polling(interval_s="1"),  # type: ignore[arg-type]
        lambda: StreamLimits(total_s=-2),
    ],
)
def test_a_policy_rejects_invalid_numbers(make: Any) -> None:
    with pytest.raises(errors.InvalidRequestError, match="="):
        make()


def test_an_http_client_of_the_other_kind_is_refused_with_the_one_to_use() -> None:
    with httpx.Client() as plain, pytest.raises(errors.InvalidRequestError) as caught:
        AsyncClient("nmv_usr_x", http_client=plain)  # type: ignore[arg-type]
    assert "httpx.AsyncClient" in caught.value.remedy
    with pytest.raises(errors.InvalidRequestError) as caught:
        Client("nmv_usr_x", http_client=httpx.AsyncClient())  # type: ignore[arg-type]
    assert "httpx.Client" in caught.value.remedy


def test_a_call_refuses_a_deadline_that_is_not_a_number() -> None:
    with Client("nmv_usr_x") as client, pytest.raises(errors.InvalidRequestError, match="deadline"):
        client.remove_background("x.mp4", deadline=math.nan)


def test_a_new_token_does_not_expire_under_a_fake_clock(
    backend: LocalBackend, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "nemovideo")
    with Client(base_url=backend.url, clock=FakeClock()) as client:
        client.credits.balance()
    assert caplog.messages == []
