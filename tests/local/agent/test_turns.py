"""The shape of a turn: kinds, steps, silence, words, and that nothing makes the agent fail."""

from __future__ import annotations

import json
import re

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemovideo.draft import Draft
from nemovideo.draft.summary import summarize
from nemovideo.local.agent import Turn, respond, timeline_for
from nemovideo.local.agent.agent import MAX_CHARACTERS
from nemovideo.local.agent.intents import INTENTS
from nemovideo.local.agent.language import digits, percent, time_range, times
from nemovideo.local.timeline import Timeline
from tests.support.agent import (
    GARDEN,
    MEDIA,
    SONG,
    TALK,
    ask,
    change_summary,
    phrases,
    start,
    table,
    upload,
    wrong,
)

ENGLISH = (
    "remove the background with white office and make it transparent garden.jpg title saying 'Hi' "
    "from 2s to 5 seconds music at 35% mute brighter speed 2x undo don't how first last trim rgb("
)
CHINESE = "去掉 背景 换成 办公室 加标题 “你好” 前3秒 音量 静音 两倍速 撤销 不要 怎么 和 , 。 ; #fff"
WORDS = (*ENGLISH.split(), *CHINESE.split())


@given(
    st.text(max_size=80) | st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join),
    st.booleans(),
)
def test_any_text_gets_an_answer_and_unchanged_means_unchanged(text: str, empty: bool) -> None:
    timeline = None if empty else start()
    turn = respond(text, timeline=timeline, media=MEDIA, history=(None,))
    assert turn.steps
    if not turn.changed:
        assert turn.timeline == timeline
    elif turn.timeline is not None:
        assert Timeline.from_draft(turn.timeline.to_draft()) == turn.timeline
        titles = [(title.start_ms, title.duration_ms) for title in turn.timeline.titles]
        sounds = [(sound.start_ms, sound.duration_ms) for sound in turn.timeline.sounds]
        for start_ms, duration_ms in titles + sounds:
            assert start_ms >= 0
            assert duration_ms > 0
            assert start_ms + duration_ms <= turn.timeline.duration_ms
    for step in turn.steps:
        if step.tool:
            json.dumps([step.tool.args, step.tool.result])


def test_the_answer_to_an_edit_mentions_the_export_button() -> None:
    turn = ask("remove the background")
    assert turn.kind == "edit"
    assert turn.steps[-1].text.startswith("Done!")
    assert "Export button" in turn.steps[-1].text


def test_the_answer_is_in_the_users_language() -> None:
    assert "导出" in ask("去掉背景").steps[-1].text
    assert "Export" in ask("add a title “你好”").steps[-1].text


@pytest.mark.parametrize("text", ["mute it", "静音", "make it brighter", "对比度提高20%"])
def test_edits_of_sound_and_look_are_silent(text: str) -> None:
    turn = ask(text)
    assert turn.silent
    assert turn.changed
    assert [step.text for step in turn.steps] == [""]


def test_a_silent_edit_together_with_another_is_described() -> None:
    turn = ask("mute it and blur the background")
    assert not turn.silent
    assert all(step.text for step in turn.steps)


def test_every_edit_is_a_step_with_the_timeline_after_it() -> None:
    turn = ask("remove the background, trim it to 5 seconds and add a title 'Hi'")
    assert [step.tool.name for step in turn.steps if step.tool] == [
        "edit_background",
        "trim_clip",
        "add_title",
    ]
    assert turn.steps[-1].timeline == turn.timeline
    assert turn.steps[0].timeline is not None
    assert turn.steps[0].timeline.duration_ms == 10_000


def test_what_is_possible_in_a_message_is_done_and_the_rest_refused() -> None:
    turn = ask("blur the background and trim it to 60 seconds")
    assert turn.changed
    assert change_summary(turn) == "bg=blur"
    assert any("only 10 s" in step.text for step in turn.steps)


_DONE = (
    "put me in an office",
    "blur the background",
    "make it vertical",
    "trim to 5 seconds",
    "add a title 'Hi' at the top",
    "music at 30%",
    "speed it up 2x",
    "person bottom right at 40%",
    "rotate it 90 degrees",
    "make it brighter",
)
_NOT_DONE = (
    "a robot next to me",
    "some snowflakes",
    "a fountain and a dog",
    "fireworks everywhere",
    "put a hat on my head",
    "Comic Sans",
)


@pytest.mark.parametrize("joint", [", ", " and ", ", then ", " with "])
def test_every_clause_is_done_or_reported_as_not_done(joint: str) -> None:
    silent = [
        text
        for first in _DONE
        for other in _NOT_DONE
        if joint != " with " or not other.startswith("put")
        if not _says(ask(text := f"{first}{joint}{other}"), other)
    ]
    assert not silent


def _says(turn: Turn, words: str) -> bool:
    refusals = [step for step in turn.steps if step.tool and step.tool.result["status"] == "error"]
    said = refusals if turn.changed else turn.steps
    return any(words in step.text for step in said)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("put me in an office and a robot next to me", "a robot next to me"),
        ("office background, title 'Hi' in Comic Sans", "Comic Sans"),
        ("blur the background, music at 30% with reverb", "reverb"),
        ("put me in an office with a fountain and a dog", "a fountain and a dog"),
        ("put me in a red office", "red"),
        ("replace the background with office with a robot next to me", "a robot next to me"),
        ("make the background white and blue", "blue"),
        ("a robot next to me, put me in an office", "a robot next to me"),
        ("把我放到办公室，旁边有个机器人", "有个机器人"),
        ("红色的办公室背景", "红色"),
        ("beach background, then a slow zoom", "zoom"),
        ("去掉背景，慢慢放大", "缩放"),
    ],
)
def test_the_part_that_cannot_be_done_is_named(text: str, part: str) -> None:
    turn = ask(text)
    assert turn.changed
    assert _says(turn, part), [step.text for step in turn.steps]


def test_only_what_a_drawn_scene_lacks_is_reported_as_left_out() -> None:
    assert not wrong("left_out", lambda text: _part_left_out(ask(text)))


def _part_left_out(turn: Turn) -> str:
    parts = (
        re.search("(?:do this|this part|我做不到)[:：] ?“(.+)”", step.text) for step in turn.steps
    )
    assert turn.changed
    return next((found[1] for found in parts if found), "-")


def test_a_sentence_that_is_not_understood_is_named_alone_and_the_others_are_carried_out() -> None:
    assert not wrong("not_understood", lambda text: _part_left_out(ask(text)))
    assert _says(ask("hello. zorp"), "zorp")
    assert change_summary(ask("make it 9:16. zorp")) == change_summary(ask("make it 9:16"))
    assert change_summary(ask("fade in and zorp")) == change_summary(ask("fade in"))


def test_remarks_thanks_and_explanations_are_not_named() -> None:
    named = {
        text: part for text in phrases("remarks") if (part := _part_left_out(ask(text))) != "-"
    }
    assert not named
    assert not _says(ask("hello, world"), "world")


def test_nothing_is_left_out_of_a_sentence_that_is_understood() -> None:
    parts = ("can't do this part", "这一部分")
    named = [
        (text, step.text)
        for name in ("edits", "backgrounds", "framing", "placed", "existing_title", "two_videos")
        for texts in table(name).values()
        for text in texts
        for step in ask(text).steps
        if any(part in step.text for part in parts)
    ]
    assert not named
    assert not _says(ask("去掉背景，做成透明的，看起来专业一点"), "做不到")


def test_a_title_after_with_is_a_separate_request() -> None:
    turn = ask("put me bottom right at 40% over a city background with my title 'News' on top")
    said = " ".join(step.text for step in turn.steps)
    assert all(words in said for words in ("city", "40%", "“News” at the top")), said


def test_a_slow_zoom_is_refused() -> None:
    for text in ("slow zoom in on my face", "zoom in slowly", "ken burns effect", "慢慢放大"):
        assert not ask(text).changed, text


def test_a_refusal_is_an_error_result_and_costs_nothing() -> None:
    turn = ask("replace the background with a spaceship")
    tool = turn.steps[0].tool
    assert tool is not None
    assert tool.result["status"] == "error"
    assert "spaceship" in turn.steps[0].text
    assert "office" in turn.steps[0].text


@pytest.mark.parametrize("text", ["12 fps, 320 wide", "make it 320 wide and 12 fps"])
def test_size_and_frame_rate_are_one_answer(text: str) -> None:
    (step,) = ask(text).steps
    assert "The picture is now 320×180 at 12 frames" in step.text


def test_small_talk_is_chat() -> None:
    assert {ask(text).kind for text in ("hello", "status", "导出", "how do I add music?")} == {
        "chat"
    }


def test_the_status_is_the_timeline_summary() -> None:
    edited = ask('use garden.jpg as the background, add a title "A" and music at 35%').timeline
    assert edited is not None

    said = ask("what's on the timeline?", edited).steps[0].text

    drawn = Draft.from_json(edited.to_draft()).summary()
    assert said == f"{drawn}. Background: garden.jpg"
    assert drawn == (
        "Timeline (3 tracks): 1. Video: talk.mp4 (0-10s, background: image)"
        ' 2. BGM: song.mp3 (0-10s, 35%) 3. Title: "A" (0-3s, bottom)'
    )


@pytest.mark.parametrize(
    ("text", "english", "chinese"),
    [
        ("make it black and white", "black and white", "黑白"),
        ("make it brighter", "brightness 0.15", "亮度 0.15"),
        ("more contrast", "contrast 1.3", "对比度 1.3"),
        ("less saturation", "saturation 0.7", "饱和度 0.7"),
        ("speed it up 2x", "2x speed", "2 倍速"),
        ("mute it", "muted", "静音"),
        ("volume 50%", "50%", "50%"),
        ("crop 10% off the top", "cropped", "已裁剪"),
        ("mirror it", "mirrored", "左右翻转"),
        ("flip it upside down", "upside down", "上下翻转"),
        ("rotate it 90 degrees", "rotated 90°", "旋转 90°"),
        ("make it vertical", "fills the frame", "填满画面"),
        ("remove the background", "background removed", "背景已去除"),
        ("blur the background", "background blurred", "背景已虚化"),
        ("put me in an office", "background: office", "背景：office"),
        ("a green background", "background: #008000", "背景：#008000"),
        ("zoom in on me", "person repositioned", "人物位置已调整"),
    ],
)
def test_each_edit_of_a_clip_shows_in_the_timeline(text: str, english: str, chinese: str) -> None:
    edited = ask(text).timeline
    assert edited is not None
    draft = Draft.from_json(edited.to_draft())
    assert english in summarize(draft).partition("s, ")[2].rstrip(")").split(", ")
    assert chinese in summarize(draft, "zh").partition("s, ")[2].rstrip(")").split(", ")


def test_the_first_edit_puts_the_uploaded_video_on_the_timeline() -> None:
    turn = respond("去掉背景", timeline=None, media=(GARDEN, TALK))
    assert turn.timeline is not None
    assert turn.timeline.clips[0].media == TALK.id
    assert (turn.timeline.width, turn.timeline.height, turn.timeline.fps) == (1280, 720, 25.0)


def test_timeline_for_needs_a_video() -> None:
    assert timeline_for((GARDEN, SONG)) is None


def test_odd_sizes_become_even() -> None:
    timeline = timeline_for((upload(1, "a.mp4", "video", 1000),))
    assert timeline is not None
    assert timeline.width % 2 == timeline.height % 2 == 0


def test_trims_refer_to_the_time_after_a_speed_change() -> None:
    fast = ask("2x speed").timeline
    turn = ask("cut the first 2 seconds", fast)
    assert turn.timeline is not None
    assert turn.timeline.clips[0].source_start_ms == 4000
    assert turn.timeline.duration_ms == 3000


def test_titles_and_music_are_clipped_to_the_new_length() -> None:
    edited = ask('add a title "A" for 8 seconds and add music').timeline
    turn = ask("trim to 5s", edited)
    assert turn.timeline is not None
    assert turn.timeline.titles[0].duration_ms == 5000
    assert turn.timeline.sounds[0].duration_ms == 5000


@pytest.mark.parametrize("name", ["blur.mp4", "green office.mp4", "mute title.mp4", "背景.mp4"])
def test_a_file_name_is_never_read_as_a_request(name: str) -> None:
    media = (upload(1, name, "video", 10_000),)
    turn = respond(f"remove the background of {name}", timeline=None, media=media)
    assert turn.timeline is not None
    background = turn.timeline.clips[0].background
    assert background is not None
    assert background.kind == "transparent"
    assert len(turn.steps) == 1


def test_an_overlong_message_is_refused() -> None:
    assert not ask("remove the background " * MAX_CHARACTERS).changed


@pytest.mark.parametrize("text", ["make it brighter. make it darker. ", "变亮。变暗。"])
def test_a_message_of_very_many_requests_is_refused_as_a_whole(text: str) -> None:
    assert len(ask(text * 10).steps) == 20
    turn = ask(text * 11)
    assert not turn.changed
    assert "20" in turn.steps[0].text


def test_a_long_list_is_cut_short() -> None:
    clips = (attrs.evolve(start().clips[0], name=f"{number}.mp4") for number in range(20))
    turn = ask("reverse the order of the clips", attrs.evolve(start(), clips=tuple(clips)))
    assert turn.changed
    assert "9.mp4, 8.mp4 and 8 more" in turn.steps[-1].text


def test_the_names_of_intents_are_unique() -> None:
    assert len({intent.name for intent in INTENTS}) == len(INTENTS)


def test_times_in_words_and_digits_are_understood() -> None:
    assert not wrong("times", lambda text: ",".join(map(str, times(text))) or "-")


@pytest.mark.parametrize(
    "text",
    [
        "from 10 to 20 seconds",
        "10 到 20 秒",
        "十到二十秒",
        "0:10-0:20",
        "10s ~ 20s",
        "between 10s and 20s",
    ],
)
def test_ranges_share_their_unit(text: str) -> None:
    assert time_range(text) == (10_000, 20_000)


@pytest.mark.parametrize("text", ["35%", "百分之三十五", "35 percent", "thirty-five percent"])
def test_percentages_are_understood(text: str) -> None:
    assert percent(text) == pytest.approx(0.35)


def test_chinese_numerals_become_digits() -> None:
    assert digits("一百二十") == "120"
    assert digits("一点五") == "1.5"
    assert digits("二零二四") == "2024"


@pytest.mark.parametrize("figure", ["9" * 20, "9" * 400, "1e400", "0." + "0" * 400 + "1"])
@pytest.mark.parametrize(
    "words",
    [
        *(
            "trim to {} seconds",
            "trim from {} to {}",
            "剪到{}秒",
            "fade in {} seconds",
            "trim to {}h",
        ),
        *("create a video of {} seconds about cats", "speed up {}x", "volume {}%", "make it {}:{}"),
        *("title 'x' at {} seconds", "rotate {} degrees", "make the logo {}%", "undo {} times"),
    ],
)
def test_numbers_of_any_length_give_a_valid_timeline(words: str, figure: str) -> None:
    turn = respond(words.replace("{}", figure), timeline=start(), media=MEDIA)
    if turn.timeline is not None:
        assert Timeline.from_draft(turn.timeline.to_draft()) == turn.timeline


@pytest.mark.parametrize("text", ["Here is my clip", "here's my video talk.mp4", "这是我的视频"])
def test_uploads_are_acknowledged(text: str) -> None:
    turn = respond(text, timeline=start(), media=(TALK,))
    assert not turn.changed
    assert "talk.mp4" in turn.steps[0].text
    assert "can't" not in turn.steps[0].text
