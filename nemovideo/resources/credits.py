"""The balance."""

from __future__ import annotations

from nemovideo._drivers.resource import AsyncResource, Resource
from nemovideo._flows import state
from nemovideo.models import Credits


class CreditsResource(Resource):
    """`client.credits`."""

    def balance(self, *, deadline: float | None = None) -> Credits:
        """Return the credits: available, reserved by work in progress, and the total.

        Args:
            deadline: Seconds for the whole call; None for the client's own deadline.
        """
        return self._run(state.balance(self._context), deadline)


class AsyncCreditsResource(AsyncResource):
    """`client.credits` of the async client; see `CreditsResource`."""

    async def balance(self, *, deadline: float | None = None) -> Credits:
        """Return the credits; see `CreditsResource.balance`."""
        return await self._run(state.balance(self._context), deadline)
