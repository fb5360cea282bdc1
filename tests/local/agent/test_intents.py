"""What people say, in English and Chinese, and what the rendered file shows of it.

Each row goes the whole way: upload, message, render, download, decode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import numpy as np
import pytest

from nemovideo import Client, Session
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

_QUICK = Polling(interval_s=0.05)
SECONDS = 1.6
GROUND = (40, 60, 80)


@attrs.frozen
class Media:
    """The files that the rows use."""

    talk: Path
    red: Path
    green: Path
    video: Path
    song: Path


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Media:
    folder = tmp_path_factory.mktemp("media")
    return Media(
        talk=make_clip(folder / "talk.mp4", seconds=SECONDS),
        red=make_picture(folder / "red.png", (230, 20, 30), (160, 120)),
        green=make_picture(folder / "green.jpg", (20, 200, 40), (160, 120)),
        video=make_clip(folder / "waves.mp4", seconds=0.8, tone_hz=None),
        song=make_tone(folder / "song.wav", seconds=4.0),
    )


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with LocalBackend(tmp_path_factory.mktemp("state"), engine="fast") as backend:
        token = backend.issue_token()
        with Client(token, base_url=backend.url, web_url=backend.url, polling=_QUICK) as made:
            yield made


def rendered(session: Session, path: Path, *words: str) -> Path:
    for text in words:
        assert session.send(text).tool_calls, f"no edit for {text!r}"
    session.export(path)
    return path


def rows(english: str, chinese: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("words", [english, chinese], ids=["en", "zh"])


@pytest.fixture
def talk(shared: Client, media: Media) -> Session:
    session = shared.sessions.create()
    session.upload(media.talk)
    return session


def mean(picture: Picture) -> float:
    return float(picture.mean())


def spread(picture: Picture) -> float:
    return float(picture.astype(float).std())


def colourful(picture: Picture) -> float:
    return float(np.mean(picture.max(axis=2).astype(int) - picture.min(axis=2)))


def text_pixels(picture: Picture, plain: Picture) -> int:
    return int((np.abs(picture.astype(int) - plain.astype(int)).max(axis=2) > 90).sum())


@rows("remove background from my talking head video", "去掉背景")
def test_the_background_goes(talk: Session, tmp_path: Path, words: str) -> None:
    assert near(corner(pictures(rendered(talk, tmp_path / "x.mp4", words))[9]), (0, 0, 0))


@rows("cut out the background and make it transparent", "把背景变成透明的")
def test_a_transparent_background_has_alpha(talk: Session, tmp_path: Path, words: str) -> None:
    import av

    path = rendered(talk, tmp_path / "x.webm", words)
    with av.open(str(path)) as video:
        stream = video.streams.video[0]
        decoder = av.CodecContext.create("libvpx-vp9", "r")
        decoder.extradata = stream.codec_context.extradata
        frame = next(f for packet in video.demux(stream) for f in decoder.decode(packet))
    alpha = frame.to_ndarray(format="rgba")[..., 3]
    assert alpha[:12, :12].max() < 30


@rows("remove the background and replace it with a solid color", "把背景换成纯色")
def test_a_solid_colour_of_the_agents_choice(talk: Session, tmp_path: Path, words: str) -> None:
    picture = pictures(rendered(talk, tmp_path / "x.mp4", words))[9]
    assert not near(corner(picture), GROUND)
    assert spread(picture[:12, :40]) < 20


@rows("replace the background with #00b140", "背景换成绿幕")
def test_a_colour_of_ones_own(talk: Session, tmp_path: Path, words: str) -> None:
    assert near(corner(pictures(rendered(talk, tmp_path / "x.mp4", words))[9]), (0, 177, 64))


@rows("blur the background", "虚化背景")
def test_a_blur_keeps_the_ground_and_loses_the_edges(
    talk: Session, media: Media, tmp_path: Path, words: str
) -> None:
    before = pictures(media.talk)[20]
    after = pictures(rendered(talk, tmp_path / "x.mp4", words))[20]
    assert near(corner(after), GROUND)
    assert (
        np.abs(np.diff(after.astype(int), axis=1)).max()
        < np.abs(np.diff(before.astype(int), axis=1)).max()
    )


@rows("use the picture I uploaded as the background", "用我上传的图片做背景")
def test_an_uploaded_picture(talk: Session, media: Media, tmp_path: Path, words: str) -> None:
    talk.upload(media.red)
    assert near(corner(pictures(rendered(talk, tmp_path / "x.mp4", words))[9]), (230, 20, 30))


@rows("replace the background with waves.mp4", "把背景换成 waves.mp4")
def test_an_uploaded_video(talk: Session, media: Media, tmp_path: Path, words: str) -> None:
    talk.upload(media.video)
    frames = pictures(rendered(talk, tmp_path / "x.mp4", words))
    assert len(frames) == round(SECONDS * 25)
    assert near(corner(frames[9]), GROUND)


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("replace backdrop with office setting", "背景换成办公室"),
        ("put me in a studio", "把背景换成演播室"),
        ("change the background to a living room", "背景改成客厅"),
        ("replace the background with a beach", "背景换成海滩"),
        ("set the backdrop to a city", "背景换成城市"),
    ],
)
def test_the_named_scenes_are_drawn(
    shared: Client, media: Media, tmp_path: Path, english: str, chinese: str
) -> None:
    found = []
    for index, words in enumerate((english, chinese)):
        session = shared.sessions.create()
        session.upload(media.talk)
        found.append(pictures(rendered(session, tmp_path / f"{index}.mp4", words))[9])
    assert spread(found[0]) > 8
    assert np.abs(found[0].astype(int) - pictures(media.talk)[9]).mean() > 8
    assert np.abs(found[0].astype(int) - found[1]).mean() < 3


@rows("trim to the first second", "只保留前1秒")
def test_a_trim(talk: Session, tmp_path: Path, words: str) -> None:
    assert duration_s(rendered(talk, tmp_path / "x.mp4", words)) == pytest.approx(1.0, abs=0.05)


@rows("add a title saying 'Urban Dreams'", "加标题“城市之梦”")
def test_a_title_is_there_in_its_time_only(
    talk: Session, media: Media, tmp_path: Path, words: str
) -> None:
    talk.send("trim to 1.6 seconds")
    plain = pictures(media.talk)
    after = pictures(rendered(talk, tmp_path / "x.mp4", words))
    assert text_pixels(after[5], plain[5]) > 150


@rows("add background music at 50%, and mute the video", "静音，再加背景音乐，音量 50%")
def test_music_from_an_uploaded_file(
    talk: Session, media: Media, tmp_path: Path, words: str
) -> None:
    talk.upload(media.song)
    full = loudness(media.song)
    assert loudness(rendered(talk, tmp_path / "x.mp4", words)) == pytest.approx(full / 2, rel=0.25)


@rows("mute the video", "静音")
def test_mute(talk: Session, media: Media, tmp_path: Path, words: str) -> None:
    assert loudness(media.talk) > 0.2
    assert loudness(rendered(talk, tmp_path / "x.mp4", words)) < 0.005


@pytest.mark.parametrize(
    ("words", "measure", "sign"),
    [
        ("make it brighter", mean, 1),
        ("调亮一点", mean, 1),
        ("make it a bit darker", mean, -1),
        ("调暗一点", mean, -1),
        ("increase the contrast by 40%", spread, 1),
        ("提高对比度", spread, 1),
        ("lower the saturation", colourful, -1),
        ("降低饱和度", colourful, -1),
    ],
)
def test_the_look(
    talk: Session,
    media: Media,
    tmp_path: Path,
    words: str,
    measure: Callable[[Picture], float],
    sign: int,
) -> None:
    before = measure(pictures(media.talk)[9])
    after = measure(pictures(rendered(talk, tmp_path / "x.mp4", words))[9])
    assert sign * (after - before) > 1


@rows("speed it up 2x", "2倍速播放")
def test_speed(talk: Session, tmp_path: Path, words: str) -> None:
    path = rendered(talk, tmp_path / "x.mp4", words)
    assert duration_s(path) == pytest.approx(SECONDS / 2, abs=0.05)
    assert loudness(path) > 0.1


@rows("undo", "撤销")
def test_undo(talk: Session, tmp_path: Path, words: str) -> None:
    path = rendered(talk, tmp_path / "x.mp4", "trim to the first half second", words)
    assert duration_s(path) == pytest.approx(SECONDS, abs=0.05)


@rows("create a 2 second intro saying 'Welcome'", "做一个2秒的片头，写着“欢迎”")
def test_a_title_card_from_nothing(shared: Client, tmp_path: Path, words: str) -> None:
    path = rendered(shared.sessions.create(), tmp_path / "x.mp4", words)
    assert duration_s(path) == pytest.approx(2.0, abs=0.1)
    assert spread(pictures(path)[20]) > 5


@rows("make a slideshow from my pictures with music", "用我的图片做一个幻灯片，配上音乐")
def test_a_slideshow_from_nothing(shared: Client, media: Media, tmp_path: Path, words: str) -> None:
    session = shared.sessions.create()
    session.upload(media.red, media.green, media.song)
    path = rendered(session, tmp_path / "x.mp4", words)
    frames = pictures(path)
    middle = [
        tuple(int(v) for v in frame[frame.shape[0] // 2, frame.shape[1] // 2])
        for frame in (frames[5], frames[-5])
    ]
    assert near((middle[0][0], middle[0][1], middle[0][2]), (230, 20, 30))
    assert near((middle[1][0], middle[1][1], middle[1][2]), (20, 200, 40))
    assert loudness(path) > 0.02


@rows("put me on a spaceship", "把背景换成飞船")
def test_what_it_cannot_do_it_says_and_nothing_changes(talk: Session, words: str) -> None:
    before = talk.state().draft
    reply = talk.send(words)
    assert reply.text
    assert talk.state().draft == before
