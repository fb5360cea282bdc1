"""What "it" refers to: the subject of the previous clause, or else of the last change.

A clause without a subject ("make it yellow", "top left", 改成红色) is parsed with the subject
prefixed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import attrs

from nemovideo.local.agent.backdrops import find_target
from nemovideo.local.agent.colors import find_colors
from nemovideo.local.agent.context import Context, Family, Intent, Outcomes, asked
from nemovideo.local.agent.intents import find_intent
from nemovideo.local.agent.message import Clause, Message
from nemovideo.local.agent.places import nudge
from nemovideo.local.agent.timing import position
from nemovideo.local.agent.words import has
from nemovideo.local.timeline import Timeline

_MAX_CHARS = 60
"""Longer clauses are assumed to have a subject."""


@attrs.frozen
class Subject:
    """Something that "it" can refer to.

    Prefixed with `lead`, a clause about this subject matches one of `intents`; unprefixed, it
    matches none, or one of `otherwise`.
    """

    name: str
    family: Family
    lead: str
    intents: tuple[str, ...]
    otherwise: tuple[str, ...] = ()


_TITLE = Subject(
    "title",
    "title",
    "move the title",
    ("change_title", "remove_title", "fade_title"),
    ("edit_background", "fade"),
)
_LOGO = Subject("logo", "logo", "logo", ("logo", "style_logo"), ("edit_background", "fade"))
_MUSIC = Subject(
    "music",
    "music",
    "music",
    ("remove_music", "music_volume", "fade"),
    ("fade", "sound_volume"),
)
_PERSON = Subject("person", "frame", "put me", ("place",))
_BACKGROUND = Subject(
    "background", "background", "background", ("edit_background",), ("edit_background",)
)
_SUBJECTS = (_TITLE, _LOGO, _MUSIC, _PERSON, _BACKGROUND)


@attrs.frozen
class Referents:
    """What "it" can refer to.

    `last`: the subjects of the previous clause, or else those changed most recently; `colored`:
    the subjects to try next if the clause gives a color.
    """

    last: tuple[Subject, ...] = ()
    colored: tuple[Subject, ...] = ()

    def after(self, intent: Intent | None) -> Referents:
        """Return what "it" can refer to after a clause with this intent."""
        if intent is None or intent.family == "talk":
            return self
        named = (
            subject
            for subject in _SUBJECTS
            if subject.family == intent.family
            and (subject is not _PERSON or intent.name in subject.intents)
        )
        return attrs.evolve(self, last=tuple(named))


NOTHING = Referents()


def referents(context: Context) -> Referents:
    """Return what "it" can refer to after the last change to the timeline."""
    now = context.timeline
    last = tuple(_changed(context.previous, now)) if context.history else ()
    return Referents(last, (_TITLE, _BACKGROUND) if now.titles else ())


def _changed(before: Timeline, now: Timeline) -> Sequence[Subject]:
    """Return what changed and still exists, except for parts cut to a new duration."""
    same_length = not before.clips or before.duration_ms == now.duration_ms
    changes = {
        _TITLE: bool(now.titles) and before.titles != now.titles and same_length,
        _LOGO: bool(now.overlays) and before.overlays != now.overlays and same_length,
        _MUSIC: bool(now.sounds) and before.sounds != now.sounds and same_length,
        _PERSON: [c.place for c in now.clips if c.place]
        != [c.place for c in before.clips if c.place],
        _BACKGROUND: [c.background for c in now.clips if c.background]
        != [c.background for c in before.clips if c.background],
    }
    return [subject for subject, changed in changes.items() if changed]


def resolve_pronoun(
    message: Message,
    clause: Clause,
    intent: Intent | None,
    known: Referents,
    *,
    continues: bool = False,
) -> tuple[Clause, Intent | None]:
    """Return a clause about "it" with its subject and intent; other clauses are unchanged.

    If it `continues` the previous clause ("… with a fade in"), it needs no "it".
    """
    if _names_something(clause):
        return clause, intent
    colors = any(find_colors(clause.text)) and not has(clause.text, "referents.replaced")
    found = _options(message, clause, intent, known.last, colors=colors, continues=continues)
    if not found and colors and (intent is None or intent.name == "edit_background"):
        found = _options(message, clause, intent, known.colored, colors=colors)
    if len(found) > 1:
        names = [subject.name for subject in found]
        act = partial(_ask_which, names=names)
        return clause, Intent("which", next(iter(found)).family, act)
    if not found and colors and intent and intent.name == "edit_background" and _is_open(clause):
        return clause, Intent("which", "background", _ask_what)
    return next(iter(found.values()), (clause, intent))


def _options(
    message: Message,
    clause: Clause,
    intent: Intent | None,
    subjects: Sequence[Subject],
    *,
    colors: bool,
    continues: bool = False,
) -> dict[Subject, tuple[Clause, Intent]]:
    """Return the interpretations of a clause by subject, for each subject that fits."""
    text = clause.text
    described = colors or bool(position(text)) or nudge(text) != (0, 0)
    described = described or has(
        text, "places.bigger", "places.smaller", "remove", "framing.emerge"
    )
    options = {}
    for subject in subjects:
        if intent is None:
            fits = described
        elif intent.name == "edit_background":
            fits = colors or (subject is _LOGO and has(text, "logo.opacity"))
        else:
            fits = continues or has(text, "framing.it")
            fits = fits and not has(text, "loudness.mute")
        if not fits or (intent and intent.name not in subject.otherwise):
            continue
        if subject is _BACKGROUND and not colors:
            continue
        prefixed = message.clause(clause.start, clause.end, lead=subject.lead)
        found = find_intent(prefixed)
        if found is not None and found.name in subject.intents:
            options[subject] = (prefixed, found)
    return options


def _is_open(clause: Clause) -> bool:
    """Return whether a clause gives "it" a color without mentioning a background."""
    target = find_target(clause, ())
    colored = target is not None and target.background is not None and target.background.color
    mentions_background = has(clause.text, "backdrops.place_person", "background.matting")
    return bool(colored) and has(clause.text, "referents.it") and not mentions_background


def _names_something(clause: Clause) -> bool:
    named = clause.files or clause.quotes or clause.unknown_files or clause.lead
    subjects = ("background", "title", "music", "logo.logo", "picture", "video_noun", "place.named")
    return bool(named) or len(clause.text) > _MAX_CHARS or has(clause.text, *subjects)


def _ask_which(clause: Clause, context: Context, *, names: Sequence[str]) -> Outcomes:
    choices = context.say("subject.separator").join(context.say(f"subject.{n}") for n in names)
    return asked(context, "which_one", after=_request(clause), choices=choices)


def _ask_what(clause: Clause, context: Context) -> Outcomes:
    return asked(context, "which_thing", after=_request(clause))


def _request(clause: Clause) -> str:
    return " " + " ".join(clause.raw.split()).strip(" .,;!?，。；！？、")
