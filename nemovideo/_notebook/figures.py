"""Videos and pictures in a notebook: players, or the first frame where browsers have none."""

from __future__ import annotations

import base64
import io
import mimetypes
import os
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from nemovideo._support import urls
from nemovideo._support.outputs import WITH_ALPHA, result_suffix
from nemovideo._values.formats import suffix_of
from nemovideo._values.lines import one_line
from nemovideo.errors import UnsupportedFileError

if TYPE_CHECKING:
    from PIL import Image

EMBED_LIMIT_BYTES = 8 * 1024 * 1024
"""Files up to this size are embedded in the notebook; larger ones are linked."""

_PLAYABLE = ("mp4", "m4v", "webm", "ogv", "")
_STILL_WIDTH = 960


def kind_of(source: Path | str) -> str:
    """Return the kind of a file: "video", "animation", "picture", or "frames" for a ZIP."""
    suffix = suffix_of(_name_of(source))
    if suffix in ("gif", "zip"):
        return {"gif": "animation", "zip": "frames"}[suffix]
    return "picture" if _mime_type(_name_of(source)).startswith("image/") else "video"


def figure(caption: str, source: Path | str) -> str:
    """Return a file with its caption, over a checkerboard if its format has transparency.

    Files up to `EMBED_LIMIT_BYTES` are embedded; larger ones and URLs (only http and https) are
    linked. Files that browsers do not play (MOV, ZIP, MKV) show their first frame.
    """
    name = one_line(_name_of(source))
    address = _address(source)
    linked = address is not None and not address.startswith("data:")
    words = f'<a href="{escape(address or "")}">{escape(name)}</a>' if linked else escape(name)
    if address is None:
        media = f'<div class="nemo-quiet">{escape(name)} was not found.</div>'
    elif _mime_type(name).startswith("image/"):
        media = f'<img{_checkerboard(name)} src="{escape(address)}" alt="">'
    elif suffix_of(name) in _PLAYABLE:
        source_of = f'src="{escape(address)}"'
        media = (
            f'<video{_checkerboard(name)} controls playsinline preload="auto" {source_of}></video>'
        )
    else:
        still = None if _is_url(source) else _still(Path(source))
        picture = "" if still is None else f'<img{_checkerboard(name)} src="{still}" alt="">'
        hint = f"Browsers do not play .{escape(suffix_of(name))} files; open this one in a player."
        media = f'{picture}<div class="nemo-quiet">{hint}</div>'
    return f"<figure><figcaption>{caption} · {words}</figcaption>{media}</figure>"


def png_figure(caption: str, png: bytes) -> str:
    """Return a PNG file with its caption, embedded at a readable size."""
    image = f'<img{_checkerboard("still.png")} src="{_shrunk_png(png)}" alt="">'
    return f"<figure><figcaption>{escape(caption)}</figcaption>{image}</figure>"


def _checkerboard(name: str) -> str:
    """Return the attribute for the checkerboard; empty for a format without transparency."""
    return ' class="nemo-alpha"' if result_suffix(name) in WITH_ALPHA else ""


def _still(path: Path) -> str | None:
    """Return the first frame as a data URL, or None if it cannot be read."""
    try:
        from PIL import Image

        from nemovideo._support.pixels import frames_of
    except ImportError:
        return None
    with suppress(UnsupportedFileError, StopIteration, Image.DecompressionBombError):
        _, rgb, alpha = next(frames_of(path))
        image = Image.fromarray(rgb)
        if alpha.min() < 1:
            image.putalpha(Image.fromarray((alpha * 255).round().astype("uint8")))
        return _shrunk(image)
    return None


def _shrunk_png(png: bytes) -> str:
    """Return a data URL of a small WebP, or of the PNG itself if Pillow cannot read it."""
    try:
        from PIL import Image
    except ImportError:
        return _embedded(png, "image/png")
    with suppress(OSError, ValueError, Image.DecompressionBombError):
        return _shrunk(Image.open(io.BytesIO(png), formats=["PNG"]))
    return _embedded(png, "image/png")


def _shrunk(image: Image.Image) -> str:
    """Return the data URL of a WebP of at most `_STILL_WIDTH` pixels, much smaller than a PNG."""
    image.thumbnail((_STILL_WIDTH, _STILL_WIDTH))
    written = io.BytesIO()
    image.save(written, "WEBP", quality=90)
    return _embedded(written.getvalue(), "image/webp")


def _address(source: Path | str) -> str | None:
    """Return the URL for `src`, or None if there is no safe one."""
    if _is_url(source):
        return str(source)
    path = Path(source)
    if not path.is_file():
        return None
    kind = _mime_type(path.name)
    is_playable = kind.startswith("image/") or suffix_of(path.name) in _PLAYABLE
    if path.stat().st_size > EMBED_LIMIT_BYTES or not is_playable:
        return quote(Path(os.path.relpath(path)).as_posix())
    return _embedded(path.read_bytes(), kind)


def _embedded(content: bytes, mime_type: str) -> str:
    return f"data:{mime_type};base64,{base64.b64encode(content).decode()}"


def _is_url(source: Path | str) -> bool:
    return isinstance(source, str) and source.lower().startswith(("http://", "https://"))


def _name_of(source: Path | str) -> str:
    if _is_url(source):
        return Path(urls.path_of(str(source))).name or urls.host_of(str(source))
    return Path(source).name


def _mime_type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "video/mp4"
