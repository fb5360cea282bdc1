"""MP3 and AAC: bare frames, optionally after ID3 tags."""

from __future__ import annotations

from nemovideo._uploads.inspect.reader import DamagedError, Reader
from nemovideo._values.formats import sniff
from nemovideo.models import MediaInfo

_PADDING_BYTES = 4096


def parse(reader: Reader) -> MediaInfo:
    """Return whether it is MP3 or AAC."""
    offset = 0
    while reader.read(offset, 3) == b"ID3":  # there can be two tags
        a, b, c, d = reader.unpack(">4B", offset + 6)  # a synchsafe integer: 7 bits in each byte
        offset += 10 + (a << 21 | b << 14 | c << 7 | d)
    if offset >= reader.size:
        raise DamagedError("has no sound: it ends within its header")
    is_aac = sniff(reader.read(offset, _PADDING_BYTES)) == {"aac"}
    codec = "aac" if is_aac else "mp3"
    return MediaInfo(codec, "audio", reader.size, audio_codec=codec)
