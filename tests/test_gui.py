"""What `clean` takes out of the agent's answers and what it leaves, as tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemovideo.gui import GuiAction, Spoken, clean

EXPORT = GuiAction.EXPORT
STATE = GuiAction.SHOW_STATE
EDIT = GuiAction.EDIT
SUMMARY = GuiAction.SUMMARY
CREDITS = GuiAction.CREDITS
API = GuiAction.CALL_API

# what the agent says, what is left of it, what it means
INSTRUCTIONS_EN: list[tuple[str, str, tuple[GuiAction, ...]]] = [
    # export
    (
        "Your video is ready! Click the Export button in the top right to download it.",
        "Your video is ready!",
        (EXPORT,),
    ),
    (
        "I trimmed the intro, and you can click Export to download it.",
        "I trimmed the intro.",
        (EXPORT,),
    ),
    ("Done! Click Export to save your video.", "Done!", (EXPORT,)),
    ("All set. You can now export your video.", "All set.", (EXPORT,)),
    ("When you're happy with the result, hit the Export button.", "", (EXPORT,)),
    ("To download it, press **Export** in the upper right corner.", "", (EXPORT,)),
    (
        "The background is gone. Export it as an MP4 when you're ready.",
        "The background is gone.",
        (EXPORT,),
    ),
    ("Your video is ready: click Export!", "Your video is ready!", (EXPORT,)),
    (
        "The render is finished — just tap the Download button.",
        "The render is finished.",
        (EXPORT,),
    ),
    (
        "Everything looks good; you can download the video from the Export menu.",
        "Everything looks good.",
        (EXPORT,),
    ),
    ("The Export button is in the top right corner.", "", (EXPORT,)),
    ("Your clip can be exported from the Export panel.", "", (EXPORT,)),
    ("Go to File > Export to save the video to your computer.", "", (EXPORT,)),
    ("I muted the audio, so you can go ahead and export it.", "I muted the audio.", (EXPORT,)),
    ("Click 'Export' and your video will start downloading.", "", (EXPORT,)),
    (
        "Your video is ready to download by clicking the Export button.",
        "Your video is ready to download.",
        (EXPORT,),
    ),
    ("👉 Click Export to get your file.", "", (EXPORT,)),
    ("Your video is ready! 🎉 Click the Export button.", "Your video is ready! 🎉", (EXPORT,)),
    ("Could you please click the Export button?", "", (EXPORT,)),
    ("Ready to download? Click Export.", "", (EXPORT,)),
    ("Don't forget to export your video when you're done.", "", (EXPORT,)),
    # click
    ("I split the clip. Click Undo if you don't like it.", "I split the clip.", (API,)),
    ("I added a title (double-click it to change the font).", "I added a title.", (API,)),
    ("Please select the clip and press Delete.", "", (API,)),
    ("The music is lower now. Tap the Apply button to confirm.", "The music is lower now.", (API,)),
    ("Simply right-click on the clip and choose Replace.", "", (API,)),
    ("You'll need to click the Generate button to start.", "", (API,)),
    # open
    ("Open the Effects panel to see all filters.", "", (STATE,)),
    (
        "I uploaded three photos. You'll find them in the Media panel.",
        "I uploaded three photos.",
        (STATE,),
    ),
    ("You can open the text tab and change the font there.", "", (STATE,)),
    ("Navigate to the Audio tab and choose a song.", "", (STATE,)),
    ("Open Settings, then click Apply.", "", (STATE, API)),
    (
        "The subtitles are done. To restyle them, open the Properties panel.",
        "The subtitles are done.",
        (STATE,),
    ),
    # drag
    ("Drag the clip to the beginning of the timeline.", "", (EDIT,)),
    (
        "I placed the title at 3s, but you can drag it anywhere.",
        "I placed the title at 3s.",
        (EDIT,),
    ),
    ("Just drag and drop your files into the media library.", "", (EDIT,)),
    (
        "The logo is in the corner. Drag its handles to resize it.",
        "The logo is in the corner.",
        (EDIT,),
    ),
    ("If you want it louder, drag the volume slider up.", "", (EDIT,)),
    ("Drop the song onto the audio track to replace the music.", "", (EDIT,)),
    ("You can adjust the brightness with the slider.", "", (EDIT,)),
    # preview
    ("Preview the result in the timeline.", "", (SUMMARY,)),
    (
        "I cut the first 5 seconds. You can preview it in the timeline.",
        "I cut the first 5 seconds.",
        (SUMMARY,),
    ),
    ("Your video is now ready to preview in the timeline.", "Your video is now ready.", (SUMMARY,)),
    ("Take a look at the timeline to see the changes.", "", (SUMMARY,)),
    ("Press play to watch it.", "", (SUMMARY,)),
    ("Preview it before exporting.", "", (SUMMARY,)),
    # credits
    ("You are out of credits. Please check your account.", "You are out of credits.", (CREDITS,)),
    ("Check your account balance on the billing page.", "", (CREDITS,)),
    ("Please go to your account settings to see the remaining credits.", "", (CREDITS,)),
    ("Open the billing page to top up.", "", (CREDITS,)),
    # several at once, and what stays around them
    ("Drag the clip to the timeline and click Export.", "", (EDIT, EXPORT)),
    (
        "Open the Media panel, drag the clip to the timeline, then click Export.",
        "",
        (STATE, EDIT, EXPORT),
    ),
    (
        "Click Export to download it, or tell me what to change.",
        "Tell me what to change.",
        (EXPORT,),
    ),
    (
        "Click Export and let me know if you need anything else.",
        "Let me know if you need anything else.",
        (EXPORT,),
    ),
    (
        "Now that the background is removed, you can click Export.",
        "The background is removed.",
        (EXPORT,),
    ),
    ("I added a title, which you can edit by double-clicking it.", "I added a title.", (API,)),
    ("I added a title that you can drag to reposition.", "I added a title.", (EDIT,)),
    (
        "I slowed it down to 0.5x. Preview it in the timeline! The music still fits.",
        "I slowed it down to 0.5x. The music still fits.",
        (SUMMARY,),
    ),
    (
        "Here is talk.mp4 at 3.5s, e.g. with the title. Click Export.",
        "Here is talk.mp4 at 3.5s, e.g. with the title.",
        (EXPORT,),
    ),
]

KEPT_EN = [
    "I brightened the opening shot.",
    "I added a mouse-click sound at 0:03.",
    "The video opens with a wide shot of the city.",
    "Clicking sounds were removed from the audio.",
    "The drag race now starts two seconds earlier.",
    "I trimmed the preview of the film to ten seconds.",
    "The chart shows the export of goods since 1990.",
    "Your video is ready!",
    "The title 'Click Me' appears at the start.",
    "Added the title 'Click here to subscribe'.",
    'I changed the text to "Press Start" in green.',
    "The dragon flies over the open sea.",
    "I kept the open-door scene and the press conference.",
    "The button on his jacket is blurred now.",
    "Added a subscribe button animation in the bottom right corner.",
    "The panel discussion is now 40 seconds long.",
    "I'll add music and export the video for you.",
    "Would you like me to export it as WebM?",
    "Shall I open the scene with a title card?",
    "The speaker opens the box and shows the camera.",
    "Drag racing footage: 0-10s, engine sound at 35%.",
    'Timeline (2 tracks): 1. BGM: Lo-fi (0-10s, 35%) 2. Title: "Urban Dreams" (0-3s)',
    "I dropped the second clip and moved the rest up.",
    "The clip is now on the timeline.",
    "I can't open this file: it is damaged.",
    "The beat drops at 0:12, so I put the cut there.",
    "He taps the table three times.",
    "The opening credits now last four seconds.",
    "White balance corrected, colours are warmer.",
    "Which colour do you want for the background?",
    "Choose a background colour and I'll apply it.",
    "I've exported the video to clean.mp4.",
    "Tap water runs in the background of the second shot.",
    "The tutorial shows how to open the app and click the icon.",
    "The export failed because the draft is empty.",
    "I lowered the click track to 20%.",
    "There are 80 credits left in your account.",
    "The screen recording shows a menu that opens slowly.",
    "Open scenes are brighter, closed ones darker.",
    "It's a preview version with a watermark.",
    "Download the file here: https://nemovideo.com/workspace/claim?ct=clm_1.",
    "Nothing was changed…",
]


INSTRUCTIONS_ZH: list[tuple[str, str, tuple[GuiAction, ...]]] = [
    # 导出
    ("已完成剪辑，点击右上角的导出按钮即可下载。", "已完成剪辑。", (EXPORT,)),
    ("您的视频已准备好！点击导出按钮下载。", "您的视频已准备好！", (EXPORT,)),
    ("背景已去除。您可以点击“导出”保存视频。", "背景已去除。", (EXPORT,)),
    ("如果满意，请点击右上角的【导出】。", "", (EXPORT,)),
    ("视频处理完成，现在可以导出了。", "视频处理完成。", (EXPORT,)),
    ("导出按钮在右上角。", "", (EXPORT,)),
    ("音乐已调低，您可以直接导出视频。", "音乐已调低。", (EXPORT,)),
    ("点击 Export 按钮，视频就会自动下载到您的电脑。", "", (EXPORT,)),
    ("确认无误后，点击下载即可。", "", (EXPORT,)),
    ("标题已添加！👉 点击导出。", "标题已添加！", (EXPORT,)),
    ("请打开导出面板，选择MP4格式，然后点击导出。", "", (EXPORT,)),
    ("完成啦🎉 请点击右上角导出视频。", "完成啦🎉", (EXPORT,)),
    ("视频可以通过导出菜单下载。", "", (EXPORT,)),
    ("把视频导出到本地即可观看。", "", (EXPORT,)),
    # 点击
    ("已拆分片段，如需恢复请点击撤销按钮。", "已拆分片段。", (API,)),
    ("双击文字即可修改内容。", "", (API,)),
    ("请点击“应用”按钮确认。", "", (API,)),
    ("我加了标题（双击可修改）。", "我加了标题。", (API,)),
    ("选中片段，然后按下删除键。", "", (API,)),
    ("点击生成按钮开始制作。", "", (API,)),
    ("右键点击片段，选择替换。", "", (API,)),
    # 打开
    ("打开素材面板查看所有文件。", "", (STATE,)),
    ("字幕已生成，您可以打开文字面板修改字体。", "字幕已生成。", (STATE,)),
    ("请切换到音频选项卡。", "", (STATE,)),
    ("图片已上传，可以在素材库中找到。", "图片已上传。", (STATE,)),
    ("进入设置页面，点击保存。", "", (STATE, API)),
    ("如需调整样式，请展开右侧的属性面板。", "", (STATE,)),
    # 拖拽
    ("将素材拖拽到时间线上。", "", (EDIT,)),
    ("标题放在第3秒，您可以拖动它调整位置。", "标题放在第3秒。", (EDIT,)),
    ("把音乐拖到音频轨道即可。", "", (EDIT,)),
    ("拖动滑块可以调节音量。", "", (EDIT,)),
    ("请将视频片段拖入时间轴的开头。", "", (EDIT,)),
    ("打开素材库并将视频拖到时间线上。", "", (STATE, EDIT)),
    # 预览
    ("已剪掉前5秒，您可以在时间线上预览效果。", "已剪掉前5秒。", (SUMMARY,)),
    ("请在时间轴中预览。", "", (SUMMARY,)),
    ("点击播放按钮预览效果。", "", (SUMMARY,)),
    ("导出前可以先预览一下。", "", (SUMMARY,)),
    ("您可以在预览窗口查看最终效果。", "", (SUMMARY,)),
    # 账户
    ("积分不足，请查看您的账户余额。", "积分不足。", (CREDITS,)),
    ("请前往账单页面充值。", "", (CREDITS,)),
    ("请登录账户检查订阅状态。", "", (CREDITS,)),
    # 混合
    ("点击导出下载视频，或者告诉我还要改什么。", "告诉我还要改什么。", (EXPORT,)),
    ("既然背景已经去除，您可以点击导出。", "背景已经去除。", (EXPORT,)),
    ("时长改为3.5秒。请预览时间线！音乐保持不变。", "时长改为3.5秒。音乐保持不变。", (SUMMARY,)),
    ("拖动片段调整顺序，然后点击导出。", "", (EDIT, EXPORT)),
]

KEPT_ZH = [
    "开场镜头已调亮。",
    "我在第3秒添加了点击音效。",
    "打开的门被替换成了窗户。",
    "导出口的标志已经模糊处理。",
    "已将标题改为“点击这里订阅”。",
    "视频以城市全景打开。",
    "鼠标点击的声音已降低。",
    "他打开礼物盒的镜头延长到5秒。",
    "拖拉机驶过的片段已加速。",
    "影片预告已剪到10秒。",
    "中国的导出贸易数据图已放大。",
    "视频已导出为MP4。",
    "背景已去除，人物边缘很干净。",
    "需要我帮您导出吗？",
    "我会去除背景，然后导出视频。",
    "您想要什么颜色的背景？",
    "标题“打开世界”显示在0到3秒。",
    "按钮上的文字已改成红色。",
    "预告片的节奏更快了。",
    "时间线（2个轨道）：1. 配乐：Lo-fi（0-10秒，35%）2. 标题：“都市梦”（0-3秒）",
    "我已打开音频降噪。",
    "导出失败，因为草稿是空的。",
    "开门的声音提前了一秒。",
    "点击率图表放在了右侧。",
    "拖鞋的特写已删除。",
    "您的账户还剩80积分。",
    "第二个镜头里她打开了窗户。",
    "片头加了一段打开书本的动画。",
    "请告诉我要放在哪里。",
    "下雨的画面更暗了……",
    "面板讨论的部分保留了40秒。",
    "已添加关注按钮动画。",
    "请选择一种背景颜色，我来替换。",
    "音乐在0:12处进入高潮。",
]


def reads(said: str, left: str, actions: tuple[GuiAction, ...]) -> None:
    spoken = clean(said)
    assert spoken.text == left
    assert spoken.actions == actions


@pytest.mark.parametrize(("said", "left", "actions"), INSTRUCTIONS_EN)
def test_english_instructions_become_actions(
    said: str, left: str, actions: tuple[GuiAction, ...]
) -> None:
    reads(said, left, actions)


@pytest.mark.parametrize("said", KEPT_EN)
def test_english_descriptions_stay(said: str) -> None:
    reads(said, said, ())


@pytest.mark.parametrize(("said", "left", "actions"), INSTRUCTIONS_ZH)
def test_chinese_instructions_become_actions(
    said: str, left: str, actions: tuple[GuiAction, ...]
) -> None:
    reads(said, left, actions)


@pytest.mark.parametrize("said", KEPT_ZH)
def test_chinese_descriptions_stay(said: str) -> None:
    reads(said, said, ())


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
def test_nothing_empty_is_left_of_lists_and_headings(said: str, left: str) -> None:
    assert clean(said).text == left


@pytest.mark.parametrize("said", UNTOUCHED)
def test_what_is_no_instruction_comes_back_byte_for_byte(said: str) -> None:
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
def test_what_is_left_is_a_part_of_what_was_said(pieces: list[str]) -> None:
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
def test_an_answer_that_breaks_off_after_an_instruction_is_cleaned(said: str, left: str) -> None:
    assert clean(said).text == left


def test_where_cutting_fails_the_answer_comes_back_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: object) -> None:
        raise IndexError

    monkeypatch.setattr("nemovideo.gui.judge", fails)
    said = "Done! Click Export."
    assert clean(said) == Spoken(said)


def test_a_megabyte_of_answers_is_cleaned() -> None:
    said = "I trimmed the opening shot, and you can click Export.\n" * 18_000
    assert clean(said).text == "I trimmed the opening shot.\n" * 18_000
