"""Jobs of local clients: their state is kept until they are done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from click.testing import CliRunner

from nemovideo import AsyncClient, AsyncJob, Client, Job, errors
from nemovideo.cli.app import app
from nemovideo.local import LocalBackend
from nemovideo.local.server.faults import Fault
from nemovideo.models import RenderedVideo
from tests._jobs.conftest import Bench
from tests._jobs.test_resuming import UPLOADED
from tests.support.job_child import COLOR
from tests.support.jobs import RGB, QuickRenderer, runs_of
from tests.support.media import corner, make_tone, near, pictures


def _fail_at_render(client: Client, clip: Path, checkpoint: Path, output: Path) -> Path:
    """Make a job of a local client fail at its render; return its state directory."""
    assert client.backend is not None
    client.backend.faults.add(Fault(kind="status", path="*/lambda", status=402))
    with pytest.raises(errors.ExportBlockedError):
        client.remove_background(clip, background=COLOR, output=output, checkpoint=checkpoint)
    return client.backend.state_dir


def test_the_temporary_state_of_a_local_client_is_kept_for_a_failed_job(
    tmp_path: Path, clip: Path
) -> None:
    path, output = tmp_path / "job.json", tmp_path / "clean.mp4"
    with Client.local(render=QuickRenderer()) as client:
        kept = _fail_at_render(client, clip, path, output)
    assert kept.is_dir()
    with Client.local(render=QuickRenderer()) as client:  # the same script, run again
        video = client.remove_background(clip, background=COLOR, output=output, checkpoint=path)
        assert client.backend is not None
        assert runs_of(client.backend) == 0
        gone = client.backend.state_dir
    assert near(corner(pictures(output)[0]), RGB)
    assert video.credits_spent == 1
    assert not gone.exists()
    assert not kept.exists()


def test_the_temporary_state_is_kept_until_all_of_its_jobs_are_done(
    tmp_path: Path, clip: Path
) -> None:
    paths = [tmp_path / "one.json", tmp_path / "two.json"]
    with Client.local(render=QuickRenderer()) as client:
        for path in paths:
            kept = _fail_at_render(client, clip, path, path.with_suffix(".mp4"))
    for path, stays in zip(paths, (True, False), strict=True):
        Job.resume(path)
        assert path.with_suffix(".mp4").exists()
        assert kept.exists() == stays


@pytest.mark.anyio
async def test_a_path_alone_finds_the_local_state(tmp_path: Path, clip: Path) -> None:
    path, output = tmp_path / "job.json", tmp_path / "clean.mp4"
    state = tmp_path / "state"
    with Client.local(render=QuickRenderer(), state_dir=state) as client:
        client.remove_background(clip, background=COLOR, output=output, checkpoint=path)
    output.unlink()
    video = await AsyncJob.resume(path)
    assert video.path == output
    assert near(corner(pictures(output)[0]), RGB)


def test_a_finished_job_does_not_need_its_temporary_state(tmp_path: Path, clip: Path) -> None:
    path, output = tmp_path / "job.json", tmp_path / "clean.mp4"
    order: dict[str, Any] = {"background": COLOR, "output": output, "checkpoint": path}
    with Client.local(render=QuickRenderer()) as client:
        first = client.remove_background(clip, **order)
        assert client.backend is not None
        gone = client.backend.state_dir
    assert not gone.exists()
    with Client.local(render=QuickRenderer()) as client:
        again = [client.remove_background(clip, **order), client.jobs.resume(path)]
        with pytest.raises(errors.CheckpointError, match="belongs to another job"):
            client.remove_background(clip, **{**order, "background": "white"})
        assert client.backend is not None
        assert runs_of(client.backend) == 0

    async def once_more() -> RenderedVideo:
        async with AsyncClient.local(render=QuickRenderer()) as client:
            return await client.jobs.remove_background(clip, **order).run()

    again.append(anyio.run(once_more))
    assert [(video.path, video.job.id) for video in again] == [(output, first.job.id)] * 3
    words = ["remove-background", "--local", str(clip), "--quiet"]
    options = ["-b", COLOR, "-o", str(output), "--checkpoint", str(path)]
    assert CliRunner().invoke(app, [*words, *options]).exit_code == 0
    assert not list(tmp_path.glob(".*.lock"))
    output.unlink()
    with (
        Client.local(render=QuickRenderer()) as client,
        pytest.raises(errors.CheckpointError, match="no longer exists"),
    ):
        client.remove_background(clip, **order)


def test_a_deleted_state_is_reported(tmp_path: Path, clip: Path) -> None:
    path = tmp_path / "job.json"
    with Client.local(render=QuickRenderer(), state_dir=tmp_path / "state") as client:
        _fail_at_render(client, clip, path, tmp_path / "clean.mp4")
    (tmp_path / "state").rename(tmp_path / "elsewhere")
    with pytest.raises(errors.CheckpointError, match="no longer exists") as caught:
        Job.resume(path)
    assert "state_dir" in caught.value.remedy
    with (
        Client.local(engine="fast") as client,
        pytest.raises(errors.CheckpointError, match="no longer exists"),
    ):
        client.jobs.resume(path)


def test_a_local_job_is_not_done_in_the_cloud_or_vice_versa(bench: Bench, tmp_path: Path) -> None:
    local = tmp_path / "local.json"
    with Client.local(render=QuickRenderer(), state_dir=tmp_path / "home") as client:
        _fail_at_render(client, bench.clip, local, tmp_path / "x.mp4")
    bench.crash(UPLOADED)
    with bench.client() as cloud, pytest.raises(errors.CheckpointError, match="a local backend"):
        cloud.jobs.resume(local)
    with (
        Client.local(engine="fast") as client,
        pytest.raises(errors.CheckpointError, match="the cloud"),
    ):
        client.jobs.resume(bench.path)


@pytest.mark.parametrize(
    ("name", "output", "words"),
    [("song.wav", "x.mp4", "is audio"), ("talk.mp4", "x.png", "holds one picture")],
)
def test_impossible_results_are_refused_before_anything_is_sent(
    client: Client,
    backend: LocalBackend,
    clip: Path,
    tmp_path: Path,
    name: str,
    output: str,
    words: str,
) -> None:
    source = clip if name == "talk.mp4" else make_tone(tmp_path / name)
    with pytest.raises(errors.NemoError, match=words):
        client.remove_background(source, output=tmp_path / output)
    assert backend.requests == ()
