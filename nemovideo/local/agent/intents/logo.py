"""An uploaded picture over the video: a logo or a watermark, in a corner, with a size."""

from __future__ import annotations

import re
from collections.abc import Sequence

from attrs import evolve

from nemovideo._values.formats import IMAGE_SUFFIXES, suffix_of
from nemovideo.local.agent import files, speech
from nemovideo.local.agent.context import Context, Intent, Outcome, did, refused
from nemovideo.local.agent.intents.create import asks_for_new
from nemovideo.local.agent.language import percent
from nemovideo.local.agent.message import IMAGE, QUOTE, UNKNOWN_FILE, Clause
from nemovideo.local.agent.places import BIGGER, SMALLER, find_spot, new_size
from nemovideo.local.agent.stage import nothing_there, stage_for
from nemovideo.local.agent.timing import says_when, when
from nemovideo.local.agent.words import ADD, BACKGROUND, PICTURE, REMOVE, TITLE, either, has
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.timeline import Overlay, Timeline

SIZE = 0.2
_LEAST, _MOST = 0.02, 1.0

_LOGO = either(
    r"logos?|watermarks?|overlay(?: picture| image)?|badge|emblem|picture[ -]in[ -]picture",
    "logo|水印|标志|角标|台标|商标|徽标|画中画",
)
_OVER = either(
    r"corners?|on top of (?:the|my|it|everything)|over(?:lay\w*)? (?:the|my) (?:video|clip|"
    r"picture|footage)|overlay\w*|superimpose\w*|(?:top|bottom|upper|lower)[ -](?:left|right)",
    "角|叠加?在?|盖在|贴在",
)
_MOVE = either(r"mov\w+|shift\w*|drag\w*|resiz\w*|make", "移|挪|调|放")
_OPACITY = either(
    r"opacity|opaque|transparen\w*|see[ -]?through|translucent|faint\w*|semi-?\w*",
    "透明|淡一?[些点]",
)


def _matches(clause: Clause) -> bool:
    text = clause.text
    if has(BACKGROUND, text) or QUOTE in text or has(TITLE, text):
        return False
    named = any(_can_be_laid_over(item) for item in clause.files)
    pictured = named or IMAGE in text or UNKNOWN_FILE in text or has(PICTURE, text)
    laid = pictured and has(_OVER, text) and has(f"{ADD}|{_MOVE}", text)
    return (laid or has(_LOGO, text)) and not asks_for_new(clause)


def _can_be_laid_over(item: MediaItem) -> bool:
    """Return whether a file is a picture, a moving one, or a cut-out: not just another clip."""
    moving = item.kind == "video" and (item.has_alpha or suffix_of(item.name) in IMAGE_SUFFIXES)
    return moving or item.kind == "image"


def _logo(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    shown = context.timeline.overlays if context.timeline else ()
    text = clause.text
    named = any(_can_be_laid_over(item) for item in clause.files)
    adding = (
        named
        or IMAGE in text
        or UNKNOWN_FILE in text
        or has(
            either(r"add|insert|another|put (?:a|my|the) \w*logo|place a", "加|添|插|放[上个]"),
            text,
        )
    )
    if has(REMOVE, text) and not has(either("with|add|put"), text):
        return _remove(clause, context, shown)
    if shown and context.timeline is not None and (not adding or _moves_known(clause, context)):
        return _change(clause, context, context.timeline)
    return _add(clause, context)


def _moves_known(clause: Clause, context: Context) -> bool:
    """Return whether the picture that is named lies over the video already."""
    ids = {item.id for item in clause.files}
    return (
        bool(ids)
        and context.timeline is not None
        and any(overlay.media in ids for overlay in context.timeline.overlays)
    )


def _add(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    timeline = context.timeline
    behind = {c.background.media for c in timeline.clips if c.background} if timeline else set()
    pictures = files.of_kind(context.media, ("image",))
    free = [item for item in pictures if item.id not in behind]
    chosen = None if clause.unknown_files else _chosen(clause, free or pictures)
    if chosen is None:
        missing = speech.listed(context, clause.unknown_files)
        said = context.say(
            f"I can't find {missing or 'a picture for the logo'} among your uploads; "
            "upload it first.",
            f"在您上传的文件中找不到{missing or '可用作标志的图片'}，请先上传。",
        )
        return refused("add_overlay", {}, said)
    stage = stage_for(clause, context, without=(chosen.id,))
    if not stage:
        return nothing_there("add_overlay", context)
    total = stage.timeline.duration_ms
    start, length = 0, total
    if says_when(clause.text):
        timed = when(clause.text, total, total)
        if timed is None:
            span = speech.seconds(context, total)
            said = context.say(
                f"I can't: the video is only {span} long.", f"做不到：视频总长只有 {span}。"
            )
            return refused("add_overlay", {}, said)
        start, length = timed.start_ms, timed.duration_ms
    plain = Overlay(chosen.id, chosen.name, length, start, size=SIZE)
    overlay = _styled(plain, clause.text)
    edited = evolve(stage.timeline, overlays=(*stage.timeline.overlays, overlay))
    where = speech.position_name(context, overlay.position)
    size = speech.percentage(overlay.size)
    said = context.say(
        f"I've put {chosen.name} at the {where} ({size} wide).",
        f"已把 {chosen.name} 放到{where}（宽 {size}）。",
    )
    return (did("add_overlay", _args(overlay), edited, said),)


def _chosen(clause: Clause, pictures: Sequence[MediaItem]) -> MediaItem | None:
    """Return the picture that is named, or else the last one that was uploaded."""
    as_logo = has(_LOGO, clause.text)  # then any video will do: picture in picture
    named = [
        item
        for item in clause.files
        if item in pictures or _can_be_laid_over(item) or (as_logo and item.kind == "video")
    ]
    named += [item for item in pictures if files.mentions_stem(clause.plain, item)]
    return next(iter((*named, *pictures[-1:])), None)


def _change(clause: Clause, context: Context, timeline: Timeline) -> tuple[Outcome, ...]:
    old = timeline.overlays[-1]
    new = _styled(old, clause.text)
    if says_when(clause.text):
        timed = when(clause.text, timeline.duration_ms, timeline.duration_ms)
        if timed is not None:
            new = evolve(new, start_ms=timed.start_ms, duration_ms=timed.duration_ms)
    if new == old:
        said = context.say(
            "I can change the logo's corner, size, opacity and time.",
            "我可以修改标志的位置、大小、透明度和时间。",
        )
        return refused("edit_overlay", {}, said)
    edited = evolve(timeline, overlays=(*timeline.overlays[:-1], new))
    where = speech.position_name(context, new.position)
    size = speech.percentage(new.size)
    said = context.say(
        f"{new.name} is at the {where} now ({size} wide).",
        f"{new.name} 现在在{where}（宽 {size}）。",
    )
    return (did("edit_overlay", _args(new), edited, said),)


def _remove(clause: Clause, context: Context, shown: tuple[Overlay, ...]) -> tuple[Outcome, ...]:
    named = {item.id for item in clause.files}
    gone = [overlay for overlay in shown if not named or overlay.media in named]
    if not gone or context.timeline is None:
        said = context.say("There is no logo to remove.", "没有可以删除的标志。")
        return refused("remove_overlay", {}, said)
    left = tuple(overlay for overlay in shown if overlay not in gone)
    names = speech.listed(context, [overlay.name for overlay in gone])
    said = context.say(f"I've removed {names}.", f"已删除 {names}。")
    return (did("remove_overlay", {}, evolve(context.timeline, overlays=left), said),)


def _styled(overlay: Overlay, text: str) -> Overlay:
    """Return the overlay with the place, size and opacity that the text asks for."""
    spot = find_spot(text)
    if spot is not None:
        overlay = evolve(overlay, position=spot.position)
    if has(_OPACITY, text):
        share = percent(text)
        if (
            share is not None
            and has(either("transparen\\w*", "透明度?"), text)
            and not has("不透明", text)
        ):
            share = 1 - share
        text = re.sub(r"(?<!\d)\d+ ?%", " ", text)
        overlay = evolve(overlay, opacity=round(0.5 if share is None else share, 4))
    sized = has(BIGGER, text) or has(SMALLER, text) or re.search(r"\d ?%|percent|百分", text)
    size = new_size(text, overlay.size) if sized else None
    return (
        overlay if size is None else evolve(overlay, size=round(min(_MOST, max(_LEAST, size)), 4))
    )


def _args(overlay: Overlay) -> dict[str, object]:
    return {
        "media": overlay.media,
        "position": overlay.position,
        "size": overlay.size,
        "opacity": overlay.opacity,
        "start_ms": overlay.start_ms,
        "duration_ms": overlay.duration_ms,
    }


LOGO = Intent("logo", "logo", _matches, _logo)
