"""Back to the version before, or to the beginning."""

from __future__ import annotations

import attrs

from nemovideo.local.agent import edits
from nemovideo.local.agent.context import Context, Intent, Outcome, refused, told
from nemovideo.local.agent.context import did as edited
from nemovideo.local.agent.intents.background import restore
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.turn import ToolUse
from nemovideo.local.agent.words import BACKGROUND, MUSIC, SOUND, TITLE, either, has
from nemovideo.local.timeline import Timeline

_UNDO = either(
    r"undo(?:es|ing)?|undone|ctrl ?[+-]? ?z|(?:go|step|roll|take|switch|change|turn|put|bring|"
    r"get)(?:ing|ne)? (?:it |that |this |everything )?(?:one |a )?(?:step |"
    r"version )?back(?! ?(?:ground|drop))"
    r"(?! to (?:the )?(?:\w+ )?(?:colou?r|start|beginning|normal|video|clip|original))|revert\w*|"
    r"rollback|never ?mind (?:that|the)|"
    r"(?:previous|last|prior|earlier) (?:version|state|step)|take (?:that|it) back|"
    r"cancel (?:that|it|the last \w+|my last \w+)|"
    r"(?:reverse|discard|drop|scrap|forget|delete|cancel|remove) (?:the |my |that |"
    r"this )?(?:last|previous|latest|most recent) (?:change|edit|step|action|modification|"
    r"operation)s?",
    "撤销|撤回|撤消|回退|退回|上一步|前一步|上一版|上个版本|上一个版本|之前的版本|返回上|"
    "取消(?:上|刚才|刚刚|前)|后悔了|回到上|回到之前",
)
_ALL = either(
    r"start (?:all )?(?:over|again|afresh|from scratch)|reset (?:everything|all|the (?:project|"
    r"video|draft|timeline))|"
    r"undo (?:everything|all)(?: \w+){0,2}|(?:revert|go back|return|restore|"
    r"reset)\w* (?:\w+ )?(?:to )?(?:the )?original (?:video|clip|version|footage)|"
    r"(?:discard|drop|remove|clear|cancel) (?:all|every) (?:my |the )?(?:changes?|edits?)",
    "重新开始|从头开始|重来|全部撤销|撤销(?:所有|全部)|重置(?:项目|视频|全部|所有|时间线)?$|"
    "(?:恢复|还原|回到)(?:到|成)?(?:原视频|原片|原始视频|最初|初始)|取消(?:所有|全部)",
)
_SUBJECTS = {
    "background": BACKGROUND,
    "titles": TITLE,
    "sounds": MUSIC,
    "volume": either("mute|volume|sound|audio", "静音|音量"),
    "speed": either("speed", "速度|变速|倍速"),
    "length": either(r"trim\w*|cut\w*|crop\w*|shorten\w*", "剪|裁|截"),
    "look": either(
        r"bright\w*|contrast|saturation|colou?rs?|black and white", "亮度|对比度|饱和度|颜色|黑白"
    ),
}


def _matches_all(clause: Clause) -> bool:
    return has(_ALL, clause.text)


def _start_over(_clause: Clause, context: Context) -> tuple[Outcome, ...]:
    ids = [clip.media for clip in context.timeline.clips] if context.timeline else []
    main = next((item for item in context.media if item.id in ids and item.kind == "video"), None)
    fresh = edits.timeline_of(main) if main else edits.timeline_for(context.media)
    if fresh is None or fresh == context.timeline:
        return told(context.say("There is nothing to take back.", "没有可以撤销的修改。"))
    said = context.say("I've gone back to the original video.", "已恢复到原视频。")
    return (edited("start_over", {}, fresh, said),)


def _matches(clause: Clause) -> bool:
    text = clause.text
    if not has(_UNDO, text):
        return False
    # "Bring back the original background" and "turn the sound back on" are wishes of their own.
    has_subject = any(has(words, text) for words in _SUBJECTS.values()) or has(SOUND, text)
    return not has_subject or has(
        either(
            r"undo\w*|revert\w*(?: the)? (?:\w+ )?(?:change|edit)|last|previous", "撤|回退|上一"
        ),
        text,
    )


def _undo(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    named = {name for name, words in _SUBJECTS.items() if has(words, clause.text)}
    changed = _changed(context.history[-1], context.timeline) if context.history else set()
    if "background" in named - changed:
        return restore(clause, context)
    if not context.history:
        return refused("undo", {}, context.say("There is nothing to undo.", "没有可以撤销的操作。"))
    before = context.history[-1]
    if named and not named & changed:
        said = context.say(
            "That was not the last change. I undo one by one, from the last; say “undo” for it.",
            "那不是最后一步修改。我只能从最后一步开始逐步撤销，需要的话请说“撤销”。",
        )
        return refused("undo", {"of": sorted(named)}, said)
    said = context.say("I've undone the last change.", "已撤销上一步修改。")
    tool = ToolUse("undo", {}, {"status": "success"})
    return (Outcome(said, tool, before, undone=True),)


def _changed(before: Timeline | None, after: Timeline | None) -> set[str]:
    """Return what differs between two versions, in the words of _SUBJECTS."""
    if before is None or after is None:
        return set(_SUBJECTS)
    old, new = (_facts(timeline) for timeline in (before, after))
    return {name for name in old if old[name] != new[name]}


def _facts(timeline: Timeline) -> dict[str, object]:
    clips = [attrs.asdict(clip, recurse=False) for clip in timeline.clips]
    speeds = [clip["speed"] for clip in clips]
    return {
        "background": [clip["background"] for clip in clips],
        "titles": timeline.titles,
        "sounds": [(sound.media, sound.volume) for sound in timeline.sounds],
        "volume": ([clip["volume"] for clip in clips], [s.volume for s in timeline.sounds]),
        "speed": speeds,
        "length": [(clip["source_start_ms"], clip["duration_ms"]) for clip in clips],
        "look": [(clip["brightness"], clip["contrast"], clip["saturation"]) for clip in clips],
    }


START_OVER = Intent("start_over", "undo", _matches_all, _start_over)
UNDO = Intent("undo", "undo", _matches, _undo)
