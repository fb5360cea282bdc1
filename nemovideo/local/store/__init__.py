"""The persistent state of the local backend: SQLite and files in one state directory."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from nemovideo.local.store.accounts import Account, Accounts
from nemovideo.local.store.database import Database
from nemovideo.local.store.private import private_folder
from nemovideo.local.store.projects import Projects, SessionRow, StoredFile
from nemovideo.local.store.renders import Render, Renders
from nemovideo.local.store.space import Space

__all__ = ["Account", "Database", "Projects", "Render", "SessionRow", "Store", "StoredFile"]


class Store:
    """The persistent state of one local backend.

    Opening it locks the state directory and recovers from a crash of the last server: incomplete
    files are removed, reserved credits released, and unfinished renders queued again.

    Raises:
        LocalBackendError: Another server uses the directory, or it cannot be used.
    """

    def __init__(self, state_dir: Path, *, clock: Callable[[], float]) -> None:
        self.database: Database = Database(state_dir)
        shutil.rmtree(state_dir / "incoming", ignore_errors=True)
        for part in (state_dir / "renders").glob(".*.part"):
            with suppress(OSError):
                part.unlink()
        self.accounts: Accounts = Accounts(self.database, clock)
        self.projects: Projects = Projects(self.database, clock)
        self.renders: Renders = Renders(self.database, clock)
        self.space: Space = Space(self.database, clock)
        self.accounts.release_all()
        self.renders.requeue_unfinished()

    @property
    def state_dir(self) -> Path:
        """The directory of all state."""
        return self.database.state_dir

    def folder(self, *parts: str) -> Path:
        """Return a folder below the state directory; it is created if needed."""
        return private_folder(self.state_dir, *parts)

    def close(self) -> None:
        """Close the database and release the lock."""
        self.database.close()
