"""Previews: frames of a draft, a clip or an exported file as PNG pictures."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain, repeat
from pathlib import Path

import attrs
import cv2
import numpy as np
from PIL import Image

from nemovideo._wire.answer import AnswerBuilder
from nemovideo._wire.sse import Frame
from nemovideo.errors import AgentError, RenderCancelledError
from nemovideo.events import ToolCallEvent, ToolResultEvent
from nemovideo.local.agent import respond, timeline_for
from nemovideo.local.agent.turn import ASK, Turn
from nemovideo.local.matte import LazyMatting
from nemovideo.local.media.probe import MediaItem, probe
from nemovideo.local.rates import Stopwatch
from nemovideo.local.render import render
from nemovideo.local.render.clips import MattingSource
from nemovideo.local.render.notices import Notices
from nemovideo.local.render.stills import Still, make_stills
from nemovideo.local.timeline import Timeline
from nemovideo.models import Preview, PreviewStill, Reply

ENGINE_BASIS = "local engine"
EXPORT_BASIS = "free export"

_STRIP_HEIGHT_PX, _STRIP_WIDTH_PX = 480, 1920
_GAP_PX = 8
_TRIAL_FRAMES = 36  # the first ones are faster: some are ready before the first is written
_TRIAL_S = 5.0
_THREADS = min(2, os.cpu_count() or 1)

_default = LazyMatting()


@attrs.frozen
class Footage:
    """A file on this machine, and its name for the agent."""

    path: Path
    name: str


def preview_draft(
    timeline: Timeline,
    media: Mapping[str, MediaItem],
    at_s: Sequence[float] | None,
    matting: MattingSource | None = None,
) -> Preview:
    """Return frames of a draft as an export would show them; see `make_stills`."""
    notices = Notices()
    stills = make_stills(timeline, media, at_s, matting or _default.load, notices.add)
    return _preview(stills, ENGINE_BASIS, notices.sentences)


def edited(footage: Sequence[Footage], words: str) -> tuple[Timeline, dict[str, MediaItem], Reply]:
    """Return a draft of the first file, edited by a message, the files by id, and the reply.

    The message may refer to the other files. The reply is what a client would get from the agent.

    Raises:
        AgentError: The agent does not understand the message.
        UnsupportedFileError: A file is not supported.
    """
    items = [probe(one.path, one.name, id=str(index)) for index, one in enumerate(footage)]
    turn = respond(words, timeline=timeline_for(items[:1]), media=items)
    reply = _reply(turn)
    if turn.timeline is None or not turn.changed:
        answer = " ".join(reply.text.split())
        raise AgentError(f"the local agent cannot do this: {answer or words}")
    return turn.timeline, {item.id: item for item in items}, reply


def _reply(turn: Turn) -> Reply:
    builder = AnswerBuilder()
    for step in turn.steps:
        tool, text = step.tool, step.text
        if tool is not None:
            call = ToolCallEvent(tool.name, tool.args)
            result = ToolResultEvent(tool.name, tool.result)
            builder.add(Frame((call, result)))
            text = "" if tool.name == ASK else text  # the text is in the call
        builder.add(Frame((), text))
    return builder.reply()


def measured_speed(
    timeline: Timeline, media: Mapping[str, MediaItem], format_: str, matting: MattingSource
) -> float:
    """Return how many pixels per second this machine renders, measured on a draft's first frames.

    Raises:
        RenderFailedError: A file is damaged.
        ModelUnavailableError: The engine's model cannot be downloaded.
    """
    clip = timeline.clips[0]
    frames_ms = round(_TRIAL_FRAMES * 1000 / timeline.fps)
    clip = attrs.evolve(clip, duration_ms=min(clip.duration_ms, frames_ms))
    timeline = attrs.evolve(timeline, clips=(clip,))
    matting()  # not part of the measured time
    with tempfile.TemporaryDirectory(prefix="nemovideo-estimate-") as folder:
        output = Path(folder) / f"trial.{format_}"
        stopwatch = Stopwatch()
        with suppress(RenderCancelledError):
            render(
                timeline,
                media,
                output,
                format=format_,
                matting=matting,
                on_progress=stopwatch.frame_done,
                cancelled=lambda: stopwatch.measured_s > _TRIAL_S,
            )
        seconds = stopwatch.total_s
    frames = max(1, round(timeline.duration_ms * timeline.fps / 1000))
    return timeline.width * timeline.height * frames / max(seconds, 1e-3)


def preview_export(video: Path, source: Footage | None, at_s: Sequence[float] | None) -> Preview:
    """Return frames of an exported file, with those of its source at the same times."""
    notices = Notices()
    stills = _stills_of(Footage(video, video.name), at_s, notices)
    originals = stills
    if source is not None:
        originals = _stills_of(source, [still.time_s for still in stills], notices)
    pairs = [
        attrs.evolve(after, before=original.after)
        for original, after in zip(originals, stills, strict=True)
    ]
    return _preview(pairs, EXPORT_BASIS, notices.sentences, has_before=source is not None)


def _stills_of(footage: Footage, at_s: Sequence[float] | None, notices: Notices) -> list[Still]:
    item = probe(footage.path, footage.name, id="0")
    timeline = timeline_for([item])
    assert timeline is not None, "a video or a picture always has a timeline"
    return make_stills(timeline, {item.id: item}, at_s, _default.load, notices.add)


def _preview(
    stills: Sequence[Still], basis: str, warnings: Sequence[str], *, has_before: bool = True
) -> Preview:
    rows = [[still.before for still in stills]] if has_before else []
    rows.append([still.after for still in stills])
    with ThreadPoolExecutor(_THREADS) as threads:
        encoded = threads.map(_png, chain.from_iterable(rows))
        scaled = [_scaled(row) for row in rows]
        strips = [_tiled(row, across=True) for row in scaled]
        columns = [_tiled(column, across=False) for column in zip(*scaled, strict=True)]
        sheet = threads.submit(_png, _tiled(columns, across=True))
        singles = list(encoded)
        joined = singles if len(stills) == 1 else list(threads.map(_png, strips))
        count = len(stills)
        before = singles[:-count] or repeat(None)
        pairs = map(PreviewStill, (still.time_s for still in stills), before, singles[-count:])
        return Preview(
            before=joined[0] if has_before else None,
            after=joined[-1],
            stills=tuple(pairs),
            sheet=sheet.result(),
            basis=basis,
            warnings=tuple(warnings),
        )


def _scaled(images: Sequence[Image.Image]) -> list[Image.Image]:
    """Return pictures scaled to the same height, to fit side by side."""
    aspects = sum(image.width / image.height for image in images)
    height = min(
        _STRIP_HEIGHT_PX, max(image.height for image in images), int(_STRIP_WIDTH_PX / aspects)
    )
    height = max(2, height)
    return [
        image.resize((max(1, round(image.width * height / image.height)), height), reducing_gap=1.0)
        for image in images
    ]


def _tiled(images: Sequence[Image.Image], *, across: bool) -> Image.Image:
    """Return pictures side by side, or one below the other, centered."""
    axis = 0 if across else 1
    length = sum(image.size[axis] + _GAP_PX for image in images) - _GAP_PX
    cross = max(image.size[1 - axis] for image in images)
    sheet = Image.new("RGBA", (length, cross) if across else (cross, length))
    offset = 0
    for image in images:
        margin = (cross - image.size[1 - axis]) // 2
        sheet.paste(image, (offset, margin) if across else (margin, offset))
        offset += image.size[axis] + _GAP_PX
    return sheet


def _png(image: Image.Image) -> bytes:
    """Encode a picture as PNG, with OpenCV, which is twice as fast as Pillow."""
    transparent = image.mode == "RGBA" and image.getchannel("A").getextrema() != (255, 255)
    pixels = np.asarray(image.convert("RGBA" if transparent else "RGB"))
    order = cv2.COLOR_RGBA2BGRA if transparent else cv2.COLOR_RGB2BGR
    _, encoded = cv2.imencode(".png", cv2.cvtColor(pixels, order))
    return encoded.tobytes()
