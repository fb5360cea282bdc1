"""Helpers of the agent's tests: sample uploads, and turns summarized in one line."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs

from nemovideo.local.agent import Turn, respond, timeline_for
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.timeline import Timeline

_PHRASES = Path(__file__).parents[1] / "local" / "agent" / "phrases"


def phrases(name: str) -> list[str]:
    """Return a list of sentences from `tests/local/agent/phrases/`."""
    loaded: list[str] = _load(name)
    return loaded


def rows(name: str) -> list[dict[str, Any]]:
    """Return the rows of a table of sentences."""
    loaded: list[dict[str, Any]] = _load(name)
    return loaded


def table(name: str) -> dict[str, list[str]]:
    """Return a table of sentences, by what is expected of them."""
    loaded: dict[str, list[str]] = _load(name)
    return loaded


def wrong(name: str, answer: Callable[[str], str]) -> list[tuple[str, str, str]]:
    """Return (sentence, expected, found) for every wrong row of a table."""
    return [
        (text, expected, found)
        for expected, texts in table(name).items()
        for text in texts
        if (found := answer(text)) != expected
    ]


def _load(name: str) -> Any:
    return json.loads((_PHRASES / f"{name}.json").read_text(encoding="utf-8"))


def upload(number: int, name: str, kind: str, duration_ms: int | None = None) -> MediaItem:
    """Return an upload without a file, which the agent never opens."""
    return MediaItem(
        id=f"m{number}",
        name=name,
        path=Path(name),
        kind=kind,
        size_bytes=1000,
        duration_ms=duration_ms,
        width=None if kind == "audio" else 1280,
        height=None if kind == "audio" else 720,
        fps=25.0 if kind == "video" else None,
        has_audio=kind != "image",
    )


TALK = upload(1, "talk.mp4", "video", 10_000)
GARDEN = upload(2, "garden.jpg", "image")
SONG = upload(3, "song.mp3", "audio", 60_000)
RAIN = upload(4, "rain.mp4", "video", 8_000)
MEDIA = (TALK, GARDEN, SONG)


def start() -> Timeline:
    """Return a timeline of the ten-second talk.mp4."""
    timeline = timeline_for(MEDIA)
    assert timeline is not None
    return timeline


def ask(text: str, timeline: Timeline | None = None, media: Sequence[MediaItem] = MEDIA) -> Turn:
    """Send a message to the agent; the default timeline is that of `start`."""
    return respond(text, timeline=timeline or start(), media=media)


def change_summary(turn: Turn, before: Timeline | None = None) -> str:
    """Return a short summary of a turn's changes; "-" for none."""
    old, new = before or start(), turn.timeline
    if not turn.changed:
        assert new == old
        return "-"
    assert new is not None
    changes: list[str] = []
    ranges = [
        f"{clip.name}:{clip.source_start_ms}+{round(clip.duration_ms * clip.speed)}"
        for clip in new.clips
    ]
    if ranges != [
        f"{c.name}:{c.source_start_ms}+{round(c.duration_ms * c.speed)}" for c in old.clips
    ]:
        changes.append(f"clips={','.join(ranges)}")
    first_old, first = old.clips[0], new.clips[0]
    background = first.background
    if (background and attrs.evolve(background, volume=0.0)) != (
        first_old.background and attrs.evolve(first_old.background, volume=0.0)
    ):
        value = background and (
            background.color or background.scene or background.media or background.kind
        )
        changes.append(f"bg={value}")
    if (new.width, new.height) != (old.width, old.height):
        changes.append(f"size={new.width}x{new.height}")
    if new.fps != old.fps:
        changes.append(f"fps={new.fps:g}")
    for label, name in (("fit", "fit"), ("turn", "rotation_deg"), ("flip", "flip")):
        if getattr(first, name) != getattr(first_old, name):
            changes.append(f"{label}={getattr(first, name) or '-'}")
    if first.crop != first_old.crop and first.crop:
        changes.append("crop=" + ",".join(f"{v:.4g}" for v in attrs.astuple(first.crop)))
    if first.place != first_old.place:
        position = first.place and attrs.astuple(first.place)
        changes.append("place=" + ",".join("-" if v is None else f"{v:g}" for v in position or ()))
    if background and background.volume != (
        first_old.background.volume if first_old.background else 0
    ):
        changes.append(f"sound={background.volume:g}")
    if new.keep_metadata != old.keep_metadata:
        changes.append(f"metadata={new.keep_metadata}")
    for name in ("fade_in_ms", "fade_out_ms"):
        if getattr(new, name) != getattr(old, name):
            changes.append(f"{name[:-3]}={getattr(new, name)}")
    if new.overlays != old.overlays:
        changes.append(
            "logo="
            + ",".join(
                f"{o.media}@{o.position}*{o.size:g}"
                + (f"/{o.opacity:g}" if o.opacity != 1 else "")
                + (f":{o.start_ms}+{o.duration_ms}" if o.duration_ms != new.duration_ms else "")
                for o in new.overlays
            )
        )
    for name in ("speed", "volume", "brightness", "contrast", "saturation"):
        if getattr(first, name) != getattr(first_old, name):
            changes.append(f"{name}={getattr(first, name):g}")
    if new.sounds != old.sounds:
        changes.append(
            "music="
            + ",".join(f"{s.media}@{s.volume:g}:{s.start_ms}+{s.duration_ms}" for s in new.sounds)
            + "".join(
                f" fades={s.fade_in_ms},{s.fade_out_ms}"
                for s in new.sounds
                if s.fade_in_ms or s.fade_out_ms
            )
        )
    if new.titles != old.titles:
        changes.append(
            "titles="
            + ",".join(
                f"{t.text}@{t.position}:{t.start_ms}+{t.duration_ms}"
                + (f" {t.color}" if t.color != "white" else "")
                + (f" *{t.size:g}" if t.size != 1 else "")
                + (f" fades={t.fade_in_ms},{t.fade_out_ms}" * bool(t.fade_in_ms or t.fade_out_ms))
                for t in new.titles
            )
        )
    return " ".join(changes) or "same"
