"""The routes of the local backend: the endpoints of docs/protocol.md §4, and its own."""

from __future__ import annotations

import sqlite3

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from nemovideo.local.server import accounts, exports, previews, runs, sessions, uploads
from nemovideo.local.server.bodies import read_body
from nemovideo.local.server.context import Context, context_of
from nemovideo.local.server.faults import Faults, fault_json, read_faults
from nemovideo.local.server.forms import JSONResponse, Problem
from nemovideo.local.server.guard import Guard, RequestLog
from nemovideo.local.server.injection import Disconnect, FaultInjection
from nemovideo.local.server.messages import (
    DISK_FULL,
    FREE_SPACE,
    OUT_OF_FILES,
    is_disk_full,
    is_out_of_files,
)

_RENDERS = "/api/render/proxy"


def create_app(
    context: Context, *, faults: Faults, log: RequestLog, disconnect: Disconnect
) -> Starlette:
    """Return the ASGI app."""
    app = Starlette(
        routes=[
            Route("/api/auth/anonymous-token", accounts.anonymous_token, methods=["POST"]),
            Route("/api/auth/claim-token", accounts.claim_token, methods=["POST"]),
            Route("/api/credits/balance/simple", accounts.balance),
            Route("/api/tasks/me/with-session/nemo_agent", sessions.create, methods=["POST"]),
            Route("/api/state/nemo_agent/me/{session_id}/latest", sessions.state),
            Route("/workspace/claim", sessions.claimed),
            Route("/api/upload-video/nemo_agent/me/{session_id}", uploads.upload, methods=["POST"]),
            Route("/run_sse", runs.run_sse, methods=["POST"]),
            Route(f"{_RENDERS}/lambda", exports.submit, methods=["POST"]),
            Route(f"{_RENDERS}/lambda/{{render_id}}", exports.status),
            Route(f"{_RENDERS}/lambda/{{render_id}}/cancel", exports.cancel, methods=["POST"]),
            Route(f"{_RENDERS}/{{render_id}}/download", exports.download),
            Route("/api/local/preview", previews.preview, methods=["POST"]),
            Route("/files/{token}/{name}", exports.file),
            Route("/healthz", _health),
            *([] if context.access.shared else [_FAULT_RULES]),
        ],
        middleware=[
            Middleware(
                Guard,
                log=log,
                in_progress=context.in_progress,
                any_host=context.access.shared,
            ),
            Middleware(FaultInjection, faults=faults, disconnect=disconnect, sleep=context.sleep),
        ],
        exception_handlers={
            Problem: _problem,
            HTTPException: _http_exception,
            ClientDisconnect: lambda _request, _error: Response(status_code=499),
            OSError: _resource_exhausted,
            sqlite3.OperationalError: _resource_exhausted,
        },
    )
    app.router.redirect_slashes = False  # the redirect would echo the query
    app.state.context = context
    app.state.faults = faults
    return app


def _problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    return context_of(request).forms.error_response(problem)


def _resource_exhausted(request: Request, error: Exception) -> Response:
    """Respond to a full disk (507) and to too many open files (503)."""
    if is_disk_full(error):
        problem = Problem(507, f"{DISK_FULL}.", code=507, remedy=FREE_SPACE)
    elif is_out_of_files(error):
        problem = Problem(503, OUT_OF_FILES, code=503, headers={"Retry-After": "5"})
    else:
        raise error
    return context_of(request).forms.error_response(problem)


def _http_exception(_request: Request, error: Exception) -> Response:
    """Respond to unknown routes and methods as FastAPI does."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


async def _fault_rules(request: Request) -> Response:
    """`/__faults__`: GET lists the rules and how often they fired, POST adds, DELETE clears."""
    faults: Faults = request.app.state.faults
    if request.method == "DELETE":
        faults.clear()
    elif request.method == "POST":
        # A form on a web page cannot send this type, so no page can set faults.
        if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
            raise Problem(415, "Send the rules as application/json.")
        try:
            faults.add(*await read_body(request, lambda rules, _: read_faults(rules)))
        except ValueError as error:
            raise Problem(400, str(error)) from error
    fired = faults.fired
    data = {"faults": [fault_json(rule) for rule, _ in fired], "fired": [n for _, n in fired]}
    return JSONResponse({"code": 0, "message": "success", "data": data})


_FAULT_RULES = Route("/__faults__", _fault_rules, methods=["GET", "POST", "DELETE"])


async def _health(request: Request) -> Response:
    """GET /healthz: 200 if the state can be read and the render workers are running.

    `previews` announces /api/local/preview, which is not part of the protocol.
    """
    context = context_of(request)
    context.store.database.row("SELECT 1 FROM users LIMIT 1")
    healthy = context.queue.alive
    status = "ok" if healthy else "failing"
    return JSONResponse({"status": status, "previews": True}, 200 if healthy else 503)
