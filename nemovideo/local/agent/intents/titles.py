"""Words over the picture: added, changed, removed."""

from __future__ import annotations

import re

from attrs import evolve

from nemovideo.local.agent import speech
from nemovideo.local.agent.colors import find_colors
from nemovideo.local.agent.context import Context, Intent, Outcome, did, refused, told
from nemovideo.local.agent.message import QUOTE, Clause
from nemovideo.local.agent.stage import nothing_there, stage_for
from nemovideo.local.agent.timing import position, says_when, when, without_when
from nemovideo.local.agent.words import (
    ADD,
    BACKGROUND,
    MUSIC,
    REMOVE,
    REPLACE,
    TITLE,
    either,
    has,
    verbs,
)
from nemovideo.local.timeline import Timeline, Title

DEFAULT_MS = 3000

_LOW = either(r"sub-?titles?|captions?|lower[ -]third|sub-?titling", "字幕")
_CHANGE = either(
    rf"{verbs('change rename edit update move replace reposition extend modify swap turn make')}|"
    rf"make|set|last|should",
    "改|换|移|更新|修改|变成|替换|延长|挪|调",
)
_WRITE = either(
    rf"{verbs('write type print overlay caption display show')}|wrote|written|(?:say|read)(?:s|"
    rf"ing)?",
    "写|打上|打出|显示|字样|叠加",
)
_SAYING = re.compile(
    r"(?<![a-z])(?:that says|that reads|which says|which reads|saying|says|say|reading|reads|"
    r"read|called|titled|entitled|named|"
    r"with the (?:text|words?|title|caption|content)|with text|should be|to be|"
    r"is)(?![a-z])(?: that)?\s*[:,]?\s*(?P<it>.+)$"
)
_COLON = re.compile(
    r"(?<![a-z])(?:titles?|texts?|captions?|sub-?titles?|headings?|headlines?|"
    r"words)(?: \w+){0,5}? ?[:=-]\s*(?P<it>.+)$"
)
_AFTER_NOUN = re.compile(
    r"(?<![a-z])(?:add|put|insert|show|display|write|overlay|include|create|give|have|make|want|"
    r"need|with|use)\b(?: (?:in|it|me|on))?(?: (?:a|an|the|some|my))*(?: \w+)? ?"
    r"(?:title|text|caption|subtitle|heading|headline|words|label|banner|"
    r"text overlay)s?(?: (?:text|overlay|card|of))*\s+"
    r"(?!at |on |in |from |for |to |please|over |near |with |and |that |of |as |overlay|during|"
    r"which|about |above |below |under |between )(?P<it>.+)$"
)
_BEFORE_NOUN = re.compile(
    r"(?<![a-z])(?:add|put|insert|show|display|write|overlay|include|type|print|use|place)(?:s|"
    r"ing)?\s+(?:the (?:words?|text|phrase)\s+)?(?P<it>.+?)\s+"
    r"(?:as|for|on|onto|over|across|at|in|to) (?:the |a |an |my )?(?:very |main )?(?:title|"
    r"caption|subtitle|text|heading|headline|"
    r"screen|video|clip|top|bottom|center|centre|middle|picture|label|footage|lower|upper|"
    r"beginning|start|end).*$"
)
_WRITTEN = re.compile(
    r"(?<![a-z])(?:write|writing|type|caption it|title it|call it|name it)\s+(?P<it>.+)$"
)
_TO = re.compile(r"(?<![a-z])(?:to|into|with)\s+(?:say\s+|read\s+)?(?P<it>.+)$")
_CHINESE = (
    re.compile(
        r"(?:标题|字幕|文字|片名|文本|文案|题目|标语|[行句段个]字)(?:的?内容|文字)?(?:是|为|"
        r"叫做?|写着?|改成|改为|换成|换为|变成|:|设为|设成)+\s*(?P<it>.+)$"
    ),
    re.compile(
        r"(?:写上|写着|写|打上|打出|显示|内容(?:是|为)|叫做?|名为)(?:文字|字幕|标题|"
        r"字)?:?\s*(?P<it>.+)$"
    ),
    re.compile(
        r"(?:加上?|添加|加入|插入|放上?|用|以)一?个?(?P<it>[^,。;]+?)(?:这[几个]*字)?(?:做|作为?|"
        r"当|为|的)?(?:标题|字幕|文字|字样|片名|大字)"
    ),
    re.compile(
        r"(?:加上?|添加|加入|插入|放上?|配上?)一?[个行段条]?(?:主|副|大)?(?:标题|字幕|文字|片名|"
        r"大字)[,:\s]*(?P<it>.+)$"
    ),
)
_CHINESE_TAIL = re.compile(
    r"[,\s]*(?:在|放在?|放到|持续|显示|从|位置|位于|时长)?(?:视频|画面|"
    r"屏幕)?(?:的)?(?:最?(?:顶部|底部|上方|下方|中间|中央|居中|上面|下面|左|右|开头|结尾|末尾|最后)"
    r"|[\d一二三四五六七八九十两半]+\s*(?:秒|分)|第?\d).*$"
)
_EMPTY = re.compile(
    r"^(?:\W|(?:a|an|the|some|it|to|title|text|caption|please)(?![a-z])|"
    r"[吧一个下上去我的请好吗在和了大主新中英文行段些])*$"
)
_STYLE = either(
    "font|bold|italic|big(?:ger)?|large(?:r)?|small(?:er)?|size|animated?|shadow|gradient|neon",
    "字体|加粗|斜体|字号|大小|动画|阴影",
)
_LOOK = either("fonts?|colou?rs?|sizes?|styles?|typefaces?", "字体|字号|颜色|大小|样式|风格")
_INTO = either("to|into|say|says|read|reads|saying|reading", "写|内容|文字是|文字为")


def text_of(clause: Clause) -> str | None:
    """Return the words that are to be shown, as they were typed: quoted, or after "saying"."""
    if clause.quotes:
        return clause.quotes[-1]
    text = clause.plain
    english = (_SAYING, _COLON, _AFTER_NOUN, _BEFORE_NOUN, _WRITTEN)
    for pattern in (*english, *_CHINESE):
        found = pattern.search(text)
        if not found:
            continue
        words = without_when(found["it"])
        if pattern in _CHINESE:
            words = _CHINESE_TAIL.sub("", words)
            words = re.sub(r"(?:的?(?:标题|字幕|文字|字样|大字)|吧|好吗)+$", "", words)
        start = found.start("it")
        shown = clause.raw[start : start + len(words)].strip(" \t\n:：,，。.;；、-")
        if not _EMPTY.match(shown.lower()):
            return " ".join(shown.split())
    return None


def is_addition(clause: Clause) -> bool:
    """Return whether the clause asks for new words on the picture."""
    text = clause.text
    if has(TITLE, text):
        return (
            has(ADD, text)
            or QUOTE in text
            or has(_WRITE, text)
            or has(either("titled|entitled|make|create|generate", "[:是为]|做|来"), text)
        )
    if QUOTE in text:
        return (
            (has(f"{ADD}|{_WRITE}", text) or position(text) is not None)
            and not has(BACKGROUND, text)
            and not has(MUSIC, text)
        )
    return (
        has(
            either(
                r"writ(?:e|ing)|type|caption (?:it|this)|title it", "写上|写着|打上|打出|写[一-鿿]"
            ),
            text,
        )
        and text_of(clause) is not None
    )


def _matches_removal(clause: Clause) -> bool:
    text = clause.text
    if not has(TITLE, text) and not (QUOTE in text and has(r"delet|remov|去掉|删|移除", text)):
        return False
    return (
        has(REMOVE, text)
        and not has(
            either("without|change|replace|instead|rename|add|write", "改成|改为|换|加(?!的|了)"),
            text,
        )
        and not has(either(r"remove \w+ background", "背景"), text)
    )


def _remove(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    timeline = context.timeline
    if timeline is None or not timeline.titles:
        return refused(
            "remove_title", {}, context.say("There is no title to remove.", "没有可以删除的标题。")
        )
    gone = _meant(clause, timeline)
    if not gone:
        said = context.say("There is no such title.", "没有这样的标题。")
        return refused("remove_title", {}, said)
    edited = evolve(
        timeline, titles=tuple(t for i, t in enumerate(timeline.titles) if i not in gone)
    )
    words = speech.listed(context, [f"“{timeline.titles[i].text}”" for i in gone])
    said = context.say(f"I've removed the title {words}.", f"已删除标题{words}。")
    return (did("remove_title", {"text": [timeline.titles[i].text for i in gone]}, edited, said),)


def _meant(clause: Clause, timeline: Timeline) -> list[int]:
    """Return the places of the titles that a clause speaks of."""
    every = list(range(len(timeline.titles)))
    if clause.quotes:
        quoted = {words.casefold() for words in clause.quotes}
        return [i for i in every if timeline.titles[i].text.casefold() in quoted]
    where = position(clause.text)
    low = [i for i in every if timeline.titles[i].position == "bottom"]
    if has(_LOW, clause.text) and low:
        return low
    if where:
        return [i for i in every if timeline.titles[i].position == where] or every
    if has(either("titles?|headings?|headlines?", "标题"), clause.text) and len(low) < len(every):
        return [i for i in every if i not in low]
    return every


def _matches_change(clause: Clause) -> bool:
    text = clause.text
    if not has(TITLE, text) or not has(_CHANGE, text):
        return False
    if has(BACKGROUND, text) or has(
        either("add|insert|another|create|make a|make an", "加(?!的|了|长)|添"), text
    ):
        return False
    make = has(either("make|set|turn"), text)
    return not make or has(either("the|it|my|this|that"), text)


def _change(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    timeline = context.timeline
    if timeline is None or not timeline.titles:
        if text_of(clause):
            return _add(clause, context)
        said = context.say("There is no title to change.", "没有可以修改的标题。")
        return refused("edit_title", {}, said)
    meant = (
        _meant(clause, timeline) if len(clause.quotes) != 1 else list(range(len(timeline.titles)))
    )
    index = meant[-1] if meant else len(timeline.titles) - 1
    old = timeline.titles[index]
    new_text = None if _is_of_look(clause) else _new_text_of(clause)
    new = evolve(old, text=new_text or old.text, position=position(clause.text) or old.position)
    if says_when(clause.text):
        timed = when(clause.text, timeline.duration_ms, old.duration_ms)
        if timed is None:
            return _out_of_range("edit_title", context, timeline)
        new = evolve(new, start_ms=timed.start_ms, duration_ms=timed.duration_ms)
    if new == old:
        said = context.say(
            "I can change "
            "a title's words, its place (top, center, bottom) and its time, not its look.",
            "我可以修改标题的文字、位置（顶部、中间、底部）和时间，不能修改样式。",
        )
        return refused("edit_title", {}, said)
    titles = tuple(new if i == index else t for i, t in enumerate(timeline.titles))
    said = context.say(f"I've changed the title to “{new.text}”.", f"标题已改为“{new.text}”。")
    if new.text == old.text:
        said = context.say(f"I've moved the title “{new.text}”.", f"已调整标题“{new.text}”。")
    return (did("edit_title", _args(new), evolve(timeline, titles=titles), said),)


def _new_text_of(clause: Clause) -> str | None:
    """Return the words that a title shall have from now on, if the clause says any."""
    said = text_of(clause)
    found = _TO.search(clause.plain)
    if said is not None or found is None or position(found["it"]) or says_when(clause.text):
        return said
    words = without_when(" " + found["it"])[1:]
    raw = clause.raw[found.start("it") : found.start("it") + len(words)].strip(" .,;!。，")
    return raw or None


def _is_of_look(clause: Clause) -> bool:
    """Return whether a clause is about how a title looks, and not what it says."""
    if clause.quotes:
        return False
    text = clause.text
    if has(_LOOK, text):
        return True
    return _names_style(text) and not has(_INTO, text)


def _names_style(text: str) -> bool:
    return has(_STYLE, text) or any(find_colors(text))


def _add(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    words = text_of(clause)
    if not words:
        if context.timeline and context.timeline.titles and position(clause.text):
            return _change(clause, context)
        said = context.say(
            "What should the text say? For example: add a title saying “Hello”.",
            "要写什么文字？例如：加标题“你好”。",
        )
        return told(said, done=False)
    stage = stage_for(clause, context)
    if not stage:
        return nothing_there("add_title", context)
    timeline = stage.timeline
    outside = clause.text
    if not clause.quotes and words.lower() in clause.text:
        outside = clause.text.replace(words.lower(), " ")
    timed = when(outside, timeline.duration_ms, min(DEFAULT_MS, timeline.duration_ms))
    if timed is None:
        return _out_of_range("add_title", context, timeline)
    where = position(outside) or ("bottom" if has(_LOW, outside) else "center")
    title = Title(words, timed.duration_ms, timed.start_ms, where)
    edited = evolve(timeline, titles=(*timeline.titles, title))
    shown = speech.span(context, timed.start_ms, timed.end_ms)
    said = context.say(
        f"I've added the title “{words}” ({shown}).", f"已添加标题“{words}”（{shown}）。"
    )
    if _names_style(outside):
        said += context.say(" I can't set its font, size or color.", "字体、字号和颜色我无法设置。")
    return (did("add_title", _args(title), edited, said),)


def _out_of_range(tool: str, context: Context, timeline: Timeline) -> tuple[Outcome, ...]:
    length = speech.seconds(context, timeline.duration_ms)
    said = context.say(
        f"I can't: the video is only {length} long.", f"做不到：视频总长只有 {length}。"
    )
    return refused(tool, {}, said)


def _args(title: Title) -> dict[str, object]:
    return {
        "text": title.text,
        "start_ms": title.start_ms,
        "duration_ms": title.duration_ms,
        "position": title.position,
    }


def _matches_addition(clause: Clause) -> bool:
    replaced = has(REPLACE, clause.text) and has(BACKGROUND, clause.text)
    return (
        is_addition(clause)
        and not replaced
        and not has(
            either(r"(?:put|place|insert) (?:a |an |the )?(?:\w+ )?(?:background|backdrop)"),
            clause.text,
        )
    )


REMOVE_TITLE = Intent("remove_title", "title", _matches_removal, _remove)
CHANGE_TITLE = Intent("change_title", "title", _matches_change, _change)
ADD_TITLE = Intent("add_title", "title", _matches_addition, _add)
