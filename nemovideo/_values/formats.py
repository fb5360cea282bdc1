"""The supported formats: suffixes, content types, and signatures."""

from __future__ import annotations

from pathlib import PurePosixPath

CONTENT_TYPES = {
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "avi": "video/x-msvideo",
    "webm": "video/webm",
    "mkv": "video/x-matroska",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "zip": "application/zip",
}
"""The Content-Type of an uploaded file, by suffix."""


def _of_kind(kind: str) -> frozenset[str]:
    return frozenset(s for s, known_as in CONTENT_TYPES.items() if known_as.startswith(kind))


VIDEO_SUFFIXES, IMAGE_SUFFIXES, AUDIO_SUFFIXES = map(_of_kind, ("video/", "image/", "audio/"))
"""The suffixes of videos, pictures (including GIF), and audio."""

_FAMILIES = {"mov": "mp4", "m4a": "mp4", "webm": "matroska", "mkv": "matroska", "jpg": "jpeg"}
_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip", b"pnot")
_RIFF_FORMS = {b"AVI ": "avi", b"WAVE": "wav", b"WEBP": "webp"}
_PICTURE_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "avif"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"), "heic"),
}
"""Pictures in an MP4 container, which the service does not support."""

_LAYER_1 = 3


def suffix_of(name: str) -> str:
    """Return the name's suffix in lower case, without its dot."""
    return PurePosixPath(name.replace("\\", "/")).suffix.lower().removeprefix(".")


def family_of(suffix: str) -> str:
    """Return the container of a suffix, which related suffixes share."""
    return _FAMILIES.get(suffix, suffix)


def suffix_for(family: str) -> str:
    """Return the usual suffix for a family."""
    return {"matroska": "mkv", "jpeg": "jpg"}.get(family, family)


def sniff(head: bytes) -> frozenset[str]:
    """Return the families that the first bytes may belong to; empty if unknown."""
    if head[4:8] in _BOXES:
        brand = head[8:12] if head[4:8] == b"ftyp" else b""
        return frozenset({_PICTURE_BRANDS.get(brand, "mp4")})
    if head[:4] in (b"RIFF", b"RF64"):
        form = _RIFF_FORMS.get(head[8:12])
        return frozenset({form} if form else ())
    for magic, families in (
        (b"\x1a\x45\xdf\xa3", ("matroska",)),
        (b"\xff\xd8\xff", ("jpeg",)),
        (b"\x89PNG\r\n\x1a\n", ("png",)),
        (b"GIF87a", ("gif",)),
        (b"GIF89a", ("gif",)),
        (b"ID3", ("mp3", "aac")),  # either may have this tag
        (b"ADIF", ("aac",)),
        (b"PK\x03\x04", ("zip",)),
        (b"PK\x05\x06", ("zip",)),  # an empty one
    ):
        if head.startswith(magic):
            return frozenset(families)
    return _mpeg_audio(head)


def _mpeg_audio(head: bytes) -> frozenset[str]:
    """Recognize MPEG audio, which has no header, by its first frame after leading zeros."""
    start = head.lstrip(b"\0")
    if len(start) < 2 or start[0] != 0xFF or start[1] & 0xE0 != 0xE0:
        return frozenset()
    layer = start[1] >> 1 & 3
    if layer == 0:
        return frozenset({"aac"} if start[1] & 0xF0 == 0xF0 else ())
    return frozenset({"mp3"} if layer != _LAYER_1 else ())  # FF FE is text, in UTF-16
