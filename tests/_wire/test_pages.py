"""Web pages in place of the API's answer."""

from __future__ import annotations

import httpx
import pytest

from nemovideo import errors
from tests.support.servers import Script, sync_client

PAGE = "<!DOCTYPE html><title>Welcome to Hotel WiFi</title>"


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (200, "captive portal"),
        (403, "proxy or gateway"),
        (404, "NEMO_API_URL"),
        (407, "HTTPS_PROXY"),
    ],
)
def test_a_web_page_is_told_as_what_it_is(status: int, advice: str) -> None:
    script = Script(httpx.Response(status, html=PAGE))
    with sync_client(script) as client, pytest.raises(errors.NemoError) as caught:
        client.credits.balance()
    assert advice in caught.value.remedy
