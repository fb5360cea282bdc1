"""Sessions: creation, state, and the page of a claim link."""

from __future__ import annotations

from functools import partial
from html import escape
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from nemovideo.draft import Draft
from nemovideo.local.server.accounts import authenticate, count_link, own_session
from nemovideo.local.server.bodies import read_json
from nemovideo.local.server.context import check_disk, context_of, read_stored
from nemovideo.local.server.forms import Problem, text_field
from nemovideo.local.store import SessionRow, StoredFile

_PAGE_RENDERS = 100
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head><body>
<h1>{title}</h1>
<p>This is a project of the local NemoVideo backend; there is no editor here.</p>
<pre>{summary}</pre>
<h2>Files</h2><ul>{files}</ul>
<h2>Renders</h2><ul>{renders}</ul>
</body></html>
"""


async def create(request: Request) -> Response:
    """POST /api/tasks/me/with-session/nemo_agent: create an empty session."""
    context = context_of(request)
    account = authenticate(request, "write")
    body = await read_json(request)
    check_disk(context, account.user_id)
    session = context.store.projects.create(
        account.user_id,
        text_field(body, "task_name", "project"),
        text_field(body, "language", "en"),
    )
    data = {
        "task_id": session.task_id,
        "session_id": session.session_id,
        "user_id": session.user_id,
    }
    return context.forms.response("session", data)


async def state(request: Request) -> Response:
    """GET /api/state/nemo_agent/me/<session_id>/latest: the draft and the uploaded files."""
    account = authenticate(request, "read")
    session = own_session(request, account, request.path_params["session_id"])
    return await read_stored(request, partial(_state, request, session))


def _state(request: Request, session: SessionRow) -> Response:
    context = context_of(request)
    draft = context.store.projects.draft(session.session_id)
    files = context.store.projects.files(session.session_id)
    canvas = draft.get("m") if draft else None
    keys = ("width", "height", "fps")
    data = {
        "session_id": session.session_id,
        "task_id": session.task_id,
        "task_name": session.task_name,
        "state": {
            "draft": draft,
            "video_infos": [file_info(request, file) for file in files],
            "canvas_config": {k: canvas[k] for k in keys if k in canvas}
            if isinstance(canvas, dict)
            else {},
            "generated_media": [],
            "video_analyses": {},
        },
    }
    return context.forms.response("state", data)


async def claimed(request: Request) -> Response:
    """GET /workspace/claim?ct=…: the contents of the project as a page."""
    context = context_of(request)
    session = context.store.projects.claimed(request.query_params.get("ct", ""))
    if session is None:
        raise Problem(404, "The claim token is unknown or has expired.")
    count_link(request, session.user_id)
    return await read_stored(request, partial(_page, request, session))


def _page(request: Request, session: SessionRow) -> Response:
    context = context_of(request)
    draft = context.store.projects.draft(session.session_id)
    files = [
        _link(file_url(request, token, name), name)
        for token, name in context.store.projects.file_names(session.session_id)
    ]
    renders = [
        _link(file_url(request, r.file_token, f"video.{r.format}"), r.render_id)
        if r.status == "completed"
        else f"<li>{escape(r.render_id)}: {escape(r.status)}</li>"
        for r in context.store.renders.of_session(session.session_id, latest=_PAGE_RENDERS)
    ]
    page = _PAGE.format(
        title=escape(session.task_name),
        summary=escape(Draft.from_json(draft).summary() if draft else "The timeline is empty."),
        files="".join(files),
        renders="".join(renders),
    )
    headers = {"content-security-policy": "default-src 'none'", "referrer-policy": "no-referrer"}
    return HTMLResponse(page, headers=headers)


def file_info(request: Request, file: StoredFile) -> dict[str, object]:
    """Return the protocol's description of an uploaded file."""
    item = file.item
    info: dict[str, object | None] = {
        "filename": item.name,
        "file_type": item.kind,
        "cdn_url": file_url(request, file.file_token, item.name),
        "duration": None if item.duration_ms is None else item.duration_ms / 1000,
        "width": item.width,
        "height": item.height,
        "fps": item.fps,
        "hash": item.sha256,
    }
    return {key: value for key, value in info.items() if value is not None}


def file_url(request: Request, file_token: str, name: str) -> str:
    """Return a file's URL on this server, with the host of the request."""
    # url_for() takes 0.1 ms, which adds up for the files of a session.
    return f"{request.base_url}files/{file_token}/{quote(name, safe='')}"


def _link(url: str, text: str) -> str:
    return f'<li><a href="{escape(url)}">{escape(text)}</a></li>'
