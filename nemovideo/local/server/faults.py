"""The rules of fault injection: which faults occur on which requests. No I/O."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, cast, get_args

import attrs
import cattrs
from cattrs.v import format_exception

from nemovideo._support.json_text import read_json
from nemovideo.errors import InvalidRequestError
from nemovideo.local.agent.turn import Turn
from nemovideo.local.server.sse import Dialect, ErrorForm

Kind = Literal[
    "drop",
    "stall",
    "heartbeats",
    "status",
    "redirect",
    "content_type",
    "headers",
    "no_range",
    "truncate",
    "silent",
    "with_text",
    "error",
    "slow",
    "dialect",
    "inject",
    "render_error",
]

_RUN = "/run_sse"
_RUN_KINDS = ("heartbeats", "silent", "with_text", "error", "slow", "dialect", "inject")
_PATHS = {**dict.fromkeys(_RUN_KINDS, _RUN), "render_error": "/api/render/proxy/lambda"}
"""The path of each kind that applies only to POST requests to one path."""

_STATUS_HINT = "; for an HTTP error use kind='status' with status="


@attrs.frozen(kw_only=True)
class Fault:
    """A rule of fault injection.

    It counts the requests that match `method` and `path` (shell patterns) after it was added,
    skips `nth - 1` of them, then fires `times` times (None: always). Several rules can fire on
    the same request. `backend.faults.unused` lists the rules that have not fired yet.

    Kinds for any response:
        drop: Close the connection after `after_bytes` of the body (None: before the status
            line), with a reset if `reset`. A run is aborted, or continues without its client
            if `run_continues`.
        stall: Like "drop", but the connection stays open without data.
        status: Send `status`, `headers` and `body` (JSON, or text verbatim) instead of the
            response; the request has no effect.
        redirect: Send `status` (3xx, else 307) with `location`.
        content_type: Replace the content type with `content_type`.
        headers: Replace response headers; an empty value removes one. If `Content-Length` is
            too short, the body is cut; if it is too long, the connection closes after the body.
        no_range: Ignore Range and If-Range. Together with "headers" for a different ETag, this is
            a file that has changed.
        truncate: End the body after `after_bytes` (0 if None) of a valid response.

    Kinds for runs of the agent; they count only `POST /run_sse`, regardless of `path`:
        heartbeats: Send `body` (": ping" if None) every `delay_s` instead of a run, `count`
            times, or until the client disconnects.
        silent, with_text: Answer edits without text, or always with text; `form` is the ending
            of a silent edit (sse.SILENT_ENDINGS).
        error: Fail the run after `after_events` events (None: after the last) with `message`,
            in the `form` "bare", "system", "details", "event" or "temporary"
            (docs/protocol.md §5, rule 6).
        slow: Wait `delay_s` before every event.
        dialect: Send events in the `form` "simple" or "adk".
        inject: Send `frames`, raw text, before event number `after_events` (0 if None).

    A kind for renders; it counts only `POST` requests that submit one, regardless of `path`:
        render_error: The render ends as "failed", with `message`. Clients retry it once, so
            it takes `times=2` for a call to fail.
    """

    kind: Kind
    method: str = "*"
    path: str = "*"
    nth: int = 1
    times: int | None = 1
    after_bytes: int | None = None
    after_events: int | None = None
    reset: bool = False
    run_continues: bool = False
    status: int = 401
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: str | Mapping[str, object] | None = None
    location: str = "/"
    content_type: str = "text/html"
    delay_s: float = 0.0
    count: int | None = None
    form: str | None = None
    message: str = "this failure comes from a fault rule"
    frames: Sequence[str] = ()

    def __attrs_post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            known = ", ".join(get_args(Kind))
            raise ValueError(f"kind={self.kind!r} is unknown; use one of {known}")
        if self.nth < 1 or (self.times is not None and self.times < 1):
            raise ValueError(f"nth={self.nth}, times={self.times}: the rule would never fire")
        path = _PATHS.get(self.kind)
        if path is not None and not self.matches("POST", path):
            raise ValueError(
                f"kind={self.kind!r} applies to POST {path} only, not to {self.method} {self.path}"
                f"{_STATUS_HINT if self.kind == 'error' else ''}"
            )
        forms = {"error": get_args(ErrorForm), "dialect": get_args(Dialect)}.get(self.kind)
        if forms and self.form not in forms:
            raise ValueError(
                f"form={self.form!r}: kind={self.kind!r} is for runs ({_RUN}), and needs a form: "
                f"one of {', '.join(forms)}{_STATUS_HINT if self.kind == 'error' else ''}"
            )

    def matches(self, method: str, path: str) -> bool:
        """Return whether the rule counts a request."""
        if self.kind in _PATHS and (method.upper(), path) != ("POST", _PATHS[self.kind]):
            return False
        return fnmatchcase(method.upper(), self.method.upper()) and fnmatchcase(path, self.path)

    def fires(self, count: int) -> bool:
        """Return whether the rule fires on the `count`-th matching request (from 1)."""
        return count >= self.nth and (self.times is None or count < self.nth + self.times)

    def times_fired(self, count: int) -> int:
        """Return how often the rule has fired after `count` matching requests."""
        fired = max(0, count - self.nth + 1)
        return fired if self.times is None else min(fired, self.times)


class Faults:
    """The rules of one backend; thread-safe."""

    def __init__(self, rules: Iterable[Fault] = ()) -> None:
        self._guard = threading.Lock()
        self._counts: list[tuple[Fault, int]] = [(rule, 0) for rule in rules]

    @property
    def rules(self) -> tuple[Fault, ...]:
        """The current rules, in order."""
        with self._guard:
            return tuple(rule for rule, _ in self._counts)

    @property
    def fired(self) -> tuple[tuple[Fault, int], ...]:
        """The current rules and how often each has fired, in order."""
        with self._guard:
            return tuple((rule, rule.times_fired(count)) for rule, count in self._counts)

    @property
    def unused(self) -> tuple[Fault, ...]:
        """The rules that have not fired yet, in order."""
        return tuple(rule for rule, times in self.fired if not times)

    def add(self, *rules: Fault) -> None:
        """Add rules; they count requests from now on."""
        with self._guard:
            self._counts += [(rule, 0) for rule in rules]

    def clear(self) -> None:
        """Remove all rules; requests in progress are not affected."""
        with self._guard:
            self._counts.clear()

    def fire(self, method: str, path: str) -> tuple[Fault, ...]:
        """Count a request, and return the rules that fire."""
        fired: list[Fault] = []
        with self._guard:
            for index, (rule, count) in enumerate(self._counts):
                if rule.matches(method, path):
                    self._counts[index] = (rule, count + 1)
                    if rule.fires(count + 1):
                        fired.append(rule)
        return tuple(fired)


@attrs.frozen
class StreamScript:
    """How the rules that fired change a run or a render."""

    faults: tuple[Fault, ...] = ()

    @property
    def dialect(self) -> Dialect:
        """The dialect of the events."""
        return "simple" if any(f.form == "simple" for f in self._of_kind("dialect")) else "adk"

    @property
    def delay_s(self) -> float:
        """The delay before every event."""
        return sum(fault.delay_s for fault in self._of_kind("slow"))

    @property
    def error(self) -> tuple[ErrorForm, str] | None:
        """The form and message of the run's failure, or None."""
        fault = next(iter(self._of_kind("error")), None)
        return None if fault is None else (cast("ErrorForm", fault.form), fault.message)

    def fails_after(self, events: int) -> bool:
        """Return whether the run fails after this many events."""
        limits = [fault.after_events for fault in self._of_kind("error")]
        return any(limit is not None and events >= limit for limit in limits)

    def injected(self, events: int) -> list[str]:
        """Return the raw frames to send before the event of this number (from 0)."""
        rules = [fault for fault in self._of_kind("inject") if (fault.after_events or 0) == events]
        return [frame for fault in rules for frame in fault.frames]

    def silent_ending(self, turn: Turn, endings: Sequence[str], number: int) -> str | None:
        """Return the ending of a silent run, or None if it has text; endings rotate."""
        rules = self._of_kind("silent")
        if rules and turn.changed:
            return rules[0].form or endings[number % len(endings)]
        if turn.silent and not self._of_kind("with_text"):
            return endings[number % len(endings)]
        return None

    @property
    def render_error(self) -> str | None:
        """The message of the submitted render's failure, or None."""
        return next((fault.message for fault in self._of_kind("render_error")), None)

    def _of_kind(self, kind: Kind) -> list[Fault]:
        return [fault for fault in self.faults if fault.kind == kind]


_converter = cattrs.Converter(forbid_extra_keys=True, omit_if_default=True)
_converter.register_structure_hook(
    str | Mapping[str, object] | None, lambda value, _: value if value is None else _body(value)
)


def read_faults(value: object) -> tuple[Fault, ...]:
    """Parse rules from JSON: an object, a list of objects, or `{"faults": […]}`.

    Raises:
        ValueError: A rule is not valid.
    """
    if isinstance(value, Mapping) and "faults" in value:
        value = value["faults"]
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, Mapping) for item in items):
        raise ValueError("a fault must be a JSON object")
    try:
        return tuple(_converter.structure(item, Fault) for item in items)
    except cattrs.BaseValidationError as error:
        reasons = cattrs.transform_error(error, path="fault", format_exception=_reason)
        raise ValueError("; ".join(reasons)) from error


def fault_json(rule: Fault) -> dict[str, object]:
    """Return a rule as JSON, without the fields that have their default."""
    fields: dict[str, object] = _converter.unstructure(rule)
    return fields


def load_faults(path: Path) -> tuple[Fault, ...]:
    """Load rules from a JSON file.

    Raises:
        InvalidRequestError: The file cannot be read, or a rule is not valid.
    """
    try:
        return read_faults(read_json(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise InvalidRequestError(
            f"The fault rules in {path} cannot be read: {error}",
            remedy="See the docstring of nemovideo.local.server.faults.Fault for the fields.",
        ) from error


def _reason(error: BaseException, type_: type | None) -> str:
    is_message = isinstance(error, ValueError) and bool(str(error))
    return str(error) if is_message else format_exception(error, type_)


def _body(value: object) -> str | Mapping[str, object]:
    if isinstance(value, (str, Mapping)):
        return value
    raise ValueError("body must be a string or an object")
