"""Trimming, titles, sound, look, speed, and several of them in one sentence."""

from __future__ import annotations

import attrs
import pytest

from nemovideo.local.timeline import Title
from tests.support.agent import ask, change_summary, phrases, start, wrong


def test_every_edit_is_made_as_requested() -> None:
    assert not wrong("edits", lambda text: change_summary(ask(text)))


def test_a_refused_request_leaves_the_draft_unchanged() -> None:
    for text in phrases("nothing"):
        turn = ask(text)
        assert not turn.changed, text
        assert turn.timeline == start()
        assert turn.steps
        assert all(step.text and step.timeline is None for step in turn.steps), text
        assert all("\n\n" not in step.text for step in turn.steps)


@pytest.mark.parametrize(
    "text", ["change the title font to Arial", "make the title bold", "标题字体换成宋体"]
)
def test_words_about_a_titles_style_are_not_its_text(text: str) -> None:
    titled = attrs.evolve(start(), titles=(Title("Hello", 1000),))
    turn = ask(text, titled)
    assert not turn.changed
    assert turn.timeline == titled


def test_the_speed_of_a_part_is_refused() -> None:
    for text in ("speed up the middle part", "slow down the first 3 seconds", "中间部分加速"):
        turn = ask(text)
        assert not turn.changed, text
        assert turn.steps[0].tool is not None
        assert turn.steps[0].tool.result["status"] == "error"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("blur the background and make it black and white", "The picture is now black and white."),
        ("背景变成白色，画面变成黑白", "画面现在是黑白的。"),
        (
            "blur the background, more contrast and in black and white",
            "contrast 1.3, black and white",
        ),
        ("blur the background and less saturation", "I've adjusted the picture: saturation 0.7."),
    ],
)
def test_black_and_white_is_not_reported_as_a_number(text: str, said: str) -> None:
    assert said in " ".join(step.text for step in ask(text).steps)
