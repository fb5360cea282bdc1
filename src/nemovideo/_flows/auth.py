"""Which token to use, when to get a new one, and claim tokens (protocol.md §1, §4, §7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import quote, urlencode

from nemovideo import _wire
from nemovideo._flows.context import Context
from nemovideo._flows.steps import Flow, Request, blocking, call, exclusive
from nemovideo.errors import AuthenticationError, InsufficientCreditsError, MissingClientIdError
from nemovideo.models import ClaimToken, Token

T = TypeVar("T")


def token(context: Context) -> Flow[Token]:
    """Return the token to use: given, stored, or newly acquired, in this order."""
    if context.token is not None:
        return context.token
    return (yield from exclusive("token", _find(context, rejected=None)))


def authorized(context: Context, request: Request) -> Flow[object]:
    """Send a request with a token; an anonymous token that was refused is renewed once."""
    return (yield from with_token(context, lambda bearer: call(request.with_token(bearer))))


def with_token(context: Context, attempt: Callable[[Token], Flow[T]]) -> Flow[T]:
    """Run a flow that needs a token, again with a new one if an anonymous one was refused.

    A refusal means that nothing was done, so the repeat cannot do anything twice.
    """
    bearer = yield from token(context)
    try:
        return (yield from attempt(bearer))
    except AuthenticationError:
        if not bearer.anonymous:
            raise
    except InsufficientCreditsError as error:
        _explain(context, bearer, error)
        raise
    renewed = yield from exclusive("token", _find(context, rejected=bearer))
    return (yield from attempt(renewed))


def new_anonymous_token(context: Context) -> Flow[Token]:
    """Ask for a new anonymous token, and keep it for the next run."""
    store = context.settings.store
    client_id = yield from blocking(store.client_id)
    request = Request("POST", "/api/auth/anonymous-token", headers={"X-Client-Id": client_id})
    try:
        data = yield from call(request)
    except MissingClientIdError:
        data = yield from call(request)
    acquired = _wire.read_token(data)
    yield from blocking(lambda: store.save(acquired))
    return acquired


def adopt_anonymous_token(context: Context) -> Flow[Token]:
    """Ask for a new anonymous token, and use it from now on."""
    context.token = yield from new_anonymous_token(context)
    return context.token


def claim_token(context: Context, session_id: str, task_id: str | None) -> Flow[ClaimToken]:
    """Get a token that opens a session's project in a browser."""
    body = {"task_id": task_id, "session_id": session_id}
    data = yield from authorized(
        context, Request("POST", "/api/auth/claim-token", json=body, repeatable=True)
    )
    claim, expires_in_s = _wire.read_claim(data)
    web_url = context.settings.web_url
    return ClaimToken(claim, f"{web_url}/workspace/claim?ct={quote(claim, safe='')}", expires_in_s)


def _find(context: Context, rejected: Token | None) -> Flow[Token]:
    """Set the context's token, unless another flow has done so meanwhile, and return it."""
    if context.token is not None and context.token != rejected:
        return context.token
    settings = context.settings
    if settings.token is not None:
        context.token = Token(settings.token)
        return context.token
    if not settings.anonymous:
        raise AuthenticationError(
            "there is no token, and anonymous=False forbids to ask for one",
            remedy="Set NEMO_TOKEN, or pass token=.",
        )
    stored = yield from blocking(lambda: settings.store.load(settings.clock.time()))
    if stored is not None and stored != rejected:
        context.token = stored
        return stored
    return (yield from adopt_anonymous_token(context))


def _explain(context: Context, bearer: Token, error: InsufficientCreditsError) -> None:
    """Tell an anonymous user where to register (protocol.md §7)."""
    if bearer.anonymous:
        query = f"?{urlencode({'bind': bearer.user_id})}" if bearer.user_id else ""
        error.register_url = f"{context.settings.web_url}{query}"
        error.remedy = f"Register for more credits: {error.register_url}"
