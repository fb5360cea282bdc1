"""Tokens, and links that open a project in a browser."""

from __future__ import annotations

from nemovideo._drivers.resource import AsyncResource, Resource
from nemovideo._flows import auth
from nemovideo._flows.sessions import SessionLike
from nemovideo.models import ClaimToken, Token


class Auth(Resource):
    """`client.auth`."""

    def token(self, *, deadline: float | None = None) -> Token:
        """Return the token in use: the client's argument, `NEMO_TOKEN`, a stored one or a new one.

        Raises:
            AuthenticationError: There is no token, and `anonymous=False`.
            RateLimitError: This client id already got an anonymous token in the last 7 days.
        """
        return self._run(auth.token(self._context), deadline)

    def anonymous_token(self, *, deadline: float | None = None) -> Token:
        """Acquire a new anonymous token (100 credits, 7 days), store it, and use it from now on.

        Raises:
            RateLimitError: This client id got one in the last 7 days (docs/protocol.md §4).
        """
        return self._run(auth.adopt_anonymous_token(self._context), deadline)

    def claim_token(self, session: SessionLike, *, deadline: float | None = None) -> ClaimToken:
        """Return a token and a link (`.token`, `.url`) that open a session's project in a browser.

        Raises:
            SessionNotFoundError: There is no such session.
        """
        flow = auth.claim_token(self._context, session.id, session.task_id)
        return self._run(flow, deadline)


class AsyncAuth(AsyncResource):
    """`client.auth` of the async client; see `Auth`."""

    async def token(self, *, deadline: float | None = None) -> Token:
        """Return the token in use; see `Auth.token`."""
        return await self._run(auth.token(self._context), deadline)

    async def anonymous_token(self, *, deadline: float | None = None) -> Token:
        """Acquire a new anonymous token; see `Auth.anonymous_token`."""
        return await self._run(auth.adopt_anonymous_token(self._context), deadline)

    async def claim_token(
        self, session: SessionLike, *, deadline: float | None = None
    ) -> ClaimToken:
        """Return a token and a link for a browser; see `Auth.claim_token`."""
        flow = auth.claim_token(self._context, session.id, session.task_id)
        return await self._run(flow, deadline)
