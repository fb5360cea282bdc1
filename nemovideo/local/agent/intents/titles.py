"""Add, change and remove titles."""

from __future__ import annotations

import re
from collections.abc import Sequence

from attrs import evolve

from nemovideo.local.agent import files, hiding, speech
from nemovideo.local.agent.colors import find_colors
from nemovideo.local.agent.context import Context, Outcomes, answered, applied, asked, refused
from nemovideo.local.agent.fading import Fade, take_fade
from nemovideo.local.agent.language import percent
from nemovideo.local.agent.message import QUOTE, Clause, normalize
from nemovideo.local.agent.places import new_size, nudge, small_person
from nemovideo.local.agent.selection import no_clips, select_clips
from nemovideo.local.agent.timing import mentions_time, position, range_in
from nemovideo.local.agent.title_words import changed_text, only_describes, text_of
from nemovideo.local.agent.words import has, pattern
from nemovideo.local.timeline import Timeline, Title

DEFAULT_MS = 3000
_MAX_SIZE, _MIN_SIZE = 4.0, 0.3


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
    if not timeline.titles:
        return refused("remove_title", {}, context.say("no_title_to_remove"))
    gone = _named(clause, timeline) or _meant(clause, timeline)
    if not gone:
        return refused("remove_title", {}, context.say("no_such_title"))
    texts = [timeline.titles[index].text for index in gone]
    if hiding.is_timed(clause.text):
        return hiding.hide(clause, context, "edit_title", "titles", gone)
    left = tuple(title for index, title in enumerate(timeline.titles) if index not in gone)
    sentence = "titles_removed" if len(texts) > 1 else "title_removed"
    said = context.say(sentence, words=speech.listed(context, [f"“{text}”" for text in texts]))
    return applied("remove_title", {"text": texts}, evolve(timeline, titles=left), said)


def _named(clause: Clause, timeline: Timeline) -> list[int]:
    """Return the indexes of the titles whose words are in a clause without quotation marks."""
    said = " ".join(clause.raw.casefold().split())
    return [
        index
        for index, title in enumerate(timeline.titles)
        if re.search(rf"(?<!\w){re.escape(title.text.casefold())}(?!\w)", said)
    ]


def _meant(clause: Clause, timeline: Timeline) -> list[int]:
    """Return the indexes of the titles that a clause is about."""
    titles = dict(enumerate(timeline.titles))
    if clause.quotes:
        quoted = {words.casefold() for words in clause.quotes}
        return [index for index, title in titles.items() if title.text.casefold() in quoted]
    index = files.index_in(timeline.titles, clause.text)
    if index is not None and has(clause.text, "titles.numbered"):
        return [index]
    where = position(clause.text)
    low = [index for index, title in titles.items() if title.position == "bottom"]
    if has(clause.text, "titles.low") and low:
        return low
    if where:
        there = [index for index, title in titles.items() if title.position == where]
        return there or (list(titles) if len(titles) == 1 else [])
    if has(clause.text, "titles.all"):
        return list(titles)
    if has(clause.text, "titles.heading") and len(low) < len(titles):
        return [index for index in titles if index not in low]
    return list(titles)


def indexes(clause: Clause, timeline: Timeline) -> list[int]:
    """Return the indexes of the titles that a clause is about; by default, the last one."""
    meant = _meant(clause, timeline)
    return meant if clause.quotes or has(clause.text, "titles.all") else meant[-1:]


def matches_change(clause: Clause) -> bool:
    """Return whether the clause asks to change an existing title."""
    text = clause.text
    if has(text, "titles.make") and not has(text, "titles.the"):
        return False
    return has(text, "titles.change") or (_concerns_look(clause) and not has(text, "add"))


def replaces_words(clause: Clause) -> bool:
    """Return whether the clause replaces one quotation with another: change “A” to “B”."""
    return len(clause.quotes) == 2 and has(clause.text, "replace", "titles.change")


def change(clause: Clause, context: Context) -> Outcomes:
    """Change the words, position, time, color or size of a title."""
    timeline = context.timeline
    looks = _concerns_look(clause)
    if only_describes(clause.text) and (not timeline.titles or has(clause.text, "titles.new_one")):
        return ask_for_words(clause, context)
    if not timeline.titles:
        if text_of(clause) and not looks:
            return add(clause, context)
        return refused("edit_title", {}, context.say("no_title_to_change"))
    new_text = None if looks else changed_text(clause)
    outside = pattern("titles.numbered").sub(" ", clause.text)  # "last" is not a time here
    if new_text and not clause.quotes:
        outside = outside.replace(normalize(new_text), " ")
    fade, outside = take_fade(outside)
    titles = list(timeline.titles)
    changed = _changed(clause, timeline, looks=looks)
    if not changed:
        return refused("edit_title", {}, context.say("no_such_title"))
    for index in changed:
        old = titles[index]
        new = _styled(evolve(old, text=new_text or old.text), outside)
        if mentions_time(outside):
            timed = range_in(outside, timeline.duration_ms, old.duration_ms, old.start_ms)
            if timed is None:
                return refused("edit_title", {}, speech.out_of_range(context, timeline))
            length = timed.duration_ms
            if has(outside, "timing.longer"):
                length = min(old.duration_ms + length, timeline.duration_ms - timed.start_ms)
            new = evolve(new, start_ms=timed.start_ms, duration_ms=length)
        titles[index] = fade.within_titles([new]).applied(new) if fade else new
    edited = evolve(timeline, titles=tuple(titles))
    if edited == timeline:
        return refused("edit_title", {}, context.say("title_limits"))
    last = titles[changed[-1]]
    now = [_now(context, outside, timeline.titles[index], titles[index]) for index in changed]
    if new_text:
        said = context.say("title_words_changed", words=last.text, now=now[-1])
    else:
        alike = len(set(now)) == 1
        words = [
            f"“{titles[index].text}”" + ("" if alike else how)
            for index, how in zip(changed, now, strict=True)
        ]
        sentence = "titles_changed" if len(changed) > 1 else "title_changed"
        shown = speech.listed(context, words)
        said = context.say(sentence, words=shown, now=now[-1] if alike else "")
    return applied("edit_title", _args(last), edited, said)


def _changed(clause: Clause, timeline: Timeline, *, looks: bool) -> list[int]:
    """Return the indexes of the titles to change: those mentioned, or else the last one."""
    everything = list(range(len(timeline.titles)))
    if len(clause.quotes) == 1:
        return everything[-1:]
    if has(clause.text, "titles.all"):
        return everything
    if looks and not has(clause.text, "titles.numbered"):
        return everything[-1:]
    meant = _meant(clause, timeline)
    return meant[-1:] if meant or clause.quotes else everything[-1:]


def _concerns_look(clause: Clause) -> bool:
    """Return whether a clause is about how a title looks, not what it says."""
    if clause.quotes:
        return False
    text = pattern("titles.to_place").sub(" ", clause.text)
    if has(text, "titles.look"):
        return True
    words = text_of(clause) if ":" in text and not has(text, "titles.change") else None
    if words and not only_describes(words.lower()):
        return False  # "title in yellow: Hello"
    styled = has(text, "places.bigger", "places.smaller") or any(find_colors(text))
    return styled and not has(text, "titles.into")


def _styled(title: Title, text: str) -> Title:
    """Return the title with the position, color and size that the text asks for."""
    color = next((found.value for found in find_colors(text)), title.color)
    sized = has(text, "places.bigger", "places.smaller")
    sized = sized or (has(text, "titles.look") and bool(percent(text)))
    size = (new_size(text, title.size) if sized else None) or title.size
    where = position(text) or title.position
    _, down = nudge(text)
    if down and not position(text) and has(text, "titles.moved"):
        where = "bottom" if down > 0 else "top"
    return evolve(
        title, color=color, size=round(min(_MAX_SIZE, max(_MIN_SIZE, size)), 4), position=where
    )


def add(clause: Clause, context: Context) -> Outcomes:
    """Add a title, change the existing one, or ask for its words."""
    words = text_of(clause)
    retimed = mentions_time(clause.text) and not has(clause.text, "titles.adding")
    concerns_look = _concerns_look(clause) and not has(clause.text, "titles.another")
    changes = concerns_look or (not words and (position(clause.text) or retimed))
    if context.timeline.titles and changes and not has(clause.text, "titles.new_one"):
        return change(clause, context)
    if not words:
        return ask_for_words(clause, context)
    selection = select_clips(clause, context)
    if not selection:
        return no_clips("add_title", context)
    timeline = selection.timeline
    outside = clause.text if clause.quotes else clause.text.replace(normalize(words), " ")
    fade, outside = take_fade(outside)
    timed = range_in(outside, timeline.duration_ms, min(DEFAULT_MS, timeline.duration_ms))
    if timed is None:
        return refused("add_title", {}, speech.out_of_range(context, timeline))
    on_footage = has(outside, "titles.low") or any(c.kind == "video" for c in timeline.clips)
    where = "bottom" if on_footage else "center"
    if small_person(timeline).y == 1.0 and not has(outside, "titles.low"):
        where = "top"
    plain = Title(words, timed.duration_ms, timed.start_ms, where)
    title = _styled(plain, outside)
    if fade:
        title = fade.within_titles([title]).applied(title)
    if title in timeline.titles:
        return answered(context.say("title_already", words=words))
    shown = speech.span(context, timed.start_ms, timed.end_ms)
    how = _described(context, outside, plain, title)
    said = context.say("title_shown", words=words, shown=shown, how=how)
    return applied(
        "add_title", _args(title), evolve(timeline, titles=(*timeline.titles, title)), said
    )


def ask_for_words(clause: Clause, context: Context, effects: Sequence[str] = ()) -> Outcomes:
    """Ask for the title's words; unsupported `effects` are refused in the same answer."""
    request = clause.raw
    for effect in effects:
        request = re.sub(rf"{re.escape(effect)}的?", "", request, count=1, flags=re.IGNORECASE)
    refusal = context.say("cannot_style_title", effects=", ".join(effects)) + " " if effects else ""
    request = " ".join(request.split()).strip(" .,!。，！:：")
    return asked(context, "which_words", prefix=refusal, free_text=True, request=request)


def _now(context: Context, text: str, before: Title, after: Title) -> str:
    """Return the changes to a title's style and time, in parentheses."""
    how = _described(context, text, before, after).strip(" ,，")
    return context.say("title_now", how=how) if how else ""


def _described(context: Context, text: str, before: Title, after: Title) -> str:
    """Describe the color, position, size and time that a text gives a title."""
    color = next(find_colors(text), None)
    how: list[str] = []
    if color is not None:
        name = text[color.start : color.end].rstrip("的")
        how.append(context.say("title_color", color=name))
    if position(text) or after.position != before.position:
        where = context.say(f"position.{after.position}")
        how.append(context.say("title_place", where=where))
    if after.size != before.size:
        how.append(context.say("title_size", size=after.size))
    times = (after.start_ms, after.start_ms + after.duration_ms)
    if times != (before.start_ms, before.start_ms + before.duration_ms):
        start, end = speech.bounds(context, *times)
        how.append(context.say("title_time", start=start, end=end))
    faded = Fade.between(before, after)
    if faded:
        how.append(context.say("title_fade", **faded.described(context)))
    return "".join(how)


def _args(title: Title) -> dict[str, object]:
    fades = {"fade_in_ms": title.fade_in_ms, "fade_out_ms": title.fade_out_ms}
    style = {"color": title.color, "size": title.size, **fades}
    plain = Title(title.text, title.duration_ms)
    return {
        "text": title.text,
        "start_ms": title.start_ms,
        "duration_ms": title.duration_ms,
        "position": title.position,
        **{name: value for name, value in style.items() if value != getattr(plain, name)},
    }
