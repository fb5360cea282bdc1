"""How much the local backend takes on: what is larger is refused where it comes in."""

from __future__ import annotations

MOST_SIDE_PX = 8192
"""The longest side of a picture that is taken or made, in pixels."""

MOST_PIXELS = 36_000_000
"""The most pixels of a picture that is taken or made: 8K video, or a photo of that size."""

MOST_HOURS = 12
"""The longest file or draft, in hours."""
