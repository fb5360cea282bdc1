"""What a batch is to do: the user's arguments, with the paths from the root on."""

from __future__ import annotations

from pathlib import Path

import attrs

from nemovideo._batch.sources import Sources
from nemovideo._jobs.checkpoints import Service
from nemovideo._jobs.plan import Background
from nemovideo._support.disk import absolute


@attrs.frozen
class Plan:
    """What a batch is to do; see `Batch.remove_backgrounds`.

    Attributes:
        service: Where the work is done.
        own_backends: Every file is done by a local backend of its own: credits are not shared,
            and no checkpoint outlives the work.
    """

    sources: Sources
    out_dir: Path = attrs.field(converter=absolute)
    background: Background = attrs.field(kw_only=True)
    format: str = attrs.field(kw_only=True)
    recursive: bool = attrs.field(kw_only=True)
    max_credits: float | None = attrs.field(kw_only=True)
    manifest: Path | None = attrs.field(kw_only=True, converter=attrs.converters.optional(absolute))
    overwrite: bool = attrs.field(kw_only=True)
    deadline_s: float | None = attrs.field(kw_only=True)
    service: Service = attrs.field(kw_only=True)
    own_backends: bool = attrs.field(kw_only=True)
