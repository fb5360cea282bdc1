"""What shall go wrong, and at which request: rules, and nothing that touches a socket."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, get_args

import attrs
import cattrs
from cattrs.v import format_exception

from nemovideo._support.json_text import read_json
from nemovideo.errors import LocalBackendError
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
    "spoken",
    "error",
    "slow",
    "dialect",
    "inject",
]


@attrs.frozen(kw_only=True)
class Fault:
    """One rule: what goes wrong, with which requests.

    It counts the requests that match `method` and `path` (shell patterns) from
    when it was added, lets `nth - 1` of them pass, then strikes `times` times
    (None: for ever). Rules that match the same request add up.

    Kinds of any answer:
        drop: The connection closes after `after_bytes` of the body (None: before
            the status line), with a reset if `reset`. A run is aborted there, or
            goes on unheard if `run_continues`.
        stall: The same, but the connection stays open and silent.
        status: `status`, `headers` and `body` (JSON, or text as it is) in place
            of the answer; the request does nothing.
        redirect: `status` (3xx, else 307) to `location`.
        content_type: The answer claims to be `content_type`.
        headers: `headers` in place of the answer's own; an empty one is left out. Where
            `Content-Length` is too short, the body is cut there; where it is too long, the
            connection closes at the body's end.
        no_range: The request's Range and If-Range are not seen. With "headers" of another
            ETag it is a file that has changed.
        truncate: A whole answer, but its body ends after `after_bytes` (0 if None).

    Kinds of `/run_sse`:
        heartbeats: No run, only `body` (": ping" if None) every `delay_s`;
            `count` of them, or until the client leaves.
        silent, spoken: Edits are answered without, or always with, a word;
            `form` chooses how a silent one ends (sse.SILENT_ENDINGS).
        error: After `after_events` events (None: after the last) the run fails,
            in the `form` "bare", "system", "details", "event" or "temporary"
            (docs/protocol.md §5, rule 6), saying `message`.
        slow: `delay_s` before every event.
        dialect: `form` is "simple" or "adk".
        inject: `frames`, raw text, before event number `after_events` (0 if None).
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
    message: str = "the model gave up"
    frames: Sequence[str] = ()

    def __attrs_post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind={self.kind!r}: one of {', '.join(get_args(Kind))}")
        forms = {"error": get_args(ErrorForm), "dialect": get_args(Dialect)}.get(self.kind)
        if forms and self.form not in forms:
            raise ValueError(f"form={self.form!r}: one of {', '.join(forms)}")

    def matches(self, method: str, path: str) -> bool:
        """Return whether a request is of those that this rule counts."""
        return fnmatchcase(method.upper(), self.method.upper()) and fnmatchcase(path, self.path)

    def strikes(self, count: int) -> bool:
        """Return whether the rule strikes the `count`-th request that it matches (from 1)."""
        return count >= self.nth and (self.times is None or count < self.nth + self.times)


class Faults:
    """The rules of one backend; safe to change from any thread while it runs."""

    def __init__(self, rules: Iterable[Fault] = ()) -> None:
        self._guard = threading.Lock()
        self._counts: list[tuple[Fault, int]] = [(rule, 0) for rule in rules]

    @property
    def rules(self) -> tuple[Fault, ...]:
        """The rules in force, in order."""
        with self._guard:
            return tuple(rule for rule, _ in self._counts)

    def add(self, *rules: Fault) -> None:
        """Add rules; each counts requests from now on."""
        with self._guard:
            self._counts += [(rule, 0) for rule in rules]

    def clear(self) -> None:
        """Take all rules away; what they do to requests under way goes on."""
        with self._guard:
            self._counts.clear()

    def strike(self, method: str, path: str) -> tuple[Fault, ...]:
        """Count a request, and return the rules that strike it."""
        struck: list[Fault] = []
        with self._guard:
            for index, (rule, count) in enumerate(self._counts):
                if rule.matches(method, path):
                    self._counts[index] = (rule, count + 1)
                    if rule.strikes(count + 1):
                        struck.append(rule)
        return tuple(struck)


@attrs.frozen
class StreamScript:
    """What the rules that struck a run want of its stream."""

    faults: tuple[Fault, ...] = ()

    @property
    def dialect(self) -> Dialect:
        """The dialect to speak."""
        return "simple" if any(f.form == "simple" for f in self._of("dialect")) else "adk"

    @property
    def delay_s(self) -> float:
        """The pause before every event."""
        return sum(fault.delay_s for fault in self._of("slow"))

    @property
    def error(self) -> tuple[ErrorForm, str] | None:
        """The form and the words in which the run fails, if it does."""
        for fault in self._of("error"):
            for form in get_args(ErrorForm):
                if form == fault.form:
                    return form, fault.message
        return None

    def fails_after(self, events: int) -> bool:
        """Return whether the run fails now that this many events are out."""
        limits = [fault.after_events for fault in self._of("error")]
        return any(limit is not None and events >= limit for limit in limits)

    def injected(self, events: int) -> list[str]:
        """Return the raw frames that go out before the event of this number (from 0)."""
        rules = [fault for fault in self._of("inject") if (fault.after_events or 0) == events]
        return [frame for fault in rules for frame in fault.frames]

    def silent_ending(self, turn: Turn, endings: Sequence[str], number: int) -> str | None:
        """Return how the run falls silent, or None where it speaks; endings take turns."""
        rules = self._of("silent")
        if rules and turn.changed:
            return rules[0].form or endings[number % len(endings)]
        if turn.silent and not self._of("spoken"):
            return endings[number % len(endings)]
        return None

    def _of(self, kind: Kind) -> list[Fault]:
        return [fault for fault in self.faults if fault.kind == kind]


_converter = cattrs.Converter(forbid_extra_keys=True)
_converter.register_structure_hook(
    str | Mapping[str, object] | None, lambda value, _: value if value is None else _body(value)
)


def read_faults(value: object) -> tuple[Fault, ...]:
    """Read rules from JSON: one object, a list of them, or `{"faults": […]}`.

    Raises:
        ValueError: Something in it is no rule; the message says what.
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


def load_faults(path: Path) -> tuple[Fault, ...]:
    """Read rules from a JSON file.

    Raises:
        LocalBackendError: The file cannot be read as rules.
    """
    try:
        return read_faults(read_json(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise LocalBackendError(
            f"The faults in {path} cannot be read: {error}",
            remedy="See the docstring of nemovideo.local.server.faults.Fault for the fields.",
        ) from error


def _reason(error: BaseException, wanted: type | None) -> str:
    said = isinstance(error, ValueError) and bool(str(error))
    return str(error) if said else format_exception(error, wanted)


def _body(value: object) -> str | Mapping[str, object]:
    if isinstance(value, (str, Mapping)):
        return value
    raise ValueError("body must be a string or an object")
