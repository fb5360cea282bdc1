"""Videos and pictures in a notebook: players, or the first frame if browsers cannot play it."""

from __future__ import annotations

import base64
import io
import mimetypes
import os
import zipfile
from contextlib import suppress
from html import escape
from pathlib import Path
from urllib.parse import quote, urlsplit

from nemovideo._support.outputs import WITH_ALPHA, result_suffix
from nemovideo._values.formats import suffix_of
from nemovideo._values.lines import one_line

EMBED_LIMIT_BYTES = 8 * 1024 * 1024
"""Files up to this size are embedded in the notebook; larger ones are linked."""

_PLAYED = ("mp4", "m4v", "webm", "ogv", "")
_STILL_WIDTH = 960
# A result can be a playlist, for which FFmpeg would open other files.
_ONE_FILE = {"format_whitelist": "mov,mp4,matroska,webm,avi", "protocol_whitelist": "file"}


def kind_of(source: Path | str) -> str:
    """Return the kind of a file: "video", "animation", "picture", or "frames" for a ZIP."""
    suffix = suffix_of(_named(source))
    if suffix in ("gif", "zip"):
        return {"gif": "animation", "zip": "frames"}[suffix]
    return "picture" if _mime_type(_named(source)).startswith("image/") else "video"


def figure(caption: str, source: Path | str) -> str:
    """Return a file with its caption, over a checkerboard if its format has transparency.

    Files up to `EMBED_LIMIT_BYTES` are embedded; larger ones and URLs (only http and https) are
    linked. Files that browsers do not play (MOV, ZIP, MKV) show their first frame.
    """
    name = one_line(_named(source))
    address = _address(source)
    linked = address is not None and not address.startswith("data:")
    words = f'<a href="{escape(address or "")}">{escape(name)}</a>' if linked else escape(name)
    if address is None:
        media = f'<div class="nemo-quiet">{escape(name)} was not found.</div>'
    elif _mime_type(name).startswith("image/"):
        media = f'<img{_over(name)} src="{escape(address)}" alt="">'
    elif suffix_of(name) in _PLAYED:
        source_of = f'src="{escape(address)}"'
        media = f'<video{_over(name)} controls playsinline preload="auto" {source_of}></video>'
    else:
        still = None if _is_url(source) else _still(Path(source))
        picture = "" if still is None else f'<img{_over(name)} src="{_shrunk(still)}" alt="">'
        hint = f"Browsers do not play .{escape(suffix_of(name))} files; open it in a player."
        media = f'{picture}<div class="nemo-quiet">{hint}</div>'
    return f"<figure><figcaption>{caption} · {words}</figcaption>{media}</figure>"


def png_figure(caption: str, png: bytes) -> str:
    """Return a PNG file with its caption, embedded at a readable size."""
    image = f'<img{_over("still.png")} src="{_shrunk(png)}" alt="">'
    return f"<figure><figcaption>{escape(caption)}</figcaption>{image}</figure>"


def _over(name: str) -> str:
    """Return the attribute for the checkerboard; none for a file without transparency."""
    return ' class="nemo-alpha"' if result_suffix(name) in WITH_ALPHA else ""


def _still(path: Path) -> bytes | None:
    """Return the first frame as a PNG, or None if it cannot be read."""
    if suffix_of(path.name) == "zip":
        with suppress(OSError, zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
            for item in archive.infolist():
                if suffix_of(item.filename) == "png" and item.file_size <= EMBED_LIMIT_BYTES:
                    return archive.read(item)
        return None
    try:
        import av
        from PIL import Image
    except ImportError:
        return None
    with (
        suppress(av.FFmpegError, OSError, StopIteration),
        av.open(path, options=_ONE_FILE) as container,
    ):
        frame = next(container.decode(video=0))
        alpha = any(component.is_alpha for component in frame.format.components)
        image = Image.fromarray(frame.to_ndarray(format="rgba" if alpha else "rgb24"))
        written = io.BytesIO()
        image.save(written, "PNG")
        return written.getvalue()
    return None


def _shrunk(png: bytes) -> str:
    """Return a data URL: a WebP of at most `_STILL_WIDTH` pixels, a fraction of the PNG's bytes.

    Without Pillow, or if that cannot read it, it is the PNG itself.
    """
    try:
        from PIL import Image
    except ImportError:
        return _embedded(png, "image/png")
    with suppress(OSError, ValueError, Image.DecompressionBombError):
        image = Image.open(io.BytesIO(png), formats=["PNG"])
        image.thumbnail((_STILL_WIDTH, _STILL_WIDTH))
        written = io.BytesIO()
        image.save(written, "WEBP", quality=90)
        return _embedded(written.getvalue(), "image/webp")
    return _embedded(png, "image/png")


def _address(source: Path | str) -> str | None:
    """Return the URL for `src`, or None if there is no safe one."""
    if _is_url(source):
        return str(source)
    path = Path(source)
    if not path.is_file():
        return None
    kind = _mime_type(path.name)
    shown = kind.startswith("image/") or suffix_of(path.name) in _PLAYED
    if path.stat().st_size > EMBED_LIMIT_BYTES or not shown:
        return quote(Path(os.path.relpath(path)).as_posix())
    return _embedded(path.read_bytes(), kind)


def _embedded(content: bytes, mime_type: str) -> str:
    return f"data:{mime_type};base64,{base64.b64encode(content).decode()}"


def _is_url(source: Path | str) -> bool:
    return isinstance(source, str) and urlsplit(source).scheme in ("http", "https")


def _named(source: Path | str) -> str:
    if _is_url(source):
        parts = urlsplit(str(source))
        return Path(parts.path).name or parts.netloc
    return Path(source).name


def _mime_type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "video/mp4"
