"""Edits of a draft that has been edited already: restored, changed, removed, undone."""

from __future__ import annotations

import pytest

from nemovideo.local.agent import respond, timeline_for
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.timeline import Background, Timeline
from tests.support.agent import (
    GARDEN,
    MEDIA,
    RAIN,
    SONG,
    TALK,
    ask,
    change_summary,
    phrases,
    rows,
    start,
    wrong,
)

TWO_VIDEOS = (TALK, RAIN, SONG)


def test_an_edit_can_follow_another() -> None:
    befores = {row["first"]: ask(row["first"]).timeline for row in rows("after")}
    wrong = [
        (row["first"], text, row["then"], got)
        for row in rows("after")
        for text in row["texts"]
        if (got := change_summary(ask(text, befores[row["first"]]), befores[row["first"]]))
        != row["then"]
    ]
    assert not wrong


def test_a_request_can_refer_to_one_of_two_videos() -> None:
    assert not wrong("two_videos", lambda text: change_summary(ask(text, media=TWO_VIDEOS)))


@pytest.mark.parametrize(
    "text",
    [
        "remove the last clip",
        "delete the last video",
        "drop clip 2",
        "can you get rid of the last clip please",
        "删掉最后一段",
    ],
)
def test_the_last_clip_is_removed(text: str) -> None:
    both = ask("append rain.mp4", media=TWO_VIDEOS).timeline
    turn = ask(text, both, TWO_VIDEOS)
    assert turn.timeline is not None
    assert [clip.name for clip in turn.timeline.clips] == ["talk.mp4"]
    assert "not on the timeline" in ask("remove the last clip", Timeline()).steps[0].text


@pytest.mark.parametrize(
    ("text", "names"),
    [
        *(
            (text, "rain.mp4 talk.mp4 garden.jpg")
            for text in (
                "swap the first two clips", "swap talk.mp4 and rain.mp4", "swap clips 1 and 2",
                "put the second clip first", "move rain.mp4 to the beginning",
                "put rain.mp4 before talk.mp4", "move the first clip after the second one",
                "交换第一个和第二个片段", "把第二段移到最前面", "把talk.mp4和rain.mp4对调",
            )
        ),
        ("move the first clip to the end", "rain.mp4 garden.jpg talk.mp4"),
        ("put garden.jpg first", "garden.jpg talk.mp4 rain.mp4"),
        ("reverse the order of the clips", "garden.jpg rain.mp4 talk.mp4"),
        ("把最后一个片段放到rain.mp4前面", "talk.mp4 garden.jpg rain.mp4"),
        ("颠倒片段的顺序", "garden.jpg rain.mp4 talk.mp4"),
        ("swap the clips", "talk.mp4 rain.mp4 garden.jpg"),  # which ones?
        ("put the fifth clip first", "talk.mp4 rain.mp4 garden.jpg"),
    ],
)  # fmt: skip
def test_clips_can_be_reordered(text: str, names: str) -> None:
    media = (*TWO_VIDEOS, GARDEN)
    three = ask("add garden.jpg at the end", ask("append rain.mp4", media=media).timeline, media)
    turn = ask(text, three.timeline, media)
    assert turn.timeline is not None
    assert " ".join(clip.name for clip in turn.timeline.clips) == names
    if turn.changed:
        undone = respond("undo", timeline=turn.timeline, media=media, history=(three.timeline,))
        assert "(the clips)" in undone.steps[0].text


@pytest.mark.parametrize("text", ["swap the two clips", "change the order", "交换两个片段"])
def test_swapping_needs_two_clips(text: str) -> None:
    both = ask("append rain.mp4", media=TWO_VIDEOS).timeline
    turn = ask(text, both, TWO_VIDEOS)
    assert turn.timeline is not None
    assert [clip.name for clip in turn.timeline.clips] == ["rain.mp4", "talk.mp4"]
    assert not ask(text).changed


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("make the titles yellow", "A@top:0+3000 #ffff00,B@bottom:0+3000 #ffff00"),
        ("make all titles twice as big", "A@top:0+3000 *2,B@bottom:0+3000 *2"),
        ("make the first title red", "A@top:0+3000 #ff0000,B@bottom:0+3000"),
        ("make the last title red", "A@top:0+3000,B@bottom:0+3000 #ff0000"),
        ("hide the titles after 2 seconds", "A@top:0+2000,B@bottom:0+2000"),
        (
            "make the first title red and the second one blue",
            "A@top:0+3000 #ff0000,B@bottom:0+3000 #0000ff",
        ),
        ("remove the second title", "A@top:0+3000"),
        ("remove the title that says B", "A@top:0+3000"),
        ("remove all titles", ""),
        ("把所有标题改成红色", "A@top:0+3000 #ff0000,B@bottom:0+3000 #ff0000"),
        ("第一个标题改成红色", "A@top:0+3000 #ff0000,B@bottom:0+3000"),
        ("删除所有标题", ""),
    ],
)
def test_titles_can_be_changed_together_or_by_number(text: str, titles: str) -> None:
    two = ask('add a title "B"', ask('add a title "A" at the top').timeline).timeline
    assert two is not None
    assert change_summary(ask(text, two), two) == f"titles={titles}"
    assert not ask("remove the title in the top right corner", two).changed


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        ("add a title 'Hi' in yellow at the top", "the title “Hi” in yellow at the top (0-3 s)"),
        ("add a title 'Hi'", "the title “Hi” (0-3 s)"),
        ("在顶部加黄色标题“你好”", "标题“你好”，颜色为黄色，位于顶部（0-3 秒）"),
        ("trim to 2 seconds", "I kept the first 2 s; the video is now 2 s long."),
        ("剪掉最后2秒", "已剪掉最后 2 秒，现在总长 8 秒"),
        ("preview it", "session.preview()"),
        ("add music, then hide the music from 2 to 5 seconds", "hidden song.mp3 from 2 to 5 s."),
        ("怎么预览？", "nemovideo preview"),
        ("trim to 20 seconds", "I can't keep 20 s: the video is only 10 s long"),
        ("cut the last 15 seconds", "I can't cut out 15 s: the video is only 10 s long"),
        ("keep 12 to 15 seconds", "I can't keep 12-15 s: the video is only 10 s long"),
        ("剪掉前15秒", "没法剪掉 15 秒：视频总长只有 10 秒"),
        ("trim 5s to 2s", "Which part should I keep or cut?"),
    ],
)
def test_the_answer_says_what_was_done_or_why_not(text: str, texts: str) -> None:
    assert any(texts in step.text for step in ask(text).steps)


@pytest.mark.parametrize("text", ["how much does this cost?", "is it free?", "这个要多少钱？"])
def test_the_agent_says_what_an_edit_costs_and_where_the_balance_is(text: str) -> None:
    turn = respond(text, timeline=start(), media=MEDIA, costs={"edit": 5, "generation": 7})
    said = turn.steps[0].text
    assert not turn.changed
    assert "5" in said
    assert "7" in said
    assert "account page" in said or "账户页面" in said


@pytest.mark.parametrize(
    ("text", "clips"),
    [
        ("trim the second clip to 3 seconds", [(0, 10_000), (0, 3000)]),
        ("trim rain.mp4 to 3 seconds", [(0, 10_000), (0, 3000)]),
        ("make the first clip 3 seconds long", [(0, 3000), (0, 8000)]),
        (
            "cut the last 2 seconds of the first clip and trim the second one to 3 seconds",
            [(0, 8000), (0, 3000)],
        ),
        ("cut the last 2 seconds of the first clip", [(0, 8000), (0, 8000)]),
        ("cut the first 2 seconds of the last clip", [(0, 10_000), (2000, 6000)]),
        ("trim the video to 3 seconds", [(0, 3000)]),
        ("trim the second clip to 9 seconds", [(0, 10_000), (0, 8000)]),
        ("把第二段剪到3秒", [(0, 10_000), (0, 3000)]),
        ("只保留第一个片段的前3秒", [(0, 3000), (0, 8000)]),
    ],
)
def test_one_clip_of_several_is_trimmed(text: str, clips: list[tuple[int, int]]) -> None:
    both = ask("append rain.mp4", media=TWO_VIDEOS).timeline
    turn = ask(text, both, TWO_VIDEOS)
    assert turn.timeline is not None
    assert [(c.source_start_ms, c.duration_ms) for c in turn.timeline.clips] == clips


@pytest.mark.parametrize(
    "text", ["rotate the last clip 90 degrees", "rotate rain.mp4", "旋转最后一段90度"]
)
def test_one_clip_of_several_is_rotated(text: str) -> None:
    both = ask("append rain.mp4", media=TWO_VIDEOS).timeline
    turn = ask(text, both, TWO_VIDEOS)
    assert turn.timeline is not None
    assert [clip.rotation_deg for clip in turn.timeline.clips] == [0, 90]
    alone = ask("rotate the first clip").timeline
    assert alone is not None
    assert (alone.width, alone.height) == (720, 1280)


def test_an_answer_names_the_clips_that_it_changed() -> None:
    both = ask("append rain.mp4", media=TWO_VIDEOS).timeline
    answer = ask("blur the background of the last clip", both, TWO_VIDEOS).steps[0].text
    assert ("rain.mp4" in answer, "talk.mp4" in answer) == (True, False)


@pytest.mark.parametrize("media", [(TALK, RAIN), (RAIN, TALK)])
@pytest.mark.parametrize("placed", [True, False])
def test_the_background_video_is_never_the_main_clip(
    media: tuple[MediaItem, ...], placed: bool
) -> None:
    timeline = timeline_for(media) if placed else None
    turn = respond("use rain.mp4 as the background", timeline=timeline, media=media)
    assert turn.timeline is not None
    assert [clip.name for clip in turn.timeline.clips] == ["talk.mp4"]
    assert turn.timeline.clips[0].background == Background("video", media=RAIN.id)


def test_undo_goes_back_one_version() -> None:
    after = ask("put me in an office").timeline
    for text in phrases("undo"):
        turn = respond(text, timeline=after, media=MEDIA, history=(None, start()))
        assert (turn.undone, turn.changed, turn.kind) == (True, True, "chat"), text
        assert turn.timeline == start(), text


def test_undo_without_history_says_so() -> None:
    for text in phrases("undo"):
        turn = ask(text)
        assert (turn.changed, turn.undone) == (False, False), text
        assert turn.steps[0].text


def test_undo_never_removes_the_upload() -> None:
    turn = respond("undo", timeline=start(), media=MEDIA, history=(None,))
    assert (turn.undone, turn.changed, turn.kind) == (False, False, "chat")
    assert "nothing to undo" in turn.steps[0].text


@pytest.mark.parametrize(
    ("edit", "undone"),
    [
        ('add a title "A"', "the title"),
        ("make the background blue", "the background"),
        ("mute it", "the volume"),
        ("make it 9:16", "shape"),
        ("fade in", "the fade"),
    ],
)
def test_undo_says_what_was_undone(edit: str, undone: str) -> None:
    turn = respond("undo", timeline=ask(edit).timeline, media=MEDIA, history=(None, start()))
    assert undone in turn.steps[0].text


def test_undoing_anything_but_the_last_change_is_refused() -> None:
    titled = ask('add a title "A"').timeline
    muted = ask("mute", titled).timeline
    turn = respond("undo the title", timeline=muted, media=MEDIA, history=(start(), titled))
    assert not turn.changed


def test_start_over_undoes_every_edit() -> None:
    edited = ask("blur the background, trim to 3s and mute it").timeline
    assert ask("start over", edited).timeline == start()
    assert ask("重新开始", edited).timeline == start()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("keep the first clip 5 seconds", "clips=talk.mp4:0+5000,rain.mp4:0+8000"),
        ("keep the second clip 3 seconds", "clips=talk.mp4:0+10000,rain.mp4:0+3000"),
        ("loop the second clip", "clips=talk.mp4:0+10000,rain.mp4:0+8000,rain.mp4:0+8000"),
    ],
)
def test_an_edit_of_one_clip_leaves_the_other(text: str, expected: str) -> None:
    both = ask("append rain.mp4", media=TWO_VIDEOS).timeline
    assert both is not None
    assert change_summary(ask(text, both, TWO_VIDEOS), both) == expected


def test_it_refers_to_the_music_after_a_message_about_music() -> None:
    before = start()
    with_music = ask("add song.mp3 as music").timeline
    assert with_music is not None
    for text in ("fade it out", "让它淡出"):
        turn = respond(text, timeline=with_music, media=MEDIA, history=(before,))
        assert change_summary(turn, with_music).endswith("fades=0,1000"), text
        assert turn.timeline is not None
        assert turn.timeline.fade_out_ms == 0
    faded = ask("fade the music in over 2 seconds", with_music)
    assert change_summary(faded, with_music).endswith("fades=2000,0")
    assert "no background music" in ask("fade the music in").steps[0].text
    other = respond("fade the video out", timeline=with_music, media=MEDIA, history=(before,))
    assert other.changed


def _after(said: list[str], text: str) -> tuple[str, str]:
    """Return what a message changes after the `said` ones, and its answer."""
    versions: list[Timeline | None] = [None, start()]
    question = None
    for words in (*said, text):
        turn = respond(
            words,
            timeline=versions[-1],
            media=MEDIA,
            history=tuple(versions[:-1]),
            question=question,
        )
        question = turn.question
        before = versions[-1]
        if turn.changed:
            versions.append(turn.timeline)
    return change_summary(turn, before), turn.steps[-1].text


def test_it_refers_to_what_was_last_changed() -> None:
    wrong = [
        (row["said"], text, row["then"], got)
        for row in rows("it")
        for text in row["texts"]
        if (got := _after(row["said"], text)[0]) != row["then"]
    ]
    assert not wrong


def test_the_agent_asks_which_one_is_meant() -> None:
    said = ["put me in an office", "add a title 'Hi'", "mute it"]
    assert _after(said, "make it yellow")[1] == "Which do you mean: the title or the background?"
    assert _after(said, "改成红色")[1] == "你指的是标题还是背景？"


def test_the_agent_asks_what_fades() -> None:
    title, music = "add a title 'Hi'", "add song.mp3 as music"
    question = _after([f"{title} and {music}"], "fade it in")[1]
    assert question == "Which do you mean: the title or the music?"
    assert _after([title], "fade both")[1] == "Which do you mean: the title or the video?"
    assert _after([title], "两个都淡入")[1] == "你指的是标题还是视频？"


def test_the_agent_asks_what_gets_a_color_if_there_is_no_title() -> None:
    said = ["put me in an office", "mute it"]
    question = "What should have this color? For example: “the background”."
    assert _after(said, "make it yellow")[1] == question
    assert _after([], "改成红色")[1] == "要把什么变成这个颜色？例如：“背景”。"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("make the title bigger", "I've changed the title “B” (now at 125% of the normal size)."),
        (
            "make the title bigger and red",
            "I've changed the title “B” (now in red, at 125% of the normal size).",
        ),
        (
            "move the second title to the top left",
            "I've changed the title “B” (now at the top left).",
        ),
        ("show the title from 2 to 5 seconds", "I've changed the title “A” (now from 2 to 5 s)."),
        ("change the title to 'C' in red", "I've changed the title to “C” (now in red)."),
        (
            "make all titles blue and bigger",
            "I've changed the titles “A” and “B” (now in blue, at 125% of the normal size).",
        ),
        ("标题大一点，红色", "已调整标题“B”，颜色为红色，大小为 110%。"),
        ("标题放到左上角，2到5秒", "已调整标题“B”，位于左上角，显示时间为 2 到 5 秒。"),
    ],
)
def test_each_change_of_a_title_is_named(text: str, said: str) -> None:
    two = ask("add a title 'B'", ask("add a title 'A' at the top").timeline).timeline
    assert said in ask(text, two).steps[0].text


def test_titles_that_change_differently_are_named_with_their_own_changes() -> None:
    two = ask("add a title 'B'", ask("add a big title 'A' at the top").timeline).timeline
    assert (
        "“A” (now at 250% of the normal size) and “B” (now at 200% of the normal size)."
        in ask("make all titles twice as big", two).steps[0].text
    )


def test_a_new_title_is_described_in_full() -> None:
    said = ask("add a big red title 'A' at the top from 2 to 4 seconds").steps[0].text
    assert "“A” in red at the top, at 125% of the normal size (2-4 s)" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("add a title 'Hello'", "The title “Hello” is already there."),
        ("加标题“Hello”", "标题“Hello”已经有了。"),
    ],
)
def test_the_same_title_is_not_added_twice(text: str, said: str) -> None:
    titled = ask("add a title 'Hello'").timeline
    again = ask(text, titled)
    assert not again.changed
    assert [step.text for step in again.steps] == [said]
    assert ask("add a title 'Hello' at the top", titled).changed


def test_help_is_only_offered_to_a_request_on_its_own() -> None:
    assert ask("make me a sandwich").steps[0].text.endswith("Say “help” to see what I can do.")
    assert ask("给我做个三明治").steps[0].text.endswith("请说“帮助”。")
    for text in (
        "remove the background. put 2 robots next to me",
        "去掉背景。给我做个三明治",
    ):
        for step in ask(text).steps:
            told = f"{step.text} {step.tool and step.tool.result}"
            assert "“help”" not in told
            assert "“帮助”" not in told
