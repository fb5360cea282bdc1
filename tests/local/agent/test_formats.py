"""What the agent makes of wishes for a format, and for the mask alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from nemovideo.local.agent import respond
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.timeline import Background

TALK = MediaItem(
    "m1", "talk.mp4", Path("talk.mp4"), "video", 10, duration_ms=1000, width=320, height=200, fps=25
)


@pytest.mark.parametrize(
    "words",
    [
        "just the mask",
        "Only the alpha matte, please.",
        "export only the matte",
        "give me the matte",
        "show me the mask",
        "I just want the mask of the person",
        "turn it into a black and white mask",
        "render the luma matte",
        "I need the matte itself",
        "the alpha channel only",
        "output it as a grayscale mask",
        "只要蒙版",
        "导出遮罩",
        "我只想要人物的蒙版",
        "生成一个黑白遮罩",
    ],
)
def test_the_mask_alone_can_be_asked_for(words: str) -> None:
    turn = respond(words, timeline=None, media=[TALK])
    assert turn.timeline is not None
    assert [clip.background for clip in turn.timeline.clips] == [Background("matte")]
    assert turn.changed


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("mask out the background", "transparent"),
        ("I need an alpha channel", "transparent"),
        ("export it with an alpha channel", "transparent"),
        ("he wears a mask, blur the background", "blur"),
        ("create a matte black background", "color"),
    ],
)
def test_other_wishes_with_such_words_stay_what_they_are(words: str, kind: str) -> None:
    turn = respond(words, timeline=None, media=[TALK])
    assert turn.timeline is not None
    (clip,) = turn.timeline.clips
    assert clip.background is not None
    assert clip.background.kind == kind


def test_the_picture_comes_back() -> None:
    masked = respond("just the mask", timeline=None, media=[TALK])
    turn = respond("restore the original background", timeline=masked.timeline, media=[TALK])
    assert turn.timeline is not None
    assert turn.timeline.clips[0].background is None


@pytest.mark.parametrize(
    "words",
    [
        "which formats can you export?",
        "what file types do you support?",
        "I want a gif",
        "make it a gif",
        "can I have a png sequence?",
        "支持哪些格式？",
    ],
)
def test_the_formats_are_told(words: str) -> None:
    turn = respond(words, timeline=None, media=[TALK])
    said = " ".join(step.text for step in turn.steps)
    assert not turn.changed
    for name in ("MP4", "WebM", "MOV", "GIF", "PNG"):
        assert name in said
