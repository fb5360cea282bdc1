"""Metadata of recordings in the output: date, location, title, language and chapters."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import attrs
import av
import pytest

from nemovideo import Client
from nemovideo.local.render import RenderResult, render
from nemovideo.local.timeline import Clip, Timeline
from tests.support.footage import FPS, HEIGHT, WIDTH, Track, film, shades, tone
from tests.support.render import decode, item

TAGS = {
    "title": "Take 7",
    "creation_time": "2023-05-06T07:08:09.000000Z",
    "location": "+48.2082+016.3738/",
}


def recording(path: Path, codec: str = "aac") -> Path:
    film(path.with_name("plain.mkv"), shades(2 * FPS), tracks=[Track(tone(2), codec)])
    with av.open(str(path.with_name("plain.mkv"))) as source, av.open(str(path), "w") as out:
        out.metadata.update(TAGS)
        streams = {s.index: out.add_stream_from_template(s) for s in source.streams}
        for stream in out.streams.audio:
            stream.metadata["language"] = "ger"
        out.set_chapters(
            [
                {
                    "id": n,
                    "start": 500 * n,
                    "end": 500 * (n + 1),
                    "time_base": Fraction(1, 1000),
                    "metadata": {"title": f"Part {n}"},
                }
                for n in range(4)
            ]
        )
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                out.mux(packet)
    return path


def rendered(path: Path, output: Path, *clips: Clip, keep: bool = True) -> RenderResult:
    clips = clips or (Clip("video", 2000, "a", media="m1"),)
    draft = Timeline(clips=clips, width=WIDTH, height=HEIGHT, fps=FPS, keep_metadata=keep)
    return render(draft, {"m1": item(path)}, output, format=output.suffix[1:])


@pytest.mark.parametrize(
    ("source", "output"), [("a.mp4", "o.mp4"), ("a.mov", "o.mp4"), ("a.mkv", "o.mov")]
)
def test_the_metadata_of_a_recording_is_kept(tmp_path: Path, source: str, output: str) -> None:
    result = rendered(recording(tmp_path / source), tmp_path / output)
    with av.open(str(result.path)) as out:
        assert {name: out.metadata.get(name) for name in TAGS} == TAGS
        assert out.streams.audio[0].metadata["language"] == "ger"
        chapters = [(c["start"] * c["time_base"], c["metadata"]["title"]) for c in out.chapters()]
    assert chapters == [(Fraction(n, 2), f"Part {n}") for n in range(4)]
    assert len(decode(result.path).frames) == 2 * FPS


def test_chapters_are_shifted_by_cuts_and_speed(tmp_path: Path) -> None:
    path = recording(tmp_path / "a.mp4")
    late = Clip("video", 500, "a", media="m1", source_start_ms=1250)
    fast = Clip("video", 1000, "a", media="m1", speed=2.0)
    with av.open(str(rendered(path, tmp_path / "o.mp4", late, fast).path)) as out:
        found = [
            (float(c["start"] * c["time_base"]), float(c["end"] * c["time_base"]))
            for c in out.chapters()
        ]
    parts = [(0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1), (1, 1.25), (1.25, 1.5)]
    assert found == parts


def test_metadata_can_be_left_out_with_a_warning(tmp_path: Path) -> None:
    result = rendered(recording(tmp_path / "a.mp4"), tmp_path / "o.mp4", keep=False)
    with av.open(str(result.path)) as out:
        assert not set(out.metadata) & set(TAGS)
        assert out.streams.audio[0].metadata["language"] == "und"
        assert out.chapters() == []
    (warning,) = result.warnings
    for name in ("title", "recording date", "location", "language of the sound", "chapters"):
        assert name in warning


def test_the_client_gets_the_warning_about_metadata(client: Client, tmp_path: Path) -> None:
    source, output = recording(tmp_path / "a.mp4"), tmp_path / "o.mp4"
    video = client.remove_background(source, background="white", metadata=False, output=output)
    with av.open(str(output)) as out:
        assert not set(out.metadata) & set(TAGS)
    assert any("location" in each for each in video.warnings)


def test_a_draft_stores_whether_metadata_is_kept() -> None:
    draft = attrs.evolve(Timeline(clips=(Clip("card", 100, "c"),)), keep_metadata=False)
    assert not Timeline.from_draft(draft.to_draft()).keep_metadata
