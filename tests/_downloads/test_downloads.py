"""Downloads over real sockets: broken ones go on, odd servers never leave a bad file."""

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
from tests.support.downloads import KINDS, Answer, Site, fetch, job_at, serving, some_bytes
from tests.support.servers import TOKEN

FILM = some_bytes(300_000)
OTHER = some_bytes(300_000, "another film")
OLD = "Mon, 01 Jan 2024 00:00:00 GMT"


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", KINDS)
def test_a_download_cut_twenty_times_is_byte_identical(kind: str, tmp_path: Path) -> None:
    cuts = tuple(1 + 14_000 * (number % 3) for number in range(20))
    site = Site(FILM, cuts=cuts)
    with serving(site) as server:
        policy = RetryPolicy(attempts=2, initial_s=0.001)
        path = fetch(kind, server.url, job_at(server), tmp_path / "film.mp4", retry=policy)
    assert path.read_bytes() == FILM
    assert len(site.asked) == 21
    assert site.starts == [None, *(sum(cuts[: count + 1]) for count in range(20))]
    assert sum(site.sent) == len(FILM)
    assert {asked.headers["if-range"] for asked in site.asked[1:]} == {'"v1"'}
    assert {asked.headers["accept-encoding"] for asked in site.asked} == {"identity"}
    assert left(tmp_path) == ["film.mp4"]


@pytest.mark.parametrize("kind", ["sync", "asyncio"])
def test_tries_that_bring_nothing_are_counted(kind: str, tmp_path: Path) -> None:
    site = Site(FILM, cuts=(1000, *[0] * 99))
    with serving(site) as server, pytest.raises(errors.DownloadError) as caught:
        fetch(kind, server.url, job_at(server), tmp_path / "film.mp4")
    link = [asked for asked in site.asked if asked.path == "/film.mp4"]
    assert len(link) == 1 + 3
    assert caught.value.interrupted
    assert left(tmp_path) == ["film.mp4.part", "film.mp4.part.json"]


@attrs.frozen
class Odd:
    """An odd server, and what must come of it: the bytes, or None for a DownloadError."""

    bend: Callable[[Answer], None]
    becomes: bytes | None = FILM
    cuts: tuple[int | None, ...] = (100_000,)
    size: int | None = None
    etag: str = '"v1"'
    modified: str = ""
    starts: tuple[int | None, ...] | None = None


def no_ranges(answer: Answer) -> None:
    answer.status, answer.body = 200, FILM
    answer.headers |= {"Content-Length": str(len(FILM)), "Content-Range": ""}


def changed(answer: Answer) -> None:
    """A good server whose file changes after the first answer."""
    if answer.number > 1:
        no_ranges(answer)
        answer.body = OTHER
        answer.headers["ETag"] = '"v2"'


def changed_unheeded(answer: Answer) -> None:
    """The same, but it sends a piece of the new file, whatever If-Range says."""
    if answer.number > 1:
        whole = answer.asked.start is None
        answer.body = OTHER if whole else OTHER[answer.asked.start :]
        answer.headers["ETag"] = '"v2"'


def with_headers(**headers: str) -> Callable[[Answer], None]:
    given = {name.replace("_", "-"): value for name, value in headers.items()}

    def bend(answer: Answer) -> None:
        answer.headers |= given

    return bend


def with_range(text: str) -> Callable[[Answer], None]:
    def bend(answer: Answer) -> None:
        if answer.status == 206:
            answer.headers["Content-Range"] = text

    return bend


def refused_range(answer: Answer) -> None:
    if answer.asked.start is not None:
        answer.status, answer.body = 416, b""
        answer.headers |= {"Content-Length": "0", "Content-Range": f"bytes */{len(FILM)}"}


def failed_condition(answer: Answer) -> None:
    if answer.asked.start is not None:
        answer.status, answer.body = 412, b""
        answer.headers["Content-Length"] = "0"


def small_pieces(answer: Answer) -> None:
    start = answer.asked.start
    if start is not None:
        answer.body = answer.body[:70_000]
        end = start + len(answer.body) - 1
        answer.headers["Content-Range"] = f"bytes {start}-{end}/{len(FILM)}"
        answer.headers["Content-Length"] = str(len(answer.body))


def piece_unasked(answer: Answer) -> None:
    answer.status = 206
    answer.headers["Content-Range"] = f"bytes 0-{len(FILM) - 1}/{len(FILM)}"


def until_close(answer: Answer) -> None:
    answer.headers["Content-Length"] = ""


def chunked(answer: Answer) -> None:
    size = len(answer.body)
    answer.body = b"%x\r\n%s\r\n0\r\n\r\n" % (size, answer.body)
    answer.headers |= {"Content-Length": "", "Transfer-Encoding": "chunked"}


def short_chunked(answer: Answer) -> None:
    answer.body = answer.body[: len(answer.body) // 2]
    chunked(answer)


def packed(answer: Answer) -> None:
    answer.body = gzip.compress(FILM)
    answer.status = 200
    answer.headers |= {
        "Content-Encoding": "gzip",
        "Content-Length": str(len(answer.body)),
        "Content-Range": "",
    }


def half_packed(answer: Answer) -> None:
    packed(answer)
    answer.body = answer.body[:-1000]
    answer.headers["Content-Length"] = str(len(answer.body))


def damaged_packed(answer: Answer) -> None:
    packed(answer)
    answer.body = answer.body[:5000] + bytes(100) + answer.body[5100:]


def empty(answer: Answer) -> None:
    answer.body = b""
    answer.headers["Content-Length"] = "0"


ODD = {
    "no ranges": Odd(no_ranges, starts=(None, 100_000)),
    "a file that changed": Odd(changed, OTHER, starts=(None, 100_000)),
    "a file that changed, unheeded": Odd(changed_unheeded, OTHER, starts=(None, 100_000, None)),
    "another start": Odd(with_range("bytes 99999-299999/300000")),
    "another total": Odd(with_range("bytes 100000-299999/300001")),
    "a range that is none": Odd(with_range("100000-300000"), starts=(None, 100_000, None)),
    "no content range": Odd(with_range("")),
    "a range beyond its total": Odd(with_range("bytes 100000-399999/300000")),
    "an unknown total": Odd(with_range("bytes 100000-299999/*"), starts=(None, 100_000)),
    "a refused range": Odd(refused_range, starts=(None, 100_000, None)),
    "a failed condition": Odd(failed_condition, starts=(None, 100_000, None)),
    "small pieces": Odd(small_pieces, starts=(None, 100_000, 170_000, 240_000)),
    "a piece that nobody asked for": Odd(piece_unasked, None, cuts=()),
    "no validator": Odd(with_headers(ETag=""), starts=(None, None)),
    "a weak tag": Odd(with_headers(), etag='W/"v1"', starts=(None, None)),
    "a weak tag and a date": Odd(
        with_headers(), etag='W/"v1"', modified=OLD, starts=(None, 100_000)
    ),
    "a date": Odd(with_headers(), etag="", modified=OLD, starts=(None, 100_000)),
    "a date as young as the answer": Odd(
        with_headers(Date=OLD), etag="", modified=OLD, starts=(None, None)
    ),
    "a date that is none": Odd(with_headers(), etag="", modified="yesterday", starts=(None, None)),
    "a length too long": Odd(with_headers(Content_Length="400000"), None, cuts=()),
    "a length too short": Odd(with_headers(Content_Length="200000"), None, cuts=(), size=300_000),
    "another length than the render's": Odd(with_headers(), None, cuts=(), size=300_001),
    "no length": Odd(until_close, None, cuts=()),
    "no length, but the render has one": Odd(until_close, size=300_000),
    "no length, and more than the render has": Odd(until_close, None, cuts=(), size=299_999),
    "chunks": Odd(chunked, cuts=()),
    "chunks, cut": Odd(chunked, starts=None),
    "chunks, too few": Odd(short_chunked, None, cuts=(), size=300_000, etag=""),
    "gzip": Odd(packed, cuts=()),
    "gzip, cut": Odd(packed, starts=(None, None)),
    "gzip, half of it": Odd(half_packed, None, cuts=()),
    "gzip, damaged": Odd(damaged_packed, None, cuts=()),
    "brotli": Odd(with_headers(Content_Encoding="br"), None, cuts=()),
    "an empty file": Odd(empty, None, cuts=()),
    "a page": Odd(with_headers(Content_Type="text/html; charset=utf-8"), None, cuts=()),
    "json": Odd(with_headers(Content_Type="application/json"), None, cuts=()),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("kind", ["sync", "asyncio"])
def test_an_odd_server_gives_the_right_file_or_an_error(
    name: str, kind: str, tmp_path: Path
) -> None:
    odd = ODD[name]
    site = Site(FILM, etag=odd.etag, modified=odd.modified, cuts=odd.cuts, bend=odd.bend)
    path = tmp_path / "film.mp4"
    with serving(site) as server:
        job = job_at(server, odd.size)
        if odd.becomes is None:
            with pytest.raises(errors.DownloadError):
                fetch(kind, server.url, job, path)
            assert not path.exists()
            return
        fetch(kind, server.url, job, path)
    assert path.read_bytes() == odd.becomes
    assert left(tmp_path) == ["film.mp4"]
    assert {asked.path for asked in site.asked} == {"/film.mp4"}
    if odd.starts is not None:
        assert tuple(site.starts) == odd.starts


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("same", [True, False], ids=["the same tag", "another tag"])
def test_where_the_link_fails_the_api_goes_on_if_it_is_the_same_file(
    kind: str, same: bool, tmp_path: Path
) -> None:
    cdn = Site(FILM, cuts=(100_000, *[0] * 9))
    api = Site(FILM, etag='"v1"' if same else '"api"')
    with serving(cdn) as links, serving(api) as server:
        path = fetch(kind, server.url, job_at(links, len(FILM)), tmp_path / "film.mp4")
    assert path.read_bytes() == FILM
    assert [asked.path for asked in api.asked] == ["/api/render/proxy/r1/download"]
    assert api.sent == [200_000 if same else 300_000]
    assert f"Bearer {TOKEN}" == api.asked[0].headers["authorization"]
    assert all("authorization" not in asked.headers for asked in cdn.asked)
    assert all("x-skill-source" not in asked.headers for asked in cdn.asked)


def test_a_date_of_one_place_is_not_shown_to_another(tmp_path: Path) -> None:
    cdn = Site(FILM, etag="", modified=OLD, cuts=(100_000, *[0] * 9))
    api = Site(OTHER, etag="", modified=OLD)
    with serving(cdn) as links, serving(api) as server:
        path = fetch("sync", server.url, job_at(links), tmp_path / "film.mp4")
    assert path.read_bytes() == OTHER
    assert api.starts == [None]


def test_an_expired_link_is_followed_by_the_api(tmp_path: Path) -> None:
    def expired(answer: Answer) -> None:
        answer.status = 403

    cdn, api = Site(b"<Error>", bend=expired), Site(FILM)
    with serving(cdn) as links, serving(api) as server:
        path = fetch("sync", server.url, job_at(links), tmp_path / "film.mp4")
    assert path.read_bytes() == FILM


@pytest.mark.parametrize("kind", ["sync", "asyncio"])
def test_a_link_that_is_asked_again_is_logged_without_its_signature(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site = Site(FILM, cuts=(100_000,))
    with caplog.at_level(logging.INFO, "nemovideo"), serving(site) as server:
        job = job_at(server, path="/film.mp4?X-Amz-Signature=5ecre7")
        fetch(kind, server.url, job, tmp_path / "film.mp4")
    told = [record.getMessage() for record in caplog.records if record.name == "nemovideo"]
    assert "trying again" in "".join(told)
    assert "5ecre7" not in "".join(told)


def test_what_is_kept_between_runs_holds_no_secret(tmp_path: Path) -> None:
    site = Site(FILM, cuts=(100_000, *[0] * 99))
    link = "/secret-path/film.mp4?X-Amz-Signature=5ecre7&token=abc"
    with serving(site) as server, pytest.raises(errors.DownloadError):
        fetch("sync", server.url, job_at(server, path=link), tmp_path / "film.mp4")
    note = tmp_path / "film.mp4.part.json"
    assert stat.S_IMODE(note.stat().st_mode) == 0o600
    assert not re.search("secret|5ecre7|token|abc|127.0.0.1|nmv_", note.read_text())
    assert (tmp_path / "film.mp4.part").read_bytes() == FILM[:100_000]


@pytest.mark.parametrize("kind", KINDS)
def test_the_next_call_goes_on_and_a_new_signature_does_not_matter(
    kind: str, tmp_path: Path
) -> None:
    site = Site(FILM, cuts=(100_000, *[0] * 9))
    path = tmp_path / "film.mp4"
    with serving(site) as server:
        with pytest.raises(errors.DownloadError):
            fetch(kind, server.url, job_at(server, path="/film.mp4?signature=1"), path)
        site.asked.clear()
        site.cuts.clear()
        seen: list[tuple[int, int | None]] = []
        job = job_at(server, path="/film.mp4?signature=2")
        fetch(kind, server.url, job, path, on_progress=lambda *now: seen.append(now))
    assert path.read_bytes() == FILM
    assert site.starts == [100_000]
    assert seen[0][0] >= 100_000
    assert seen[-1] == (300_000, 300_000)
    assert left(tmp_path) == ["film.mp4"]


SPOILT: dict[str, Callable[[Path], object]] = {
    "of another render": lambda note: None,
    "without a record": lambda note: note.unlink(),
    "with a damaged record": lambda note: note.write_text("{"),
    "with a record that is no text": lambda note: note.write_bytes(b"\xff\xfe"),
    "with a header in its record": lambda note: note.write_text(
        note.read_text().replace('\\"v1\\"', '\\"v1\\"\\r\\nX-Evil: 1')
    ),
    "longer than its total": lambda note: note.write_text(note.read_text().replace("300000", "9")),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_part_that_may_be_of_something_else_is_begun_anew(what: str, tmp_path: Path) -> None:
    path, note = tmp_path / "film.mp4", tmp_path / "film.mp4.part.json"
    site = Site(FILM, cuts=(100_000, *[0] * 9))
    with serving(site) as server:
        with pytest.raises(errors.DownloadError):
            fetch("sync", server.url, job_at(server), path)
        SPOILT[what](note)
        site.asked.clear()
        site.cuts.clear()
        name = "r2" if what == "of another render" else "r1"
        fetch("sync", server.url, job_at(server, name=name), path)
    assert path.read_bytes() == FILM
    assert site.starts == [None]
    assert left(tmp_path) == ["film.mp4"]


def test_a_redirect_is_asked_for_the_rest_as_well(tmp_path: Path) -> None:
    cdn = Site(FILM, cuts=(100_000,))

    def moved(answer: Answer) -> None:
        answer.status, answer.body = 302, b""
        answer.headers |= {"Location": f"{links.url}/film.mp4", "Content-Length": "0"}

    with serving(cdn) as links, serving(Site(b"", bend=moved)) as server:
        path = fetch("sync", server.url, job_at(server), tmp_path / "film.mp4")
    assert path.read_bytes() == FILM
    assert cdn.starts == [None, 100_000]
