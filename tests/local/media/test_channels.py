"""Sound with an explicit channel map, which PyAV frees twice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest

from nemovideo.local.media.containers import open_with_speakers
from tests.support.footage import FPS, Track, film, rendered, shades, with_channels
from tests.support.render import Decoded, decode

FILM_ORDER = (122 << 16) | 6  # L R Ls Rs C LFE
BY_LABELS = 0
UNUSED, UNKNOWN, LEFT, RIGHT = 0, 0xFFFFFFFF, 1, 2


def tones(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    times = np.arange(48000) / 48000
    waves = [0.1 * np.sin(2 * np.pi * (300 + 100 * n) * times) for n in range(count)]
    return np.stack(waves).astype(np.float32)


def sound(path: Path, layout: str, count: int, codec: str = "pcm_s16le", **options: str) -> Path:
    return film(path, shades(FPS), tracks=[Track(tones(count), codec, layout, options=options)])


def channel_levels(seen: Decoded) -> list[dict[int, float]]:
    """Return the level of each source channel in the left and right channels."""
    assert seen.sound is not None
    part = seen.sound[:, 4800:43200]
    levels = np.abs(np.fft.rfft(part, axis=1)) * 2 / part.shape[1] / 0.1
    places = [round((300 + 100 * n) * part.shape[1] / 48000) for n in range(6)]
    return [{n: float(row[p]) for n, p in enumerate(places) if row[p] > 0.05} for row in levels]


def levels(**by_channel: float) -> object:
    return pytest.approx({int(name[1:]): level for name, level in by_channel.items()}, abs=0.03)


@pytest.mark.parametrize(
    ("tag", "labels", "left", "right"),
    [
        (
            FILM_ORDER,
            (),
            {"c0": 1, "c2": 0.71, "c4": 0.71},
            {"c1": 1, "c3": 0.71, "c4": 0.71},
        ),
        ((123 << 16) | 6, (), {"c0": 1, "c1": 0.71, "c3": 0.71}, {"c2": 1, "c1": 0.71, "c4": 0.71}),
        (BY_LABELS, [RIGHT, LEFT, 0, 0, 0, 0], {"c1": 1}, {"c0": 1}),
    ],
)
def test_every_channel_is_mixed_to_the_side_of_its_speaker(
    tmp_path: Path, tag: int, labels: Sequence[int], left: dict[str, float], right: dict[str, float]
) -> None:
    path = with_channels(sound(tmp_path / "a.mov", "5.1", 6), tag, labels)
    result = rendered(path, tmp_path / "o.mp4")
    assert channel_levels(decode(result.path)) == [levels(**left), levels(**right)]
    assert any("6 channels" in each for each in result.warnings)


def test_channels_without_a_speaker_alternate_between_left_and_right(tmp_path: Path) -> None:
    for label in (UNUSED, UNKNOWN):
        path = with_channels(sound(tmp_path / "a.mov", "4.0", 4), BY_LABELS, [label] * 4)
        seen = decode(rendered(path, tmp_path / "o.mp4").path)
        assert channel_levels(seen) == [levels(c0=0.5, c2=0.5), levels(c1=0.5, c3=0.5)]


def test_ambisonics_is_mixed_to_stereo(tmp_path: Path) -> None:
    path = sound(tmp_path / "a.mkv", "ambisonic 1", 4, "libopus", mapping_family="2")
    seen = decode(rendered(path, tmp_path / "o.mp4").path)
    assert channel_levels(seen) == [levels(c0=0.5, c1=0.5)] * 2, "W and left minus right"


def test_a_layout_with_a_channel_map_is_decoded_without_a_crash(tmp_path: Path) -> None:
    path = with_channels(sound(tmp_path / "a.mov", "5.1", 6), FILM_ORDER)
    for _ in range(20):
        with open_with_speakers(path) as (container, speakers):
            assert list(speakers.values()) == [("FL", "FR", "SL", "SR", "FC", "LFE")]
            stream = container.streams.audio[0]
            assert sum(frame.samples for frame in container.decode(stream)) == 48000
            assert isinstance(stream, av.AudioStream)
            assert "6 channels" in repr(stream)


def test_a_sound_track_that_cannot_be_decoded_is_dropped_with_a_warning(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", shades(FPS), tracks=[Track(tones(2), "libopus")])
    data = path.read_bytes()
    path.write_bytes(data.replace(b"OpusHead\x01", b"OpusHead\xff"))
    result = rendered(path, tmp_path / "o.mp4")
    assert len(decode(result.path).frames) == FPS
    assert result.warnings
