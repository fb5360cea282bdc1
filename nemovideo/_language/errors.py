"""What a person in a chat is told of an error: what happened, and what to do, in one breath.

The errors' own remedies speak to programmers ("Make a new session with …");
these speak to whoever typed the sentence. Nothing is sent again for an error,
and where credits may have been used, that is said (docs/protocol.md §7, §10).
"""

from __future__ import annotations

from nemovideo import errors
from nemovideo._values.remedies import said as remedy_for
from nemovideo.errors import NemoError

_Sentence = tuple[str, str]

_SENTENCES: dict[type[NemoError], _Sentence] = {
    NemoError: ("{message}. {remedy}", "出错了：{message}。{remedy}"),
    errors.APIError: ("The service refused it: {message}.", "服务拒绝了该请求：{message}。"),
    errors.InvalidRequestError: ("{message}. {remedy}", "无法执行：{message}。{remedy}"),
    errors.AuthenticationError: (
        "The service does not accept the token. {remedy}",
        "服务不接受当前令牌。请把 NEMO_TOKEN 设为有效的令牌，或不设置它以使用匿名令牌。",
    ),
    errors.ScopeError: (
        "The token in use is not allowed to do this. {remedy}",
        "当前令牌没有执行此操作的权限。请使用具有相应权限的令牌。",
    ),
    errors.SessionNotFoundError: (
        (
            "This project is gone: the service does not know it any more. "
            "Start a new conversation, and upload your files again."
        ),
        "找不到该项目，它可能已失效。请开始新的对话，并重新上传文件。",
    ),
    errors.InsufficientCreditsError: (
        "There are not enough credits for this. {remedy}",
        "积分不足，无法执行。请在您的账户中充值积分。",
    ),
    errors.ExportBlockedError: (
        "The export is blocked on your plan, whatever your credits are. {remedy}",
        "当前套餐不支持导出，这与积分无关。请注册或升级套餐以解锁导出。",
    ),
    errors.SourceNotFoundError: (
        "{message}. {remedy}",
        "找不到该文件，或无法读取（{message}）。请检查路径。",
    ),
    errors.UnsupportedFileError: (
        "{message}. {remedy}",
        "不支持该文件，或文件已损坏（{message}）。支持的格式：{formats}。",
    ),
    errors.FileTooLargeError: (
        "{message}. {remedy}",
        "文件太大（{message}）。请压缩或剪短，使其不超过 500 MB。",
    ),
    errors.RateLimitError: (
        "There were too many requests. {remedy}",
        "请求过于频繁，请稍后再试。",
    ),
    errors.ServerError: (
        "The service has a problem at the moment. Try again later.",
        "服务暂时出现问题，请稍后再试。",
    ),
    errors.APIConnectionError: (
        "The service cannot be reached, or the connection broke. Check the network, and try again.",
        "无法连接到服务，或连接已中断。请检查网络后再试。",
    ),
    errors.APITimeoutError: (
        "The service did not answer in time. Try again later.",
        "服务没有及时响应，请稍后再试。",
    ),
    errors.StreamInterruptedError: (
        "The connection broke during the answer, and the video has not changed since.",
        "回复过程中连接中断，此后视频没有变化。",
    ),
    errors.StreamTimeoutError: (
        "The agent did not finish in time.",
        "智能体没有在限定时间内完成。",
    ),
    errors.AgentError: (
        "{message}. {remedy}",
        "智能体报告失败：{message}。请换一种说法，或分成更小的步骤。",
    ),
    errors.DraftNotReadyError: (
        "There is no video yet. Upload a clip, or describe the video that you want.",
        "还没有视频。请先上传一段视频，或描述您想要的视频。",
    ),
    errors.RenderFailedError: (
        (
            "The video could not be rendered: {message}. "
            "Change it, and say “export” again; exports are free."
        ),
        "视频渲染失败：{message}。请修改后再回复“导出”；导出不消耗积分。",
    ),
    errors.RenderCancelledError: (
        "The render was cancelled. Say “export” when you want the file after all.",
        "渲染已取消。需要文件时，请再回复“导出”。",
    ),
    errors.RenderTimeoutError: (
        "The render has not ended in time; it may still be running. Say “export” again later.",
        "渲染没有在限定时间内完成，可能仍在进行。请稍后再回复“导出”。",
    ),
    errors.OutputError: (
        "{message}. {remedy} Then say “export” again; exports are free.",
        "无法写入文件：{message}。请换一个文件夹，再回复“导出”；导出不消耗积分。",
    ),
    errors.DownloadError: (
        "The file did not arrive whole. Say “export” again; exports are free.",
        "文件没有完整下载。请再回复“导出”；导出不消耗积分。",
    ),
}

_REGISTER: _Sentence = (
    "There are not enough credits for this. Register for more: {url}",
    "积分不足，无法执行。注册即可获得更多积分：{url}",
)
_NOT_SENT: _Sentence = (
    "The service cannot be reached, and nothing was sent. Check the network, and say it again.",
    "无法连接到服务，消息没有发出。请检查网络后再说一遍。",
)
_LIMITED: _Sentence = ("There were too many requests. {remedy}", "请求过于频繁。{remedy}")
_SPENT: _Sentence = (
    (
        "Your message was not sent again. Credits may have been used: "
        "say “credits” and “show tracks” before you repeat it."
    ),
    "您的消息没有重复发送，但可能已消耗积分。再次发送之前，请先回复“积分”和“状态”查看。",
)


def sentence_for(error: NemoError, message: str, language: str) -> str:
    """Return an error as a sentence for a person, in "zh" or else in English.

    Args:
        error: The error.
        message: Its message without GUI instructions.
        language: The language code.
    """
    place = 1 if language == "zh" else 0
    message = (message or error.message).strip().rstrip(".。")
    said = _sentence(error)[place].format(
        message=_capitalized(message),
        remedy=remedy_for(error.remedy, "chat"),
        url=getattr(error, "register_url", None),
        formats="、".join(errors.SUPPORTED_SUFFIXES),
    )
    between = "" if place else " "
    return f"{said}{between}{_SPENT[place]}" if error.may_have_spent else said


def _capitalized(message: str) -> str:
    """Return the message with a capital letter, unless it begins with a name or a link."""
    plain = message.partition(" ")[0].isalpha()
    return message[:1].upper() + message[1:] if plain else message


def _sentence(error: NemoError) -> _Sentence:
    match error:
        case errors.InsufficientCreditsError(register_url=str()):
            return _REGISTER
        case errors.APIConnectionError(sent=False):
            return _NOT_SENT
        case errors.RateLimitError(register_url=str()):
            return _LIMITED
        case _:
            return next(_SENTENCES[cls] for cls in type(error).__mro__ if cls in _SENTENCES)
