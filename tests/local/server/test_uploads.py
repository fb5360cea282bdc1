"""Uploads over HTTP: multipart and URLs, names, limits, damage."""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from nemovideo.local.server.forms import Problem
from nemovideo.local.server.uploads import UploadWriter
from tests.support.app import VIDEO, Api, serving

PART = b'--b\r\nContent-Disposition: form-data; name="%b"; filename="a.mp4"\r\n\r\n'
UPLOAD = "/api/upload-video/nemo_agent/me/{}"


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """A backend with an upload limit of two million bytes."""
    with serving(max_upload_bytes=2_000_000) as api:
        yield api


def test_an_uploaded_file_is_described_and_served_by_its_link(api: Api) -> None:
    response = api.upload(api.session(), ("talk.mp4", VIDEO)).json()["data"]
    (file,) = response["files"]
    assert response["session_state_applied"] is True
    assert file["hash"] == hashlib.sha256(VIDEO).hexdigest()
    kind = (file["filename"], file["file_type"], file["duration"], file["width"], file["fps"])
    assert kind == ("talk.mp4", "video", 1.0, 4, 25.0)
    assert file["cdn_url"].startswith(f"{api.backend.url}/files/")
    assert httpx.get(file["cdn_url"]).content == VIDEO
    part = httpx.get(file["cdn_url"], headers={"Range": "bytes=6-7"})
    assert (part.status_code, part.content) == (206, VIDEO[6:8])


def test_the_first_video_of_an_empty_session_is_added_to_the_timeline(api: Api) -> None:
    session_id = api.session()
    api.upload(session_id, ("one.mp4", VIDEO))
    first = api.draft(session_id)
    assert first is not None
    assert first["t"][0]["sg"][0]["m"]["name"] == "one.mp4"
    api.upload(session_id, ("two.mp4", VIDEO))
    assert api.draft(session_id) == first
    state = api.data("GET", f"/api/state/nemo_agent/me/{session_id}/latest")["state"]
    assert [info["filename"] for info in state["video_infos"]] == ["one.mp4", "two.mp4"]


def test_a_request_can_have_several_files(api: Api) -> None:
    response = api.upload(api.session(), ("a.mp4", VIDEO), ("b.mp4", b"VIDEO 2")).json()["data"]
    assert [file["filename"] for file in response["files"]] == ["a.mp4", "b.mp4"]
    assert [httpx.get(file["cdn_url"]).content for file in response["files"]] == [VIDEO, b"VIDEO 2"]


def test_a_thread_that_outlives_its_upload_leaves_no_file(tmp_path: Path) -> None:
    writer = UploadWriter(tmp_path, 9, lambda _: None)
    writer.begin("a.mp4")
    writer.close()
    with pytest.raises(ValueError, match="closed file"):
        writer.write(b"V")
    with pytest.raises(Problem, match="has ended"):
        writer.begin("b.mp4")
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("说话 #1? 100%.mp4", "说话 #1? 100%.mp4"),
        ('say "hi".mp4', 'say "hi".mp4'),
        ("../../../etc/passwd.mp4", "passwd.mp4"),
        ("C:\\temp\\evil.mp4", "evil.mp4"),
        ("/etc/cron.d/x.mp4", "x.mp4"),
        ("..", "file"),
        ("n" * 300 + ".mp4", "n" * 251 + ".mp4"),
    ],
)
def test_names_are_shown_but_never_part_of_a_path(api: Api, name: str, shown: str) -> None:
    (file,) = api.upload(api.session(), (name, VIDEO)).json()["data"]["files"]
    assert file["filename"] == shown
    assert httpx.get(file["cdn_url"]).content == VIDEO
    assert all(shown not in str(path) for path in api.backend.state_dir.rglob("*"))


def test_a_request_with_an_unsupported_file_is_rejected_entirely(api: Api) -> None:
    session_id, before = api.session(), len(list(api.backend.state_dir.rglob("*.mp4")))
    response = api.upload(session_id, ("good.mp4", VIDEO), ("text.mp4", b"some text"))
    assert (response.status_code, response.json()["code"]) == (400, 4001)
    assert "text.mp4" in response.json()["message"]
    assert api.draft(session_id) is None
    assert len(list(api.backend.state_dir.rglob("*.mp4"))) == before


def test_a_file_may_be_as_large_as_the_limit(api: Api) -> None:
    session_id = api.session()
    assert api.upload(session_id, ("a.mp4", VIDEO.ljust(2_000_000))).status_code == 200
    response = api.upload(session_id, ("b.mp4", VIDEO.ljust(2_000_001)))
    assert (response.status_code, response.json()["code"]) == (413, 4002)
    assert list((api.backend.state_dir / "incoming").iterdir()) == []


def test_a_content_length_beyond_any_upload_is_rejected_before_the_body(api: Api) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", api.backend.port, timeout=30)
    connection.putrequest("POST", UPLOAD.format(api.session()))
    connection.putheader("Authorization", api.http.headers["authorization"])
    connection.putheader("Content-Type", "multipart/form-data; boundary=b")
    connection.putheader("Content-Length", str(10**9))
    connection.endheaders()
    with connection.getresponse() as response:
        assert (response.status, json.load(response)["code"]) == (413, 4002)
    connection.close()


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--b--"),
        ("multipart/form-data; boundary=b", b"no multipart at all"),
        ("multipart/form-data; boundary=b", b"--b--\r\n"),
        (
            "multipart/form-data; boundary=b",
            PART % b"files" + b"VIDEO cut",
        ),
        (
            "multipart/form-data; boundary=b",
            PART % b"other" + b"VIDEO\r\n--b--\r\n",
        ),
        ("application/json", b'{"urls": [], "source_type": "url"}'),
        ("application/json", b'{"urls": ["http://127.0.0.1/a.mp4"]}'),
        ("application/json", b'{"urls": [1], "source_type": "url"}'),
        (
            "application/json",
            b'{"urls": ["http://127.0.0.1/a.mp4"%b], "source_type": "url"}' % (b', ""' * 20),
        ),
        ("application/json", b"[]"),
        ("application/json", b"{"),
    ],
)
def test_an_invalid_body_is_rejected(api: Api, content_type: str, body: bytes) -> None:
    path = UPLOAD.format(api.session())
    response = api.ask("POST", path, content=body, headers={"Content-Type": content_type})
    assert response.status_code == 400
    assert "detail" in response.json()


@pytest.mark.parametrize(("length", "status"), [(299, 200), (15_000, 400)])
def test_a_long_content_type_is_refused(api: Api, length: int, status: int) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b".ljust(length, ";")}
    body = PART % b"files" + VIDEO + b"\r\n--b--\r\n"
    path = UPLOAD.format(api.session())
    assert api.ask("POST", path, content=body, headers=headers).status_code == status


def upload_url(api: Api, session_id: str, *urls: str) -> httpx.Response:
    body = {"urls": list(urls), "source_type": "url"}
    return api.ask("POST", UPLOAD.format(session_id), json=body)


SLOW_HOST = "a" + "\u0301" * 50_000 + "\u0323" * 50_000
"""Normalizing this takes half a minute, in which no other thread runs."""


def test_a_file_can_be_uploaded_by_its_url(api: Api) -> None:
    (file,) = api.upload(api.session(), ("käse 1.mp4", VIDEO)).json()["data"]["files"]
    session_id = api.session()
    response = upload_url(api, session_id, file["cdn_url"], file["cdn_url"]).json()["data"]
    assert [found["filename"] for found in response["files"]] == ["käse 1.mp4"] * 2
    assert httpx.get(response["files"][0]["cdn_url"]).content == VIDEO
    assert api.draft(session_id) is not None


@pytest.mark.parametrize(
    "url",
    [
        *("file:///etc/passwd", "ftp://127.0.0.1/a.mp4", "data:,VIDEO", "a.mp4"),
        *("http://", "http://[/", f"http://{SLOW_HOST}/a.mp4"),
    ],
)
def test_only_http_urls_are_fetched(api: Api, url: str) -> None:
    assert upload_url(api, api.session(), url).status_code == 400


def test_a_url_that_returns_an_error_is_rejected(api: Api) -> None:
    response = upload_url(api, api.session(), f"{api.backend.url}/files/none/a.mp4")
    assert response.status_code == 400
    assert "404" in response.json()["detail"]


def test_the_size_limit_applies_to_urls(api: Api) -> None:
    with serving() as big:
        (file,) = big.upload(big.session(), ("a.mp4", VIDEO.ljust(2_000_001))).json()["data"][
            "files"
        ]
        assert upload_url(api, api.session(), file["cdn_url"]).json()["code"] == 4002


def test_guessed_links_are_not_found(api: Api) -> None:
    for path in ("/files/m1/talk.mp4", "/files/../backend.sqlite3", "/files/%2e%2e/x"):
        assert httpx.get(api.backend.url + path).status_code == 404


def test_the_number_of_parts_is_limited(api: Api) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    path = f"/api/upload-video/nemo_agent/me/{api.session()}"
    response = api.ask("POST", path, content=part * 101 + b"--b--\r\n", headers=headers)
    assert (response.status_code, "100 parts" in response.text) == (400, True)


@pytest.mark.parametrize(
    "body",
    [
        b'--b\r\nContent-Disposition: form-data; name="' + b"x" * 10**6,
        (b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n\r\n' % (b";" * 1800)) * 9,
    ],
)
def test_the_headers_of_all_parts_are_limited(api: Api, body: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    path = f"/api/upload-video/nemo_agent/me/{api.session()}"
    response = api.ask("POST", path, content=body, headers=headers)
    assert (response.status_code, "header" in response.text) == (400, True)
