"""Parse previews of the local backend: PNG images in base64."""

from __future__ import annotations

import attrs

from nemovideo._wire.models import structure
from nemovideo.errors import RenderFailedError
from nemovideo.models import Preview


@attrs.frozen
class _Failure:
    failure: str | None = None
    remedy: str | None = None


def read_preview(data: object, basis: str) -> Preview:
    """Parse a preview.

    Raises:
        RenderFailedError: The backend could not render it.
        MalformedResponseError: The response is not a preview.
    """
    failed = structure(data, _Failure)
    if failed.failure is not None:
        raise RenderFailedError(f"the preview failed: {failed.failure}", remedy=failed.remedy)
    fields = data if isinstance(data, dict) else {}
    return structure({**fields, "basis": basis}, Preview)
