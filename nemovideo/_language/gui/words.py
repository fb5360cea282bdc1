"""The words by which a backend that believes in a screen talks about its buttons.

Every pattern looks at one clause of a masked sentence (see `sentences.py`),
and most are anchored where a clause begins: what decides is whether somebody is
*told to do* something on a screen, not whether a word such as "click" occurs.
All quantifiers over free text are bounded, so that the work stays linear.
"""

from __future__ import annotations

import enum
import re

from nemovideo._language.gui import chinese as zh
from nemovideo._language.gui import english as en
from nemovideo._language.gui.sentences import LINK, QUOTED, compile_words
from nemovideo._support.patterns import lazy
from nemovideo.models import GuiAction


class Kind(enum.Enum):
    """What a clause is, by its beginning."""

    INSTRUCTION = "instruction"
    TAIL = "tail"
    """A phrase that hangs on the clause before it: "by clicking Export"."""
    OPENING = "opening"
    """Goes with the clause that follows it: "When you are ready, …", "Choose MP4, …"."""
    TALK = "talk"
    """The agent speaks of itself or to the person: "I also …", "let me know …"."""
    OTHER = "other"


# --- What a clause is -------------------------------------------------------------------------

BOUNDARY = lazy(
    r"\s{0,4}(?:[;；—–]|\s--?\s|[,，]|：|:(?=\s|$)|、(?=请|点击|打开|拖))\s{0,4}"
    r"|(?<!\s)\s{1,4}(?=(?:and|or|but|so|then|which|that|where|by|via|through|using|from|to|for"
    r"|with|under|in|just|simply|please|after)\s)"
    r"|(?<=[\u4e00-\u9fff”」】])(?<![请您你可以先再并后接需能也还就便在即处双右键且])"
    r"(?=(?:并且?|然后|再|之后|接着|且|即可|请|您可以|你可以|可以?){1,2}(?:点击|单击|双击|打开"
    r"|前往)|(?:请|您可以|你可以|并可以?)(?:将|把|导出|下载|拖|预览|在)|并(?:将|把|导出|下载|拖))",
    re.IGNORECASE,
)
_HARD = lazy(r"[;；—–]|\s-\s|\bbut\b|不过|但")
CONNECTIVE = compile_words(
    r"(?:(?:and|or|but|so|then|also|otherwise|alternatively|plus|instead)\b,? ?|(?:或者|或|并且"
    r"|而且|并|同时|但是|但|不过)[，,]? ?"
    r"|[,，;；:：—–-] ?)+"
)
FACT = compile_words(r"(?:now that|since|because) (?=\w)|(?:既然|由于|因为)")
TRIGGER = compile_words(
    r"click|轻触|长按|ctrl|\btabs?\b|\bgo to\b|credits?|subscription| > |tap|press|hit|drag|drop"
    r"|open|preview|export|download|panel|button|menu|timeline|account"
    r"|billing|icon|window|page|toggle|workspace|dashboard|player|shortcut|properties|playhead"
    r"|browser|slider|sidebar|toolbar|library|editor|save|inspector|settings|[点单双右]击|点按|轻点"
    r"|按|打开|展开|进入|前往"
    r"|切换|拖|预览|导出|下载|面板|按钮|库|设置|编辑|右上角|窗口|播放|图标|面|界|属性|选项|账|帐"
    r"|余额|积分|时间线|时间轴|菜单|点|保存|滑"
)
"""Where it does not occur, nothing is taken out."""
_CONTENT_LABEL = compile_words(
    r"(?:title|text|caption|subtitle|overlay|lyrics?|cta|narration|voice-?over|script|says?|reads?"
    r"|saying|reading|called|named|slogan"
    r"|tagline|heading|headline|scene ?\d*|shot ?\d*|clip ?\d*|line ?\d*|标题|文字|字幕|文案|台词"
    r"|歌词|旁白|配音|内容|镜头 ?[\d一二三四五六七八九十]*|写着|场景 ?[\d一二三四五六七八九十]*)$"
)
"""What ends so before a colon quotes what comes after it."""
_OWN_DEED = compile_words(
    r"\b(?:i'll|i will|i can|i could|i would|i'd|i'm going to|i am going to|let me(?! know)|we'll"
    r"|we will|we can|shall i|should i"
    r"|would you like|want me|like me|do you want|allow me|me to)\b"
)
"""The agent offers to do it itself, so that bare verbs after it are its own deeds."""
_SOMEBODY = compile_words(
    r"\b(?:to|can|will|would|could|must|should|they|she|he|people|users?|viewers?|where|who|how"
    r"|hands?|see)\b"
)
_FINITE = compile_words(
    r"\b(?:has been|have been|was|were|already|(?:is|are|has|have) now|now (?:is|are|has|have))\b"
    r"|已|了$|为"
)
_FUTURE = compile_words(
    r"\b(?:will|should|would|can|could|may|might|going to)\b|'ll\b|会|将|即可|就|可以|便"
)

_INSTRUCTION = compile_words(
    rf"{en.LEAD}(?:{en.MODAL}{en.OFFERED}|{en.TOLD}|(?:if|when|once|after|as soon as"
    rf"|whenever) you (?:{en.CLICK}|{en.OPEN}|{en.DRAG})|{en.SCREEN_SUBJECT}|{en.PASSIVE})"
    rf"|{zh.LEAD}(?:{zh.DEED}|{zh.SUBJECT})|{zh.FAR_DEED}"
)
_OFFER = compile_words(
    rf"{en.LEAD}(?:export|download|preview|save|render)\b|(?:现在|立即|直接|马上|是否|要)*(?:导出"
    rf"|下载|预览)"
)
_BARE = compile_words(rf"{en.LEAD}{en.TOLD}")
_TAIL = compile_words(en.TAIL)
_OPENING = compile_words(rf"{en.LEAD}(?:{en.OPENING}|{en.MODAL}{en.CHOICE})|{zh.LEAD}{zh.OPENING}")
CHOICE = compile_words(rf"{en.LEAD}{en.CHOICE}|{zh.LEAD}(?:选择|选中|勾选|输入)")
"""A step that says what to choose, which alone could be a question to the person."""
_TALK = compile_words(rf"{en.LEAD}{en.TALK}|{zh.TALK}")
_NOT_AN_INSTRUCTION = compile_words(
    rf"{en.LEAD}(?:exporting|downloading|rendering|saving|previewing|opening|pressing|tapping"
    rf"|hitting|checking|finding|viewing|watching|playing|adjusting|adding|showing|moving|using"
    rf"|selecting)\b"
    r"|(?:是否|要不要|需要我|我)"
)
_NEWS_FIRST = compile_words(  # "At the end the logo fades in", "最后三秒已删除"
    rf"{en.LEAD}(?:in the|on the|at the|from the|under the|inside the|with the|for"
    rf"|there)\b[^,;]{{0,80}}?"
    r"\b(?:is|are|was|were|has|have|had|been|fades?|starts?|appears?|plays?|shows?|ends?|stays?"
    r"|gets?|added|removed)\b"
    rf"|{zh.LEAD_WORD}{{0,3}}(?:在|从|最后|首先|先|结尾|开头|接下来|之后"
    rf"|当)[^，,；;。！？!?]{{0,40}}?(?:已|被|了)(?!解|的话)"
)
_CHOOSES_EXPORT = compile_words(
    rf"{en.LEAD}(?:choose|select|pick) (?:export|download)\b|{zh.LEAD_WORD}{{0,4}}选择?(?:导出"
    rf"|下载)"
)
_REACH = 400
_WORDLESS = lazy(rf"[^\w{QUOTED}{LINK}]{{60}}")


def kind(words: str, start: int, end: int) -> tuple[Kind, int]:
    """Tell what the clause is that begins at `start`, in a sentence that ends at `end`.

    Returns:
        Its kind, and how far the words go that make it so: no clause begins within them.
    """
    if _WORDLESS.match(words, start):
        return Kind.OTHER, start
    clause = words[start : min(end, start + _REACH)]
    if not _NOT_AN_INSTRUCTION.match(clause) and not zh.NO_DEED.match(clause):
        for found, pattern in ((Kind.TAIL, _TAIL), (Kind.INSTRUCTION, _INSTRUCTION)):
            if match := pattern.match(clause):
                return found, start + match.end()
    if _TALK.match(clause):
        return Kind.TALK, start
    if _NEWS_FIRST.match(clause):
        return Kind.OTHER, start
    if _OPENING.match(clause) or zh.OPENING_CLAUSE.match(clause):
        return Kind.OPENING, start
    return Kind.OTHER, start


def is_offer(words: str, start: int) -> bool:
    """Whether an instruction with a question mark is an offer: "Export now?"."""
    return _OFFER.match(words, start) is not None


def chooses_export(words: str) -> bool:
    """Whether a step says to choose the export itself: "choose Download"."""
    return _CHOOSES_EXPORT.match(words) is not None


def quotes_content(words: str, start: int, mark: int, after: int) -> bool:
    """Whether a colon begins the words of a title, a subtitle, a scene: "Title: Click here"."""
    return words[mark:after].strip() in (":", "：") and bool(
        _CONTENT_LABEL.search(words, max(start, mark - 40), mark)
    )


def is_own_deed(words: str, mark: int, start: int) -> bool:
    """Whether a bare verb after a conjunction tells what somebody else does.

    "I'll add music and export the video" is the agent's own deed, and "how to
    open the app and click the icon" is a video's subject.
    """
    before = words[max(0, mark - _REACH) : mark]
    if zh.OWN_DEED.search(before):
        return not zh.ADDRESSED.match(words, start)
    if not _BARE.match(words, start):
        return False
    return bool(_OWN_DEED.search(before)) or (
        words[mark:start].isspace() and bool(_SOMEBODY.search(before))
    )


def is_news(words: str, mark: int, start: int, end: int) -> bool:
    """Whether a clause after an instruction tells something new, and not what will follow."""
    clause = words[start : min(end, start + _REACH)]
    if _FUTURE.search(clause):
        return False
    return bool(_HARD.search(words[mark:start]) or _FINITE.search(clause))


# --- Which action an instruction means ---------------------------------------------------------

_BEFORE_EXPORT = compile_words(
    r"\b(?:before|prior to|until|after) (?:you )?(?:\w+ )?(?:export|download|render)\w*"
    r"|(?:before|prior to) (?:the )?(?:final )?(?:export|download)|(?:导出|下载)(?:之?前|以前|后)"
)
_MEANS_CREDITS = compile_words(rf"\b{en.ACCOUNT}|top up|{zh.ACCOUNT}|充值")
_MEANS_EXPORT = compile_words(
    rf"\bexport|\bdownload(?!s? folder)|\bsave\b(?={en.NEAR}{en.DEVICE})|导出|下载|保存到(?:本地"
    rf"|电脑|手机|相册|桌面|您|你)|\bsave (?:it|the video|your video|the file)\b|render (?:it|the"
    rf"|your) ?(?:video)?"
)
_MEANS_DRAG = compile_words(
    r"\bdrag|\bdrop(?:ping)? |\bsliders?\b|\bslid(?:e|ing)\b|\bresiz|\brearrang|\breorder|\bpull|拖"
    r"|滑动|拉动"
    rf"|\b{en.ADJUST}(?={en.NEAR}\b(?:sliders?|handles?|timeline|playhead|inspector|properties"
    rf"|panel|editor))|更改|调整|调节|修改|编辑|微调|裁剪|分割|更换|替换"
)
_MEANS_SUMMARY = compile_words(
    rf"\bpreview(?! (?:panel|tab|menu)s?\b)|\b(?:play|watch|see|view|check|review|look"
    rf"|scrub)\w*\b(?={en.NEAR}\b(?:timeline|player|preview))"
    r"|(?:时间线|时间轴|预览|播放器)[^，。]{0,8}?(?:查看|观看|播放|看)|\b(?:press|hit|click"
    r"|tap)\w* (?:on )?(?:the )?(?:\W)?(?:play|space)|预览|(?:播放|观看|查看|检查"
    r"|看)(?=[^，。]{0,20}(?:时间线|时间轴|预览|播放器))|(?:点击|按下?|点按?|轻点)[^，。]{0,3}播放"
)
_MEANS_OPEN = compile_words(
    rf"\b(?:open|go|head|navigate|switch to|find|access|expand|visit|return|bring up|pull up|see"
    rf"|view|look|locate|check|launch|browse|explore|show)\w*\b|{zh.OPEN}|打开|查看|找到|看到|浏览"
    rf"|访问"
)
_OPENS_FIRST = compile_words(r"(?!.{0,200}预览)[^，。]{0,12}?(?:打开|进入|展开|前往)")
_MEANS_CLICK = compile_words(rf"click|\btap|\bpress|\bhit\b|{zh.CLICK}")
_MERE_PLACE = compile_words(
    r"^\W*(?:\w+ ){0,3}(?:go|head|look|scroll|move|navigate)\b[^,]{0,40}(?:corner|top|bottom|right"
    r"|left)\W*$"
)
_VERBS = (
    (_MEANS_CLICK, GuiAction.CALL_API),
    (_MEANS_DRAG, GuiAction.EDIT),
    (_MEANS_OPEN, GuiAction.SHOW_STATE),
)


def action(words: str, raw: str) -> GuiAction | None:
    """Return the action that an instruction means, if any (docs/protocol.md §9).

    Args:
        words: The masked clause.
        raw: The clause as it was written, since the names of buttons are often quoted.
    """
    raw = _BEFORE_EXPORT.sub("", raw)
    if _MEANS_DRAG.search(words) and re.search(r"drag|drop|拖|滑动", words, re.IGNORECASE):
        return GuiAction.EDIT
    for means, found in (
        (_MEANS_CREDITS, GuiAction.CREDITS),
        (_MEANS_EXPORT, GuiAction.EXPORT),
        (_MEANS_SUMMARY, GuiAction.SUMMARY),
    ):
        if means.search(raw) and not (found is GuiAction.SUMMARY and _OPENS_FIRST.match(words)):
            return found
    if _MERE_PLACE.search(words):
        return None
    verbs = [(match.start(), found) for means, found in _VERBS if (match := means.search(words))]
    return min(verbs, key=lambda verb: verb[0])[1] if verbs else GuiAction.CALL_API
