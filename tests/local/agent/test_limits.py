"""Unsupported effects of titles, logos and backgrounds are refused; so are automatic subtitles."""

from __future__ import annotations

import attrs
import pytest

from nemovideo.local.agent import respond
from nemovideo.local.media.limits import MAX_OVERLAYS, MAX_PARTS, MAX_TEXT_CHARS
from nemovideo.local.timeline import Timeline, Title
from tests.support.agent import MEDIA, ask, phrases, start, table, wrong

TITLED: Timeline = attrs.evolve(start(), titles=(Title("Hello", 1000),))


def test_an_unsupported_effect_is_named_and_nothing_changes() -> None:
    for effect, texts in table("effects").items():
        for text in texts:
            turn = ask(text, TITLED)
            (step,) = turn.steps
            assert (turn.timeline, turn.question) == (TITLED, None), text
            assert effect in step.text, text
            assert "\n" not in step.text


def test_the_words_of_a_title_may_name_effects_colors_and_sizes() -> None:
    def titles(text: str) -> str:
        timeline = ask(text, TITLED).timeline
        return "" if timeline is None else timeline.titles[-1].text

    assert not wrong("title_words", titles)


def test_a_patterned_background_can_be_replaced() -> None:
    assert ask("replace my striped background with blue").changed


def test_subtitles_from_speech_are_refused_without_a_question() -> None:
    for text in phrases("subtitles"):
        turn = ask(text)
        (step,) = turn.steps
        assert (turn.changed, turn.question) == (False, None), text
        assert "transcribe" in step.text or "语音" in step.text, text
        after = respond("A sunny day", timeline=start(), media=MEDIA, question=turn.question)
        assert not after.changed


@pytest.mark.parametrize(
    ("text", "tool"),
    [
        ("play it in reverse", "reverse_clip"),
        ("reverse the video", "reverse_clip"),
        ("play it backwards", "reverse_clip"),
        ("倒放", "reverse_clip"),
        ("freeze the last frame for 2 seconds", "freeze_frame"),
        ("hold on the last frame", "freeze_frame"),
        ("定格最后一帧2秒", "freeze_frame"),
    ],
)
def test_what_the_renderer_cannot_play_is_refused_with_an_alternative_in_one_line(
    text: str, tool: str
) -> None:
    turn = ask(text)
    (step,) = turn.steps
    assert not turn.changed
    assert step.tool is not None
    assert step.tool.name == tool
    assert "Instead" in step.text or "可以" in step.text
    assert "\n" not in step.text


def test_no_edit_makes_a_draft_that_cannot_be_rendered() -> None:
    titles = (Title("Hello", 10_000),) * MAX_OVERLAYS
    short = tuple(Title("Hello", 1, start_ms=at) for at in range(MAX_PARTS - 1))
    wordy = (Title("x" * MAX_TEXT_CHARS, 1),)
    limits = ((titles, MAX_OVERLAYS), (short, MAX_PARTS), (wordy, MAX_TEXT_CHARS))
    for full, limit in limits:
        timeline = attrs.evolve(start(), titles=full)
        turn = ask('add the title "One more"', timeline)
        (step,) = turn.steps
        assert (turn.changed, str(limit) in step.text) == (False, True)
        assert step.tool is not None
        assert (step.tool.name, step.tool.result["status"]) == ("add_title", "error")
        assert ask("remove the background", timeline).changed


def test_a_draft_that_is_already_too_large_can_still_be_edited() -> None:
    timeline = attrs.evolve(start(), titles=(Title("Hello", 1000),) * (MAX_PARTS + 1))
    assert ask("remove the background", timeline).changed
    assert ask("remove the titles", timeline).changed
