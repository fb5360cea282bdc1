"""The rules of resumed downloads, without I/O: what to request, what a response means."""

from __future__ import annotations

import attrs
import pytest

from nemovideo._downloads.resume import (
    Complete,
    RangeRequest,
    Record,
    ResponseHead,
    Restart,
    WriteFrom,
    accepts_status,
    digest,
    interpret,
    plan_request,
    url_digest,
)
from nemovideo.errors import APIConnectionError, DownloadError, RateLimitError
from nemovideo.retry import RetryPolicy

HERE, THERE = url_digest("https://cdn.test/a.mp4"), url_digest("https://api.test/a.mp4")
DATE = "Mon, 01 Jan 2024 00:00:00 GMT"
RECORD = Record("identity", HERE, '"v1"', DATE, 1000)


@pytest.mark.parametrize(
    ("have", "record", "url_digest", "expected"),
    [
        (0, None, HERE, None),
        (500, None, HERE, None),
        (0, RECORD, HERE, None),
        (500, RECORD, HERE, ("bytes=500-", '"v1"')),
        (500, RECORD, THERE, ("bytes=500-", '"v1"')),
        (1000, RECORD, HERE, ("bytes=999-", '"v1"')),
        (1001, RECORD, HERE, None),
        (1, attrs.evolve(RECORD, total=1), HERE, ("bytes=0-", '"v1"')),
        (500, attrs.evolve(RECORD, total=None), HERE, ("bytes=500-", '"v1"')),
        (500, attrs.evolve(RECORD, etag=None), HERE, ("bytes=500-", DATE)),
        (500, attrs.evolve(RECORD, etag=None), THERE, None),
        (500, attrs.evolve(RECORD, etag=None, last_modified=None), HERE, None),
    ],
)
def test_a_part_is_continued_with_a_range_request(
    have: int, record: Record | None, url_digest: str, expected: tuple[str, str] | None
) -> None:
    request = plan_request(have, record, url_digest)
    found = request.headers.get("Range"), request.headers.get("If-Range")
    assert found == (expected or (None, None))
    assert request.headers["Accept-Encoding"] == "identity"
    assert request.ranged == (expected is not None)


def head_of(status: int, url_digest: str = HERE, **headers: str) -> ResponseHead:
    return ResponseHead(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, url_digest
    )


REST = head_of(206, content_range="bytes 500-999/1000", content_length="500", etag='"v1"')


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (REST, WriteFrom(500, 1000, RECORD)),
        (
            attrs.evolve(REST, headers={"content-range": "bytes 500-999/1000"}),
            WriteFrom(500, 1000, RECORD),
        ),
        (attrs.evolve(REST, url_digest=THERE), WriteFrom(500, 1000, RECORD)),
        (head_of(206, THERE, content_range="bytes 500-999/1000"), Restart()),
        (head_of(206, content_range="bytes 500-999/*"), WriteFrom(500, 1000, RECORD)),
        (head_of(206, content_range="bytes 500-599/1000"), WriteFrom(500, 600, RECORD)),
        (head_of(206, content_range="bytes 501-999/1000"), Restart()),
        (head_of(206, content_range="bytes 499-999/1000"), Restart()),
        (head_of(206, content_range="bytes 500-1000/1001"), Restart()),
        (head_of(206, content_range="bytes 500-1000/*"), Restart()),
        (head_of(206, content_range="bytes 500-499/1000"), Restart()),
        (head_of(206, content_range="bytes=500-999/1000"), Restart()),
        (head_of(206, content_range="bytes 500-999/1000, bytes 0-9/1000"), Restart()),
        (head_of(206, content_range="bytes 500-999/1000", content_length="499"), Restart()),
        (head_of(206, content_range="bytes 500-999/1000", content_encoding="gzip"), Restart()),
        (head_of(206, content_range="bytes 500-999/1000", etag='"v2"'), Restart()),
        (head_of(206, content_range="bytes 500-999/1000", etag='W/"v1"'), Restart()),
        (head_of(206, content_type="multipart/byteranges; boundary=x"), Restart()),
        (head_of(416, content_range="bytes */1000"), Restart()),
        (head_of(416, content_range="bytes */500"), Restart()),
        (head_of(416), Restart()),
        (head_of(412), Restart()),
        (
            head_of(200, content_length="1000"),
            WriteFrom(0, 1000, Record("identity", HERE, total=1000)),
        ),
        (
            head_of(200, content_length="7", etag='"v2"', last_modified=DATE),
            WriteFrom(0, 7, Record("identity", HERE, '"v2"', DATE, 7)),
        ),
        (
            head_of(200, content_length="7", content_encoding="gzip", etag='"v2"'),
            WriteFrom(0, None, Record("identity", HERE), compressed=True),
        ),
        (
            head_of(200, transfer_encoding="chunked", content_length="7"),
            WriteFrom(0, None, Record("identity", HERE)),
        ),
    ],
)
def test_a_response_to_a_range_request_continues_restarts_or_fails(
    head: ResponseHead, expected: WriteFrom | Restart | Complete
) -> None:
    assert (
        interpret(plan_request(500, RECORD, HERE), head, RECORD, identity="identity", size=None)
        == expected
    )


@pytest.mark.parametrize(
    ("have", "total", "head", "done"),
    [
        (1000, None, head_of(416, content_range="bytes */1000"), True),
        (1000, None, head_of(416, content_range="bytes */1000", etag='"v1"'), True),
        (1000, None, head_of(416, content_range="bytes */1000", etag='"v2"'), False),
        (1000, None, head_of(416, THERE, content_range="bytes */1000"), False),
        (1000, None, head_of(416, content_range="bytes */999"), False),
        (1000, None, head_of(416, content_range="bytes */1001"), False),
        (1000, None, head_of(416), False),
        (1000, 1000, head_of(416, content_range="bytes */1000"), True),
    ],
)
def test_a_416_with_the_files_size_completes_it(
    have: int, total: int | None, head: ResponseHead, done: bool
) -> None:
    record = attrs.evolve(RECORD, total=total)
    found = interpret(
        plan_request(have, record, HERE), head, record, identity="identity", size=None
    )
    assert found == (Complete() if done else Restart())


def test_a_date_is_valid_only_for_its_own_host() -> None:
    record = attrs.evolve(RECORD, etag=None)
    request = RangeRequest(500, 500, {"Range": "bytes=500-", "If-Range": DATE})
    rest = head_of(206, content_range="bytes 500-999/1000", last_modified=DATE)
    later = head_of(206, content_range="bytes 500-999/1000", last_modified=DATE.replace("01", "02"))
    elsewhere = attrs.evolve(rest, url_digest=THERE)
    found = [
        interpret(request, head, record, identity="identity", size=None)
        for head in (rest, later, elsewhere)
    ]
    assert found == [WriteFrom(500, 1000, record), Restart(), Restart()]


@pytest.mark.parametrize(
    ("head", "size"),
    [
        (head_of(206, content_range="bytes 0-999/1000", content_length="1000"), None),
        (head_of(200, content_length="999"), 1000),
        (head_of(200, content_encoding="br", content_length="999"), None),
        (attrs.evolve(head_of(200), framed=False), None),
    ],
)
def test_a_response_that_cannot_be_the_file_is_rejected(
    head: ResponseHead, size: int | None
) -> None:
    with pytest.raises(DownloadError):
        interpret(plan_request(0, None, HERE), head, None, identity="identity", size=size)


@pytest.mark.parametrize(
    ("etag", "date", "sent", "kept"),
    [
        ('"v1"', DATE, "", ('"v1"', DATE)),
        ('W/"v1"', DATE, "", (None, DATE)),
        ("v1", "", "", (None, None)),
        ('"a\x00b"', "", "", (None, None)),
        ('"' + "x" * 600 + '"', "", "", (None, None)),
        ("", DATE, DATE, (None, None)),
        ("", DATE, DATE.replace("00:00 GMT", "00:01 GMT"), (None, DATE)),
        ("", "Mon, 99 Jan 2024 00:00:00 GMT", "", (None, None)),
        ("", "soon", "", (None, None)),
    ],
)
def test_only_strong_validators_are_used(
    etag: str, date: str, sent: str, kept: tuple[str | None, str | None]
) -> None:
    head = head_of(200, content_length="7", etag=etag, last_modified=date, date=sent)
    found = interpret(plan_request(0, None, HERE), head, None, identity="identity", size=None)
    assert isinstance(found, WriteFrom)
    assert (found.record.etag, found.record.last_modified) == kept


def test_a_record_round_trips_through_json() -> None:
    for record in (RECORD, Record("identity", HERE), attrs.evolve(RECORD, etag='"\\"')):
        assert Record.from_json(record.to_json()) == record


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"version": 1', '"version": 2'),
        ('"total": 1000', '"total": "1000"'),
        ('"total": 1000', '"total": true'),
        ('"total": 1000', '"total": -1'),
        ('"identity": "identity"', '"identity": 1'),
        ('"identity": "identity",', ""),
        ('"identity"', '"more": 1, "identity"'),
        (r'"\"v1\""', '"v1"'),
        (r'"\"v1\""', r'"\"v\n1\""'),
        (DATE, "soon"),
        ("{", "[" * 100_000),
    ],
)
def test_an_invalid_record_is_none(old: str, new: str) -> None:
    text = RECORD.to_json()
    assert old in text
    assert Record.from_json(text.replace(old, new, 1)) is None


def test_the_query_is_not_part_of_a_urls_digest() -> None:
    assert url_digest("https://cdn.test/a.mp4?sig=1") == url_digest("https://cdn.test/a.mp4?sig=2")
    assert len({url_digest(f"https://{host}/{path}") for host in "ab" for path in "xy"}) == 4
    assert digest("a", "bc") != digest("ab", "c")


def test_412_and_416_are_accepted_only_with_a_part() -> None:
    whole, rest = plan_request(0, None, HERE), plan_request(500, RECORD, HERE)
    assert [accepts_status(whole, status) for status in (200, 206, 404, 412, 416)] == [
        *(True, True),
        *(False, False, False),
    ]
    assert [accepts_status(rest, status) for status in (200, 206, 404, 412, 416)] == [
        *(True, True),
        *(False, True, True),
    ]


def test_an_interrupted_download_is_retried_and_a_wrong_one_is_not() -> None:
    policy = RetryPolicy(attempts=2)
    wrong, interrupted = DownloadError("wrong"), DownloadError("dropped")
    interrupted.interrupted = True
    found = [
        policy.allows(error, attempt=attempt, repeatable=True, limited=0)
        for error in (wrong, interrupted, APIConnectionError("gone"))
        for attempt in (0, 1, 2)
    ]
    assert found == [*(False, False, False), *(True, True, False), *(True, True, False)]
    assert policy.allows(RateLimitError("slow"), attempt=0, repeatable=True, limited=1)
