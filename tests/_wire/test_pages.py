"""HTML pages in place of an API response."""

from __future__ import annotations

import httpx
import pytest

from nemovideo import errors
from nemovideo.testing import FakeClock
from tests.support.servers import Script, sync_client

PAGE = "<!DOCTYPE html><title>Welcome to Hotel WiFi</title>"


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (200, "captive portal"),
        (403, "proxy or gateway"),
        (404, "NEMO_API_URL"),
        (407, "set them in HTTPS_PROXY, or in the proxy= of your own http_client."),
        (302, "sign in first"),
        (511, "sign in first"),
        (400, "NEMO_API_URL"),
        (501, "NEMO_API_URL"),
    ],
)
def test_the_remedy_explains_an_html_page(status: int, advice: str) -> None:
    script = Script(httpx.Response(status, html=PAGE))
    with (
        sync_client(script, clock=FakeClock()) as client,
        pytest.raises(errors.NemoError) as caught,
    ):
        client.credits.balance()
    assert advice in caught.value.remedy


@pytest.mark.parametrize(
    ("title", "message"),
    [
        ("502 Bad Gateway", "HTTP 502 Bad Gateway from nginx/1.24.0"),
        ("<b>Busy</b>", "HTTP 502 Bad Gateway from nginx/1.24.0"),
        (
            "Maintenance until 5 PM",
            "HTTP 502 Bad Gateway from nginx/1.24.0: Maintenance until 5 PM",
        ),
    ],
)
def test_the_page_of_a_gateway_is_named_by_status_and_sender(title: str, message: str) -> None:
    page = f"<html><head><title>{title}</title></head><body><center>hr</center></body></html>"
    script = Script(httpx.Response(502, html=page, headers={"Server": "nginx/1.24.0"}))
    with (
        sync_client(script, clock=FakeClock()) as client,
        pytest.raises(errors.ServerError) as caught,
    ):
        client.credits.balance()
    assert caught.value.message == message
    assert caught.value.remedy == errors.ServerError.default_remedy


@pytest.mark.parametrize("page", [PAGE, f"\r\n\n {PAGE}\n", "<html>\n<body>502</body>\n</html>\n"])
def test_a_web_page_in_place_of_a_stream_is_not_an_empty_answer(page: str) -> None:
    """Some gateways keep the content type of the endpoint."""

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path != "/run_sse":
            return httpx.Response(200, json={"state": {"draft": None, "video_infos": []}})
        return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, text=page)

    with (
        sync_client(Script(respond)) as client,
        pytest.raises(errors.MalformedResponseError, match="web page") as caught,
    ):
        client.agent.send("1", "hello")
    assert "captive portal" in caught.value.remedy
    assert caught.value.may_have_spent


def test_a_404_that_is_not_the_apis_names_the_url_that_was_tried() -> None:
    script = Script(httpx.Response(404, json={"detail": "Not Found"}))
    with sync_client(script) as client, pytest.raises(errors.APIError) as caught:
        client.credits.balance()
    assert "NEMO_API_URL or base_url=: http" in caught.value.remedy
    assert "/api/credits/balance/simple does not exist" in caught.value.remedy
