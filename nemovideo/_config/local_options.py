"""The keyword arguments for `Client.local`: those for the client and for `LocalBackend`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nemovideo.options import Options

if TYPE_CHECKING:
    from nemovideo.local.matte import Engine
    from nemovideo.local.media.probe import MediaItem
    from nemovideo.local.server.context import Probe, Respond
    from nemovideo.local.server.faults import Fault
    from nemovideo.local.server.forms import Forms
    from nemovideo.local.server.limits import Limits
    from nemovideo.local.server.queue import Renderer
    from nemovideo.local.timeline import Timeline


class LocalOptions(Options, total=False):
    """The arguments for `Client.local`, all optional; see `Client` and `LocalBackend`."""

    token: str | None
    http_client: object
    state_dir: str | Path | None
    port: int
    faults: Iterable[Fault] | None
    credits: int | None
    costs: Mapping[str, int] | None
    engine: Engine | None
    device: str
    model: str | Path | None
    max_upload_bytes: int
    sleep: Callable[[float], Awaitable[None]]
    forms: Forms | None
    respond: Respond
    render: Renderer | None
    probe: Probe
    opening: Callable[[Sequence[MediaItem]], Timeline | None]
    render_workers: int
    host: str | None
    api_key: str | Iterable[str] | None
    limits: Limits | None
    keep_s: float | None
    private_urls: bool | None
    access_level: int | None
    isolate: bool
