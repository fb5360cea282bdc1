"""Users, their tokens and their credits."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Callable, Iterable

import attrs

from nemovideo.local.store.database import Database

ANONYMOUS_SCOPES = ("read", "write", "upload")
ANONYMOUS_LIFE_S = 7 * 24 * 3600


@attrs.frozen
class Account:
    """Who a valid token speaks for. `expires_at` is in epoch seconds, None for never."""

    user_id: str
    anonymous: bool
    scopes: frozenset[str]
    expires_at: float | None


@attrs.frozen
class IssuedToken:
    """A new token, in clear for the only time. `credits` is what its user has."""

    token: str = attrs.field(repr=False)
    user_id: str
    credits: int
    expires_at: float | None


class TokenTooSoonError(Exception):
    """The client id has a valid anonymous token already; ask again in `retry_after_s`."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"ask again in {retry_after_s:.0f} s")
        self.retry_after_s = retry_after_s


class NotEnoughCreditsError(Exception):
    """The user's available credits do not cover the cost."""


class Accounts:
    """Tokens are kept as SHA-256 only; credits move in whole numbers."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def issue_anonymous(self, client_id: str, credits_: int) -> IssuedToken:
        """Give a client its token; the same client is the same user every time.

        Raises:
            TokenTooSoonError: It holds one that is still valid.
        """
        now = self._clock()
        with self._database.transaction() as connection:
            user = connection.execute(
                "SELECT u.user_id, max(t.expires_at) AS expires_at FROM users u "
                "LEFT JOIN tokens t USING (user_id) WHERE u.client_id = ? GROUP BY u.user_id",
                (client_id,),
            ).fetchone()
            if user is None:
                user_id = f"anon_{secrets.token_hex(8)}"
                self._add_user(connection, user_id, client_id, credits_, registered=False)
            else:
                if user["expires_at"] is not None and user["expires_at"] > now:
                    raise TokenTooSoonError(user["expires_at"] - now)
                user_id = user["user_id"]
                connection.execute(
                    "UPDATE users SET available = ? WHERE user_id = ?", (credits_, user_id)
                )
            return self._add_token(
                connection, user_id, ANONYMOUS_SCOPES, credits_, now + ANONYMOUS_LIFE_S
            )

    def issue(
        self, *, scopes: Iterable[str], credits_: int, expires_at: float | None, registered: bool
    ) -> IssuedToken:
        """Make a new user, registered or anonymous, and a token for it."""
        user_id = f"{'user' if registered else 'anon'}_{secrets.token_hex(8)}"
        with self._database.transaction() as connection:
            self._add_user(connection, user_id, None, credits_, registered=registered)
            return self._add_token(connection, user_id, scopes, credits_, expires_at)

    def set_keys(self, keys: Iterable[str], credits_: int) -> None:
        """Make these keys valid tokens, each of a user of its own, and former keys invalid."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM tokens WHERE user_id LIKE 'key\\_%' ESCAPE '\\'")
            for key in dict.fromkeys(keys):
                digest = _digest(key)
                user_id = f"key_{digest[:16]}"
                connection.execute(
                    "INSERT OR IGNORE INTO users (user_id, registered, available) VALUES (?, 1, ?)",
                    (user_id, credits_),
                )
                connection.execute(
                    "INSERT OR REPLACE INTO tokens VALUES (?, ?, '*', NULL)", (digest, user_id)
                )

    def find(self, token: str) -> Account | None:
        """Return whom the token speaks for, or None if it is unknown or has expired."""
        digest = _digest(token)
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT t.hash, t.user_id, t.scopes, t.expires_at, u.registered "
                "FROM tokens t JOIN users u USING (user_id) WHERE t.hash = ?",
                (digest,),
            ).fetchone()
        if row is None or not hmac.compare_digest(row["hash"], digest):
            return None
        if row["expires_at"] is not None and row["expires_at"] <= self._clock():
            return None
        return Account(
            user_id=row["user_id"],
            anonymous=not row["registered"],
            scopes=frozenset(row["scopes"].split()),
            expires_at=row["expires_at"],
        )

    def expire_all(self) -> None:
        """Let every token end now; an anonymous client may then ask for a new one."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE tokens SET expires_at = ?", (self._clock(),))

    def balance(self, user_id: str) -> tuple[int, int]:
        """Return the credits that are available, and those that are reserved."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT available, frozen FROM users WHERE user_id = ?", (user_id,)
            ).fetchone()
        return row["available"], row["frozen"]

    def reserve(self, user_id: str, amount: int, *, at_most_available: bool) -> int:
        """Set credits aside for a run, and return how many.

        With `at_most_available` a cost above the balance takes the balance only.

        Raises:
            NotEnoughCreditsError: The balance does not cover the cost.
        """
        with self._database.transaction() as connection:
            available, _ = self.balance(user_id)
            if at_most_available:
                amount = min(amount, available)
            elif amount > available:
                raise NotEnoughCreditsError
            _move(connection, user_id, available=-amount, frozen=amount)
        return amount

    def spend(self, user_id: str, amount: int) -> None:
        """Use up credits that were reserved."""
        with self._database.transaction() as connection:
            _move(connection, user_id, frozen=-amount)

    def release(self, user_id: str, amount: int) -> None:
        """Give reserved credits back."""
        with self._database.transaction() as connection:
            _move(connection, user_id, available=amount, frozen=-amount)

    def release_all(self) -> None:
        """Give back everything reserved: after a restart no run is under way."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE users SET available = available + frozen, frozen = 0")

    @staticmethod
    def _add_user(
        connection: sqlite3.Connection,
        user_id: str,
        client_id: str | None,
        credits_: int,
        *,
        registered: bool,
    ) -> None:
        connection.execute(
            "INSERT INTO users (user_id, client_id, registered, available) VALUES (?, ?, ?, ?)",
            (user_id, client_id, registered, credits_),
        )

    @staticmethod
    def _add_token(
        connection: sqlite3.Connection,
        user_id: str,
        scopes: Iterable[str],
        credits_: int,
        expires_at: float | None,
    ) -> IssuedToken:
        token = f"nmv_usr_{secrets.token_urlsafe(32)}"
        connection.execute(
            "INSERT INTO tokens VALUES (?, ?, ?, ?)",
            (_digest(token), user_id, " ".join(scopes), expires_at),
        )
        return IssuedToken(token, user_id, credits_, expires_at)


def _move(
    connection: sqlite3.Connection, user_id: str, *, available: int = 0, frozen: int = 0
) -> None:
    connection.execute(
        "UPDATE users SET available = available + ?, frozen = frozen + ? WHERE user_id = ?",
        (available, frozen, user_id),
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
