"""Truncated and damaged files: readable parts are used, with a warning."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from nemovideo.errors import NemoError, RenderFailedError, UnsupportedFileError
from nemovideo.local.media.probe import probe
from nemovideo.local.render import render
from nemovideo.local.timeline import Clip, Sound, Timeline
from tests.support.footage import FPS, HEIGHT, WIDTH, Track, film, rendered, shades, tone
from tests.support.render import decode, item, make_sound, make_video


def noisy(count: int) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """Pictures of noise, so that most bytes of the file are picture data."""
    rng = np.random.default_rng(3)
    return [rng.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8) for _ in range(count)]


def talk(path: Path, **how: Any) -> Path:
    tracks = [Track(tone(2))]
    return film(path, noisy(2 * FPS), tracks=tracks, **how)


def truncate(path: Path, share: float) -> Path:
    os.truncate(path, int(path.stat().st_size * share))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {"movflags": "faststart"}),
        ("a.mp4", "libx264", {"movflags": "frag_keyframe+empty_moov"}),
        ("a.mkv", "libx264", {}),
        ("a.avi", "mpeg4", {}),
    ],
)
def test_a_truncated_file_is_used_with_a_warning(
    tmp_path: Path, name: str, codec: str, options: dict[str, str]
) -> None:
    path = film(
        tmp_path / name,
        noisy(2 * FPS),
        codec=codec,
        options={"g": "5"},
        container_options=options,
        tracks=[Track(tone(2), "libmp3lame" if name == "a.avi" else "aac")],
    )
    truncate(path, 0.5)
    result = rendered(path, tmp_path / "o.mp4")
    seen = decode(result.path)
    assert 0.6 <= seen.duration_s <= 1.5
    assert seen.loudness(0.1, 0.4) == pytest.approx(0.3 / 2**0.5, rel=0.1)
    assert np.abs(np.diff([frame.mean() for frame in seen.frames[:10]])).max() > 0
    assert result.warnings
    assert all(name in each for each in result.warnings)
    if options == {"movflags": "faststart"} or name == "a.avi":
        assert any("cut off" in each and "2.0 s" in each for each in result.warnings)


def test_damaged_frames_are_skipped_with_a_warning(tmp_path: Path) -> None:
    path = talk(tmp_path / "a.mp4", options={"g": "10", "flags": "+cgop"})
    whole = bytearray(path.read_bytes())
    rng = np.random.default_rng(11)
    begin = whole.index(b"mdat") + 400
    for offset in rng.integers(begin, int(len(whole) * 0.9), 60):
        whole[offset] ^= 0xFF
    path.write_bytes(whole)
    result = rendered(path, tmp_path / "o.mp4")
    seen = decode(result.path)
    assert seen.duration_s == pytest.approx(2, abs=0.1)
    assert any("a.mp4 is damaged" in each for each in result.warnings)


def test_warnings_are_not_repeated(tmp_path: Path) -> None:
    path = talk(tmp_path / "a.mkv")
    whole = bytearray(path.read_bytes())
    for offset in range(3000, len(whole) - 3000, 997):
        whole[offset] ^= 0x55
    path.write_bytes(whole)
    warnings = rendered(path, tmp_path / "o.mp4").warnings
    assert len(warnings) == len(set(warnings))


def test_a_sound_track_with_lost_packets_stays_in_sync(tmp_path: Path) -> None:
    """The tone starts at 1.4 s; some packets of the silence before it are lost."""
    path = film(tmp_path / "a.mkv", shades(2 * FPS), tracks=[Track(tone(2, start_s=1.4), "ac3")])
    damaged = tmp_path / "b.mkv"
    with av.open(str(path)) as source, av.open(str(damaged), "w") as out:
        streams = {s.index: out.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "audio" and 0.3 < float(packet.pts * packet.time_base) < 0.9:
                continue
            packet.stream = streams[packet.stream.index]
            out.mux(packet)
    seen = decode(rendered(damaged, tmp_path / "o.mp4").path)
    assert seen.sound is not None
    assert np.argmax(np.abs(seen.sound[0]) > 0.1) / 48000 == pytest.approx(1.4, abs=0.03)


def test_an_audio_file_whose_rate_and_layout_change_is_decoded_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.aac"
    parts = []
    for number, (rate, layout) in enumerate([(48000, "stereo"), (44100, "mono")]):
        part = tmp_path / f"{number}.aac"
        with av.open(str(part), "w", format="adts") as out:
            stream = out.add_stream("aac", rate=rate, layout=layout)
            assert isinstance(stream, av.AudioStream)
            wave = np.stack([tone(1, rate=rate)] * (2 if layout == "stereo" else 1))
            frame = av.AudioFrame.from_ndarray(wave, "fltp", layout)
            frame.sample_rate = rate
            out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
        parts.append(part.read_bytes())
    path.write_bytes(b"".join(parts))
    clip = item(make_video(tmp_path / "v.mp4", seconds=2, tone=None))
    music = item(path, "m2")
    timeline = Timeline(
        clips=(Clip("video", 2000, "v", media="m1"),),
        sounds=(Sound("m2", "a.aac", 2000, volume=1.0),),
        width=160,
        height=120,
        fps=25,
    )
    seen = decode(render(timeline, {"m1": clip, "m2": music}, tmp_path / "o.mp4").path)
    assert seen.loudness(0.2, 0.8) == pytest.approx(0.3 / 2**0.5, rel=0.1)
    assert seen.loudness(1.3, 1.8) > 0.1


@pytest.mark.parametrize("share", [0.02, 0.9])
def test_an_mp4_without_its_index_is_refused(tmp_path: Path, share: float) -> None:
    path = truncate(talk(tmp_path / "a.mp4"), share)  # the index is at the end
    with pytest.raises(UnsupportedFileError, match=r"a\.mp4"):
        probe(path, "a.mp4", id="m1")


def test_a_file_damaged_after_the_upload_fails_with_its_name(tmp_path: Path) -> None:
    path = talk(tmp_path / "a.mp4", container_options={"movflags": "faststart"})
    media = item(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"mdat") + 8] + bytes(len(whole) // 2))
    timeline = Timeline(
        clips=(Clip("video", 2000, "a", media="m1"),), width=WIDTH, height=HEIGHT, fps=FPS
    )
    with pytest.raises(RenderFailedError, match=r"a\.mp4"):
        render(timeline, {"m1": media}, tmp_path / "o.mp4")


def test_an_audio_file_has_no_background_to_remove(tmp_path: Path) -> None:
    media = item(make_sound(tmp_path / "a.mp3"))
    timeline = Timeline(clips=(Clip("video", 1000, "a", media="m1"),), width=64, height=64, fps=25)
    with pytest.raises(NemoError, match="audio"):
        render(timeline, {"m1": media}, tmp_path / "o.mp4")


def test_an_intact_file_has_no_warnings(tmp_path: Path) -> None:
    result = rendered(talk(tmp_path / "a.mp4"), tmp_path / "o.mp4")
    assert result.warnings == ()


def test_a_sound_track_of_another_length_is_not_damage(tmp_path: Path) -> None:
    for name, codec, sound in (
        ("a.mkv", "libx264", "aac"),
        ("a.mp4", "libx264", "aac"),
        ("a.avi", "mpeg4", "libmp3lame"),
        ("a.webm", "libvpx-vp9", "libopus"),
    ):
        for sound_s in (0.5, 3.0):
            track = Track(tone(sound_s), sound)
            media = item(film(tmp_path / name, shades(FPS), codec=codec, tracks=[track]))
            assert media.warnings == ()
            assert media.duration_ms == pytest.approx(1000, abs=90)


def test_the_duration_of_the_last_frame_counts(tmp_path: Path) -> None:
    for name, fps in itertools.product(("a.mkv", "a.mp4"), (1, 120)):
        media = item(film(tmp_path / name, shades(3), fps=fps))
        assert media.warnings == ()
        assert media.duration_ms == pytest.approx(3000 / fps, abs=5)
