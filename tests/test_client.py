"""The clients against a real local backend, over real sockets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import respx

from nemovideo import AsyncClient, Client, GuiAction, NemoError, errors
from nemovideo.events import StateDeltaEvent, TextEvent, ToolCallEvent, ToolResultEvent
from nemovideo.local import LocalBackend
from nemovideo.models import Progress, RenderJob
from nemovideo.retry import Polling
from tests.support.blocking import LOOPS
from tests.support.media import corner, make_clip, near, pictures
from tests.support.render import start_of_carphone


def sent(backend: LocalBackend) -> list[str]:
    return [f"{seen.method} {seen.path}" for seen in backend.requests]


def test_the_background_of_a_real_clip_is_removed(
    client: Client, backend: LocalBackend, tmp_path: Path
) -> None:
    seen: list[Progress] = []
    clip = start_of_carphone(tmp_path / "talk.mp4", 20)
    video = client.remove_background(
        clip, background="#00b140", output=tmp_path / "clean.mp4", progress=seen.append
    )
    before, after = pictures(clip), pictures(tmp_path / "clean.mp4")
    assert len(after) == len(before) == 20
    assert after[0].shape == before[0].shape
    for index in (0, 10, 19):
        assert near(corner(after[index]), (0, 177, 64))
    face = (slice(60, 90), slice(70, 100))
    assert abs(after[0][face].mean() - before[0][face].mean()) < 15
    assert video.path == tmp_path / "clean.mp4"
    assert video.credits_spent == 1
    assert video.project_url is not None
    assert video.project_url.startswith(f"{backend.url}/workspace/claim?ct=clm_")
    assert [p.phase for p in seen if p.fraction == 1.0][-1] == "download"
    assert [p.fraction for p in seen] == sorted(p.fraction for p in seen)
    assert sent(backend).count("POST /run_sse") == 1
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.anyio
async def test_background_removal_works_with_the_async_client(
    backend: LocalBackend, clip: Path, tmp_path: Path
) -> None:
    polling = Polling(interval_s=0.05)
    async with AsyncClient(base_url=backend.url, web_url=backend.url, polling=polling) as client:
        video = await client.remove_background(
            clip, background="white", output=tmp_path / "clean.mp4"
        )
        assert (await client.credits.balance()).available == 99
    assert video.credits_spent == 1
    assert near(corner(pictures(tmp_path / "clean.mp4")[5]), (255, 255, 255))


def test_every_layer_works_by_itself(client: Client, clip: Path, tmp_path: Path) -> None:
    assert client.auth.token().startswith("nmv_usr_")
    session = client.sessions.create(language="zh-CN")
    progress: list[tuple[int, int]] = []
    (file,) = client.uploads.upload(
        session.id, clip, on_progress=lambda done, total: progress.append((done, total))
    )
    assert (file.filename, file.file_type, file.width, file.height) == (
        "talk.mp4",
        "video",
        160,
        120,
    )
    assert progress[-1][0] == progress[-1][1] > clip.stat().st_size
    reply = client.agent.send(session.id, "把背景换成白色")
    assert reply.tool_calls[0].name == "edit_background"
    assert GuiAction.EXPORT in reply.actions
    assert "点击" in reply.raw_text
    assert "点击" not in reply.text
    state = client.state.get(session.id)
    assert state.draft is not None
    assert state.draft.ready
    job = client.render.submit(session.id, state.draft)
    polls: list[RenderJob] = []
    seen: list[Progress] = []
    job = client.render.wait(job, on_progress=polls.append, progress=seen.append)
    assert job.completed
    assert (seen[0].phase, seen[-1].fraction) == ("render", 1.0)
    assert polls[-1] == job
    path = client.render.download(job, tmp_path / "out.mp4")
    assert path.stat().st_size == job.size_bytes
    assert client.auth.claim_token(session).token.startswith("clm_")
    again = client.sessions.attach(session.id, session.task_id)
    assert again.state().draft == state.draft
    assert "claim?ct=clm_" in again.project_url()


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", LOOPS)
async def test_every_layer_of_the_async_client_works_by_itself(
    backend: LocalBackend, clip: Path, tmp_path: Path
) -> None:
    polling = Polling(interval_s=0.05)
    async with AsyncClient(base_url=backend.url, web_url=backend.url, polling=polling) as client:
        assert (await client.auth.token()).startswith("nmv_usr_")
        session = await client.sessions.create()
        (file,) = await client.uploads.upload(session.id, clip)
        (same,) = await session.upload(file.cdn_url)
        assert same.hash == file.hash
        async with session.stream("blur the background", tokens=True) as stream:
            kinds = [type(event) async for event in stream]
        assert {ToolCallEvent, ToolResultEvent, StateDeltaEvent, TextEvent} <= set(kinds)
        assert stream.reply.text
        state = await session.state()
        assert state.draft is not None
        job = await client.render.wait(await client.render.submit(session.id, state.draft))
        await client.render.download(job, tmp_path / "out.mp4")
        shown: list[Progress] = []
        again = await client.sessions.attach(session.id)
        video = await again.export(tmp_path / "again.mp4", progress=shown.append)
        assert (shown[0].phase, shown[-1].fraction) == ("render", 1.0)
        assert video.size_bytes == (tmp_path / "out.mp4").stat().st_size
        assert (await session.project_url()).startswith(f"{backend.url}/workspace/claim?ct=clm_")


def test_a_stream_gives_events_and_then_the_reply(client: Client, clip: Path) -> None:
    session = client.sessions.create()
    session.upload(clip)
    with session.stream("trim to the first half second") as stream:
        with pytest.raises(errors.InvalidRequestError, match="not complete"):
            _ = stream.reply
        found = list(stream)
    assert [type(event) for event in found] == [
        ToolCallEvent,
        ToolResultEvent,
        StateDeltaEvent,
        TextEvent,
    ]
    assert stream.reply.tool_calls == (found[0],)
    assert list(stream) == []


def test_the_attribution_headers_go_with_every_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SKILL_SOURCE", "clawhub")
    url = "https://api.test"
    with respx.mock(base_url=url) as router, Client("nmv_usr_x", base_url=url) as client:
        router.route().respond(json={"code": 0, "data": {"available": 1, "frozen": 0, "total": 1}})
        client.credits.balance()
        headers = router.calls.last.request.headers
    assert headers["X-Skill-Platform"] == "clawhub"
    assert headers["X-Skill-Source"] == "video-background-remover-ai"
    assert headers["X-Skill-Version"]


# --- tokens ---------------------------------------------------------------------------------


def test_a_token_is_also_renewed_before_a_stream_opens(
    client: Client, backend: LocalBackend, clip: Path
) -> None:
    session = client.sessions.create()
    session.upload(clip)
    backend.expire_tokens()
    assert session.send("blur the background").tool_calls


def test_a_wrong_token_is_reported(backend: LocalBackend) -> None:
    with Client("nmv_usr_wrong", base_url=backend.url) as client:
        with pytest.raises(errors.AuthenticationError) as caught:
            client.credits.balance()
        with pytest.raises(errors.AuthenticationError):
            client.agent.send("1", "hello")
    assert "wrong" not in f"{caught.value!r}"
    assert "NEMO_TOKEN" in caught.value.remedy
    assert "POST /api/auth/anonymous-token" not in sent(backend)


def test_anonymous_false_without_a_token_requests_none(backend: LocalBackend) -> None:
    with (
        Client(base_url=backend.url, anonymous=False) as client,
        pytest.raises(errors.AuthenticationError, match="anonymous=False"),
    ):
        client.credits.balance()
    assert sent(backend) == []


def test_plain_http_to_another_machine_is_refused() -> None:
    with pytest.raises(errors.InvalidRequestError, match="encryption"):
        Client(base_url="http://example.com")
    Client(base_url="http://example.com", allow_http=True).close()


# --- what can go wrong ----------------------------------------------------------------------


def bad_sources(tmp_path: Path) -> Iterator[tuple[Path, type[NemoError]]]:
    text = tmp_path / "notes.mp4"
    text.write_text("this is no video, whatever its name says")
    empty = tmp_path / "empty.mp4"
    empty.touch()
    huge = make_clip(tmp_path / "huge.mp4", seconds=0.2)
    with huge.open("r+b") as file:
        file.truncate(501 * 1024 * 1024)
    yield tmp_path / "missing.mp4", errors.SourceNotFoundError
    yield text, errors.UnsupportedFileError
    yield empty, errors.UnsupportedFileError
    yield huge, errors.FileTooLargeError


def test_bad_files_are_reported_before_anything_is_sent(
    client: Client, backend: LocalBackend, tmp_path: Path
) -> None:
    for source, cls in bad_sources(tmp_path):
        with pytest.raises(cls):
            client.remove_background(source, background="white", output=tmp_path / "x.mp4")
        with pytest.raises(cls):
            client.uploads.upload("1", source)
    assert sent(backend) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"background": "transparent", "output": "x.mp4"}, "cannot be transparent"),
        ({"output": "x.txt"}, "not a supported output format"),
        ({"background": " "}, "empty"),
        ({"output": "nowhere/x.mp4"}, "does not exist"),
        ({"output": "there.mp4"}, "already exists"),
        ({"output": "x.mp4", "max_credits": "5"}, "max_credits='5' is not a number"),
        ({"output": "x.mp4", "deadline": "5"}, "deadline='5' is not a number"),
        ({"output": "x.mp4", "trim": ("0", "2")}, "not a valid range"),
        ({"output": "x.mp4", "trim": 5}, "not a valid range"),
    ],
)
def test_invalid_arguments_are_reported_before_anything_is_sent(
    client: Client,
    backend: LocalBackend,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: dict[str, Any],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.mp4").write_bytes(b"mine")
    with pytest.raises(errors.InvalidRequestError, match=message):
        client.remove_background(clip, **arguments)
    assert sent(backend) == []
    assert (tmp_path / "there.mp4").read_bytes() == b"mine"


@pytest.mark.parametrize("text", ["", "  \n "])
def test_an_empty_message_is_never_sent(client: Client, backend: LocalBackend, text: str) -> None:
    with pytest.raises(errors.InvalidRequestError, match="empty"):
        client.agent.send("1", text)
    with pytest.raises(errors.InvalidRequestError), client.agent.stream("1", text) as stream:
        next(iter(stream))
    assert sent(backend) == []


def test_an_unknown_session_is_reported_by_every_layer(client: Client, clip: Path) -> None:
    session = client.sessions.attach("123", "456")
    with pytest.raises(errors.SessionNotFoundError):
        session.state()
    with pytest.raises(errors.SessionNotFoundError):
        session.upload(clip)
    with pytest.raises(errors.SessionNotFoundError):
        session.send("hello")
    with pytest.raises(errors.SessionNotFoundError):
        session.project_url()
    with pytest.raises(errors.SessionNotFoundError):
        session.export()


def test_an_empty_session_has_nothing_to_export(client: Client) -> None:
    with pytest.raises(errors.DraftNotReadyError):
        client.sessions.create().export()


def test_what_the_agent_cannot_do_is_an_error_and_not_an_unchanged_video(
    client: Client, clip: Path
) -> None:
    with pytest.raises(errors.AgentError) as caught:
        client.remove_background(clip, background="the deck of a spaceship")
    assert caught.value.reply is not None
    assert caught.value.reply.text


def test_a_download_never_replaces_a_file_without_overwrite(
    client: Client, clip: Path, tmp_path: Path
) -> None:
    path = tmp_path / "mine.mp4"
    path.write_bytes(b"mine")
    session = client.sessions.create()
    session.upload(clip)
    with pytest.raises(errors.InvalidRequestError, match="already exists"):
        session.export(path)
    assert path.read_bytes() == b"mine"
    assert session.export(path, overwrite=True).size_bytes != 4


def test_local_clients_start_and_stop_their_own_backend(tmp_path: Path) -> None:
    with Client.local(state_dir=tmp_path / "s", deadline=60) as client:
        assert client.backend is not None
        url = client.backend.url
        session = client.sessions.create()
    client.close()
    with (
        pytest.raises(errors.APIConnectionError),
        Client("nmv_usr_x", base_url=url, deadline=1) as gone,
    ):
        gone.credits.balance()
    with Client.local(state_dir=tmp_path / "s") as client:  # the same token, the same session
        assert client.sessions.attach(session.id).state().draft is None


def test_the_sync_client_works_inside_a_running_loop(tmp_path: Path) -> None:
    import asyncio

    async def cell() -> float:
        with Client.local() as client:
            return client.credits.balance().available

    assert asyncio.run(cell()) == 100


def test_one_async_client_works_in_several_runs(backend: LocalBackend) -> None:
    import asyncio

    client = AsyncClient(base_url=backend.url)

    async def once() -> float:
        async with client:
            return (await client.credits.balance()).available

    assert [asyncio.run(once()) for _ in range(2)] == [100, 100]


def test_polls_begin_soon_and_settle_at_their_interval() -> None:
    polling = Polling(interval_s=10)
    assert [polling.wait_s(n) for n in range(6)] == [1, 2, 4, 8, 10, 10]
    assert Polling(interval_s=0.05).wait_s(0) == 0.05
    assert polling.wait_s(100_000) == 10


def test_the_result_is_never_written_over_its_source(
    client: Client, clip: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.mp4"
    mine.write_bytes(clip.read_bytes())
    with pytest.raises(errors.InvalidRequestError, match="one of the sources"):
        client.remove_background(mine, background="white", output=mine, overwrite=True)
    assert mine.read_bytes() == clip.read_bytes()


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (Client, {"timeout": 3}, "no option 'timeout'; did you mean 'timeout_s'"),
        (AsyncClient, {"tokn": "a"}, "no option 'tokn'"),
        (Client.local, {"credit": 5}, "no option 'credit'; did you mean 'credits'"),
    ],
)
def test_a_misspelled_option_is_refused(
    make: Callable[..., object], options: dict[str, object], message: str
) -> None:
    with pytest.raises(TypeError, match=re.escape(message)):
        make(**options)


def test_an_unknown_cost_is_refused() -> None:
    with pytest.raises(ValueError, match="one of edit, generation"):
        Client.local(costs={"edits": 5})


def test_an_export_to_an_unsupported_suffix_is_refused_before_anything_is_sent(
    client: Client, backend: LocalBackend
) -> None:
    with pytest.raises(errors.InvalidRequestError, match="not a supported output format"):
        client.sessions.attach("1").export("notes.txt")
    assert sent(backend) == []
