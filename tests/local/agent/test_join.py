"""Joining clips: which uploads are added, and in which order."""

from __future__ import annotations

import attrs

from tests.support.agent import RAIN, TALK, ask


def test_joining_adds_only_the_clips_that_are_missing_in_the_order_of_upload() -> None:
    media = (TALK, RAIN, attrs.evolve(RAIN, id="m9", name="sun.mp4"))
    joined = ask("join the clips", media=media).timeline
    assert joined is not None
    assert [clip.name for clip in joined.clips] == ["talk.mp4", "rain.mp4", "sun.mp4"]
    again = ask("merge all clips", joined, media)
    assert not again.changed
    assert again.steps[0].text == "All videos are on the timeline already."
    named = ask("join talk.mp4 and sun.mp4 and mute it", media=media).timeline
    assert named is not None
    assert [clip.name for clip in named.clips] == ["talk.mp4", "sun.mp4"]
    assert [clip.volume for clip in named.clips] == [0.0, 0.0]
    with_background = ask("use rain.mp4 as the background", media=media).timeline
    assert with_background is not None
    rest = ask("join the clips", with_background, media).timeline
    assert rest is not None
    assert [clip.name for clip in rest.clips] == ["talk.mp4", "sun.mp4"]
    assert not ask("join the clips", media=(TALK,)).changed
    assert not ask("join talk.mp4 and snow.mp4", media=media).changed
    for text in ("play both clips side by side", "use both clips as the background"):
        assert not ask(text, media=media).changed, text
