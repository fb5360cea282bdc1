"""What a value may be where its text comes from strangers: the option `local_files=False`."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from nemovideo._support.addresses import resolves_to_public
from nemovideo._values.remedies import Code, Remedy
from nemovideo.errors import InvalidRequestError
from nemovideo.files import Upload

_PORTS = {"http": 80, "https": 443}


def check_sources(sources: Iterable[object], *, local_files: bool) -> None:
    """Refuse texts as files, unless `local_files`; what was checked before is not looked at.

    Raises:
        InvalidRequestError: One of the sources is a text.
    """
    if local_files:
        return
    for source in sources:
        if isinstance(source, Upload) and source.info is not None:
            continue
        content = source.source if isinstance(source, Upload) else source
        if isinstance(content, str):
            raise InvalidRequestError(
                "a text is not taken as a path or a URL here, because of local_files=False",
                remedy="Give a Path, bytes or an open file; for a URL, call upload_urls().",
            )


def check_urls(urls: Iterable[str], *, own: str = "") -> None:
    """Refuse URLs of this machine and of private networks; their hosts are resolved.

    Args:
        urls: The URLs.
        own: A URL whose origin is trusted.

    Raises:
        InvalidRequestError: One of them is not of the public internet, or not a URL.
    """
    for url in urls:
        try:
            parts = urlsplit(url)
            place = (parts.scheme.lower(), parts.netloc.lower())
            if own and place == urlsplit(own)[:2]:
                continue
            host, port = parts.hostname or "", parts.port or _PORTS[place[0]]
            public = resolves_to_public(host, port)
        except (OSError, ValueError, KeyError) as error:
            raise InvalidRequestError(
                f"the host of {url!r} cannot be resolved", remedy="Check the URL."
            ) from error
        if not public:
            raise InvalidRequestError(
                f"{host!r} is not an address of the public internet",
                remedy=Remedy(
                    "upload the file itself",
                    ("pass ", Code("private_urls=True"), " if that is meant"),
                ),
            )
