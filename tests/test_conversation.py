"""Conversations against a real local backend: what a person says, and what they are told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest

from nemovideo import Answer, AsyncClient, Client, Conversation, Credits, NemoError, Route, errors
from nemovideo._downloads.export_names import export_path
from nemovideo._language import errors as error_sentences
from nemovideo._language.phrases import CHINESE, ENGLISH, phrases_for
from nemovideo.draft import Draft
from nemovideo.local import LocalBackend
from nemovideo.local.agent import Step, ToolUse, Turn
from nemovideo.local.server.faults import Fault
from nemovideo.local.timeline import Clip, Sound, Timeline, Title
from nemovideo.models import MediaFile, SessionState
from nemovideo.retry import Polling, StreamLimits
from nemovideo.testing import FakeClock
from tests.support.media import duration_s, make_picture

HAN = re.compile("[\u4e00-\u9fff]")
SCREEN_TALK = re.compile(r"\bclick|\bbutton|\bdrag|top right|点击|按钮|拖拽", re.IGNORECASE)


@attrs.define
class Chat:
    """A conversation, its notices, and its backend."""

    conversation: Conversation
    notices: list[str]
    backend: LocalBackend
    folder: Path

    def say(self, text: str) -> Answer:
        return self.conversation.say(text)

    def sends(self) -> int:
        return sum(seen.path == "/run_sse" for seen in self.backend.requests)


@pytest.fixture
def chat(client: Client, backend: LocalBackend, tmp_path: Path) -> Chat:
    notices: list[str] = []
    talk = client.sessions.create().conversation(
        on_notice=notices.append, output_dir=tmp_path / "out"
    )
    return Chat(talk, notices, backend, tmp_path)


@pytest.fixture
def talking(chat: Chat, clip: Path) -> Chat:
    """A conversation with a clip in it."""
    chat.say(f"{clip}")
    chat.notices.clear()
    return chat


@contextmanager
def scripted(folder: Path, *turns: Turn) -> Iterator[Chat]:
    """Yield a conversation whose agent follows a script."""
    script = iter(turns)
    with (
        LocalBackend(respond=lambda *_, **__: next(script)) as backend,
        Client(base_url=backend.url, polling=Polling(interval_s=0.05)) as client,
    ):
        notices: list[str] = []
        talk = client.sessions.create().conversation(notices.append, folder / "out")
        yield Chat(talk, notices, backend, folder)


def turn_with(text: str, timeline: Timeline | None = None) -> Turn:
    """A turn in which the agent says these words, and sets the timeline if one is given."""
    tool = None if timeline is None else ToolUse("edit", {}, {"status": "success"})
    step = Step(tool=tool, text=text, timeline=timeline)
    changed = timeline is not None
    return Turn(
        kind="edit" if changed else "chat",
        steps=(step,),
        timeline=timeline,
        changed=changed,
        undone=False,
        silent=changed and not text,
    )


CARD = Timeline(width=64, height=48, clips=(Clip(kind="card", name="card", duration_ms=1000),))
WHOLE = attrs.evolve(
    CARD,
    sounds=(Sound(media="m1", name="Lo-fi", start_ms=0, duration_ms=1000, volume=0.35),),
    titles=(Title(text="Urban Dreams", start_ms=0, duration_ms=1000),),
)


# --- where a sentence goes ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("how many credits are left?", Route.CREDITS),
        ("我的积分还剩多少", Route.CREDITS),
        ("show tracks", Route.STATE),
        ("状态", Route.STATE),
        ("can you send me the video please", Route.EXPORT),
        ("导出", Route.EXPORT),
        ("upload", Route.UPLOAD),
        ("上传", Route.UPLOAD),
        ("upload nowhere.mp4", Route.UPLOAD),
    ],
)
def test_requests_that_need_no_agent_are_handled_without_it(
    chat: Chat, text: str, action: Route
) -> None:
    answer = chat.say(text)
    assert answer.action is action
    assert answer.text
    assert bool(HAN.search(answer.text)) == bool(HAN.search(text))
    assert chat.sends() == 0


@pytest.mark.parametrize("text", ["hello", "add the text 'export'", "make the status bar blue"])
def test_everything_else_goes_to_the_agent_once(talking: Chat, text: str) -> None:
    answer = talking.say(text)
    assert answer.action is Route.AGENT
    assert answer.reply is not None
    assert talking.sends() == 1


@pytest.mark.parametrize(
    "text",
    [
        "remove background from my talking head video",
        "replace backdrop with office setting",
        "cut out the background and make it transparent",
        "remove the background and replace it with a solid color",
        "把背景换成白色",
    ],
)
def test_typical_first_messages_work(talking: Chat, text: str) -> None:
    answer = talking.say(text)
    assert answer.error is None
    assert answer.reply is not None
    assert answer.reply.tool_calls
    assert not SCREEN_TALK.search(answer.text)
    assert bool(HAN.search(answer.text)) == bool(HAN.search(text))
    assert ENGLISH.offer_export in answer.text or CHINESE.offer_export in answer.text


# --- what is done ---------------------------------------------------------------------------


def test_credits_and_state_are_shown(talking: Chat) -> None:
    assert talking.say("credits").text == "You have 100 credits."
    assert talking.say("余额").text == "您有 100 积分。"
    assert talking.say("show tracks").text == "Timeline (1 track): 1. Video: talk.mp4 (0-1s)"
    assert talking.say("显示轨道").text == "时间线（1 个轨道）：1. 视频：talk.mp4 (0-1s)"


def test_reserved_credits_are_shown() -> None:
    balance = Credits(available=99, frozen=1, total=100)
    assert ENGLISH.balance(balance) == "You have 99 credits (1 reserved)."
    assert CHINESE.balance(balance) == "您有 99 积分（已预留 1）。"


def test_an_empty_project_says_how_to_begin(chat: Chat) -> None:
    assert chat.say("status").text == ENGLISH.nothing_yet
    answer = chat.say("export")
    assert isinstance(answer.error, errors.DraftNotReadyError)
    assert answer.text == ENGLISH.nothing_yet


def test_an_upload_is_confirmed_with_name_and_length(
    chat: Chat, clip: Path, tmp_path: Path
) -> None:
    assert "Uploaded: talk.mp4 (1s)." in chat.say(f"upload {clip}").text
    picture = make_picture(tmp_path / "beach.png", (0, 0, 255))
    assert "已上传：beach.png（64×48）。" in chat.say(f"上传 {picture}").text
    assert chat.sends() == 0


def test_the_rest_of_a_sentence_with_a_file_goes_to_the_agent(chat: Chat, clip: Path) -> None:
    answer = chat.say(f"upload {clip} and blur the background")
    assert answer.action is Route.UPLOAD
    assert answer.text.startswith("Uploaded: talk.mp4 (1s).\n\nDone!")
    assert answer.reply is not None
    assert chat.sends() == 1


def test_an_export_is_rendered_and_downloaded_under_an_unused_name(talking: Chat) -> None:
    first = talking.say("export")
    second = talking.say("send me the video")
    assert first.video is not None
    assert second.video is not None
    out = talking.folder / "out"
    assert (first.video.path, second.video.path) == (
        out / "talk-edited.mp4",
        out / "talk-edited-2.mp4",
    )
    assert duration_s(out / "talk-edited.mp4") == 1.0
    assert first.text.startswith(f"✅ Video ready! {out / 'talk-edited.mp4'}")
    assert first.video.project_url is not None
    assert first.video.project_url in first.text
    assert talking.sends() == 0
    assert talking.notices[0] == "⏳ Rendering…"
    assert talking.notices.count("✅ Video ready!") == 2


def test_a_format_and_a_name_are_recognized(talking: Chat) -> None:
    answer = talking.say("export it as final.webm")
    assert answer.video is not None
    assert answer.video.path == talking.folder / "out" / "final.webm"


def test_an_edit_with_a_request_to_export_does_both(talking: Chat) -> None:
    answer = talking.say("把背景换成白色然后导出")
    assert answer.action is Route.AGENT
    assert answer.video is not None
    assert "✅ 视频已完成！" in answer.text
    assert "已完成！" in answer.text
    assert CHINESE.offer_export not in answer.text
    assert talking.sends() == 1


def test_what_the_agent_cannot_do_is_not_exported_as_if_it_were_done(talking: Chat) -> None:
    answer = talking.say("replace the background with a spaceship and export it")
    assert answer.video is None
    assert ENGLISH.not_exported in answer.text
    assert not any("/api/render" in seen.path for seen in talking.backend.requests)


def test_a_video_that_the_agent_calls_ready_is_exported(
    tmp_path: Path,
) -> None:
    ready = turn_with("It is as you want it. Click the Export button to download it.")
    with scripted(tmp_path, turn_with("A card.", CARD), ready) as chat:
        chat.say("a card please")
        answer = chat.say("put the finishing touches on it and then export it")
        assert answer.video is not None
        assert answer.text.startswith("It is as you want it.\n\n✅ Video ready!")


def test_an_empty_sentence_is_not_sent(chat: Chat) -> None:
    answer = chat.say("  ")
    assert answer.text == ENGLISH.say_something
    assert isinstance(answer.error, errors.InvalidRequestError)
    assert chat.notices == []
    assert chat.sends() == 0


def test_connecting_is_announced_once_in_the_users_language(chat: Chat) -> None:
    chat.say("余额")
    chat.say("credits")
    assert chat.notices == ["正在连接…"]


def test_a_language_can_be_fixed(client: Client) -> None:
    talk = client.sessions.create().conversation(language="zh-CN")
    assert talk.say("show tracks").text == CHINESE.nothing_yet


def test_attachments_are_uploaded_before_the_rest_is_done(chat: Chat, clip: Path) -> None:
    alone = chat.conversation.say("", attachments=[clip])
    assert alone.action is Route.UPLOAD
    assert alone.text == f"Uploaded: talk.mp4 (1s).\n\n{ENGLISH.what_now}"
    edited = chat.conversation.say("虚化背景", attachments=[clip.read_bytes()])
    assert edited.action is Route.UPLOAD
    assert edited.reply is not None
    assert edited.reply.tool_calls
    with clip.open("rb") as file:
        told = chat.conversation.say("show tracks", attachments=[file])
    assert told.action is Route.STATE
    assert "Uploaded: talk.mp4 (1s).\n\nTimeline (1 track)" in told.text
    assert chat.notices[1:] == [
        "⏳ Uploading talk.mp4…",
        "⏳ 正在上传 文件…",
        "⏳ Uploading talk.mp4…",
    ]


def test_a_sentence_may_name_the_files_that_came_with_it(
    client: Client, backend: LocalBackend, clip: Path
) -> None:
    talk = client.sessions.create().conversation(local_files=False)
    answer = talk.say("here is talk.mp4: blur the background", attachments=[clip])
    assert answer.reply is not None
    assert answer.reply.tool_calls
    assert sum("/upload-video/" in seen.path for seen in backend.requests) == 1
    assert talk.say("here is talk.mp4").text == ENGLISH.no_local_files


def test_untrusted_users_cannot_access_local_files(
    client: Client, backend: LocalBackend, clip: Path, tmp_path: Path
) -> None:
    session = client.sessions.create()
    talk = session.conversation(output_dir=tmp_path / "out", local_files=False)
    for text in (f"upload {clip}", f"{clip}", f"upload file://{clip}"):
        assert talk.say(text).text == ENGLISH.no_local_files
    assert not any("/upload-video/" in seen.path for seen in backend.requests)
    (sent,) = session.upload(clip)
    assert "Uploaded: talk.mp4" in talk.say(f"upload {sent.cdn_url}").text
    for wanted in (tmp_path / "final.mp4", "../final.mp4"):
        answer = talk.say(f"export it to {wanted}")
        assert answer.video is not None
        assert answer.video.path is not None
        assert answer.video.path.parent == tmp_path / "out"


# --- what the agent says, and what it means ---------------------------------------------------


def test_a_silent_edit_is_answered_with_its_changes(talking: Chat) -> None:
    talking.backend.faults.add(Fault(kind="silent", path="/run_sse", times=2))
    answer = talking.say("mute the video")
    assert answer.reply is not None
    assert answer.reply.silent
    assert answer.text == f"{ENGLISH.edited}\n- talk.mp4 muted"
    assert talking.say("虚化背景").text == f"{CHINESE.edited}\n- 已虚化 talk.mp4 的背景"


def test_silence_without_a_change_is_reported(tmp_path: Path) -> None:
    with scripted(tmp_path, turn_with("")) as chat:
        assert chat.say("hello").text == ENGLISH.unchanged


def test_an_answer_of_only_gui_instructions_becomes_the_changes(tmp_path: Path) -> None:
    talk = "Click the Export button in the top right."
    with scripted(tmp_path, turn_with(talk, CARD), turn_with("点击右上角的“导出”按钮。")) as chat:
        answer = chat.say("a card please")
        assert answer.text.startswith(f"{ENGLISH.edited}\n- Video added: card (0-1s)")
        assert ENGLISH.offer_export in answer.text
        assert not SCREEN_TALK.search(answer.text)
        again = chat.say("再来一次")
        assert again.text == f"{CHINESE.only_instructions}\n\n{CHINESE.offer_export}"


def test_panels_that_the_agent_mentions_are_shown_as_text(tmp_path: Path) -> None:
    turns = (
        turn_with("I've made it. You can preview it in the timeline.", CARD),
        turn_with("All good. Check your account page for your billing."),
        turn_with("Nearly there. Drag the clip to the start of the timeline."),
    )
    with scripted(tmp_path, *turns) as chat:
        summary = "Timeline (1 track): 1. Video: card (0-1s)"
        assert chat.say("a card please").text == f"I've made it.\n\n{summary}"
        assert chat.say("what now").text.startswith("All good.\n\nYou have ")
        assert chat.say("and now").text == f"Nearly there.\n\n{ENGLISH.offer_message}"
        assert chat.sends() == 3


def test_an_edit_after_the_last_text_is_reported(tmp_path: Path) -> None:
    titled = attrs.evolve(CARD, titles=WHOLE.titles)
    first, second = turn_with("Let me see.", CARD).steps[0], turn_with("", titled).steps[0]
    turn = attrs.evolve(turn_with("Let me see.", titled), steps=(first, second))
    with scripted(tmp_path, turn_with("A card.", CARD), turn) as chat:
        chat.say("a card please")
        answer = chat.say("give it a title")
        assert answer.text == (
            f"Let me see.\n\n{ENGLISH.changed}\n- Title added: “Urban Dreams” (0-1s)"
        )


def test_both_stages_of_a_generation_are_announced(tmp_path: Path) -> None:
    with scripted(tmp_path, turn_with("", WHOLE)) as chat:
        answer = chat.say("make a video about a city")
        assert "First stage, the raw video: Video added: card (0-1s)" in answer.text
        assert (
            "Second stage, added on top: BGM added: Lo-fi (0-1s, 35%), Title added" in answer.text
        )
    with scripted(tmp_path, turn_with("The raw video is there.", WHOLE)) as chat:
        assert "Timeline (3 tracks)" in chat.say("make a video about a city").text


# --- what can go wrong ------------------------------------------------------------------------


def say_with_fault(
    folder: Path, clip: Path, fault: Fault, text: str
) -> tuple[Answer, list[str], int]:
    """Send a message over a faulty connection; return the answer, notices and number of runs."""
    notices: list[str] = []
    limits = StreamLimits(checks=200 if fault.run_continues else 5)
    with (
        LocalBackend(folder / "state", engine="fast") as backend,
        Client(base_url=backend.url, stream=limits, clock=FakeClock(grace_s=0.2)) as client,
    ):
        session = client.sessions.create()
        session.upload(clip)
        backend.faults.add(fault)
        answer = session.conversation(notices.append).say(text)
        return answer, notices, sum(seen.path == "/run_sse" for seen in backend.requests)


@pytest.mark.parametrize(
    ("text", "told", "spent"),
    [
        ("blur the background", "not sent again", "Credits may have been used"),
        ("虚化背景", "没有重复发送", "可能已消耗积分"),
    ],
)
def test_a_drop_without_a_change_is_reported_and_not_resent(
    tmp_path: Path, clip: Path, text: str, told: str, spent: str
) -> None:
    drop = Fault(kind="drop", path="/run_sse", after_bytes=0)
    answer, _, sends = say_with_fault(tmp_path, clip, drop, text)
    assert sends == 1
    assert isinstance(answer.error, errors.StreamInterruptedError)
    assert told in answer.text
    assert spent in answer.text


def test_a_drop_after_the_edit_is_answered_with_its_changes(tmp_path: Path, clip: Path) -> None:
    drop = Fault(kind="drop", path="/run_sse", after_bytes=0, run_continues=True)
    answer, _, sends = say_with_fault(tmp_path, clip, drop, "虚化背景")
    assert sends == 1
    assert answer.error is None
    assert answer.reply is not None
    assert answer.reply.recovered
    assert answer.text == f"{CHINESE.recovered}\n- 已虚化 talk.mp4 的背景"


@pytest.mark.parametrize(
    ("text", "notice", "told"),
    [
        ("blur the background", "⏳ Still working… (2 min)", "did not finish in time"),
        ("虚化背景", "⏳ 仍在处理中…（2 分钟）", "没有在限定时间内完成"),
    ],
)
def test_a_silent_stream_is_noticed_and_ends(
    tmp_path: Path, clip: Path, text: str, notice: str, told: str
) -> None:
    stall = Fault(kind="stall", path="/run_sse", after_bytes=0)
    answer, notices, sends = say_with_fault(tmp_path, clip, stall, text)
    assert sends == 1
    assert notices[1] == notice
    assert isinstance(answer.error, errors.StreamTimeoutError)
    assert told in answer.text


def test_an_agent_failure_keeps_the_text_before_it(talking: Chat) -> None:
    talking.backend.faults.add(
        Fault(kind="error", path="/run_sse", form="details", message="the model gave up")
    )
    answer = talking.say("hello")
    assert isinstance(answer.error, errors.AgentError)
    assert answer.text.startswith("Hello! I can")
    assert "the model gave up" in answer.text


@pytest.mark.parametrize(
    ("body", "text", "cls", "told"),
    [
        ({"code": 402}, "export", errors.ExportBlockedError, "Register or upgrade your plan"),
        ({"code": 402}, "导出", errors.ExportBlockedError, "与积分无关"),
        ({"code": 1002}, "credits", errors.SessionNotFoundError, "new conversation"),
        ({"code": 4001}, "credits", errors.UnsupportedFileError, "mp4, mov, avi"),
        ({"code": 4002}, "余额", errors.FileTooLargeError, "500 MB"),
        (
            {"code": 507, "message": "quota used up"},
            "credits",
            errors.ServerError,
            "Quota used up.",
        ),
        ({"code": 1234, "message": "odd"}, "credits", errors.APIError, "the request: Odd."),
    ],
)
def test_every_refusal_becomes_a_sentence_with_a_remedy(
    talking: Chat, body: Mapping[str, object], text: str, cls: type[NemoError], told: str
) -> None:
    path = "/api/render/*" if cls is errors.ExportBlockedError else "/api/credits/*"
    talking.backend.faults.add(Fault(kind="status", path=path, status=200, body=body, times=None))
    answer = talking.say(text)
    assert isinstance(answer.error, cls)
    assert told in answer.text


@pytest.mark.parametrize("text", ["blur the background", "虚化背景"])
def test_insufficient_credits_come_with_a_registration_link(clip: Path, text: str) -> None:
    with Client.local(credits=0, engine="fast") as client:
        session = client.sessions.create()
        session.upload(clip)
        answer = session.conversation().say(text)
    assert isinstance(answer.error, errors.InsufficientCreditsError)
    assert answer.error.register_url is not None
    assert answer.error.register_url in answer.text


def test_an_answer_has_no_link_that_ends_with_this_process(clip: Path, tmp_path: Path) -> None:
    with Client.local(engine="fast") as client:
        session = client.sessions.create()
        session.upload(clip)
        answer = session.conversation(output_dir=tmp_path).say("export")
    assert answer.video is not None
    assert answer.video.project_url is not None
    assert "://" not in answer.text


def test_changes_before_an_error_are_reported(talking: Chat) -> None:
    talking.backend.faults.add(
        Fault(kind="status", path="/api/render/*", status=402, body={"code": 402})
    )
    answer = talking.say("blur the background and export it")
    assert answer.text.startswith("Done! I've replaced the background")
    assert "upgrade your plan" in answer.text
    assert answer.reply is not None


def test_an_invalid_file_is_reported_before_anything_is_sent(chat: Chat, tmp_path: Path) -> None:
    notes = tmp_path / "notes.mp4"
    notes.write_text("this is no video")
    assert isinstance(chat.say(f"upload {notes}").error, errors.UnsupportedFileError)
    answer = chat.say("upload nowhere.mp4")
    assert isinstance(answer.error, errors.SourceNotFoundError)
    assert answer.text == "There is no file nowhere.mp4. Check the path."
    assert not any("/upload-video/" in seen.path for seen in chat.backend.requests)


def test_an_unreachable_service_is_reported(backend: LocalBackend) -> None:
    with Client(base_url=backend.url, clock=FakeClock()) as client:
        talk = client.sessions.create().conversation()
        backend.stop()
        answer = talk.say("hello")
    assert isinstance(answer.error, errors.APIConnectionError)
    assert "Check the network" in answer.text


def test_errors_of_the_program_are_raised(talking: Chat, client: Client) -> None:
    def fails(line: str) -> None:
        raise ZeroDivisionError(line)

    with pytest.raises(ZeroDivisionError):
        client.sessions.create().conversation(on_notice=fails).say("credits")


def test_every_error_has_a_sentence_in_both_languages() -> None:
    classes, wrong = [NemoError], []
    for cls in classes:
        classes += cls.__subclasses__()
        for language in ("en", "zh"):
            sentence = error_sentences.sentence_for(cls("it went wrong"), "it went wrong", language)
            broken = len(sentence) <= 10 or re.search(r"[{}]|\.\.|。。|None", sentence)
            if broken or bool(HAN.search(sentence)) != (language == "zh"):
                wrong.append((cls.__name__, sentence))
    assert wrong == []


# --- the async API ----------------------------------------------------------------------------


@pytest.mark.anyio
async def test_the_async_conversation_does_the_same(
    backend: LocalBackend, clip: Path, tmp_path: Path
) -> None:
    notices: list[str] = []

    async def on_notice(line: str) -> None:
        notices.append(line)

    polling = Polling(interval_s=0.05)
    async with AsyncClient(base_url=backend.url, web_url=backend.url, polling=polling) as client:
        session = await client.sessions.create()
        talk = session.conversation(on_notice, output_dir=tmp_path)
        answer = await talk.say(f"upload {clip}, blur the background and export it")
        assert answer.action is Route.UPLOAD
        assert answer.video is not None
        assert answer.video.path == tmp_path / "talk-edited.mp4"
        assert notices[:3] == ["Connecting…", "⏳ Uploading talk.mp4…", "⏳ Rendering…"]
        assert notices[-1] == "✅ Video ready!"
        plain = session.conversation(notices.append)
        assert (await plain.say("credits")).text == "You have 99 credits."
        assert notices[-1] == "Connecting…"
        backend.faults.add(Fault(kind="status", path="/run_sse", status=200, body={"code": 1002}))
        gone = await talk.say("hello")
        assert isinstance(gone.error, errors.SessionNotFoundError)
        assert "new conversation" in gone.text


# --- small decisions --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("remove the background", "en"),
        ("把背景换成白色", "zh"),
        ("add the title “你好”", "en"),
        ("把标题改成“Hello”", "zh"),
        ("~/视频/talk.mp4 blur it", "en"),
        ("上传/tmp/talk.mp4", "zh"),
        ("Export.", "en"),
    ],
)
def test_the_language_is_that_of_the_sentence(text: str, language: str) -> None:
    assert phrases_for(text, ENGLISH).language == language
    assert phrases_for(text, CHINESE).language == language


@pytest.mark.parametrize("text", ["talk.mp4", "/tmp/talk.mp4", "https://a.example/talk.mp4", "?"])
def test_a_sentence_without_words_keeps_the_language(text: str) -> None:
    assert phrases_for(text, CHINESE) is CHINESE
    assert phrases_for(text, ENGLISH) is ENGLISH


def test_render_notices_come_in_steps_and_after_long_silence(tmp_path: Path) -> None:
    from nemovideo._config.setup import settings_from
    from nemovideo._flows.context import Context
    from nemovideo._flows.notices import Notice, RenderMeter, line_for
    from nemovideo.models import RenderJob

    clock, notices = FakeClock(), list[Notice]()
    limits = StreamLimits(notice_s=60)
    context = Context(
        settings_from("nmv_usr_x", {"clock": clock, "stream": limits, "config_dir": tmp_path})
    )
    meter = RenderMeter(context, notices.append)
    for progress in (None, 0, 4, 12, 19, 50, 55, 55, 55):
        meter(RenderJob("r", "processing", progress))
        clock.sleep(25)
    meter(RenderJob("r", "completed", 100))
    assert [line_for(notice, ENGLISH) for notice in notices] == [
        "⏳ Rendering…",
        "⏳ Rendering… 10%",
        "⏳ Rendering… 50%",
        "⏳ Still working… (3 min)",
        "✅ Video ready!",
    ]


@pytest.mark.parametrize(
    ("task_name", "file", "expected"),
    [
        ("project", "talk.mp4", "talk-edited.mp4"),
        ("Spring sale", "talk.mp4", "Spring sale-edited.mp4"),
        ("project", "../../etc/pass:wd.mp4", "etc pass wd-edited.mp4"),
        (None, "采访.mp4", "采访-edited.mp4"),
        (None, "....mp4", "video-edited.mp4"),
        ("x" * 300, "talk.mp4", f"{'x' * 60}-edited.mp4"),
        ("🎬" * 300, "talk.mp4", f"{'🎬' * 45}-edited.mp4"),
    ],
)
def test_the_file_is_named_after_the_project_or_the_clip(
    tmp_path: Path, task_name: str | None, file: str, expected: str
) -> None:
    draft = Draft.from_json({"t": [{"tt": 0, "sg": [{"d": 1000, "m": {"name": file}}]}]})
    state = SessionState(draft, task_name=task_name)
    assert export_path(tmp_path, state, None, None) == tmp_path / expected


def test_an_export_never_replaces_a_file(tmp_path: Path) -> None:
    state = SessionState(None)
    for name in ("final.mp4", "final-2.mp4.part"):
        (tmp_path / name).touch()
    assert export_path(tmp_path, state, "final.mp4", None) == tmp_path / "final-3.mp4"
    elsewhere = tmp_path / "elsewhere.mov"
    assert export_path(tmp_path / "new", state, str(elsewhere), "mov") == elsewhere
    with pytest.raises(errors.InvalidRequestError, match="avi"):
        export_path(tmp_path, state, "final.avi", None)


@pytest.mark.parametrize("wanted", ["~", "~root", "../x", "/etc/x", "C:\\x", "..\\x", "a/~"])
def test_an_untrusted_name_stays_in_the_folder(tmp_path: Path, wanted: str) -> None:
    path = export_path(tmp_path, SessionState(None), wanted, None, anywhere=False)
    assert path.parent == tmp_path


def test_unknown_properties_of_files_are_left_out() -> None:
    files = [MediaFile("a.mp4", "video", "", duration_s=2.5), MediaFile("b.gif", "image", "")]
    assert ENGLISH.files(files) == "a.mp4 (2.5s), b.gif"
    assert CHINESE.files(files) == "a.mp4（2.5s）、b.gif"


@pytest.mark.parametrize(
    "text",
    [
        "export as mov to y.mp4",
        "remove the background and export it as webm to y.mp4",
        "导出为 mov 到 y.mp4",
    ],
)
def test_a_format_that_contradicts_the_name_is_refused_before_any_work(
    chat: Chat, text: str
) -> None:
    before = len(chat.backend.requests)
    answer = chat.say(text)
    assert isinstance(answer.error, errors.InvalidRequestError)
    assert "y.mp4" in answer.text
    assert len(chat.backend.requests) == before
