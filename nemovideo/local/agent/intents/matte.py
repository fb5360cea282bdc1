"""The mask alone: white where the person is, black elsewhere, for use in other editors."""

from __future__ import annotations

from nemovideo.local.agent.context import Context, Intent, Outcome
from nemovideo.local.agent.intents.background import put
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.words import BACKGROUND, either, has
from nemovideo.local.timeline import Background

_NAME = (
    r"(?:alpha[ -]|luma[ -]|track[ -]|black[ -](?:and|&)[ -]white |b&w |person |(?:segmentation|"
    r"foreground|binary|gr[ae]y(?:scale)?) )*(?:mattes?|masks?|alphas?|alpha[ -]channels?)"
    r"(?! (?:out|off|away|over|the|my|me|him|her|them|this|that)(?![a-z]))(?![a-z])"
)
_THE = r"(?:the |a |an |its |my |his |her |their |video's |clip's |person's )?"
_MATTE = either(
    rf"(?:only|just|nothing but|merely|solely|purely) (?:\w+ ){{0,3}}?{_THE}{_NAME}"
    rf"|{_NAME} (?:only|alone|itself|by itself|on its own|and nothing else|please)"
    rf"|(?:show|give|get|want|need|see|export|render|output|download|extract|generate|make|create|"
    rf"produce|save|return|deliver)\w*(?: (?:me|us|it|out))*(?: (?:as|to|into|in))? {_THE}{_NAME}"
    rf"|(?:turn|convert|change|transform)\w* (?:\w+ ){{1,3}}?(?:to|into) {_THE}{_NAME}"
    rf"|as {_THE}{_NAME}|^\W*{_THE}{_NAME}\W*$",
    r"(?:只|仅|光|单独)[^,。;]{0,6}(?:蒙版|遮罩|蒙板|掩码|掩膜|阿尔法|alpha)"
    r"|(?:导出|输出|生成|显示|给我|要|做成|变成|提取|看)[^,。;]{0,6}(?:蒙版|遮罩|蒙板|掩码|掩膜)"
    r"|(?:黑白)(?:蒙版|遮罩|掩码)",
)
_WORN = either(
    r"(?:wear\w*|put(?:s|ting)? on|tak\w+ off|face|facial|surgical|carnival|halloween) "
    r"(?:\w+ ){0,2}?masks?|masked|unmask\w*",
    "面具|口罩|戴",
)
_WITH_PICTURE = either(
    r"transparen\w+|with (?:an? |the |its )?alpha|video|clip|footage", "透明|带(?:有)?alpha"
)
_ALONE = either(
    r"only|just|nothing but|merely|solely|purely|alone|(?:by )?itself|on its own", "只|仅|光|单独"
)
_MASK_WORD = either(r"matte\w*|mask\w*", "蒙版|遮罩|蒙板|掩码|掩膜")


def _matches(clause: Clause) -> bool:
    text = clause.text
    if not has(_MATTE, text) or has(_WORN, text):
        return False
    if has(BACKGROUND, text) and not has(_ALONE, text):  # "a matte black background"
        return False
    # "I need an alpha channel" wants the picture, with its transparency.
    return has(_MASK_WORD, text) or (has(_ALONE, text) and not has(_WITH_PICTURE, text))


def _show(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    return put(clause, context, Background("matte"))


SHOW_MATTE = Intent("show_matte", "background", _matches, _show)
