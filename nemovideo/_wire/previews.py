"""Parse previews of the local backend: PNG images in base64."""

from __future__ import annotations

import base64
import binascii

import attrs

from nemovideo._wire.models import structure
from nemovideo.errors import MalformedResponseError, RenderFailedError
from nemovideo.models import Preview, PreviewStill


@attrs.frozen
class _StillResponse:
    time: float
    after: str
    before: str | None = None


@attrs.frozen
class _Response:
    after: str
    sheet: str
    stills: list[_StillResponse]
    before: str | None = None
    warnings: list[str] = attrs.field(factory=list)


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
    answer = structure(data, _Response)
    return Preview(
        before=_png(answer.before),
        after=_png(answer.after) or b"",
        stills=tuple(
            PreviewStill(still.time, _png(still.before), _png(still.after) or b"")
            for still in answer.stills
        ),
        sheet=_png(answer.sheet) or b"",
        basis=basis,
        warnings=tuple(answer.warnings),
    )


def _png(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedResponseError("an image of the preview is not base64") from None
