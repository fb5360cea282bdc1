"""Previews of a draft: an endpoint of the local backend, not part of the protocol."""

from __future__ import annotations

import base64
import threading
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import attrs
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from nemovideo.draft.values import is_ready
from nemovideo.errors import NemoError
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.server.accounts import authenticate, own_session
from nemovideo.local.server.bodies import read_json
from nemovideo.local.server.context import Context, check_disk, context_of
from nemovideo.local.server.forms import JSONResponse, Problem, text_field
from nemovideo.local.server.messages import failure_text, parts_of, without_paths
from nemovideo.local.store import SessionRow
from nemovideo.local.store.text import json_bytes
from nemovideo.local.timeline import Timeline
from nemovideo.models import Preview

_MAX_MOMENTS = 24
_MAX_MOMENT_S = 1e9
_CHUNK_BYTES = 256 * 1024


async def preview(request: Request) -> PreviewStream:
    """POST /api/local/preview: frames of a session's draft as PNG pictures."""
    context = context_of(request)
    account = authenticate(request, "read")
    body = await read_json(request)
    session = own_session(request, account, text_field(body, "sessionId"))
    at_s = _moments(body.get("at"))

    def work(target: Path) -> None:
        draft, media = _draft_and_media(context, session)
        context.preview(Timeline.from_draft(draft), media, at_s, target)

    return PreviewStream(context, account.user_id, work)


def _draft_and_media(
    context: Context, session: SessionRow
) -> tuple[dict[str, object], dict[str, MediaItem]]:
    draft = context.store.projects.draft(session.session_id)
    if draft is None or not is_ready(draft):
        raise Problem(400, "The draft is not ready: no track has a segment.")
    return draft, {f.item.id: f.item for f in context.store.projects.files(session.session_id)}


@attrs.frozen
class PreviewStream:
    """A preview as an ASGI response.

    Its pictures can be hundreds of megabytes in size. They are written to a temporary file by the
    process that makes them, and count against the user's disk quota.
    """

    context: Context
    user_id: str
    work: Callable[[Path], None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Make the preview, and send it."""
        context, user_id = self.context, self.user_id
        path = context.store.folder("incoming") / f"{uuid.uuid4().hex}.json"
        ended = threading.Event()
        with context.pending_uploads.count(user_id) as add:

            def make() -> None:
                try:
                    self.work(path)
                    check_disk(context, user_id, pending_bytes=add(path.stat().st_size))
                finally:
                    if ended.is_set():  # nobody else will remove it
                        path.unlink(missing_ok=True)

            try:
                # Limited even without API keys: two at a time would need twice the memory.
                await context.pools.previews.run(make, user_id=user_id)
            except (NemoError, ValueError) as error:
                failure = JSONResponse(parts_of(failure_text(error), "failure"))
                await failure(scope, receive, send)
            else:
                with path.open("rb") as file:
                    headers = {"content-type": "application/json"}
                    headers["content-length"] = str(path.stat().st_size)
                    chunks = iter(partial(file.read, _CHUNK_BYTES), b"")
                    await StreamingResponse(chunks, headers=headers)(scope, receive, send)
            finally:
                ended.set()
                path.unlink(missing_ok=True)


def write_preview(preview: Preview, target: Path) -> None:
    """Write a preview as the JSON of the response, one picture at a time.

    Raises:
        OSError: The disk is full.
    """
    with target.open("xb") as file:
        file.writelines(_json_parts(preview))


def _moments(value: object) -> list[float] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not 1 <= len(value) <= _MAX_MOMENTS:
        raise Problem(400, f"The field 'at' must be a list of 1 to {_MAX_MOMENTS} numbers.")
    numbers = [n for n in value if isinstance(n, (int, float)) and not isinstance(n, bool)]
    if len(numbers) < len(value) or not all(0 <= n <= _MAX_MOMENT_S for n in numbers):
        raise Problem(400, "The field 'at' must be a list of seconds, each at least 0.")
    return [float(n) for n in numbers]


def _json_parts(preview: Preview) -> Iterator[bytes]:
    """Yield the JSON of a preview in parts of at most one picture each."""
    yield b'{"before":'
    yield _base64(preview.before)
    yield b',"after":'
    yield _base64(preview.after)
    yield b',"sheet":'
    yield _base64(preview.sheet)
    yield b',"stills":['
    for number, still in enumerate(preview.stills):
        yield b"," if number else b""
        yield b'{"time":' + json_bytes(still.time_s) + b',"before":'
        yield _base64(still.before)
        yield b',"after":'
        yield _base64(still.after)
        yield b"}"
    warnings = [without_paths(sentence) for sentence in preview.warnings]
    yield b'],"warnings":' + json_bytes(warnings) + b"}"


def _base64(png: bytes | None) -> bytes:
    return b"null" if png is None else b'"' + base64.b64encode(png) + b'"'
