"""The listening address, and who may connect: this machine only, or clients with an API key."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from nemovideo._support.addresses import is_loopback
from nemovideo._values.remedies import Code, Option, Remedy
from nemovideo.errors import InvalidRequestError

LOOPBACK = "127.0.0.1"
EVERYWHERE = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104
"""The wildcard addresses, each with the loopback address to connect to on this machine."""

MIN_KEY_CHARS = 8
"""The minimum length of an API key; a shorter one could be guessed."""


@attrs.frozen
class Access:
    """The listening address and the API keys; without keys only this machine is served.

    With keys, anonymous tokens are neither issued nor accepted, fault rules cannot be set over
    HTTP, and any Host header is accepted: a web page that rebinds DNS has no key.
    """

    host: str = LOOPBACK
    keys: tuple[str, ...] = attrs.field(default=(), repr=False)

    @property
    def shared(self) -> bool:
        """Whether other machines are served."""
        return bool(self.keys)

    @property
    def own_host(self) -> str:
        """The host of URLs for clients on this machine."""
        host = EVERYWHERE.get(self.host, self.host)
        return f"[{host}]" if ":" in host else host


def check_key(key: str, source: str) -> None:
    """Check an API key; error messages contain its `source`, since the key itself is a secret.

    Raises:
        InvalidRequestError: It is too short, or has characters that a header cannot have.
    """
    if not all("!" <= character <= "~" for character in key):
        raise InvalidRequestError(
            f"{source} has characters that a header cannot have",
            remedy="Use ASCII letters, digits and punctuation, without spaces.",
        )
    if len(key) < MIN_KEY_CHARS:
        raise InvalidRequestError(
            f"{source} is shorter than {MIN_KEY_CHARS} characters",
            remedy="Use a random key, such as the output of "
            "python3 -c 'import secrets; print(secrets.token_urlsafe())'.",
        )


def access_for(host: str | None, api_key: str | Iterable[str] | None) -> Access:
    """Return the access for the arguments of `LocalBackend`.

    Raises:
        InvalidRequestError: The host is reachable without a key, or a key is not valid.
    """
    keys = (api_key,) if isinstance(api_key, str) else tuple(api_key or ())
    if api_key is not None and not keys:
        raise InvalidRequestError("api_key is empty", remedy="Give at least one key.")
    for key in keys:
        check_key(key, "an API key")
    if keys and host is None:
        raise InvalidRequestError(
            "an API key is given without the address to listen on",
            remedy=Remedy(
                ("add ", Option("host", "0.0.0.0"), " for other machines"),  # noqa: S104
                (Option("host", LOOPBACK), " for this one only"),
            ),
        )
    if not keys and not is_loopback(host or LOOPBACK):
        raise InvalidRequestError(
            f"listening on {host} would let anyone use this machine",
            remedy=Remedy(
                ("add a key with ", Code("api_key=", in_shell="--api-key or --api-key-file"))
            ),
        )
    return Access(host or LOOPBACK, keys)
