"""Words of loudness, and the volume that they mean."""

from __future__ import annotations

from nemovideo.local.agent.language import number, percent
from nemovideo.local.agent.words import MUCH, SLIGHTLY, either, has

MUTE = either(
    r"mut(?:e|es|ed|ing)|silen(?:t|ce|ced|tly|cing)|soundless|no (?:more )?(?:sound|audio|voice)s?|"
    r"(?:sound|audio|volume) off|turn(?:ed)? (?:\w+ ){0,4}off|without (?:any |the )?(?:sound|"
    r"audio)",
    "静音|消音|无声|没声音|没有声音|不要(?:有)?(?:任何)?声音|不要原?声|闭音",
)
UNMUTE = either(
    r"un-?mut(?:e|es|ed|ing)|(?:restor|bring|turn|get|giv|put)\w* (?:\w+ ){0,5}(?:sound|audio|"
    r"voice|volume)(?: \w+)? ?(?:back|on)?|"
    r"(?:restor|bring|turn|get|giv|put)\w* back (?:\w+ ){0,3}(?:sound|audio|voice)|(?:sound|"
    r"audio) (?:back )?on|"
    r"hear (?:the )?(?:sound|voice|audio|me|him|her)",
    "取消静音|解除静音|关闭静音|恢复(?:原)?(?:声|音)|恢复[^,。]{0,4}(?:声音|原声|音量)|"
    "打开(?:声音|原声)|开启(?:声音|原声)|还原声音|"
    "(?:声音|原声)[^,。]{0,3}(?:打开|恢复|开启)|不要静音",
)
_LOUDER = either(
    r"loud(?:er|en)?|(?:increas|rais|boost)\w*|turn\w* (?:\w+ ){0,4}up|up|higher|amplify|more",
    "大|高|增|提升|响",
)
_QUIETER = either(
    r"quiet(?:er|en|ly)?|soft(?:er|ly|en)?|(?:decreas|reduc|lower)\w*|turn\w* (?:\w+ ){0,4}down|"
    r"down|low(?:er)?|less|gentl[ey]|"
    r"faint(?:er|ly)?|subtl[ey]",
    "小|低|轻|减|弱|降|柔",
)
LOUDNESS = either(
    r"volume|loud(?:er|ness|ly)?|quiet(?:er|ly|en)?|soft(?:er|ly)?|turn\w* (?:\w+ ){0,4}(?:up|"
    r"down)|"
    r"(?:too|a bit|much|more|less) (?:loud|quiet|soft)|lower|raise|boost",
    "音量|大声|小声|声音[^,。]{0,4}[大小高低轻响]|[调放]大|[调放]小|调高|调低|太响|太大|太小|"
    "轻一?[些点]|响一?[些点]|大一?[些点]|小一?[些点]",
)


def new_volume(text: str, current: float) -> float | None:
    """Return the volume (0..2, 1 as recorded) that the words mean, None where they mean none."""
    too = has(either("too", "太"), text)
    louder, quieter = has(_LOUDER, text), has(_QUIETER, text)
    if too:
        louder, quieter = quieter, louder
    share = percent(text)
    if (
        share is None
        and has(either("volume|at|to|level", "音量"), text)
        and has(either("volume|level", "音量"), text)
    ):
        plain = number(text)
        share = None if plain is None else plain / 100 if plain > 2 else plain
    if share is not None:
        by = has(either("by|louder|quieter|softer|more|less"), text) or has(
            r"[提升增降减][高加大低小少](?:了)?\W*[\d百]|[大小]\W*[\d百]", text
        )
        if by and (louder or quieter) and not has(either(r"to", "到|为"), text):
            return _limited(current * (1 - share if quieter else 1 + share))
        return _limited(share)
    if has(either("full|maximum|max|normal|original", "最大|原始|正常"), text) and has(
        either("volume|loudness|level", "音量|声音"), text
    ):
        return 1.0
    if not (louder or quieter):
        return None
    step = 0.85 if has(SLIGHTLY, text) else 0.3 if has(MUCH, text) else 0.6
    return _limited(current * step if quieter else current / step)


def _limited(volume: float) -> float:
    return round(min(2.0, max(0.0, volume)), 4)
