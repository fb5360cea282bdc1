"""What survives between runs: the client id and the anonymous token (protocol.md §1, §4).

Without these files the second script run of a week would be answered 429. The
client id is no secret; the tokens' file is readable by its owner only. Where
the folder cannot be written to, both live as long as the client does.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from nemovideo._support.disk import replace_text
from nemovideo._support.filelock import FileLock
from nemovideo.models import Token

log = logging.getLogger("nemovideo")


class CredentialStore:
    """The client id and the anonymous tokens, one per scope, in one folder.

    Args:
        directory: The folder; made when first written to.
        scope: What the token belongs to: the API's base URL.
        client_id: A client id that was given (`NEMO_CLIENT_ID`); no file is read or made then.
    """

    def __init__(self, directory: Path, scope: str, client_id: str | None = None) -> None:
        self.directory = directory
        self.scope = scope
        self.given_id = client_id
        self._made_id: str | None = None

    def lock(self) -> FileLock:
        """Return the lock that keeps other processes from asking for a token meanwhile."""
        return FileLock(self.directory / "lock")

    def client_id(self) -> str:
        """Return the client id, made once and then reused; a damaged file is kept aside."""
        if self.given_id:
            return self.given_id
        with suppress(OSError, ValueError):
            return str(uuid.UUID(self._id_file.read_text(encoding="utf-8").strip()))
        return self._made_id or self.new_client_id()

    def new_client_id(self) -> str:
        """Make a new client id, and keep the file of the old one aside; a given one stays."""
        if self.given_id:
            return self.given_id
        path = self._id_file
        if path.exists():
            with suppress(OSError):
                path.replace(path.with_name(f"{path.name}.damaged-{uuid.uuid4().hex[:8]}"))
        self._made_id = str(uuid.uuid4())
        _write(path, self._made_id + "\n")
        return self._made_id

    def load(self, now: float) -> Token | None:
        """Return the stored token of this scope, unless it has expired by `now`."""
        entry = self._entries().get(self.scope)
        if not isinstance(entry, Mapping) or not isinstance(entry.get("token"), str):
            return None
        if not Token(entry["token"]).sendable:
            return None
        expires_at = entry.get("expires_at")
        if not isinstance(expires_at, (int, float)):
            expires_at = None
        if expires_at is not None and expires_at <= now:
            return None
        user_id = entry.get("user_id")
        return Token(
            entry["token"],
            anonymous=True,
            expires_at=expires_at,
            user_id=user_id if isinstance(user_id, str) else None,
        )

    def save(self, token: Token) -> None:
        """Keep the token for the next run."""
        _write(
            self.directory / "tokens.json",
            json.dumps({**self._entries(), self.scope: _entry(token)}, indent=1),
        )

    @property
    def _id_file(self) -> Path:
        return self.directory / "client_id"

    def _entries(self) -> dict[str, object]:
        with suppress(OSError, ValueError, RecursionError):
            found = json.loads((self.directory / "tokens.json").read_text(encoding="utf-8"))
            if isinstance(found, dict):
                return found
        return {}


def _entry(token: Token) -> dict[str, object]:
    return {"token": str(token), "expires_at": token.expires_at, "user_id": token.user_id}


def _write(path: Path, text: str) -> None:
    """Write the whole file or nothing, readable by its owner only; say so where it cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        by = path.with_name(f".{path.name}.{uuid.uuid4().hex}")  # other processes write it too
        replace_text(path, text, by=by, private=True)
    except OSError as error:
        log.warning("%s cannot be kept for the next run: %s", path, error.strerror)
