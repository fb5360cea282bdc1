"""What titles, logos and backgrounds cannot have is refused, and so are subtitles from speech."""

from __future__ import annotations

import attrs
import pytest

from nemovideo.local.agent import respond
from nemovideo.local.timeline import Title
from tests.support.agent import MEDIA, ask, start


@pytest.mark.parametrize(
    ("text", "effect"),
    [
        ("give the title a red outline", "outline"),
        ("make the outline of the title red", "outline"),
        ("make the title red with a glow", "glow"),
        ("make the title bold and red", "bold"),
        ("make the title blink", "blink"),
        ("add a title 'Hi' with a drop shadow", "shadow"),
        ("give the title a black background", "background"),
        ("make it purple with polka dots", "polka dots"),
        ("a striped red background", "striped"),
        ("add a gradient background from red to blue", "gradient"),
        ("add a logo with a border", "border"),
        ("标题加红色描边", "描边"),
        ("给标题加阴影", "阴影"),
        ("标题用宋体", "宋体"),
        ("把背景换成红色渐变", "渐变"),
        ("背景换成蓝色圆点", "圆点"),
    ],
)
def test_an_effect_that_cannot_be_made_is_named_and_nothing_changes(text: str, effect: str) -> None:
    titled = attrs.evolve(start(), titles=(Title("Hello", 1000),))
    turn = ask(text, titled)
    assert turn.timeline == titled
    assert len(turn.steps) == 1
    assert effect in turn.steps[0].text
    assert "\n" not in turn.steps[0].text
    assert turn.question is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("add a title saying Bold moves", "Bold moves"),
        ("change the title to Neon Shadow", "Neon Shadow"),
        ('add a title "Stars and Stripes"', "Stars and Stripes"),
    ],
)
def test_the_words_of_a_title_may_name_effects(text: str, shown: str) -> None:
    turn = ask(text, attrs.evolve(start(), titles=(Title("Hello", 1000),)))
    assert turn.timeline is not None
    assert turn.timeline.titles[-1].text == shown


def test_a_patterned_background_can_be_replaced() -> None:
    turn = ask("replace my striped background with blue")
    assert turn.changed


@pytest.mark.parametrize(
    "text",
    [
        "add subtitles",
        "add captions to the video",
        "add subtitles automatically",
        "generate subtitles from my speech",
        "caption this video",
        "transcribe the video",
        "加字幕",
        "给视频加上中文字幕",
        "自动生成字幕",
    ],
)
def test_subtitles_from_speech_are_refused_without_a_question(text: str) -> None:
    turn = ask(text)
    assert not turn.changed
    assert turn.question is None
    assert len(turn.steps) == 1
    assert "transcribe" in turn.steps[0].text or "语音" in turn.steps[0].text
    after = respond("A sunny day", timeline=start(), media=MEDIA, question=turn.question)
    assert not after.changed
