"""Word classes: what the rules of `intents/` are made of, in English and Chinese.

Rules ask for the presence of classes ("a word of removing, and the background"),
not for sentences, so that word order and politeness do not matter.
"""

from __future__ import annotations

import re

from nemovideo.local.agent.message import AUDIO, IMAGE, VIDEO


def either(english: str = "", chinese: str = "") -> str:
    """Return a pattern: the English alternatives as whole words, or the Chinese ones anywhere."""
    parts = [rf"(?<![a-z0-9])(?:{english})(?![a-z0-9])"] if english else []
    return f"(?:{'|'.join([*parts, *([chinese] if chinese else [])])})"


def verbs(stems: str) -> str:
    """Return a pattern for the forms of regular English verbs, separated by blanks."""
    return "|".join(map(_forms, stems.split()))


def has(pattern: str, text: str) -> bool:
    """Return whether the pattern is found in the text."""
    return re.search(pattern, text) is not None


def _forms(stem: str) -> str:
    if stem.endswith("e"):
        return rf"{stem[:-1]}(?:e|es|ed|ing)"
    if stem.endswith("y"):
        return rf"{stem[:-1]}(?:y|ys|yed|ying|ies|ied)"
    return rf"{stem}{stem[-1]}?(?:s|es|ed|ing)?"


_NOT_MUSIC = (
    r"(?![ -]*(?:music|songs?|audio|tracks?|sounds?|noises?|score|tunes?|hum|hiss|chatter|vocals?))"
)
BACKGROUND = either(
    rf"back-?grounds?{_NOT_MUSIC}|back ground{_NOT_MUSIC}|back-?drops?|bg(?!m)|(?:green|"
    rf"blue)[ -]?screens?|"
    r"(?:behind|in back of) (?:me|us|him|her|them|it|my \w+|the (?:person|people|speaker|subject|"
    r"presenter|man|woman|guy|girl|boy|host|actor|talking head|foreground))|surroundings?|scenery",
    "背景(?!的?(?:音|噪|声|乐|杂音|人声))|[我他她人者物](?:的)?(?:身后|后面|背后)|身后的|"
    "[绿蓝][幕屏布]|[白黑红绿蓝灰黄紫粉]色?底(?![部下色端])",
)
REMOVE = either(
    rf"{verbs('remove delete erase eliminate strip drop discard clear wipe hide')}|"
    rf"{verbs('ditch scrap lose')}|"
    r"removal|deletion|gone|disappear\w*|vanish\w*|(?:needs?|has|have|must)(?: to)? go|thr(?:ow|"
    r"ew|own|owing) (?:\w+ ){0,3}?(?:away|out)|rid of|do away with|without|no(?: more| longer)?|"
    r"(?:don't|do not|doesn't need|didn't) (?:want|need)|"
    r"(?:cut(?:ting)?|tak(?:e|es|ing)|taken|key(?:ed|ing)?|knock(?:ed|ing)?|mask(?:ed|ing)?|"
    r"crop(?:ped|ping)?|pull|edit|get|got|getting) (?:it |that |this |out )?(?:out|away|off)|"
    r"(?:cut|tak(?:e|ing)|get|key|mask|knock|crop|pull) [^,.;]{1,40}? (?:out|away|off)",
    "去掉|去除|去一?下|去了|移除|移掉|移走|移去|删|抹掉|抹去|抠|扣掉|扣除|扣掉|除去|除掉|拿掉|"
    "拿走|清除|清掉|"
    "消除|消掉|消失|弄掉|弄走|取消|不想?要|干掉|隐藏|擦除|擦掉|剔除|剪掉|剪去|裁掉|切掉|砍掉|"
    "截掉|拆掉|撤掉|关掉|关了|关上|"
    "关闭|去背|去底|没有|无需",
)
REPLACE = either(
    rf"{verbs('replace swap change switch exchange substitute turn convert transform alter')}|"
    r"replacement|instead of",
    "换|替代|改成|改为|改用|变成|变为|改一下|更改|转成|代替|取代",
)
ADD = either(
    rf"{verbs('add insert put place overlay show display type write attach include stick')}|"
    rf"{verbs('superimpose want need give have apply lay play print render')}|wrote|written|with",
    "加|添|插入|写|放|显示|打上|打出|配|来一?[个段首句行]|弄一?[个段首句行]|给.{0,8}上|贴|叠|"
    "打一?[个行段]|出现|用|做一?个",
)
MAKE = either(
    rf"{verbs('make set use apply turn create generate produce build')}|made|let",
    "变|弄|设|做|用|使用|调|搞|生成|制作",
)
MUSIC = either(
    r"music|bgm|soundtracks?|songs?|background[ -]*(?:audio|tracks?|sounds?|score|tunes?)|"
    rf"tunes?|melody|jingle|mp3|underscore|{AUDIO}+",
    f"bgm|音乐|配乐|背景乐|背景音|背景声|歌曲?|曲子|乐曲|伴奏|{AUDIO}+",
)
TITLE = either(
    r"titles?|texts?|captions?|sub-?titles?|sub-?titling|head(?:ing|line)s?|lettering|"
    r"lower[ -]thirds?|words|wording|label|tag ?line|banner|typography",
    "标题|字幕|文字|片名|题目|字样|文本|文案|大字|标语|花字|字(?=[:“「『《\ue000]|变成?[^,。]?色|的?颜色|放大|缩小)",
)
SOUND = either(
    r"sounds?|audio|volume|voices?|noise|speech|loudness",
    "声音|音量|原声|音频|人声|噪音|杂音|原音|声",
)
VIDEO_NOUN = either(
    rf"videos?|clips?|footage|movies?|films?|recordings?|shots?|takes?|{VIDEO}+",
    f"视频|片段|影片|录像|素材|片子|短片|{VIDEO}+",
)
PICTURE = either(
    rf"pictures?|pics?|images?|photos?|photographs?|wallpapers?|{IMAGE}+",
    f"图片|图像|照片|相片|图|壁纸|画面|{IMAGE}+",
)
UPLOADED = either(
    r"upload(?:ed|s)?|attached|i (?:gave|sent|added|provided|shared)|my own|own|my|provided|custom",
    "上传|我发|我给|我传|提供|刚才?的|自己的|我的|发给你|传的",
)
INSTEAD = either("instead(?! of)|rather than|in place of", "而不是|代替")
LESS = either(
    rf"less|{verbs('decrease reduce lower decreas drop diminish cut weaken soften')}|down|fewer|"
    rf"lowered",
    "降低|减少|减小|减弱|调低|调小|低|小(?!时)|少|降|减|弱|淡",
)
MORE = either(
    rf"more|{verbs('increase raise boost up enhance strengthen amplify crank bump intensify')}|"
    r"higher|greater|stronger",
    "提高|增加|增强|增大|加大|加强|提升|调高|调大|高|大|多|升|强|加|增|浓",
)
SLIGHTLY = either(
    r"slightly|a bit|a little|a touch|a tad|bit|little|somewhat|subtly|a hint",
    "些|稍|略|一点|有点|点儿|一丢丢|一下",
)
MUCH = either(
    r"much|a lot|lots|way|very|significantly|really|far|strongly|dramatically|considerably|super",
    "很多|许多|大幅|非常|特别|多得多|更多|明显|大大",
)
WHOLE = either(
    r"throughout|(?:whole|entire|full|all)(?: of)?(?: the)? (?:time|video|clip|length|duration|"
    r"thing)|"
    r"all the way|permanently|always|until the end",
    "全程|一直|整个|从头到尾|自始至终|始终",
)
