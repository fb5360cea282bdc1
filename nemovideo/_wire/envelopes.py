"""From answers on the wire to values and errors: envelopes and models (docs/protocol.md §3-§7)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from functools import cache
from html import unescape
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import attrs

from nemovideo._support.json_text import json_text, read_json
from nemovideo._support.patterns import lazy
from nemovideo.errors import (
    APIError,
    ExportBlockedError,
    InsufficientCreditsError,
    MalformedResponseError,
    MissingClientIdError,
    RateLimitError,
    ServerError,
    SessionNotFoundError,
    UnsupportedFileError,
    error_class,
)
from nemovideo.models import Credits, MediaFile, RenderJob, SessionState, Token

if TYPE_CHECKING:
    import cattrs

T = TypeVar("T")

REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-amzn-requestid", "x-trace-id", "cf-ray")

_OF_A_SESSION = lazy(r"/run_sse$|/api/(state|upload-video)/|/api/auth/claim-token$")

_MAX_CODE_DIGITS = 9
_UNKNOWN_CODE = -1
"""Stands for a code of more digits than any code has."""
_MAX_MESSAGES = 20
_REMEDY_CHARS = 500

_SECRET = lazy(r"\b(nmv_usr_|clm_)[\w.~+/=-]+")


@attrs.frozen
class Exchange:
    """One answer and what is needed of its request to judge it. Header names are in lower case."""

    method: str
    path: str
    status: int
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    secret: str = attrs.field(default="", repr=False)
    now: float = 0.0

    @property
    def ok(self) -> bool:
        """True for a status that says nothing of a failure."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as text, without secrets."""
        return redact(self.body.decode("utf-8", "replace"), self.secret)


def redact(text: str, secret: str = "") -> str:
    """Return the text with every token in it blotted out, `secret` among them."""
    if secret:
        text = text.replace(secret, "[redacted]")
    return _SECRET.sub(r"\1[redacted]", text)


def open_envelope(exchange: Exchange) -> object:
    """Return what the answer's envelope holds, in any of its forms (docs/protocol.md §3).

    Raises:
        APIError: The answer says no; the class follows docs/protocol.md §7.
        MalformedResponseError: The status is good, but the answer is not JSON, or not usable.
    """
    try:
        value = read_json(exchange.body)
    except ValueError as error:
        if exchange.ok:
            raise MalformedResponseError(
                f"{exchange.method} {exchange.path} did not answer with usable JSON: {error}",
                body=exchange.text,
            ) from None
        raise failure_of(exchange) from None
    if not exchange.ok:
        raise api_error(exchange, value)
    if not isinstance(value, dict):
        return value
    if (code := _code(value)) is not None:
        if code != 0:
            raise api_error(exchange, value)
        return value.get("data", value)
    if isinstance(value.get("success"), bool):
        if not value["success"]:
            raise api_error(exchange, value)
        return value.get("data", value)
    return value


def failure_of(exchange: Exchange) -> APIError:
    """Return the typed error for an answer whose status says no."""
    try:
        value = read_json(exchange.body)
    except ValueError:
        value = None
    return api_error(exchange, value)


def api_error(exchange: Exchange, value: object) -> APIError:
    """Return the typed error for an answer that says no; `value` is its JSON, if it has any."""
    code = _code(value)
    message = redact(_message(value) or _page_title(exchange.text), exchange.secret)
    cls = error_class(exchange.status if not exchange.ok else None, code)
    if code is None:
        cls = _class_by_place(exchange, message, cls)
    error = cls(
        message or f"the service answered with HTTP {exchange.status}",
        status=exchange.status,
        code=code,
        request_id=request_id(exchange.headers, exchange.secret),
        remedy=_redirect_remedy(exchange) or redact(_remedy(value), exchange.secret) or None,
        body=exchange.text,
        method=exchange.method,
        path=exchange.path,
    )
    if isinstance(error, (RateLimitError, ServerError)):
        error.retry_after = retry_after(exchange.headers.get("retry-after"), exchange.now)
    return error


def request_id(headers: Mapping[str, str], secret: str = "") -> str | None:
    """Return the server's id of the request, if a header names it."""
    found = (headers[name] for name in REQUEST_ID_HEADERS if name in headers)
    return next((redact(value, secret)[:200] for value in found), None)


def retry_after(value: str | None, now: float) -> float | None:
    """Return the seconds that a Retry-After header asks for; None where it cannot be read."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value) if len(value) <= _MAX_CODE_DIGITS else float(10**_MAX_CODE_DIGITS)
    try:
        moment = parsedate_to_datetime(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        return max(0.0, moment.timestamp() - now)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _code(value: object) -> int | None:
    found = value.get("code") if isinstance(value, Mapping) else None
    if isinstance(found, str) and found.isascii() and found.isdigit():
        return int(found) if len(found) <= _MAX_CODE_DIGITS else _UNKNOWN_CODE
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _message(value: object, depth: int = 8) -> str:
    """Return what an error body says, whatever its form; deeper than `depth`, nothing."""
    if not depth:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        if isinstance(value.get("msg"), str):  # one of FastAPI's validation errors
            place = value.get("loc")
            where = ".".join(map(str, place)) + ": " if isinstance(place, Sequence) else ""
            return f"{where}{value['msg']}"
        for key in ("message", "error", "detail"):
            if text := _message(value.get(key), depth - 1):
                return text
    if isinstance(value, list):
        found = (_message(item, depth - 1) for item in value[:_MAX_MESSAGES])
        return "; ".join(text for text in found if text)
    return ""


def _page_title(text: str) -> str:
    found = re.search(r"<title[^>]*>([^<]{1,200})", text, re.IGNORECASE)
    return unescape(found.group(1)).strip() if found else text.strip()[:200]


def _class_by_place(exchange: Exchange, message: str, cls: type[APIError]) -> type[APIError]:
    """Tell answers without a code apart, by what was asked, and else by their words.

    Only some codes have an HTTP status of their own (docs/protocol.md §7): a proxy's
    page, say, has nothing else to go by.
    """
    path, words = exchange.path, message.lower()
    if cls is ExportBlockedError and (path == "/run_sse" or "credits" in words):
        return InsufficientCreditsError  # exports are free, and runs are no export
    if cls is not APIError:
        return cls
    if exchange.status == 404 and (_OF_A_SESSION.match(path) or "session" in words):
        return SessionNotFoundError
    if exchange.status == 400 and path.endswith("/anonymous-token"):
        return MissingClientIdError
    if (
        exchange.status in (400, 415)
        and path.startswith("/api/upload-video/")
        and (exchange.status == 415 or "supported" in words)
    ):
        return UnsupportedFileError
    return cls


def _remedy(value: object) -> str:
    """Return what the local backend says to do, which knows it better than the code tells."""
    found = value.get("remedy") if isinstance(value, dict) else None
    return found[:_REMEDY_CHARS] if isinstance(found, str) else ""


def _redirect_remedy(exchange: Exchange) -> str | None:
    """Return what to do about a redirect, which is never followed: the token would go with it."""
    if not 300 <= exchange.status < 400:
        return None
    try:
        host = urlsplit(exchange.headers.get("location", "")).hostname
    except ValueError:
        host = None
    return f"Set NEMO_API_URL to where the API is{f', perhaps at {host}' if host else ''}."


# --- JSON to models -------------------------------------------------------------------------


@attrs.frozen
class _TokenAnswer:
    token: str = attrs.field(repr=False)
    user_id: str | None = None
    credits: int | None = None
    expires_at: str | None = None


@attrs.frozen
class _SessionAnswer:
    session_id: str
    task_id: str | None = None
    user_id: str | None = None


@attrs.frozen
class _ClaimAnswer:
    claim_token: str = attrs.field(repr=False)
    expires_in: float | None = None


_MAX_NUMBER = 10**30
"""Ids that come as numbers and quantities alike are below this."""


def _to_text(value: object, _: object) -> str:
    """Take an id that came as a number for the text that it is; refuse what is neither."""
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
    """Return the converter, made when the first answer is read: its library takes time to load."""
    import cattrs
    from cattrs.gen import make_dict_structure_fn, override

    made = cattrs.Converter(detailed_validation=True)
    made.register_structure_hook(str, _to_text)
    made.register_structure_hook(int, _to_number)
    made.register_structure_hook(float, _to_number)
    made.register_structure_hook(
        MediaFile,
        make_dict_structure_fn(
            MediaFile,
            made,
            duration_s=override(rename="duration"),
            raw=override(omit=True),
            info=override(omit=True),
        ),
    )
    return made


def structure(value: object, cls: type[T], path: str = "$") -> T:
    """Return the JSON value as an instance of `cls`.

    Raises:
        MalformedResponseError: It does not fit; `.path` says where.
    """
    import cattrs

    try:
        return _converter().structure(value, cls)
    except (cattrs.BaseValidationError, TypeError, ValueError, AttributeError) as error:
        lines = cattrs.transform_error(error, path=path)
        where = lines[0].rpartition(" @ ")[2] if lines else path
        raise _unfit("; ".join(lines), value, where) from None


def _unfit(reason: str, value: object, path: str) -> MalformedResponseError:
    return MalformedResponseError(
        f"the service's answer does not fit: {reason}",
        path=path,
        body=redact(json_text(value, default=str)),
    )


def read_token(data: object) -> Token:
    """Read the answer of `anonymous-token`."""
    answer = structure(data, _TokenAnswer)
    expires_at = None
    if answer.expires_at:
        try:
            moment = datetime.fromisoformat(answer.expires_at.replace("Z", "+00:00"))
        except ValueError:
            moment = None
        if moment is not None:
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=timezone.utc)
            expires_at = moment.timestamp()
    token = Token(
        answer.token,
        anonymous=True,
        expires_at=expires_at,
        user_id=answer.user_id,
        credits=answer.credits,
    )
    if not token.sendable:
        raise MalformedResponseError("the service's answer has no usable token", path="$.token")
    return token


def read_session(data: object) -> tuple[str, str | None, str | None]:
    """Read the answer of `with-session`: session id, task id, user id."""
    answer = structure(data, _SessionAnswer)
    return _id(answer.session_id, "$.session_id"), answer.task_id, answer.user_id


def read_claim(data: object) -> tuple[str, float | None]:
    """Read the answer of `claim-token`: the token, and the seconds until it expires."""
    answer = structure(data, _ClaimAnswer)
    return answer.claim_token, answer.expires_in


def read_files(data: object) -> list[MediaFile]:
    """Read the answer of an upload."""
    items = data.get("files") if isinstance(data, Mapping) else None
    if not isinstance(items, list):
        raise MalformedResponseError("the upload's answer lists no files", path="$.files")
    files = []
    for index, item in enumerate(items):
        raw = _mapping(item, f"$.files[{index}]")
        file = structure({"cdn_url": "", **raw}, MediaFile, f"$.files[{index}]")
        files.append(attrs.evolve(file, raw=raw))
    return files


def read_credits(data: object) -> Credits:
    """Read the balance; the total is worked out where it is missing."""
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
    """Read a session's state; what is missing or null is empty."""
    from nemovideo.draft import Draft  # not needed by those who ask for their balance only

    raw = _mapping(data, "$")
    inner = raw.get("state")
    state: Mapping[str, object] = inner if isinstance(inner, Mapping) else raw
    draft = state.get("draft")
    infos = state.get("video_infos")
    return SessionState(
        draft=None if draft is None else Draft.from_json(draft),
        video_infos=tuple(i for i in infos if isinstance(i, Mapping))
        if isinstance(infos, list)
        else (),
        generated_media=state.get("generated_media"),
        canvas_config=_optional_mapping(state.get("canvas_config")),
        video_analyses=_optional_mapping(state.get("video_analyses")),
        session_id=_optional_text(raw.get("session_id")),
        task_id=_optional_text(raw.get("task_id")),
        task_name=_optional_text(raw.get("task_name")),
        raw=raw,
    )


def read_render(data: object, render_id: str | None = None) -> RenderJob:
    """Read a render job, at the top or under `data`, with either form of the link.

    Args:
        data: The JSON value.
        render_id: The id that was asked for, for answers that do not repeat it.
    """
    raw = _mapping(data, "$")
    job: Mapping[str, object] = raw
    inner = raw.get("data")
    if "status" not in raw and isinstance(inner, Mapping):
        job = inner
    output = job.get("output")
    output = output if isinstance(output, Mapping) else {}
    found_id = next(
        (text for key in ("id", "render_id", "taskId") if (text := _optional_text(job.get(key)))),
        render_id,
    )
    if found_id is None:
        raise MalformedResponseError("the render's answer has no id", path="$.id")
    progress = _optional_number(job.get("progress"))
    if progress is not None:
        progress = min(100.0, max(0.0, progress))
    size = _optional_number(output.get("size"))
    error = job.get("error")
    return RenderJob(
        id=_id(found_id, "$.id"),
        status=(_optional_text(job.get("status")) or "pending").lower(),
        progress=progress,
        url=_url(_optional_text(output.get("url")) or _optional_text(job.get("outputUrl"))),
        duration_s=_optional_number(output.get("duration")),
        size_bytes=None if size is None else int(size),
        error=_message(error) or None,
        created_at_ms=_optional_number(job.get("createdAt")),
        completed_at_ms=_optional_number(job.get("completedAt")),
        warnings=_texts(job.get("warnings")),
        raw=raw,
    )


def _mapping(value: object, path: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise MalformedResponseError("the service's answer has no object here", path=path)
    return value


def _texts(value: object) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def _optional_mapping(value: object) -> Mapping[str, object] | None:
    return value if isinstance(value, Mapping) else None


def _optional_text(value: object) -> str | None:
    if value == "" or not isinstance(value, (str, int)):
        return None
    try:
        return _to_text(value, str)
    except ValueError as error:
        raise _unfit(str(error), value, "$") from None


def _id(text: str, path: str) -> str:
    """Refuse an id that no URL can hold: text that UTF-8 cannot carry."""
    if not _is_unicode(text):
        raise MalformedResponseError("the service's answer has an unusable id", path=path)
    return text


def _url(text: str | None) -> str | None:
    """Refuse a link that is not one."""
    if text is None:
        return None
    try:
        usable = _is_unicode(text) and urlsplit(text).hostname != ""
    except ValueError:
        usable = False
    if not usable:
        raise MalformedResponseError("the service's answer has an unusable link", path="$.output")
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
        raise _unfit(str(error), value, path) from None


def _optional_number(value: object) -> float | None:
    """Return a number that an answer may have; what is not one counts as absent."""
    if isinstance(value, str):
        return None
    try:
        return _to_number(value, float)
    except ValueError:
        return None


def _whole(number: float) -> float:
    """Return 100 for 100.0: credits are counted in whole numbers where they are whole."""
    return int(number) if number.is_integer() else number
