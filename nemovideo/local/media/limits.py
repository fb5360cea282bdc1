"""Limits on media files and drafts."""

from __future__ import annotations

MAX_SIDE_PX = 8192
"""The maximum width and height of a picture, in pixels."""

MAX_PIXELS = 17_000_000
"""The maximum pixels of a video frame, such as 4096×4096.

Encoders need about 80 bytes of memory per pixel.
"""

MAX_STAGE_PIXELS = 110_000_000
"""The maximum pixels of a clip that is enlarged around its person.

A 16:9 clip on a canvas of 1080×1920 has 105 million at scale 4.
"""

MAX_PHOTO_PIXELS = 50_000_000
"""The maximum pixels of a photo."""

MAX_PARTS = 5000
"""The maximum number of clips, titles, sounds and overlays in a draft."""

MAX_OVERLAYS = 100
"""The maximum number of simultaneous titles and overlays."""

MAX_OVERLAY_PIXELS = 200_000_000
"""The maximum pixels of simultaneous titles and overlays, such as 96 of 1920×1080."""

MAX_TITLE_CHARS = 2000
"""The maximum length of a title or the text of a card."""

MAX_TEXT_CHARS = 200_000
"""The maximum length of all titles and cards of a draft together."""

MAX_HOURS = 12
"""The maximum duration of a file or draft, in hours."""

MAX_ANIMATION_PIXELS = 2_000_000_000
"""The maximum pixels of all frames of an animated GIF, WebP or PNG, such as 960 of 1080p.

A tiny file can hold many frames, each as large as the canvas.
"""

MAX_ANIMATION_FRAMES = 20_000
"""The maximum number of frames of an animated GIF, WebP or PNG: even tiny ones take time."""

MAX_ZIP_FRAMES = 50_000
"""The maximum number of PNGs in a zip."""

MAX_JPEG_SCANS = 100
"""The maximum number of scans of a progressive JPEG.

Encoders write about ten. A scan of a few bytes makes the decoder redo the whole picture.
"""

MAX_PACKETS = 8_000_000
"""The maximum number of packets of a file, such as 12 hours at 120 fps with sound.

FFmpeg needs up to 72 bytes of memory for each packet that the index of an MP4 claims.
"""

MAX_BOXES = 1_000_000
"""The maximum number of boxes of an MP4, such as 12 hours in fragments of a second."""
