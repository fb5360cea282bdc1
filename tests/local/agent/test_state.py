"""Edits of a draft that has been edited already: restored, changed, removed, undone."""

from __future__ import annotations

import pytest

from nemovideo.local.agent import respond, timeline_for
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.timeline import Background
from tests.support.agent import MEDIA, RAIN, SONG, TALK, ask, gist, start

AFTER = (
    (
        "put me in an office",
        "bg=None",
        (
            "restore the original background",
            "bring back the original background",
            "bring the background back",
            "put the background back",
            "revert the background",
            "I want the original background back",
            "use the original background",
            "remove the virtual background",
            "undo the background removal",
            "reset the background",
            "go back to the original background",
            "get my background back",
            "恢复原背景",
            "还原背景",
            "用回原来的背景",
            "恢复背景",
            "把背景恢复成原来的",
            "取消背景替换",
            "换回原背景",
            "去掉虚拟背景",
            "我要原来的背景",
        ),
    ),
    (
        "blur the background",
        "bg=None",
        (
            "remove the blur",
            "turn off the background blur",
            "stop blurring the background",
            "unblur the background",
            "取消模糊",
            "去掉虚化",
            "取消背景虚化",
        ),
    ),
    (
        'add a title "Hello"',
        "titles=",
        (
            "remove the title",
            "delete the title",
            "remove the text",
            "get rid of the title please",
            "take the title off",
            "I don't want the title",
            "no title",
            'delete the text "Hello"',
            "删除标题",
            "去掉标题",
            "把标题删掉",
            "不要标题",
            "去掉文字",
            "把文字去掉",
        ),
    ),
    (
        'add a title "Hello"',
        "titles=Bye@center:0+3000",
        (
            'change the title to "Bye"',
            "change the title to Bye",
            "rename the title to 'Bye'",
            'make the title say "Bye"',
            'replace the title with "Bye"',
            'update the text to "Bye"',
            'change "Hello" to "Bye" in the title',
            'edit the title: "Bye"',
            'the title should be "Bye"',
            "把标题改成“Bye”",
            "标题改为“Bye”",
            "修改标题为“Bye”",
            "将文字换成“Bye”",
            "标题换成 Bye",
        ),
    ),
    (
        'add a title "Hello"',
        "titles=Hello@bottom:0+3000",
        (
            "move the title to the bottom",
            "put the title at the bottom",
            "把标题移到底部",
            "标题放到下面",
        ),
    ),
    (
        "add music",
        "music=",
        (
            "remove the music",
            "delete the background music",
            "remove the song",
            "no music please",
            "get rid of the bgm",
            "turn off the music",
            "take out the background music",
            "去掉音乐",
            "删除背景音乐",
            "不要背景音乐",
            "把背景音乐去掉",
            "去掉配乐",
            "关掉音乐",
        ),
    ),
    (
        "add music",
        "music=m3@0.2:0+10000",
        (
            "set the music volume to 20%",
            "music at 20%",
            "turn the music down to 20%",
            "change the music volume to 20 percent",
            "lower the bgm to 20%",
            "make the background music 20% volume",
            "音乐音量调到20%",
            "把背景音乐的音量改成20%",
            "背景音乐调到20%",
            "bgm音量20%",
        ),
    ),
    (
        "add music",
        "music=m3@0.3:0+10000",
        (
            "make the music quieter",
            "turn down the music",
            "lower the music volume",
            "the music is too loud",
            "背景音乐调低",
            "音乐太大声了",
        ),
    ),
    (
        "mute it",
        "volume=1",
        (
            "unmute",
            "unmute the video",
            "turn the sound back on",
            "restore the original sound",
            "bring back the sound",
            "turn on the audio",
            "取消静音",
            "恢复声音",
            "恢复原声",
            "打开声音",
            "把声音打开",
        ),
    ),
)

TWO_VIDEOS = (TALK, RAIN, SONG)
WITH_TWO_VIDEOS = {
    "bg=m4": (
        "replace the background with rain.mp4",
        "use rain.mp4 as the background",
        "use rain.mp4 as the background of talk.mp4",
        "replace the background of talk.mp4 with rain.mp4",
        "remove the background from talk.mp4 and replace it with rain.mp4",
        "use the second video as the background",
        "use the other video as background",
        "use the uploaded video as background",
        "把背景换成rain.mp4",
        "用rain.mp4做背景",
        "把talk.mp4的背景换成rain.mp4",
    ),
    "clips=talk.mp4:0+10000,rain.mp4:0+8000": (
        "add rain.mp4 at the end",
        "append rain.mp4",
        "put rain.mp4 after it",
        "append the second video",
        "在最后加上rain.mp4",
        "把rain.mp4接到后面",
    ),
    "clips=rain.mp4:0+8000": (
        "use rain.mp4 instead",
        "switch to rain.mp4",
        "用rain.mp4",
        "改用rain.mp4",
        "use the second video instead",
    ),
    "clips=rain.mp4:0+8000 bg=transparent": (
        "remove the background from rain.mp4",
        "去掉rain.mp4的背景",
    ),
}

UNDO = (
    "undo",
    "Undo that",
    "undo the last change",
    "please undo",
    "go back",
    "revert the last change",
    "take that back",
    "undo it",
    "go back one step",
    "revert",
    "cancel the last edit",
    "I changed my mind, undo that",
    "previous version please",
    "Ctrl+Z",
    "step back",
    "undo please",
    "撤销",
    "撤回",
    "恢复上一步",
    "撤销上一步",
    "返回上一步",
    "取消上一步操作",
    "回退",
    "撤消刚才的操作",
    "回到上一个版本",
    "上一步",
    "undo the background change",
    "撤销背景替换",
)


@pytest.mark.parametrize(
    ("first", "expected", "text"),
    [(first, expected, text) for first, expected, texts in AFTER for text in texts],
)
def test_an_edit_after_another(first: str, expected: str, text: str) -> None:
    before = ask(first).timeline
    assert gist(ask(text, before), before) == expected


@pytest.mark.parametrize(
    ("expected", "text"), [(e, text) for e, texts in WITH_TWO_VIDEOS.items() for text in texts]
)
def test_two_videos_are_told_apart(expected: str, text: str) -> None:
    assert gist(ask(text, media=TWO_VIDEOS)) == expected


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


@pytest.mark.parametrize("text", UNDO)
def test_undo_goes_back_one_version(text: str) -> None:
    after = ask("put me in an office").timeline
    turn = respond(text, timeline=after, media=MEDIA, history=(None, start()))
    assert turn.undone
    assert turn.changed
    assert turn.kind == "edit"
    assert turn.timeline == start()


@pytest.mark.parametrize("text", UNDO)
def test_undo_without_history_says_so(text: str) -> None:
    turn = ask(text)
    assert not turn.changed
    assert not turn.undone
    assert turn.steps[0].text


def test_undo_can_go_back_to_nothing() -> None:
    turn = respond("undo", timeline=start(), media=MEDIA, history=(None,))
    assert turn.undone
    assert turn.changed
    assert turn.timeline is None


def test_undo_of_something_else_than_the_last_change_is_refused() -> None:
    titled = ask('add a title "A"').timeline
    muted = ask("mute", titled).timeline
    turn = respond("undo the title", timeline=muted, media=MEDIA, history=(start(), titled))
    assert not turn.changed


def test_start_over_takes_every_edit_back() -> None:
    edited = ask("blur the background, trim to 3s and mute it").timeline
    assert ask("start over", edited).timeline == start()
    assert ask("重新开始", edited).timeline == start()
