"""Previews of a draft: an endpoint of the local backend, not part of the protocol."""

from __future__ import annotations

import base64
import math

from starlette.requests import Request
from starlette.responses import Response

from nemovideo.draft.values import is_ready
from nemovideo.errors import NemoError
from nemovideo.local.server.accounts import authenticate, own_session
from nemovideo.local.server.context import context_of
from nemovideo.local.server.forms import JSONResponse, Problem, read_json, text_field
from nemovideo.local.server.messages import failure_text, parts_of, without_paths
from nemovideo.local.timeline import Timeline
from nemovideo.models import Preview

_MAX_MOMENTS = 24


async def preview(request: Request) -> Response:
    """POST /api/local/preview: moments of a session's draft as PNG pictures."""
    context = context_of(request)
    account = authenticate(request, "read")
    body = await read_json(request)
    session = own_session(request, account, text_field(body, "sessionId"))
    at_s = _moments(body.get("at"))
    draft = context.store.projects.draft(session.session_id)
    if draft is None or not is_ready(draft):
        raise Problem(400, "The draft is not ready: no track has a segment.")
    media = {f.item.id: f.item for f in context.store.projects.files(session.session_id)}

    def work() -> Preview:
        return context.preview(Timeline.from_draft(draft), media, at_s)

    try:
        result = await context.pools.previews.run(work)
    except (NemoError, ValueError) as error:
        return JSONResponse(parts_of(failure_text(error), "failure"))
    return JSONResponse(_preview_json(result))


def _moments(value: object) -> list[float] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not 1 <= len(value) <= _MAX_MOMENTS:
        raise Problem(400, f"The field 'at' must be a list of 1 to {_MAX_MOMENTS} numbers.")
    numbers = [n for n in value if isinstance(n, (int, float)) and not isinstance(n, bool)]
    if len(numbers) < len(value) or not all(math.isfinite(n) and n >= 0 for n in numbers):
        raise Problem(400, "The field 'at' must be a list of seconds, from 0 on.")
    return [float(n) for n in numbers]


def _preview_json(preview: Preview) -> dict[str, object]:
    return {
        "before": _base64(preview.before),
        "after": _base64(preview.after),
        "sheet": _base64(preview.sheet),
        "stills": [
            {"time": still.time_s, "before": _base64(still.before), "after": _base64(still.after)}
            for still in preview.stills
        ],
        "warnings": [without_paths(sentence) for sentence in preview.warnings],
    }


def _base64(png: bytes | None) -> str | None:
    return None if png is None else base64.b64encode(png).decode("ascii")
