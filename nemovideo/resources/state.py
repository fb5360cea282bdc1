"""The state of a session."""

from __future__ import annotations

from nemovideo._drivers.resource import AsyncResource, Resource
from nemovideo._flows import state
from nemovideo.models import SessionState


class State(Resource):
    """`client.state`."""

    def get(self, session_id: str, *, deadline: float | None = None) -> SessionState:
        """Return a session's draft, files and analyses.

        Args:
            session_id: The session.
            deadline: Seconds for the whole call; None for the client's own deadline.

        Raises:
            SessionNotFoundError: There is no such session.
        """
        return self._run(state.get(self._context, session_id), deadline)


class AsyncState(AsyncResource):
    """`client.state` of the async client; see `State`."""

    async def get(self, session_id: str, *, deadline: float | None = None) -> SessionState:
        """Return a session's draft, files and analyses; see `State.get`."""
        return await self._run(state.get(self._context, session_id), deadline)
