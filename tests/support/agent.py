"""What the tests of the agent share: uploads to speak of, and a turn told in one line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nemovideo.local.agent import Turn, respond, timeline_for
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.timeline import Timeline


def upload(number: int, name: str, kind: str, duration_ms: int | None = None) -> MediaItem:
    """Return an upload that exists in name only: the agent never opens a file."""
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
    """Return the timeline with the ten-second talk.mp4 on it."""
    timeline = timeline_for(MEDIA)
    assert timeline is not None
    return timeline


def ask(text: str, timeline: Timeline | None = None, media: Sequence[MediaItem] = MEDIA) -> Turn:
    """Say something to the agent; the timeline is the untouched talk.mp4 unless given."""
    return respond(text, timeline=timeline or start(), media=media)


def gist(turn: Turn, before: Timeline | None = None) -> str:
    """Return what a turn changed, in a few words; "-" where it changed nothing."""
    old, new = before or start(), turn.timeline
    if not turn.changed:
        assert new == old
        return "-"
    assert new is not None
    told: list[str] = []
    stretches = [
        f"{clip.name}:{clip.source_start_ms}+{round(clip.duration_ms * clip.speed)}"
        for clip in new.clips
    ]
    if stretches != [
        f"{c.name}:{c.source_start_ms}+{round(c.duration_ms * c.speed)}" for c in old.clips
    ]:
        told.append(f"clips={','.join(stretches)}")
    first_old, first = old.clips[0], new.clips[0]
    if first.background != first_old.background:
        behind = first.background
        value = behind and (behind.color or behind.scene or behind.media or behind.kind)
        told.append(f"bg={value}")
    for name in ("speed", "volume", "brightness", "contrast", "saturation"):
        if getattr(first, name) != getattr(first_old, name):
            told.append(f"{name}={getattr(first, name):g}")
    if new.sounds != old.sounds:
        told.append(
            "music="
            + ",".join(f"{s.media}@{s.volume:g}:{s.start_ms}+{s.duration_ms}" for s in new.sounds)
        )
    if new.titles != old.titles:
        told.append(
            "titles="
            + ",".join(f"{t.text}@{t.position}:{t.start_ms}+{t.duration_ms}" for t in new.titles)
        )
    return " ".join(told) or "same"
