"""Render jobs and their files over HTTP."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO

import attrs
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from nemovideo._support.outputs import DEFAULT_QUALITY, QUALITIES
from nemovideo.draft.values import is_ready
from nemovideo.local.server.accounts import authenticate, count_link, own_session
from nemovideo.local.server.bodies import DRAFT_LIMIT_BYTES, json_object, read_body
from nemovideo.local.server.context import check_disk, context_of
from nemovideo.local.server.forms import Problem, text_field
from nemovideo.local.server.messages import parts_of
from nemovideo.local.server.sessions import file_url
from nemovideo.local.store import Account, Render
from nemovideo.local.store.renders import RenderExistsError

_ATTRIBUTION = ("x-skill-source", "x-skill-version", "x-skill-platform")
_RENDER_ID = re.compile(r"[\w\-.~:@+=,]{1,200}")
_FORMAT = re.compile(r"[a-z0-9]{1,8}(?:\.[a-z0-9]{1,8})?")


async def submit(request: Request) -> Response:
    """POST /api/render/proxy/lambda: queue a render of the draft in the body."""
    context = context_of(request)
    account = authenticate(request, "render", "write")
    if not account.anonymous and not account.scopes & {"render", "*"}:
        raise Problem(403, "The token lacks the scope 'render'.", code=403)
    if not all(request.headers.get(name, "").strip() for name in _ATTRIBUTION):
        raise Problem(402, "Export is blocked: the attribution headers are missing.", code=402)
    render = await read_body(request, partial(_queue, request, account), limit=DRAFT_LIMIT_BYTES)
    context.queue.notify()
    data = {context.forms.render_id: render.render_id, "status": "pending", "progress": 0}
    return context.forms.response("render_submit", data)


def _queue(request: Request, account: Account, value: object, sent: bytes) -> Render:
    """Queue a render; the request is stored as sent, since encoding a large draft is slow."""
    context, body = context_of(request), json_object(value)
    session = own_session(request, account, text_field(body, "sessionId"))
    draft, output = body.get("draft"), body.get("output", {})
    if not isinstance(draft, dict) or not is_ready(draft):
        raise Problem(400, "The draft is not ready: no track has a segment.")
    if not isinstance(output, dict):
        raise Problem(400, "The field 'output' must be an object.")
    format_ = text_field(output, "format", "mp4").lower()
    if not _FORMAT.fullmatch(format_):
        raise Problem(400, "The output format must be a plain suffix such as mp4.")
    quality = text_field(output, "quality", DEFAULT_QUALITY)
    if quality not in QUALITIES:
        known = ", ".join(QUALITIES)
        raise Problem(400, f"The quality {quality!r} is unknown; use one of {known}.")
    render_id = text_field(body, "id")
    if not _RENDER_ID.fullmatch(render_id):
        raise Problem(400, "A render id must be 1 to 200 characters: letters, digits, -._~:@+=,")
    renders, limit = context.store.renders, context.limits.renders
    with context.store.database.transaction():  # requests run in several threads
        unfinished = renders.unfinished(account.user_id)
        if limit is not None and unfinished >= limit:
            s = "" if unfinished == 1 else "s"
            message = f"You already have {unfinished} unfinished render{s}; the limit is {limit}."
            raise Problem(429, message, code=429, headers={"Retry-After": "10"})
        check_disk(context, account.user_id)
        try:
            return renders.add(
                render_id,
                session_id=session.session_id,
                user_id=account.user_id,
                request=sent,
                format_=format_,
                quality=quality,
                error=request.scope["nemovideo.faults"].render_error,
            )
        except RenderExistsError as error:
            message = "This render id has been used; every render needs a new one."
            raise Problem(409, message) from error


async def status(request: Request) -> Response:
    """GET /api/render/proxy/lambda/<id>: status and progress, and the link when completed."""
    render = _own_render(request, authenticate(request, "read", "render"))
    return context_of(request).forms.response("render_status", _describe(request, render))


async def cancel(request: Request) -> Response:
    """POST /api/render/proxy/lambda/<id>/cancel: cancel an unfinished job."""
    context = context_of(request)
    account = authenticate(request, "write", "render")
    render = _own_render(request, account)
    context.store.renders.cancel(render)
    cancelled = _own_render(request, account)
    return context.forms.response("render_cancel", _describe(request, cancelled))


async def download(request: Request) -> Download:
    """GET /api/render/proxy/<id>/download: the file, with support for ranges."""
    render = _own_render(request, authenticate(request, "read", "render"))
    if render.status != "completed":
        raise Problem(404, f"The render has no file: it is {render.status}.")
    file = _opened(context_of(request).queue.path(render))
    if file is None:
        raise Problem(404, "Render not found.")
    return Download(file, f"{render.render_id}.{render.format}")


async def file(request: Request) -> Download:
    """GET /files/<token>/<name>: an uploaded or rendered file, for anyone with the link."""
    context = context_of(request)
    token = request.path_params["token"]
    if (uploaded := context.store.projects.file(token)) is not None:
        item, owner = uploaded
        path, name = item.path, item.name
    elif (render := context.store.renders.by_file(token)) is not None:
        owner, path, name = render.user_id, context.queue.path(render), f"video.{render.format}"
    else:
        raise Problem(404, "Not Found")
    count_link(request, owner)
    if (opened := _opened(path)) is None:
        raise Problem(404, "Not Found")
    return Download(opened, name)


@attrs.frozen
class Download:
    """An open file as an ASGI response; it is sent in full even if deleted during the transfer."""

    file: IO[bytes]
    name: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file, or the requested ranges, and close it."""
        with self.file:
            response = FileResponse(
                _path(self.file),
                stat_result=os.fstat(self.file.fileno()),
                filename=self.name,
                headers={"x-content-type-options": "nosniff"},
            )
            await response(scope, receive, send)


def _path(file: IO[bytes]) -> Path:
    """Return a path that opens the file even after it has been removed, except on Windows."""
    path = Path(f"/dev/fd/{file.fileno()}")
    return path if path.exists() else Path(file.name)


def _opened(path: Path) -> IO[bytes] | None:
    """Open a file; None if it has been removed."""
    with suppress(FileNotFoundError):
        return path.open("rb")
    return None


def _own_render(request: Request, account: Account) -> Render:
    renders, render_id = context_of(request).store.renders, request.path_params["render_id"]
    if (render := renders.find(account.user_id, render_id)) is None:
        raise Problem(404, "Render not found.")
    return render


def _describe(request: Request, render: Render) -> dict[str, object]:
    forms = context_of(request).forms
    data: dict[str, object] = {
        forms.render_id: render.render_id,
        "status": render.status,
        "progress": render.progress,
        "createdAt": int(render.created_at * 1000),
    }
    if render.completed_at is not None:
        data["completedAt"] = int(render.completed_at * 1000)
    if render.error is not None:
        data |= parts_of(render.error, "error")  # a remedy is not part of the protocol
    if render.warnings:
        data["warnings"] = list(render.warnings)  # not part of the protocol
    if render.status == "completed" and render.duration_ms is not None:
        url = file_url(request, render.file_token, f"video.{render.format}")
        if forms.render_link == "outputUrl":
            data["outputUrl"] = url
        else:
            seconds = render.duration_ms / 1000
            data["output"] = {"url": url, "duration": seconds, "size": render.size_bytes}
    return data
