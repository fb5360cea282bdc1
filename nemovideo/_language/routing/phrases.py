"""The phrases around a wish: formats and paths of an export, joints, negations."""

from __future__ import annotations

import re

from nemovideo._support.patterns import lazy

_CONTAINER = r"(?:mp4|webm|mov|gif|zip|png|jpe?g|webp|mkv|avi|prores)"
SEQUENCE = lazy(r"\b(?:png|image|frame) sequence|序列", re.IGNORECASE)
"""One picture for each frame, which is a zip."""
FORMAT = lazy(rf"(?<![a-z0-9])({_CONTAINER})(?![a-z0-9])", re.IGNORECASE)
OUTPUT = lazy(
    r"(?:\b(?:to|as|into|in|at|under|named|called)\s+|[到为成叫]\s*|名为\s*"
    r"|(?<=export)\s+|(?<=download)\s+|(?<=render)\s+|(?<=save)\s+|(?<=导出)\s*|(?<=下载)\s*)"
    rf"(?:[\"'“‘`「]([^\"'”’`」\n]{{1,300}}\.{_CONTAINER})[\"'”’`」]"
    rf"|((?:(?![，。；！？、“”‘’\s])[~./\\\w:\x80-\U0010ffff-]){{1,300}}\.{_CONTAINER})(?![\w.])"
    r"|((?:~[\\/]|\.{1,2}[\\/]|/|[A-Za-z]:[\\/])(?:[^\s\"'，。；,;]{0,299}[^\s\"'，。；,;.!?])?))",
    re.IGNORECASE,
)
QUALITIES = {
    "high": lazy(
        r"\b(?:high|higher|highest|best|full|max|maximum)\b"
        r"|(?<![a-z0-9])(?:u?hd|4k|2k|1080p?)(?![a-z0-9])|高清|高质量|最高|最好|超清|无损|原画",
        re.IGNORECASE,
    ),
    "medium": lazy(
        r"\b(?:medium|standard)\b|(?<![a-z0-9])720p?(?![a-z0-9])|中等|标准|普通", re.IGNORECASE
    ),
    "low": lazy(
        r"\b(?:low|lower|lowest|small)\b|(?<![a-z0-9])(?:480|360)p?(?![a-z0-9])|低(?:质量|画质|清)",
        re.IGNORECASE,
    ),
}

JOINT = lazy(
    r"\s*[.!;…]+\s+|\s*[,，;；。！、\n]+\s*(?:(?:and|then|after that|afterwards|finally|when|once"
    r"|lastly|next)\s+)*"
    r"|\s+(?:and then|and finally|and|then|after that|&)\s+|\s*(?:然后|接着|最后|之后"
    r"|以后|并且|而且|并|再|后|完)\s*(?:再|就|请|并)?",
    re.IGNORECASE,
)
"""Where a second wish can begin."""
NAMES_WORDS = lazy(
    r"(?:\b(?:import|imports|about|says?|saying|text|title|words?|called|named|between|reading"
    r"|reads|caption)\b(?:\s+\S+){0,2}"
    r"|(?:文字|标题|字幕|写着|叫|内容|字样|关于|进口|介绍)[^，。]{0,6})\s*$",
    re.IGNORECASE,
)
"""What a bare "and" joins to it is the matter of a video or a title, not a wish."""
BARE_JOINT = lazy(r"\s*(?:and|&|并|再|后|完)\s*", re.IGNORECASE)
NEGATION = lazy(
    r"\b(?:not|no|never|don't|dont|without exporting|won't)\b|别|不要|先不|不用|暂时不"
    r"|无需|还不|不想|不必",
    re.IGNORECASE,
)
REFUSES_UPLOAD = lazy(
    r"\b(?:don't|dont|do not|never|not)\b[^.]{0,20}\bupload|(?:别|不要|先不|不用"
    r"|不想|暂不)[^，。]{0,6}上传",
    re.IGNORECASE,
)
EXPORTS_AN_EDIT = lazy(
    r"(?:(?:please|can|could|would|you|i|want|to|i'd|like|now|then|ok|okay|just"
    r"|let's)[\s,]+){0,8}(?:export|download|render|save|send me|give me)\s+"
    r"(?:it|this|that|(?:the|my|our)(?:\s+(?:final|finished|whole|edited))?\s+(?:video|clip|movie"
    r"|file|result))\b.{0,40}\b(?:with|without|after|but|once|in black)\b"
    r"|(?:请|帮我|麻烦|我想|我要)*(?!.*(?:文字|标题|字幕|写着|字样|怎么|\ue000"
    r"|吗)).{2,60}(?:发给我|导出来?|下载下来)[吧。！!]*$",
    re.IGNORECASE | re.DOTALL,
)
"""An export that needs an edit first: "export it without the music"."""
