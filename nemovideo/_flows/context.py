"""What the flows of one client share: its settings, its token, and the states it has seen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from nemovideo._config.settings import Settings
    from nemovideo.errors import NemoError
    from nemovideo.local import LocalBackend
    from nemovideo.models import SessionState, Token


@attrs.define(eq=False)
class Context:
    """The memory of one client.

    Attributes:
        settings: What the client is set to.
        backend: The client's own local backend, if it has one; it runs as long as somebody
            holds this context.
        state_dir: Where that backend keeps everything.
        backend_since: When it was started, in epoch seconds: whatever another process had in
            progress in one before is lost.
        token: The token in use, once there is one.
        token_failure: Why the last attempt to get an anonymous token failed.
        warned_of: The token whose expiry was announced already.
        known: The last state seen of a session, as long as nothing that this client
            did since could have changed it.
    """

    settings: Settings
    backend: LocalBackend | None = attrs.field(default=None, repr=False)
    state_dir: Path | None = None
    backend_since: float | None = None
    token: Token | None = attrs.field(default=None, repr=False)
    token_failure: NemoError | None = attrs.field(default=None, repr=False)
    warned_of: Token | None = attrs.field(default=None, repr=False)
    known: dict[str, SessionState] = attrs.field(factory=dict, repr=False)

    def own(self, backend: LocalBackend) -> None:
        """Use a local backend that was just started."""
        self.backend, self.state_dir = backend, backend.state_dir
        self.backend_since = self.settings.clock.time()

    def variant(self, settings: Settings) -> Context:
        """Return the context of a copy of the client; the token is shared within one account."""
        made = Context(settings, self.backend, self.state_dir, self.backend_since)
        if _account(settings) == _account(self.settings):
            made.token, made.known = self.token, self.known
        return made


def _account(settings: Settings) -> tuple[object, ...]:
    return settings.token, settings.store.scope, settings.store.directory
