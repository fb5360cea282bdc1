"""The routes of the local backend: every endpoint of docs/protocol.md §4, and the fault desk."""

from __future__ import annotations

import sqlite3

import attrs
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from nemovideo.local.server import accounts, exports, previews, runs, sessions, uploads
from nemovideo.local.server.context import Context, context_of
from nemovideo.local.server.faults import Fault, Faults, read_faults
from nemovideo.local.server.forms import JSONResponse, Problem, read_value
from nemovideo.local.server.guard import Guard, RequestLog
from nemovideo.local.server.interference import Disconnect, Interference
from nemovideo.local.server.trouble import DISK_FULL, OUT_OF_FILES, is_disk_full, is_out_of_files

_RENDERS = "/api/render/proxy"


def create_app(
    context: Context, *, faults: Faults, log: RequestLog, disconnect: Disconnect
) -> Starlette:
    """Return the ASGI app.

    `disconnect` closes the connection of a request; `log` gets every request.
    """
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
            Route("/files/{token}/{name}", exports.file, name="file"),
            Route("/healthz", _health),
            *([] if context.door.shared else [_FAULT_DESK]),
        ],
        middleware=[
            Middleware(Guard, log=log, any_host=context.door.shared),
            Middleware(Interference, faults=faults, disconnect=disconnect, sleep=context.sleep),
        ],
        exception_handlers={
            Problem: _refuse,
            HTTPException: _refuse_plainly,
            ClientDisconnect: _nobody_listens,
            OSError: _refuse_without_room,
            sqlite3.OperationalError: _refuse_without_room,
        },
    )
    app.state.context = context
    app.state.faults = faults
    return app


def _refuse(request: Request, problem: Exception) -> Response:
    if not isinstance(problem, Problem):
        raise problem
    return context_of(request).forms.refusal(problem)


def _refuse_without_room(request: Request, error: Exception) -> Response:
    """Answer where the disk is full, or no more files can be opened."""
    if is_disk_full(error):
        problem = Problem(507, DISK_FULL, code=507)
    elif is_out_of_files(error):
        problem = Problem(503, OUT_OF_FILES, code=503, headers={"Retry-After": "5"})
    else:
        raise error
    return context_of(request).forms.refusal(problem)


def _refuse_plainly(_request: Request, error: Exception) -> Response:
    """Answer for unknown routes and methods, as FastAPI does."""
    if not isinstance(error, HTTPException):
        raise error
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


def _nobody_listens(_request: Request, _error: Exception) -> Response:
    """Answer a client that left in the middle of its request."""
    return Response(status_code=499)


async def _fault_desk(request: Request) -> Response:
    """`/__faults__`: GET lists the rules, POST adds some, DELETE takes all away."""
    faults: Faults = request.app.state.faults
    if request.method == "DELETE":
        faults.clear()
    elif request.method == "POST":
        # A form of some web page cannot claim this type, so no page can set faults.
        if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
            raise Problem(415, "Send the rules as application/json.")
        try:
            faults.add(*read_faults(await read_value(request)))
        except ValueError as error:
            raise Problem(400, str(error)) from error
    rules = [_rule_json(rule) for rule in faults.rules]
    return JSONResponse({"code": 0, "message": "success", "data": {"faults": rules}})


_FAULT_DESK = Route("/__faults__", _fault_desk, methods=["GET", "POST", "DELETE"])


async def _health(request: Request) -> Response:
    """GET /healthz: 200 while the state can be read and the render workers are there.

    `previews` says that this backend has /api/local/preview, which the protocol does not.
    """
    context = context_of(request)
    with context.store.database.reading() as connection:
        connection.execute("SELECT 1 FROM users LIMIT 1").fetchone()
    well = context.queue.alive
    status = "ok" if well else "failing"
    return JSONResponse({"status": status, "previews": True}, 200 if well else 503)


def _rule_json(rule: Fault) -> dict[str, object]:
    return {
        field.name: getattr(rule, field.name)
        for field in attrs.fields(Fault)
        if getattr(rule, field.name) != getattr(Fault(kind="drop"), field.name)
        or field.name == "kind"
    }
