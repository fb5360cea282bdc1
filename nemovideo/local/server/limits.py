"""What one user may take of a backend that serves others."""

from __future__ import annotations

import attrs

GIB = 1024**3


@attrs.frozen
class Limits:
    """Bounds for each user, which means for each token; None is no bound.

    Attributes:
        renders: How many renders may wait or run at a time; one more is answered 429.
        disk_bytes: What uploads, drafts and results may take; beyond that 507.
        url_upload_s: How many seconds an upload by URL may take in all.
    """

    renders: int | None = None
    disk_bytes: int | None = None
    url_upload_s: float = 600.0


SHARED = Limits(renders=4, disk_bytes=10 * GIB)
"""The limits of a backend that serves others, unless told otherwise."""
