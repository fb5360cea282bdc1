"""Token selection and renewal, and claim tokens (docs/protocol.md §1, §4, §7)."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from typing import TypeVar
from urllib.parse import quote, urlencode, urlsplit

from nemovideo._flows.context import Context
from nemovideo._flows.steps import Flow, Request, Sleep, blocking, call, exclusive
from nemovideo._support.addresses import is_loopback
from nemovideo._values.remedies import Code, Remedy
from nemovideo._wire import models as wire
from nemovideo.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    AuthenticationError,
    InsufficientCreditsError,
    MalformedResponseError,
    MissingClientIdError,
    NemoError,
    RateLimitError,
    ServerError,
)
from nemovideo.models import ClaimToken, Token

T = TypeVar("T")

log = logging.getLogger("nemovideo")

_LOST_TOKEN_REMEDY = (
    "If the response that contained the token was lost, the next call uses a new client id."  # noqa: S105 - a sentence
)
"""The remedy if the response to a token request may have been lost."""
_LOST_TOKEN_REMEDY_CUSTOM_ID = (
    "If the response that contained the token was lost, set NEMO_CLIENT_ID to a new UUID."  # noqa: S105 - a sentence
)
"""That remedy if the user set the client id."""

_WARN_BEFORE_S = 24 * 3600.0
_LOCK_POLL_S = 0.05
_LOCK_TIMEOUT_S = 300.0


def token(context: Context) -> Flow[Token]:
    """Return the token to use: the given one, the stored one, or a new anonymous one."""
    bearer = context.token
    if bearer is None:
        bearer = yield from _shared_token(context, rejected=None)
    if context.expiry_logged_for is not bearer and _expires_soon(context, bearer):
        context.expiry_logged_for = bearer
        log.warning("%s", _expiry_message(context, bearer))
    return bearer


def authorized(context: Context, request: Request) -> Flow[object]:
    """Send a request with a token; a rejected anonymous token is renewed once."""
    return (yield from with_token(context, lambda bearer: call(request.with_token(bearer))))


def with_token(context: Context, attempt: Callable[[Token], Flow[T]]) -> Flow[T]:
    """Run a flow that needs a token; rerun it with a new one if an anonymous one is rejected.

    A request with a rejected token had no effect, so repeating it is safe.
    """
    bearer = yield from token(context)
    try:
        try:
            return (yield from attempt(bearer))
        except AuthenticationError:
            if not bearer.anonymous:
                raise
        bearer = yield from _shared_token(context, rejected=bearer)
        return (yield from attempt(bearer))
    except InsufficientCreditsError as error:
        _add_register_url(context, bearer, error)
        raise


def adopt_anonymous_token(context: Context) -> Flow[Token]:
    """Acquire an anonymous token, store it for later runs, and use it from now on."""
    store = context.settings.store
    client_id = yield from blocking(store.client_id)
    was_lost = yield from blocking(partial(store.response_was_lost, client_id))
    try:
        try:
            context.token = yield from _acquire(context, client_id)
        except (MissingClientIdError, RateLimitError) as error:
            # The service may have given the token of this id in a response that was lost.
            if isinstance(error, RateLimitError) and (store.given_id or not was_lost):
                raise
            client_id = yield from blocking(store.new_client_id)
            context.token = yield from _acquire(context, client_id)
    except RateLimitError as error:
        _explain_refusal(context, error)
        raise
    acquired = context.token
    yield from blocking(lambda: store.save(acquired))
    return acquired


def _explain_refusal(context: Context, error: RateLimitError) -> None:
    """Set the remedy of a refused anonymous token (docs/protocol.md §1)."""
    if is_loopback(urlsplit(context.settings.base_url).hostname or ""):
        error.remedy = (
            "This client id already has a token from this server. It may be saved under another of "
            "its addresses (such as localhost instead of 127.0.0.1) or in another config_dir, or "
            "the response that contained it was lost. Use that address or config_dir, or set "
            "NEMO_CLIENT_ID to a new UUID."
        )
        return
    error.register_url = context.settings.web_url
    error.remedy = (
        "Each client id gets one anonymous token per 7 days, even if the response that contained "
        "it was lost, and each IP address gets a few: "
        f"register at {context.settings.web_url} and set NEMO_TOKEN, or wait{_waiting_time(error)}."
    )


def claim_token(context: Context, session_id: str, task_id: str | None) -> Flow[ClaimToken]:
    """Get a token that opens the session's project in a browser."""
    body = {"task_id": task_id, "session_id": session_id}
    data = yield from authorized(
        context, Request("POST", "/api/auth/claim-token", json=body, repeatable=True)
    )
    claim, expires_in_s = wire.read_claim(data)
    web_url = context.settings.web_url
    return ClaimToken(claim, f"{web_url}/workspace/claim?ct={quote(claim, safe='')}", expires_in_s)


def _acquire(context: Context, client_id: str) -> Flow[Token]:
    """Request an anonymous token; record the request first, since its response may be lost."""
    store = context.settings.store
    request = Request("POST", "/api/auth/anonymous-token", headers={"X-Client-Id": client_id})
    yield from blocking(partial(store.record_request, client_id))
    try:
        return wire.read_token((yield from call(request)))
    except (APIConnectionError, ServerError, MalformedResponseError) as error:
        if isinstance(error, APIConnectionError) and not error.sent:
            yield from blocking(partial(store.record_request, None))
        else:
            lost = _LOST_TOKEN_REMEDY_CUSTOM_ID if store.given_id else _LOST_TOKEN_REMEDY
            error.remedy = Remedy.after(error.remedy, Remedy(lost))
        raise
    except APIError:
        yield from blocking(partial(store.record_request, None))
        raise


def _shared_token(context: Context, rejected: Token | None) -> Flow[Token]:
    """Find a token; concurrent calls share one acquisition and its error."""
    return (yield from exclusive("token", _find(context, rejected, context.token_failure)))


def _find(context: Context, rejected: Token | None, known: NemoError | None) -> Flow[Token]:
    """Return the context's token, after setting it unless another flow has.

    `rejected` is a token that the service has rejected. `known` is the last failure before this
    flow waited for others; a newer one is re-raised.
    """
    if context.token is not None and context.token != rejected:
        return context.token
    failure = context.token_failure
    if failure is not None and failure is not known:
        raise copy.copy(failure)
    settings = context.settings
    if settings.token is not None:
        context.token = Token(settings.token)
        return context.token
    if not settings.anonymous:
        raise AuthenticationError(
            "there is no token, and anonymous=False forbids acquiring one",
            remedy=Remedy("set NEMO_TOKEN", ("pass ", Code("token="))),
        )
    try:
        return (yield from _find_anonymous(context, rejected))
    except NemoError as error:
        if not (isinstance(error, APITimeoutError) and error.deadline_passed):
            context.token_failure = copy.copy(error)  # a deadline applies to one call only
        raise


def _find_anonymous(context: Context, rejected: Token | None) -> Flow[Token]:
    """Load the stored token or acquire one, under a lock between processes."""
    settings = context.settings
    lock, clock = settings.store.lock(), settings.clock
    ends_at = clock.monotonic() + _LOCK_TIMEOUT_S
    # A process that dies releases the lock; a suspended one must not block the others forever.
    try:
        while not (yield from blocking(lock.acquire)) and clock.monotonic() < ends_at:
            yield Sleep(_LOCK_POLL_S)
        stored = yield from blocking(lambda: settings.store.load(clock.time()))
        if stored is not None and stored != rejected:
            context.token = stored
            return stored
        return (yield from adopt_anonymous_token(context))
    finally:
        lock.release()


def _add_register_url(context: Context, bearer: Token, error: InsufficientCreditsError) -> None:
    """Point an anonymous user to the registration page (docs/protocol.md §7)."""
    if bearer.anonymous:
        error.register_url = _register_url(context, bearer)
        error.remedy = f"Register for more credits: {error.register_url}"


def _register_url(context: Context, bearer: Token) -> str:
    query = f"?{urlencode({'bind': bearer.user_id})}" if bearer.user_id else ""
    return f"{context.settings.web_url}{query}"


def _expires_soon(context: Context, bearer: Token) -> bool:
    if not bearer.anonymous or bearer.expires_at is None:
        return False
    return bearer.expires_at - context.settings.clock.time() < _WARN_BEFORE_S


def _expiry_message(context: Context, bearer: Token) -> str:
    moment = datetime.fromtimestamp(bearer.expires_at or 0, timezone.utc)
    return (
        f"the anonymous token expires at {moment:%Y-%m-%d %H:%M} UTC; "
        f"register at {_register_url(context, bearer)} for a permanent token"
    )


def _waiting_time(error: RateLimitError) -> str:
    if error.retry_after is None:
        return ""
    hours = error.retry_after / 3600
    return f" {hours / 24:.1f} days" if hours >= 48 else f" {hours:.1f} hours"
