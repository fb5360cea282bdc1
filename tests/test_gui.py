"""What `clean` does with the structure of an answer; its sentences are in tests/_language/gui."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemovideo.gui import CleanedText, GuiAction, clean

EXPORT = GuiAction.EXPORT
STATE = GuiAction.SHOW_STATE
EDIT = GuiAction.EDIT


def reads(said: str, left: str, actions: tuple[GuiAction, ...]) -> None:
    cleaned = clean(said)
    assert cleaned.text == left
    assert cleaned.actions == actions


STRUCTURED: list[tuple[str, str]] = [
    (
        "Done!\n\nNext steps:\n- Click Export\n- Drag clips to reorder them\n\nEnjoy.",
        "Done!\n\nEnjoy.",
    ),
    (
        "- Trimmed the intro\n- Click Export to download\n- Added a title",
        "- Trimmed the intro\n- Added a title",
    ),
    (
        "## Result\n\nMuted.\n\n## Next steps\n\n1. Open the Text panel\n2. Click Export\n",
        "## Result\n\nMuted.\n",
    ),
    ("Muted. To export: 1. Click Export 2. Choose MP4 3. Click Download.", "Muted."),
    ("The video is ready:\n- Click Export\n- Click Download", "The video is ready."),
    (
        "The video is ready and you can now:\n* click Export\n* drag the clips",
        "The video is ready.",
    ),
    ("> Click Export to download.\n> The title is blue.", "> The title is blue."),
    ("**Your video is ready, click Export!**", "**Your video is ready!**"),
    ("Muted.\r\nClick Export.\r\nBlurred.\r\n", "Muted.\r\nBlurred.\r\n"),
    ("  Muted.  Click Export.  Blurred.  ", "  Muted.  Blurred.  "),
    ("已完成：\n- 去除背景\n\n下一步：\n- 点击导出\n- 打开字幕面板", "已完成：\n- 去除背景"),
    ("操作步骤：\n① 打开素材库\n② 拖拽视频到时间线\n③ 点击导出", ""),
]

UNTOUCHED = [
    "",
    " \n\t \n",
    "Muted.  \r\n\r\n\r\n* a\n*  b\n\n",
    "```\nClick Export\n```\n",
    "Run `click Export` in the shell.",
    "# Title\n\n1) one\n2) two 🎬🎉\n",
    "| step | words |\n|---|---|\n| 1 | opening |",
    "Open https://nemovideo.com/workspace/claim?ct=clm_1 in your browser to see the project.",
    "下载链接：https://nemovideo.com/a.mp4",
    "Next steps:\n- Tell me which song you like.",
]


@pytest.mark.parametrize(("said", "left"), STRUCTURED)
def test_no_empty_list_items_or_headings_remain(said: str, left: str) -> None:
    assert clean(said).text == left


@pytest.mark.parametrize("said", UNTOUCHED)
def test_text_that_is_not_an_instruction_is_unchanged(said: str) -> None:
    reads(said, said, ())


def test_each_action_comes_once_in_the_order_of_appearance() -> None:
    said = "Drag the clip in. Click Export. Drag it out again. Open the Media panel. Click Export."
    assert clean(said).actions == (EDIT, EXPORT, STATE)


@given(st.text(alphabet=st.sampled_from("abcxyz ,.!?:;-*#\n\r1.2。，！？们视频 好")))
def test_text_without_gui_words_is_never_changed(said: str) -> None:
    reads(said, said, ())


@given(
    st.lists(
        st.sampled_from(
            [
                "click Export",
                "打开面板",
                "I trimmed it",
                ", and ",
                ". ",
                "\n- ",
                "(",
                ")",
                "'",
                "“",
                "：",
                "```\n",
            ]
        ),
        max_size=30,
    )
)
def test_the_rest_is_part_of_the_original_text(pieces: list[str]) -> None:
    said = "".join(pieces)
    letters = iter(said.lower())
    assert all(letter in letters for letter in clean(said).text.lower() if letter.isalnum())


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (
            "Done! I removed the background. Click the Export button — and",
            "Done! I removed the background.",
        ),
        ("I removed the noise. Open the Media panel — then", "I removed the noise."),
        ("Muted. Click Export; then", "Muted."),
        ("背景已移除。点击导出按钮下载 - ，", "背景已移除。"),
        ("Click Export, now that", ""),
    ],
)
def test_an_answer_that_is_cut_off_after_an_instruction_is_cleaned(said: str, left: str) -> None:
    assert clean(said).text == left


def test_the_answer_is_unchanged_if_cleaning_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: object) -> None:
        raise IndexError

    monkeypatch.setattr("nemovideo.gui.lines", fails)
    said = "Done! Click Export."
    assert clean(said) == CleanedText(said)


def test_a_very_long_answer_is_cleaned() -> None:
    said = "I trimmed the opening shot, and you can click Export.\n" * 3_000
    assert clean(said).text == "I trimmed the opening shot.\n" * 3_000
