"""Words over the picture: added, changed, removed."""

from __future__ import annotations

from attrs import evolve

from nemovideo._support.patterns import lazy
from nemovideo.local.agent import speech
from nemovideo.local.agent.colors import find_colors
from nemovideo.local.agent.context import Context, Intent, Outcome, asked, did, refused
from nemovideo.local.agent.language import percent
from nemovideo.local.agent.message import QUOTE, Clause
from nemovideo.local.agent.places import BIGGER, SMALLER, new_size, nudge
from nemovideo.local.agent.stage import nothing_there, stage_for
from nemovideo.local.agent.timing import position, says_when, when, without_when
from nemovideo.local.agent.title_words import text_of
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
_CANNOT = either(
    "fonts?|typefaces?|bold|italics?|animated?|animation|shadow|gradient|neon|underlined?",
    "字体|加粗|斜体|动画|阴影|下划线",
)
_LOOK = either(
    r"fonts?|colou?rs?|sizes?|styles?|typefaces?|bold|italics?",
    "字体|字号|颜色|大小|样式|风格|加粗",
)
_MOST, _LEAST = 4.0, 0.3
_TO = lazy(r"(?<![a-z])(?:to|into|with)\s+(?:say\s+|read\s+)?(?P<it>.+)$")
_TO_PLACE = lazy(
    r"(?:in)?to the (?:very )?(?:top|bottom|upper|lower|left|right|cent(?:er|re)|middle|corner)"
)
_MOVED = either(r"mov\w+|shift\w*|put", "移|挪|放")
_ANOTHER = either(r"add|insert|another|second|new", "再|另|新|加(?!大|粗|长)|添")
_INTO = either("to|into|say|says|read|reads|saying|reading", "写|内容|文字是|文字为")


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
    if not has(TITLE, text) or not (
        has(_CHANGE, text) or (_is_of_look(clause) and not has(ADD, text))
    ):
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
        if text_of(clause) and not _is_of_look(clause):
            return _add(clause, context)
        said = context.say("There is no title to change.", "没有可以修改的标题。")
        return refused("edit_title", {}, said)
    every = list(range(len(timeline.titles)))
    looks = _is_of_look(clause)
    meant = every if len(clause.quotes) == 1 or looks else _meant(clause, timeline)
    index = meant[-1] if meant else every[-1]
    old = timeline.titles[index]
    new_text = None if looks else _new_text_of(clause)
    outside = clause.text
    if new_text and not clause.quotes:
        outside = outside.replace(new_text.lower(), " ")
    new = _styled(evolve(old, text=new_text or old.text), outside)
    if says_when(clause.text):
        timed = when(clause.text, timeline.duration_ms, old.duration_ms)
        if timed is None:
            return _out_of_range("edit_title", context, timeline)
        new = evolve(new, start_ms=timed.start_ms, duration_ms=timed.duration_ms)
    if new == old:
        said = context.say(
            "I can change a title's words, place, time, color and size, not its font or effects.",
            "我可以修改标题的文字、位置、时间、颜色和大小，不能修改字体和特效。",
        )
        return refused("edit_title", {}, said)
    titles = tuple(new if i == index else t for i, t in enumerate(timeline.titles))
    said = context.say(f"I've changed the title to “{new.text}”.", f"标题已改为“{new.text}”。")
    if new.text == old.text:
        said = context.say(f"I've changed the title “{new.text}”.", f"已调整标题“{new.text}”。")
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
    text = _TO_PLACE.sub(" ", clause.text)
    if has(_LOOK, text):
        return True
    return (_names_style(text) or has(_CANNOT, text)) and not has(_INTO, text)


def _names_style(text: str) -> bool:
    return has(BIGGER, text) or has(SMALLER, text) or any(find_colors(text))


def _styled(title: Title, text: str) -> Title:
    """Return the title with the place, color and size that the text asks for."""
    color = next((found.value for found in find_colors(text)), title.color)
    sized = has(BIGGER, text) or has(SMALLER, text) or (has(_LOOK, text) and percent(text))
    size = (new_size(text, title.size) if sized else None) or title.size
    _, down = nudge(text)
    moved = {-1: "top", 1: "bottom"}.get((down > 0) - (down < 0)) if has(_MOVED, text) else None
    where = position(text) or moved or title.position
    return evolve(title, color=color, size=round(min(_MOST, max(_LEAST, size)), 4), position=where)


def _add(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    words = text_of(clause)
    titled = context.timeline is not None and bool(context.timeline.titles)
    if titled and _is_of_look(clause) and not has(_ANOTHER, clause.text):
        return _change(clause, context)
    if not words:
        if titled and position(clause.text):
            return _change(clause, context)
        said = context.say(
            "What should the text say? For example: add a title saying “Hello”.",
            "要写什么文字？例如：加标题“你好”。",
        )
        wish = clause.raw.strip(" .,!。，！:：")
        before = context.say(f"{wish} saying “", f"{wish}“")
        return asked(said, before, "”", anything=True)
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
    where = "bottom" if has(_LOW, outside) else "center"
    title = _styled(Title(words, timed.duration_ms, timed.start_ms, where), outside)
    edited = evolve(timeline, titles=(*timeline.titles, title))
    shown = speech.span(context, timed.start_ms, timed.end_ms)
    said = context.say(
        f"I've added the title “{words}” ({shown}).", f"已添加标题“{words}”（{shown}）。"
    )
    if has(_CANNOT, outside):
        said += context.say(" I can't set its font or effects.", "字体和特效我无法设置。")
    return (did("add_title", _args(title), edited, said),)


def _out_of_range(tool: str, context: Context, timeline: Timeline) -> tuple[Outcome, ...]:
    length = speech.seconds(context, timeline.duration_ms)
    said = context.say(
        f"I can't: the video is only {length} long.", f"做不到：视频总长只有 {length}。"
    )
    return refused(tool, {}, said)


def _args(title: Title) -> dict[str, object]:
    style = {"color": title.color, "size": title.size}
    plain = Title(title.text, title.duration_ms)
    return {
        "text": title.text,
        "start_ms": title.start_ms,
        "duration_ms": title.duration_ms,
        "position": title.position,
        **{name: value for name, value in style.items() if value != getattr(plain, name)},
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
