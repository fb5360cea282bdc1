"""What the flows of one client share: its settings, its token, and the states it has seen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from nemovideo._config.settings import Settings
    from nemovideo.errors import NemoError
    from nemovideo.models import SessionState, Token


@attrs.define(eq=False)
class Context:
    """The memory of one client.

    Attributes:
        settings: What the client is set to.
        token: The token in use, once there is one.
        token_failure: Why the last try to get an anonymous token failed.
        warned_of: The token whose end was announced already.
        backend_since: When the client's own local backend was started, in epoch seconds:
            whatever another process had under way in one before has died with it.
        state_dir: Where the client's own local backend keeps everything, if there is one.
        known: The last state seen of a session, as long as nothing that this client
            did since could have changed it.
    """

    settings: Settings
    token: Token | None = attrs.field(default=None, repr=False)
    token_failure: NemoError | None = attrs.field(default=None, repr=False)
    warned_of: Token | None = attrs.field(default=None, repr=False)
    backend_since: float | None = None
    state_dir: Path | None = None
    known: dict[str, SessionState] = attrs.field(factory=dict, repr=False)
