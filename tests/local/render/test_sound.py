"""The sound of rendered files: volume, music, trims and speed."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render import render
from nemovideo.local.render.sound import SAMPLE_RATE, decode_blocks
from nemovideo.local.timeline import Clip, Sound, Timeline
from tests.support.footage import FPS, Track, film, shades
from tests.support.render import (
    decode,
    draft,
    item,
    make_image,
    make_sound,
    make_video,
    timeline_of,
)

TONE = 0.3 / 2**0.5


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> MediaItem:
    return item(make_video(tmp_path_factory.mktemp("talk") / "talk.mp4", seconds=2, fps=10))


@pytest.fixture
def silent(tmp_path: Path) -> MediaItem:
    return item(make_video(tmp_path / "silent.mp4", seconds=2, fps=10, tone=None))


def test_a_clip_keeps_its_volume(tmp_path: Path, talk: MediaItem) -> None:
    seen = decode(render(timeline_of(talk), {"m1": talk}, tmp_path / "o.mp4").path)
    assert seen.loudness(0.2, 1.8) == pytest.approx(TONE, rel=0.05)
    assert seen.duration_s == pytest.approx(2, abs=0.04)


def test_volume_is_a_factor(tmp_path: Path, talk: MediaItem) -> None:
    for volume in (0.0, 0.25, 2.0):
        timeline = timeline_of(talk, volume=volume)
        seen = decode(render(timeline, {"m1": talk}, tmp_path / "o.mp4").path)
        assert seen.loudness(0.2, 1.8) == pytest.approx(TONE * volume, rel=0.05, abs=1e-4)


def test_a_silent_draft_has_no_audio_stream(tmp_path: Path, silent: MediaItem) -> None:
    seen = decode(render(timeline_of(silent), {"m1": silent}, tmp_path / "o.mp4").path)
    assert seen.codecs == ("h264",)


@pytest.mark.parametrize("codec", ["pcm_u8", "flac", "libmp3lame"])
def test_mono_is_as_loud_as_stereo(tmp_path: Path, silent: MediaItem, codec: str) -> None:
    path = film(tmp_path / "m.mkv", shades(FPS), tracks=[Track(mono_tone(), codec, "mono")])
    speech, music = item(path), item(path, "m2")
    sounds = (Sound("m2", "m.mkv", 1000, volume=0.5),)
    as_clip = timeline_of(speech, volume=0.5)
    as_music = draft(silent, Clip("video", 1000, "clip", media="m1"), sounds=sounds)
    for timeline, media in ((as_clip, {"m1": speech}), (as_music, {"m1": silent, "m2": music})):
        seen = decode(render(timeline, media, tmp_path / "o.mp4").path)
        assert seen.sound is not None
        assert seen.loudness(0.2, 0.8) == pytest.approx(TONE / 2, rel=0.08)
        assert np.abs(seen.sound[0] - seen.sound[1]).max() < 0.01


def mono_tone() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    times = np.arange(48000) / 48000
    return (0.3 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)[None]


@pytest.mark.parametrize("name", ["music.mp3", "music.aac"])
def test_music_is_looped(tmp_path: Path, silent: MediaItem, name: str) -> None:
    music = item(make_sound(tmp_path / name, seconds=0.7), "m2")
    assert music.kind == "audio"
    sounds = (Sound("m2", name, 1500, start_ms=500, volume=0.5),)
    timeline = draft(silent, Clip("video", 2000, "clip", media="m1"), sounds=sounds)
    seen = decode(render(timeline, {"m1": silent, "m2": music}, tmp_path / "o.mp4").path)
    assert seen.loudness(0, 0.45) < 0.01
    assert seen.loudness(0.6, 1.1) == pytest.approx(TONE / 2, rel=0.1)
    assert seen.loudness(1.4, 1.9) == pytest.approx(TONE / 2, rel=0.15)


def test_music_fades_at_its_own_ends(tmp_path: Path, silent: MediaItem) -> None:
    music = item(make_sound(tmp_path / "m.wav", seconds=3), "m2")
    sounds = (Sound("m2", "m.wav", 1600, 200, volume=1.0, fade_in_ms=400, fade_out_ms=800),)
    timeline = draft(silent, Clip("video", 2000, "clip", media="m1"), sounds=sounds)
    seen = decode(render(timeline, {"m1": silent, "m2": music}, tmp_path / "o.mp4").path)
    assert seen.loudness(0.39, 0.41) == pytest.approx(TONE / 2, rel=0.1)
    assert seen.loudness(0.7, 0.9) == pytest.approx(TONE, rel=0.05)
    assert seen.loudness(1.39, 1.41) == pytest.approx(TONE / 2, rel=0.1)
    assert seen.loudness(1.75, 1.8) < TONE / 10


def test_music_and_the_clips_own_sound_are_mixed(tmp_path: Path, talk: MediaItem) -> None:
    music = item(make_sound(tmp_path / "m.wav", seconds=3, hz=1000), "m2")
    sounds = (Sound("m2", "m.wav", 1000, volume=1.0),)
    timeline = draft(talk, Clip("video", 2000, "clip", media="m1"), sounds=sounds)
    seen = decode(render(timeline, {"m1": talk, "m2": music}, tmp_path / "o.mp4").path)
    assert seen.loudness(0.2, 0.9) == pytest.approx(TONE * 2**0.5, rel=0.05)
    assert seen.loudness(1.2, 1.8) == pytest.approx(TONE, rel=0.05)


def test_a_slideshow_has_music(tmp_path: Path) -> None:
    photo = item(make_image(tmp_path / "p.png", (200, 40, 90)), "m1")
    music = item(make_sound(tmp_path / "m.mp3", seconds=4), "m2")
    timeline = Timeline(
        clips=(Clip("image", 1000, "p", media="m1"),),
        sounds=(Sound("m2", "m.mp3", 1000, volume=0.5),),
        width=160,
        height=120,
        fps=25,
    )
    seen = decode(render(timeline, {"m1": photo, "m2": music}, tmp_path / "o.mp4").path)
    assert seen.codecs == ("h264", "aac")
    assert seen.loudness(0.2, 0.8) == pytest.approx(TONE / 2, rel=0.1)
    assert seen.duration_s == pytest.approx(1, abs=0.04)


@pytest.mark.parametrize("speed", [0.75, 3.0])
def test_speed_keeps_the_pitch(tmp_path: Path, talk: MediaItem, speed: float) -> None:
    timeline = timeline_of(talk, speed=speed, duration_ms=round(2000 / speed))
    seen = decode(render(timeline, {"m1": talk}, tmp_path / "o.mp4").path)
    assert seen.duration_s == pytest.approx(2 / speed, abs=0.05)
    assert seen.sound is not None
    part = seen.sound[0, 4800:24000]
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part))))
    assert np.argmax(spectrum) * 48000 / len(part) == pytest.approx(440, abs=8)
    assert seen.loudness(0.1, 1.8 / speed) == pytest.approx(TONE, rel=0.15)


def test_a_trim_keeps_sound_and_picture_in_sync(tmp_path: Path) -> None:
    times = np.arange(4 * 48000) / 48000
    wave = np.where(times < 2, 0, 0.3 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)
    path = make_video(tmp_path / "v.mp4", seconds=4, fps=10, tone=None)
    noisy = tmp_path / "n.mkv"
    with av.open(str(path)) as source, av.open(str(noisy), "w") as target:
        video = target.add_stream_from_template(source.streams.video[0])
        audio = target.add_stream("flac", rate=48000, layout="stereo")
        assert isinstance(audio, av.AudioStream)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = video
                target.mux(packet)
        samples = (np.stack([wave, wave]).T.reshape(1, -1) * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples, "s16", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
        target.mux(audio.encode(frame))
        target.mux(audio.encode(None))
    late = item(noisy)
    timeline = timeline_of(late, source_start_ms=1500, duration_ms=1000)
    seen = decode(render(timeline, {"m1": late}, tmp_path / "o.mp4").path)
    assert seen.loudness(0, 0.46) < 0.01
    assert seen.loudness(0.54, 0.95) == pytest.approx(TONE, rel=0.05)


def test_a_loud_mix_is_clipped(tmp_path: Path, talk: MediaItem) -> None:
    seen = decode(render(timeline_of(talk, volume=10.0), {"m1": talk}, tmp_path / "o.mp4").path)
    assert seen.loudness(0.2, 1.8) > 0.8


def test_long_silence_and_long_frames_are_made_in_parts(tmp_path: Path, talk: MediaItem) -> None:
    path = tmp_path / "slow.mkv"
    with av.open(str(path), "w") as container:  # an hour of sound in one packet of 8 KB
        audio = container.add_stream("pcm_s16le", rate=1, layout="mono")
        assert isinstance(audio, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(np.full((1, 4000), 9000, np.int16), "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 1, 0, Fraction(1)
        container.mux(audio.encode(frame))
    slow = item(path)
    blocks = list(islice(decode_blocks(slow), 10))
    assert max(block.shape[1] for block in blocks) <= 30 * SAMPLE_RATE
    assert np.concatenate(blocks, axis=1)[0, 900_000] > 0.1

    early = decode_blocks(talk, start_s=Fraction(-10_000), speed=2)
    assert max(block.shape[1] for block in islice(early, 10)) <= 30 * SAMPLE_RATE
