"""Jobs that crash and are resumed, against a backend."""

from __future__ import annotations

import threading
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from nemovideo import AsyncClient, AsyncJob, Client, Job, errors
from nemovideo._jobs import checkpoints
from nemovideo.local import LocalBackend
from nemovideo.local.server.faults import Fault
from nemovideo.models import Progress
from nemovideo.retry import RetryPolicy
from nemovideo.testing import FakeClock
from tests._jobs.conftest import Bench, Crash
from tests.support.job_child import COLOR, QUICK
from tests.support.jobs import RGB, Ledger, QuickRenderer, runs_of
from tests.support.media import corner, make_clip, make_picture, near, pictures

SESSION, SENDING, SENT, UPLOADED, ASKING, EDITED, SUBMITTING, RENDERED = 2, 3, 4, 4, 5, 6, 7, 8
UPLOAD = "/api/upload-video/*"


def uploads_of(backend: LocalBackend) -> int:
    return sum(fnmatchcase(seen.path, UPLOAD) for seen in backend.requests)


def test_the_phases_of_a_job_can_be_inspected(bench: Bench) -> None:
    with bench.client() as client:
        job = client.jobs.remove_background(bench.clip, **bench.order())
        assert (job.status.phase, job.status.output) == ("new", bench.output)
        assert not bench.path.exists()
    assert bench.backend.requests == ()
    phases = {}
    for writes in (1, SESSION, UPLOADED, EDITED, RENDERED):
        bench.path.unlink(missing_ok=True)
        bench.crash(writes)
        status = job.status
        phases[writes] = status.phase
        assert status.done is False
        assert status.source == "talk.mp4"
    assert list(phases.values()) == ["new", "upload", "edit", "render", "download"]
    with bench.client() as client:
        client.jobs.resume(bench.path)
        status = client.jobs.load(bench.path).status
    assert (status.phase, status.fraction, status.done) == ("done", 1.0, True)
    assert status.session_id is not None
    assert str(status.render_id).startswith("render_")


def test_a_finished_job_returns_its_result_to_the_same_call_immediately(bench: Bench) -> None:
    with bench.client() as client:
        first = client.remove_background(bench.clip, **bench.order())
        count = len(bench.backend.requests)
        moved = bench.clip.rename(bench.folder / "moved.mp4")
        try:
            second = client.remove_background(moved, **bench.order())
            third = client.jobs.resume(bench.path)
            fourth = Job.resume(bench.path)
        finally:
            moved.rename(bench.clip)
    assert len(bench.backend.requests) == count
    for again in (second, third, fourth):
        assert (again.path, again.job.id) == (first.path, first.job.id)
        assert (again.credits_spent, again.duration_s) == (1, first.duration_s)
        assert again.reply is not None
        assert first.reply is not None
        assert again.reply.text == first.reply.text
    bench.is_done_once()


def test_a_result_that_was_deleted_is_only_downloaded_again(bench: Bench) -> None:
    with bench.client() as client:
        client.remove_background(bench.clip, **bench.order())
        bench.output.unlink()
        video = client.jobs.resume(bench.path)
        assert video.credits_spent == 1
        bench.is_done_once()
        bench.output.write_bytes(b"something of the user's own")
        with pytest.raises(errors.InvalidRequestError, match="already exists"):
            client.jobs.resume(bench.path)
    assert bench.output.read_bytes() == b"something of the user's own"


@pytest.mark.parametrize(
    "other",
    [{"background": "white"}, {"output": "other.mp4"}, {"format": "matte"}, {"source": "other"}],
    ids=str,
)
def test_a_checkpoint_of_another_job_is_refused_and_kept(
    bench: Bench, other: dict[str, Any], tmp_path: Path
) -> None:
    bench.crash(UPLOADED)
    before = bench.path.read_bytes()
    source = bench.clip
    if other.pop("source", None):
        source = make_clip(tmp_path / "talk.mp4", seconds=0.2)
    with (
        bench.client() as client,
        pytest.raises(errors.CheckpointError, match="another job") as caught,
    ):
        client.remove_background(source, **bench.order(**other))
    assert "jobs.resume" in caught.value.remedy
    assert bench.path.read_bytes() == before


def test_a_refused_job_leaves_no_checkpoint(bench: Bench) -> None:
    with bench.client() as client:
        for wrong in ({"output": bench.folder / "no" / "x.mp4"}, {"max_credits": 0}):
            with pytest.raises(errors.NemoError):
                client.remove_background(bench.clip, **bench.order(**wrong))
        with pytest.raises(errors.SourceNotFoundError):
            client.remove_background("nothing.mp4", **bench.order())
    assert list(bench.folder.iterdir()) == []
    assert bench.backend.requests == ()


def test_max_credits_is_checked_again_before_the_message(bench: Bench) -> None:
    bench.crash(UPLOADED, max_credits=50)
    with bench.client() as client:
        with pytest.raises(errors.CreditLimitError):
            client.remove_background(bench.clip, **bench.order(max_credits=10))
        assert runs_of(bench.backend) == 0
        client.remove_background(bench.clip, **bench.order(max_credits=50))
    bench.is_done_once()


def test_the_checkpoint_holds_no_secret(bench: Bench) -> None:
    with bench.client() as client:
        client.remove_background(bench.clip, **bench.order())
    text = bench.path.read_text(encoding="utf-8")
    for secret in ("nmv_usr_", "clm_", bench.token, "/files/", "?ct="):
        assert secret not in text


def test_a_job_has_one_process_at_a_time(bench: Bench) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def at_work() -> None:
        begun.set()
        assert go_on.wait(20)

    bench.renderer.at_work = at_work
    with bench.client() as client:
        job = client.jobs.remove_background(bench.clip, **bench.order())
        worker = threading.Thread(target=job.run)
        worker.start()
        try:
            assert begun.wait(20)
            with pytest.raises(errors.JobRunningError) as caught:
                client.jobs.resume(bench.path)
            assert job.status.phase == "render"
        finally:
            go_on.set()
            worker.join()
        assert caught.value.path == str(bench.path)
        client.jobs.resume(bench.path)
    bench.is_done_once()


@pytest.mark.parametrize(
    ("path", "spent"), [("/api/upload-video/*", False), ("/api/render/proxy/*", True)]
)
def test_an_error_after_the_message_may_have_spent_credits(
    bench: Bench, path: str, spent: bool
) -> None:
    bench.backend.faults.add(Fault(kind="status", path=path, status=402, times=None))
    with bench.client() as client:
        with pytest.raises(errors.NemoError) as caught:
            client.remove_background(bench.clip, **bench.order(checkpoint=None))
        left = client.credits.balance().available
    assert (caught.value.may_have_spent, left < 100) == (spent, spent)


def test_an_error_names_the_checkpoint_and_progress_resumes(bench: Bench) -> None:
    bench.backend.faults.add(Fault(kind="status", path="*/lambda", status=402, times=None))
    with bench.client() as client:
        with pytest.raises(errors.ExportBlockedError) as caught:
            client.remove_background(bench.clip, **bench.order())
        assert f"client.jobs.resume({str(bench.path)!r})" in caught.value.remedy
        bench.backend.faults.clear()
        earlier = client.jobs.load(bench.path).status
        seen: list[Progress] = []
        client.jobs.resume(bench.path, seen.append)
    fractions = [progress.fraction for progress in seen]
    assert fractions[0] >= earlier.fraction > 0
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert seen[0].elapsed_s >= earlier.elapsed_s > 0
    assert {progress.phase for progress in seen} <= {"upload", "render", "download"}
    bench.is_done_once()


def test_the_progress_of_a_resumed_job_begins_where_its_render_is(bench: Bench) -> None:
    go_on, seen = threading.Event(), list[Progress]()

    def at_work() -> None:
        assert go_on.wait(20)

    def crash(now: Progress) -> None:
        if now.fraction > 0.5:
            raise Crash

    def resume(now: Progress) -> None:
        seen.append(now)
        go_on.set()

    bench.renderer.at_work = at_work
    with bench.client() as client:
        try:
            with pytest.raises(Crash):
                client.remove_background(bench.clip, **bench.order(progress=crash))
            client.jobs.resume(bench.path, resume)
        finally:
            go_on.set()
    assert (seen[0].phase, round(seen[0].fraction, 2)) == ("render", 0.6)
    bench.is_done_once()


def test_a_source_in_memory_is_needed_only_until_it_is_uploaded(bench: Bench) -> None:
    content = bench.clip.read_bytes()
    bench.crash(SENDING, content)
    with bench.client() as client:
        with pytest.raises(errors.CheckpointError, match=r"upload\.mp4") as caught:
            client.jobs.resume(bench.path)
        assert "same call again" in caught.value.remedy
        client.remove_background(content, **bench.order())
    bench.is_done_once()
    for path in (bench.path, bench.output):
        path.unlink()
    bench.crash(UPLOADED, content)
    with bench.client() as client:
        assert client.jobs.resume(bench.path).credits_spent == 1


def test_a_file_that_changed_before_its_upload_is_reported(bench: Bench, tmp_path: Path) -> None:
    mine = make_clip(tmp_path / "mine.mp4", seconds=0.2)
    bench.crash(SESSION, mine)
    make_clip(mine, seconds=0.4)
    with (
        bench.client() as client,
        pytest.raises(errors.CheckpointError, match="different content"),
    ):
        client.jobs.resume(bench.path)
    assert Ledger.of(bench.backend).files == 0


@pytest.mark.parametrize("writes", [2, 3, 4, 5])
def test_a_resumed_job_keeps_the_users_own_picture_and_session(
    bench: Bench, tmp_path: Path, writes: int
) -> None:
    beach = make_picture(tmp_path / "beach.png", (250, 10, 20))
    with bench.client() as client:
        session = client.sessions.create()
        session.upload(make_picture(tmp_path / "beach.jpg", (1, 2, 3)))
    bench.crash(writes, background=beach, session=session)
    with bench.client() as client:
        client.jobs.resume(bench.path)
        state = client.state.get(session.id)
    names = [info["filename"] for info in state.video_infos]
    assert names == ["beach.jpg", "talk.mp4", "beach.png"]


@pytest.mark.parametrize("checkpoint", [True, False])
@pytest.mark.parametrize("arrives", [True, False])
def test_an_upload_whose_connection_drops_is_sent_again_only_if_it_has_not_arrived(
    bench: Bench, arrives: bool, checkpoint: bool
) -> None:
    drops = 1 if arrives else 3
    bench.backend.faults.add(Fault(kind="drop", path=UPLOAD, times=drops))
    if not arrives:
        bench.backend.faults.add(Fault(kind="status", path=UPLOAD, times=drops, status=503))
    retried = list[str]()
    policy = RetryPolicy(
        initial_s=0.01, on_retry=lambda error, _: retried.append(type(error).__name__)
    )
    with bench.client(retry=policy) as client:
        given = bench.order() if checkpoint else bench.order(checkpoint=None)
        client.remove_background(bench.clip, **given)
    assert retried == ["APIConnectionError"] * drops
    bench.is_done_once()


def test_an_upload_into_the_users_session_is_not_confused_with_the_files_there(
    bench: Bench, tmp_path: Path
) -> None:
    bench.backend.faults.add(Fault(kind="drop", path=UPLOAD, nth=2))
    with bench.client() as client:
        session = client.sessions.create()
        session.upload(make_picture(tmp_path / "beach.jpg", (1, 2, 3)))
        client.remove_background(bench.clip, **bench.order(checkpoint=None, session=session))
        names = [info["filename"] for info in client.state.get(session.id).video_infos]
    assert names == ["beach.jpg", "talk.mp4"]


def test_an_upload_fails_after_retries_or_immediately_if_the_service_does_not_answer(
    bench: Bench,
) -> None:
    unprocessed = Fault(kind="status", path=UPLOAD, times=None, status=503)
    bench.backend.faults.add(Fault(kind="stall", path=UPLOAD))
    bench.backend.faults.add(unprocessed)
    quick = RetryPolicy(attempts=3, initial_s=0.01)
    with bench.client(retry=quick, timeout_s=1) as client:
        with pytest.raises(errors.APITimeoutError):
            client.remove_background(bench.clip, **bench.order())
        assert uploads_of(bench.backend) == 1
        with pytest.raises(errors.ServerError):
            client.remove_background(bench.clip, **bench.order())
        assert uploads_of(bench.backend) == 4
        bench.backend.faults.clear()
        client.remove_background(bench.clip, **bench.order())
    bench.is_done_once()


def test_a_message_that_may_have_arrived_is_waited_for(bench: Bench) -> None:
    bench.crash(ASKING)
    clock = FakeClock(now=checkpoints.load(bench.path).message.sent_at)  # type: ignore[union-attr]
    with bench.client(clock=clock, stream=None) as client:
        video = client.jobs.resume(bench.path)
    assert clock.waits[:5] == [30, 60, 60, 60, 60]
    assert video.credits_spent == 1
    assert runs_of(bench.backend) == 1
    bench.is_done_once()


def test_a_wait_that_a_deadline_ends_continues_in_the_next_resume(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.crash(ASKING)
    clock = FakeClock(now=checkpoints.load(bench.path).message.sent_at + 5)  # type: ignore[union-attr]
    began, seen = clock.now, list[Progress]()
    caplog.set_level("INFO", "nemovideo")
    with bench.client(clock=clock, stream=None) as client:
        for after_s, waits, left_s in ((0, [30], 240), (100, [50], 120)):
            clock.now = began + after_s
            clock.waits.clear()
            with pytest.raises(errors.APITimeoutError) as caught:
                client.remove_background(
                    bench.clip, **bench.order(deadline=60, progress=seen.append)
                )
            assert clock.waits == waits
            assert caught.value.message == (
                "the deadline of 60 s would pass while waiting to find out whether the message "
                f"arrived, which needs up to {left_s} s more"
            )
            assert caught.value.may_have_spent
            assert f"client.jobs.resume({str(bench.path)!r})" in caught.value.remedy
        assert seen[-1].message == "Checking whether the message arrived…"
        logged = [text for text in caplog.messages if "waiting up to" in text]
        assert [text.split(": ")[1] for text in logged] == [
            "waiting up to 270 s to find out whether the message arrived",
            "waiting up to 170 s to find out whether the message arrived",
        ]
        clock.now = began + 300
        client.remove_background(bench.clip, **bench.order(deadline=60))
    assert runs_of(bench.backend) == 1
    bench.is_done_once()


def test_a_wait_that_began_in_the_process_that_sent_the_message_continues(bench: Bench) -> None:
    bench.backend.faults.add(Fault(kind="drop", path="/run_sse", after_bytes=0))
    clock, seen = FakeClock(), list[Progress]()
    with bench.client(clock=clock, stream=None) as client:
        began = clock.now
        with pytest.raises(errors.APITimeoutError, match="up to 180 s more"):
            client.remove_background(bench.clip, **bench.order(deadline=100, progress=seen.append))
        assert seen[-1].message == "Checking whether the message arrived…"
        clock.now = began + 200
        clock.waits.clear()
        client.jobs.resume(bench.path)
    assert clock.waits[:2] == [pytest.approx(10, abs=1), 60]
    bench.is_done_once()


def test_a_wait_starts_over_after_the_clock_was_set_back(bench: Bench) -> None:
    bench.crash(ASKING)
    sent_at = checkpoints.load(bench.path).message.sent_at  # type: ignore[union-attr]
    clock = FakeClock(now=sent_at + 100)
    with bench.client(clock=clock, stream=None) as client:
        with pytest.raises(errors.APITimeoutError):
            client.jobs.resume(bench.path, deadline=20)
        clock.now = sent_at - 1000
        client.jobs.resume(bench.path)
    assert clock.waits[:5] == [30, 60, 60, 60, 60]
    bench.is_done_once()


def test_after_half_an_hour_there_is_no_wait(bench: Bench) -> None:
    bench.crash(ASKING)
    sent_at = checkpoints.load(bench.path).message.sent_at  # type: ignore[union-attr]
    clock = FakeClock(now=sent_at + 2000)
    with bench.client(clock=clock, stream=None) as client:
        client.jobs.resume(bench.path)
    assert 30 not in clock.waits
    bench.is_done_once()


def test_a_message_with_unknown_effect_is_not_resent_without_send_again(bench: Bench) -> None:
    bench.crash(ASKING)
    with bench.client() as client:
        other = client.sessions.create()  # spends credits, too
        other.upload(bench.clip)
        other.send("blur the background")
        for _ in range(2):
            with pytest.raises(errors.StreamInterruptedError, match="unknown whether") as caught:
                client.jobs.resume(bench.path)
        assert "send_again=True" in caught.value.remedy
        assert str(bench.path) in caught.value.remedy
        assert caught.value.may_have_spent
        assert runs_of(bench.backend) == 1
        client.jobs.resume(bench.path, send_again=True)
    assert runs_of(bench.backend) == 2
    assert near(corner(pictures(bench.output)[0]), RGB)


def test_an_answer_without_a_change_is_not_resent_without_send_again(bench: Bench) -> None:
    wish = bench.order(background="the deck of a spaceship")
    with bench.client() as client:
        with pytest.raises(errors.AgentError, match="did not change") as caught:
            client.remove_background(bench.clip, **wish)
        assert f"({str(bench.path)!r}, send_again=True)" in caught.value.remedy
        with pytest.raises(errors.AgentError, match="did not change"):
            client.jobs.resume(bench.path)
        assert runs_of(bench.backend) == 1
        with pytest.raises(errors.AgentError, match="did not change"):
            client.jobs.resume(bench.path, send_again=True)
    assert runs_of(bench.backend) == 2


def test_a_refused_background_fails_the_job_although_another_edit_was_made(bench: Bench) -> None:
    wish = bench.order(background="the deck of a spaceship", trim=(0, 0.2))
    with bench.client() as client:
        with pytest.raises(errors.AgentError, match="did not change the background"):
            client.remove_background(bench.clip, **wish)
        with pytest.raises(errors.AgentError, match="did not change"):
            client.jobs.resume(bench.path)
    assert runs_of(bench.backend) == 1
    assert not bench.output.exists()


@pytest.mark.parametrize("resumed", [False, True])
def test_the_warning_about_edits_lost_with_the_connection_is_kept(
    bench: Bench, resumed: bool
) -> None:
    bench.backend.faults.add(Fault(kind="drop", path="/run_sse", after_bytes=1300))
    wish = bench.order(edit="make it black and white")
    with bench.client() as client:
        if resumed:  # the process dies after the message
            bench.crash(EDITED - 1, edit=wish["edit"])
        video = client.remove_background(bench.clip, **wish)
        again = client.jobs.resume(bench.path)
    assert video.reply is not None
    assert video.reply.incomplete
    (warning,) = video.warnings
    assert warning == (
        "The connection dropped during the agent's answer, so edits may be missing: check the "
        f"result, and ask only for what is missing, in session {video.session_id}."
    )
    assert again.warnings == video.warnings
    assert runs_of(bench.backend) == 1


def test_a_trim_lost_with_the_connection_is_asked_for_separately(bench: Bench) -> None:
    bench.backend.faults.add(Fault(kind="drop", path="/run_sse", after_bytes=1300))
    wish = bench.order(trim=(0, 0.2))
    with bench.client() as client:
        for _ in range(2):
            with pytest.raises(errors.StreamInterruptedError) as caught:
                client.remove_background(bench.clip, **wish)
            assert caught.value.message == (
                "the connection dropped during the agent's answer, so the agent did not trim the "
                "video"
            )
            assert "charged again" in caught.value.remedy
            assert f"then resume with client.jobs.resume({str(bench.path)!r})" in (
                caught.value.remedy
            )
        session_id = client.jobs.load(bench.path).status.session_id
        assert session_id is not None
        client.sessions.attach(session_id).send("keep only the first 0.2 seconds")
        video = client.remove_background(bench.clip, **wish)
    assert video.warnings == ()
    assert runs_of(bench.backend) == 2


def test_a_failed_render_gets_one_new_id_and_another_after_a_resume(bench: Bench) -> None:
    def fail() -> None:
        raise errors.RenderFailedError("out of film")

    bench.renderer.at_work = fail
    with bench.client() as client:
        with pytest.raises(errors.RenderFailedError, match="out of film"):
            client.remove_background(bench.clip, **bench.order())
        assert bench.renderer.runs == 2
        bench.renderer.at_work = lambda: None
        client.jobs.resume(bench.path)
    assert bench.renderer.runs == 3
    assert runs_of(bench.backend) == 1


def test_a_canceled_render_is_started_again_when_the_job_is_resumed(bench: Bench) -> None:
    def cancel() -> None:
        with bench.client() as other:
            status = other.jobs.load(bench.path).status
            other.render.cancel(other.render.get(str(status.render_id)))

    bench.renderer.at_work = cancel
    with bench.client() as client:
        with pytest.raises(errors.RenderCancelledError):
            client.remove_background(bench.clip, **bench.order())
        bench.renderer.at_work = lambda: None
        client.jobs.resume(bench.path)
    assert runs_of(bench.backend) == 1


def test_a_client_that_is_closed_during_a_render_names_it(bench: Bench) -> None:
    with bench.client() as client:
        bench.renderer.at_work = client.close
        with pytest.raises(errors.InvalidRequestError, match="is closed") as caught:
            client.remove_background(bench.clip, **bench.order())
    with bench.client() as other:
        render_id = other.jobs.load(bench.path).status.render_id
        assert caught.value.render_id == render_id is not None
        assert other.render.cancel(render_id).id == render_id


def test_a_deleted_session_is_reported(bench: Bench) -> None:
    bench.crash(UPLOADED)
    stranger = bench.backend.issue_token()
    with (
        Client(stranger, base_url=bench.backend.url, **QUICK) as client,
        pytest.raises(errors.SessionNotFoundError) as caught,
    ):
        client.jobs.resume(bench.path)
    assert "another account" in caught.value.remedy
    assert "jobs.resume" not in caught.value.remedy


def test_a_job_resumes_after_a_top_up(tmp_path: Path, clip: Path) -> None:
    path = tmp_path / "job.json"
    with LocalBackend(tmp_path / "state", render=QuickRenderer(), costs={"edit": 50}) as backend:
        poor = backend.issue_token(credits=10)
        with Client(poor, base_url=backend.url, **QUICK) as client:
            with pytest.raises(errors.InsufficientCreditsError) as caught:
                client.remove_background(clip, background=COLOR, checkpoint=path)
            assert str(path) in caught.value.remedy
            assert backend._running is not None
            accounts = backend._running.store.accounts
            account = accounts.find(poor)
            assert account is not None
            accounts.release(account.user_id, 90)
            video = client.jobs.resume(path)
        assert (video.credits_before, video.credits_spent) == (100, 50)
        assert video.path is None
        assert video.url.startswith(backend.url)
        assert runs_of(backend) == 2


@pytest.mark.anyio
async def test_an_async_job_resumes_the_same_way(bench: Bench) -> None:
    bench.crash(EDITED)
    async with AsyncClient(bench.token, base_url=bench.backend.url, **QUICK) as client:
        job = client.jobs.load(bench.path)
        assert job.status.phase == "render"
        video = await job.run()
        assert (await client.remove_background(bench.clip, **bench.order())).path == video.path
        again = client.jobs.remove_background(bench.clip, **bench.order())
        assert (await again.run()).path == (await AsyncJob.resume(bench.path, client)).path
    assert (await AsyncJob.resume(bench.path)).path == bench.output
    bench.is_done_once()
