"""The words by which users ask for an export, their credits, the timeline or an upload."""

from __future__ import annotations

import re

import attrs

from nemovideo._language.gui.sentences import compile_words
from nemovideo._support.patterns import lazy


def _words(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


def _chinese(*lines: str) -> re.Pattern[str]:
    """Return a pattern of any of these words, the longest first."""
    return lazy("|".join(sorted(map(re.escape, _words(*lines)), key=len, reverse=True)))


_CJK = lazy("[\u4e00-\u9fff]")
_TOKEN = lazy(
    r"[a-z0-9']+|[^\s\w.,!?…;:~\-–—/\ufe0f\u200d\u2600-\u27bf\U0001f300-\U0001faff]|[^\W\da-z_]+"
)
_PUNCTUATION = lazy(
    r"[\s.,!?…;:~\-–—/，。！？；：、～（）()\ufe0f\u200d\u2600-\u27bf\U0001f300-\U0001faff]+"
)


@attrs.frozen
class Wish:
    """A wish, in both languages: the words it may be made of, and the keys that name it."""

    english: frozenset[str]
    english_key: re.Pattern[str]
    english_veto: re.Pattern[str]
    chinese: re.Pattern[str]
    chinese_key: re.Pattern[str]
    chinese_veto: re.Pattern[str]

    def is_said(self, masked: str) -> bool:
        """Whether the text says this wish and nothing else."""
        if len(masked) > _LONGEST:
            return False
        text = _ENOUGH.sub("enough credits", masked.lower().strip())
        if _CJK.search(text):
            bare = _PUNCTUATION.sub("", text)
            return (
                self.chinese_key.search(bare) is not None
                and self.chinese_veto.search(bare) is None
                and self.chinese.sub("", bare) == ""
            )
        tokens = _TOKEN.findall(text)
        plain = " ".join(tokens)
        return (
            self.english_key.search(plain) is not None
            and self.english_veto.search(plain) is None
            and all(token in self.english for token in tokens)
        )


_ENOUGH = compile_words(r"\benough credits? (?:to|for) [^.,;!?]*")
_LONGEST = 300

_POLITE = _words(
    "please pls plz can could would will may might you u ya i i'd i'll i'm i've we we'd we're us "
    "me my our your",
    "the this that these those it its it's that's is are am was be to for of now just then ok "
    "okay hey hi hello",
    "thanks thank thx so let's let lets go ahead and want need like wanna gonna kindly also again "
    "right away asap",
    "already finally here there all everything great cool perfect nice good awesome amazing "
    "excellent wonderful",
    "lovely looks look looking sure yes yeah yep alright well done love with if possible when "
    "once after before",
    "ready finished complete happy am i'm you're you've it'll when's where's quick quickly real "
    "immediately soon",
    "how's what's very much a bit today first second time's fine super fantastic lastly next at "
    "last got one",
)
_POLITE -= _words("before after a second next first one with")

_C_POLITE = (
    "请 麻烦 拜托 帮我 帮忙 帮 给我 给 我们 我 你 您 能不能 能否 可不可以 可以 可否 是否 能 想要 "
    "想 要 需要 希望 现在 马上 立即"
    " 立刻 赶紧 快点 快 直接 先 再 那就 那么 那 就 好的 好了 好 行 嗯 ok 谢谢 谢 辛苦 多谢 吧 吗 "
    "么 呢 了 一下 下 啊 哦 呗 嘛 呀 哈"
    " 的 很 不错 太棒了 完美 没问题 满意 喜欢 这样 这个 看起来 非常 你好 您好 嗨 哎 请问 问 是 一 "
    "最后 那个 都"
    " 才 一次 一遍 次 遍 样子 样 该 所有 全部 究竟 到底 大概 大约 差不多 诶 帮个忙 好不好 行不行 "
    "刚才 "
    "刚刚 今天 那么 老师 亲 哟 咯 喽 话 在哪里 在哪儿 还是 然后"
)

EXPORT = Wish(
    english=_POLITE
    | _words(
        "export download save render send give get have hand deliver share email mail forward "
        "grab video videos clip",
        "file movie film result results final finalised finalized edited clean latest last "
        "rendered completed",
        "output product cut version project timeline edit copy a an one as into in on from high "
        "higher highest low",
        "lower medium best full max maximum quality resolution hd uhd 4k 2k 1080p 720p 480p 1080 "
        "720 format mp4 gif zip png jpg jpeg webp sequence frames",
        "webm mov mkv avi prores computer laptop device phone desktop disk drive downloads "
        "folder local locally",
        "machine over back out how do does where see show make it'd whole by in link via ship hit "
        "press click button",
        "mac pc new work finish first still after once i've been be creation masterpiece mind "
        "sending exporting downloading about time via transparent alpha channel with",
    )
    - _words("make"),
    english_key=compile_words(
        r"\b(?:export|download|render|(?:mind|how about) (?:exporting|downloading|sending))\b"
        r"|\b(?:send|give|hand|deliver|get|share|email|mail|forward|show)\b.*\b(?:me|us)\b"
        r"|\blet me (?:see|have|get|grab)\b"
        r"|\b(?:send|save|deliver) (?:over |me |out )?(?:it|this|that|the|my|our|your|everything"
        r"|a copy)\b"
        r"|\b(?:i|we) (?:can )?(?:have|get|grab|see|save)\b.*\b(?:it|video|clip|file|movie|film"
        r"|result|mp4|webm|mov|cut|copy)\b"
        r"|\b(?:want|need|like)\b.*\b(?:my|the|that|this|final|finished)\b.*\b(?:video|clip|file"
        r"|movie|film|result|mp4|webm|mov|cut|copy)\b"
        r"|\bwhere(?: is|'s)\b.*\b(?:video|clip|file|movie|film|result|mp4|cut|download|link)\b"
        r"|^(?:the|my) (?:final |finished |edited )*(?:video|clip|file|mp4|result) please$"
        r"|^(?:video|file|mp4|clip) please$"
    ),
    english_veto=compile_words(
        r"\b(?:a|an|another|new|one)(?: new)? (?:video|clip|movie|film|version|cut|edit|project"
        r"|timeline)\b|\bsave\b.*\bproject\b"
        r"|\bto the back\b|^(?:get|have) (?:it|this|that)(?: now| ready| done| finished)?$"
        r"|\bmore (?:credits|time)\b"
        r"|\b(?:i|we) (?:love|like) (?:it|this|that|the \w+)$|\b(?:get|have) (?:it|this|that"
        r"|the \w+) (?:ready|done|finished)\b"
        r"|\bshow me (?:how|the timeline|timeline|everything|all|my project)\b|\bhave been\b"
        r"|\bgive (?:it|me) (?:a|an)\b(?! (?:copy|mp4|mov|webm|file|link|download))"
        r"|\bget(?: me)? back\b|\bin the \w*$|\b(?:is|was|are) (?:the |my )?(?:export|download"
        r"|render)\b|\bgive me (?:the )?(?:timeline|project)"
    ),
    chinese=_chinese(
        _C_POLITE,
        "把 将 导出 导 下载 输出 渲染 保存 存储 存 发送 发 传 送 交 拿到 拿 得到 获取 视频 短片 "
        "成片 成品 片子 影片 作品 文件 结果 项目 工程",
        "版本 版 它 这段 这条 这部 最终 最后 完整 全部 整个 整条 剪好 做好 修好 处理好 编辑好 "
        "改好 弄好 渲染好 生成好 生成的 剪辑好 搞定 刚才 刚刚 刚",
        "做完 剪完 处理完 做的 剪的 修改后 编辑后 处理后 剪辑后 成 为 到 以 用 按 格式 高清 "
        "高质量 最高 最好 高 质量 画质 清晰度 超清 无损 低 中等",
        "标准 普通 原画 1080p 720p 480p 1080 4k 2k mp4 webm mov gif prores avi mkv 本地 电脑 桌面 "
        "zip png jpg jpeg webp 序列帧 序列 "
        "手机 相册 硬盘 文件夹 上 里 下来 出来 过来 回来 回 看看 看",
        "怎么 如何 怎样 哪里 在哪 在 哪儿 完成 后 完 之后 export video download timeline 一份 "
        "链接 开始 可 透明 通道 带 去掉背景后的 导出来 我的 出 动图",
    ),
    chinese_key=compile_words(
        r"(?:mp4|webm|mov).{0,4}(?:给|发)我|导出|下载|输出|渲染(?!好|完)|保存|存(?:到|成|为|下来)"
        r"|export|download"
        r"|(?:发|传|送|交).{0,3}我|(?:给|发)我.{0,8}(?:mp4|webm|mov|视频|短片|成片|成品|片子|影片"
        r"|作品|文件|结果|版)|(?:发|传)(?:过来|出来|一下|下)"
        r"|(?:视频|短片|成片|成品|片子|影片|作品|文件).{0,6}(?:发|传|给|交给)我|(?:把"
        r"|将).{1,12}(?:发|传|给)(?:过来|我)"
        r"|(?:要|想要|需要|拿到?|得到|看看?).{0,6}(?:最终|成片|成品|视频|文件)|(?:视频|成片|成品"
        r"|文件|链接).{0,4}(?:在哪|哪里|哪儿)|导(?:一下|出)"
    ),
    chinese_veto=compile_words(
        r"保存(?:项目|工程)|是一|一版|(?:导出|下载|渲染)(?:好|完|完成)?了(?:吗|么|没)|要.?看看?$"
        r"|(?:在|到)(?:视频|片子)[里上]"
    ),
)

CREDITS = Wish(
    english=_POLITE
    | _words(
        "how many much what what's whats credit credits balance account do does have has left "
        "remaining remain",
        "available still any enough check show tell see view know query display look up current "
        "currently total amount",
        "number on in frozen wallet free out run used use spent spend cost costs so far today "
        "until over get give",
        "more we've long does used been anything there's did me's which status info information "
        "details left's a",
        "will take curious about wondering wonder question find fetch a what're remind",
    ),
    english_key=compile_words(r"\bcredits?\b|\bbalance\b|\bleft (?:on|in) my account\b"),
    english_veto=compile_words(
        r"^(?:please |can you |could you |now |just |then |let's )*balance (?:it|this|that|these"
        r"|those|everything|all|the|out|my|and)\b"
        r"|\b(?:run|use|give|take|do|have) (?:the |it |me )?(?:\w+ )?credits? (?:again|now|here"
        r"|first|on|in|over|to)\b|^(?:run|use|give) (?:the )?(?:credits?|me)\b"
        r"|\brun (?:the )?credits\b"
        r"|\b(?:give|get) (?:me |us )?(?:more|credit|credits)\b|\bcredits? (?:in|on|over|here|there"
        r"|for)\b|\bshow (?:the |all )?credits (?:at|for|over|on|in|after|first|here|again)\b"
        r"|\bgive (?:me |us |it )?(?:a |the )?credit\b|\b(?:let|want|need"
        r"|like) (?:the )?(?:\w+ )?credits?\b(?! (?:balance|info|status|left))|\bthe credits (?:are"
        r"|look) (?:too|so|great|good|nice)\b|\btake credit\b|\buse (?:the )?balance\b"
        r"|\bcredits long\b|\blong (?:are|is|do|does)\b"
    ),
    chinese=_chinese(
        _C_POLITE,
        "积分 余额 额度 点数 信用点 账户 账号 帐户 帐号 里面 里 还有 还剩 剩余 剩下 剩 余 有 多少 "
        "几个 几 点 个 分 查询 查看 查一下 查查 查 看一下 看看",
        "看 显示 告诉 知道 当前 目前 可用 总共 一共 总 够不够 够用 够 用完 用光 花掉 花了 用了 花 "
        "用 消耗 扣 什么 情况 没有 没 不够 不 还 我的 上 共 今天 到底",
        "剩了 credits balance 多 少 数量 数 有没有 得 只 已经 已 冻结",
    ),
    chinese_key=compile_words(
        r"积分|余额|额度|点数|信用点|credits|balance|账[户号]里?还[剩有]多少"
    ),
    chinese_veto=compile_words(r"(?:想要|给我|要)(?:个|一个|点)?积分$|用积分|积分不"),
)

STATE = Wish(
    english=_POLITE
    | _words(
        "show list display see view check tell give what what's whats which how many long is are "
        "on in inside status",
        "state progress track tracks timeline timelines draft project layers layer clips clip "
        "media files file video",
        "videos currently current so far have has got do does did uploaded look like going update "
        "overview summary",
        "contents content made been yet duration length seconds minutes export render download "
        "still where at things stand stands session",
        "details info know we've far coming along come rendering edit edits changed have cut "
        "movie footage print get any a",
        "up until happening exactly finish work rendered change changed changes altered summarise "
        "summarize describe "
        "as of how'd sitting currently there's out report an into",
    ),
    english_key=compile_words(
        r"\bdid (?:you|it|that) (?:finish|complete|work)\b"
        r"|\b(?:has|have) (?:it|you|the \w+|my \w+) (?:finished|rendered|completed)\b"
        r"|\bstatus\b|\bstate\b|\bprogress\b|\boverview\b|\btimelines?\b|\btracks\b|\bdraft\b"
        r"|\blayers\b"
        r"|\b(?:which|what|how many|any) track\b"
        r"|\b(?:what|what've) (?:do|have|did) (?:we|i|you|i've) (?:have|got|done|made|do|make"
        r"|change|changed|edit|edited|uploaded)\b"
        r"|\bwhat(?:'s| is| has| has been| have you| has it)? (?:been |all )?(?:done|changed|made"
        r"|edited|uploaded)\b"
        r"|\bwhat you(?:'ve| have| did) ?(?:done|made|changed)?\b|\bhow long(?: is|'s)\b"
        r"|\bhow many (?:seconds|minutes) (?:long )?is\b|\b(?:what is|what's|show|tell me|check"
        r"|give me)\b.*\b(?:length|duration)\b"
        r"|\b(?:is|are) (?:it|everything|this|that|the|my|our|things|we|you)\b.*\b(?:ready|done"
        r"|finished|complete|rendering)\b"
        r"|\b(?:what's|what is|what are) (?:in|inside|on) (?:my|the|our|this|it)?(?: \w+)?$"
        r"|\b(?:show|list|display|see|view|which|what|how many)\b.*\b(?:clips|media|files|layers"
        r"|project|edits)\b"
        r"|\bhow(?:'s| is) (?:it|the|my|everything|things)\b.*\b(?:going|coming|looking|look"
        r"|along)\b|\bwhere are we\b|\bwhere do things stand\b|\bhow far\b|\bany update"
        r"|\bwhat's happening"
    ),
    english_veto=compile_words(
        r"\b(?:let's|lets|go) (?:track|state)\b|\bedit(?:ed)? (?:the|my|this|it)\b|\b(?:cut|render"
        r"|export|download|get) (?:the|my|this|it|tracks?)\b(?!.*\b(?:status|progress|ready|done"
        r"|finished|yet)\b)"
        r"|\bwhen(?: it| the| you|'s)\b|\bonce\b|\bmake\b|\bshow (?:the |my )?(?:progress|status"
        r"|state|timeline) (?:on|in|at|of (?:the )?video)\b|\bclear\b|^(?:export|render"
        r"|download)\b(?! (?:status|progress|state))"
        r"|\b(?:in|on) the (?:video|clip|movie|footage)$|\bshow .* (?:in|on) (?:the|my) (?:video"
        r"|clip|movie)\b|\b(?:is|are) (?:all |we )?(?:great|good|nice|fine|done) and\b"
        r"|\bsummari[sz]e the (?:video|clip|footage|content)"
    ),
    chinese=_chinese(
        _C_POLITE,
        "状态 进度 进展 时间线 时间轴 轨道 草稿 项目 工程 列表 列出来 列出 列一下 显示 查看 展示 "
        "在 看一下 看看 看 有 哪些 什么 几条 几个 几 多少 多长 时长 总时长 长度",
        "当前 目前 里面 里 上面 上 怎么样 如何 怎样 做到 做 到 哪里 哪一步 哪步 哪 步 完成 没有 "
        "没 素材 片段 视频 图层 剪到 剪好 剪完 剪 剪辑 情况 概况 概览 更新 多久 为止 有没有",
        "处理 处理好 做好 做完 弄好 弄完 渲染 导出 生成 告诉 知道 出来 内容 成片 片子 影片 我的 "
        "这个 一共 总共 总 改了 改动 做了 timeline status tracks 检查 还要 还 上传 已经 已 打印 "
        "汇报 整个 个 条 完 进行 到底 啥 现状 什么样",
    ),
    chinese_key=compile_words(
        r"状态|现状|进度|进展|概况|概览|时间[线轴]|轨道|草稿|timeline|status|tracks|(?:项目"
        r"|工程)(?:里|情况|现在|怎么样|内容|列表)?"
        r"|(?:视频|片子|影片|成片|草稿|时间线)?.{0,4}(?:多长|时长|总时长|长度)|(?:好|完"
        r"|完成)了?(?:吗|没有|没|么)|(?:哪些|有什么|有几个?|有多少|几个).{0,2}(?:素材|片段|轨道"
        r"|图层)|(?:素材|片段|图层)(?:有哪些|列表|有几)|到(?:哪|什么)"
        r"|(?:列出|列一下|显示|查看|看看).{0,4}(?:素材|片段|图层|改动)|(?:改了|做了)(?:什么|哪些"
        r"|啥)"
    ),
    chinese_veto=compile_words(
        r"进度条|状态条|(?:导出|生成|剪辑?|渲染|做|处理|更新)(?:一下|一个)?(?:草稿|时间[线轴]|轨道"
        r"|项目|工程)|(?:显示|看|放)到|剪到(?!哪|什么)|给.{0,4}(?:做|上)|(?:时长|长度|视频"
        r"|片子)(?:到|做到|剪(?!好|完))|(?:做|生成|剪|弄|来)一?[个段条]|个进度|一条"
    ),
)

UPLOAD = Wish(
    english=_POLITE
    | _words(
        "upload uploads uploading attach attachment import file files video videos clip clips "
        "footage picture photo image",
        "images pictures photos music song audio media material another more some new few from "
        "computer phone desktop own how where do",
        "something a an one stuff in have got two three second first next logo recording via",
    ),
    english_key=compile_words(r"\b(?:upload|uploading|attach|attachment|import)\b"),
    english_veto=compile_words(
        r"\bwhere is\b|\bthe upload\b|\bready to upload\b|\bready for\b|\bin the (?:video|clip)\b"
    ),
    chinese=_chinese(
        _C_POLITE,
        "张图 图 上传 导入 添加附件 附件 文件 视频 素材 图片 照片 音乐 音频 歌曲 歌 片段 一个 一段 "
        "一张 "
        "一首 几张 一些 几个 新的 新 我的 自己 另外 另 怎么 如何 哪里 从 电脑 手机 本地 相册 个 "
        "段 张 首 些 有 还 更多 两 三 把 将 在哪 在 到",
    ),
    chinese_key=compile_words(r"上传|导入|附件"),
    chinese_veto=compile_words(r"上传到|导入到|在(?:视频|片段)|上传(?:好|完|完成)?了"),
)

_SMALL_TALK_CHINESE = _chinese(_C_POLITE)


def is_small_talk(text: str) -> bool:
    """Whether these words ask for nothing: "please", "thanks"."""
    lowered = _PUNCTUATION.sub(" ", text.lower()).strip()
    if _CJK.search(lowered):
        return _SMALL_TALK_CHINESE.sub("", lowered).strip() == ""
    return all(token in _POLITE for token in lowered.split())
