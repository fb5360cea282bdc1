"""Refuse unsupported styles of titles, logos and backgrounds, and unsupported effects."""

from __future__ import annotations

from nemovideo.local.agent.backdrops import without_source
from nemovideo.local.agent.colors import find_colors
from nemovideo.local.agent.context import Context, Outcomes, refused
from nemovideo.local.agent.intents import titles
from nemovideo.local.agent.message import QUOTE, Clause
from nemovideo.local.agent.title_words import changed_text, text_of
from nemovideo.local.agent.words import has, pattern


def refuse_title_style(clause: Clause, context: Context) -> Outcomes:
    """Name the effects that a title cannot have."""
    effects = title_effects(clause)
    weights_only = all(has(effect, "limits.weights") for effect in effects)
    adds = has(clause.text, "titles.adding") or not titles.matches_change(clause)
    if weights_only and adds and titles.matches_addition(clause) and text_of(clause) is None:
        return titles.ask_for_words(clause, context, effects)
    return _refused("title", "edit_title", effects, context)


def refuse_logo_style(clause: Clause, context: Context) -> Outcomes:
    """Name the effects that a logo cannot have."""
    return _refused("logo", "edit_logo", logo_effects(clause), context)


def refuse_patterns(clause: Clause, context: Context) -> Outcomes:
    """Name the patterns that the new background cannot have; empty if there are none."""
    if has(pattern("limits.patterns").sub(" ", clause.text), "remove"):  # "striped" is not "strip"
        return ()
    found = _found("limits.patterns", without_source(clause.plain))
    return _refused("background", "edit_background", found, context) if found else ()


def wants_subtitles(clause: Clause) -> bool:
    """Return whether the clause asks for subtitles made from speech."""
    text = clause.text
    if QUOTE in text or has(text, "remove"):
        return False
    if has(text, "limits.transcribe"):
        return True
    if not has(text, "limits.subtitles"):
        return False
    if has(text, "limits.spoken"):
        return True
    if has(text, "titles.change") and has(text, "titles.the") and not has(text, "titles.adding"):
        return False
    styled = has(text, "places.bigger", "places.smaller") or any(find_colors(text))
    if styled and not has(text, "limits.several"):
        return False  # "add a yellow subtitle" is about one title
    return has(text, "add", "titles.write", "titles.making") and not _words_given(clause)


def refuse_subtitles(_clause: Clause, context: Context) -> Outcomes:
    """Say that speech cannot be transcribed."""
    return refused("add_subtitles", {}, context.say("cannot_transcribe"))


def refuse_reverse(_clause: Clause, context: Context) -> Outcomes:
    """Say that videos cannot be reversed."""
    return refused("reverse_clip", {}, context.say("cannot_reverse"))


def refuse_freeze(_clause: Clause, context: Context) -> Outcomes:
    """Say that freeze frames are not supported."""
    return refused("freeze_frame", {}, context.say("cannot_freeze"))


def refuse_zoom(_clause: Clause, context: Context) -> Outcomes:
    """Say that the picture cannot zoom or pan over time."""
    return refused("zoom", {}, context.say("cannot_zoom"))


def _words_given(clause: Clause) -> bool:
    words = text_of(clause)
    return words is not None and not has(words.lower(), "limits.subtitles")


def title_effects(clause: Clause) -> list[str]:
    """Return the effects in a clause that titles do not have, ignoring the words of the title."""
    text = clause.text
    of_look = has(text, "limits.gives") and has(text, "titles.the")
    of_look = of_look and not has(text, "titles.into") and ":" not in text
    words = None if clause.quotes or of_look else changed_text(clause)
    if words:
        text = text.replace(words.lower(), " ")
    found = _found("limits.effects", text)
    if not found and has(text, "limits.title_background"):
        found = _found("limits.box", text)
    look = clause.text
    sized = has(look, "places.bigger", "places.smaller", "titles.size") or any(find_colors(look))
    return found if sized else [*found, *_found("limits.font", text)]


def logo_effects(clause: Clause) -> list[str]:
    """Return the effects in a clause that logos do not have."""
    transparent = has(clause.text, "logo.opacity", "backdrops.transparent")
    return [] if transparent else _found("limits.logo_effects", clause.text)


def _found(name: str, text: str) -> list[str]:
    return list(dict.fromkeys(found[0].strip() for found in pattern(name).finditer(text)))


def _refused(subject: str, tool: str, effects: list[str], context: Context) -> Outcomes:
    said = context.say(f"cannot_style_{subject}", effects=", ".join(effects))
    return refused(tool, {"effects": effects}, said)
