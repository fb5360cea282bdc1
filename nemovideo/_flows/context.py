"""The state that the flows of a client share: settings, token, cached session states."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import attrs

from nemovideo._support.forks import reset_in_children

if TYPE_CHECKING:
    from nemovideo._config.settings import Settings
    from nemovideo.errors import NemoError
    from nemovideo.local import LocalBackend
    from nemovideo.models import SessionState, Token


_SESSIONS = 256
MAX_STATES = 16
MAX_NEW_SESSIONS = 1000


class States:
    """An LRU cache of session states.

    It is bounded because a decoded draft can take half a megabyte, and a long-running server can
    have thousands of sessions.
    """

    def __init__(self) -> None:
        self._guard = Lock()
        self._states: OrderedDict[str, SessionState] = OrderedDict()
        self._new: OrderedDict[str, SessionState] = OrderedDict()
        reset_in_children(self)

    def __len__(self) -> int:
        return len(self._states) + len(self._new)

    def __setitem__(self, session_id: str, state: SessionState) -> None:
        with self._guard:
            self._states.pop(session_id, None)
            self._new.pop(session_id, None)
            small = state.draft is None and not state.video_infos
            kept, limit = (self._new, MAX_NEW_SESSIONS) if small else (self._states, MAX_STATES)
            kept[session_id] = state
            while len(kept) > limit:
                kept.popitem(last=False)

    def get(self, session_id: str) -> SessionState | None:
        """Return the cached state, or None."""
        with self._guard:
            if session_id in self._states:
                self._states.move_to_end(session_id)
                return self._states[session_id]
            return self._new.get(session_id)

    def forget(self, session_id: str) -> None:
        """Drop a state that may have changed."""
        with self._guard:
            self._states.pop(session_id, None)
            self._new.pop(session_id, None)

    def after_fork(self) -> None:
        """Replace the lock in a child process, where no thread would release it."""
        self._guard = Lock()


@attrs.define(eq=False)
class Context:
    """The shared state of one client.

    Attributes:
        backend: The client's embedded local backend, if any; it runs while this context is
            referenced.
        state_dir: The backend's state folder.
        backend_started_at: When the backend was started, in epoch seconds; agent runs that began
            earlier have ended with their process.
        token: The token in use, or None before the first call.
        token_failure: The error from the last attempt to acquire an anonymous token.
        expiry_logged_for: The token whose expiry has been logged.
        known: Session states that no later call of this client can have changed.
        uploaded: The local files uploaded to each session; exports never overwrite them.
    """

    settings: Settings
    backend: LocalBackend | None = attrs.field(default=None, repr=False)
    state_dir: Path | None = None
    backend_started_at: float | None = None
    token: Token | None = attrs.field(default=None, repr=False)
    token_failure: NemoError | None = attrs.field(default=None, repr=False)
    expiry_logged_for: Token | None = attrs.field(default=None, repr=False)
    known: States = attrs.field(factory=States, repr=False)
    uploaded: dict[str, tuple[Path, ...]] = attrs.field(factory=dict, repr=False)

    def attach_backend(self, backend: LocalBackend) -> None:
        """Use a local backend that has just been started."""
        self.backend, self.state_dir = backend, backend.state_dir
        self.backend_started_at = self.settings.clock.time()

    def record_uploads(self, session_id: str, paths: Sequence[Path]) -> None:
        """Record the uploaded files, for the most recent sessions only."""
        self.uploaded[session_id] = (*self.uploaded.pop(session_id, ()), *paths)
        while len(self.uploaded) > _SESSIONS:
            self.uploaded.pop(next(iter(self.uploaded)), None)

    def variant(self, settings: Settings) -> Context:
        """Return the context of a copy of the client; copies for one account share the token."""
        context = Context(settings, self.backend, self.state_dir, self.backend_started_at)
        if _account(settings) == _account(self.settings):
            context.token, context.known, context.uploaded = self.token, self.known, self.uploaded
        return context


def _account(settings: Settings) -> tuple[object, ...]:
    return settings.token, settings.store.scope, settings.store.directory
