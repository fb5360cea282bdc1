"""Everything that the agent understands, in the order in which it is asked.

A new intent is one `Intent` in one file of this package, and its place in the
table: before every intent whose words it shares and should win over.
"""

from __future__ import annotations

from nemovideo.local.agent.context import Intent
from nemovideo.local.agent.intents import (
    background,
    clips,
    create,
    framing,
    logo,
    look,
    matte,
    metadata,
    music,
    place,
    shape,
    sound,
    speed,
    talk,
    titles,
    trim,
    undo,
)
from nemovideo.local.agent.message import Clause

INTENTS: tuple[Intent, ...] = (
    talk.EXPLAIN,
    talk.DECLINE,
    undo.START_OVER,
    undo.UNDO,
    metadata.METADATA,
    shape.SHAPE,
    framing.FADE,
    logo.LOGO,
    sound.BACKGROUND_VOLUME,
    create.CREATE,
    titles.REMOVE_TITLE,
    titles.CHANGE_TITLE,
    titles.ADD_TITLE,
    music.REMOVE_MUSIC,
    music.MUSIC_VOLUME,
    music.ADD_MUSIC,
    framing.ROTATE,
    framing.FLIP,
    framing.CROP,
    place.PLACE,
    background.RESTORE_BACKGROUND,
    matte.SHOW_MATTE,
    talk.KEEP,
    background.EDIT_BACKGROUND,
    trim.TRIM,
    speed.SPEED,
    look.LOOK,
    sound.SOUND_VOLUME,
    clips.REMOVE_CLIP,
    clips.ADD_CLIP,
    clips.USE_CLIP,
    talk.STATUS,
    talk.FORMATS,
    talk.EXPORT,
    talk.CREDITS,
    talk.HELP,
    talk.GREET,
    talk.WELCOME,
)


def find_intent(clause: Clause) -> Intent | None:
    """Return the first intent that the clause matches, None where none does."""
    return next((intent for intent in INTENTS if intent.matches(clause)), None)
