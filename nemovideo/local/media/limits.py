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

MOST_PARTS = 5000
"""The most clips, titles, sounds and pictures laid over the video that a draft may have, in all."""

MOST_AT_ONCE = 100
"""The most titles and pictures that may lie over the video at the same time."""

MOST_LAID_OVER_PIXELS = 200_000_000
"""The most pixels that they may have together, such as 96 pictures of 1920×1080."""

MOST_CHARACTERS = 2000
"""The longest title, or text of a card."""

MOST_HOURS = 12
"""The longest file or draft, in hours."""

MOST_ANIMATION_PIXELS = 2_000_000_000
"""The most pixels of all pictures of a GIF, WebP or PNG that moves, such as 960 of 1080p.

Such a file can be tiny, and each picture of it as large as the whole canvas.
"""
