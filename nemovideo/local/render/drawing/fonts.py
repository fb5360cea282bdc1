"""Font selection: Pillow's built-in font, a system font, or a download."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

from nemovideo.errors import ModelUnavailableError
from nemovideo.local.models import CJK_FONT, model_path

_FAMILIES = (
    *("NotoSansCJK-*", "NotoSansSC*", "NotoSansCJKsc*", "SourceHanSans*", "PingFang*"),
    *("Hiragino Sans GB*", "STHeiti*", "msyh*", "simhei*", "Deng*", "wqy-*", "DroidSansFallback*"),
    *("DejaVuSans.ttf", "NotoSans-Regular*", "Arial Unicode*", "arialuni*", "segoeui.ttf"),
    *("arial.ttf", "Arial.ttf", "LiberationSans-Regular*", "FreeSans.*"),
)
_WEIGHT = 500
_SUFFIXES = (".ttf", ".ttc", ".otf")
_MAX_LOGGED = 20
_MISSING_GLYPH_CHAR = "\U0010ffff"

_log = logging.getLogger(__name__)


def font_for(text: str, size_px: int) -> tuple[str, ImageFont.FreeTypeFont]:
    """Return the text and a font that has all its characters.

    Pillow's built-in font is Latin only. Other scripts use a system font, or Noto Sans CJK, which
    is downloaded on first use. Characters that no font has (most emoji) are removed from the
    text, rather than drawn as boxes.

    Raises:
        ModelUnavailableError: A font is needed, and cannot be downloaded.
    """
    text = "".join(c for c in text if c.isprintable() or c.isspace())
    wanted = frozenset(character for character in text if not character.isspace())
    builtin = ImageFont.load_default(size_px)
    if isinstance(builtin, ImageFont.FreeTypeFont) and not _missing(builtin, wanted):
        return text, builtin
    best: tuple[frozenset[str], ImageFont.FreeTypeFont] | None = None
    for path in _candidates():
        font = _opened(path, size_px, text)
        lacks = _missing(font, wanted) if font else wanted
        if font and (best is None or len(lacks) < len(best[0])):
            best = lacks, font
        if not lacks:
            break
    if best is None or any(_is_cjk(character) for character in best[0]):
        font = _opened(model_path(CJK_FONT), size_px, text)
        if font is not None:
            best = _missing(font, wanted), font
    if best is None:
        raise ModelUnavailableError("no readable font", remedy="Install a TrueType font.")
    lacks, font = best
    if lacks:
        _log.warning("no font has %s: removed from the text", " ".join(sorted(lacks)[:_MAX_LOGGED]))
    return "".join(character for character in text if character not in lacks), font


def _is_cjk(character: str) -> bool:
    code = ord(character)
    return 0x2E80 <= code < 0xE000 or 0xF900 <= code < 0xFE00 or 0xFF00 <= code < 0xFFF0


def _missing(font: ImageFont.FreeTypeFont, characters: frozenset[str]) -> frozenset[str]:
    """Return the characters that the font shows as a box."""
    box = bytes(font.getmask(_MISSING_GLYPH_CHAR))
    return frozenset(c for c in characters if bytes(font.getmask(c)) == box)


def _opened(path: Path, size_px: int, text: str) -> ImageFont.FreeTypeFont | None:
    try:
        font = ImageFont.truetype(str(path), size_px, index=_face(path, text))
    except OSError:
        return None
    with suppress(OSError, NotImplementedError, ValueError):  # not a variable font
        font.set_variation_by_axes([_WEIGHT])
    return font


def _face(path: Path, text: str) -> int:
    """Return the index in a Noto CJK collection (JP, KR, SC) for the text's language."""
    if not (path.suffix == ".ttc" and path.name.startswith("NotoSansCJK")):
        return 0
    if any("\u3040" <= character < "\u3100" for character in text):
        return 0
    return 1 if any("\uac00" <= character < "\ud7b0" for character in text) else 2


@lru_cache(maxsize=1)
def _candidates() -> tuple[Path, ...]:
    """Return the system's fonts of the known families, best first."""
    files = [
        path
        for directory in _directories()
        for path in sorted(directory.rglob("*"))
        if path.suffix.lower() in _SUFFIXES
    ]
    return tuple(path for family in _FAMILIES for path in files if fnmatch(path.name, family))


def _directories() -> Iterator[Path]:
    home = Path.home()
    if sys.platform == "win32":
        yield Path(os.environ.get("WINDIR", r"C:\Windows")) / "Fonts"
        yield home / "AppData/Local/Microsoft/Windows/Fonts"
    elif sys.platform == "darwin":
        yield from (Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts")
    else:
        yield from (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
        yield from (home / ".local/share/fonts", home / ".fonts")
