"""Going on with a broken download: what to ask for, and what an answer means; no I/O.

The rules are those of HTTP (RFC 9110: §8.8 validators, §13.1.5 If-Range, §14 ranges). Where
an answer leaves any doubt that it goes on with the very bytes that are there, the file is
begun anew.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import cast
from urllib.parse import urlsplit

import attrs

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
    """Return what tells these words from others, and does not give them away."""
    return hashlib.sha256("\0".join(words).encode()).hexdigest()


def place_of(url: str) -> str:
    """Return the digest of a URL without its query, which may hold a signature."""
    parts = urlsplit(url)
    return digest(parts.scheme, parts.netloc, parts.path)


@attrs.frozen
class Record:
    """What the beginning of a file that is on this disk was taken from.

    Attributes:
        thing: The digest of what is downloaded, wherever it may lie.
        place: The digest of the URL that it came from.
        etag: The file's strong entity tag there.
        last_modified: When the file was last changed there, word for word.
        total: The whole file's size in bytes, where it is known.
    """

    thing: str
    place: str
    etag: str | None = None
    last_modified: str | None = None
    total: int | None = None

    @property
    def resumable(self) -> bool:
        """Whether a server can be asked to go on with this very file."""
        return self.etag is not None or self.last_modified is not None

    def to_json(self) -> str:
        """Return what is kept beside the part: digests and validators, no URL and no token."""
        return json.dumps({"version": VERSION, **attrs.asdict(self)}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Record | None:
        """Read what was kept; None for anything that is not quite right."""
        try:
            value = read_json(text)
        except ValueError:
            return None
        names = [field.name for field in attrs.fields(cls)]
        if not isinstance(value, dict):
            return None
        found = cast("dict[str, object]", value)
        if set(found) != {"version", *names} or found["version"] != VERSION:
            return None
        thing, place, etag, last_modified, total = (found[name] for name in names)
        if not isinstance(thing, str) or not isinstance(place, str):
            return None
        if not (etag is None or (isinstance(etag, str) and _ETAG.fullmatch(etag))):
            return None
        if not (last_modified is None or (isinstance(last_modified, str) and _date(last_modified))):
            return None
        if not (total is None or (isinstance(total, int) and total is not True and total > 0)):
            return None
        return cls(thing, place, etag, last_modified, total)


@attrs.frozen
class Question:
    """What a request asks for.

    Attributes:
        have: The bytes that are there.
        start: The byte from which on the file is wanted.
        headers: The headers that say so.
    """

    have: int
    start: int
    headers: Mapping[str, str]

    @property
    def ranged(self) -> bool:
        """Whether less than the whole file is asked for."""
        return "Range" in self.headers


@attrs.frozen
class Head:
    """The head of an answer.

    Attributes:
        status: The HTTP status.
        headers: The headers, found by names of any case.
        place: The digest of the URL that was asked.
        framed: False where only the connection's end would tell that the body is whole.
    """

    status: int
    headers: Mapping[str, str]
    place: str
    framed: bool = True


@attrs.frozen
class Take:
    """The body is to be written from byte `start` on; what lies behind that goes.

    Attributes:
        start: The position in the file.
        stop: The position behind the last byte that may come; None where it is not known.
        record: What the file is from now on known by.
        packed: Whether the body is gzip or zlib, although it was asked for plain.
    """

    start: int
    stop: int | None
    record: Record
    packed: bool = False


@attrs.frozen
class Anew:
    """The answer is of no use; the whole file is to be asked for."""


@attrs.frozen
class Done:
    """What is there is the whole file."""


def ask(have: int, record: Record | None, place: str) -> Question:
    """Return what to ask for, when so many bytes are there of what the record describes.

    An entity tag may be shown to any place; a date, which says less, only to where it came
    from. Of a file that is there completely the last byte is asked for again, so that the
    server says whether it is still the same file.
    """
    if record is None or have <= 0 or (record.total is not None and have > record.total):
        return Question(have, 0, _PLAIN)
    validator = record.etag or (record.last_modified if record.place == place else None)
    if validator is None:
        return Question(have, 0, _PLAIN)
    start = have - 1 if have == record.total else have
    return Question(have, start, {**_PLAIN, "Range": f"bytes={start}-", "If-Range": validator})


def understands(question: Question, status: int) -> bool:
    """Say whether `judge` knows what to do with a status; any other one is an error."""
    return 200 <= status < 300 or (question.ranged and status in (412, 416))


def judge(
    question: Question, head: Head, record: Record | None, *, thing: str, size: int | None
) -> Take | Anew | Done:
    """Return what an answer means.

    Args:
        question: What was asked for.
        head: The head of the answer.
        record: What the bytes that are there belong to.
        thing: The digest of what is downloaded.
        size: The whole file's size, if it is known from elsewhere.

    Raises:
        DownloadError: The answer cannot be the file.
    """
    if not question.ranged:
        if head.status == 206:
            raise DownloadError("the server sent a piece where the whole file was asked for")
        return _whole(head, thing, size)
    assert record is not None
    if head.status == 206:
        return _piece(question, head, record, size)
    if head.status == 416:
        return _beyond(question, head, record, size)
    return Anew() if head.status == 412 else _whole(head, thing, size)


def _whole(head: Head, thing: str, size: int | None) -> Take:
    coding = _coding(head.headers)
    if coding in _GZIP:  # its sizes and validators are those of the packed file
        return Take(0, size, Record(thing, head.place), packed=True)
    if coding not in _IDENTITY:
        raise DownloadError(f"the server sent the file packed as {coding[:40]!r}")
    total = _length(head.headers)
    if None not in (total, size) and total != size:
        raise DownloadError(f"the server offers {total} bytes, and the file has {size}")
    if total is None and size is None and not head.framed:
        raise DownloadError("the server does not say how long the file is")
    etag, date = _validators(head.headers)
    return Take(0, total or size, Record(thing, head.place, etag, date, total or size or None))


def _piece(question: Question, head: Head, record: Record, size: int | None) -> Take | Anew:
    """Judge a 206: it must be the rest, of the same file."""
    span = _SPAN.fullmatch(head.headers.get("content-range", "").strip())
    if span is None or _coding(head.headers) not in _IDENTITY:
        return Anew()
    start, stop = int(span[1]), int(span[2]) + 1
    total = None if span[3] == "*" else int(span[3])
    known = {number for number in (total, record.total, size) if number is not None}
    if len(known) > 1 or start != question.start or stop <= start or any(stop > n for n in known):
        return Anew()
    if _length(head.headers) not in (None, stop - start) or not _same(head, record):
        return Anew()
    return Take(start, stop, attrs.evolve(record, total=known.pop() if known else None))


def _beyond(question: Question, head: Head, record: Record, size: int | None) -> Done | Anew:
    """Judge a 416: the file has no more bytes than are there, or it is another one."""
    found = _UNSATISFIED.fullmatch(head.headers.get("content-range", "").strip())
    sizes = {question.have, int(found[1]) if found else None, record.total or question.have}
    whole = sizes == {question.have} and size in (None, question.have)
    changed = "etag" in head.headers and head.headers["etag"].strip() != record.etag
    return Done() if whole and record.place == head.place and not changed else Anew()


def _same(head: Head, record: Record) -> bool:
    """Say whether a piece is of the file that the record describes.

    A server has compared the validator, but not every server really does.
    """
    etag = head.headers.get("etag", "").strip()
    date = head.headers.get("last-modified", "").strip()
    if record.etag is not None:
        return etag == record.etag or (not etag and record.place == head.place)
    return record.place == head.place and date in ("", record.last_modified)


def _validators(headers: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Return the strong entity tag and the date of the last change, as far as they are good.

    A change within the same second would not show in the date, so one that is as young as
    the answer is not used (RFC 9110 §8.8.2.2).
    """
    etag = headers.get("etag", "").strip()
    date = headers.get("last-modified", "").strip()
    changed, sent = _date(date), _date(headers.get("date", "").strip())
    young = changed is not None and sent is not None and sent - changed < timedelta(seconds=1)
    return (
        etag if _ETAG.fullmatch(etag) else None,
        date if changed is not None and not young else None,
    )


def _date(text: str) -> datetime | None:
    """Read an HTTP date; None for what is none, or what no header could hold."""
    if not (text.isascii() and text.isprintable() and len(text) < 64 and text.endswith("GMT")):
        return None
    from email.utils import parsedate_to_datetime  # needed by downloads only

    try:
        return parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None


def _coding(headers: Mapping[str, str]) -> str:
    return headers.get("content-encoding", "").strip().lower()


def _length(headers: Mapping[str, str]) -> int | None:
    length = headers.get("content-length", "").strip()
    return int(length) if length.isdecimal() and "transfer-encoding" not in headers else None
