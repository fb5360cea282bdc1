"""Decisions of a resumable download, without I/O: the range to request, and what a response means.

The rules are those of HTTP (RFC 9110: §8.8 validators, §13.1.5 If-Range, §14 ranges). If it is
not certain that a response continues the bytes on disk, the download restarts.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import attrs
from attrs.validators import instance_of, matches_re, optional

from nemovideo._support.json_text import read_json
from nemovideo.errors import DownloadError

VERSION = 1

_ETAG = re.compile(r'"[\x21\x23-\x7e]{0,512}"')
_SPAN = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/(\*|[0-9]{1,18})")
_UNSATISFIED = re.compile(r"bytes \*/([0-9]{1,18})")
_PLAIN = {"Accept-Encoding": "identity"}
_IDENTITY = ("", "identity")
_GZIP = ("gzip", "x-gzip", "deflate")


def digest(*words: str) -> str:
    """Return a SHA-256 of the words."""
    return hashlib.sha256("\0".join(words).encode()).hexdigest()


def url_digest(url: str) -> str:
    """Return a digest of the URL without its query, which may hold a signature."""
    parts = urlsplit(url)
    return digest(parts.scheme, parts.netloc, parts.path)


def _check_date(_: object, field: attrs.Attribute[str], value: object) -> None:
    if not isinstance(value, str) or _date(value) is None:
        raise ValueError(f"{field.name} is not an HTTP date")


def _check_size(_: object, field: attrs.Attribute[int], value: object) -> None:
    if type(value) is not int or value <= 0:
        raise ValueError(f"{field.name} is not a size")


@attrs.frozen
class Record:
    """Identity and validators of the partial file on disk.

    Attributes:
        identity: Digest of what is downloaded, independent of the URL.
        url_digest: Digest of the URL that the bytes came from.
        etag: The strong entity tag at that URL.
        last_modified: The Last-Modified header at that URL, verbatim.
        total: The size of the complete file in bytes, if known.
    """

    identity: str = attrs.field(validator=instance_of(str))
    url_digest: str = attrs.field(validator=instance_of(str))
    etag: str | None = attrs.field(default=None, validator=optional(matches_re(_ETAG)))
    last_modified: str | None = attrs.field(default=None, validator=optional(_check_date))
    total: int | None = attrs.field(default=None, validator=optional(_check_size))

    @property
    def resumable(self) -> bool:
        """Whether there is a validator to resume with."""
        return self.etag is not None or self.last_modified is not None

    def to_json(self) -> str:
        """Serialize for `name.part.json`: digests and validators, no URL and no token."""
        return json.dumps({"version": VERSION, **attrs.asdict(self)}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Record | None:
        """Parse a stored record; None if anything about it is invalid."""
        with suppress(ValueError, TypeError):
            value = read_json(text)
            if isinstance(value, dict) and value.pop("version", None) == VERSION:
                return cls(**value)
        return None


@attrs.frozen
class RangeRequest:
    """The next request of a download.

    Attributes:
        have: The number of bytes on disk.
        start: The first byte to request.
    """

    have: int
    start: int
    headers: Mapping[str, str]

    @property
    def ranged(self) -> bool:
        """Whether it requests a range."""
        return "Range" in self.headers


@attrs.frozen
class ResponseHead:
    """Status and headers of a response.

    Attributes:
        headers: The headers, case-insensitive.
        url_digest: Digest of the requested URL.
        framed: False if only the end of the connection delimits the body.
    """

    status: int
    headers: Mapping[str, str]
    url_digest: str
    framed: bool = True


@attrs.frozen
class WriteFrom:
    """Truncate the file to `start` and write the body there.

    Attributes:
        start: The offset in the file.
        stop: The offset after the last expected byte; None if unknown.
        record: The new record of the file.
        compressed: Whether the body is compressed, although `identity` was requested.
    """

    start: int
    stop: int | None
    record: Record
    compressed: bool = False


@attrs.frozen
class Restart:
    """Discard the response and request the whole file."""


@attrs.frozen
class Complete:
    """The file on disk is complete."""


def plan_request(have: int, record: Record | None, url_digest: str) -> RangeRequest:
    """Return the request that continues a partial file of `have` bytes.

    An entity tag is sent to any URL; a date, which is a weaker validator, only to the URL it
    came from. For a complete file the last byte is requested, to validate the file.
    """
    if record is None or have <= 0 or (record.total is not None and have > record.total):
        return RangeRequest(have, 0, _PLAIN)
    validator = record.etag or (record.last_modified if record.url_digest == url_digest else None)
    if validator is None:
        return RangeRequest(have, 0, _PLAIN)
    start = have - 1 if have == record.total else have
    return RangeRequest(have, start, {**_PLAIN, "Range": f"bytes={start}-", "If-Range": validator})


def accepts_status(request: RangeRequest, status: int) -> bool:
    """Return whether `interpret` handles the status; any other is an error."""
    return 200 <= status < 300 or (request.ranged and status in (412, 416))


def interpret(
    request: RangeRequest,
    head: ResponseHead,
    record: Record | None,
    *,
    identity: str,
    size: int | None,
) -> WriteFrom | Restart | Complete:
    """Return what to do with a response.

    `record` describes the bytes on disk; `size` is that of the complete file, if already known.

    Raises:
        DownloadError: The response cannot be the file.
    """
    if not request.ranged:
        if head.status == 206:
            raise DownloadError("the server sent a range, but the whole file was requested")
        return _whole(head, identity, size)
    assert record is not None
    if head.status == 206:
        return _partial(request, head, record, size)
    if head.status == 416:
        return _unsatisfiable(request, head, record, size)
    return Restart() if head.status == 412 else _whole(head, identity, size)


def _whole(head: ResponseHead, identity: str, size: int | None) -> WriteFrom:
    coding = _coding(head.headers)
    if coding in _GZIP:  # sizes and validators are those of the compressed file
        return WriteFrom(0, size, Record(identity, head.url_digest), compressed=True)
    if coding not in _IDENTITY:
        raise DownloadError(f"the server compressed the file as {coding[:40]!r}")
    total = _length(head.headers)
    if None not in (total, size) and total != size:
        raise DownloadError(f"the server reports {total:,} bytes, but the file has {size:,}")
    if total is None and size is None and not head.framed:
        raise DownloadError("the server does not report the size of the file")
    etag, date = _validators(head.headers)
    return WriteFrom(
        0, total or size, Record(identity, head.url_digest, etag, date, total or size or None)
    )


def _partial(
    request: RangeRequest, head: ResponseHead, record: Record, size: int | None
) -> WriteFrom | Restart:
    """Interpret a 206: it must be the rest of the same file."""
    span = _SPAN.fullmatch(head.headers.get("content-range", "").strip())
    if span is None or _coding(head.headers) not in _IDENTITY:
        return Restart()
    start, stop = int(span[1]), int(span[2]) + 1
    total = None if span[3] == "*" else int(span[3])
    known = {number for number in (total, record.total, size) if number is not None}
    if len(known) > 1 or start != request.start or stop <= start or any(stop > n for n in known):
        return Restart()
    if _length(head.headers) not in (None, stop - start) or not _same(head, record):
        return Restart()
    return WriteFrom(start, stop, attrs.evolve(record, total=known.pop() if known else None))


def _unsatisfiable(
    request: RangeRequest, head: ResponseHead, record: Record, size: int | None
) -> Complete | Restart:
    """Interpret a 416: the file is complete, or has changed."""
    found = _UNSATISFIED.fullmatch(head.headers.get("content-range", "").strip())
    sizes = {request.have, int(found[1]) if found else None, record.total or request.have}
    whole = sizes == {request.have} and size in (None, request.have)
    changed = "etag" in head.headers and head.headers["etag"].strip() != record.etag
    return (
        Complete() if whole and record.url_digest == head.url_digest and not changed else Restart()
    )


def _same(head: ResponseHead, record: Record) -> bool:
    """Return whether the validators of a response match the record.

    If-Range makes the server compare them, but not every server does.
    """
    etag = head.headers.get("etag", "").strip()
    date = head.headers.get("last-modified", "").strip()
    if record.etag is not None:
        return etag == record.etag or (not etag and record.url_digest == head.url_digest)
    return record.url_digest == head.url_digest and date in ("", record.last_modified)


def _validators(headers: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Return the strong entity tag and the Last-Modified date, each None if unusable.

    A date less than a second before the response is not a strong validator (RFC 9110 §8.8.2.2).
    """
    etag = headers.get("etag", "").strip()
    date = headers.get("last-modified", "").strip()
    changed, sent = _date(date), _date(headers.get("date", "").strip())
    recent = changed is not None and sent is not None and sent - changed < timedelta(seconds=1)
    return (
        etag if _ETAG.fullmatch(etag) else None,
        date if changed is not None and not recent else None,
    )


def _date(text: str) -> datetime | None:
    """Parse an HTTP date; None if it is invalid."""
    if not (text.isascii() and text.isprintable() and len(text) < 64 and text.endswith("GMT")):
        return None
    from email.utils import parsedate_to_datetime  # only downloads need it

    try:
        return parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None


def _coding(headers: Mapping[str, str]) -> str:
    return headers.get("content-encoding", "").strip().lower()


def _length(headers: Mapping[str, str]) -> int | None:
    length = headers.get("content-length", "").strip()
    return int(length) if length.isdecimal() and "transfer-encoding" not in headers else None
