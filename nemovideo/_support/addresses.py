"""Classify addresses and host names as loopback or public; mask secret parts of links."""

from __future__ import annotations

import ipaddress
import re
import socket

DEFAULT_PORTS = {"http": 80, "https": 443}

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_FILE_TOKEN = re.compile(r"(?<=/files/)[\w-]{20,}")


def mask_file_token(link: str) -> str:
    """Return a URL or path without the secret of a local backend's file links.

    Such a link, `/files/SECRET/NAME`, needs no token: anyone who reads it in a log could use it.
    """
    return _FILE_TOKEN.sub("***", link)


def is_loopback(host: str) -> bool:
    """Return whether the host is this machine."""
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return host.rstrip(".").lower() == "localhost"
    inner = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (inner or ip).is_loopback


def is_public(address: str) -> bool:
    """Return whether an IP address is on the public internet.

    Loopback, link-local, private, shared, multicast and reserved addresses are not, nor are IPv6
    addresses that embed such an IPv4 address.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip.is_site_local:
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def resolves_to_public(host: str, port: int) -> bool:
    """Return whether a host name resolves to public addresses only.

    Raises:
        OSError: The name cannot be resolved.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return bool(found) and all(is_public(str(entry[4][0])) for entry in found)
