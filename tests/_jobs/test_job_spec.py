"""More edits in one call of `remove_background`: `edit=`, `trim=` and `quality=`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import attrs
import av
import pytest

from nemovideo import AsyncClient, Client
from nemovideo._jobs.job_spec import spec_for
from nemovideo.errors import AgentError, APIError, CheckpointError, InvalidRequestError
from nemovideo.local import Fault, LocalBackend
from nemovideo.retry import Polling
from tests.support.batch import quick_render
from tests.support.render import YellowMatte, decode, make_image, make_video, near

_QUICK = Polling(interval_s=0.05)


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    return make_video(tmp_path / "talk.mp4", seconds=2, fps=10)


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Client]:
    with Client.local(state_dir=tmp_path / "local", engine=YellowMatte(), polling=_QUICK) as client:
        yield client


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Client]:
    """A local client that renders no pictures."""
    with Client.local(state_dir=tmp_path / "quick", render=quick_render, polling=_QUICK) as client:
        yield client


def test_edit_and_trim_are_sent_in_one_message(local: Client, talk: Path, tmp_path: Path) -> None:
    video = local.remove_background(
        talk,
        background="#14be28",
        edit="make it 9:16 and put me in the bottom left corner",
        trim=(0.5, 1.25),
        output=tmp_path / "out.mp4",
    )
    seen = decode(tmp_path / "out.mp4")
    picture = seen.frames[3]
    assert len(seen.frames) == pytest.approx(0.75 * 10, abs=1)
    assert picture.shape == (214, 120, 3)
    yellow = picture[-20:, 8:16].reshape(-1, 3).mean(axis=0)
    assert near(tuple(int(value) for value in yellow), (225, 205, 40), 25)
    assert near(seen.corner(3), (20, 190, 40), 20)
    assert video.credits_spent == 1
    backend = local.backend
    assert backend is not None
    assert [seen.path for seen in backend.requests].count("/run_sse") == 1


def test_edit_is_sent_with_a_background_picture(local: Client, talk: Path, tmp_path: Path) -> None:
    beach = make_image(tmp_path / "beach.png", (200, 30, 30), (320, 240))
    local.remove_background(
        talk, background=beach, edit="改成正方形", trim=(0, 1), output=tmp_path / "out.mp4"
    )
    seen = decode(tmp_path / "out.mp4")
    assert seen.frames[0].shape == (120, 120, 3)
    assert len(seen.frames) == 10
    assert near(seen.corner(3), (200, 30, 30), 20)


@pytest.mark.anyio
async def test_the_async_client_has_the_same_options(talk: Path, tmp_path: Path) -> None:
    async with AsyncClient.local(
        state_dir=tmp_path / "state", engine=YellowMatte(), polling=_QUICK
    ) as client:
        await client.remove_background(
            talk, background="white", trim=(0, 0.4), output=tmp_path / "out.mp4", quality="low"
        )
    assert len(decode(tmp_path / "out.mp4").frames) == 4


@pytest.mark.parametrize("trim", [(5.0, 6.0), (2.0, 2.5)])
def test_a_trim_that_starts_after_the_video_is_refused_before_anything_is_sent(
    local: Client, talk: Path, tmp_path: Path, trim: tuple[float, float]
) -> None:
    assert local.backend is not None
    for call in (local.remove_background, local.estimate):
        with pytest.raises(InvalidRequestError, match="2 s long"):
            call(talk, background="white", trim=trim)
    report = local.batch.remove_backgrounds(
        [talk], tmp_path / "out", background="white", trim=trim, progress=None
    )
    assert [type(row.error) for row in report] == [InvalidRequestError]
    assert not [seen for seen in local.backend.requests if "balance" not in seen.path]


@pytest.mark.parametrize(("end_s", "warned"), [(2.02, False), (9.0, True)])
def test_a_trim_that_ends_after_the_video_keeps_it_to_its_end_with_a_warning(
    quick: Client, talk: Path, tmp_path: Path, end_s: float, warned: bool
) -> None:
    for _ in range(2):  # the second is delivered from the checkpoint
        video = quick.remove_background(
            talk,
            background="white",
            trim=(1, end_s),
            output=tmp_path / "out.mp4",
            checkpoint=tmp_path / "job.json",
        )
        assert video.duration_s == pytest.approx(1, abs=0.11)
        assert ["the part to keep ends there" in warning for warning in video.warnings] == [
            True
        ] * warned
    for status in ("done", "skipped"):
        report = quick.batch.remove_backgrounds(
            [talk], tmp_path / "out", background="white", trim=(1, end_s), progress=None
        )
        assert [(row.status, "the part to keep ends there" in row.note) for row in report] == [
            (status, warned)
        ]


@pytest.mark.parametrize(
    ("edit", "words"),
    [("add funny subtitles", "subtitles"), ("add a title", "the agent asked: ")],
)
def test_what_the_agent_did_not_do_is_a_warning_of_jobs_and_batches(
    quick: Client, talk: Path, tmp_path: Path, edit: str, words: str
) -> None:
    for _ in range(2):  # the second is delivered from the checkpoint
        video = quick.remove_background(
            talk,
            background="white",
            edit=edit,
            output=tmp_path / "out.mp4",
            checkpoint=tmp_path / "job.json",
        )
        assert len(video.warnings) == 1
        assert words in video.warnings[0]
    assert video.reply is not None
    assert video.reply.text.count(video.warnings[0].removeprefix("the agent asked: ")) == 1
    for status in ("done", "skipped"):
        report = quick.batch.remove_backgrounds(
            [talk], tmp_path / "out", background="white", edit=edit, progress=None
        )
        assert [(row.status, row.note) for row in report] == [(status, video.warnings[0])]
        assert report.rows[0].reply == video.reply.text
        assert video.warnings[0] in str(report)


@pytest.mark.parametrize(("name", "warned"), [("out.mp4", True), ("out.webm", False)])
def test_a_format_without_transparency_is_a_warning_where_nothing_replaces_the_background(
    local: Client, clip: Path, tmp_path: Path, name: str, warned: bool
) -> None:
    video = local.remove_background(clip, output=tmp_path / name)
    exported = local.sessions.attach(video.session_id).export(tmp_path / f"exported-{name}")
    for result in (video, exported):
        count = sum("no transparency" in warning for warning in result.warnings)
        assert count == warned


def test_a_complete_edit_has_no_warnings(local: Client, talk: Path, tmp_path: Path) -> None:
    video = local.remove_background(
        talk, background="white", edit="make it square", output=tmp_path / "out.mp4"
    )
    assert video.warnings == ()


def test_an_unknown_quality_is_refused_before_anything_is_sent_to_a_local_backend(
    local: Client, talk: Path, tmp_path: Path
) -> None:
    backend = local.backend
    assert backend is not None
    with pytest.raises(InvalidRequestError, match="'superb'") as caught:
        local.remove_background(talk, quality="superb", output=tmp_path / "out.mp4")
    assert "high, medium, low" in str(caught.value.remedy)
    assert not [seen for seen in backend.requests if seen.path == "/run_sse"]
    session = local.sessions.create()
    session.upload(talk)
    with pytest.raises(InvalidRequestError, match="'superb'"):
        session.export(tmp_path / "out.mp4", quality="superb")
    assert not [seen for seen in backend.requests if "/render/" in seen.path]


def test_the_cloud_decides_about_the_quality(talk: Path, tmp_path: Path) -> None:
    with (
        LocalBackend(tmp_path / "state", engine=YellowMatte()) as backend,
        Client(backend.issue_token(), base_url=backend.url, polling=_QUICK) as client,
    ):
        session = client.sessions.create()
        session.upload(talk)
        with pytest.raises(APIError, match="high, medium, low"):
            session.export(tmp_path / "out.mp4", quality="superb")
        assert [seen for seen in backend.requests if "/render/" in seen.path]


def test_a_checkpoint_with_other_edits_belongs_to_another_job(
    quick: Client, talk: Path, tmp_path: Path
) -> None:
    job = tmp_path / "job.json"
    for quality in ("low", "low"):  # the second is delivered from the checkpoint
        video = quick.remove_background(
            talk,
            background="white",
            edit="make it square",
            quality=quality,
            output=tmp_path / "out.mp4",
            checkpoint=job,
        )
        assert video.path == tmp_path / "out.mp4"
    for edit, quality in (("make it 9:16", "low"), ("make it square", "high")):
        with pytest.raises(CheckpointError, match="another job"):
            quick.remove_background(
                talk,
                background="white",
                edit=edit,
                quality=quality,
                output=tmp_path / "out.mp4",
                checkpoint=job,
            )


@pytest.mark.parametrize(
    "trim", [(2.0, 1.0), (-1.0, 2.0), (0.0, float("nan")), (0.0, float("inf")), (1.0, 1.0)]
)
def test_an_invalid_trim_is_refused(trim: tuple[float, float]) -> None:
    with pytest.raises(InvalidRequestError, match="trim="):
        spec_for("talk.mp4", trim=trim, local_files=True)


def test_metadata_can_be_removed(local: Client, tmp_path: Path) -> None:
    talk = tmp_path / "dated.mp4"
    plain_path = make_video(tmp_path / "plain.mp4", seconds=0.4)
    with av.open(str(plain_path)) as plain, av.open(str(talk), "w") as dated:
        dated.metadata["title"] = "At home"
        stream = dated.add_stream_from_template(plain.streams.video[0])
        for packet in plain.demux(plain.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                dated.mux(packet)
    titles = []
    for keep in (True, False):
        path = tmp_path / f"{keep}.mp4"
        video = local.remove_background(talk, background="white", metadata=keep, output=path)
        with av.open(str(path)) as container:
            titles.append(container.metadata.get("title"))
    assert titles == ["At home", None]
    assert any("title" in warning for warning in video.warnings)


def test_an_empty_edit_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="empty"):
        spec_for("talk.mp4", edit=" ", local_files=True)


def test_an_error_after_a_paid_edit_says_where_its_file_is(
    talk: Path, tmp_path: Path, backend: LocalBackend
) -> None:
    lost = Fault(kind="status", status=404, method="GET", path="/files/*", times=None)
    backend.faults.add(lost)
    backend.faults.add(attrs.evolve(lost, path="/api/render/*/download"))
    with Client(backend.issue_token(), base_url=backend.url, polling=_QUICK) as client:
        with pytest.raises(APIError) as caught:
            client.remove_background(talk, background="white", output=tmp_path / "out.mp4")
        backend.faults.clear()
        found = re.search(r"client\.render\.get\('(.+)'\), path\)", caught.value.remedy)
        assert found is not None
        client.render.download(client.render.get(found[1]), tmp_path / "out.mp4")
        shown = caught.value.describe("shell")
    session_id = re.search(r"`nemovideo export (\S+) -o FILE`", shown)
    assert session_id is not None
    assert f"/{session_id[1]}/" in " ".join(seen.path for seen in backend.requests)
    assert [seen.path for seen in backend.requests].count("/run_sse") == 1


def test_an_error_after_the_message_names_a_session_only_if_it_still_exists(
    talk: Path, quick: Client, backend: LocalBackend
) -> None:
    with Client(backend.issue_token(), base_url=backend.url, polling=_QUICK) as client:
        for each, lives_on in ((client, True), (quick, False)):
            with pytest.raises(AgentError) as caught:
                each.remove_background(talk, background="qwertz asdf")
            assert "Continue in its session with client.sessions.attach('" in str(caught.value)
            assert ("Continue in its session " in caught.value.describe("shell")) == lives_on
            assert caught.value.may_have_spent
