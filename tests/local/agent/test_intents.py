"""What people ask for is in the rendered file: upload, message, render, download, decode.

Which words mean what, in English and Chinese, is in the tables of `phrases/`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import numpy as np
import pytest

from nemovideo import Client
from nemovideo.local import LocalBackend
from nemovideo.retry import Polling
from tests.support.media import (
    Picture,
    corner,
    duration_s,
    loudness,
    make_clip,
    make_picture,
    make_tone,
    near,
    pictures,
)
from tests.support.render import decode_rgba

SECONDS = 0.8
GROUND = (40, 60, 80)
RED, GREEN = (230, 20, 30), (20, 200, 40)
SMALL = "resize it to 320x180"
Export = Callable[..., Path]


@attrs.frozen
class Media:
    """The files that the tests upload."""

    talk: Path
    red: Path
    green: Path
    song: Path


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Media:
    folder = tmp_path_factory.mktemp("media")
    return Media(
        talk=make_clip(folder / "talk.mp4", seconds=SECONDS),
        red=make_picture(folder / "red.png", RED, (160, 120)),
        green=make_picture(folder / "green.jpg", GREEN, (160, 120)),
        song=make_tone(folder / "song.wav", seconds=4.0),
    )


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with (
        LocalBackend(tmp_path_factory.mktemp("state"), engine="fast") as backend,
        Client(backend.issue_token(), base_url=backend.url, polling=Polling(interval_s=0.05)) as it,
    ):
        yield it


@pytest.fixture
def export(shared: Client, media: Media, tmp_path: Path) -> Export:
    """Upload files (the talk), send messages, and export."""

    def make(*words: str, files: tuple[Path, ...] = (media.talk,), suffix: str = "mp4") -> Path:
        session = shared.sessions.create()
        if files:
            session.upload(*files)
        for text in words:
            assert session.send(text).tool_calls, f"no edit for {text!r}"
        path = tmp_path / f"export.{suffix}"
        session.export(path)
        return path

    return make


def mean(picture: Picture) -> float:
    return float(picture.mean())


def spread(picture: Picture) -> float:
    return float(picture.astype(float).std())


def colorful(picture: Picture) -> float:
    return float(np.mean(picture.max(axis=2).astype(int) - picture.min(axis=2)))


@pytest.mark.parametrize(
    ("words", "color"),
    [
        ("remove background from my talking head video", (0, 0, 0)),
        ("replace the background with #00b140", (0, 177, 64)),
        ("把背景换成白色", (255, 255, 255)),
        ("use the picture I uploaded as the background", RED),
    ],
)
def test_the_background_is_replaced(
    export: Export, media: Media, words: str, color: tuple[int, int, int]
) -> None:
    assert near(corner(pictures(export(words, files=(media.talk, media.red)))[9]), color)


def test_a_transparent_background_has_alpha(export: Export) -> None:
    path = export("cut out the background and make it transparent", suffix="webm")
    assert decode_rgba(path)[0][:12, :12, 3].max() < 30


def test_the_agent_chooses_a_solid_color(export: Export) -> None:
    picture = pictures(export("remove the background and replace it with a solid color"))[9]
    assert not near(corner(picture), GROUND)
    assert spread(picture[:12, :40]) < 20


def test_a_blur_keeps_the_color_of_the_background_and_softens_edges(
    export: Export, media: Media
) -> None:
    before, after = pictures(media.talk)[9], pictures(export("blur the background"))[9]
    assert near(corner(after), GROUND)
    steepest = [np.abs(np.diff(one.astype(int), axis=1)).max() for one in (before, after)]
    assert steepest[1] < steepest[0]


def test_a_named_scene_is_drawn(export: Export, media: Media) -> None:
    picture = pictures(export("replace backdrop with office setting"))[9]
    assert spread(picture) > 8
    assert np.abs(picture.astype(int) - pictures(media.talk)[9]).mean() > 8


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        (["trim to the first half second"], 0.5),
        (["speed it up 2x"], SECONDS / 2),
        (["loop it"], SECONDS * 2),
        (["trim to the first half second", "撤销"], SECONDS),
    ],
)
def test_the_duration_changes(export: Export, words: list[str], seconds: float) -> None:
    path = export(*words)
    assert duration_s(path) == pytest.approx(seconds, abs=0.05)
    assert loudness(path) > 0.1


def test_a_title_is_shown(export: Export, media: Media) -> None:
    plain, titled = pictures(media.talk)[5], pictures(export("add a title 'Urban Dreams'"))[5]
    assert (np.abs(titled.astype(int) - plain.astype(int)).max(axis=2) > 90).sum() > 150


def test_a_title_fades_in_and_out(export: Export, media: Media) -> None:
    words = "add a title 'Urban Dreams' for 0.8 seconds", "fade the title in and out"
    plain, faded = pictures(media.talk), pictures(export(*words))
    shown = [mean(np.abs(one.astype(int) - other)) for one, other in zip(faded, plain, strict=True)]
    middle = len(shown) // 2
    assert max(shown) == pytest.approx(shown[middle], rel=0.15)
    assert shown[0] < 0.3 * shown[middle]
    assert shown[-1] < 0.3 * shown[middle]
    assert shown[middle // 2] == pytest.approx(shown[middle] / 2, rel=0.3)


def test_every_title_changes_its_color(export: Export) -> None:
    words = (
        "add a title 'Urban' at the top",
        "add another title 'Dreams'",
        "make the titles yellow",
    )
    picture = pictures(export(*words))[9].astype(int)
    yellow = picture[..., :2].min(axis=2) - picture[..., 2] > 60
    half = len(yellow) // 2
    assert min(yellow[:half].sum(), yellow[half:].sum()) > 30


def test_a_logo_is_hidden_after_a_time(export: Export, media: Media) -> None:
    words = "put red.png in the top right corner", "hide the logo after 0.4 seconds"
    frames = pictures(export(*words, files=(media.talk, media.red)))
    reddish = [(one[..., 0] > 180) & (one[..., 1] < 60) for one in (frames[3], frames[-3])]
    assert reddish[0].sum() > 100
    assert reddish[1].sum() == 0


def test_two_clips_swap(export: Export, media: Media) -> None:
    words = "add green.jpg at the end for 1 second", "swap the two clips"
    frames = pictures(export(*words, files=(media.talk, media.green)))
    height, width = frames[0].shape[:2]
    middles = [tuple(frames[n][height // 2, width // 2].tolist()) for n in (3, -3)]
    assert near(middles[0], GREEN)
    assert not near(middles[1], GREEN)


def test_an_uploaded_song_replaces_the_sound_of_a_muted_video(export: Export, media: Media) -> None:
    assert loudness(export("mute the video")) < 0.005 < 0.2 < loudness(media.talk)
    words = "add background music at 50%, and mute the video"
    heard = loudness(export(words, files=(media.talk, media.song), suffix="mov"))
    assert heard == pytest.approx(loudness(media.song) / 2, rel=0.25)


@pytest.mark.parametrize(
    ("words", "measure", "sign"),
    [
        ("make it brighter", mean, 1),
        ("make it a bit darker", mean, -1),
        ("increase the contrast by 40%", spread, 1),
        ("lower the saturation", colorful, -1),
    ],
)
def test_brightness_contrast_and_saturation_requests_change_the_picture(
    export: Export, media: Media, words: str, measure: Callable[[Picture], float], sign: int
) -> None:
    before, after = measure(pictures(media.talk)[9]), measure(pictures(export(words))[9])
    assert sign * (after - before) > 1


def test_a_title_card_is_made_without_uploads(export: Export) -> None:
    path = export("create a 1 second intro saying 'Welcome'", SMALL, files=())
    assert duration_s(path) == pytest.approx(1.0, abs=0.1)
    assert spread(pictures(path)[20]) > 5


def test_a_slideshow_is_made_from_the_uploaded_pictures(export: Export, media: Media) -> None:
    words = "make a 1 second slideshow from my pictures with music"
    path = export(words, SMALL, files=(media.red, media.green, media.song))
    frames = pictures(path)
    height, width = frames[0].shape[:2]
    first, last = (frames[n][height // 2, width // 2].tolist() for n in (5, -5))
    assert near((first[0], first[1], first[2]), RED)
    assert near((last[0], last[1], last[2]), GREEN)
    assert loudness(path) > 0.02


def test_what_cannot_be_done_changes_nothing(shared: Client, media: Media) -> None:
    session = shared.sessions.create()
    session.upload(media.talk)
    before = session.state().draft
    assert session.send("put me on a spaceship").text
    assert session.state().draft == before
