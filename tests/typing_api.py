"""The public surface under the type checkers: never run, only read by mypy and pyright, strict."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from typing_extensions import assert_type

from nemovideo import (
    Answer,
    AsyncClient,
    AsyncConversation,
    AsyncJob,
    AsyncSession,
    Client,
    Conversation,
    Credits,
    Estimate,
    Job,
    JobStatus,
    MediaFile,
    NemoError,
    Preview,
    RenderedVideo,
    RenderJob,
    Reply,
    RetryPolicy,
    Route,
    Session,
    SessionState,
)
from nemovideo.draft import Change, ChangeKind, Draft, DraftDiff, Segment, Track, Tracks, TrackType
from nemovideo.local import Matting
from nemovideo.models import Frame


def names() -> None:
    from nemovideo import Misspelled  # type: ignore[attr-defined] # noqa: F401
    from nemovideo.local import Misspelled as _  # type: ignore[attr-defined] # noqa: F401


def clients(draft: Draft) -> None:
    with Client("nmv_usr_…", deadline=60, retry=RetryPolicy(attempts=2)) as client:
        assert_type(client, Client)
        assert_type(client.with_options(timeout_s=5), Client)
        assert_type(client.credits.balance(), Credits)
        assert_type(client.sessions.create(), Session)
        assert_type(client.uploads.upload("id", "talk.mp4", b"bytes"), list[MediaFile])
        assert_type(client.agent.send("id", "blur the background"), Reply)
        assert_type(client.state.get("id"), SessionState)
        job = client.render.submit("id", draft)
        assert_type(job, RenderJob)
        assert_type(client.render.wait(job), RenderJob)
        assert_type(client.render.download(job, "out.mp4"), Path)
        assert_type(client.remove_background("talk.mp4", background="blur"), RenderedVideo)
        saved = client.remove_background("talk.mp4", output="clean.mp4", progress=True)
        assert_type(saved.path, Path)
        assert_type(client.sessions.attach("id").export("clean.mp4", progress=True).path, Path)
        assert_type(
            client.preview("talk.mp4", edit="make it 9:16", trim=(0, 4), at=(0.5, 3)), Preview
        )
        assert_type(client.sessions.create().preview(1), Preview)
        assert_type(client.estimate("talk.mp4", background="blur"), Estimate)


def frames(rgb: npt.NDArray[np.uint8], alpha: npt.NDArray[np.float32]) -> None:
    matting = Matting()
    for frame in matting.frames("talk.mp4"):
        assert_type(frame.alpha, npt.NDArray[np.float32])
    written = [Frame(0, rgb), Frame(0.04, rgb, None), Frame(0.08, rgb, alpha)]
    assert_type(written[0].alpha, npt.NDArray[np.float32])
    assert_type(matting.write(written, "out.mp4"), Path)


async def async_clients(draft: Draft) -> None:
    async with AsyncClient("nmv_usr_…", deadline=60) as client:
        assert_type(client, AsyncClient)
        assert_type(await client.credits.balance(), Credits)
        assert_type(await client.sessions.create(), AsyncSession)
        assert_type(await client.uploads.upload("id", Path("talk.mp4")), list[MediaFile])
        assert_type((await client.state.get("id")).draft, Draft | None)
        assert_type(await client.render.submit("id", draft), RenderJob)
        video = await client.remove_background("talk.mp4", progress=print)
        assert_type(video.path, Path | None)
        saved = await client.remove_background("talk.mp4", output="clean.mp4")
        assert_type(saved.path, Path)
        assert_type(await client.preview("talk.mp4"), Preview)
        assert_type(video.credits_spent, float | None)


def drafts(value: object) -> None:
    draft = Draft.from_json(value)
    assert_type(draft, Draft)
    assert_type(draft.to_json(), dict[str, object])
    assert_type(draft.raw, dict[str, object])
    assert_type(draft.metadata, dict[str, object])
    assert_type(draft.tracks, Tracks)
    assert_type(draft.tracks[0], Track)
    assert_type(draft.tracks.video, Tracks)
    assert_type(draft.ready, bool)
    assert_type(draft.duration_ms, int)
    assert_type(draft.name, str | None)
    assert_type(draft.summary(), str)
    assert_type(draft.evolve(tracks=draft.tracks.audio), Draft)
    assert_type(draft.without_track(0), Draft)
    assert_type(draft.trim(0, 0, 1000), Draft)
    assert_type(draft.with_text(0, 0, "words"), Draft)
    assert_type(draft.with_title("words", start_ms=0, duration_ms=1000), Draft)


def tracks_and_segments(track: Track) -> None:
    assert_type(track.type, TrackType | int | None)
    assert_type(track.segments, tuple[Segment, ...])
    assert_type(track.duration_ms, int)
    assert_type(track.evolve(segments=track.segments[:1]), Track)
    for segment in track.segments:
        assert_type(segment, Segment)
        assert_type(segment.duration_ms, int)
        assert_type(segment.start_ms, int)
        assert_type(segment.end_ms, int)
        assert_type(segment.name, str | None)
        assert_type(segment.text, str | None)
        assert_type(segment.volume, float | None)
        assert_type(segment.metadata, dict[str, object])
        assert_type(segment.evolve(duration_ms=1, metadata={}), Segment)


def differences(before: Draft, after: Draft) -> None:
    diff = before.diff(after)
    assert_type(diff, DraftDiff)
    assert_type(diff.sentences, tuple[str, ...])
    for change in diff:
        assert_type(change, Change)
        assert_type(change.kind, ChangeKind)
        assert_type(change.sentence, str)
        assert_type(change.track, int | None)
        assert_type(change.segment, int | None)


def conversations(session: Session) -> None:
    lines: list[str] = []
    chat = session.conversation(on_notice=lines.append, output_dir="videos", language="zh")
    assert_type(chat, Conversation)
    answer = chat.say("export", deadline=60)
    assert_type(answer, Answer)
    assert_type(answer.text, str)
    assert_type(answer.action, Route)
    assert_type(answer.video, RenderedVideo | None)
    assert_type(answer.reply, Reply | None)
    assert_type(answer.error, NemoError | None)


async def async_conversations(session: AsyncSession) -> None:
    async def print_notice(line: str) -> None:
        print(line)

    chat = session.conversation(print_notice, local_files=False)
    assert_type(chat, AsyncConversation)
    assert_type(await chat.say("export"), Answer)


def downloads(client: Client, job: RenderJob, file: BinaryIO) -> None:
    assert_type(client.render.download(job, "film.mp4"), Path)
    assert_type(client.render.download(job, Path("film.mp4"), overwrite=True), Path)
    assert_type(client.render.download(job, file), int)
    assert_type(client.render.download(job, BytesIO(), print, deadline=60), int)


async def async_downloads(client: AsyncClient, job: RenderJob, file: BinaryIO) -> None:
    assert_type(await client.render.download(job, "film.mp4"), Path)
    assert_type(await client.render.download(job, file), int)


def jobs(client: Client) -> None:
    job = client.jobs.remove_background("a.mp4", checkpoint="job.json", background="white")
    assert_type(job, Job)
    assert_type(job.status, JobStatus)
    assert_type(job.status.done, bool)
    assert_type(job.run(progress=True, deadline=60, send_again=True), RenderedVideo)
    assert_type(client.jobs.load("job.json"), Job)
    assert_type(client.jobs.resume("job.json"), RenderedVideo)
    assert_type(Job.resume("job.json", client), RenderedVideo)


async def async_jobs(client: AsyncClient) -> None:
    job = client.jobs.remove_background("a.mp4", checkpoint="job.json")
    assert_type(job, AsyncJob)
    assert_type(await job.run(), RenderedVideo)
    assert_type(await client.jobs.resume("job.json"), RenderedVideo)
    assert_type(await AsyncJob.resume("job.json", client), RenderedVideo)
