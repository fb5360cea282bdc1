"""Reading which background a clause asks for: color, blur, scene, upload, or nothing known.

The difficulty is to tell what is to go ("my white background", "from my office
video") from what is to come ("a white background", "in an office"): what is to
go is blanked out first, and the target is looked for in the rest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import attrs

from nemovideo._support.patterns import lazy
from nemovideo.local.agent.colors import SOLID_DEFAULT, find_colors
from nemovideo.local.agent.files import mentions_stem
from nemovideo.local.agent.message import AUDIO, IMAGE, UNKNOWN_FILE, VIDEO, Clause
from nemovideo.local.agent.words import (
    BACKGROUND,
    PICTURE,
    REMOVE,
    REPLACE,
    UPLOADED,
    VIDEO_NOUN,
    either,
    has,
)
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.timeline import Background

TRANSPARENT = either(
    r"transparen\w+|see[ -]?through|alpha(?: channel)?|(?:no|without|without any|without an?|zero|"
    r"empty) (?:background|backdrop|bg)",
    "透明|镂空|无背景|没有背景",
)
PLACE_PERSON = either(
    r"(?:put|plac\w+|drop|set|seat|sit|mov\w+|tak\w+|transport\w*|teleport\w*|send|bring|have|"
    r"let|show|want)"
    r" (?:me|us|him|her|them|myself|the (?:person|speaker|subject|presenter|man|woman|host)|my \w+)"
    r" (?:\w+ ){0,2}?(?:in|on|at|into|to|inside|onto|against|in front of)|"
    r"(?:look|looks|appear|seem|as if|as though)(?: like| as if| as though)? ?"
    r"(?:i'?m|i am|i were|we'?re|he'?s|she'?s|he is|she is|they'?re|sitting|standing|in|at|on)?"
    r" ?(?:sitting |standing |working |filmed |recorded )?(?:in|on|at|from|inside|to be in)|"
    r"(?:i (?:want|would like|wanna|need) to|i'd like to|i wish i) (?:be|were|was|appear|sit|"
    r"stand|look)",
    "(?:把|让|将|给|使)?[我他她人](?:物|像|们)?(?:看起来|看上去|好像|像是?|想|要)?(?:放到|放在|"
    "放进|放入|置于|出现在|"
    "站在|坐在|身处|处在|移到|在|去(?![掉除])|到|传送到|p到|p进|p在)",
)
_BLUR = either(
    r"blur\w*|bokeh|defocus\w*|out[ -]of[ -]focus|depth of field|portrait mode",
    "虚化|模糊|景深|散景|失焦|虚一?[些点]|变虚|打[个上]?码",
)
_BLUR_ITSELF = either(
    r"bokeh|depth of field|portrait mode|^\W*(?:just |then |please )*blur(?:red)? ?(?:it|this|"
    r"that)?$",
    "虚化|景深|散景",
)
_SCENES = {
    "office": either(
        r"offices?|workplaces?|work ?spaces?|cubicles?|(?:conference|meeting|board) ?rooms?|"
        r"corporate|co-?working",
        "办公|写字楼|会议室|职场|工位|公司",
    ),
    "studio": either(
        r"studios?|news ?room|news desk|broadcast\w*|podcast set|tv set",
        "演播|摄影棚|工作室|录影棚|直播间|录音棚|影棚|摄影室|新闻台",
    ),
    "living room": either(
        r"living[ -]?rooms?|lounge|sitting room|family room|(?:cozy |my )?home|apartment|"
        r"house interior|"
        r"sofa",
        "客厅|起居室|家里|家中|居家|家居|沙发",
    ),
    "beach": either(
        r"beach(?:es|y|side|front)?|sea ?sides?|sea ?shores?|shores?|coast(?:al|line)?|oceans?|"
        r"sea|sands?|sandy|tropical|island|surf",
        "海滩|沙滩|海边|海岸|大海|海景|海洋|海滨|海",
    ),
    "city": either(
        r"city(?:scape|scapes)?|cities|sky ?lines?|down ?town|urban|town|metropolis|metropolitan|"
        r"streets?|sky ?scrapers?|manhattan|new york",
        "城市|都市|街景|街道|街头|天际线|市区|市中心|高楼|大街|摩天|闹市",
    ),
}
_SOLID = either(
    r"(?:solid|plain|flat|single|uniform|simple|neutral|blank|clean|pure|any|some|a|one)[ -]"
    r"(?:neutral[ -]|single[ -]|solid[ -]|plain[ -])?(?:colou?r\w*|backgrounds?|backdrops?|fill|"
    r"tone)|colou?r fill|"
    r"solid|monochrome|single-colou?red",
    "纯色|单色|纯的|某种颜色|一种颜色|素色|底色",
)
_SIGN = f"[{VIDEO}{IMAGE}{AUDIO}]+"
_STOP = (
    r"(?=\s(?:with|to|and|then|into|by|as|so|mak\w+|us(?:e|ing)|put\w*|instead|please)\s|"
    r"[,.;:!?\n]|\s*$)"
)
_OWNED = (
    r"(?:the|my|this|that|his|her|our|their|its|your|whole|entire|all|any|current|existing|"
    r"original|old)"
)
_SOURCES = tuple(
    lazy(pattern)
    for pattern in (
        # "remove the messy white background (from my office interview)"
        (
            r"(?<![a-z])(?:remov|delet|eras|eliminat|strip|get rid|cut|tak|key|clear|drop|"
            r"ditch|los|"
            r"wip|"
            r"hid|discard|isolat|knock|mask)\w*"
            r"(?: (?!with|to|into|and|but|for|put|use)[\w'-]+){0,6}? ?"
            rf"{BACKGROUND}(?: (?:from|of|in|on|for|behind|around|out)\b.*?{_STOP})?"
        ),
        # "replace my living room background (in talk.mp4)", but not "change to a beach background"
        (
            rf"(?<![a-z])(?:replac|chang|swap|switch|exchang|turn|convert|transform|alter)"
            r"\w*(?: out)?"
            rf"(?: {_OWNED})*(?<! a)(?: (?!with|to|into|and|an?(?![a-z])|in(?![a-z])|it(?![a-z])|"
            rf"for)[\w'-]+){{0,4}}? "
            rf"{BACKGROUND}(?: (?:from|of|in|on|behind|around|out)\b.*?{_STOP})?"
        ),
        (
            rf"(?<![a-z]){_OWNED} (?:[\w'-]+ ){{0,3}}?{BACKGROUND} "
            rf"(?:of|from|in (?:my|the|this|that)) .*?{_STOP}"
        ),
        # "cut me out of my kitchen"
        r"(?<![a-z])(?:cut|isolat|extract|separat|key|mask|crop)\w* [\w ]{1,30}?(?:of|from) .*?"
        + _STOP,
        # "in my office video"
        (
            rf"(?<![a-z])(?:in|from|of|on|for|to) (?:my|this|the|that|our|these|his|"
            rf"her) (?:[\w'-]+ ){{0,4}}?"
            rf"(?:{VIDEO_NOUN}|interview|talk|speech|vlog|podcast|webinar|lecture|presentation|selfie)"
        ),
        (
            rf"(?<!with )(?<!to )(?<!use )(?<!using )(?<!into )(?<!as )(?<![a-z])"
            r"(?:my|this|our|that|"
            rf"these)"
            rf" (?:[\w'-]+ ){{0,4}}?{VIDEO_NOUN}"
        ),
        (
            r"(?:^|(?<=[,。;.!]))(?:请|帮我|帮忙|麻烦|你|我想|我要|想|能不能|能否|可以|可不可以)*"
            r"(?:把|将)?[^,。;换改变设用成让做]{0,24}?(?:背景|身后|后面)"
            r"(?=的?[^,。;]{0,4}(?:去|删|移|抠|换|改|变|替|设|弄|做|模糊|虚化|调|清|消|都|全|拿|抹|"
            r"除))"
        ),
        r"(?:把|将)[^,。;放当作成用p]{0,24}?(?:背景|身后|后面)",
        (
            r"(?:去掉|去除|移除|删除|删掉|删去|抠掉|抠除|消除|清除|拿掉|抹掉|除去|替换掉?|换掉|更换|"
            r"改变|不要|去)"
            r"[^,。;成为用]{0,15}?(?:背景|[绿蓝][幕屏布]|底(?!色))"
        ),
        "抠图|抠像|扣图|扣像",
        rf"(?:这个|我的|这段|这条|那个|从|在)[^,。;背换改变成]{{0,12}}?{VIDEO_NOUN}",
    )
)
_TARGET_BEFORE = lazy(
    r"(?:with|to|into|us(?:e|ing)|put|place|set|add|apply|play|have|want|behind|in|by|as|is|be|"
    r"换成|换为|换上|换|用|改成|改为|变成|替换成|替换为|替换|使用|设为|设成|作为|放|为|成|加)"
    r"\W*(?:(?:the|my|a|an|this|uploaded|video|file|clip|picture|image|上传的?|我的|视频|文件|"
    r"图片)\W*)*$"
)
_TARGET_AFTER = lazy(
    r"^\W*(?:for|as|behind|instead|in the back|作|做|当|设|成为|来|替|to replace|background|背景)"
)
_UNKNOWN_PATTERNS = tuple(
    lazy(pattern)
    for pattern in (
        r"(?<![a-z])(?:with|into|to|by|for)(?![a-z]) (?P<it>.+?)(?: as | instead|[,.;!?\n]|$)",
        (
            r"(?<![a-z])(?:using|use|set|add|put|place|give|want|need|like|have|make|try|choose|"
            r"apply)(?![a-z])"
            r"(?: (?:me|it|in|up|there|to|the video))* (?P<it>.+?)(?: as | instead| behind| for |"
            r"[,.;!?\n]|$)"
        ),
        (
            r"(?:换成|换为|换上|换到|换作|改成|改为|改用|变成|变为|替换成|替换为|替代为|设为|设成|"
            r"设置为|设置成|弄成|做成|"
            r"使用|用|加上|加|换个|换一?[张个]?|搞个|来个|要)(?P<it>[^,。;!?]+?)"
            r"(?:做|作为|当|来|替换|代替|的?背景|吧|[,。;!?]|$)"
        ),
        rf"(?<![a-z])(?P<it>[a-z][a-z '-]*?) {BACKGROUND}",
        rf"{BACKGROUND}(?: (?:should be|is|be|as|to))? ?:? ?(?P<it>.+?)(?:[,.;!?\n]|$)",
    )
)
_PLACE_UNKNOWN = lazy(
    rf"{PLACE_PERSON}\s*(?P<it>.+?)(?:[里中上]?(?:[,.;!?。\n]|$)| (?:please|instead|behind))"
)
_FILLER = lazy(
    r"(?<![a-z])(?:an?|the|some|my|new|it|this|that|of|background|backdrop|bg|please|scene|setting|"
    r"instead|thanks|thank you|one|there|now|behind|me|as|for|picture|image|photo|view|with|"
    r"can|could|you|would|i|we|want|use|make|add|put|give|set|have|need|like|just|also|nice|"
    r"like|'d|look|more|video|clip)(?![a-z])|背景|场景|的|一个|一张|个|张|吧|请|了|样子|画面"
)
_VAGUE = lazy(
    r"^(?:something.*|everything.*|all.*|disappear|vanish|gone|go away|anything.*|another.*|"
    r"different.*|whatever.*|else|other|better|good|cool|nicer|be.*|"
    r"look.*|match.*|fit.*|professional|beautiful|better|nice|别的|其他|其它|另外?|好看|新|更.*|"
    r"漂亮|专业|掉|一下|"
    r"\W*)$"
)
_COLOR_FILLER = (
    r"(?:[\s-]*(?:solid|plain|pure|flat|colou?red|colou?r|background|backdrop|bg|screen|wall|tone|"
    r"shade|canvas|fill|one|instead|please|now|only|thanks|behind|me|it|style|gradient(?=x)|"
    r"studio|paper|seamless)"
    r"(?![a-z]))*"
)
_COLOR_ENDS = lazy(
    _COLOR_FILLER
    + r"[\s-]*(?:$|[^\w\s]|(?:so|for|like|because|that|which|while|and|or|with|from|in|"
    r"on|to|as|of|if|then|when|but|is|at|by|using|would|should|here|everywhere|everything|around|"
    r"again|not|rather|than|the|throughout|during|all|you|thank)(?![a-z])"
    r"|的?\W*$|的?[背底幕墙屏色吧了就好作做当来即替代换并谢嘛呢哦啊吗系风调试看行可会更再然把让给加剪和])"
)


@attrs.frozen
class Wish:
    """What a clause wants behind the person.

    `background` if it is settled; `upload_wanted` are the kinds of upload to
    choose from, `named` the one that was named; `unknown` are words that name
    nothing known. `is_default` marks a color that nobody named.
    """

    background: Background | None = None
    unknown: str | None = None
    upload_wanted: tuple[str, ...] = ()
    named: MediaItem | None = None
    is_default: bool = False


def blurs(text: str) -> bool:
    """Return whether the text asks for a blur of what is behind, and of nothing else."""
    return has(_BLUR_ITSELF, text) or (has(_BLUR, text) and has(BACKGROUND, text))


def resolves(clause: Clause) -> bool:
    """Return whether the clause names a background that is known, whatever its verb."""
    found = wish(clause, ())
    return found is not None and found.unknown is None


def wish(clause: Clause, backdrops: Sequence[MediaItem]) -> Wish | None:
    """Return the background that the clause names, None where it names none.

    `backdrops` are the uploads that could be one.
    """
    rest = without_source(clause.plain)
    return (
        _named_file(clause, rest)
        or _effect(clause, rest)
        or _upload(rest)
        or _drawn(rest)
        or _by_stem(rest, backdrops)
        or _unknown(clause, rest)
    )


def without_source(text: str) -> str:
    """Return the text with the words about the present background and video blanked out."""
    for pattern in _SOURCES:
        text = pattern.sub(lambda found: " " * len(found[0]), text)
    return text


def _named_file(clause: Clause, rest: str) -> Wish | None:
    runs = list(re.finditer(_SIGN, clause.plain))
    for run, item in zip(runs, clause.files, strict=False):
        if rest[run.start()] != clause.plain[run.start()] or item.kind == "audio":
            continue
        is_target = _TARGET_BEFORE.search(rest[: run.start()]) or _TARGET_AFTER.search(
            rest[run.end() :]
        )
        if item.kind == "image" or is_target:
            return Wish(upload_wanted=("image", "video"), named=item)
    return Wish(upload_wanted=("image", "video")) if UNKNOWN_FILE in rest else None


def _effect(clause: Clause, rest: str) -> Wish | None:
    if has(TRANSPARENT, rest) or has(TRANSPARENT, clause.plain):
        return Wish(background=Background("transparent"))
    return Wish(background=Background("blur")) if has(_BLUR, rest) else None


def _upload(rest: str) -> Wish | None:
    if has(PICTURE, rest) and (has(UPLOADED, rest) or not _scene(rest)):
        pictured = has(
            either(r"(?:picture|image|photo|pic)s? of (?!mine|me)\w+", "的(?:图片|照片|图)"), rest
        )
        if has(UPLOADED, rest) or not pictured:
            return Wish(upload_wanted=("image",))
    found = re.search(VIDEO_NOUN, rest)
    if found and (_TARGET_BEFORE.search(_plain_noun(rest[: found.start()])) or has(UPLOADED, rest)):
        return Wish(upload_wanted=("video",))
    if has(either("uploaded|upload|attached", "上传"), rest):
        return Wish(upload_wanted=("image", "video"))
    return None


def _plain_noun(before: str) -> str:
    """Return the text before a noun without the words that only describe it."""
    return re.sub(
        r"(?:(?:other|second|first|last|another|new|background|第.个|另一个|另外的|背景)\s*)+$",
        "",
        before,
    )


def _drawn(rest: str) -> Wish | None:
    scene = _scene(rest)
    for color in find_colors(rest):
        if _COLOR_ENDS.match(rest[color.end :]) and (not scene or color.start < scene[1]):
            return Wish(background=Background("color", color=color.value))
    if scene:
        return Wish(background=Background("scene", scene=scene[0]))
    if has(_SOLID, rest):
        return Wish(background=Background("color", color=SOLID_DEFAULT), is_default=True)
    return None


def _scene(rest: str) -> tuple[str, int] | None:
    for scene, pattern in _SCENES.items():
        found = re.search(pattern, rest)
        if found:
            return scene, found.start()
    return None


def _by_stem(rest: str, backdrops: Sequence[MediaItem]) -> Wish | None:
    for item in backdrops:
        if item.kind == "image" and mentions_stem(rest, item):
            return Wish(upload_wanted=("image",), named=item)
    return None


def _unknown(clause: Clause, rest: str) -> Wish | None:
    """Return what is asked for and not known: only where something is asked for at all."""
    placed = _PLACE_UNKNOWN.search(rest)
    asking = _REPLACING if has(REMOVE, clause.text) else _ASKING
    patterns = _UNKNOWN_PATTERNS if has(asking, rest) or has(REPLACE, clause.text) else ()
    for found in (placed, *(pattern.search(rest) for pattern in patterns)):
        if not found:
            continue
        words = " ".join(_FILLER.sub(" ", found["it"]).split()).strip(" '\"“”‘’「」《》-:")
        if words and not _VAGUE.match(words):
            start = clause.plain.find(found["it"].strip())
            raw = clause.raw[start : start + len(found["it"].strip())] if start >= 0 else words
            return Wish(unknown=raw.strip(" '\"“”‘’「」《》-:"))
    return None


_REPLACING = either(r"us(?:e|ing)|add|put|place|set|make|apply|should be", "用|加|放|设|变|做")
_ASKING = (
    f"(?:{REPLACE}|"
    + either(
        r"us(?:e|ing)|add|put|place|give|want|set|try|make|apply|have|need|should be",
        "用|加|放|设|变|做|弄|要|来个",
    )
    + ")"
)
