"""What survives between runs: the client id and the anonymous token (protocol.md §1, §4).

Without these files the second script run of a week would be answered 429. The
client id is no secret; the tokens' file is readable by its owner only.
"""

from __future__ import annotations

import json
import os
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from nemovideo._filelock import file_lock
from nemovideo.models import Token


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
        self._given_id = client_id

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep other processes from asking for a token at the same time."""
        with file_lock(self.directory / "lock"):
            yield

    def client_id(self) -> str:
        """Return the client id, made once and then reused; a damaged file is kept aside."""
        if self._given_id:
            return self._given_id
        path = self.directory / "client_id"
        with suppress(OSError, ValueError):
            return str(uuid.UUID(path.read_text(encoding="utf-8").strip()))
        if path.exists():
            with suppress(OSError):
                path.replace(path.with_suffix(f".damaged-{uuid.uuid4().hex[:8]}"))
        made = str(uuid.uuid4())
        _write(path, made + "\n")
        return made

    def load(self, now: float) -> Token | None:
        """Return the stored token of this scope, unless it has expired by `now`."""
        entry = self._entries().get(self.scope)
        if not isinstance(entry, Mapping) or not isinstance(entry.get("token"), str):
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
        entry = {"token": str(token), "expires_at": token.expires_at, "user_id": token.user_id}
        entries = {**self._entries(), self.scope: entry}
        _write(self.directory / "tokens.json", json.dumps(entries, indent=1))

    def _entries(self) -> dict[str, object]:
        with suppress(OSError, ValueError):
            found = json.loads((self.directory / "tokens.json").read_text(encoding="utf-8"))
            if isinstance(found, dict):
                return found
        return {}


def _write(path: Path, text: str) -> None:
    """Write the whole file or nothing, readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
