"""Make a video from scratch: title cards, or a slideshow of uploaded pictures.

It is made in two stages, as the service does (docs/protocol.md §10): the raw video first,
then titles and music.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from nemovideo.local.agent import edits, files, speech
from nemovideo.local.agent.colors import find_colors
from nemovideo.local.agent.context import Context, Outcomes, applied, asked, refused
from nemovideo.local.agent.intents import music
from nemovideo.local.agent.language import find_time, times
from nemovideo.local.agent.message import IMAGE, Clause
from nemovideo.local.agent.timing import without_time
from nemovideo.local.agent.title_words import text_of
from nemovideo.local.agent.words import has, pattern
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.timeline import Clip, Timeline, Title

CARD_MS = 5000
SLIDE_MS = 3000
CARD_COLOR = "#1f2937"
_MIN_MS = 200
_SIZES = {"create.9:16": (1080, 1920), "create.1:1": (1080, 1080)}


def matches(clause: Clause) -> bool:
    """Return whether the clause asks for a new video, a slideshow or a title card."""
    text = clause.text
    if has(text, "create.slides"):
        return not has(text, "create.from_slideshow")
    if has(text, "background") or not has(text, "create.create"):
        return False
    if has(text, "create.bookend"):
        return not has(text, "create.cut")
    if (
        has(text, "picture")
        and has(text, "video_noun", "create.movie")
        and has(text, "create.made_of")
    ):
        return not has(text, "create.this_video")
    if has(text, "create.of_pictures"):
        return True
    if has(text, "create.wish_only") and not _words(clause):
        return False
    return has(text, "create.from_nothing") and not has(text, "create.existing")


def asks_for_new(clause: Clause) -> bool:
    """Return whether the clause asks for a new video, not only for a different shape."""
    shown = has(clause.text, "create.slides", "create.bookend", "picture", "create.about")
    return matches(clause) and (shown or bool(clause.quotes or text_of(clause)))


def create(clause: Clause, context: Context) -> Outcomes:
    """Make the video, or ask what it should show."""
    text = clause.text
    slides = has(text, "create.slides")
    if context.timeline.clips and has(text, "create.bookend") and not slides:
        return _bookend(clause, context)
    pictures = files.of_kind(clause.files, ("image",)) or files.of_kind(context.media, ("image",))
    wants_pictures = slides or has(text, "picture") or IMAGE in text
    if wants_pictures and not pictures and not clause.quotes:
        return refused("generate_video", {"kind": "slideshow"}, context.say("no_pictures"))
    words = _words(clause)
    if pictures and (wants_pictures or not words):
        return _decorated(clause, context, _slideshow(clause, context, pictures), words[:1])
    if not words:
        return _ask(clause, context, "what_to_show")
    return _decorated(clause, context, _cards(clause, context, words), words)


def _ask(clause: Clause, context: Context, question: str) -> Outcomes:
    return asked(context, question, free_text=True, request=clause.raw.strip(" .,!。，！"))


def _words(clause: Clause) -> tuple[str, ...]:
    """Return the words to show: quoted, after "saying", or the topic of the video."""
    if clause.quotes:
        return clause.quotes
    text = text_of(clause)
    if text is None and (found := pattern("create.topic").search(clause.plain)):
        raw = clause.raw[found.start("it") : found.end("it")]
        text = without_time(raw).strip(" .,，。")
        text = pattern("create.accompanied").split(text)[0].strip()
        text = text[:1].upper() + text[1:]
    if text and has(text.lower(), "music"):
        text = pattern("create.joined").split(text)[0].strip()
    return (text,) if text else ()


def _canvas(clause: Clause) -> Timeline:
    width, height = next(
        (size for name, size in _SIZES.items() if has(clause.text, name)), (1920, 1080)
    )
    return Timeline(width=width, height=height)


def _each_ms(clause: Clause, count: int, default_ms: int) -> int:
    """Return how long each of several cards or slides is shown."""
    each = find_time(clause.text, "create.each")
    if each is not None:
        return each
    total = times(clause.text)
    return max(_MIN_MS, total[0] // count) if total else default_ms


def _slideshow(clause: Clause, context: Context, pictures: Sequence[MediaItem]) -> Outcomes:
    count = len(pictures)
    each = _each_ms(clause, count, SLIDE_MS)
    clips = tuple(edits.clip_of(item, each) for item in pictures)
    raw = evolve(_canvas(clause), clips=clips, title="slideshow")
    length = speech.seconds(context, raw.duration_ms)
    sentence = "slideshow_made" if count > 1 else "slideshow_of_one"
    said = context.say(sentence, count=count, length=length)
    media = [item.id for item in pictures]
    args = {"kind": "slideshow", "media": media, "each_ms": each}
    return applied("generate_video", args, raw, said, generation=True)


def _cards(clause: Clause, context: Context, words: tuple[str, ...]) -> Outcomes:
    each = _each_ms(clause, len(words), CARD_MS if len(words) == 1 else SLIDE_MS)
    card = _card(clause, each)
    raw = evolve(_canvas(clause), clips=(card,) * len(words), title=words[0])
    said = context.say("cards_made", length=speech.seconds(context, raw.duration_ms))
    args = {"kind": "cards", "count": len(words), "each_ms": card.duration_ms}
    return applied("generate_video", args, raw, said, generation=True)


def _card(clause: Clause, length_ms: int) -> Clip:
    color = next((found.value for found in find_colors(clause.text)), CARD_COLOR)
    length_ms = max(_MIN_MS, length_ms)
    return Clip(kind="card", duration_ms=length_ms, name="title card", color=color)


def _decorated(clause: Clause, context: Context, raw: Outcomes, words: tuple[str, ...]) -> Outcomes:
    """Return the raw video, then titles and music, each as a separate step."""
    outcomes = list(raw)
    timeline = raw[0].timeline
    assert timeline is not None
    if words:
        titles: list[Title] = []
        start = 0
        for clip, text in zip(timeline.clips, words, strict=False):
            titles.append(Title(text, clip.duration_ms, start))
            start += clip.duration_ms
        timeline = evolve(timeline, titles=tuple(titles))
        shown = speech.listed(context, [f"“{title.text}”" for title in titles])
        args = {"text": [title.text for title in titles]}
        said = context.say("title_added", shown=shown)
        outcomes += applied("add_title", args, timeline, said, generation=True)
    if has(clause.text, "music") and not has(clause.text, "create.no_music"):
        wanted = Clause(text="with music", plain="with music", raw="with music", files=clause.files)
        outcomes += music.add(wanted, evolve(context, timeline=timeline))
    return tuple(outcomes)


def _bookend(clause: Clause, context: Context) -> Outcomes:
    """Add a card before or after the video."""
    timeline = context.timeline
    words = _words(clause)
    if not words:
        return _ask(clause, context, "card_words")
    given = times(clause.text)
    card = evolve(_card(clause, given[0] if given else SLIDE_MS), text=words[0])
    if has(clause.text, "create.outro"):
        edited = edits.append(timeline, card)
        said = context.say("outro_added", words=words[0])
    else:
        edited = edits.prepend(timeline, card)
        said = context.say("intro_added", words=words[0])
    args = {"kind": "card", "text": words[0], "duration_ms": card.duration_ms}
    return applied("generate_video", args, edited, said, generation=True)
