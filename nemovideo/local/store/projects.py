"""Sessions with their uploaded files, draft versions and claim tokens."""

from __future__ import annotations

import json
import secrets
import sqlite3
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress

import attrs

from nemovideo.local.media.probe import MediaItem
from nemovideo.local.store.database import Database
from nemovideo.local.store.text import json_text, token_digest

_TOUCH_INTERVAL_S = 60.0
_VERSIONS_KEPT = 50
CLAIM_LIFETIME_S = 7 * 24 * 3600


@attrs.frozen
class SessionRow:
    """A session.

    `silent_edits` counts the edits answered without text. `used_at` is the time of the last
    request, in epoch seconds, to within a minute.
    """

    session_id: str
    task_id: str
    user_id: str
    task_name: str
    language: str
    silent_edits: int = 0
    used_at: float = 0.0


@attrs.frozen
class StoredFile:
    """An uploaded file and the secret token of its link."""

    item: MediaItem
    file_token: str


class Projects:
    """The sessions of all users. Times are in epoch seconds."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def create(self, user_id: str, task_name: str, language: str) -> SessionRow:
        """Create an empty session."""
        session = SessionRow(
            session_id=str(10**18 + secrets.randbelow(9 * 10**18)),
            task_id=str(uuid.uuid4()),
            user_id=user_id,
            task_name=task_name,
            language=language,
            used_at=self._clock(),
        )
        values = attrs.astuple(session)
        self._database.write("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        return session

    def session(self, session_id: str, user_id: str | None = None) -> SessionRow | None:
        """Return a session, of the given user if any, or None if there is no such session."""
        row = self._database.row(
            "SELECT * FROM sessions WHERE session_id = ? AND user_id = ifnull(?, user_id)",
            (session_id, user_id),
        )
        return None if row is None else SessionRow(**dict(row))

    def touch(self, session: SessionRow) -> None:
        """Update `used_at`, at most once a minute; a full disk is ignored."""
        if self._clock() - session.used_at < _TOUCH_INTERVAL_S:
            return
        with suppress(sqlite3.OperationalError):
            self._database.write(
                "UPDATE sessions SET used_at = ? WHERE session_id = ?",
                (self._clock(), session.session_id),
            )

    def count_silent_edit(self, session_id: str) -> None:
        """Count an edit that was answered without text."""
        self._database.write(
            "UPDATE sessions SET silent_edits = silent_edits + 1 WHERE session_id = ?",
            (session_id,),
        )

    def add_files(self, session_id: str, items: Sequence[MediaItem]) -> list[StoredFile]:
        """Add uploaded files under the next ids ("m1", "m2", …)."""
        stored: list[StoredFile] = []
        with self._database.transaction():
            for position, item in enumerate(items, start=self.count_files(session_id) + 1):
                file = StoredFile(attrs.evolve(item, id=f"m{position}"), secrets.token_urlsafe(18))
                self._database.write(
                    "INSERT INTO media VALUES (?, ?, ?, ?)",
                    (session_id, position, file.file_token, self._media_json(file.item)),
                )
                stored.append(file)
        return stored

    def files(self, session_id: str) -> list[StoredFile]:
        """Return the session's files in upload order."""
        rows = self._database.rows(
            "SELECT facts, file_token FROM media WHERE session_id = ? ORDER BY position",
            (session_id,),
        )
        return [StoredFile(self._item(row["facts"]), row["file_token"]) for row in rows]

    def count_files(self, session_id: str) -> int:
        """Return the number of the session's files."""
        (count,) = self._database.row(
            "SELECT count(*) FROM media WHERE session_id = ?", (session_id,)
        )
        return int(count)

    def file_names(self, session_id: str) -> list[tuple[str, str]]:
        """Return the token and the name of each of the session's files, in upload order."""
        rows = self._database.rows(
            "SELECT file_token, json_extract(facts, '$.name') AS name FROM media"
            " WHERE session_id = ? ORDER BY position",
            (session_id,),
        )
        return [(row["file_token"], row["name"]) for row in rows]

    def file(self, file_token: str) -> tuple[MediaItem, str] | None:
        """Return the uploaded file of a link and its user, or None."""
        row = self._database.row(
            "SELECT facts, user_id FROM media JOIN sessions USING (session_id)"
            " WHERE file_token = ?",
            (file_token,),
        )
        return None if row is None else (self._item(row["facts"]), row["user_id"])

    def draft(self, session_id: str) -> dict[str, object] | None:
        """Return the current draft, or None if the session is empty."""
        row = self._database.row(
            "SELECT draft FROM drafts WHERE session_id = ? ORDER BY version DESC LIMIT 1",
            (session_id,),
        )
        draft: dict[str, object] | None = None if row is None else json.loads(row["draft"])
        return draft

    def versions(self, session_id: str) -> list[int]:
        """Return the numbers of the last 50 draft versions, oldest first."""
        rows = self._database.rows(
            "SELECT version FROM drafts WHERE session_id = ? ORDER BY version DESC LIMIT ?",
            (session_id, _VERSIONS_KEPT),
        )
        return [row["version"] for row in reversed(rows)]

    def version(self, session_id: str, number: int) -> dict[str, object]:
        """Return one version of the draft."""
        row = self._database.row(
            "SELECT draft FROM drafts WHERE session_id = ? AND version = ?", (session_id, number)
        )
        draft: dict[str, object] = json.loads(row["draft"])
        return draft

    def save_draft(
        self, session_id: str, draft: dict[str, object], *, replace_last: bool = False
    ) -> None:
        """Save a draft as a new version, or in place of the current one; the last 50 are kept.

        At most two older ones are deleted, since SQLite reads what it deletes, and in a database of
        an earlier release, a session can have thousands.
        """
        with self._database.transaction():
            if replace_last:
                self.undo(session_id)
            self._database.write(
                "INSERT INTO drafts SELECT ?, ifnull(max(version), 0) + 1, ? "
                "FROM drafts WHERE session_id = ?",
                (session_id, json_text(draft), session_id),
            )
            self._database.write(
                "DELETE FROM drafts WHERE rowid IN (SELECT rowid FROM drafts WHERE session_id = ?1"
                " AND version <= (SELECT max(version) FROM drafts WHERE session_id = ?1) - ?2"
                " ORDER BY version LIMIT 2)",
                (session_id, _VERSIONS_KEPT),
            )

    def undo(self, session_id: str) -> None:
        """Delete the current version, so that the previous one is current again."""
        self._database.write(
            "DELETE FROM drafts WHERE session_id = ?1 AND version = "
            "(SELECT max(version) FROM drafts WHERE session_id = ?1)",
            (session_id,),
        )

    def issue_claim(self, session_id: str) -> str:
        """Issue a claim token, which gives access to the session's page only."""
        token = f"clm_{secrets.token_urlsafe(24)}"
        self._database.write(
            "INSERT INTO claims VALUES (?, ?, ?)",
            (token_digest(token), session_id, self._clock() + CLAIM_LIFETIME_S),
        )
        return token

    def claimed(self, token: str) -> SessionRow | None:
        """Return the session of a claim token, or None if it is unknown or has expired."""
        row = self._database.row(
            "SELECT session_id FROM claims WHERE hash = ? AND expires_at > ?",
            (token_digest(token), self._clock()),
        )
        return None if row is None else self.session(row["session_id"])

    def _media_json(self, item: MediaItem) -> str:
        """Return the item as JSON, with a relative path so that the directory can be moved."""
        path = item.path.relative_to(self._database.state_dir).as_posix()
        return json_text({**attrs.asdict(item), "path": path})

    def _item(self, media_json: str) -> MediaItem:
        values = json.loads(media_json)
        values["path"] = self._database.state_dir / values["path"]
        values["warnings"] = tuple(values.get("warnings", ()))
        return MediaItem(**values)
