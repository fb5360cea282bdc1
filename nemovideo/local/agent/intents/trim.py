"""Length: keep a stretch, or cut one out. Times are those of the timeline."""

from __future__ import annotations

import re

import attrs

from nemovideo._support.patterns import lazy
from nemovideo.local.agent import edits, speech
from nemovideo.local.agent.context import Context, Intent, Outcome, asked, did, refused, told
from nemovideo.local.agent.language import find_time, mark_times, percent, time_range, times
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.stage import nothing_there, stage_for
from nemovideo.local.agent.words import MUSIC, TITLE, either, has, verbs

_KEEP = either(
    rf"{verbs('keep extract leave retain preserve save limit isolate grab select')}|only|just|"
    rf"kept|left|"
    r"(?:trim|cut|crop|clip|shorten|reduc|truncat|edit|pare|bring|get|"
    r"boil)\w* (?:\S+ ){0,4}?(?:down )?(?:to|until|till)|"
    r"cap(?:ped)?|down to|nothing but",
    "保留|只要|只需|只留|留下?|截取|提取|剪取|剪出|截出|截到|剪到|剪成|剪至|裁到|裁成|裁至|"
    "缩短到|缩短至|缩短为|缩到|缩减到|"
    "裁剪到|裁剪为|裁剪成|剪辑到|剪辑成|剪短到|剪短至|控制在|限制在|取前|取最|取第|截成|截短到|"
    "截前|截最|截第",
)
_CUT = either(
    rf"thr(?:ow|own|owing) (?:away|out)|"
    rf"{verbs('trim cut remove delete drop chop clip crop snip skip shorten')}|"
    rf"{verbs('discard erase strip shave lop truncate')}|"
    rf"{verbs('reduce lose')}|get rid of|tak(?:e|ing) (?:\S+ ){{0,4}}?(?:off|out|away)|"
    rf"don't want|no need for|without",
    "剪|裁|截|删|去掉|去除|去|移除|切|砍|掐|不要|跳过|缩短|减掉|减少|拿掉",
)
_DROPS = either(
    rf"thr(?:ow|own|owing) (?:away|out)|"
    rf"{verbs('remove delete drop chop snip skip discard erase strip shave lop lose')}|get rid of|"
    r"cut(?:ting)? (?:out|off|away)|trim(?:med|ming)? off|without|don't want|"
    r"(?:cut|tak|trim|chop|clip)\w* (?:\S+ ){1,6}?(?:out|off|away)|"
    r"(?:cut|clip|chop|crop)\w* (?:the |that |this |a |any )?(?:part|section|bit|piece|segment|"
    r"portion|range|everything)",
    "[剪裁切截砍掐减删][掉去除了]|去掉|去除|移除|删|不要|跳过|拿掉|剔除|抹掉",
)
_LENGTH = either(
    r"seconds? long|secs? long|minutes? long|long|in length|length|duration|short|lasts?|runtime",
    "时长|长度|总长|短一?[些点]?到|秒长|以内|之内|那么长",
)
_SHORTEN_TO = either(
    r"(?:shorten|trim|cut|crop|clip|reduc|truncat|limit|cap|bring|edit|pare|mak|set|keep|"
    r"leav)\w*.*? "
    r"(?:to|at|under|within)(?: (?:just|only|exactly|about|be|a|the|length of|"
    r"a total of))*(?= ?\ue010)",
    r"(?:到|成|为|至|在|只要|只留|只保留|保留|缩短|压缩)(?:视频|总共|时长|长度|只有|只剩|"
    r"大约)?(?=\ue010)",
)
_FIRST = either(
    r"first|opening|initial|beginning|start|front|head|intro",
    "前(?!面的)|开头|开始|最初|片头|起始|最前|头(?=[\\d一二两三四五六七八九十几半])|开场",
)
_LAST = either(
    r"last|second(?= half)|final|end|ending|closing|tail|back|outro",
    "后|最后|结尾|末尾|尾|片尾|结束",
)
_HALF = either(r"half|halves", "一半|半段|半部分|1半|前半|后半")
_MIDDLE = either("middle|centre|center", "中间")
_AFTER = (
    r"(?:after|past|beyond|from|following)(?: (?:the|second|mark|point|"
    r"at))*\s*TIME(?! ?(?:to|-|until))"
)
_BEFORE = r"(?:before|until|till|up to|prior to|preceding)(?: (?:the|second|mark|point))*\s*TIME"
_BY = either(r"by|off", "掉|短|少")


_UNTOLD = lazy(
    r"\W*(?:please |can you |could you )?(?:trim|shorten|cut)"
    r"(?: (?:it|this|(?:the|my) (?:video|clip)))?(?: please| (?:a )?(?:bit|little))?\W*$"
    r"|\W*(?:请|帮我|把?视频)*(?:剪短|剪辑|剪一?下|裁短|缩短|修剪)(?:一?[下些点])?(?:视频|它)?\W*$"
)


@attrs.frozen
class _Cut:
    """What is asked for: the stretch, and whether it is kept or dropped."""

    start_ms: int
    end_ms: int
    keeps: bool


def _matches(clause: Clause) -> bool:
    text = clause.text
    if _UNTOLD.match(text):
        return True
    marked = mark_times(text)
    timed = bool(times(text)) or time_range(text) is not None
    part = has(_HALF, text) or (percent(text) is not None and has(f"{_FIRST}|{_LAST}", text))
    if not timed and not (part and (has(f"{_FIRST}|{_LAST}", text) or has(r"in half|对半", text))):
        return False
    if has(MUSIC, text) or has(TITLE, text):
        return False
    if has(
        either(
            "speed|speeds|fast|faster|slow|slower|fade\\w*|transition\\w*|zoom\\w*|each|every|per",
            "速|淡入|淡出|转场|每|放大|缩放",
        ),
        text,
    ):
        return False
    starts = re.search(
        r"(?<![a-z])(?:start|begin|end|stop|finish)\w*(?: (?:the|it|this|video|clip))*(?: (?:at|"
        r"from|on|with))* ?\ue010",
        marked,
    )
    starts = starts or re.search(
        "从[^,。;]{0,3}\ue010\\d+\ue010[^,。;]{0,4}(?:开始|起|播)|(?:到|"
        "在)?[^,。;]{0,2}\ue010\\d+\ue010[^,。;]{0,3}(?:结束|为止|截止)",
        marked,
    )
    made = has(
        either(r"mak\w+|made|set|want|need|be|should|let|give", "变|让|弄|做|设|调|改"), text
    ) and has(_LENGTH, text)
    made = made or has(
        either(
            r"(?:mak\w+|made|set) (?:it|this|that|the \w+)(?: to| only| just|"
            r" exactly)* ?(?=\ue010)",
            "[变改做弄调]成?(?=\ue010)",
        ),
        marked,
    )
    return has(_CUT, text) or has(_KEEP, text) or bool(starts) or made


def _trim(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    stage = stage_for(clause, context)
    if not stage:
        return nothing_there("trim_clip", context)
    total = stage.timeline.duration_ms
    cut = _read(clause.text, total)
    length = speech.seconds(context, total)
    if cut is None:
        said = context.say(
            f"Which part "
            f"should I cut? Say for example “keep the first 5 seconds”; it is {length} long.",
            f"要剪哪一段？例如可以说“只保留前5秒”。现在总长 {length}。",
        )
        return asked(said, context.say("trim to ", "只保留"))
    start, end = cut.start_ms, cut.end_ms
    args: dict[str, object] = {
        "action": "keep" if cut.keeps else "cut",
        "start_ms": start,
        "end_ms": end,
    }
    # A clip's length is rarely a round number: half a frame over the end still means the end.
    if total < end <= total + 50:
        end = total
    if not 0 <= start < end or end > total:
        said = context.say(
            f"I can't: the video is only {length} long.", f"做不到：视频总长只有 {length}。"
        )
        return refused("trim_clip", args, said)
    if not cut.keeps and start == 0 and end == total:
        said = context.say("I can't cut the whole video away.", "不能把整个视频都剪掉。")
        return refused("trim_clip", args, said)
    if cut.keeps and start == 0 and end == total:
        return told(context.say(f"It is already {length} long.", f"视频长度已经是 {length}。"))
    edited = (edits.keep if cut.keeps else edits.cut_out)(stage.timeline, start, end)
    left = speech.seconds(context, edited.duration_ms)
    part = speech.span(context, start, end)
    said = (
        context.say(
            f"I've kept {part}; it is {left} long now.", f"已保留 {part}，现在总长 {left}。"
        )
        if cut.keeps
        else context.say(
            f"I've cut {part} out; it is {left} long now.", f"已剪掉 {part}，现在总长 {left}。"
        )
    )
    lost = len(stage.timeline.titles) - len(edited.titles)
    if lost:
        said += context.say(
            " A title that stood in the part cut off is gone with it.",
            "被剪掉部分的标题也一并去掉了。",
        )
    return (did("trim_clip", args, edited, said),)


def _read(text: str, total: int) -> _Cut | None:
    """Return the stretch that the words mean on a timeline of `total` milliseconds."""
    drops = has(_DROPS, text)
    found = times(text)
    if stretch := time_range(text):
        return _Cut(*stretch, keeps=not drops)
    by_words = _by_border(text, total, drops=drops)
    if by_words:
        return by_words
    amount = found[0] if found else _share(text, total)
    if amount is None:
        return None
    marked = mark_times(text)
    keeps = not drops and has(_KEEP, text)
    if (
        has(_SHORTEN_TO, marked)
        and not drops
        and not re.search(f"{_FIRST}[^,]*\ue010|{_LAST} ?\ue010", marked)
    ):
        return _Cut(0, amount, keeps=True)
    if has(_MIDDLE, text):
        middle = (total - amount) // 2
        return _Cut(middle, middle + amount, keeps=keeps)
    if has(_LAST, text) and not has(r"(?<![a-z])first(?![a-z])|前(?!\ue010?面)", text):
        # "Shorten it by 2 seconds at the end" cuts; "make it the last 2 seconds" keeps.
        return _Cut(max(0, total - amount) if amount <= total else -1, total, keeps=keeps)
    if has(_FIRST, text):
        return _Cut(0, amount, keeps=keeps)
    if (drops or has(either(r"by"), text)) and has(_CUT, text) and not has(_LENGTH, text):
        return _Cut(total - amount, total, keeps=False)
    if has("缩短(?:了|掉)?\ue010", marked) and not has("到|至|成|为", text):
        return _Cut(total - amount, total, keeps=False)
    return _Cut(0, amount, keeps=True)


def _by_border(text: str, total: int, *, drops: bool) -> _Cut | None:
    """Read "everything after 5 s", "start at 3 s", "5秒之后的", "从第3秒开始"."""
    start = find_time(
        r"(?<![a-z])(?:start|begin)\w*(?: (?:the|it|this|video|clip))*(?: (?:at|from|on|"
        r"with))* ?TIME",
        text,
    )
    start = (
        start
        if start is not None
        else find_time("从[^,。;]{0,3}TIME[^,。;]{0,4}(?:开始|起|播)", text)
    )
    end = find_time(
        r"(?<![a-z])(?:end|stop|finish)\w*(?: (?:the|it|this|video|clip))*(?: (?:at|on|by))* ?TIME",
        text,
    )
    end = end if end is not None else find_time("TIME[^,。;]{0,3}(?:结束|为止|截止)", text)
    if start is not None or end is not None:
        return _Cut(start or 0, total if end is None else end, keeps=True)
    after = find_time(
        rf"(?<![a-z]){_AFTER}|TIME[^,。;]{{0,2}}(?:之后|以后|往后|后面|后的|"
        rf"后(?=[^,。;]*[剪删去裁切]))",
        text,
    )
    if after is not None:
        keeps = (not drops and not has(_CUT, text)) or has(
            either("keep|only|just", "保留|只要"), text
        )
        return _Cut(after, total, keeps=keeps)
    before = find_time(rf"(?<![a-z]){_BEFORE}|TIME[^,。;]{{0,2}}(?:之前|以前|前的|前面)", text)
    if before is not None:
        keeps = not drops and (has(_KEEP, text) or not has(_CUT, text))
        return _Cut(0, before, keeps=keeps)
    return None


def _share(text: str, total: int) -> int | None:
    share = percent(text)
    if share is None and has(_HALF, text):
        share = 0.5
    return round(total * share) if share else None


TRIM = Intent("trim", "trim", _matches, _trim)
