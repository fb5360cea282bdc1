"""Checks of untrusted sources and URLs, for the options `local_files` and `private_urls`."""

from __future__ import annotations

from collections.abc import Iterable

from nemovideo._support.addresses import DEFAULT_PORTS, resolves_to_public
from nemovideo._support.urls import is_valid, split
from nemovideo._values.lines import one_line
from nemovideo._values.remedies import Code, Remedy
from nemovideo.errors import InvalidRequestError
from nemovideo.files import Upload, is_url


def check_sources(sources: Iterable[object], *, local_files: bool) -> None:
    """Reject invalid URLs, and strings unless `local_files`; prepared uploads are skipped.

    Raises:
        InvalidRequestError: One of the sources is an invalid URL, or a string.
    """
    for source in sources:
        if isinstance(source, Upload) and source.info is not None:
            continue
        content = source.source if isinstance(source, Upload) else source
        if not isinstance(content, str):
            continue
        if not local_files:
            raise InvalidRequestError(
                "local_files=False: a string is not accepted as a path or a URL",
                remedy="Pass a Path, bytes or an open file; for a URL, call upload_urls().",
            )
        if is_url(content):
            check_url(content)


def check_url(url: str) -> None:
    """Reject a URL that no client could open.

    Raises:
        InvalidRequestError: It has no host, or an invalid host or port.
    """
    if not is_valid(url):
        raise InvalidRequestError(f"{one_line(url)!r} is not a valid URL", remedy="Correct it.")


def check_urls(urls: Iterable[str], *, own: str = "") -> None:
    """Resolve the hosts of URLs, and reject loopback and private addresses.

    The origin of the URL `own` is trusted.

    Raises:
        InvalidRequestError: A URL is invalid, or its host is not public.
    """
    for url in urls:
        try:
            parts = split(url)
            origin = (parts.scheme.lower(), parts.netloc.lower())
            if own and origin == split(own)[:2]:
                continue
            host, port = parts.hostname or "", parts.port or DEFAULT_PORTS[origin[0]]
            public = resolves_to_public(host, port)
        except (OSError, ValueError, KeyError) as error:
            raise InvalidRequestError(
                f"the host of {url!r} cannot be resolved", remedy="Check the URL."
            ) from error
        if not public:
            raise InvalidRequestError(
                f"{host!r} is not on the public internet",
                remedy=Remedy(
                    "upload the file itself",
                    ("pass ", Code("private_urls=True"), " if this is intended"),
                ),
            )
