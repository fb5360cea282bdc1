"""What stands behind the person: removed, replaced, or restored."""

from __future__ import annotations

from nemovideo._support.patterns import lazy
from nemovideo.local.agent import edits, files, speech
from nemovideo.local.agent.backdrops import (
    PLACE_PERSON,
    TRANSPARENT,
    Wish,
    blurs,
    resolves,
    wish,
)
from nemovideo.local.agent.context import Context, Intent, Outcome, asked, did, refused, told
from nemovideo.local.agent.intents.look import GREY
from nemovideo.local.agent.language import percent
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.stage import nothing_there, stage_for
from nemovideo.local.agent.words import (
    BACKGROUND,
    MUSIC,
    REMOVE,
    REPLACE,
    SOUND,
    TITLE,
    VIDEO_NOUN,
    either,
    has,
)
from nemovideo.local.timeline import Background, Timeline

_MATTING = either(
    r"(?:cut|crop|mask|key|isolat|extract|separat|segment)\w* (?:out |away )?"
    r"(?:me|him|her|them|myself|(?:the |my |a )?(?:person|people|subject|speaker|presenter|"
    r"foreground|man|woman|host|actor|face|body|talking head))(?: out)?|cut-?outs?|"
    r"(?:chroma|luma)[ -]?key\w*|matt(?:e|ing)|rotoscop\w+|knock-?out|"
    r"only (?:keep |show |leave )?(?:me|the (?:person|speaker|subject|presenter|foreground))|"
    r"(?:keep|leave|show) (?:only|just|nothing but) (?:me|the (?:person|people|speaker|subject|"
    r"presenter|foreground|man|woman))",
    "抠图|抠像|抠出|抠人|扣图|扣像|去背|去底|人像分离|人物分离|分离(?:出)?(?:人物|人像|主体|前景)|"
    "只(?:留下?|保留|要|显示)(?:人|主体|前景|我)",
)
_RESTORE = either(
    r"(?:restor|revert|reinstat|recover|reset|undo|undid|unblur|un-blur)\w*|"
    r"(?:bring|get|put|give|want|switch|change|turn|go|have|take|need|show)\w* (?:me )?"
    r"(?:[^,.;]{1,40} )?back(?! ?(?:ground|drop))(?: to)?|"
    r"return(?:s|ed|ing)?|"
    r"(?:use|keep|show|want|need|have|leave|with|to)\w* (?:the |my |its |that )?"
    r"(?:original|old|previous|real|actual|initial)|as it was|how it was",
    "恢复|还原|复原|找回|用回|换回|回到|变回|改回|回来|(?:用|保留|要|显示|留)(?:原|"
    "本)来?的?(?:背景)|原样",
)
_UNDO_EFFECT = either(
    r"(?:remov\w+|tak\w+ (?:off|away)|turn\w* off|disabl\w+|stop|delet\w+|get rid of|drop|"
    r"cancel\w*|"
    r"clear|undo|switch off|no more) (?:the |that |this |my |any )?"
    r"(?:background |backdrop )?(?:blur\w*|bokeh|(?:virtual|fake|new|replaced|replacement|custom|"
    r"green[ -]?screen|artificial) (?:background|backdrop|scene)|"
    r"(?:background|backdrop) (?:blur|effect|replacement|removal|image|picture|colou?r))",
    "(?:取消|去掉|去除|移除|关闭|关掉|撤掉|删除|删掉|不要)(?:背景)?的?(?:模糊|虚化|抠像|抠图|"
    "替换|虚拟|新背景|背景"
    "(?:模糊|虚化|替换|图片|图|颜色|效果|特效))",
)
_NO_BLUR = either(
    r"(?:background|backdrop|it) (?:\w+ )?(?:unblurred|sharp(?:er)?|in focus)|unblur\w*",
    "背景(?:变)?清晰",
)
_UNTOUCHED = either("original|real|actual|old", "原来|原本|原始|原背景")
_HEARD = either(
    r"(?:with|keep\w*|use|using|includ\w*|plus|hear\w*) (?:its|the|their|his|her) (?:own )?"
    r"(?:sound|audio|volume)",
    "(?:带|保留|用|使用|连同|播放)(?:上|着)?(?:它|其|视频)?的?(?:原?声音?|音频|音量)",
)
_SHADE_ONLY = either(
    r"(?:bright|dark)(?:en|er|ened)|dim(?:mer)?|brightness|contrast|saturat\w+",
    "亮度|对比度|饱和度|[调变更](?:亮|暗)",
)
_KEEPS = either("keep(?:s|ing)?|leave|leaving|retain(?:s|ing)?|preserve", "保留|保持|不变")
_PRONOUN = lazy(
    r"(?<![a-z])(?:mak|turn|paint|colou?r|chang|set|fill|swap|switch|replac)\w*"
    r"(?: (?:it|that|this|one|everything|for|with|the rest))*"
    r"(?! (?:the|my|his|her|our|their|your|its) )(?![a-z])"
    r"|(?<![a-z])(?:do|try|want|us|giv|go|need|have|prefer|then|like|put|plac)(?:e|ing)?"
    r"(?: (?:it|that|this|one|me|for|with))*(?![a-z])"
    r"|^[^a-z]*(?:it|this|that) should be"
    r"|^[\s,，请帮我你想要给再就那都能不可以直接还是麻烦把将它这个去先视频画面让]*(?:[换变改设弄搞做调]|试|来个|要|用)"
)
# "Remove the car in the background" wants another thing gone than the background.
_PART_OF_IT = lazy(
    r"(?:remov|eras|delet|get rid|tak|edit|clean|hid|blur|chang|replac|mov)\w*(?: of|"
    r" out)? (?:the|that|this|those|these|an?|my|any|some)"
    r" (?!(?:whole |entire )?(?:back|bg|stuff|clutter|mess|rest))(?:[\w-]+ ){1,3}(?:in|from|on|"
    r"of) the back"
)


def _matches_restore(clause: Clause) -> bool:
    text = clause.text
    if has(TITLE, text) or has(MUSIC, text):
        return False
    if has(_UNDO_EFFECT, text) or has(_NO_BLUR, text):
        return not has(either("with", "换成|改成"), text)
    if not has(BACKGROUND, text) or not has(_RESTORE, text):
        return False
    # "Replace the original background with white" wants white, not the original.
    target = wish(clause, ())
    return target is None or target.unknown is not None or has(either("from", "从"), text)


def restore(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    """Put the original background back."""
    stage = stage_for(clause, context)
    if not stage:
        return nothing_there("edit_background", context)
    restored = edits.set_background(stage.timeline, None, stage.only)
    if restored == stage.timeline:
        return told(
            context.say(
                "The original background is still there, so there is nothing to restore.",
                "原背景还在，没有需要恢复的。",
            )
        )
    said = context.say("I've restored the original background.", "原背景已恢复。")
    return (did("edit_background", {"background": "original"}, restored, said),)


def _matches(clause: Clause) -> bool:
    text = clause.text
    if has(_MATTING, text):
        return True
    if _PART_OF_IT.search(text) or (has(TITLE, text) and not has(BACKGROUND, text)):
        return False
    if has(BACKGROUND, text):
        return not (has(SOUND, text) and not has(REMOVE, text) and not resolves(clause))
    if has(TRANSPARENT, text) or blurs(text) or has(PLACE_PERSON, text):
        return not has(
            either("title|text|face|music|volume|car|plates?|logo", "标题|脸|车牌"), text
        )
    if has(GREY, text) or has(VIDEO_NOUN, text):
        return False
    return has(_PRONOUN.pattern, text) and resolves(clause)


def _edit(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    backdrops = files.of_kind(context.media, ("image", "video"))
    wanted = wish(clause, backdrops) or _unnamed(clause, context)
    if not isinstance(wanted, Wish):
        return wanted
    if wanted.unknown:
        return _cannot_draw(wanted.unknown, context)
    if wanted.upload_wanted:
        chosen = _upload(clause, context, wanted)
        if not isinstance(chosen, Background):
            return chosen
        background = chosen
        if chosen.kind == "video" and has(_HEARD, clause.text):
            background = Background("video", media=chosen.media, volume=percent(clause.text) or 1.0)
    elif wanted.background is not None:
        background = wanted.background
    else:
        return _ask(context)
    return put(clause, context, background, is_default=wanted.is_default)


def put(
    clause: Clause, context: Context, background: Background, *, is_default: bool = False
) -> tuple[Outcome, ...]:
    """Put a background behind the people in the clips that the clause means."""
    taken = (background.media,) if background.media else ()
    stage = stage_for(clause, _without_backdrop(context, background), without=taken)
    if not stage or all(clip.kind == "card" for clip in stage.timeline.clips):
        return nothing_there("edit_background", context)
    edited = edits.set_background(stage.timeline, background, stage.only)
    name = speech.background_name(context, background)
    if edited == context.timeline:
        return told(
            context.say(
                f"The background is already {name}; nothing to change.",
                f"背景已经是{name}了，无需修改。",
            )
        )
    clips = speech.clip_names(context, edited)
    if background.kind == "transparent":
        said = context.say(
            f"I've removed the background from {clips}; it is transparent now.",
            f"已去掉 {clips} 的背景，现在背景是透明的。",
        )
    elif background.kind == "matte":
        said = context.say(
            f"Of {clips} there is only the mask now: white where the person is, black elsewhere.",
            f"{clips} 现在只显示蒙版：人物为白色，其余为黑色。",
        )
    else:
        said = context.say(
            f"I've replaced the background of {clips} with {name}.",
            f"已把 {clips} 的背景换成{name}。",
        )
    if is_default:
        said += context.say(
            " You named no color, so I chose a light neutral grey; name another at any time.",
            "您没有指定颜色，我选了浅灰色，随时可以换成别的颜色。",
        )
    args: dict[str, object] = {"background": background.kind}
    value = background.color or background.scene or background.media
    if value:
        args["value"] = value
    return (did("edit_background", args, edited, said),)


def _without_backdrop(context: Context, background: Background) -> Context:
    """Take the new background off the timeline where it was only put there on upload."""
    timeline: Timeline | None = context.timeline
    item = next((item for item in context.media if item.id == background.media), None)
    others = [other for other in context.media if other.kind == "video" and other != item]
    if item and others and timeline and timeline == edits.timeline_of(item):
        timeline = None
    return Context(context.language, timeline, context.media, context.history)


def _unnamed(clause: Clause, context: Context) -> Wish | tuple[Outcome, ...]:
    """Decide where no target is named: removed, or replaced by the upload, or asked for."""
    text = clause.text
    if has(_SHADE_ONLY, text) and not has(REMOVE, text):
        said = context.say(
            "I can't adjust the background alone. I can replace it, or adjust the whole picture.",
            "我不能单独调整背景，但可以替换背景，或者调整整个画面。",
        )
        return refused("edit_background", {}, said)
    if has(REPLACE, text) and not (
        has(_MATTING, text) or (has(REMOVE, text) and not has(either("change|swap|replace"), text))
    ):
        if any(item.kind == "image" for item in context.media):
            return Wish(upload_wanted=("image",))
        return _ask(context)
    if has(REMOVE, text) or has(_MATTING, text):
        replaced = context.timeline is not None and any(
            clip.background and clip.background.kind in ("blur",) for clip in context.timeline.clips
        )
        if replaced and has(either("blurred|blurry|blur", "模糊|虚化"), text):
            return restore(clause, context)
        return Wish(background=Background("transparent"))
    if has(_KEEPS, text):
        return told(context.say("The background stays as it is.", "背景保持不变。"))
    return _ask(context)


def _upload(clause: Clause, context: Context, wanted: Wish) -> Background | tuple[Outcome, ...]:
    """Return the uploaded picture or video that is to stand behind the person."""
    missing = clause.unknown_files
    candidates = files.of_kind(context.media, wanted.upload_wanted)
    used = {clip.media for clip in context.timeline.clips} if context.timeline else set()
    main = edits.timeline_for(context.media)
    numbered = files.ordinal(clause.plain) is not None
    if "video" in wanted.upload_wanted and not (clause.files or numbered):
        used |= {main.clips[0].media} if main and not used else set()
        candidates = [item for item in candidates if item.kind == "image" or item.id not in used]
    chosen = None if missing else (wanted.named or files.choose(clause, candidates))
    if chosen is None:
        uploads = speech.listed(context, [item.name for item in context.media])
        what = speech.listed(context, missing) or context.say(
            "a picture for the background", "背景图片"
        )
        said = context.say(
            f"I can't find {what} among your uploads"
            + (f" ({uploads})." if uploads else ".")
            + " Upload it first, then ask again.",
            f"在您上传的文件{f'（{uploads}）' if uploads else ''}中找不到{what}，请先上传再试。",
        )
        return refused("edit_background", {"background": "upload"}, said)
    return Background(chosen.kind, media=chosen.id)


def _cannot_draw(words: str, context: Context) -> tuple[Outcome, ...]:
    said = context.say(
        f"I can't draw “{words}” as a background. I can draw these scenes: "
        f"{speech.scene_list(context)}; or use a color, a blur, or a picture that you upload.",
        f"我画不出“{words}”这样的背景。我能画的场景有：{speech.scene_list(context)}；"
        "也可以用纯色、虚化，或者您上传的图片。",
    )
    return refused("edit_background", {"background": words}, said)


def _ask(context: Context) -> tuple[Outcome, ...]:
    said = context.say(
        "What should stand behind the person? Name a color, a blur, an uploaded picture, "
        f"or a scene: {speech.scene_list(context)}.",
        f"想换成什么背景？可以说颜色、虚化、上传的图片，或者场景：{speech.scene_list(context)}。",
    )
    return asked(said, context.say("replace the background with ", "把背景换成"))


RESTORE_BACKGROUND = Intent("restore_background", "background", _matches_restore, restore)
EDIT_BACKGROUND = Intent("edit_background", "background", _matches, _edit)
