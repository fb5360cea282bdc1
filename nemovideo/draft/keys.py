"""The keys of draft JSON: those of the protocol, and the conventions inside metadata.

The protocol defines `t`, `tt`, `sg`, `d` and `m` (docs/protocol.md §6), but not the contents of
`m`; the other keys here are conventions, which the local backend writes and the SDK reads.
"""

from __future__ import annotations

from enum import IntEnum

TRACKS, TYPE, SEGMENTS, DURATION, METADATA = "t", "tt", "sg", "d", "m"

NAME_KEYS = ("name", "title", "filename", "label")
TEXT_KEYS = ("text", "content")
VOLUME, MUTED, START_MS, BACKGROUND = "volume", "muted", "start_ms", "background"
KIND, OVERLAY = "kind", "overlay"
ADJUSTMENTS = ("speed", "brightness", "contrast", "saturation", "opacity", "position")


class TrackType(IntEnum):
    """The type of a track. Other numbers exist and are kept as numbers."""

    VIDEO = 0
    AUDIO = 1
    TEXT = 7
