"""What is said without an edit: questions, greetings, the status, export, refusals."""

from __future__ import annotations

import re

from nemovideo._support.patterns import lazy
from nemovideo.local.agent import speech
from nemovideo.local.agent.context import Context, Intent, Outcome, told
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.words import (
    BACKGROUND,
    MUSIC,
    SOUND,
    TITLE,
    VIDEO_NOUN,
    either,
    has,
    verbs,
)

_VERB_EN = (
    r"(?:remov|replac|chang|blur|trim|cut|add|put|mut|mak|undo|us|tak|set|turn|speed|slow|delet|"
    r"eras|swap|crop|touch|"
    r"alter|modif|edit|adjust|increas|decreas|reduc|lower|rais|brighten|darken|export|do|go|"
    r"apply|insert|includ|get rid|"
    r"convert|shorten|creat|generat|unmut|restor|keep|drop|strip)\w*"
)
_VERB_ZH = (
    "去掉|去除|移|换|加|改|动|剪|静音|替换|模糊|虚化|抠|用|调|变|做|碰|裁|删|撤|设|放|"
    "加速|减速|导出"
)
_NEGATED = lazy(
    rf"(?<![a-z])(?:(?:do not|don't|dont|never|please not|shouldn't|should not|must not|mustn't|"
    rf"won't|"
    rf"no need to|not necessary to|refrain from|avoid|not|rather not)(?: (?:you|me|to|want|wanna|"
    rf"need|have|please|ever|yet|just|even|actually|also|like|it)){{0,4}}) "
    rf"{_VERB_EN}|(?<![a-z])without (?:remov|replac|chang|touch|cut|trim|mut|alter|modify)\w*"
    rf"|(?:不要|别|不用|不必|请勿|勿|无需|不需要|不想|不许|不能|不准|先别)(?:再|去|给我|帮我|"
    rf"把[^,。;]{{0,8}}|对[^,。;]{{0,8}}|将[^,。;]{{0,8}}|动)?(?:{_VERB_ZH})"
)
_NOT_NEGATED = lazy(
    r"(?:don't|do not|not) (?:forget|hesitate)|why (?:don't|not)|(?:can't|won't|couldn't|"
    r"wouldn't) you|"
    r"don't (?:want|need|like) (?:the|any|this|that|a|my|to see|to hear|to have)|not only|别忘|"
    r"不要忘|"
    r"(?:不要|别)(?:用|加|放)?(?:了)?$|不能不|能不能|not (?:so|too|as)|don't mute"
)
_QUESTION = lazy(
    r"^(?:(?:hi|hey|hello|ok|so|and|but|well|please|tell me|explain|show me|你好|请问|那|告诉我|"
    r"嗨)[\s,!]*)*"
    r"(?:how (?:do|can|could|to|would|should|does|did|is|are|long|many|much|come)|what(?:'s| is|"
    r" are| does| do| can| happens| would| will| did| kind| format)"
    r"|why(?! (?:don't|not))|which|who|when|where|is(?! it possible| there (?:a|any) way| it ok)|"
    r"are(?! you able)|was|were|did|does|has|have (?:you|i)|do (?:you|i)(?! mind)|am"
    r"|should i)(?![a-z])|^(?:你好|请问|那|告诉我|嗨|[\s,!])*(?:怎么(?!样把)|如何|怎样|为什么|"
    r"为啥|什么是|有没有(?!办法把)|是不是|是否|哪)"
)
_QUESTION_ZH = lazy(
    r"(?:怎么(?!样\W*$)|如何|怎样(?!\W*$)|为什么|是什么|什么样|了吗\W*$|了没有?\W*$|多长|多少|"
    r"几秒\W*$|哪些|有什么|是不是|吗.{0,2}为什么)"
)
_STATUS = either(
    r"status|what(?:'s| is| do (?:i|we) have|'s there)? (?:\w+ )?on (?:the|my) timeline|timeline|"
    r"tracks?|draft|summary|progress|so far|"
    r"what (?:have|did) (?:you|we|i)|current (?:state|version)|how long|what(?:'s|"
    r" is) the (?:background|title|music|speed|length|duration)|"
    r"(?:is|are|was|were|did|has|have) .*",
    "状态|时间线|时间轴|轨道|进度|目前|现在|多长|草稿|了吗|了没|总结|几秒",
)
_EXPORT = either(
    r"export\w*|download\w*|render(?:ed|ing)?|save (?:it|the|this|my|as)|send me (?:the |"
    r"my )?(?:\w+ )?(?:video|file|result)|give me the (?:\w+ )?(?:video|file)",
    "导出|下载|输出视频|保存视频|渲染|发给我|发我",
)
_FORMATS = either(
    r"(?:file |video |image |output |export )*(?:formats?|file types?|codecs?|containers?)|"
    r"(?:\.)?(?:mp4|webm|mov|pro ?res|gif|png|jpe?g|webp|zip)s?(?: sequences?| frames| files?)?|"
    r"(?:image|png|frame) sequences?",
    "格式|(?<![a-z0-9])(?:mp4|webm|mov|gif|png|jpg|zip)(?![a-z0-9])|序列(?:帧|图)|动图",
)
_CREDITS = either(
    r"credits?|balance|billing|account|quota|subscription", "积分|余额|账户|账号|额度"
)
_GREETING = either(
    r"hi|hello|hey|good (?:morning|afternoon|evening|day)|howdy|greetings|what's up|yo",
    "你好|您好|嗨|哈喽|早上好|下午好|晚上好|在吗",
)
_THANKS = either(
    r"thanks?|thank you|thx|great|perfect|awesome|cool|nice|good job|well done|ok(?:ay)?|bye|"
    r"goodbye|love it|looks good",
    "谢谢|多谢|感谢|不错|很好|太棒|太好|好的|可以了|再见|完美|赞",
)
_HELP = either(
    r"help|what can (?:you|i)|what do you do|abilities|capabilit\w+|features?|who are you|"
    r"instructions|commands?",
    "帮助|你会|你能做|能做什么|可以做什么|功能|怎么用|你是谁|使用说明",
)
_KEEP = either(r"keep\w*|leave|leaving|preserve|retain|don't touch", "保留|保持|留着|不变")


def is_negated(clause: Clause) -> bool:
    """Return whether the clause says that something is not to be done."""
    text = clause.text
    return _NEGATED.search(text) is not None and _NOT_NEGATED.search(text) is None


def is_question(clause: Clause) -> bool:
    """Return whether the clause asks for an explanation: "how do I …", not "can you …"."""
    text = clause.text.strip()
    if re.search(r"(?:怎么样|如何|怎样|好吗|行吗|可以吗|好不好|吗)\W*$", text) and not re.search(
        "了吗\\W*$", text
    ):
        return False
    return _QUESTION.search(text) is not None or _QUESTION_ZH.search(text) is not None


def _decline(_clause: Clause, context: Context) -> tuple[Outcome, ...]:
    return told(context.say("All right, I leave that as it is.", "好的，保持不变。"))


def _explain(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    text = clause.text
    if has(_FORMATS, text):
        return _formats(clause, context)
    if has(_EXPORT, text):
        return _export(clause, context)
    if has(_HELP, text) or has(
        either("(?:which|what) \\w+ (?:can|do) you", "能换|支持|可以换"), text
    ):
        return _help(clause, context)
    if not re.search(r"how (?:do|can|to|could|would|should)|why|怎么|如何|怎样|为什么", text) and (
        has(_STATUS, text) or has(BACKGROUND, text) or has(VIDEO_NOUN, text) or has(TITLE, text)
    ):
        return _status(clause, context)
    for subject, english, chinese in (
        (BACKGROUND, "remove the background", "去掉背景"),
        (MUSIC, "add background music at 35%", "加背景音乐，音量 35%"),
        (TITLE, "add a title saying “Hello”", "加标题“你好”"),
        (SOUND, "mute the video", "静音"),
        (either(r"speed|faster|slower|slow\w*", "速|快|慢"), "speed it up 2x", "2倍速"),
        (
            either(r"trim\w*|cut\w*|short\w*|long", "剪|裁|时长"),
            "trim to the first 5 seconds",
            "只保留前5秒",
        ),
        (either(r"undo", "撤销"), "undo", "撤销"),
    ):
        if has(subject, text):
            said = context.say(
                f"Just tell me, for example: “{english}”, and I'll do it.",
                f"直接告诉我就行，例如：“{chinese}”。",
            )
            return told(said)
    return told(speech.abilities(context))


def _status(_clause: Clause, context: Context) -> tuple[Outcome, ...]:
    if context.timeline is None or not context.timeline.clips:
        uploads = speech.listed(context, [item.name for item in context.media])
        said = context.say(
            f"The timeline is empty. Uploaded: {uploads or 'nothing yet'}.",
            f"时间线是空的。已上传：{uploads or '暂无'}。",
        )
        return told(said)
    return told(speech.summary(context, context.timeline))


def _export(_clause: Clause, context: Context) -> tuple[Outcome, ...]:
    if context.timeline is None or not context.timeline.clips:
        return told(context.say("There is nothing to export yet.", "还没有可以导出的内容。"))
    return told(speech.closing(context, generation=False))


def _formats(_clause: Clause, context: Context) -> tuple[Outcome, ...]:
    return told(
        context.say(
            "Name the format when you export: I can make MP4, WebM and MOV, GIF, WebP, a ZIP of "
            "PNGs, for a picture PNG, JPG and WebP, and the mask alone, below the color or beside "
            "it. All but MP4 and JPG keep transparency.",
            "导出时指定格式即可：可以导出 MP4、WebM、MOV、GIF、WebP、PNG 序列（ZIP），图片可导出 "
            "PNG、JPG、WebP，也可以只导出蒙版，或者与画面上下拼接、分开打包。"
            "除 MP4 和 JPG 外都支持透明背景。",
        )
    )


def _credits(_clause: Clause, context: Context) -> tuple[Outcome, ...]:
    return told(
        context.say("Check your account page for your credits.", "请在账户页面查看您的积分。")
    )


def _greet(_clause: Clause, context: Context) -> tuple[Outcome, ...]:
    hello = context.say("Hello! ", "你好！")
    return told(hello + speech.abilities(context))


def _welcome(_clause: Clause, context: Context) -> tuple[Outcome, ...]:
    return told(context.say("You're welcome.", "不客气。"))


def _help(_clause: Clause, context: Context) -> tuple[Outcome, ...]:
    return told(speech.abilities(context))


def _keep(_clause: Clause, context: Context) -> tuple[Outcome, ...]:
    return told(context.say("It stays as it is.", "保持不变。"))


def _only(words: str, clause: Clause, limit: int = 24) -> bool:
    return has(words, clause.text) and len(clause.text.strip()) <= limit


def _matches_keep(clause: Clause) -> bool:
    text = clause.text
    kept = any(has(words, text) for words in (SOUND, MUSIC, TITLE, VIDEO_NOUN)) or has(
        either("everything|rest|original|as (?:it )?is|same", "其他|其它|原样|一切"), text
    )
    return (
        has(_KEEP, text)
        and kept
        and not re.search(r"\d", text)
        and not has(either("original (?:background|backdrop)", "背景"), text)
    )


def _matches_status(clause: Clause) -> bool:
    text = clause.text
    return has(
        either(
            r"status|what(?:'s| is) on (?:the|my) timeline|(?:show|list|describe|"
            r"summari\w+)(?: me)? (?:the |my |all )*(?:timeline|tracks?|draft|state|status|"
            r"project)|"
            r"current (?:state|version)",
            "状态|(?:时间线|时间轴|轨道|草稿)(?:上)?(?:有|是)?|显示轨道|查看进度",
        ),
        text,
    ) and not has(either(rf"{verbs('add put remove delete')}", "加|放|删|去掉"), text)


def unknown(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    """Return the refusal of a wish that no intent knows; the draft stays as it is."""
    wish = " ".join(clause.raw.split()).strip(" ,.;!?，。；！？、")
    wish = wish if len(wish) <= 80 else wish[:77] + "…"
    said = context.say(
        f"I can't do this: “{wish}”. Ask “help” for what I can do.",
        f"这个我做不到：“{wish}”。想知道我会什么，请说“帮助”。",
    )
    return told(said, done=False)


DECLINE = Intent("decline", "talk", is_negated, _decline)
EXPLAIN = Intent("explain", "talk", is_question, _explain)
KEEP = Intent("keep", "talk", _matches_keep, _keep)
STATUS = Intent("status", "talk", _matches_status, _status)
FORMATS = Intent(
    "formats",
    "talk",
    lambda clause: has(_FORMATS, clause.text) and not has(_EXPORT, clause.text),
    _formats,
)
EXPORT = Intent("export", "talk", lambda clause: has(_EXPORT, clause.text), _export)
CREDITS = Intent("credits", "talk", lambda clause: has(_CREDITS, clause.text), _credits)
HELP = Intent("help", "talk", lambda clause: _only(_HELP, clause, 40), _help)
GREET = Intent("greet", "talk", lambda clause: _only(_GREETING, clause), _greet)
WELCOME = Intent("welcome", "talk", lambda clause: _only(_THANKS, clause, 30), _welcome)
