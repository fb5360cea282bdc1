"""Parse JSON responses into models (docs/protocol.md §3-§7)."""

from __future__ import annotations

import math
from base64 import b64decode
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from functools import cache
from typing import TYPE_CHECKING, TypeVar

import attrs

from nemovideo._support import urls
from nemovideo._support.json_text import json_text
from nemovideo._wire.envelopes import message_in, redact
from nemovideo.errors import MalformedResponseError
from nemovideo.models import Credits, MediaFile, PreviewStill, RenderJob, SessionState, Token

if TYPE_CHECKING:
    import cattrs

T = TypeVar("T")


@attrs.frozen
class _TokenResponse:
    token: str = attrs.field(repr=False)
    user_id: str | None = None
    credits: int | None = None
    expires_at: str | None = None


@attrs.frozen
class _SessionResponse:
    session_id: str
    task_id: str | None = None
    user_id: str | None = None


@attrs.frozen
class _ClaimResponse:
    claim_token: str = attrs.field(repr=False)
    expires_in: float | None = None


_MAX_NUMBER = 10**30
"""The limit for ids and quantities."""


def _to_text(value: object, _: object) -> str:
    """Accept text, and ids sent as integers."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _MAX_NUMBER:
        return str(value)
    raise ValueError("expected text")


def _to_number(value: object, target: type[float]) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError("expected a number")  # noqa: TRY004 - cattrs collects ValueErrors
    try:
        number = target(value)
    except OverflowError:
        raise ValueError("the number is out of range") from None
    if not math.isfinite(number) or abs(number) >= _MAX_NUMBER:
        raise ValueError("the number is out of range")
    return number


@cache
def _converter() -> cattrs.Converter:
    """Return the converter; created on first use, because importing cattrs is slow."""
    import cattrs
    from cattrs.gen import make_dict_structure_fn, override

    converter = cattrs.Converter(detailed_validation=True)
    converter.register_structure_hook(str, _to_text)
    converter.register_structure_hook(int, _to_number)
    converter.register_structure_hook(float, _to_number)
    converter.register_structure_hook(bytes, lambda text, _: b64decode(text, validate=True))
    converter.register_structure_hook(
        MediaFile,
        make_dict_structure_fn(
            MediaFile,
            converter,
            duration_s=override(rename="duration"),
            raw=override(omit=True),
            info=override(omit=True),
        ),
    )
    converter.register_structure_hook_factory(  # made on first use
        lambda cls: cls is PreviewStill,
        lambda cls: make_dict_structure_fn(cls, converter, time_s=override(rename="time")),
    )
    return converter


_MAX_ITEMS = 2000
"""The longest list in a structured value; cattrs takes 8 KB of memory per invalid item."""


def structure(value: object, cls: type[T], path: str = "$") -> T:
    """Structure a JSON value as `cls`.

    Raises:
        MalformedResponseError: It does not match; `.path` is the location.
    """
    import cattrs

    members = value.values() if isinstance(value, dict) else ()
    if any(isinstance(member, list) and len(member) > _MAX_ITEMS for member in members):
        raise _mismatch("a list is too long", None, path)
    try:
        return _converter().structure(value, cls)
    except (cattrs.BaseValidationError, TypeError, ValueError, AttributeError) as error:
        lines = cattrs.transform_error(error, path=path)
        where = lines[0].rpartition(" @ ")[2] if lines else path
        raise _mismatch("; ".join(lines), value, where) from None


def _mismatch(reason: str, value: object, path: str) -> MalformedResponseError:
    return MalformedResponseError(
        f"the service's response has an unexpected form: {reason}",
        path=path,
        body=redact(json_text(value, default=str)),
    )


def read_token(data: object) -> Token:
    """Parse the response of `anonymous-token`."""
    found = structure(data, _TokenResponse)
    expires_at = None
    with suppress(ValueError):
        if found.expires_at:
            moment = datetime.fromisoformat(found.expires_at.replace("Z", "+00:00"))
            utc = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
            expires_at = utc.timestamp()
    token = Token(
        found.token,
        anonymous=True,
        expires_at=expires_at,
        user_id=found.user_id,
        credits=found.credits,
    )
    if not token.sendable:
        raise MalformedResponseError("the service's response has no usable token", path="$.token")
    return token


def read_session(data: object) -> tuple[str, str | None, str | None]:
    """Parse the response of `with-session`: session id, task id, user id."""
    found = structure(data, _SessionResponse)
    return _id(found.session_id, "$.session_id"), found.task_id, found.user_id


def read_claim(data: object) -> tuple[str, float | None]:
    """Parse the response of `claim-token`: the token, and the seconds until it expires."""
    found = structure(data, _ClaimResponse)
    return found.claim_token, found.expires_in


def read_files(data: object) -> list[MediaFile]:
    """Parse the response of an upload."""
    items = data.get("files") if isinstance(data, Mapping) else None
    if not isinstance(items, list):
        raise MalformedResponseError("the upload response lists no files", path="$.files")
    files = []
    for index, item in enumerate(items):
        raw = _mapping(item, f"$.files[{index}]")
        file = structure({"cdn_url": "", **raw}, MediaFile, f"$.files[{index}]")
        files.append(attrs.evolve(file, raw=raw))
    return files


def read_credits(data: object) -> Credits:
    """Parse the balance; a missing total is computed."""
    raw = _mapping(data, "$")
    frozen = _number(raw.get("frozen") or 0, "$.frozen")
    available = _number(raw.get("available"), "$.available")
    total = raw.get("total")
    return Credits(
        available=_whole(available),
        frozen=_whole(frozen),
        total=_whole(available + frozen if total is None else _number(total, "$.total")),
        raw=raw,
    )


def read_state(data: object) -> SessionState:
    """Parse a session's state; missing and null parts are empty."""
    from nemovideo.draft import Draft  # loaded for states only

    raw = _mapping(data, "$")
    inner = raw.get("state")
    state: Mapping[str, object] = inner if isinstance(inner, Mapping) else raw
    draft = state.get("draft")
    return SessionState(
        draft=None if draft is None else Draft.from_json(draft),
        video_infos=_items(state.get("video_infos"), dict),
        generated_media=state.get("generated_media"),
        canvas_config=_optional_mapping(state.get("canvas_config")),
        video_analyses=_optional_mapping(state.get("video_analyses")),
        session_id=_optional_text(raw.get("session_id")),
        task_id=_optional_text(raw.get("task_id")),
        task_name=_optional_text(raw.get("task_name")),
        raw=raw,
    )


def read_render(data: object, render_id: str) -> RenderJob:
    """Parse a render job, at the top level or under `data`, with either form of the link.

    `render_id` is the requested id, for responses without one.
    """
    raw = _mapping(data, "$")
    job: Mapping[str, object] = raw
    inner = raw.get("data")
    if "status" not in raw and isinstance(inner, Mapping):
        job = inner
    output = job.get("output")
    output = output if isinstance(output, Mapping) else {}
    ids = filter(None, (_optional_text(job.get(key)) for key in ("id", "render_id", "taskId")))
    progress = _optional_number(job.get("progress"))
    size = _optional_number(output.get("size"))
    return RenderJob(
        id=_id(next(ids, render_id), "$.id"),
        status=(_optional_text(job.get("status")) or "pending").lower(),
        progress=None if progress is None else min(100.0, max(0.0, progress)),
        url=_url(_optional_text(output.get("url")) or _optional_text(job.get("outputUrl"))),
        duration_s=_optional_number(output.get("duration")),
        size_bytes=None if size is None else int(size),
        error=message_in(job.get("error")) or None,
        created_at_ms=_optional_number(job.get("createdAt")),
        completed_at_ms=_optional_number(job.get("completedAt")),
        warnings=_items(job.get("warnings"), str),
        remedy=_optional_text(job.get("remedy")),
        raw=raw,
    )


def _mapping(value: object, path: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise MalformedResponseError("the service's response is missing an object", path=path)
    return value


def _items(value: object, kind: type[T]) -> tuple[T, ...]:
    """Return the items of this type in a list; without a list, none."""
    return tuple(i for i in value if isinstance(i, kind)) if isinstance(value, list) else ()


def _optional_mapping(value: object) -> Mapping[str, object] | None:
    return value if isinstance(value, Mapping) else None


def _optional_text(value: object) -> str | None:
    if value == "" or not isinstance(value, (str, int)):
        return None
    try:
        return _to_text(value, str)
    except ValueError as error:
        raise _mismatch(str(error), value, "$") from None


def _id(text: str, path: str) -> str:
    """Check that an id can be used in a URL."""
    if not _is_unicode(text):
        raise MalformedResponseError("the service's response has an unusable id", path=path)
    return text


def _url(text: str | None) -> str | None:
    """Check that a link is a URL."""
    if text is None:
        return None
    try:
        usable = _is_unicode(text) and urls.split(text).hostname != ""
    except ValueError:
        usable = False
    if not usable:
        raise MalformedResponseError("the service's response has an unusable link", path="$.output")
    return text


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _number(value: object, path: str) -> float:
    try:
        return _to_number(value, float)
    except ValueError as error:
        raise _mismatch(str(error), value, path) from None


def _optional_number(value: object) -> float | None:
    """Return a number; anything else, including text, is None."""
    if isinstance(value, str):
        return None
    try:
        return _to_number(value, float)
    except ValueError:
        return None


def _whole(number: float) -> float:
    """Return an int for a float without a fraction."""
    return int(number) if number.is_integer() else number
