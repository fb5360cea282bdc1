"""Authentication by bearer token, scopes, and the endpoints for tokens and credits."""

from __future__ import annotations

from datetime import datetime, timezone

from starlette.requests import Request
from starlette.responses import Response

from nemovideo.local.server.bodies import read_json
from nemovideo.local.server.context import check_disk, context_of
from nemovideo.local.server.forms import Problem, is_utf8, text_field
from nemovideo.local.server.limits import MAX_CONNECTIONS
from nemovideo.local.store import Account, SessionRow
from nemovideo.local.store.accounts import TokenTooSoonError
from nemovideo.local.store.projects import CLAIM_LIFETIME_S

_MAX_ID_CHARS = 100
_KEY_REMEDY = "Use an API key of this server: pass it as the token, or set NEMO_TOKEN to it."
"""Overrides the client's own remedy, which suggests an anonymous token: this server issues none."""


def authenticate(request: Request, *scopes: str) -> Account:
    """Return the account of the bearer token, which must have one of the scopes.

    Raises:
        Problem: 401 (code 1001) without a valid token, 403 without the scope, 429 if an API key
            has too many requests in progress.
    """
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    account = context_of(request).store.accounts.find(token.strip())
    shared = context_of(request).access.shared
    if kind.lower() != "bearer" or account is None or (account.anonymous and shared):
        raise Problem(
            401,
            "The token is missing, unknown or expired.",
            code=1001,
            remedy=_KEY_REMEDY if shared else None,
            headers={"WWW-Authenticate": "Bearer"},
        )
    request.scope["nemovideo.user"] = account.user_id
    count_request(request, account.user_id)
    if not account.scopes.intersection({*scopes, "*"}):
        raise Problem(403, f"The token lacks the scope {' or '.join(scopes)!r}.", code=403)
    return account


def count_link(request: Request, user_id: str) -> None:
    """Count a request by link separately, so that a reader cannot lock out the owner.

    Raises:
        Problem: 429 if there are too many in progress for links of the user.
    """
    count_request(request, f"links of {user_id}")


def count_request(request: Request, counter: str) -> None:
    """Count a request until it ends (see `Guard`).

    A counter may hold a third as many requests as there are free connections. So the first key can
    use a quarter of all connections and later ones less, and some always remain free.

    Raises:
        Problem: 429 if the server has API keys, and the counter has too many in progress.
    """
    context = context_of(request)
    own, free = context.in_progress[counter], MAX_CONNECTIONS - context.in_progress.total()
    if context.access.shared and 3 * own >= free:
        s = "" if own == 1 else "s"
        message = f"You have {own} request{s} in progress, which is your share of the connections."
        raise Problem(429, message, code=429, headers={"Retry-After": "5"})
    request.scope["nemovideo.counter"] = counter
    context.in_progress[counter] += 1


def own_session(request: Request, account: Account, session_id: str) -> SessionRow:
    """Return a session of the account.

    Raises:
        Problem: 404 (code 1002): there is no such session, or it belongs to another user.
    """
    projects = context_of(request).store.projects
    possible = len(session_id) <= _MAX_ID_CHARS and is_utf8(session_id)
    session = projects.session(session_id, account.user_id) if possible else None
    if session is None:
        raise Problem(404, "Session not found.", code=1002)
    projects.touch(session)
    return session


async def anonymous_token(request: Request) -> Response:
    """POST /api/auth/anonymous-token: one token per client id, valid for 7 days."""
    context = context_of(request)
    if context.access.shared:
        message = "This server does not issue anonymous tokens."
        raise Problem(401, message, code=1001, remedy=_KEY_REMEDY)
    client_id = request.headers.get("x-client-id", "").strip()
    if not client_id:
        raise Problem(400, "The header X-Client-Id is missing.", code=400)
    credits_ = context.pricing.credits
    try:
        issued = context.store.accounts.issue_anonymous(client_id, credits_)
    except TokenTooSoonError as error:
        raise Problem(
            429,
            "This client id already has a valid anonymous token; one is issued per 7 days.",
            code=429,
            headers={"Retry-After": str(int(error.retry_after_s) + 1)},
        ) from error
    expiry = datetime.fromtimestamp(issued.expires_at, tz=timezone.utc)
    data = {
        "token": issued.token,
        "user_id": issued.user_id,
        "credits": credits_,
        "expires_at": expiry.isoformat().replace("+00:00", "Z"),
    }
    return context.forms.response("anonymous_token", data)


async def claim_token(request: Request) -> Response:
    """POST /api/auth/claim-token: a token that opens the project in a browser."""
    context = context_of(request)
    account = authenticate(request, "write")
    body = await read_json(request)
    session = own_session(request, account, text_field(body, "session_id"))
    if text_field(body, "task_id") != session.task_id:
        raise Problem(404, "The session belongs to another task.", code=1002)
    check_disk(context, account.user_id)
    token = context.store.projects.issue_claim(session.session_id)
    return context.forms.response(
        "claim_token", {"claim_token": token, "expires_in": CLAIM_LIFETIME_S}
    )


async def balance(request: Request) -> Response:
    """GET /api/credits/balance/simple: available and reserved credits, and their total."""
    context = context_of(request)
    account = authenticate(request, "read")
    available, frozen = context.store.accounts.balance(account.user_id)
    data = {"available": available, "frozen": frozen, "total": available + frozen}
    return context.forms.response("credits", data)
