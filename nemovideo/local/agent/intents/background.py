"""Remove, replace or restore the background."""

from __future__ import annotations

from attrs import evolve

from nemovideo.local.agent import edits, files, speech
from nemovideo.local.agent.backdrops import Target, blurs, find_target, resolves
from nemovideo.local.agent.context import (
    Action,
    Context,
    Outcomes,
    answered,
    applied,
    asked,
    refused,
)
from nemovideo.local.agent.intents import logo
from nemovideo.local.agent.intents.limits import refuse_patterns
from nemovideo.local.agent.language import percent
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.selection import Selection, needs_clips, no_clips, select_clips
from nemovideo.local.agent.words import has
from nemovideo.local.timeline import Background, Timeline


def matches_restore(clause: Clause) -> bool:
    """Return whether the clause asks for the original background, or to remove an effect on it."""
    text = clause.text
    if has(text, "background.undo_effect", "background.no_blur"):
        return not has(text, "background.with")
    if not has(text, "background") or not has(text, "background.restore"):
        return False
    # "Replace the original background with white" asks for white, not for the original.
    target = find_target(clause, ())
    return target is None or target.unknown is not None or has(text, "background.from")


@needs_clips("edit_background")
def restore(_clause: Clause, context: Context, selection: Selection) -> Outcomes:
    """Restore the original background."""
    restored = edits.set_background(selection.timeline, None, selection.only)
    if restored == selection.timeline:
        return answered(context.say("background_untouched"))
    said = context.say("background_restored")
    return applied("edit_background", {"background": "original"}, restored, said)


def matches(clause: Clause) -> bool:
    """Return whether the clause is about the background, or about the person without it."""
    text = clause.text
    if has(text, "background.matting"):
        return True
    of_background = has(text, "background")
    # "Remove the car in the background" is about the car.
    if has(text, "background.part_of_it") or (has(text, "title") and not of_background):
        return False
    if of_background:
        return not has(text, "sound") or has(text, "remove") or resolves(clause)
    if has(text, "backdrops.transparent", "backdrops.place_person") or blurs(text):
        return not has(text, "background.other_subject")
    if has(text, "look.gray", "video_noun"):
        return False
    return has(text, "background.pronoun") and resolves(clause)


def edit(clause: Clause, context: Context) -> Outcomes:
    """Put the background that the clause mentions behind the person, or ask for one."""
    if not has(clause.text, "background") and logo.is_shown(clause, context):
        return logo.edit(clause, context)  # "put logo.png in the center"
    backdrops = files.of_kind(context.media, ("image", "video"))
    wanted = find_target(clause, backdrops) or _unnamed(clause, context)
    uploaded = isinstance(wanted, Target) and bool(wanted.upload_kinds)
    if not uploaded and (refusal := refuse_patterns(clause, context)):
        return refusal
    if not isinstance(wanted, Target):
        return wanted
    if wanted.unknown and _only_adjusts_light(wanted.unknown):
        return refused("edit_background", {}, context.say("not_background_alone"))
    if wanted.unknown:
        scenes = speech.scene_list(context)
        said = context.say("cannot_draw", words=wanted.unknown, scenes=scenes)
        return refused("edit_background", {"background": wanted.unknown}, said)
    background = wanted.background
    if wanted.upload_kinds:
        chosen = _upload(clause, context, wanted)
        if not isinstance(chosen, Background):
            return chosen
        background = chosen
        if chosen.kind == "video" and has(clause.text, "background.heard"):
            background = evolve(chosen, volume=percent(clause.text) or 1.0)
    if background is None:
        return _ask(context)
    return put(clause, context, background, is_default=wanted.is_default)


def then(clause: Clause, context: Context, act: Action) -> Outcomes:
    """Replace the background if the clause mentions one, then make another edit."""
    if resolves(clause) and (first := edit(clause, context))[-1].timeline is not None:
        return (*first, *act(clause, evolve(context, timeline=first[-1].timeline)))
    return act(clause, context)


def _only_adjusts_light(words: str) -> bool:
    """Return whether the words only change a background's brightness: "the background darker"."""
    return has(words.lower(), "background") and has(words.lower(), "background.shade_only")


def put(
    clause: Clause, context: Context, background: Background, *, is_default: bool = False
) -> Outcomes:
    """Put a background behind the people in the clips that the clause refers to."""
    taken = (background.media,) if background.media else ()
    selection = select_clips(clause, _without_backdrop(context, background), without=taken)
    if not selection or all(clip.kind == "card" for clip in selection.timeline.clips):
        return no_clips("edit_background", context)
    edited = edits.set_background(selection.timeline, background, selection.only)
    name = speech.background_name(context, background)
    if edited == context.timeline:
        return answered(context.say("background_already", name=name))
    sentence = {"transparent": "background_removed", "matte": "only_mask"}.get(background.kind)
    clips = speech.listed(context, list(dict.fromkeys(clip.name for clip in selection.clips)))
    said = context.say(sentence or "background_replaced", clips=clips, name=name)
    if is_default:
        said += context.say("no_color_named")
    args = {"background": background.kind}
    value = background.color or background.scene or background.media
    if value:
        args["value"] = value
    return applied("edit_background", args, edited, said)


def _without_backdrop(context: Context, background: Background) -> Context:
    """Return the context, with an empty timeline if it only shows the new background."""
    item = next((item for item in context.media if item.id == background.media), None)
    others = [other for other in context.media if other.kind == "video" and other != item]
    alone = item and others and context.timeline == edits.timeline_of(item)
    return evolve(context, timeline=Timeline()) if alone else context


def _unnamed(clause: Clause, context: Context) -> Target | Outcomes:
    """Decide what to do if no background is mentioned: remove it, use the upload, or ask."""
    text = clause.text
    removes, matting = has(text, "remove"), has(text, "background.matting")
    if has(text, "background.shade_only") and not removes:
        return refused("edit_background", {}, context.say("not_background_alone"))
    replaces = has(text, "replace") and not matting
    if replaces and (not removes or has(text, "background.change")):
        if any(item.kind == "image" for item in context.media):
            return Target(upload_kinds=("image",))
        return _ask(context)
    if removes or matting:
        backgrounds = [clip.background for clip in context.timeline.clips]
        blurred = any(one and one.kind == "blur" for one in backgrounds)
        if blurred and has(text, "background.blurred"):
            return restore(clause, context)
        return Target(background=Background("transparent"))
    if has(text, "background.keeps"):
        return answered(context.say("background_stays"))
    return _ask(context)


def _upload(clause: Clause, context: Context, wanted: Target) -> Background | Outcomes:
    """Return the uploaded picture or video to put behind the person."""
    missing = clause.unknown_files
    candidates = files.of_kind(context.media, wanted.upload_kinds)
    used = {clip.media for clip in context.timeline.clips}
    main = edits.timeline_for(context.media)
    numbered = files.ordinal(clause.plain) is not None
    if "video" in wanted.upload_kinds and not (clause.files or numbered):
        used |= {main.clips[0].media} if main and not used else set()
        candidates = [item for item in candidates if item.kind == "image" or item.id not in used]
    chosen = None if missing else (wanted.named or files.choose(clause, candidates))
    if chosen is not None:
        return Background(chosen.kind, media=chosen.id)
    names = speech.listed(context, [item.name for item in context.media])
    uploads = context.say("upload_names", names=names) if names else ""
    what = speech.listed(context, missing) or context.say("a_background_picture")
    said = context.say("not_among_uploads", what=what, uploads=uploads)
    return refused("edit_background", {"background": "upload"}, said)


def _ask(context: Context) -> Outcomes:
    return asked(context, "which_background", scenes=speech.scene_list(context, "or"))
