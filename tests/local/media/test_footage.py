"""Real footage: pixel formats, rotation, aspect, interlacing, timing, sound and extra tracks."""

from __future__ import annotations

import gc
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from PIL import Image

from nemovideo.local.media.probe import probe
from nemovideo.local.render import render
from nemovideo.local.render.decoding import decode_frames
from nemovideo.local.timeline import Background, Clip, Timeline
from tests.support.footage import (
    COLORS,
    COUNT,
    FPS,
    HEIGHT,
    WIDTH,
    Track,
    clap,
    clap_times,
    decoded_render,
    film,
    hdr_frames,
    quarters,
    rendered,
    shades,
    shown_quarters,
    tone,
    written_interlaced,
)
from tests.support.render import Pixels, decode, item, make_video, near

STILL = [quarters()] * COUNT


def color_at(pixel: Pixels) -> tuple[int, ...]:
    return tuple(int(value) for value in pixel)


def right_colors(picture: Pixels, tolerance: int = 14) -> bool:
    found = shown_quarters(picture)
    return all(near(a, b, tolerance) for a, b in zip(found, COLORS, strict=True))


# --- Pixel formats --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "codec", "pix_fmt"),
    [
        ("mp4", "libx264", "yuv422p"),
        ("mp4", "libx264", "yuv444p"),
        ("mp4", "libx264", "yuv420p10le"),
        ("mp4", "libx264", "yuvj420p"),  # full range
        ("avi", "mjpeg", "yuvj422p"),
        ("mkv", "ffv1", "yuv410p"),
        ("mkv", "ffv1", "bgr0"),
        ("mkv", "ffv1", "gbrp10le"),
        ("mov", "qtrle", "rgb24"),
        ("mov", "qtrle", "argb"),
        ("mov", "prores_ks", "yuv422p10le"),
        ("mov", "prores_ks", "yuva444p10le"),
        ("webm", "libvpx-vp9", "yuv420p"),
        ("mkv", "mpeg2video", "yuv420p"),
    ],
)
def test_every_pixel_format_keeps_its_colors(
    tmp_path: Path, suffix: str, codec: str, pix_fmt: str
) -> None:
    path = film(tmp_path / f"a.{suffix}", STILL[:4], codec=codec, pix_fmt=pix_fmt)
    seen = decoded_render(path, tmp_path / "o.mp4")
    assert len(seen.frames) == 4
    assert right_colors(seen.frames[2]), shown_quarters(seen.frames[2])


def test_a_gray_video_stays_gray(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", shades(4), codec="ffv1", pix_fmt="gray")
    frame = decoded_render(path, tmp_path / "o.mp4").frames[3].astype(int)
    assert np.ptp(frame, axis=2).max() <= 4


def test_full_range_is_converted_exactly(tmp_path: Path) -> None:
    ramp = np.repeat(np.arange(0, 256, dtype=np.uint8)[None, :, None], 64, axis=0).repeat(3, axis=2)
    path = film(tmp_path / "a.mp4", [ramp] * 3, pix_fmt="yuvj420p")
    row = decoded_render(path, tmp_path / "o.mp4").frames[1][32, :, 1].astype(int)
    assert np.abs(row - np.arange(256)).max() <= 6


def test_transparent_parts_of_a_source_are_black(tmp_path: Path) -> None:
    picture = Image.fromarray(quarters()).convert("RGBA")
    picture.putalpha(
        Image.fromarray(np.repeat(np.array([0, 255], np.uint8), 48)[None, :].repeat(64, axis=0))
    )
    frames = [av.VideoFrame.from_ndarray(np.asarray(picture), "rgba") for _ in range(3)]
    path = film(tmp_path / "a.mov", frames=frames, codec="qtrle", pix_fmt="argb")
    found = shown_quarters(decoded_render(path, tmp_path / "o.mp4").frames[1])
    assert near(found[0], (0, 0, 0), 6)
    assert near(found[1], COLORS[1], 14)


@pytest.mark.parametrize("curve", ["pq", "hlg"])
def test_hdr_is_tone_mapped(tmp_path: Path, curve: str) -> None:
    """Gray and red patches of 0 to 1000 cd/m²; 203 is reference white."""
    path = film(
        tmp_path / "a.mkv",
        frames=hdr_frames(curve, [0, 1, 20, 100, 203, 1000]),
        codec="ffv1",
        pix_fmt="yuv420p10le",
        prepare=lambda stream: tag(stream, 16 if curve == "pq" else 18),
    )
    seen = decoded_render(path, tmp_path / "o.mp4")
    row = [int(v) for v in seen.frames[1][48, 8::16, 1]]
    assert row[0] <= 4
    assert row[5] >= 245
    assert row == sorted(row)
    assert 140 <= row[3] <= 190, "a face, at about 100 cd/m²"
    assert row[4] - row[3] >= 15
    assert row[5] - row[4] >= 15, "highlights above reference white keep detail"
    assert np.ptp(seen.frames[1][48].astype(int), axis=1).max() <= 5, "gray stays gray"
    red, green, blue = (int(v) for v in seen.frames[1][16, 72])
    assert red > 150
    assert green < red / 2
    assert blue < red / 2
    with av.open(str(tmp_path / "o.mp4")) as output:
        context = output.streams.video[0].codec_context
        tags = (context.colorspace, context.color_primaries, context.color_trc)
        assert (context.pix_fmt, tags) == ("yuv420p", (1, 1, 1))


def tag(stream: av.VideoStream, transfer: int) -> None:
    context = stream.codec_context
    context.colorspace = context.color_primaries = 9
    context.color_trc, context.color_range = transfer, 1


# --- Geometry -------------------------------------------------------------------------------


def test_decoded_frames_are_freed_without_a_garbage_collection(tmp_path: Path) -> None:
    media = item(make_video(tmp_path / "a.mp4"))
    gc.collect()
    gc.disable()
    try:
        count = sum(1 for _ in decode_frames(media))
        left = [one for one in gc.get_objects() if isinstance(one, VideoFrame)]
    finally:
        gc.enable()
    assert count == 25
    assert len(left) < 3


@pytest.mark.parametrize("format_", ["mp4", "gif"])
def test_a_rotated_video_is_upright(tmp_path: Path, format_: str) -> None:
    path = film(
        tmp_path / "a.mov", STILL[:3], prepare=lambda stream: stream.set_display_rotation(90)
    )
    picture = decode(rendered(path, tmp_path / f"o.{format_}", format=format_).path).frames[1]
    upright = np.rot90(quarters())
    assert picture.shape[:2] == upright.shape[:2]
    wanted = shown_quarters(upright)
    assert all(near(a, b, 14) for a, b in zip(shown_quarters(picture), wanted, strict=True))


def test_the_engine_sees_a_rotated_video_upright(tmp_path: Path) -> None:
    person = np.full((64, 96, 3), (30, 60, 160), np.uint8)
    person[:, :32] = (225, 205, 40)  # a person lying on their side
    path = film(
        tmp_path / "a.mov", [person] * 3, prepare=lambda stream: stream.set_display_rotation(90)
    )
    color = Background("color", color="#00b140")
    frame = decoded_render(path, tmp_path / "o.mp4", background=color).frames[1]
    assert near(color_at(frame[8, 8]), (0, 0xB1, 0x40), 16)
    assert near(color_at(frame[88, 32]), (225, 205, 40), 16)


@pytest.mark.parametrize("aspect", [Fraction(4, 3), Fraction(2, 3)])
def test_the_display_aspect_is_preserved(tmp_path: Path, aspect: Fraction) -> None:
    path = film(
        tmp_path / "a.mp4",
        STILL[:3],
        prepare=lambda stream: setattr(stream, "sample_aspect_ratio", aspect),
    )
    out = rendered(path, tmp_path / "o.mp4").path
    with av.open(str(out)) as output:
        stream = output.streams.video[0]
        shown = Fraction(stream.width, stream.height) * (stream.sample_aspect_ratio or 1)
    assert shown == Fraction(WIDTH, HEIGHT) * aspect
    square = decode(rendered(path, tmp_path / "o.gif", format="gif").path).frames[0]
    assert abs(square.shape[1] / square.shape[0] - float(shown)) < 0.03


def test_odd_sizes_are_rounded_up_without_a_border(tmp_path: Path) -> None:
    for width, height in ((97, 65), (95, 64), (96, 33)):
        path = film(tmp_path / "a.mp4", [quarters(width, height)] * 3, pix_fmt="yuv444p")
        frame = decoded_render(path, tmp_path / "o.mp4").frames[1]
        assert frame.shape[:2] == (height + height % 2, width + width % 2)
        assert right_colors(frame)
        assert near(color_at(frame[-1, -1]), COLORS[3], 20), "no black border"


def test_interlaced_footage_is_deinterlaced(tmp_path: Path) -> None:
    path = written_interlaced(tmp_path / "a.mkv")
    plain = decode(path).frames[5].astype(int)
    woven = decoded_render(path, tmp_path / "o.mp4")
    assert len(woven.frames) == COUNT

    def comb(frame: Pixels | np.ndarray[tuple[int, ...], np.dtype[np.int_]]) -> float:
        rows = frame[..., 1].astype(int)
        return float(np.abs(2 * rows[1:-1] - rows[:-2] - rows[2:]).mean())

    assert comb(woven.frames[5]) < comb(plain) / 4


def test_4k_keeps_its_size(tmp_path: Path) -> None:
    big = np.asarray(Image.fromarray(quarters()).resize((3840, 2160), Image.Resampling.NEAREST))
    path = film(tmp_path / "a.mp4", [big])
    green = Background("color", color="#00b140")
    frame = decoded_render(path, tmp_path / "o.mp4", background=green).frames[0]
    assert frame.shape == (2160, 3840, 3)
    assert near(color_at(frame[100, 3700]), (0, 0xB1, 0x40), 16)
    assert near(color_at(frame[2000, 3700]), COLORS[3], 16), "the yellow quarter is the person"


def test_a_picture_with_a_palette_keeps_its_colors(tmp_path: Path) -> None:
    Image.fromarray(quarters()).quantize(8).save(tmp_path / "a.gif")
    media = probe(tmp_path / "a.gif", "a.gif", id="m1")
    assert media.kind == "image"
    timeline = Timeline(
        clips=(Clip("image", 5000, "a", media="m1"),), width=WIDTH, height=HEIGHT, fps=FPS
    )
    render(timeline, {"m1": media}, tmp_path / "o.png", format="png")
    with Image.open(tmp_path / "o.png") as output:
        assert right_colors(np.asarray(output), 20)


# --- Timing ---------------------------------------------------------------------------------


def test_frame_rates_are_preserved(tmp_path: Path) -> None:
    for fps in (Fraction(1, 2), Fraction(1), Fraction(30000, 1001), Fraction(50), Fraction(120)):
        path = film(tmp_path / "a.mp4", shades(4), fps=fps)
        seen = decoded_render(path, tmp_path / "o.mp4")
        assert (seen.fps, len(seen.frames)) == (fps, 4)
        assert [round(float(frame.mean())) for frame in seen.frames] == pytest.approx(
            [float(picture.mean()) for picture in shades(4)], abs=4
        )


def test_frame_rates_above_120_are_reduced(tmp_path: Path) -> None:
    seen = decoded_render(film(tmp_path / "a.mp4", shades(96), fps=960), tmp_path / "o.mp4")
    assert seen.fps <= 120
    assert seen.duration_s == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize("name", ["a.mp4", "a.webm"])
def test_a_video_of_a_single_frame_is_rendered(tmp_path: Path, name: str) -> None:
    codec = "libvpx-vp9" if name == "a.webm" else "libx264"
    seen = decoded_render(film(tmp_path / name, STILL[:1], codec=codec), tmp_path / "o.mp4")
    assert len(seen.frames) == 1
    assert right_colors(seen.frames[0])


def test_variable_frame_rates_do_not_drift(tmp_path: Path) -> None:
    """A phone in the dark: gaps of 25 to 90 ms, over eight seconds, with a clap near the end."""
    gaps = np.random.default_rng(5).uniform(0.025, 0.09, 140)
    times = [0.0, *np.cumsum(gaps).tolist()]
    at = times[120]
    pictures = [np.full((HEIGHT, WIDTH, 3), 235 if t >= at else 16, np.uint8) for t in times]
    track = Track(tone(times[-1], start_s=at))
    path = film(tmp_path / "a.mp4", pictures, times_s=times, tracks=[track])
    seen = decoded_render(path, tmp_path / "o.mp4")
    light, sound = clap_times(seen)
    assert light == pytest.approx(at, abs=0.03)
    assert sound == pytest.approx(at, abs=0.01)
    assert seen.duration_s == pytest.approx(times[-1], abs=0.1)


def test_a_time_base_of_nanoseconds_stays_in_sync(tmp_path: Path) -> None:
    path = clap(
        tmp_path / "a.mov",
        container_options={"video_track_timescale": "1000000000"},
    )
    assert clap_times(decoded_render(path, tmp_path / "o.mp4")) == pytest.approx(
        (0.4, 0.4), abs=0.01
    )


def test_frames_without_timestamps_have_a_constant_rate(tmp_path: Path) -> None:
    path = film(tmp_path / "a.avi", shades(8), codec="mpeg4")
    seen = decoded_render(path, tmp_path / "o.mp4")
    means = [float(frame.mean()) for frame in seen.frames]
    assert means == sorted(means)
    assert seen.duration_s == pytest.approx(8 / FPS, abs=0.09)


# --- Sound ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "video_s", "sound_s"),
    [
        ("mp4", 0.2, 0.0),
        ("mkv", 0.0, 0.2),
        ("mp4", 0.2, 0.2),
        ("mkv", 0.2, 0.2),
        ("mp4", -0.32, 0.0),
        ("mkv", 0.0, -0.3),
    ],
)
def test_picture_and_sound_stay_in_sync_whichever_starts_first(
    tmp_path: Path, suffix: str, video_s: float, sound_s: float
) -> None:
    path = clap(tmp_path / f"a.{suffix}", video_start_s=video_s, sound_start_s=sound_s)
    light, sound = clap_times(decoded_render(path, tmp_path / "o.mp4"))
    assert sound == pytest.approx(light, abs=0.03)


@pytest.mark.parametrize(("suffix", "sound_s"), [("mp4", 2.0), ("mkv", 0.7), ("mov", 2.0)])
def test_the_duration_is_that_of_the_picture(tmp_path: Path, suffix: str, sound_s: float) -> None:
    path = clap(tmp_path / f"a.{suffix}", sound_s=sound_s)
    seen = decoded_render(path, tmp_path / "o.mp4")
    assert len(seen.frames) == FPS
    assert seen.duration_s == pytest.approx(1, abs=0.03)
    assert clap_times(seen) == pytest.approx((0.4, 0.4), abs=0.01)


@pytest.mark.parametrize(
    ("layout", "rate", "codec"),
    [
        ("mono", 8000, "aac"),
        ("mono", 8000, "pcm_s16le"),
        ("stereo", 44100, "aac"),
        ("stereo", 22050, "libmp3lame"),
        ("5.1", 48000, "ac3"),
        ("stereo", 48000, "flac"),
        ("stereo", 48000, "libopus"),
    ],
)
def test_every_sound_format_stays_in_sync(
    tmp_path: Path, layout: str, rate: int, codec: str
) -> None:
    wave = tone(1, rate=rate, start_s=0.4)
    light = [np.full((HEIGHT, WIDTH, 3), 235 if n >= 10 else 16, np.uint8) for n in range(FPS)]
    path = film(tmp_path / "a.mkv", light, tracks=[Track(wave, codec, layout, rate)])
    seen = decoded_render(path, tmp_path / "o.mp4")
    assert clap_times(seen) == pytest.approx((0.4, 0.4), abs=0.02)
    assert seen.loudness(0.5, 0.9) > 0.1


def test_the_default_audio_track_is_used(tmp_path: Path) -> None:
    for default, level in ((0, 0.1), (1, 0.4), (None, 0.1)):
        tracks = [
            Track(tone(1, level=loud), default=number == default)
            for number, loud in enumerate((0.1, 0.4))
        ]
        seen = decoded_render(
            film(tmp_path / "a.mkv", shades(FPS), tracks=tracks), tmp_path / "o.mp4"
        )
        assert seen.loudness(0.2, 0.8) == pytest.approx(level / 2**0.5, rel=0.1)
        assert seen.codecs == ("h264", "aac")


# --- Extra tracks ---------------------------------------------------------------------------


def test_the_default_video_track_is_used(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as out:
        streams = [out.add_stream("libx264", rate=FPS) for _ in range(2)]
        for stream, size in zip(streams, ((WIDTH, HEIGHT), (2 * WIDTH, 2 * HEIGHT)), strict=True):
            assert isinstance(stream, av.VideoStream)
            (stream.width, stream.height), stream.pix_fmt = size, "yuv420p"
        streams[1].disposition = av.stream.Disposition.default
        for stream in streams:
            frame = av.VideoFrame.from_ndarray(quarters(stream.width, stream.height), "rgb24")
            out.mux([*stream.encode(frame), *stream.encode(None)])
    assert decode(rendered(path, tmp_path / "o.mp4").path).frames[0].shape[1] == 2 * WIDTH


def test_a_cover_picture_is_not_the_video(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", STILL)
    with_cover = tmp_path / "b.mp4"
    cover = av.VideoFrame.from_ndarray(np.full((48, 48, 3), 250, np.uint8), "rgb24")
    with av.open(str(path)) as source, av.open(str(with_cover), "w") as out:
        attached = out.add_stream("mjpeg", rate=1)
        attached.width, attached.height, attached.pix_fmt = 48, 48, "yuvj420p"
        attached.disposition = av.stream.Disposition.attached_pic
        video = out.add_stream_from_template(source.streams.video[0])
        out.mux(attached.encode(cover))
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = video
                out.mux(packet)
    seen = decoded_render(with_cover, tmp_path / "o.mp4")
    assert seen.frames[0].shape == (HEIGHT, WIDTH, 3)
    assert right_colors(seen.frames[5])


def test_an_audio_file_with_a_cover_picture_is_audio(tmp_path: Path) -> None:
    path = tmp_path / "a.m4a"
    cover = av.VideoFrame.from_ndarray(np.full((48, 48, 3), 250, np.uint8), "rgb24")
    with av.open(str(path), "w", format="mp4") as out:
        attached = out.add_stream("mjpeg", rate=1)
        attached.width, attached.height, attached.pix_fmt = 48, 48, "yuvj420p"
        attached.disposition = av.stream.Disposition.attached_pic
        sound = out.add_stream("aac", rate=48000)
        out.mux(attached.encode(cover))
        samples = np.stack([tone(0.5)] * 2)
        frame = av.AudioFrame.from_ndarray(samples, "fltp", "stereo")
        frame.sample_rate = 48000
        out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
    assert probe(path, "a.m4a", id="m1").kind == "audio"
    assert probe(path, "a.mp4", id="m1").kind == "audio"


def test_timecode_tracks_are_ignored(tmp_path: Path) -> None:
    path = film(
        tmp_path / "a.mov",
        STILL,
        prepare=lambda stream: stream.metadata.update(timecode="01:00:00:00"),
        tracks=[Track(tone(COUNT / FPS))],
    )
    with av.open(str(path)) as source:
        assert len(source.streams) == 3, "the timecode is a track"
    seen = decoded_render(path, tmp_path / "o.mp4")
    assert len(seen.frames) == COUNT
    assert right_colors(seen.frames[5])
