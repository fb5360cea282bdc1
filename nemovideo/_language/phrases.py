"""What a Conversation says of its own, in English and Chinese, and which of the two to speak.

Every sentence is here, except those about errors (`errors.py`) and about changes of a draft
(`Change.describe`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs

from nemovideo._language.gui.sentences import mask
from nemovideo._support.patterns import lazy
from nemovideo._values.lines import one_line, seconds
from nemovideo.draft import Change, ChangeKind, Draft, TrackType
from nemovideo.draft.summary import summarize
from nemovideo.models import Credits, MediaFile

_HAN = lazy("[\u4e00-\u9fff]")
_KANA = lazy("[\u3040-\u30ff]")
_WORDS = lazy(r"[^\W\d_]")
_PATH = lazy(r"(?:~|\.{1,2}|[A-Za-z]:|https?:/)?[/\\]\S{0,300}?\.[A-Za-z0-9]{2,4}(?![A-Za-z0-9])")
_RUN = lazy(r"[^\s\u4e00-\u9fff]+")
_IN_PATH = lazy(r"[/\\]|\.\w")
_ADDED = (ChangeKind.TRACK_ADDED, ChangeKind.SEGMENT_ADDED)


@attrs.frozen(kw_only=True)
class Phrases:
    """The sentences of one language; what stands in braces is filled in."""

    language: str
    connecting: str
    still_working: str
    uploading: str
    a_file: str
    rendering: str
    rendering_percent: str
    ready: str
    project: str
    credits: str
    credits_reserved: str
    nothing_yet: str
    files_only: str
    say_something: str
    name_a_file: str
    no_local_files: str
    no_files_named: str
    uploaded: str
    what_now: str
    edited: str
    changed: str
    unchanged: str
    only_screen_talk: str
    recovered: str
    recovered_unchanged: str
    breaks_off: str
    first_stage: str
    second_stage: str
    offer_export: str
    offer_words: str
    not_exported: str
    comma: str
    bracketed: str

    def notice(self, kind: str, figures: Mapping[str, object]) -> str:
        """Return a notice as a line; names without text become "a file"."""
        names = figures.get("names")
        if isinstance(names, Sequence):
            figures = {"names": self.comma.join(str(name) or self.a_file for name in names)}
        form: str = getattr(self, kind)
        return form.format(**figures)

    def balance(self, credits: Credits) -> str:  # noqa: A002 - the protocol's word
        """Return the balance as a sentence."""
        phrase = self.credits_reserved if credits.frozen else self.credits
        return phrase.format(available=f"{credits.available:g}", reserved=f"{credits.frozen:g}")

    def timeline(self, draft: Draft) -> str:
        """Return the timeline's summary, in the form of docs/protocol.md §6."""
        return summarize(draft.tracks, self.language)

    def files(self, files: Iterable[MediaFile]) -> str:
        """Return files by name and length, or size where there is no length."""
        return self.comma.join(self._file(file) for file in files)

    def changes(self, changes: Iterable[Change]) -> str:
        """Return changes as a list, one a line."""
        return "\n".join(f"- {change.describe(self.language)}" for change in changes)

    def stages(self, changes: Iterable[Change], after: Draft) -> str:
        """Return the changes that made a video from nothing, as the two stages of §10."""
        first: list[str] = []
        second: list[str] = []
        for change in changes:
            if change.kind in _ADDED and change.track is not None:
                video = after.tracks[change.track].type == TrackType.VIDEO
                (first if video else second).append(change.describe(self.language))
        stages = [(self.first_stage, first), (self.second_stage, second)]
        return "\n".join(f"{name}{self.comma.join(done)}" for name, done in stages if done)

    def _file(self, file: MediaFile) -> str:
        name = one_line(file.filename)
        if file.duration_s:
            return self.bracketed.format(name, seconds(round(file.duration_s * 1000)))
        if file.width and file.height:
            return self.bracketed.format(name, f"{file.width}×{file.height}")
        return name


ENGLISH = Phrases(
    language="en",
    connecting="Connecting…",
    still_working="⏳ Still working… ({minutes} min)",
    uploading="⏳ Uploading {names}…",
    a_file="a file",
    rendering="⏳ Rendering…",
    rendering_percent="⏳ Rendering… {percent} %",
    ready="✅ Video ready!",
    project="Project: {url}",
    credits="You have {available} credits.",
    credits_reserved="You have {available} credits ({reserved} reserved).",
    nothing_yet="There is no video yet. Upload a clip, or describe the video that you want.",
    files_only="Nothing is on the timeline yet. Uploaded so far: {names}.",
    say_something="Say what you want to do with your video.",
    name_a_file="Which file? Name its path, or a link to it.",
    no_local_files="Files cannot be named by a path here: attach them, or give a link.",
    no_files_named="Files and links cannot be named here: attach the file.",
    uploaded="Uploaded: {files}.",
    what_now="What shall be done with it?",
    edited="Done. What has changed:",
    changed="What has changed:",
    unchanged="The agent gave no answer, and nothing in the video has changed.",
    only_screen_talk="Nothing in the video has changed.",
    recovered="The connection broke on the way, but the work was done. What has changed:",
    recovered_unchanged="The connection broke on the way. The timeline is as it was.",
    breaks_off="(The answer breaks off here.)",
    first_stage="First stage, the raw video: ",
    second_stage="Second stage, put on top: ",
    offer_export="Say “export” to get the file.",
    offer_words="For any further change, say in words what it shall be.",
    not_exported="The video is as it was, so it was not exported. Say “export” to get it as it is.",
    comma=", ",
    bracketed="{} ({})",
)

CHINESE = Phrases(
    language="zh",
    connecting="正在连接…",
    still_working="⏳ 仍在处理中…（{minutes} 分钟）",
    uploading="⏳ 正在上传 {names}…",
    a_file="文件",
    rendering="⏳ 正在渲染…",
    rendering_percent="⏳ 正在渲染… {percent} %",
    ready="✅ 视频已完成！",
    project="项目链接：{url}",
    credits="您有 {available} 积分。",
    credits_reserved="您有 {available} 积分（已预留 {reserved}）。",
    nothing_yet="还没有视频。请先上传一段视频，或描述您想要的视频。",
    files_only="时间线上还没有内容。已上传：{names}。",
    say_something="请告诉我您想对视频做什么。",
    name_a_file="要上传哪个文件？请给出文件路径或链接。",
    no_local_files="这里不能用路径指定文件：请直接发送文件，或给出链接。",
    no_files_named="这里不能指定文件路径或链接：请直接发送文件。",
    uploaded="已上传：{files}。",
    what_now="接下来想怎么处理？",
    edited="已完成。更改如下：",
    changed="更改如下：",
    unchanged="智能体没有回复，视频也没有任何变化。",
    only_screen_talk="视频没有任何变化。",
    recovered="连接中断过，但处理已完成。更改如下：",
    recovered_unchanged="连接中断过。时间线没有变化。",
    breaks_off="（回复到此中断。）",
    first_stage="第一阶段，原始视频：",
    second_stage="第二阶段，添加内容：",
    offer_export="回复“导出”即可获取视频文件。",
    offer_words="如需继续修改，直接用文字告诉我即可。",
    not_exported="视频没有变化，因此没有导出。回复“导出”即可按现状获取视频。",
    comma="、",
    bracketed="{}（{}）",
)


def phrases_for(text: str, otherwise: Phrases) -> Phrases:
    """Return the sentences of the language that a text is in; quotations and paths do not count.

    A text without other words gives `otherwise`.
    """
    words = _RUN.sub(
        lambda run: " " if _IN_PATH.search(run[0]) else run[0], _PATH.sub(" ", mask(text))
    )
    if _HAN.search(words) and not _KANA.search(words):
        return CHINESE
    return ENGLISH if _WORDS.search(words) else otherwise


def phrases_in(language: str) -> Phrases:
    """Return the sentences of a language by its ISO code: Chinese, or else English."""
    return CHINESE if language.lower().startswith("zh") else ENGLISH
