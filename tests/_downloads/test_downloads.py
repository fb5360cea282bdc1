"""Downloads over real sockets: resumed after a drop, never corrupted by an unusual server."""

from __future__ import annotations

import gzip
import logging
import re
import stat
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from nemovideo import errors
from nemovideo.retry import RetryPolicy
from tests.support.blocking import KINDS
from tests.support.downloads import ServedResponse, Site, fetch, job_at, serving, some_bytes
from tests.support.servers import TOKEN

FILM = some_bytes(300_000)
OTHER = some_bytes(300_000, "another film")
OLD = "Mon, 01 Jan 2024 00:00:00 GMT"


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", KINDS)
def test_a_download_dropped_twenty_times_is_byte_identical(kind: str, tmp_path: Path) -> None:
    cuts = tuple(1 + 14_000 * (number % 3) for number in range(20))
    site = Site(FILM, cuts=cuts)
    with serving(site) as server:
        policy = RetryPolicy(attempts=2, initial_s=0.001)
        path = fetch(kind, server.url, job_at(server), tmp_path / "film.mp4", retry=policy)
    assert path.read_bytes() == FILM
    assert len(site.requests) == 21
    assert site.starts == [None, *(sum(cuts[: count + 1]) for count in range(20))]
    assert sum(site.sent) == len(FILM)
    assert {request.headers["if-range"] for request in site.requests[1:]} == {'"v1"'}
    assert {request.headers["accept-encoding"] for request in site.requests} == {"identity"}
    assert names_in(tmp_path) == ["film.mp4"]


def test_retries_without_progress_are_limited(tmp_path: Path) -> None:
    site = Site(FILM, cuts=(1000, *[0] * 99))
    with serving(site) as server, pytest.raises(errors.DownloadError) as caught:
        fetch("sync", server.url, job_at(server), tmp_path / "film.mp4")
    assert [request.path for request in site.requests].count("/film.mp4") == 1 + 3
    assert caught.value.interrupted
    assert names_in(tmp_path) == ["film.mp4.part", "film.mp4.part.json"]


@attrs.frozen
class Case:
    """A server's behavior, and the expected bytes, or None for a DownloadError."""

    change: Callable[[ServedResponse], None]
    expected: bytes | None = FILM
    cuts: tuple[int | None, ...] = (100_000,)
    size: int | None = None
    etag: str = '"v1"'
    modified: str = ""
    starts: tuple[int | None, ...] | None = None


def no_ranges(response: ServedResponse) -> None:
    response.status, response.body = 200, FILM
    response.headers |= {"Content-Length": str(len(FILM)), "Content-Range": ""}


def changed_file(response: ServedResponse) -> None:
    """Serve a different file after the first response."""
    if response.number > 1:
        no_ranges(response)
        response.body = OTHER
        response.headers["ETag"] = '"v2"'


def changed_file_without_if_range(response: ServedResponse) -> None:
    """Serve a different file after the first response, and ignore If-Range."""
    if response.number > 1:
        whole = response.request.start is None
        response.body = OTHER if whole else OTHER[response.request.start :]
        response.headers["ETag"] = '"v2"'


def with_headers(**headers: str) -> Callable[[ServedResponse], None]:
    lower = {name.replace("_", "-"): value for name, value in headers.items()}

    def change(response: ServedResponse) -> None:
        response.headers |= lower

    return change


def with_range(text: str) -> Callable[[ServedResponse], None]:
    def change(response: ServedResponse) -> None:
        if response.status == 206:
            response.headers["Content-Range"] = text

    return change


def refused_range(response: ServedResponse) -> None:
    if response.request.start is not None:
        response.status, response.body = 416, b""
        response.headers |= {"Content-Length": "0", "Content-Range": f"bytes */{len(FILM)}"}


def failed_condition(response: ServedResponse) -> None:
    if response.request.start is not None:
        response.status, response.body = 412, b""
        response.headers["Content-Length"] = "0"


def short_ranges(response: ServedResponse) -> None:
    start = response.request.start
    if start is not None:
        response.body = response.body[:70_000]
        end = start + len(response.body) - 1
        response.headers["Content-Range"] = f"bytes {start}-{end}/{len(FILM)}"
        response.headers["Content-Length"] = str(len(response.body))


def unrequested_range(response: ServedResponse) -> None:
    response.status = 206
    response.headers["Content-Range"] = f"bytes 0-{len(FILM) - 1}/{len(FILM)}"


def until_close(response: ServedResponse) -> None:
    response.headers["Content-Length"] = ""


def chunked(response: ServedResponse) -> None:
    size = len(response.body)
    response.body = b"%x\r\n%s\r\n0\r\n\r\n" % (size, response.body)
    response.headers |= {"Content-Length": "", "Transfer-Encoding": "chunked"}


def short_chunked(response: ServedResponse) -> None:
    response.body = response.body[: len(response.body) // 2]
    chunked(response)


def gzipped(response: ServedResponse) -> None:
    response.body = gzip.compress(FILM)
    response.status = 200
    response.headers |= {
        "Content-Encoding": "gzip",
        "Content-Length": str(len(response.body)),
        "Content-Range": "",
    }


def truncated_gzip(response: ServedResponse) -> None:
    gzipped(response)
    response.body = response.body[:-1000]
    response.headers["Content-Length"] = str(len(response.body))


def corrupt_gzip(response: ServedResponse) -> None:
    gzipped(response)
    response.body = response.body[:5000] + bytes(100) + response.body[5100:]


def empty(response: ServedResponse) -> None:
    response.body = b""
    response.headers["Content-Length"] = "0"


CASES = {
    "no ranges": Case(no_ranges, starts=(None, 100_000)),
    "a file that changed": Case(changed_file, OTHER, starts=(None, 100_000)),
    "a file that changed, If-Range ignored": Case(
        changed_file_without_if_range, OTHER, starts=(None, 100_000, None)
    ),
    "another start": Case(with_range("bytes 99999-299999/300000")),
    "another total": Case(with_range("bytes 100000-299999/300001")),
    "an invalid range": Case(with_range("100000-300000"), starts=(None, 100_000, None)),
    "no content range": Case(with_range("")),
    "a range beyond its total": Case(with_range("bytes 100000-399999/300000")),
    "an unknown total": Case(with_range("bytes 100000-299999/*"), starts=(None, 100_000)),
    "a refused range": Case(refused_range, starts=(None, 100_000, None)),
    "a failed condition": Case(failed_condition, starts=(None, 100_000, None)),
    "short ranges": Case(short_ranges, starts=(None, 100_000, 170_000, 240_000)),
    "an unrequested range": Case(unrequested_range, None, cuts=()),
    "no validator": Case(with_headers(ETag=""), starts=(None, None)),
    "a weak tag": Case(with_headers(), etag='W/"v1"', starts=(None, None)),
    "a weak tag and a date": Case(
        with_headers(), etag='W/"v1"', modified=OLD, starts=(None, 100_000)
    ),
    "a date": Case(with_headers(), etag="", modified=OLD, starts=(None, 100_000)),
    "a date as recent as the response": Case(
        with_headers(Date=OLD), etag="", modified=OLD, starts=(None, None)
    ),
    "an invalid date": Case(with_headers(), etag="", modified="yesterday", starts=(None, None)),
    "a length too long": Case(with_headers(Content_Length="400000"), None, cuts=()),
    "a length too short": Case(with_headers(Content_Length="200000"), None, cuts=(), size=300_000),
    "a different length than the render's": Case(with_headers(), None, cuts=(), size=300_001),
    "no length": Case(until_close, None, cuts=()),
    "no length, but the render has one": Case(until_close, size=300_000),
    "no length, and more than the render has": Case(until_close, None, cuts=(), size=299_999),
    "chunks": Case(chunked, cuts=()),
    "chunks, dropped": Case(chunked, starts=None),
    "chunks, too few": Case(short_chunked, None, cuts=(), size=300_000, etag=""),
    "gzip": Case(gzipped, cuts=()),
    "gzip, dropped": Case(gzipped, starts=(None, None)),
    "gzip, truncated": Case(truncated_gzip, None, cuts=()),
    "gzip, corrupt": Case(corrupt_gzip, None, cuts=()),
    "brotli": Case(with_headers(Content_Encoding="br"), None, cuts=()),
    "an empty file": Case(empty, None, cuts=()),
    "a page": Case(with_headers(Content_Type="text/html; charset=utf-8"), None, cuts=()),
    "json": Case(with_headers(Content_Type="application/json"), None, cuts=()),
}


@pytest.mark.parametrize("name", CASES)
def test_an_unusual_server_gives_the_right_file_or_an_error(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    site = Site(FILM, etag=case.etag, modified=case.modified, cuts=case.cuts, change=case.change)
    path = tmp_path / "film.mp4"
    with serving(site) as server:
        job = job_at(server, case.size)
        if case.expected is None:
            with pytest.raises(errors.DownloadError):
                fetch("sync", server.url, job, path)
            assert not path.exists()
            return
        fetch("sync", server.url, job, path)
    assert path.read_bytes() == case.expected
    assert names_in(tmp_path) == ["film.mp4"]
    assert {request.path for request in site.requests} == {"/film.mp4"}
    if case.starts is not None:
        assert tuple(site.starts) == case.starts


@pytest.mark.parametrize("same", [True, False], ids=["the same tag", "another tag"])
def test_the_api_resumes_a_failed_link_if_it_has_the_same_file(same: bool, tmp_path: Path) -> None:
    cdn = Site(FILM, cuts=(100_000, *[0] * 9))
    api = Site(FILM, etag='"v1"' if same else '"api"')
    with serving(cdn) as links, serving(api) as server:
        path = fetch("sync", server.url, job_at(links, len(FILM)), tmp_path / "film.mp4")
    assert path.read_bytes() == FILM
    assert [request.path for request in api.requests] == ["/api/render/proxy/r1/download"]
    assert api.sent == [200_000 if same else 300_000]
    assert f"Bearer {TOKEN}" == api.requests[0].headers["authorization"]
    assert all("authorization" not in request.headers for request in cdn.requests)
    assert all("x-skill-source" not in request.headers for request in cdn.requests)


def test_a_date_from_one_host_is_not_sent_to_another(tmp_path: Path) -> None:
    cdn = Site(FILM, etag="", modified=OLD, cuts=(100_000, *[0] * 9))
    api = Site(OTHER, etag="", modified=OLD)
    with serving(cdn) as links, serving(api) as server:
        path = fetch("sync", server.url, job_at(links), tmp_path / "film.mp4")
    assert path.read_bytes() == OTHER
    assert api.starts == [None]


def test_the_api_serves_the_file_of_an_expired_link(tmp_path: Path) -> None:
    def expired(response: ServedResponse) -> None:
        response.status = 403

    cdn, api = Site(b"<Error>", change=expired), Site(FILM)
    with serving(cdn) as links, serving(api) as server:
        path = fetch("sync", server.url, job_at(links), tmp_path / "film.mp4")
    assert path.read_bytes() == FILM


def test_a_retry_is_logged_without_the_links_signature(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site = Site(FILM, cuts=(100_000,))
    with caplog.at_level(logging.INFO, "nemovideo"), serving(site) as server:
        job = job_at(server, path="/film.mp4?X-Amz-Signature=5ecre7")
        fetch("sync", server.url, job, tmp_path / "film.mp4")
    messages = [record.getMessage() for record in caplog.records if record.name == "nemovideo"]
    assert "trying again" in "".join(messages)
    assert "5ecre7" not in "".join(messages)


def test_the_resume_record_has_no_secret(tmp_path: Path) -> None:
    site = Site(FILM, cuts=(100_000, *[0] * 99))
    link = "/secret-path/film.mp4?X-Amz-Signature=5ecre7&token=abc"
    with serving(site) as server, pytest.raises(errors.DownloadError):
        fetch("sync", server.url, job_at(server, path=link), tmp_path / "film.mp4")
    record = tmp_path / "film.mp4.part.json"
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    assert not re.search("secret|5ecre7|token|abc|127.0.0.1|nmv_", record.read_text())
    assert (tmp_path / "film.mp4.part").read_bytes() == FILM[:100_000]


@pytest.mark.parametrize("kind", KINDS)
def test_the_next_call_resumes_even_with_a_new_signature(kind: str, tmp_path: Path) -> None:
    site = Site(FILM, cuts=(100_000, *[0] * 9))
    path = tmp_path / "film.mp4"
    with serving(site) as server:
        with pytest.raises(errors.DownloadError):
            fetch(kind, server.url, job_at(server, path="/film.mp4?signature=1"), path)
        site.requests.clear()
        site.cuts.clear()
        seen: list[tuple[int, int | None]] = []
        job = job_at(server, path="/film.mp4?signature=2")
        fetch(kind, server.url, job, path, on_progress=lambda *now: seen.append(now))
    assert path.read_bytes() == FILM
    assert site.starts == [100_000]
    assert seen[0][0] >= 100_000
    assert seen[-1] == (300_000, 300_000)
    assert names_in(tmp_path) == ["film.mp4"]


CORRUPTIONS: dict[str, Callable[[Path], object]] = {
    "of another render": lambda record: None,
    "without a record": lambda record: record.unlink(),
    "with a corrupt record": lambda record: record.write_text("{"),
    "with a binary record": lambda record: record.write_bytes(b"\xff\xfe"),
    "with a header in its record": lambda record: record.write_text(
        record.read_text().replace('\\"v1\\"', '\\"v1\\"\\r\\nX-Evil: 1')
    ),
    "longer than its total": lambda record: record.write_text(
        record.read_text().replace("300000", "9")
    ),
}


@pytest.mark.parametrize("what", CORRUPTIONS)
def test_an_unverifiable_part_is_discarded(what: str, tmp_path: Path) -> None:
    path, record = tmp_path / "film.mp4", tmp_path / "film.mp4.part.json"
    site = Site(FILM, cuts=(100_000, *[0] * 9))
    with serving(site) as server:
        with pytest.raises(errors.DownloadError):
            fetch("sync", server.url, job_at(server), path)
        CORRUPTIONS[what](record)
        site.requests.clear()
        site.cuts.clear()
        name = "r2" if what == "of another render" else "r1"
        fetch("sync", server.url, job_at(server, name=name), path)
    assert path.read_bytes() == FILM
    assert site.starts == [None]
    assert names_in(tmp_path) == ["film.mp4"]


def test_a_download_behind_a_redirect_is_resumed(tmp_path: Path) -> None:
    cdn = Site(FILM, cuts=(100_000,))

    def moved(response: ServedResponse) -> None:
        response.status, response.body = 302, b""
        response.headers |= {"Location": f"{links.url}/film.mp4", "Content-Length": "0"}

    with serving(cdn) as links, serving(Site(b"", change=moved)) as server:
        path = fetch("sync", server.url, job_at(server), tmp_path / "film.mp4")
    assert path.read_bytes() == FILM
    assert cdn.starts == [None, 100_000]
