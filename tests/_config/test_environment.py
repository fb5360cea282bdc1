"""Variables and programs as they are found on other machines: used, or refused by name."""

from __future__ import annotations

import sys

import pytest

from nemovideo import Client, errors
from tests.support.service import serving

TOKEN = "nmv_usr_x"


def test_a_url_with_spaces_around_it_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as service:
        monkeypatch.setenv("NEMO_API_URL", f" {service.url}/\n")
        with Client(TOKEN) as client:
            assert client.credits.balance().available == 100


@pytest.mark.parametrize(
    "url", ["http://[::1", "https://api.test:99999", "https://api.test:x", "127.0.0.1:80", "//h"]
)
def test_what_is_not_a_url_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("NEMO_API_URL", url)
    with pytest.raises(errors.InvalidRequestError, match="NEMO_API_URL"):
        Client(TOKEN)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.8.8", "[::1]", "[::ffff:127.0.0.1]", "localhost", "LocalHost."]
)
def test_this_machine_is_known_by_all_its_names(host: str) -> None:
    Client(TOKEN, base_url=f"http://{host}:9").close()


@pytest.mark.parametrize("host", ["[::ffff:10.0.0.1]", "127.0.0.1.test", "localhost.test"])
def test_other_machines_are_not_spoken_to_without_encryption(host: str) -> None:
    with pytest.raises(errors.InvalidRequestError, match="encryption"):
        Client(TOKEN, base_url=f"http://{host}:9")


def test_a_header_that_cannot_be_sent_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("user_agent", "platform", "skill_source", "skill_version"):
        with pytest.raises(errors.InvalidRequestError, match=name):
            Client(TOKEN, **{name: "a\r\nX-Other: b"})  # type: ignore[arg-type]
    monkeypatch.setenv("SKILL_SOURCE", "a\nb")
    with pytest.raises(errors.InvalidRequestError, match="SKILL_SOURCE"):
        Client(TOKEN)


def test_an_embedded_interpreter_without_arguments_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [])
    Client(TOKEN).close()
    monkeypatch.delattr(sys, "argv")
    Client(TOKEN).close()
