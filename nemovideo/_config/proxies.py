"""The proxies set in the environment; requests to this machine never use them.

`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in upper or lower case; on Windows and
macOS also the system's settings.
"""

from __future__ import annotations

import ipaddress
import os
import re
from contextlib import suppress
from urllib.parse import urlsplit

import attrs

from nemovideo._support.addresses import DEFAULT_PORTS, is_loopback
from nemovideo.errors import InvalidRequestError

_SCHEMES = ("http", "https", "socks5", "socks5h")


@attrs.frozen
class Proxy:
    """One proxy.

    Attributes:
        url: Its URL, with the user name and password if there are any.
        variable: The environment variable that sets it.
    """

    url: str = attrs.field(repr=False)
    variable: str

    @property
    def scheme(self) -> str:
        """The protocol of the proxy."""
        return urlsplit(self.url).scheme

    @property
    def has_login(self) -> bool:
        """Whether the URL contains a user name or password."""
        return "@" in urlsplit(self.url).netloc

    def __str__(self) -> str:
        """Return the proxy's address without the password, for errors."""
        address = urlsplit(self.url).netloc.rpartition("@")[2]
        return f"the proxy {address} ({self.variable})"


@attrs.frozen
class Proxies:
    """The proxies of an environment.

    Attributes:
        by_scheme: The proxies for "http", "https" and "all", if set.
        exceptions: The entries of NO_PROXY.
    """

    by_scheme: dict[str, Proxy]
    exceptions: tuple[str, ...]

    @classmethod
    def from_environment(cls) -> Proxies:
        """Read the current environment."""
        from urllib.request import getproxies  # loaded by httpx anyway, but not by import nemovideo

        found = getproxies()
        exceptions = tuple(re.split(r"[,\s]+", found.get("no", "").strip()))
        proxies = {
            scheme: Proxy(value if "://" in value else f"http://{value}", _variable(scheme))
            for scheme in ("http", "https", "all")
            if (value := found.get(scheme, "").strip())
        }
        return cls(proxies, exceptions)

    def find(self, scheme: str, host: str, port: int | None = None) -> Proxy | None:
        """Return the proxy for requests to a host, or None for a direct connection.

        Raises:
            InvalidRequestError: The variable does not contain the URL of a proxy.
        """
        proxy = self.by_scheme.get(scheme) or self.by_scheme.get("all")
        if proxy is None or is_loopback(host):
            return None
        port = port or DEFAULT_PORTS.get(scheme)
        if any(_matches(entry, scheme, host.lower(), port) for entry in self.exceptions):
            return None
        return _checked(proxy)


def _variable(scheme: str) -> str:
    """Return the name of the environment variable for a scheme."""
    name = f"{scheme}_proxy"
    return next((each for each in (name, name.upper()) if os.environ.get(each)), name.upper())


def _checked(proxy: Proxy) -> Proxy:
    """Return a proxy whose URL is usable; errors contain no part of the URL beyond its scheme."""
    try:
        parts = urlsplit(proxy.url)
        usable = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
        usable = usable and not parts.netloc.endswith(":")  # as in htp:/host
        # With an unescaped "/", "?", "#" or "@" in the password, the URL would parse with the
        # wrong host.
        usable = usable and parts.netloc.count("@") <= 1
        usable = usable and not (parts.path.strip("/") or parts.query or parts.fragment)
    except ValueError:
        usable = False
    if not usable:
        scheme = proxy.url.partition("://")[0].lower()
        is_unknown = scheme not in _SCHEMES and re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme)
        escaping = (
            "Special characters in the user name or password must be percent-encoded. "
            if "@" in proxy.url
            else ""
        )
        raise InvalidRequestError(
            f"{proxy.variable} is not a usable proxy URL"
            + (f": unknown scheme {scheme!r}" if is_unknown else ""),
            remedy=f"{escaping}Set {proxy.variable} to a URL such as http://host:3128 or "
            "socks5://host:1080, or add the host to NO_PROXY.",
        )
    return proxy


def _matches(entry: str, scheme: str, host: str, port: int | None) -> bool:
    """Return whether an entry of NO_PROXY matches: a name, domain, address or network."""
    entry = entry.lower()
    if entry == "*":
        return True
    entry_scheme, _, name = entry.rpartition("://")
    if entry_scheme not in ("", "all", scheme):
        return False
    if match := re.fullmatch(r"(\[[^\]]*\]|[^:]*):(\d{1,5})", name):
        name = match[1]
        if int(match[2]) != port:
            return False
    name = name.strip("[]")
    with suppress(ValueError, TypeError):
        return ipaddress.ip_address(host.strip("[]")) in ipaddress.ip_network(name, strict=False)
    domain = name.removeprefix("*").removeprefix(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))
