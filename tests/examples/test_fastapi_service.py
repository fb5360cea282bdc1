"""The FastAPI example, as its users see it: the service over a socket, the page in a browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import ROOT, WITH_FAST_ENGINE
from tests.support.media import pictures
from tests.support.origin import origin, reply

FOLDER = ROOT / "examples" / "fastapi_service"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
BROWSER_FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """The service in its own process, run by uvicorn."""
    with running() as url:
        yield url


@pytest.fixture(scope="module")
def limited() -> Iterator[str]:
    """A service that accepts only small clips, and one job at a time."""
    with running(MAX_CLIP_BYTES="2000000", MAX_JOBS="1") as url:
        yield url


@contextmanager
def running(**settings: str) -> Iterator[str]:
    """Start the service on a socket that is already listening: requests wait until it is ready."""
    command = [
        *WITH_FAST_ENGINE,
        "-m",
        "uvicorn",
        "--app-dir",
        str(FOLDER),
        "--log-level",
        "warning",
    ]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        process = subprocess.Popen(
            [*command, "--fd", str(listener.fileno()), "--log-level", "warning", "service:app"],
            env={**os.environ, "NEMO_LOCAL": "1", **settings},
            pass_fds=[listener.fileno()],
        )
    with process:
        try:
            yield url
        finally:
            process.terminate()


def post(url: str, **body: Any) -> httpx.Response:
    return httpx.post(f"{url}/clips", timeout=120, **body)


def _events(url: str, name: str) -> list[dict[str, object]]:
    with httpx.stream("GET", f"{url}/clips/{name}/events", timeout=120) as response:
        lines = [line for line in response.iter_lines() if line]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def test_a_clip_goes_in_and_a_clean_one_comes_out(service: str, clip: Path, tmp_path: Path) -> None:
    with clip.open("rb") as file:
        response = post(service, files={"file": file}, data={"background": "white"})
    name = response.json()["id"]
    events = _events(service, name)
    fractions = [float(str(line.get("fraction", 0))) for line in events]
    assert fractions == sorted(fractions)
    assert events[-1] == {"done": True, "fraction": 1.0, "message": "Ready"}
    result = tmp_path / "clean.mp4"
    result.write_bytes(httpx.get(f"{service}/clips/{name}/video").content)
    assert len(pictures(result)) == len(pictures(clip))


def test_a_file_that_is_not_a_clip_is_named_without_advice_for_programmers(service: str) -> None:
    files = {"file": ("notes.mp4", b"dear diary", "video/mp4")}
    name = post(service, files=files).json()["id"]
    (*_, last) = _events(service, name)
    assert "'notes.mp4'" in str(last["error"])
    assert "source" not in str(last["error"])
    assert "remedy" not in last
    assert httpx.get(f"{service}/clips/{name}/video").status_code == 409
    assert httpx.get(f"{service}/clips/other/events").status_code == 404


def test_visitors_can_access_only_their_own_clips(service: str, clip: Path) -> None:
    secret = clip.with_name("secret.png")
    secret.write_bytes(b"secret")
    with origin(reply(b"inside")) as inside:
        outcomes = []
        for words in (
            str(secret),
            f"file://{secret}",
            str(clip.with_name("no-such-file.png")),
            f"{inside.url}/a.png",
            "http://169.254.169.254/a.png",
        ):
            with clip.open("rb") as file:
                started = post(service, files={"file": file}, data={"background": words})
            (*_, last) = _events(service, started.json()["id"])
            outcome = str(last).replace(Path(words).name, "NAME")
            outcomes.append(re.sub(r"attach\('\d+'\)", "attach(ID)", outcome))
        assert inside.requests.empty()
    assert "secret" not in str(outcomes)
    assert outcomes[0] == outcomes[2]  # which files exist is not revealed
    assert not any("done" in outcome for outcome in outcomes)


@pytest.mark.parametrize("name", ["../../a.mp4", "a." + "m" * 300, "a.mp4\0", ""])
def test_no_file_name_is_harmful(service: str, name: str, clip: Path) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="'
        + name.encode()
        + b'"\r\nContent-Type: video/mp4\r\n\r\n'
        + clip.read_bytes()
        + b"\r\n--b--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    response = post(service, content=body, headers=headers)
    assert response.status_code in (202, 422)
    if response.status_code == 202:
        assert _events(service, response.json()["id"])[-1].get("done")


def test_a_charset_set_by_the_visitor_is_harmless(service: str, clip: Path) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b; charset=unicode_escape"}
    for words in (b"\\ud83d" * 250, b"\\ud83d office"):
        body = (
            b'--b\r\nContent-Disposition: form-data; name="background"\r\n\r\n'
            + words
            + b'\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
            + clip.read_bytes()
            + b"\r\n--b--\r\n"
        )
        response = post(service, content=body, headers=headers)
        assert (response.status_code, "send a clip" in response.text) == (422, True)


def test_uploads_and_descriptions_have_size_limits(limited: str, clip: Path) -> None:
    big = b"x" * 4_000_000
    assert post(limited, files={"file": ("a.mp4", big)}).status_code == 413

    def chunks() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        yield from (b"x" * 100_000 for _ in range(60))

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    with suppress(httpx.WriteError, httpx.RemoteProtocolError):  # the server may stop reading early
        response = post(limited, content=chunks(), headers=headers)
        assert response.status_code == 413
    files = {"file": ("a.mp4", clip.read_bytes())}
    words = {"background": "w" * 201}
    assert post(limited, files=files, data=words).status_code == 422


def test_only_a_form_with_one_file_is_read(service: str, clip: Path) -> None:
    files = [("file", ("a.mp4", clip.read_bytes()))] * 2
    assert post(service, files=files).status_code == 400
    assert post(service, data={"file": "a.mp4"}).status_code == 422
    assert post(service, json={"file": "a.mp4"}).status_code == 422
    assert post(service, files=files[:1], data={"background": "x" * 1000}).status_code == 400


def unfinished(url: str) -> socket.socket:
    """Begin an upload; return its connection."""
    connection = socket.create_connection(("127.0.0.1", httpx.URL(url).port or 0), timeout=30)
    connection.sendall(
        b"POST /clips HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\nExpect: 100-continue\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    )
    assert connection.recv(100).startswith(b"HTTP/1.1 100")  # it is being read
    return connection


@pytest.mark.skipif(sys.platform != "linux", reason="needs several loopback addresses")
def test_unfinished_uploads_do_not_block_other_visitors(limited: str, clip: Path) -> None:
    files = {"file": ("a.mp4", clip.read_bytes())}
    with unfinished(limited), unfinished(limited):
        response = post(limited, files=files)
        assert (response.status_code, response.headers["retry-after"]) == (503, "60")
        elsewhere = httpx.HTTPTransport(local_address="127.0.0.2")
        with httpx.Client(transport=elsewhere, timeout=120) as other:
            started = other.post(f"{limited}/clips", files=files)
        assert started.status_code == 202
        _events(limited, started.json()["id"])
    responses = (post(limited, files=files) for _ in range(500))
    later = next(
        response for response in responses if response.status_code == 202
    )  # the slots are free again
    _events(limited, later.json()["id"])


def test_a_slow_upload_is_aborted() -> None:
    with running(UPLOAD_GRACE_S="0.2") as url, unfinished(url) as slow:
        assert slow.recv(100).startswith(b"HTTP/1.1 408")


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
def test_the_page_shows_the_progress_and_plays_the_result(service: str, clip: Path) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=CHROMIUM, args=BROWSER_FLAGS)
        page = browser.new_page(viewport={"width": 720, "height": 760})
        page.goto(service)
        page.set_input_files("input[type=file]", clip)
        page.fill("input[name=background]", "#00b140")
        page.click("button")
        page.wait_for_function("document.querySelector('video').readyState >= 2", timeout=60_000)
        assert page.inner_text("[role=status]") == "Ready"
        assert page.evaluate("document.querySelector('progress').value") == 1
        assert page.inner_text("[role=alert]") == ""
        if shown := os.environ.get("NEMO_SHOW"):
            page.screenshot(path=shown)
        browser.close()
