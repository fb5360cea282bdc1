"""Add, change and remove titles."""

from __future__ import annotations

from attrs import evolve

from nemovideo.local.agent import speech
from nemovideo.local.agent.colors import find_colors
from nemovideo.local.agent.context import Context, Outcomes, asked, did, refused
from nemovideo.local.agent.language import percent
from nemovideo.local.agent.message import QUOTE, Clause
from nemovideo.local.agent.places import new_size, nudge
from nemovideo.local.agent.stage import nothing_there, stage_for
from nemovideo.local.agent.timing import position, says_when, when
from nemovideo.local.agent.title_words import changed_text, text_of
from nemovideo.local.agent.words import has, pattern
from nemovideo.local.timeline import Timeline, Title

DEFAULT_MS = 3000
_MOST, _LEAST = 4.0, 0.3


def matches_addition(clause: Clause) -> bool:
    """Return whether the clause asks for words on the picture."""
    text = clause.text
    if has(text, "replace") and has(text, "background"):
        return False
    if has(text, "title"):
        return QUOTE in text or has(text, "add", "titles.write", "titles.making")
    if QUOTE in text:
        shown = has(text, "add", "titles.write") or position(text) is not None
        return shown and not has(text, "background", "music")
    return has(text, "titles.writing") and text_of(clause) is not None


def matches_removal(clause: Clause) -> bool:
    """Return whether the clause asks to remove a title or quoted words."""
    text = clause.text
    return has(text, "title") or (QUOTE in text and has(text, "titles.delete"))


def remove(clause: Clause, context: Context) -> Outcomes:
    """Remove titles."""
    timeline = context.timeline
    if timeline is None or not timeline.titles:
        return refused("remove_title", {}, context.say("no_title_to_remove"))
    gone = _meant(clause, timeline)
    if not gone:
        return refused("remove_title", {}, context.say("no_such_title"))
    left = tuple(title for index, title in enumerate(timeline.titles) if index not in gone)
    texts = [timeline.titles[index].text for index in gone]
    words = speech.listed(context, [f"“{text}”" for text in texts])
    said = context.say("title_removed", words=words)
    return did("remove_title", {"text": texts}, evolve(timeline, titles=left), said)


def _meant(clause: Clause, timeline: Timeline) -> list[int]:
    """Return the indexes of the titles that a clause is about."""
    titles = dict(enumerate(timeline.titles))
    if clause.quotes:
        quoted = {words.casefold() for words in clause.quotes}
        return [index for index, title in titles.items() if title.text.casefold() in quoted]
    where = position(clause.text)
    low = [index for index, title in titles.items() if title.position == "bottom"]
    if has(clause.text, "titles.low") and low:
        return low
    if where:
        there = [index for index, title in titles.items() if title.position == where]
        return there or list(titles)
    if has(clause.text, "titles.heading") and len(low) < len(titles):
        return [index for index in titles if index not in low]
    return list(titles)


def matches_change(clause: Clause) -> bool:
    """Return whether the clause asks to change an existing title."""
    text = clause.text
    if has(text, "titles.make") and not has(text, "titles.the"):
        return False
    return has(text, "titles.change") or (_is_of_look(clause) and not has(text, "add"))


def change(clause: Clause, context: Context) -> Outcomes:
    """Change the words, place, time, color or size of a title."""
    timeline = context.timeline
    looks = _is_of_look(clause)
    if timeline is None or not timeline.titles:
        if text_of(clause) and not looks:
            return add(clause, context)
        return refused("edit_title", {}, context.say("no_title_to_change"))
    meant = [] if len(clause.quotes) == 1 or looks else _meant(clause, timeline)
    index = meant[-1] if meant else len(timeline.titles) - 1
    old = timeline.titles[index]
    new_text = None if looks else changed_text(clause)
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
        return refused("edit_title", {}, context.say("title_limits"))
    titles = (*timeline.titles[:index], new, *timeline.titles[index + 1 :])
    sentence = "title_changed" if new.text == old.text else "title_words_changed"
    said = context.say(sentence, words=new.text)
    return did("edit_title", _args(new), evolve(timeline, titles=titles), said)


def _is_of_look(clause: Clause) -> bool:
    """Return whether a clause is about how a title looks, not what it says."""
    if clause.quotes:
        return False
    text = pattern("titles.to_place").sub(" ", clause.text)
    if has(text, "titles.look"):
        return True
    styled = has(text, "places.bigger", "places.smaller") or any(find_colors(text))
    return styled and not has(text, "titles.into")


def _styled(title: Title, text: str) -> Title:
    """Return the title with the place, color and size that the text asks for."""
    color = next((found.value for found in find_colors(text)), title.color)
    sized = has(text, "places.bigger", "places.smaller")
    sized = sized or (has(text, "titles.look") and bool(percent(text)))
    size = (new_size(text, title.size) if sized else None) or title.size
    where = position(text) or title.position
    _, down = nudge(text)
    if down and not position(text) and has(text, "titles.moved"):
        where = "bottom" if down > 0 else "top"
    return evolve(title, color=color, size=round(min(_MOST, max(_LEAST, size)), 4), position=where)


def add(clause: Clause, context: Context) -> Outcomes:
    """Add a title, change the existing one, or ask for its words."""
    words = text_of(clause)
    titled = context.timeline is not None and bool(context.timeline.titles)
    of_look = _is_of_look(clause) and not has(clause.text, "titles.another")
    timed_only = says_when(clause.text) and has(clause.text, "trim.only")
    if titled and (of_look or (not words and (position(clause.text) or timed_only))):
        return change(clause, context)
    if not words:
        before = context.say("which_words.before", request=clause.raw.strip(" .,!。，！:："))
        return asked(context.say("which_words"), before, "”", anything=True)
    stage = stage_for(clause, context)
    if not stage:
        return nothing_there("add_title", context)
    timeline = stage.timeline
    outside = clause.text if clause.quotes else clause.text.replace(words.lower(), " ")
    timed = when(outside, timeline.duration_ms, min(DEFAULT_MS, timeline.duration_ms))
    if timed is None:
        return _out_of_range("add_title", context, timeline)
    on_footage = has(outside, "titles.low") or any(c.kind == "video" for c in timeline.clips)
    where = "bottom" if on_footage else "center"
    title = _styled(Title(words, timed.duration_ms, timed.start_ms, where), outside)
    shown = speech.span(context, timed.start_ms, timed.end_ms)
    said = context.say("title_shown", words=words, shown=shown)
    return did("add_title", _args(title), evolve(timeline, titles=(*timeline.titles, title)), said)


def _out_of_range(tool: str, context: Context, timeline: Timeline) -> Outcomes:
    length = speech.seconds(context, timeline.duration_ms)
    return refused(tool, {}, context.say("too_short", length=length))


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
