"""Shape, place, frame, logo and title wishes in English and Chinese, seen in the decoded file.

The person is a yellow block before a blue wall, and the engine finds what is yellow.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from nemovideo import Client, Session
from nemovideo.local import LocalBackend
from nemovideo.retry import Polling
from tests.support.render import (
    WALL,
    Pixels,
    Seen,
    YellowMatte,
    look,
    make_image,
    make_video,
    near,
    person_picture,
)

RED, GREEN = (220, 30, 30), (20, 190, 40)
SIZE = (320, 180)


def _picture() -> Pixels:
    """The person stands right of the middle; the left edge of the wall is green."""
    picture = np.full((SIZE[1], SIZE[0], 3), WALL, dtype=np.uint8)
    picture[50:, 180:250] = (225, 205, 40)
    picture[:, :20] = GREEN
    return picture


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("state")
    with (
        LocalBackend(folder, engine=YellowMatte()) as backend,
        Client(
            backend.issue_token(), base_url=backend.url, polling=Polling(interval_s=0.05)
        ) as made,
    ):
        yield made


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    return {
        "talk": make_video(folder / "talk.mp4", seconds=1.2, pictures=[_picture()], tone=None),
        "waves": make_video(folder / "waves.mp4", seconds=0.4, pictures=[person_picture()]),
        "logo": make_image(folder / "logo.png", RED, (40, 40)),
    }


@pytest.fixture
def talk(client: Client, files: dict[str, Path]) -> Session:
    session = client.sessions.create()
    session.upload(files["talk"])
    return session


def _made(session: Session, folder: Path, *words: str) -> Seen:
    for text in words:
        assert session.send(text).tool_calls, f"no edit for {text!r}"
    session.export(folder / "out.mp4")
    return look(folder / "out.mp4")


def _person(picture: Pixels) -> tuple[int, int, int, int]:
    yellow = (picture[..., 0].astype(int) - picture[..., 2] > 90) & (picture[..., 1] > 140)
    rows, columns = np.flatnonzero(yellow.any(axis=1)), np.flatnonzero(yellow.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _color(picture: Pixels, x: int, y: int) -> tuple[int, ...]:
    part = picture[y - 3 : y + 4, x - 3 : x + 4].reshape(-1, 3)
    return tuple(int(value) for value in part.mean(axis=0))


def _red(picture: Pixels) -> tuple[int, int, int, int]:
    red = (picture[..., 0] > 150) & (picture[..., 1] < 90) & (picture[..., 2] < 90)
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def wishes(english: str, chinese: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("words", [english, chinese], ids=["en", "zh"])


@pytest.mark.parametrize(
    ("english", "chinese", "size"),
    [
        ("make it vertical 9:16", "改成竖屏", (180, 320)),
        ("make it square", "改成正方形", (180, 180)),
        ("resize it to 216x384", "改成216x384", (216, 384)),
    ],
)
def test_the_shape_changes_and_the_person_stays_whole_in_it(
    client: Client,
    files: dict[str, Path],
    tmp_path: Path,
    english: str,
    chinese: str,
    size: tuple[int, int],
) -> None:
    for words in (english, chinese):
        session = client.sessions.create()
        session.upload(files["talk"])
        for picture in _made(session, tmp_path, words).frames:
            assert picture.shape[:2] == (size[1], size[0])
            left, top, right, bottom = _person(picture)
            wide = 70 * size[1] / 180
            assert right - left == pytest.approx(wide, abs=5)
            assert left > 0
            assert right < size[0]
            assert bottom == size[1]
            assert top > 0
        (tmp_path / "out.mp4").unlink()


@wishes("make it 360p", "分辨率改为360p")
def test_the_size_changes_and_the_shape_stays(talk: Session, tmp_path: Path, words: str) -> None:
    picture = _made(talk, tmp_path, words).frames[5]
    assert picture.shape[:2] == (360, 640)
    assert _person(picture) == pytest.approx((360, 100, 500, 360), abs=4)


@wishes("make it 9:16, don't crop", "改成竖屏，不要裁剪")
def test_without_cropping_all_of_it_is_there(talk: Session, tmp_path: Path, words: str) -> None:
    picture = _made(talk, tmp_path, words).frames[5]
    left, _, right, _ = _person(picture)
    assert right - left == pytest.approx(70 * 180 / 320, abs=3)
    assert _color(picture, 90, 20) == pytest.approx((0, 0, 0), abs=8)


@pytest.mark.parametrize(
    ("english", "chinese", "where"),
    [
        (
            "put me in the bottom right corner at 40 %",
            "把我放到右下角，大小40%",
            (287, 128, 315, 180),
        ),
        ("move me to the left", "把我放到左边", (5, 50, 75, 180)),
        ("make me smaller", "把我缩小", (187, 76, 243, 180)),
        ("put me in the top left corner at 50%", "把我放到左上角，大小50%", (5, 5, 40, 70)),
    ],
)
def test_the_person_goes_where_they_are_put(
    client: Client,
    files: dict[str, Path],
    tmp_path: Path,
    english: str,
    chinese: str,
    where: tuple[int, int, int, int],
) -> None:
    for behind, words in (("background #14be28", english), ("背景换成#14be28", chinese)):
        session = client.sessions.create()
        session.upload(files["talk"])
        picture = _made(session, tmp_path, behind, words).frames[5]
        assert _person(picture) == pytest.approx(where, abs=4)
        assert near(_color(picture, 150, 20), GREEN, 20)
        (tmp_path / "out.mp4").unlink()


@wishes("crop out the left half", "裁掉左边一半")
def test_a_crop(talk: Session, tmp_path: Path, words: str) -> None:
    picture = _made(talk, tmp_path, words).frames[5]
    assert picture.shape[:2] == (180, 160)
    assert _person(picture) == pytest.approx((20, 50, 90, 180), abs=3)


@wishes("rotate it 90 degrees clockwise", "顺时针旋转90度")
def test_a_rotation(talk: Session, tmp_path: Path, words: str) -> None:
    picture = _made(talk, tmp_path, words).frames[5]
    assert picture.shape[:2] == (320, 180)
    assert _person(picture) == pytest.approx((0, 180, 130, 250), abs=3)


@wishes("mirror the video", "左右翻转")
def test_a_mirror(talk: Session, tmp_path: Path, words: str) -> None:
    picture = _made(talk, tmp_path, words).frames[5]
    assert _person(picture) == pytest.approx((70, 50, 140, 180), abs=3)
    assert near(_color(picture, 312, 90), GREEN, 30)


@wishes("fade in and out over 0.4 seconds", "淡入淡出0.4秒")
def test_fades(talk: Session, tmp_path: Path, words: str) -> None:
    frames = _made(talk, tmp_path, words).frames
    light = [float(frame.mean()) for frame in frames]
    assert light[0] < 5
    assert light[5] == pytest.approx(light[15] / 2, rel=0.3)
    assert light[-1] < 15


@wishes(
    "replace the background with waves.mp4 with its sound at 50%",
    "背景换成waves.mp4，背景视频的声音50%",
)
def test_a_background_video_is_heard(
    talk: Session, files: dict[str, Path], tmp_path: Path, words: str
) -> None:
    talk.upload(files["waves"])
    assert look(files["talk"]).loudness() == 0
    full = look(files["waves"]).loudness()
    assert _made(talk, tmp_path, words).loudness() == pytest.approx(full / 2, rel=0.25)


@wishes("put logo.png in the bottom left corner at 20%", "把logo.png放到左下角，大小20%")
def test_a_logo(talk: Session, files: dict[str, Path], tmp_path: Path, words: str) -> None:
    talk.upload(files["logo"])
    picture = _made(talk, tmp_path, "crop out the left half", words).frames[5]
    assert _red(picture) == pytest.approx((10, 138, 42, 170), abs=3)


@wishes("make the title red and bigger and move it to the top", "标题改成红色，放大，放到顶部")
def test_a_title_is_edited_and_not_added_again(talk: Session, tmp_path: Path, words: str) -> None:
    talk.send('crop out the left half and add a title "HELLO"')
    small = _made(talk, tmp_path, "make the title red").frames[5]
    (tmp_path / "out.mp4").unlink()
    large = _made(talk, tmp_path, words).frames[5]
    assert str(talk.state().draft).count("HELLO") == 1
    before, after = _red(small), _red(large)
    assert after[3] - after[1] > 1.15 * (before[3] - before[1])
    assert after[3] < 70 < before[3]
