"""Where the server listens, and who may use it: this machine alone, or others with a key."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from nemovideo._support.addresses import is_loopback
from nemovideo.errors import InvalidRequestError

LOOPBACK = "127.0.0.1"


@attrs.frozen
class Door:
    """The address to listen on, and the keys that open it; without keys it is for this machine.

    With keys it gives no anonymous tokens and takes none, its fault rules cannot be set over
    HTTP, and it answers under any host name: no web page of a stranger knows a key.
    """

    host: str = LOOPBACK
    keys: tuple[str, ...] = attrs.field(default=(), repr=False)

    @property
    def shared(self) -> bool:
        """Whether others are served."""
        return bool(self.keys)

    @property
    def own_host(self) -> str:
        """The host under which this machine reaches the server, as it stands in a URL."""
        host = {"0.0.0.0": LOOPBACK, "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return f"[{host}]" if ":" in host else host


def door(host: str | None, api_key: str | Iterable[str] | None) -> Door:
    """Return the door for the arguments of `LocalBackend`.

    Raises:
        InvalidRequestError: Others would be let in without a key, or a key cannot be sent.
    """
    keys = (api_key,) if isinstance(api_key, str) else tuple(api_key or ())
    if api_key is not None and not keys:
        raise InvalidRequestError("there is no key in api_key", remedy="Name at least one.")
    for key in keys:
        if not key or not all("!" <= character <= "~" for character in key):
            raise InvalidRequestError(
                "an API key is empty, or has characters that a header cannot carry",
                remedy="Use letters, digits and signs of ASCII, without spaces.",
            )
    if keys and host is None:
        raise InvalidRequestError(
            "api_key is given without host",
            remedy="Name the address to listen on too, such as host='0.0.0.0'.",
        )
    if not keys and not is_loopback(host or LOOPBACK):
        raise InvalidRequestError(
            f"host={host!r} would let everybody use this machine",
            remedy="Give api_key as well (--api-key or --api-key-file).",
        )
    return Door(host or LOOPBACK, keys)
