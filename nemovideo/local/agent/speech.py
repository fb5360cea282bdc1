"""How the agent talks: times, names and lists as words, and the closing sentence.

The agent believes in an editor with buttons, as the real service does
(docs/protocol.md §9); what an intent has to say of its own stands in the intent.
"""

from __future__ import annotations

from collections.abc import Sequence

from nemovideo.draft import Draft
from nemovideo.draft.summary import summarize
from nemovideo.local.agent.context import Context
from nemovideo.local.timeline import Background, Timeline

_SCENES = {
    "office": "办公室",
    "studio": "演播室",
    "living room": "客厅",
    "beach": "海滩",
    "city": "城市",
}
_POSITIONS = {
    "top": "顶部",
    "center": "中间",
    "bottom": "底部",
    "left": "左侧",
    "right": "右侧",
    "top left": "左上角",
    "top right": "右上角",
    "bottom left": "左下角",
    "bottom right": "右下角",
}


def seconds(context: Context, milliseconds: int) -> str:
    """Return "3 s" or "3 秒", with at most two decimals."""
    figure = f"{milliseconds / 1000:.2f}".rstrip("0").rstrip(".")
    return context.say(f"{figure} s", f"{figure} 秒")


def span(context: Context, start_ms: int, end_ms: int) -> str:
    """Return "2-5 s" or "2-5 秒"."""
    start = f"{start_ms / 1000:.2f}".rstrip("0").rstrip(".")
    return f"{start}-{seconds(context, end_ms)}"


def percentage(share: float) -> str:
    """Return "35%" for 0.35."""
    return f"{round(share * 100)}%"


def listed(context: Context, items: Sequence[str]) -> str:
    """Return the items as a list in words."""
    if context.language == "zh":
        return "、".join(items)
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def scene_name(context: Context, scene: str) -> str:
    """Return the scene's name in the user's language."""
    return context.say(scene, _SCENES.get(scene, scene))


def scene_list(context: Context) -> str:
    """Return the scenes that can be drawn, as words."""
    return listed(context, [scene_name(context, scene) for scene in _SCENES])


def background_name(context: Context, background: Background) -> str:
    """Return what stands behind the person, as words."""
    match background.kind:
        case "transparent":
            return context.say("transparent", "透明背景")
        case "matte":
            return context.say("the mask alone", "仅蒙版")
        case "blur":
            return context.say("a blur of the original", "虚化的原背景")
        case "color":
            return context.say(f"the color {background.color}", f"纯色 {background.color}")
        case "scene":
            name = scene_name(context, background.scene or "")
            return context.say(f"a {name} scene".replace("a office", "an office"), f"{name}场景")
        case _:
            item = next((item for item in context.media if item.id == background.media), None)
            return item.name if item else background.kind


def position_name(context: Context, position: str) -> str:
    """Return a place on the picture in words: "bottom right", "右下角"."""
    return context.say(position, _POSITIONS.get(position, position))


def clip_names(context: Context, timeline: Timeline) -> str:
    """Return the names of the clips on the timeline, each once."""
    return listed(context, list(dict.fromkeys(clip.name for clip in timeline.clips)))


def summary(context: Context, timeline: Timeline) -> str:
    """Return what is on the timeline, as the SDK tells it, and what is behind the clips."""
    tracks = Draft.from_json(timeline.to_draft()).tracks
    said = context.say(summarize(tracks), summarize(tracks, "zh"))
    behind = dict.fromkeys(
        background_name(context, clip.background) for clip in timeline.clips if clip.background
    )
    if not behind:
        return said
    return said + context.say(". Background: ", "。背景：") + listed(context, list(behind))


def opening(context: Context) -> str:
    """Return the word before the first edit's sentence."""
    return context.say("Done! ", "已完成！")


def closing(context: Context, *, generation: bool) -> str:
    """Return the sentence about the editor's buttons after the last edit."""
    if generation:
        return context.say(
            "Preview it in the timeline, then click the Export button in the top right.",
            "可以在时间线中预览，然后点击右上角的“导出”按钮。",
        )
    return context.say(
        "Click the Export button in the top right to download it.",
        "点击右上角的“导出”按钮即可下载。",
    )


def abilities(context: Context) -> str:
    """Return what this agent can do, in one sentence."""
    return context.say(
        "I can remove the background, make it transparent, replace it with a color, a blur, an "
        f"uploaded picture or video, or a scene ({scene_list(context)}), show the mask alone, "
        "change the shape and size of the picture, place and scale the person, crop, rotate, "
        "flip and fade, trim the video, add titles, a logo and background music, mute it, "
        "adjust brightness, contrast and saturation, change the speed, undo, and make a title "
        "video or a slideshow of your pictures.",
        "我可以去掉背景、让背景透明、把背景换成纯色、虚化、上传的图片或视频、或者场景"
        f"（{scene_list(context)}），只显示蒙版，还能改变画面比例和大小、移动和缩放人物、裁剪、旋转、翻转、"
        "淡入淡出、剪辑时长、加标题文字、水印和背景音乐、静音、调整亮度、对比度和饱和度、变速、撤销，"
        "以及制作标题视频或图片幻灯片。",
    )
