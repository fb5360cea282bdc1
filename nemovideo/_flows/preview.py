"""Preview a session's draft: by its local backend, or from a free export."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from nemovideo._flows import render
from nemovideo._flows import state as state_flow
from nemovideo._flows.auth import authorized
from nemovideo._flows.context import Context
from nemovideo._flows.steps import Flow, Request, blocking, call
from nemovideo._support.addresses import is_loopback
from nemovideo._values.remedies import Code, Remedy
from nemovideo._wire.previews import read_preview
from nemovideo.errors import (
    APIError,
    DraftNotReadyError,
    InvalidRequestError,
    MalformedResponseError,
    MissingExtraError,
)
from nemovideo.models import At, Preview

_MAX_MOMENTS = 24
_SLACK_MS = 100
"""Programs disagree on the duration of a file by a frame or two."""


def moments(at: At) -> list[float] | None:
    """Return the moments of a preview, in seconds.

    Raises:
        InvalidRequestError: They are not seconds, or there are more than 24.
    """
    if at is None:
        return None
    remedy = Remedy(
        (
            f"pass 1 to {_MAX_MOMENTS} times in seconds from the start",
            Code(", such as at=(0.5, 3)", otherwise="", in_shell=", such as --at 0.5 --at 3"),
        )
    )
    try:
        times_s = [float(at)] if isinstance(at, (int, float)) else [float(one) for one in at]
    except (TypeError, ValueError):
        raise InvalidRequestError(
            f"at={at!r:.60} is not a list of seconds", remedy=remedy
        ) from None
    if not 1 <= len(times_s) <= _MAX_MOMENTS or not all(
        math.isfinite(s) and s >= 0 for s in times_s
    ):
        raise InvalidRequestError(f"at={at!r:.60} is not valid", remedy=remedy)
    return times_s


def check_length(at_s: Sequence[float] | None, duration_ms: int | None) -> None:
    """Check that the moments of a preview lie within a video; None for an unknown duration.

    Raises:
        InvalidRequestError: One of them does not.
    """
    if at_s is None or not duration_ms or max(at_s) * 1000 <= duration_ms + _SLACK_MS:
        return
    length = f"{duration_ms / 1000:g} s"
    raise InvalidRequestError(
        f"at={max(at_s):g} is beyond the end of the video, which is {length} long",
        remedy=f"Pass times from 0 to {length}.",
    )


def of_session(context: Context, session_id: str, task_id: str | None, at: At) -> Flow[Preview]:
    """Return a preview of a session's draft; see `Session.preview`."""
    at_s = moments(at)
    state = yield from state_flow.get(context, session_id)
    if state.draft is None or not state.draft.ready:
        raise DraftNotReadyError("the session has nothing to preview yet")
    check_length(at_s, state.draft.duration_ms)
    if (yield from _makes_previews(context)):
        body = {"sessionId": session_id, **({} if at_s is None else {"at": at_s})}
        request = Request("POST", "/api/local/preview", json=body, repeatable=True)
        return read_preview((yield from authorized(context, request)), "local engine")
    return (yield from _from_export(context, session_id, task_id, at_s))


def _makes_previews(context: Context) -> Flow[bool]:
    """Return whether the service is a local backend on this machine; others are not probed."""
    if context.backend is not None:
        return True
    if not is_loopback(context.settings.origin[1]):
        return False
    try:
        found = yield from call(Request("GET", "/healthz"))
    except (APIError, MalformedResponseError):
        return False
    return isinstance(found, dict) and found.get("previews") is True


def _from_export(
    context: Context, session_id: str, task_id: str | None, at_s: list[float] | None
) -> Flow[Preview]:
    yield from blocking(check_extra)
    sources = context.uploaded.get(session_id, ())
    with tempfile.TemporaryDirectory(
        prefix="nemovideo-preview-", ignore_cleanup_errors=True
    ) as folder:
        path = Path(folder, "preview.mp4")
        yield from render.export(
            context, session_id, path, format="mp4", quality="high", task_id=task_id
        )
        return (yield from blocking(partial(_read_export, path, sources, at_s)))


def check_extra() -> None:
    """Raise a `MissingExtraError` unless the extra `[local]` is installed."""
    try:
        from nemovideo.local import LocalBackend  # noqa: F401
    except MissingExtraError as error:
        raise MissingExtraError(
            "previews are made on this machine, which requires nemovideo[local]",
            remedy='Install it: pip install "nemovideo[local]", or export the draft.',
        ) from error


def _read_export(video: Path, sources: Sequence[Path], at_s: list[float] | None) -> Preview:
    from nemovideo.local.previews import Footage, preview_export

    source = next((path for path in sources if path.is_file()), None)
    return preview_export(video, None if source is None else Footage(source, source.name), at_s)
