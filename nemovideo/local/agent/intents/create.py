"""A video from nothing: a title card, cards, or a slideshow of uploaded pictures.

It is made in two stages, as the service does it (docs/protocol.md §10): the raw
picture first, then titles and music.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from attrs import evolve

from nemovideo._support.patterns import lazy
from nemovideo.local.agent import edits, files, speech
from nemovideo.local.agent.colors import find_colors
from nemovideo.local.agent.context import Context, Intent, Outcome, asked, did, refused
from nemovideo.local.agent.intents.music import add_music
from nemovideo.local.agent.language import find_time, times
from nemovideo.local.agent.message import IMAGE, Clause
from nemovideo.local.agent.timing import without_when
from nemovideo.local.agent.title_words import text_of
from nemovideo.local.agent.words import BACKGROUND, MUSIC, PICTURE, VIDEO_NOUN, either, has, verbs
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.timeline import Clip, Timeline, Title

CARD_MS = 5000
SLIDE_MS = 3000
CARD_COLOR = "#1f2937"
_SHAPES = (
    (either(r"vertical|portrait|9:16|tiktok|reels?|shorts", "竖屏|竖版|抖音"), (1080, 1920)),
    (either(r"square|1:1|instagram post", "方形|正方"), (1080, 1080)),
)

_CREATE = either(
    rf"{verbs('create generate produce build compose assemble')}|mak(?:e|es|ing)|made|turn|"
    rf"combine|stitch|start|put together|want|need|give me",
    "做|制作|生成|创建|创作|合成|来一?[个段]|拼|弄|新建|剪一?[个段]",
)
_WISH_ONLY = either("want|need|give me", "要")
_SLIDES = either(
    r"slide ?-?shows?|photo (?:montage|album|video|reel)|picture show|montage",
    "幻灯片|相册|影集|轮播|图片展示",
)
_BOOKEND = either(
    r"intros?|outros?|title card|title screen|end card|opening card|card|title sequence|opener",
    "片头|片尾|标题卡|开场画面|字卡|开场",
)
_OUTRO = either(r"outro|end card|ending", "片尾")
_FROM_NOTHING = either(
    r"(?:a|an|some|new|short|\d+[ -]?(?:s|sec|second)s?|title|text|intro|quick|simple|"
    r"nice)(?: [\w-]+){0,3} (?:video|clip|movie|film|animation|teaser|trailer)",
    "[个段条](?:[^,。;]{0,12})?(?:视频|短片|影片|片子|短视频|动画|预告)|(?:制作|生成|创建|"
    "创作)(?:[^,。;]{0,12})?(?:视频|短片|影片|片子)",
)
_TOPIC = lazy(
    r"(?:(?<![a-z])(?:about|on|of|showing|featuring|for)(?![a-z])|关于|讲述?|"
    r"介绍)\s*(?P<it>(?!\s|my |our |the |these |those |uploaded|pictures|photos|"
    r"images)[^,.;!?。]+?)(?:的?(?:视频|短片|影片|片子)|[,.;!?。]|$)"
)
_EACH = (
    r"(?:each|every|per)[^,.;]{0,24}?TIME|TIME (?:each|per|for each|a (?:picture|photo|slide|"
    r"image))|每[^,。;]{0,5}TIME|各TIME"
)


def _matches(clause: Clause) -> bool:
    text = clause.text
    if has(_SLIDES, text):
        return not has(either("remove|delete|from the slideshow", "删|去掉"), text)
    if has(BACKGROUND, text) or not has(_CREATE, text):
        return False
    if has(_BOOKEND, text):
        return not has(either(r"remove|delete|cut|trim"), text)
    if (
        has(PICTURE, text)
        and has(VIDEO_NOUN + "|" + either("movie"), text)
        and has(either("of|from|with|using|out of|into", "用|把|拿|以|将|图|照片"), text)
    ):
        return not has(either(r"(?:this|the|my) (?:video|clip)", "这个视频"), text)
    if has(
        either(r"(?:turn|combine|stitch|make)\w* (?:\w+ ){0,4}(?:pictures|photos|images|pics)"),
        text,
    ):
        return True
    if has(_WISH_ONLY, text) and not _words(clause):
        return False
    return has(_FROM_NOTHING, text) and not has(
        either(
            r"(?:want|need|give me) (?:\w+ ){0,3}(?:my|the|this) |make (?:the|this|my|it)|"
            r"turn (?:it|this|the|my)|slow|fast|muted?|shorter|quieter",
            "这个视频|我的视频|让视频|把视频|快|慢|静音",
        ),
        text,
    )


def asks_for_new(clause: Clause) -> bool:
    """Return whether a video is to be made from nothing, and not only changed in its shape."""
    text = clause.text
    shown = has(_SLIDES, text) or has(_BOOKEND, text) or has(PICTURE, text)
    told = clause.quotes or text_of(clause) or has(either("about", "关于|讲述|介绍"), text)
    return _matches(clause) and bool(shown or told)


def _create(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    pictures = files.named(clause, ("image",)) or files.of_kind(context.media, ("image",))
    text = clause.text
    wants_pictures = has(_SLIDES, text) or has(PICTURE, text) or IMAGE in text
    if (
        has(_BOOKEND, text)
        and not has(_SLIDES, text)
        and context.timeline
        and context.timeline.clips
    ):
        return _bookend(clause, context, context.timeline)
    if wants_pictures and not pictures and not clause.quotes:
        said = context.say(
            "There are no uploaded pictures yet. Upload some, and I'll make a slideshow of them.",
            "还没有上传图片。请先上传图片，我再制作幻灯片。",
        )
        return refused("generate_video", {"kind": "slideshow"}, said)
    words = _words(clause)
    if pictures and (wants_pictures or not words):
        return _decorated(clause, context, _slideshow(clause, context, pictures), words[:1])
    if not words:
        said = context.say(
            "What should the video show? Give me a title, for example: make a video with the title "
            "“Hello”; or upload pictures for a slideshow.",
            "视频要显示什么？请给一个标题，例如：制作一个标题为“你好”的视频；或者上传图片做幻灯片。",
        )
        wish = clause.raw.strip(" .,!。，！")
        before = context.say(f"{wish} with the title “", f"{wish}，标题为“")
        return asked(said, before, "”", anything=True)
    return _decorated(clause, context, _cards(clause, context, words), words)


def _words(clause: Clause) -> tuple[str, ...]:
    if clause.quotes:
        return clause.quotes
    text = text_of(clause)
    if text is None and (found := _TOPIC.search(clause.plain)):
        raw = clause.raw[found.start("it") : found.end("it")]
        text = without_when(raw).strip(" .,，。")
        text = re.split(r"\s+with\s+|配上?", text)[0].strip()
        text = text[:1].upper() + text[1:]
    if text and has(MUSIC, text.lower()):
        text = re.split(r"\s+(?:and|with)\s+|[和,，]", text)[0].strip()
    return (text,) if text else ()


def _shape(clause: Clause) -> Timeline:
    size = next((size for words, size in _SHAPES if has(words, clause.text)), (1920, 1080))
    return Timeline(width=size[0], height=size[1])


def _slideshow(clause: Clause, context: Context, pictures: Sequence[MediaItem]) -> Outcome:
    each = find_time(_EACH, clause.text)
    total = times(clause.text)
    if each is None:
        each = max(200, total[0] // len(pictures)) if total else SLIDE_MS
    raw = evolve(
        _shape(clause),
        clips=tuple(edits.clip_of(item, each) for item in pictures),
        title="slideshow",
    )
    count = len(pictures)
    length = speech.seconds(context, raw.duration_ms)
    said = context.say(
        f"I've made a slideshow of {count} picture{'s' * (count != 1)}; it is {length} long.",
        f"已用 {count} 张图片制作幻灯片，总长 {length}。",
    )
    args: dict[str, object] = {
        "kind": "slideshow",
        "media": [i.id for i in pictures],
        "each_ms": each,
    }
    return did("generate_video", args, raw, said, generation=True)


def _cards(clause: Clause, context: Context, words: tuple[str, ...]) -> Outcome:
    given = times(clause.text)
    each = find_time(_EACH, clause.text)
    if each is None:
        each = given[0] // len(words) if given else (CARD_MS if len(words) == 1 else SLIDE_MS)
    each = max(200, each)
    color = next((found.value for found in find_colors(clause.text)), CARD_COLOR)
    clips = tuple(
        Clip(kind="card", duration_ms=each, name="title card", color=color) for _ in words
    )
    raw = evolve(_shape(clause), clips=clips, title=words[0])
    length = speech.seconds(context, raw.duration_ms)
    said = context.say(
        f"I can't film or draw footage, so I've made a plain title video of {length}.",
        f"我不能生成实拍画面，所以制作了一个 {length} 的标题视频。",
    )
    args: dict[str, object] = {"kind": "cards", "count": len(clips), "each_ms": each}
    return did("generate_video", args, raw, said, generation=True)


def _decorated(
    clause: Clause, context: Context, raw: Outcome, words: tuple[str, ...]
) -> tuple[Outcome, ...]:
    """Return the raw stage, then titles and music, each as a step of its own."""
    outcomes = [raw]
    timeline = raw.timeline
    if timeline is not None and words:
        starts = [sum(c.duration_ms for c in timeline.clips[:i]) for i in range(len(words))]
        titles = tuple(
            Title(text, timeline.clips[i].duration_ms, starts[i])
            for i, text in enumerate(words[: len(timeline.clips)])
        )
        timeline = evolve(timeline, titles=titles)
        shown = speech.listed(context, [f"“{title.text}”" for title in titles])
        said = context.say(f"I've added the title {shown}.", f"已添加标题{shown}。")
        args: dict[str, object] = {"text": [title.text for title in titles]}
        outcomes.append(did("add_title", args, timeline, said, generation=True))
    if has(MUSIC, clause.text) and not has(
        either("without (?:any )?music|no music", "不要音乐|无音乐"), clause.text
    ):
        music = Clause(text="with music", plain="with music", raw="with music", files=clause.files)
        outcomes += add_music(music, evolve(context, timeline=timeline))
    return tuple(outcomes)


def _bookend(clause: Clause, context: Context, timeline: Timeline) -> tuple[Outcome, ...]:
    words = _words(clause)
    if not words:
        wish = clause.raw.strip(" .,!。，！")
        before = context.say(f"{wish} saying “", f"{wish}，写着“")
        said = context.say("What should the card say?", "要显示什么文字？")
        return asked(said, before, "”", anything=True)
    given = times(clause.text)
    color = next((found.value for found in find_colors(clause.text)), CARD_COLOR)
    length = given[0] if given else SLIDE_MS
    card = Clip(
        kind="card", duration_ms=max(200, length), name="title card", text=words[0], color=color
    )
    if has(_OUTRO, clause.text):
        edited = edits.with_clips(timeline, (*timeline.clips, card))
        said = context.say(f"I've added an outro saying “{words[0]}”.", f"已添加片尾“{words[0]}”。")
    else:
        edited = edits.prepend(timeline, card)
        said = context.say(f"I've added an intro saying “{words[0]}”.", f"已添加片头“{words[0]}”。")
    args: dict[str, object] = {"kind": "card", "text": words[0], "duration_ms": card.duration_ms}
    return (did("generate_video", args, edited, said, generation=True),)


CREATE = Intent("create", "create", _matches, _create)
