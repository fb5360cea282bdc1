"""What a title is to say: quoted words, or those after "saying", "called", 写着 and their like."""

from __future__ import annotations

import re

from nemovideo._support.patterns import lazy
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.timing import without_when

_SAYING = lazy(
    r"(?<![a-z])(?:that says|that reads|which says|which reads|saying|says|say|reading|reads|"
    r"read|called|titled|entitled|named|"
    r"with the (?:text|words?|title|caption|content)|with text|should be|to be|"
    r"is)(?![a-z])(?: that)?\s*[:,]?\s*(?P<it>.+)$"
)
_COLON = lazy(
    r"(?<![a-z])(?:titles?|texts?|captions?|sub-?titles?|headings?|headlines?|"
    r"words)(?: \w+){0,5}? ?[:=-]\s*(?P<it>.+)$"
)
_AFTER_NOUN = lazy(
    r"(?<![a-z])(?:add|put|insert|show|display|write|overlay|include|create|give|have|make|want|"
    r"need|with|use)\b(?: (?:in|it|me|on))?(?: (?:a|an|the|some|my))*(?: \w+)? ?"
    r"(?:title|text|caption|subtitle|heading|headline|words|label|banner|"
    r"text overlay)s?(?: (?:text|overlay|card|of))*\s+"
    r"(?!at |on |in |from |for |to |please|over |near |with |and |that |of |as |overlay|during|"
    r"which|about |above |below |under |between )(?P<it>.+)$"
)
_BEFORE_NOUN = lazy(
    r"(?<![a-z])(?:add|put|insert|show|display|write|overlay|include|type|print|use|place)(?:s|"
    r"ing)?\s+(?:the (?:words?|text|phrase)\s+)?(?P<it>.+?)\s+"
    r"(?:as|for|on|onto|over|across|at|in|to) (?:the |a |an |my )?(?:very |main )?(?:title|"
    r"caption|subtitle|text|heading|headline|"
    r"screen|video|clip|top|bottom|center|centre|middle|picture|label|footage|lower|upper|"
    r"beginning|start|end).*$"
)
_WRITTEN = lazy(
    r"(?<![a-z])(?:write|writing|type|caption it|title it|call it|name it)\s+(?P<it>.+)$"
)
_CHINESE = (
    lazy(
        r"(?:标题|字幕|文字|片名|文本|文案|题目|标语|[行句段个]字)(?:的?内容|文字)?(?:是|为|"
        r"叫做?|写着?|改成|改为|换成|换为|变成|:|设为|设成)+\s*(?P<it>.+)$"
    ),
    lazy(
        r"(?:写上|写着|写|打上|打出|显示|内容(?:是|为)|叫做?|名为)(?:文字|字幕|标题|"
        r"字)?:?\s*(?P<it>.+)$"
    ),
    lazy(
        r"(?:加上?|添加|加入|插入|放上?|用|以)一?个?(?P<it>[^,。;]+?)(?:这[几个]*字)?(?:做|作为?|"
        r"当|为|的)?(?:标题|字幕|文字|字样|片名|大字)"
    ),
    lazy(
        r"(?:加上?|添加|加入|插入|放上?|配上?)一?[个行段条]?(?:主|副|大)?(?:标题|字幕|文字|片名|"
        r"大字)[,:\s]*(?P<it>.+)$"
    ),
)
_CHINESE_TAIL = lazy(
    r"[,\s]*(?:在|放在?|放到|持续|显示|从|位置|位于|时长)?(?:视频|画面|"
    r"屏幕)?(?:的)?(?:最?(?:顶部|底部|上方|下方|中间|中央|居中|上面|下面|左|右|开头|结尾|末尾|最后)"
    r"|[\d一二三四五六七八九十两半]+\s*(?:秒|分)|第?\d).*$"
)
_EMPTY = lazy(
    r"^(?:\W|(?:a|an|the|some|it|to|title|text|caption|please)(?![a-z])|"
    r"[吧一个下上去我的请好吗在和了大主新中英文行段些])*$"
)


def text_of(clause: Clause) -> str | None:
    """Return the words that are to be shown, as they were typed: quoted, or after "saying"."""
    if clause.quotes:
        return clause.quotes[-1]
    text = clause.plain
    english = (_SAYING, _COLON, _AFTER_NOUN, _BEFORE_NOUN, _WRITTEN)
    for pattern in (*english, *_CHINESE):
        found = pattern.search(text)
        if not found:
            continue
        words = without_when(found["it"])
        if pattern in _CHINESE:
            words = _CHINESE_TAIL.sub("", words)
            words = re.sub(r"(?:的?(?:标题|字幕|文字|字样|大字)|吧|好吗)+$", "", words)
        start = found.start("it")
        shown = clause.raw[start : start + len(words)].strip(" \t\n:：,，。.;；、-")
        if not _EMPTY.match(shown.lower()):
            return " ".join(shown.split())
    return None
