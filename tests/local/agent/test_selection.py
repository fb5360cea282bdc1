"""Edits that select a clip by its number, and the answer if there is no such clip."""

from __future__ import annotations

from tests.support.agent import RAIN, SONG, TALK, ask, change_summary, phrases

TWO_VIDEOS = (TALK, RAIN, SONG)


def test_an_edit_of_a_missing_clip_changes_nothing_and_says_how_to_add_it() -> None:
    for text in phrases("missing_clip"):
        turn = ask(text, media=TWO_VIDEOS)
        said = " ".join(step.text for step in turn.steps)
        assert not turn.changed, text
        assert "only one clip" in said or "只有一个片段" in said, (text, said)
        assert "rain.mp4" in said, (text, said)
        assert "rain.mp4" not in ask(text, media=(TALK,)).steps[0].text, text
    assert change_summary(ask("mute the last clip", media=TWO_VIDEOS)) == "volume=0"
    assert (
        change_summary(ask("trim video 2 to 5 seconds", media=TWO_VIDEOS))
        == "clips=talk.mp4:2000+3000"
    )


def test_the_number_of_a_clip_is_neither_a_factor_nor_a_time() -> None:
    both = ask("join the clips", media=TWO_VIDEOS).timeline
    faster = ask("speed up clip 2", both, TWO_VIDEOS).timeline
    assert faster is not None
    assert [clip.speed for clip in faster.clips] == [1.0, 1.5]
    trimmed = ask("trim clip 2 to 3 seconds", both, TWO_VIDEOS).timeline
    assert trimmed is not None
    assert [clip.duration_ms for clip in trimmed.clips] == [10_000, 3000]
    turn = ask("mute clip 3", both, TWO_VIDEOS)
    assert not turn.changed
    assert turn.steps[0].text == "There are only 2 clips on the timeline."
