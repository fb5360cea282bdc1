"""Parse previews of the local backend: PNG images in base64."""

from __future__ import annotations

import attrs

from nemovideo._wire.models import structure
from nemovideo.errors import RenderFailedError
from nemovideo.models import Preview, PreviewStill


@attrs.frozen
class _StillResponse:
    time: float
    after: bytes
    before: bytes | None = None


@attrs.frozen
class _Response:
    after: bytes
    sheet: bytes
    stills: list[_StillResponse]
    before: bytes | None = None
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
        before=answer.before,
        after=answer.after,
        stills=tuple(
            PreviewStill(still.time, still.before, still.after) for still in answer.stills
        ),
        sheet=answer.sheet,
        basis=basis,
        warnings=tuple(answer.warnings),
    )
