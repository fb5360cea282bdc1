"""Jobs that survive: what a checkpoint decides, by table and against a real backend."""

from __future__ import annotations

import json
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest
from click.testing import CliRunner

from nemovideo import AsyncClient, AsyncJob, Client, Draft, Job, errors
from nemovideo._jobs import checkpoints
from nemovideo._jobs import files as job_files
from nemovideo._jobs import message as job_message
from nemovideo._jobs.checkpoints import Checkpoint, FileNote, MessageNote, OrderNote, Service
from nemovideo._jobs.result import has_arrived
from nemovideo._support.disk import Stamp, sha256_of_file
from nemovideo._support.filelock import FileLock
from nemovideo.cli.app import app
from nemovideo.local import LocalBackend
from nemovideo.local.server.faults import Fault
from nemovideo.models import Credits, Progress, RenderedVideo, SessionState
from nemovideo.testing import FakeClock
from tests.support.job_child import COLOR, QUICK
from tests.support.jobs import RGB, Ledger, QuickRenderer, runs_of
from tests.support.media import corner, make_clip, make_picture, make_tone, near, pictures

SHA = "ab" * 32
NOTE = FileNote("talk.mp4", SHA, path="/nowhere/talk.mp4")
ORDER = OrderNote(NOTE, None, "blur the background", "/nowhere/clean.mp4", "mp4", None)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# --- decisions, by table ----------------------------------------------------------------------

LINK = "https://cdn.test/a.mp4?signature=one"
BEFORE = SessionState(
    Draft.from_json({"t": [{"tt": 0, "sg": [{"d": 1}]}], "u": LINK}), ({"cdn_url": LINK},)
)
CHANGED = attrs.evolve(BEFORE, draft=Draft.from_json({"t": []}))
SIGNED_ANEW = SessionState(
    Draft.from_json(json.loads(json.dumps(BEFORE.draft and BEFORE.draft.raw).replace("one", "2"))),
    ({"cdn_url": "http://127.0.0.1:9/a.mp4"},),
)
MADE = attrs.evolve(BEFORE, generated_media=[{"id": "1"}])


@pytest.mark.parametrize(
    ("status", "state", "left", "expected"),
    [
        ("sending", CHANGED, (50, 0), "changed"),
        ("sending", CHANGED, (100, 0), "changed"),
        ("answered", CHANGED, (50, 0), "changed"),
        ("sending", BEFORE, (100, 0), "lost"),
        ("sending", SIGNED_ANEW, (100, 0), "lost"),
        ("sending", BEFORE, (50, 50), "unclear"),
        ("sending", BEFORE, (50, 0), "unclear"),
        ("sending", BEFORE, (150, 0), "unclear"),
        ("sending", BEFORE, (100, 50), "unclear"),
        ("sending", MADE, (100, 0), "unclear"),
        ("sending", BEFORE, None, "lost"),
        ("sending", MADE, None, "unclear"),
        ("sending", CHANGED, None, "changed"),
        ("answered", BEFORE, (100, 0), "answered"),
    ],
)
def test_the_state_and_the_balance_tell_what_became_of_a_message(
    status: Any, state: SessionState, left: tuple[int, int] | None, expected: str
) -> None:
    note = job_message.note_before(0.0, BEFORE, Credits(100, 0, 100))
    balance = None if left is None else Credits(*left, sum(left))
    assert job_message.outcome_of(attrs.evolve(note, status=status), state, balance) == expected


def _unsent() -> errors.APIConnectionError:
    error = errors.APIConnectionError("refused")
    error.sent = False
    return error


@pytest.mark.parametrize(
    ("error", "left"),
    [
        (_unsent(), None),
        (errors.InsufficientCreditsError("none left", code=2001), None),
        (errors.RateLimitError("slowly", status=429), None),
        (errors.SessionNotFoundError("gone", code=1002), None),
        (errors.APIConnectionError("reset"), "sending"),
        (errors.APITimeoutError("silence"), "sending"),
        (errors.ServerError("bad gateway", status=502), "sending"),
        (errors.MalformedResponseError("no JSON"), "sending"),
        (errors.StreamInterruptedError("dropped"), "sending"),
        (errors.AgentError("the model gave up"), "answered"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_only_a_refusal_says_that_a_message_did_not_arrive(
    error: errors.NemoError, left: str | None
) -> None:
    note = job_message.note_before(0.0, BEFORE, Credits(100, 0, 100))
    found = job_message.after_failure(note, error)
    assert (None if found is None else found.status) == left


@pytest.mark.parametrize(
    ("infos", "held", "expected"),
    [
        ([], 0, None),
        ([{"filename": "talk (1).mp4", "hash": SHA}], 0, "talk (1).mp4"),
        ([{"filename": "talk.mp4", "hash": SHA}], 1, "talk.mp4"),
        ([{"filename": "other.mp4", "hash": "cd" * 32}], 0, None),
        ([{"filename": "talk_.mp4"}], 0, "talk_.mp4"),
        ([{"filename": "talk_.mp4", "hash": "etag"}], 0, "talk_.mp4"),
        ([{"filename": "talk.mp4"}], 1, None),
        ([{"filename": "talk.mp4"}, {"id": 7}], 1, "talk.mp4"),
    ],
)
def test_a_session_that_holds_the_file_needs_no_second_upload(
    infos: list[dict[str, object]], held: int, expected: str | None
) -> None:
    assert job_files.arrived(infos, NOTE, held) == expected


@pytest.mark.parametrize(
    ("before", "size", "sha256", "expected"),
    [
        (None, 5, None, True),
        (None, None, None, True),
        (None, 6, None, False),
        ("same", 5, None, False),
        (Stamp(5, 1, 1), 5, None, True),
        (None, 5, "right", True),
        (None, 5, "wrong", False),
    ],
)
def test_a_file_at_the_outputs_place_is_the_result_only_if_it_came_since(
    tmp_path: Path, before: Any, size: int | None, sha256: str | None, expected: bool
) -> None:
    output = tmp_path / "clean.mp4"
    output.write_bytes(b"whole")
    if sha256 == "right":
        sha256 = sha256_of_file(output)
    record = Checkpoint(
        attrs.evolve(ORDER, output=str(output)),
        Service("https://api.test"),
        output_before=Stamp.of(output) if before == "same" else before,
        sha256=sha256,
    )
    assert has_arrived(record, size) is expected
    assert not has_arrived(attrs.evolve(record, order=ORDER), size)


# --- the file ---------------------------------------------------------------------------------


def test_a_checkpoint_is_read_as_it_was_written(tmp_path: Path) -> None:
    record = Checkpoint(
        attrs.evolve(ORDER, picture=checkpoints.note_url("https://a.test/b.png")),
        Service("http://127.0.0.1:1", "/state"),
        session_id="1",
        files=("talk.mp4", "b.png"),
        message=MessageNote("done", 1.5, "a", "b", 100, 0, "Fertig! 完成"),
        render_id="render_1",
        output_before=Stamp(1, 2, 3),
        credits_before=100,
        fraction=0.5,
    )
    path = tmp_path / "job.json"
    checkpoints.save(path, record)
    assert checkpoints.load(path) == record
    assert json.loads(path.read_text(encoding="utf-8"))["phase"] == "render"
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["job.json"]


def test_names_and_words_that_are_no_unicode_are_kept_too(tmp_path: Path) -> None:
    odd = os.fsdecode(b"caf\xe9.mp4")
    record = Checkpoint(
        attrs.evolve(ORDER, source=attrs.evolve(NOTE, path=odd), words="a \udce9"),
        Service("http://127.0.0.1:1"),
    )
    checkpoints.save(tmp_path / "job.json", record)
    assert checkpoints.load(tmp_path / "job.json") == record
    state = SessionState(Draft.from_json({"t": [{"n": "\ud800"}]}))
    assert job_message.draft_digest(state) != job_message.draft_digest(BEFORE)


def test_urls_that_may_hold_a_secret_are_known_by_their_digest_only() -> None:
    plain = checkpoints.note_url("https://a.test/talk.mp4")
    signed = checkpoints.note_url("https://a.test/talk.mp4?sig=s3cret")
    assert plain.url == "https://a.test/talk.mp4"
    assert signed.url is None
    assert "s3cret" not in repr(signed)
    assert signed.sha256 != plain.sha256


def _written(change: Callable[[dict[str, Any]], object]) -> str:
    value = {"kind": "nemovideo job", "version": 1, **attrs.asdict(Checkpoint(ORDER, Service("x")))}
    change(value)
    return json.dumps(value)


@pytest.mark.parametrize(
    ("content", "message", "remedy"),
    [
        ("", "damaged", "start over"),
        ("{", "damaged", "start over"),
        ("[" * 100_000, "damaged", "start over"),
        ("\x00\xff video", "damaged", "start over"),
        ("[]", "not the checkpoint of a job", "start over"),
        ('{"version": 1}', "not the checkpoint of a job", "start over"),
        (_written(lambda v: v.update(version=2)), "version 2", "Update nemovideo"),
        (_written(lambda v: v.pop("order")), "damaged", "start over"),
        (_written(lambda v: v.update(session_id=5)), "damaged", "start over"),
        (_written(lambda v: v.update(finished="no")), "damaged", "start over"),
        (_written(lambda v: v.update(fraction="half")), "damaged", "start over"),
        (_written(lambda v: v.update(message={"status": "perhaps"})), "damaged", "start over"),
    ],
)
def test_an_invalid_checkpoint_is_reported_and_kept(
    tmp_path: Path, clip: Path, content: str, message: str, remedy: str
) -> None:
    path = tmp_path / "job.json"
    path.write_text(content, encoding="latin-1")
    with Client("nmv_usr_x", base_url="http://127.0.0.1:1") as client:
        for use in (
            lambda: client.jobs.load(path),
            lambda: client.jobs.resume(path),
            lambda: Job.resume(path),
            lambda: client.remove_background(clip, checkpoint=path),
        ):
            with pytest.raises(errors.CheckpointError, match=message) as caught:
                use()
            assert remedy in caught.value.remedy
            assert caught.value.path == str(path)
    assert path.read_text(encoding="latin-1") == content


def test_a_missing_or_impossible_checkpoint_is_reported(tmp_path: Path, clip: Path) -> None:
    with Client("nmv_usr_x", base_url="http://127.0.0.1:1") as client:
        with pytest.raises(errors.CheckpointError, match="does not exist"):
            client.jobs.resume(tmp_path / "job.json")
        with pytest.raises(errors.CheckpointError, match="folder that does not exist"):
            client.remove_background(clip, checkpoint=tmp_path / "none" / "job.json")
        with pytest.raises(errors.CheckpointError, match="cannot be read"):
            client.remove_background(clip, checkpoint=tmp_path)
        with pytest.raises(errors.InvalidRequestError, match="both the checkpoint and"):
            client.remove_background(clip, output=tmp_path / "a.mp4", checkpoint=tmp_path / "a.mp4")
    assert not (tmp_path / "none").exists()


# --- against a backend ------------------------------------------------------------------------


class Crash(BaseException):
    """The process has died."""


@attrs.define
class Bench:
    """A backend, a client of it, and jobs that crash after so many notes."""

    folder: Path
    clip: Path
    backend: LocalBackend
    renderer: QuickRenderer
    monkeypatch: pytest.MonkeyPatch
    token: str = ""

    def client(self, **options: Any) -> Client:
        return Client(self.token, base_url=self.backend.url, **{**QUICK, **options})

    @property
    def path(self) -> Path:
        return self.folder / "job.json"

    @property
    def output(self) -> Path:
        return self.folder / "clean.mp4"

    def order(self, **options: Any) -> dict[str, Any]:
        given = {"background": COLOR, "output": self.output, "checkpoint": self.path}
        return {**given, **options}

    def crash(self, notes: int, source: Any = None, **options: Any) -> None:
        """Run the job until it has noted so much."""
        save, count = checkpoints.save, 0

        def noted(path: Path, record: Checkpoint) -> None:
            nonlocal count
            save(path, record)
            count += 1
            if count == notes:
                raise Crash

        with self.monkeypatch.context() as patch, self.client() as client:
            patch.setattr(checkpoints, "save", noted)
            with pytest.raises(Crash):
                client.remove_background(source or self.clip, **self.order(**options))

    def is_done_once(self) -> None:
        done = Ledger.of(self.backend)
        assert (done.files, done.edits, done.renders, done.spent) == (1, 1, 1, 1)
        assert near(corner(pictures(self.output)[0]), RGB)


@pytest.fixture
def bench(tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    renderer = QuickRenderer()
    (tmp_path / "work").mkdir()
    with LocalBackend(tmp_path / "state", render=renderer) as backend:
        made = Bench(tmp_path / "work", clip, backend, renderer, monkeypatch)
        made.token = backend.issue_token(credits=100)
        yield made


SESSION, SENDING, SENT, UPLOADED, ASKING, EDITED, SUBMITTING, RENDERED = 2, 3, 4, 4, 5, 6, 7, 8


def test_the_phases_of_a_job_can_be_looked_at(bench: Bench) -> None:
    with bench.client() as client:
        job = client.jobs.remove_background(bench.clip, **bench.order())
        assert (job.status.phase, job.status.output) == ("new", bench.output)
        assert not bench.path.exists()
    assert bench.backend.requests == ()
    phases = {}
    for notes in (1, SESSION, UPLOADED, EDITED, RENDERED):
        bench.path.unlink(missing_ok=True)
        bench.crash(notes)
        status = job.status
        phases[notes] = status.phase
        assert status.done is False
        assert status.source == "talk.mp4"
    assert list(phases.values()) == ["new", "upload", "edit", "render", "download"]
    with bench.client() as client:
        client.jobs.resume(bench.path)
        status = client.jobs.load(bench.path).status
    assert (status.phase, status.fraction, status.done) == ("done", 1.0, True)
    assert status.session_id is not None
    assert str(status.render_id).startswith("render_")


def test_a_done_job_gives_its_result_at_once_to_the_same_call(bench: Bench) -> None:
    with bench.client() as client:
        first = client.remove_background(bench.clip, **bench.order())
        asked = len(bench.backend.requests)
        moved = bench.clip.rename(bench.folder / "moved.mp4")
        try:
            second = client.remove_background(moved, **bench.order())
            third = client.jobs.resume(bench.path)
            fourth = Job.resume(bench.path)
        finally:
            moved.rename(bench.clip)
    assert len(bench.backend.requests) == asked
    for again in (second, third, fourth):
        assert (again.path, again.job.id) == (first.path, first.job.id)
        assert (again.credits_spent, again.duration_s) == (1, first.duration_s)
        assert again.reply is not None
        assert first.reply is not None
        assert again.reply.text == first.reply.text
    bench.is_done_once()


def test_a_result_that_was_lost_is_only_downloaded_again(bench: Bench) -> None:
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
def test_a_checkpoint_of_another_order_is_refused_and_kept(
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


def test_what_is_refused_leaves_no_checkpoint(bench: Bench) -> None:
    with bench.client() as client:
        for wrong in ({"output": bench.folder / "no" / "x.mp4"}, {"max_credits": 0}):
            with pytest.raises(errors.NemoError):
                client.remove_background(bench.clip, **bench.order(**wrong))
        with pytest.raises(errors.SourceNotFoundError):
            client.remove_background("nothing.mp4", **bench.order())
    assert list(bench.folder.iterdir()) == []
    assert bench.backend.requests == ()


def test_max_credits_is_looked_at_again_before_the_message(bench: Bench) -> None:
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
        noted = client.jobs.load(bench.path).status
        seen: list[Progress] = []
        client.jobs.resume(bench.path, seen.append)
    fractions = [progress.fraction for progress in seen]
    assert fractions[0] >= noted.fraction > 0
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert seen[0].elapsed_s >= noted.elapsed_s > 0
    assert {progress.phase for progress in seen} <= {"upload", "render", "download"}
    bench.is_done_once()


def test_bytes_survive_once_they_are_uploaded(bench: Bench) -> None:
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


@pytest.mark.parametrize("notes", [2, 3, 4, 5])
def test_a_picture_and_a_session_of_ones_own_survive_too(
    bench: Bench, tmp_path: Path, notes: int
) -> None:
    beach = make_picture(tmp_path / "beach.png", (250, 10, 20))
    with bench.client() as client:
        session = client.sessions.create()
        session.upload(make_picture(tmp_path / "beach.jpg", (1, 2, 3)))
    bench.crash(notes, background=beach, session=session)
    with bench.client() as client:
        client.jobs.resume(bench.path)
        state = client.state.get(session.id)
    names = [info["filename"] for info in state.video_infos]
    assert names == ["beach.jpg", "talk.mp4", "beach.png"]


def test_a_message_that_may_have_arrived_is_waited_for_as_long_as_10_says(bench: Bench) -> None:
    bench.crash(ASKING)
    clock = FakeClock(now=checkpoints.load(bench.path).message.sent_at)  # type: ignore[union-attr]
    with bench.client(clock=clock, stream=None) as client:
        video = client.jobs.resume(bench.path)
    assert clock.waits[:5] == [30, 60, 60, 60, 60]
    assert video.credits_spent == 1
    assert runs_of(bench.backend) == 1
    bench.is_done_once()


def test_after_half_an_hour_nothing_is_waited_for(bench: Bench) -> None:
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
        other = client.sessions.create()  # spends credits meanwhile
        other.upload(bench.clip)
        other.send("blur the background")
        for _ in range(2):
            with pytest.raises(errors.StreamInterruptedError, match="may have arrived") as caught:
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


def test_a_cancelled_render_is_begun_anew_when_the_job_is_resumed(bench: Bench) -> None:
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


def test_a_discarded_lock_is_never_held_by_two(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    first, second, third = FileLock(path), FileLock(path), FileLock(path)
    assert first.acquire()
    assert not second.acquire()
    first.discard()
    first.release()
    assert second.acquire()
    assert not third.acquire()
    second.release()


@pytest.mark.anyio
async def test_the_async_client_has_the_same(bench: Bench) -> None:
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


# --- local backends and other services --------------------------------------------------------


def _stumble(client: Client, clip: Path, checkpoint: Path, output: Path) -> Path:
    """Let a job of a local client fail at its render; return where its state is."""
    assert client.backend is not None
    client.backend.faults.add(Fault(kind="status", path="*/lambda", status=402))
    with pytest.raises(errors.ExportBlockedError):
        client.remove_background(clip, background=COLOR, output=output, checkpoint=checkpoint)
    return client.backend.state_dir


def test_the_temporary_state_of_a_local_client_stays_for_a_job_that_failed(
    tmp_path: Path, clip: Path
) -> None:
    path, output = tmp_path / "job.json", tmp_path / "clean.mp4"
    with Client.local(render=QuickRenderer()) as client:
        kept = _stumble(client, clip, path, output)
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


def test_the_temporary_state_stays_until_all_of_its_jobs_are_done(
    tmp_path: Path, clip: Path
) -> None:
    paths = [tmp_path / "one.json", tmp_path / "two.json"]
    with Client.local(render=QuickRenderer()) as client:
        for path in paths:
            kept = _stumble(client, clip, path, path.with_suffix(".mp4"))
    for path, stays in zip(paths, (True, False), strict=True):
        Job.resume(path)
        assert path.with_suffix(".mp4").exists()
        assert kept.exists() == stays


@pytest.mark.anyio
async def test_a_path_alone_leads_to_the_local_state(tmp_path: Path, clip: Path) -> None:
    path, output = tmp_path / "job.json", tmp_path / "clean.mp4"
    state = tmp_path / "state"
    with Client.local(render=QuickRenderer(), state_dir=state) as client:
        client.remove_background(clip, background=COLOR, output=output, checkpoint=path)
    output.unlink()
    video = await AsyncJob.resume(path)
    assert video.path == output
    assert near(corner(pictures(output)[0]), RGB)


def test_a_done_job_does_not_need_its_temporary_state(tmp_path: Path, clip: Path) -> None:
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
        _stumble(client, clip, path, tmp_path / "clean.mp4")
    (tmp_path / "state").rename(tmp_path / "elsewhere")
    with pytest.raises(errors.CheckpointError, match="no longer exists") as caught:
        Job.resume(path)
    assert "state_dir" in caught.value.remedy
    with (
        Client.local(engine="fast") as client,
        pytest.raises(errors.CheckpointError, match="no longer exists"),
    ):
        client.jobs.resume(path)


def test_a_local_job_is_not_done_in_the_cloud_nor_the_other_way_round(
    bench: Bench, tmp_path: Path
) -> None:
    local = tmp_path / "local.json"
    with Client.local(render=QuickRenderer(), state_dir=tmp_path / "home") as client:
        _stumble(client, bench.clip, local, tmp_path / "x.mp4")
    bench.crash(UPLOADED)
    with bench.client() as cloud, pytest.raises(errors.CheckpointError, match="a local backend"):
        cloud.jobs.resume(local)
    with (
        Client.local(engine="fast") as client,
        pytest.raises(errors.CheckpointError, match="the cloud"),
    ):
        client.jobs.resume(bench.path)


def test_a_token_of_the_environment_is_not_sent_to_where_a_file_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEMO_TOKEN", "nmv_usr_mine")
    path = tmp_path / "job.json"
    checkpoints.save(path, Checkpoint(ORDER, Service("https://elsewhere.test")))
    with pytest.raises(errors.CheckpointError, match="NEMO_TOKEN"):
        Job.resume(path)


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
