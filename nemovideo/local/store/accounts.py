"""Users, their tokens and their credits."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable

import attrs

from nemovideo.local.store.database import Database
from nemovideo.local.store.text import token_digest

ANONYMOUS_SCOPES = ("read", "write", "upload")
ANONYMOUS_LIFETIME_S = 7 * 24 * 3600


@attrs.frozen
class Account:
    """The user and the scopes of a valid token."""

    user_id: str
    anonymous: bool
    scopes: frozenset[str]


@attrs.frozen
class AnonymousToken:
    """A new token in plain text; `expires_at` is in epoch seconds."""

    token: str = attrs.field(repr=False)
    user_id: str
    expires_at: float


class TokenTooSoonError(Exception):
    """The client id already has a token, which is valid for `retry_after_s` more seconds."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"retry after {retry_after_s:.0f} s")
        self.retry_after_s = retry_after_s


class NotEnoughCreditsError(Exception):
    """The user's available credits do not cover the cost."""


class Accounts:
    """Users, tokens and credits. Only the SHA-256 of a token is stored."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def issue_anonymous(self, client_id: str, credits_: int) -> AnonymousToken:
        """Issue an anonymous token; a client id always belongs to the same user.

        Raises:
            TokenTooSoonError: The client's last token is still valid.
        """
        now = self._clock()
        with self._database.transaction():
            user = self._database.row(
                "SELECT u.user_id, max(t.expires_at) AS expires_at FROM users u "
                "LEFT JOIN tokens t USING (user_id) WHERE u.client_id = ? GROUP BY u.user_id",
                (client_id,),
            )
            if user is None:
                user_id = self._add_user(client_id, credits_, registered=False)
            else:
                if user["expires_at"] is not None and user["expires_at"] > now:
                    raise TokenTooSoonError(user["expires_at"] - now)
                user_id = user["user_id"]
                self._database.write(
                    "UPDATE users SET available = ? WHERE user_id = ?", (credits_, user_id)
                )
            expires_at = now + ANONYMOUS_LIFETIME_S
            token = self._add_token(user_id, ANONYMOUS_SCOPES, expires_at)
        return AnonymousToken(token, user_id, expires_at)

    def issue(
        self, *, scopes: Iterable[str], credits_: int, expires_at: float | None, registered: bool
    ) -> str:
        """Create a user, registered or anonymous, and issue a token for it."""
        with self._database.transaction():
            user_id = self._add_user(None, credits_, registered=registered)
            return self._add_token(user_id, scopes, expires_at)

    def set_keys(self, keys: Iterable[str], credits_: int) -> None:
        """Replace the API keys: each is the token of its own user, and former keys are revoked."""
        with self._database.transaction():
            self._database.write("DELETE FROM tokens WHERE user_id LIKE 'key\\_%' ESCAPE '\\'")
            for key in keys:
                digest = token_digest(key)
                user_id = f"key_{digest[:16]}"
                self._database.write(
                    "INSERT OR IGNORE INTO users (user_id, registered, available) VALUES (?, 1, ?)",
                    (user_id, credits_),
                )
                self._database.write(
                    "INSERT OR REPLACE INTO tokens VALUES (?, ?, '*', NULL)", (digest, user_id)
                )

    def find(self, token: str) -> Account | None:
        """Return the account of a token, or None if the token is unknown or has expired."""
        row = self._database.row(
            "SELECT t.user_id, t.scopes, u.registered "
            "FROM tokens t JOIN users u USING (user_id) "
            "WHERE t.hash = ? AND (t.expires_at IS NULL OR t.expires_at > ?)",
            (token_digest(token), self._clock()),
        )
        if row is None:
            return None
        return Account(row["user_id"], not row["registered"], frozenset(row["scopes"].split()))

    def expire_all(self) -> None:
        """Expire every token now; anonymous clients may then request new ones."""
        self._database.write("UPDATE tokens SET expires_at = ?", (self._clock(),))

    def balance(self, user_id: str) -> tuple[int, int]:
        """Return the available and the reserved credits."""
        row = self._database.row(
            "SELECT available, frozen FROM users WHERE user_id = ?", (user_id,)
        )
        return row["available"], row["frozen"]

    def reserve(self, user_id: str, amount: int, *, at_most_available: bool) -> int:
        """Reserve credits for a run, and return the reserved amount.

        With `at_most_available` the amount is capped at the balance.

        Raises:
            NotEnoughCreditsError: The balance does not cover the amount.
        """
        with self._database.transaction():
            available, _ = self.balance(user_id)
            if at_most_available:
                amount = min(amount, available)
            elif amount > available:
                raise NotEnoughCreditsError
            self._adjust(user_id, available=-amount, frozen=amount)
        return amount

    def spend(self, user_id: str, amount: int) -> None:
        """Deduct reserved credits."""
        self._adjust(user_id, frozen=-amount)

    def release(self, user_id: str, amount: int) -> None:
        """Add reserved credits back to the balance."""
        self._adjust(user_id, available=amount, frozen=-amount)

    def release_all(self) -> None:
        """Release all reserved credits: no run survives a restart."""
        self._database.write("UPDATE users SET available = available + frozen, frozen = 0")

    def _add_user(self, client_id: str | None, credits_: int, *, registered: bool) -> str:
        user_id = f"{'user' if registered else 'anon'}_{secrets.token_hex(8)}"
        self._database.write(
            "INSERT INTO users (user_id, client_id, registered, available) VALUES (?, ?, ?, ?)",
            (user_id, client_id, registered, credits_),
        )
        return user_id

    def _add_token(self, user_id: str, scopes: Iterable[str], expires_at: float | None) -> str:
        token = f"nmv_usr_{secrets.token_urlsafe(32)}"
        self._database.write(
            "INSERT INTO tokens VALUES (?, ?, ?, ?)",
            (token_digest(token), user_id, " ".join(scopes), expires_at),
        )
        return token

    def _adjust(self, user_id: str, *, available: int = 0, frozen: int) -> None:
        self._database.write(
            "UPDATE users SET available = available + ?, frozen = frozen + ? WHERE user_id = ?",
            (available, frozen, user_id),
        )
