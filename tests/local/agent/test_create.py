"""A video from scratch: title cards and slideshows, made in two stages."""

from __future__ import annotations

from nemovideo.local.agent import respond
from nemovideo.local.timeline import Timeline
from tests.support.agent import MEDIA, ask, phrases, start, upload, wrong

PICTURES = (
    upload(1, "a.png", "image"),
    upload(2, "b.png", "image"),
    upload(3, "song.mp3", "audio", 60_000),
)


def content(timeline: Timeline | None) -> str:
    assert timeline is not None
    clips = ",".join(f"{clip.name}:{clip.duration_ms}" for clip in timeline.clips)
    titles = ";".join(title.text for title in timeline.titles)
    return f"{clips} {titles} {';'.join(sound.media for sound in timeline.sounds)}".strip()


def test_a_title_video_needs_no_upload() -> None:
    def respond_to(text: str) -> str:
        turn = respond(text, timeline=None, media=())
        return content(turn.timeline) if turn.kind == "generation" and turn.changed else turn.kind

    assert not wrong("created", respond_to)


def test_a_slideshow_shows_the_uploaded_pictures() -> None:
    def respond_to(text: str) -> str:
        turn = respond(text, timeline=None, media=PICTURES)
        return content(turn.timeline) if turn.kind == "generation" else turn.kind

    assert not wrong("slideshows", respond_to)


def test_edits_of_media_are_refused_without_media() -> None:
    for text in phrases("impossible"):
        turn = respond(text, timeline=None, media=())
        assert not turn.changed, text
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


def test_missing_music_is_reported_and_does_not_stop_the_slideshow() -> None:
    turn = respond("make a slideshow with music", timeline=None, media=PICTURES[:2])
    assert turn.changed
    assert "audio" in turn.steps[-1].text


def test_an_intro_goes_before_the_clip_and_shifts_the_rest() -> None:
    titled = ask('add a title "A"').timeline
    turn = respond('create a 2 second intro saying "Hi"', timeline=titled, media=MEDIA)
    assert turn.timeline is not None
    assert [clip.kind for clip in turn.timeline.clips] == ["card", "video"]
    assert turn.timeline.titles[0].start_ms == 2000
    assert turn.timeline.duration_ms == start().duration_ms + 2000
