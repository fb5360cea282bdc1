"""Stored credentials: the client id and the anonymous token (docs/protocol.md §1, §4).

Without them, the second run in a week would get a 429. The client id is not secret; the token file
is readable only by its owner. If the folder is not writable, a temporary one is used.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from nemovideo._support.disk import read_bytes, replace_text
from nemovideo._support.filelock import FileLock
from nemovideo._support.json_text import read_json
from nemovideo._support.patterns import lazy
from nemovideo._support.user_folders import READ_ONLY, can_write_to, replacement
from nemovideo.models import Token

_CLIENT_ID = lazy(r"[!-~]{1,64}")
"""A UUID, or another stable string such as `client-<timestamp>-<random>` (docs/protocol.md §1)."""

_REQUESTED_WITH = "requested_with"
"""The key of the client id that a token was requested with, until the response arrives."""

_REMEDY = "Set config_dir= or XDG_CONFIG_HOME to a writable folder."


class CredentialStore:
    """The client id and the anonymous tokens, one per scope, in one folder.

    Args:
        directory: The folder; created by the first write.
        scope: The key of the token: the API's base URL.
        client_id: The user's client id (`NEMO_CLIENT_ID`), in place of the stored one.
    """

    def __init__(self, directory: Path, scope: str, client_id: str | None = None) -> None:
        self.directory = directory
        self.scope = scope
        self.given_id = client_id
        self._created_id: str | None = None
        self._replacement: Path | None = None

    def lock(self) -> FileLock:
        """Return the lock under which processes acquire a token."""
        return FileLock(self._folder / "lock")

    def client_id(self) -> str:
        """Return the client id, created once and then reused; a damaged file is renamed."""
        if self.given_id:
            return self.given_id
        with suppress(OSError, ValueError):
            found = self._read("client_id").decode("ascii").strip()
            if _CLIENT_ID.fullmatch(found):
                return found
        return self._created_id or self.new_client_id()

    def new_client_id(self) -> str:
        """Create a new client id and rename the old file; an id set by the user is kept."""
        if self.given_id:
            return self.given_id
        path = self._folder / "client_id"
        with suppress(OSError):
            if path.exists():
                path.replace(path.with_name(f"{path.name}.damaged-{uuid.uuid4().hex[:8]}"))
        self._created_id = str(uuid.uuid4())
        self._write("client_id", self._created_id + "\n")
        return self._created_id

    def load(self, now: float) -> Token | None:
        """Return the stored token of this scope, unless it has expired by `now`."""
        entry = self._entries().get(self.scope)
        if not isinstance(entry, Mapping) or not isinstance(entry.get("token"), str):
            return None
        expires_at, user_id = entry.get("expires_at"), entry.get("user_id")
        token = Token(
            entry["token"],
            anonymous=True,
            expires_at=expires_at if isinstance(expires_at, (int, float)) else None,
            user_id=user_id if isinstance(user_id, str) else None,
        )
        expired = token.expires_at is not None and token.expires_at <= now
        return token if token.sendable and not expired else None

    def save(self, token: Token) -> None:
        """Store the token for the next run."""
        entry = {"token": str(token), "expires_at": token.expires_at, "user_id": token.user_id}
        self._save(entry)

    def response_was_lost(self, client_id: str) -> bool:
        """Return whether a token was requested with this id, and its response did not arrive."""
        entry = self._entries().get(self.scope)
        return isinstance(entry, Mapping) and entry.get(_REQUESTED_WITH) == client_id

    def record_request(self, client_id: str | None) -> None:
        """Record that a token is being requested; with None, that the request was answered."""
        entry = self._entries().get(self.scope)
        kept = dict(entry) if isinstance(entry, Mapping) else {}
        kept.pop(_REQUESTED_WITH, None)
        self._save(kept if client_id is None else {**kept, _REQUESTED_WITH: client_id})

    def _save(self, entry: Mapping[str, object]) -> None:
        self._write("tokens.json", json.dumps({**self._entries(), self.scope: entry}, indent=1))

    @property
    def _folder(self) -> Path:
        if self._replacement is None and not can_write_to(self.directory):
            self._replacement = replacement(self.directory, READ_ONLY, _REMEDY)
        return self._replacement or self.directory

    def _read(self, name: str) -> bytes:
        """Return a file's content; a folder that is not writable may still be readable."""
        try:
            return read_bytes(self._folder / name)
        except OSError:
            return read_bytes(self.directory / name)

    def _write(self, name: str, text: str) -> None:
        """Write a file, readable only by its owner; fall back to a temporary folder."""
        try:
            _replace(self._folder / name, text)
        except OSError as error:
            reason = f"{READ_ONLY} ({error.strerror})"
            self._replacement = replacement(self.directory, reason, _REMEDY)
            with suppress(OSError):
                _replace(self._replacement / name, text)

    def _entries(self) -> dict[str, object]:
        with suppress(OSError, ValueError):
            found = read_json(self._read("tokens.json"))
            if isinstance(found, dict):
                return found
        return {}


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temp = path.with_name(f".{path.name}.{uuid.uuid4().hex}")  # other processes write it too
    replace_text(path, text, temp=temp, private=True)
