"""Which proxy is used for a host, and the errors of proxies."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress

import anyio
import httpx
import pytest

from nemovideo import AsyncClient, Client, errors
from nemovideo._config.proxies import Proxies
from nemovideo._config.setup import settings_from
from nemovideo._drivers.network_errors import ErrorMapper
from nemovideo._flows.steps import Request
from nemovideo.retry import RetryPolicy
from nemovideo.testing import FakeClock
from tests.support.service import serving

TOKEN = "nmv_usr_x"
ONCE = RetryPolicy(attempts=1)


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("no_proxy", "host", "port", "direct"),
    [
        ("", "api.test", None, False),
        ("", "localhost", None, True),
        ("", "127.0.0.1", 8000, True),
        ("", "::1", None, True),
        ("*", "api.test", None, True),
        ("api.test", "api.test", None, True),
        ("api.test", "www.api.test", None, True),
        (".api.test", "www.api.test", None, True),
        ("*.api.test", "www.api.test", None, True),
        ("api.test", "wwwapi.test", None, False),
        ("API.test", "api.TEST", None, True),
        ("a, api.test", "api.test", None, True),
        ("api.test:8080", "api.test", 8080, True),
        ("api.test:8080", "api.test", 9090, False),
        ("10.0.0.0/8", "10.2.3.4", None, True),
        ("10.0.0.0/8", "11.2.3.4", None, False),
        ("localhost,[::2]", "::2", None, True),
        ("[fe80::1]:80", "fe80::1", 80, True),
        ("fe80::/10", "fe80::1", None, True),
        ("http://api.test", "api.test", None, True),
        ("https://api.test", "api.test", None, False),
    ],
)
def test_no_proxy_names_hosts_domains_and_networks(
    no_proxy: str, host: str, port: int | None, direct: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    found = Proxies.from_environment().find("http", host, port)
    assert (found is None) == direct
    assert found is None or found.url == "http://proxy.test:3128"


@pytest.mark.parametrize(
    "value",
    ["socks://proxy.test:1080/", "ftp://proxy.test", "http://", "http://proxy.test:x", "htp:/foo"],
)
def test_a_proxy_that_cannot_be_used_is_an_error_that_names_the_variable(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", value)
    with (
        Client(TOKEN, base_url="http://api.test", allow_http=True) as client,
        pytest.raises(errors.InvalidRequestError, match="ALL_PROXY") as caught,
    ):
        client.credits.balance()
    assert "NO_PROXY" in caught.value.remedy
    with serving() as service, Client(TOKEN, base_url=service.url) as client:
        assert client.credits.balance().available == 100  # loopback is direct


@pytest.mark.parametrize(
    "login", ["me:5ec@ret", "me:5ec/ret", "me:5ec@5ec/ret", "me:5ec?ret", "me:5ec#ret", "me:5[ec"]
)
def test_an_unescaped_password_is_refused_immediately_and_not_shown(
    login: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in (f"http://{login}@127.0.0.1:9", f"{login}@127.0.0.1:9", f"{login}://x@127.0.0.1"):
        monkeypatch.setenv("HTTPS_PROXY", value)
        with (
            Client(TOKEN, base_url="https://api.test") as client,
            pytest.raises(errors.InvalidRequestError, match="HTTPS_PROXY is not") as caught,
        ):
            client.credits.balance()
        assert "must be percent-encoded" in caught.value.remedy
        assert not any(part in str(caught.value) for part in ("5ec", "5[", "ret"))


def test_an_escaped_password_and_a_final_slash_are_accepted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:5ec%40%2Fret@proxy.test:3128/")
    assert Proxies.from_environment().find("https", "api.test") is not None


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_error_names_the_host_the_proxy_and_a_remedy_but_no_password(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:5ecret@127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://me:5ecret@127.0.0.1:9")
    with (
        Client(TOKEN, base_url=f"{scheme}://api.test", allow_http=True, retry=ONCE) as client,
        pytest.raises(errors.APIConnectionError) as caught,
    ):
        client.credits.balance()
    assert f"api.test through the proxy 127.0.0.1:9 ({scheme.upper()}_PROXY)" in str(caught.value)
    assert "5ecret" not in str(caught.value)
    assert "Client.local()" in caught.value.remedy


@pytest.mark.parametrize("is_async", [False, True])
def test_a_proxy_without_tls_is_not_retried_and_the_remedy_names_http(
    is_async: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, url = FakeClock(), "https://api.test"

    async def balance_async() -> None:
        async with AsyncClient(TOKEN, base_url=url, timeout_s=0.5, clock=clock) as client:
            await client.credits.balance()

    def balance() -> None:
        with Client(TOKEN, base_url=url, timeout_s=0.5, clock=clock) as client:
            client.credits.balance()

    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(errors.APITimeoutError) as caught:
            anyio.run(balance_async) if is_async else balance()
    assert "use http:// in HTTPS_PROXY" in caught.value.remedy
    assert not clock.waits


def test_the_extra_for_socks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    monkeypatch.setitem(__import__("sys").modules, "socksio", None)
    with (
        Client(TOKEN, base_url="https://api.test") as client,
        pytest.raises(errors.MissingExtraError, match=r"nemovideo\[socks\]"),
    ):
        client.credits.balance()


def test_a_tunnel_that_needs_a_password_is_not_tried_again() -> None:
    mapper = ErrorMapper(settings_from("nmv_usr_x", {"base_url": "https://api.example.com"}))
    for status, advice in (
        ("407 Proxy Authentication Required", "HTTPS_PROXY"),
        ("302 Found", "sign in"),
    ):
        with (
            pytest.raises(errors.APIConnectionError) as caught,
            mapper.mapping(Request("GET", "/x")),
        ):
            raise httpx.ProxyError(status)
        assert advice in caught.value.remedy
        assert caught.value.permanent


def test_a_refused_proxy_password_and_a_missing_one_have_different_errors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:5ecret@proxy.test:3128")
    settings = settings_from("nmv_usr_x", {"base_url": "https://api.example.com"})
    mapper = ErrorMapper(settings, Proxies.from_environment())
    with pytest.raises(errors.APIConnectionError) as caught, mapper.mapping(Request("GET", "/x")):
        raise httpx.ProxyError("407 Proxy Authentication Required")
    remedy = "The proxy refused the user name or password in HTTPS_PROXY"
    assert caught.value.remedy.startswith(remedy)
    assert "5ecret" not in str(caught.value)


class _Refusing(threading.Thread):
    """A proxy that refuses every login."""

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(daemon=True)
        self.listener = listener

    def run(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                with connection:
                    connection.recv(10_000)
                    connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")


@pytest.mark.parametrize("is_async", [False, True])
def test_the_errors_of_a_users_own_client_name_its_proxy_and_not_only_a_variable(
    is_async: bool,
) -> None:
    async def balance_async(proxy: str) -> None:
        async with (
            httpx.AsyncClient(proxy=proxy) as http,
            AsyncClient(TOKEN, base_url="https://api.test", retry=ONCE, http_client=http) as client,
        ):
            await client.credits.balance()

    def balance(proxy: str) -> None:
        with (
            httpx.Client(proxy=proxy) as http,
            Client(TOKEN, base_url="https://api.test", retry=ONCE, http_client=http) as client,
        ):
            client.credits.balance()

    def error_with(port: int) -> errors.APIConnectionError:
        proxy = f"http://me:5ecret@127.0.0.1:{port}"
        with pytest.raises(errors.APIConnectionError) as caught:
            anyio.run(balance_async, proxy) if is_async else balance(proxy)
        assert "5ecret" not in str(caught.value)
        return caught.value

    down = error_with(9)
    assert "at api.test through 127.0.0.1:9 (your http_client)" in down.message
    with socket.create_server(("127.0.0.1", 0)) as listener:
        _Refusing(listener).start()
        port = listener.getsockname()[1]
        refused = error_with(port)
    assert f"through 127.0.0.1:{port} (your http_client)" in refused.message
    assert "its proxy= or HTTPS_PROXY" in refused.remedy
    assert refused.permanent


def test_a_direct_connection_of_a_users_own_client_names_no_proxy() -> None:
    with (
        httpx.Client(trust_env=False) as http,
        Client(TOKEN, base_url="http://127.0.0.1:9", retry=ONCE, http_client=http) as client,
        pytest.raises(errors.APIConnectionError) as caught,
    ):
        client.credits.balance()
    assert "through" not in caught.value.message


@pytest.mark.parametrize("end", ["?a=1", "#part", "/a b"])
def test_a_base_url_with_more_than_a_path_is_rejected(end: str) -> None:
    with pytest.raises(errors.InvalidRequestError, match="query"):
        settings_from("nmv_usr_x", {"base_url": f"https://api.example.com{end}"})
