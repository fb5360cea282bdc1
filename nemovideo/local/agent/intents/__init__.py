"""The table of intents, in order of precedence.

A new intent is a row of the table, its function in a module of this package, its words in
`words/` and its sentences in `sentences/`. Its row comes before those of other intents with
the same words.
"""

from __future__ import annotations

from nemovideo.local.agent.context import Intent
from nemovideo.local.agent.intents import (
    background,
    clips,
    create,
    framing,
    limits,
    logo,
    look,
    matte,
    metadata,
    music,
    order,
    place,
    repeat,
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
    Intent("explain", "talk", talk.explain, when=talk.is_question),
    Intent("decline", "talk", talk.says("left_alone"), when=talk.is_negated),
    Intent("start_over", "undo", undo.start_over, words=("undo.all",)),
    Intent("undo", "undo", undo.undo, words=("undo.undo",), when=undo.means_last_change),
    Intent("subtitles", "title", limits.refuse_subtitles, when=limits.wants_subtitles),
    Intent("style_title", "title", limits.refuse_title_style, when=limits.styles_title),
    Intent("metadata", "frame", metadata.keep, words=("metadata.metadata",)),
    Intent("shape", "frame", shape.change, when=shape.matches),
    Intent("fade", "frame", framing.fade, words=("framing.fade",), unless=("title", "logo.logo")),
    Intent(
        "style_logo",
        "logo",
        limits.refuse_logo_style,
        unless=("background", "title"),
        when=limits.styles_logo,
    ),
    Intent("logo", "logo", logo.edit, unless=("background", "title"), when=logo.matches),
    Intent(
        "background_volume",
        "sound",
        sound.set_background,
        words=("sound.behind",),
        unless=("title",),
        when=sound.matches_background,
    ),
    Intent("create", "create", create.create, when=create.matches),
    Intent(
        "remove_title",
        "title",
        titles.remove,
        words=("remove",),
        unless=("titles.replacing", "titles.of_background"),
        when=titles.matches_removal,
    ),
    Intent(
        "change_title",
        "title",
        titles.change,
        words=("title",),
        unless=("background", "titles.adding"),
        when=titles.matches_change,
    ),
    Intent(
        "change_words",
        "title",
        titles.change,
        unless=("background", "music", "titles.adding"),
        when=titles.replaces_words,
    ),
    Intent(
        "add_title",
        "title",
        titles.add,
        unless=("titles.background_put",),
        when=titles.matches_addition,
    ),
    Intent(
        "remove_music",
        "music",
        music.remove,
        words=("music",),
        unless=("music.replacing",),
        when=music.matches_removal,
    ),
    Intent(
        "music_volume",
        "music",
        music.change_volume,
        words=("music",),
        unless=("music.adding",),
        when=music.matches_volume,
    ),
    Intent("add_music", "music", music.add, words=("music",), when=music.matches_addition),
    Intent("order_clips", "clips", order.reorder, unless=clips.OTHER_SUBJECTS, when=order.matches),
    Intent("rotate", "frame", framing.rotate, words=("framing.rotate",), when=framing.rotates),
    Intent("flip", "frame", framing.flip, when=framing.flips),
    Intent(
        "crop",
        "frame",
        framing.crop,
        words=("framing.crop",),
        unless=("title", "music", "background"),
        when=framing.crops,
    ),
    Intent(
        "place",
        "frame",
        place.place,
        unless=("title", "music", "sound", "place.other_subject"),
        when=place.matches,
    ),
    Intent(
        "restore_background",
        "background",
        background.restore,
        unless=("title", "music"),
        when=background.matches_restore,
    ),
    Intent(
        "show_matte",
        "background",
        matte.show,
        words=("matte.matte",),
        unless=("matte.worn",),
        when=matte.matches,
    ),
    Intent(
        "keep",
        "talk",
        talk.says("kept"),
        words=("talk.keep", "talk.kept"),
        unless=("talk.original_background", "talk.figure"),
    ),
    Intent("edit_background", "background", background.edit, when=background.matches),
    Intent("trim", "trim", trim.trim, when=trim.matches),
    Intent(
        "speed",
        "speed",
        speed.change,
        unless=("title", "music", "speed.other_subject"),
        when=speed.matches,
    ),
    Intent(
        "look",
        "look",
        look.adjust,
        unless=("title", "background", "look.other_subject"),
        when=look.matches,
    ),
    Intent(
        "sound_volume",
        "sound",
        sound.set_volume,
        unless=("music", "title", "sound.cleaning"),
        when=sound.matches,
    ),
    Intent(
        "remove_clip",
        "clips",
        clips.remove,
        words=("remove",),
        unless=(*clips.OTHER_SUBJECTS, "clips.part"),
        when=clips.matches_removal,
    ),
    Intent(
        "add_clip",
        "clips",
        clips.add,
        words=("clips.append", "clips.item"),
        unless=clips.OTHER_SUBJECTS,
    ),
    Intent(
        "use_clip",
        "clips",
        clips.use,
        unless=(*clips.OTHER_SUBJECTS, "clips.other_subject"),
        when=clips.matches_use,
    ),
    Intent(
        "reverse",
        "clips",
        limits.refuse_reverse,
        words=("repeat.reverse",),
        unless=repeat.OTHER_SUBJECTS,
    ),
    Intent(
        "freeze",
        "clips",
        limits.refuse_freeze,
        words=("repeat.freeze",),
        unless=repeat.OTHER_SUBJECTS,
    ),
    Intent("repeat", "clips", repeat.repeat, unless=repeat.OTHER_SUBJECTS, when=repeat.matches),
    Intent("status", "talk", talk.status, words=("talk.show_timeline",), unless=("talk.editing",)),
    Intent(
        "formats", "talk", talk.says("formats"), words=("talk.formats",), unless=("talk.export",)
    ),
    Intent("preview", "talk", talk.says("preview"), words=("talk.preview",)),
    Intent("export", "talk", talk.export, words=("talk.export",)),
    Intent("credits", "talk", talk.costs, words=("talk.credits",)),
    Intent("help", "talk", talk.ability, words=("talk.help",), when=talk.is_short),
    Intent("greet", "talk", talk.greet, words=("talk.greeting",), when=talk.is_short),
    Intent("welcome", "talk", talk.says("welcome"), words=("talk.thanks",), when=talk.is_short),
)


def find_intent(clause: Clause) -> Intent | None:
    """Return the first intent that the clause matches, or None."""
    return next((intent for intent in INTENTS if intent.matches(clause)), None)
