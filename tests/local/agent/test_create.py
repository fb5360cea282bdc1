"""A video from nothing: title cards and slideshows, made in two stages."""

from __future__ import annotations

import pytest

from nemovideo.local.agent import respond
from nemovideo.local.timeline import Timeline
from tests.support.agent import MEDIA, ask, start, upload

PICTURES = (
    upload(1, "a.png", "image"),
    upload(2, "b.png", "image"),
    upload(3, "song.mp3", "audio", 60_000),
)

FROM_NOTHING = {
    "title card:5000 Hello": (
        "make a video with the title 'Hello'",
        'create a video that says "Hello"',
        "Create a video titled Hello",
        "make me a 5 second video saying Hello",
        'generate a title card with "Hello"',
        "create a 5 second intro saying Hello",
        'make a short video with text "Hello"',
        'I want a video with the title "Hello"',
        "制作一个标题为“Hello”的视频",
        "做一个视频，标题“Hello”",
        "生成一个5秒的片头，写“Hello”",
        "帮我做个视频，上面写着“Hello”",
        "创建一段写着“Hello”的视频",
    ),
}

FROM_PICTURES = {
    "a.png:3000,b.png:3000  m3": (
        "create a slideshow from my pictures with music",
        "make a slideshow with music",
        "turn my photos into a video with background music",
        "create a slideshow of the uploaded images and add music",
        "make a video from my pictures with the song",
        "用这些照片做一个视频, 配上音乐",
        "做一个幻灯片，配上音乐",
        "用上传的图片制作幻灯片并加背景音乐",
        "把照片做成视频，加上音乐",
    ),
    "a.png:3000,b.png:3000": (
        "create a slideshow",
        "make a slideshow from my pictures",
        "slideshow please",
        "make a video out of these photos",
        "combine the images into a video",
        "做一个幻灯片",
        "用图片做个视频",
        "制作相册",
        "把这些图片做成视频",
    ),
    "a.png:2000,b.png:2000 Trip": (
        'make a slideshow with the title "Trip", 2 seconds each',
        'create a slideshow of my photos, each for 2 seconds, titled "Trip"',
        'create a 4 second slideshow from my pictures with the title "Trip"',
        "用照片做幻灯片，每张2秒，标题“Trip”",
    ),
}

IMPOSSIBLE = (
    "create a slideshow",
    "make a video",
    "remove the background",
    "做一个幻灯片",
    "add music",
    "mute",
    "trim to 5s",
    "use x.mp4 instead",
)


def content(timeline: Timeline | None) -> str:
    assert timeline is not None
    clips = ",".join(f"{clip.name}:{clip.duration_ms}" for clip in timeline.clips)
    titles = ";".join(title.text for title in timeline.titles)
    return f"{clips} {titles} {';'.join(sound.media for sound in timeline.sounds)}".strip()


@pytest.mark.parametrize(
    ("expected", "text"), [(e, text) for e, texts in FROM_NOTHING.items() for text in texts]
)
def test_a_title_video_needs_no_upload(expected: str, text: str) -> None:
    turn = respond(text, timeline=None, media=())
    assert turn.kind == "generation"
    assert turn.changed
    assert content(turn.timeline) == expected


@pytest.mark.parametrize(
    ("expected", "text"), [(e, text) for e, texts in FROM_PICTURES.items() for text in texts]
)
def test_a_slideshow_shows_the_uploaded_pictures(expected: str, text: str) -> None:
    turn = respond(text, timeline=None, media=PICTURES)
    assert turn.kind == "generation"
    assert content(turn.timeline) == expected


@pytest.mark.parametrize("text", IMPOSSIBLE)
def test_with_nothing_to_work_on_nothing_is_invented(text: str) -> None:
    turn = respond(text, timeline=None, media=())
    assert not turn.changed
    assert turn.timeline is None


def test_the_raw_picture_comes_first_then_titles_then_music() -> None:
    text = 'make a slideshow of my pictures with music and the title "Trip"'
    turn = respond(text, timeline=None, media=PICTURES)
    names = [step.tool.name for step in turn.steps if step.tool]
    assert names == ["generate_video", "add_title", "add_music"]
    raw = turn.steps[0].timeline
    assert raw is not None
    assert not raw.titles
    assert not raw.sounds


def test_missing_music_does_not_stop_the_slideshow_but_is_said() -> None:
    turn = respond("make a slideshow with music", timeline=None, media=PICTURES[:2])
    assert turn.changed
    assert "audio" in turn.steps[-1].text


def test_an_intro_goes_before_the_clip_and_moves_what_is_there() -> None:
    titled = ask('add a title "A"').timeline
    turn = respond('create a 2 second intro saying "Hi"', timeline=titled, media=MEDIA)
    assert turn.timeline is not None
    assert [clip.kind for clip in turn.timeline.clips] == ["card", "video"]
    assert turn.timeline.titles[0].start_ms == 2000
    assert turn.timeline.duration_ms == start().duration_ms + 2000
