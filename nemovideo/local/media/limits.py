"""How much the local backend takes on: what is larger is refused where it comes in."""

from __future__ import annotations

MOST_SIDE_PX = 8192
"""The longest side of a picture that is taken or made, in pixels."""

MOST_PIXELS = 17_000_000
"""The most pixels of a video's picture that is taken or made, such as 4096×4096.

Encoders need some 80 bytes of memory for each.
"""

MOST_PHOTO_PIXELS = 50_000_000
"""The most pixels of a photo that is taken or made."""

MOST_HOURS = 12
"""The longest file or draft, in hours."""
