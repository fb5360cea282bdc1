"""Settings from the environment are used, or rejected with an error that names them."""

from __future__ import annotations

import sys

import httpx
import pytest

from nemovideo import Client, errors
from nemovideo.retry import Polling
from nemovideo.testing import FakeClock
from tests.support.servers import Script, sync_client
from tests.support.service import serving

TOKEN = "nmv_usr_x"


def test_spaces_around_a_url_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as service:
        monkeypatch.setenv("NEMO_API_URL", f" {service.url}/\n")
        with Client(TOKEN) as client:
            assert client.credits.balance().available == 100


@pytest.mark.parametrize(
    "url", ["http://[::1", "https://api.test:99999", "https://api.test:x", "127.0.0.1:80", "//h"]
)
def test_an_invalid_url_is_named_in_the_error(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("NEMO_API_URL", url)
    with pytest.raises(errors.InvalidRequestError, match="NEMO_API_URL"):
        Client(TOKEN)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.8.8", "[::1]", "[::ffff:127.0.0.1]", "localhost", "LocalHost."]
)
def test_every_name_of_this_machine_is_recognized(host: str) -> None:
    Client(TOKEN, base_url=f"http://{host}:9").close()


@pytest.mark.parametrize(
    ("outage", "interval_s"), [("2", 1.0), ("8", 2.0), ("120", 10.0), ("", 10.0)]
)
def test_the_environment_limits_an_outage(
    monkeypatch: pytest.MonkeyPatch, outage: str, interval_s: float
) -> None:
    monkeypatch.setenv("NEMO_OUTAGE", outage)
    expected = Polling(interval_s=interval_s, outage_s=float(outage) if outage else None)
    with Client(TOKEN) as client, client.with_options(base_url="https://api.test") as copy:
        assert client._settings.polling == copy._settings.polling == expected
        with client.with_options(base_url="http://127.0.0.1:9") as local:
            polling = local._settings.polling
        assert (polling.interval_s, polling.outage_s) == (0.2, expected.outage_s)
    with Client(TOKEN, polling=Polling(first_s=2)) as client:
        assert client._settings.polling == Polling(first_s=2)


@pytest.mark.parametrize("wrong", ["soon", "0", "-1", "inf", "nan"])
def test_an_outage_that_is_not_a_number_is_refused(
    monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("NEMO_OUTAGE", wrong)
    with pytest.raises(errors.InvalidRequestError, match=f"NEMO_OUTAGE='{wrong}' is not"):
        Client(TOKEN)


@pytest.mark.parametrize(
    ("base_url", "late_s"), [("http://127.0.0.1:9", 0.2), ("https://api.test", 10)]
)
def test_a_server_on_this_machine_is_polled_often(base_url: str, late_s: float) -> None:
    clock = FakeClock(grace_s=0.01)
    responses = [httpx.Response(200, json={"id": "r", "status": "processing"}) for _ in range(9)]
    script = Script(*responses, httpx.Response(200, json={"id": "r", "status": "completed"}))
    with sync_client(script, base_url=base_url, clock=clock) as client:
        client.render.wait("r")
    assert max(clock.waits) == late_s
    clock.waits.clear()
    other = "https://api.test" if late_s < 1 else "http://localhost:9"
    with (
        sync_client(script, base_url=other, clock=clock) as client,
        client.with_options(base_url=base_url) as copy,
    ):
        script.responses[:0] = responses
        copy.render.wait("r")
    assert max(clock.waits) == late_s
    clock.waits.clear()
    polling = Polling(first_s=5, interval_s=5)
    script = Script(*responses, httpx.Response(200, json={"id": "r", "status": "completed"}))
    with sync_client(script, base_url=base_url, clock=clock, polling=polling) as client:
        client.render.wait("r")
    assert set(clock.waits) == {5}


@pytest.mark.parametrize("host", ["[::ffff:10.0.0.1]", "127.0.0.1.test", "localhost.test"])
def test_other_machines_require_encryption(host: str) -> None:
    with pytest.raises(errors.InvalidRequestError, match="encryption"):
        Client(TOKEN, base_url=f"http://{host}:9")


def test_a_header_that_cannot_be_sent_is_named_in_the_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("user_agent", "platform", "skill_source", "skill_version"):
        with pytest.raises(errors.InvalidRequestError, match=name):
            Client(TOKEN, **{name: "a\r\nX-Other: b"})  # type: ignore[arg-type]
    monkeypatch.setenv("SKILL_SOURCE", "a\nb")
    with pytest.raises(errors.InvalidRequestError, match="SKILL_SOURCE"):
        Client(TOKEN)


def test_a_client_works_without_command_line_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [])
    Client(TOKEN).close()
    monkeypatch.delattr(sys, "argv")
    Client(TOKEN).close()
