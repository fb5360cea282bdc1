"""What a batch accepts, how it names results, what it repeats, and when it stops."""

from __future__ import annotations

import os
import pickle
import re
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from functools import partial
from pathlib import Path, PurePath
from typing import Any

import anyio
import attrs
import pytest

from nemovideo import AsyncClient, Client, Upload, errors
from nemovideo._batch.checkpoint_folder import CheckpointFolder
from nemovideo._batch.pace import Pace, paced
from nemovideo._batch.sources import Found, find, output_names
from nemovideo._batch.work import Limit
from nemovideo._flows.steps import (
    Call,
    End,
    Flow,
    Open,
    Read,
    Request,
    Sleep,
    StreamHandle,
    call,
    open_stream,
    read,
)
from nemovideo._jobs import checkpoints
from nemovideo._values.remedies import remedy_for
from nemovideo.batch import BatchReport, BatchRow
from nemovideo.local import Fault, LocalBackend
from nemovideo.models import Progress
from nemovideo.retry import Polling, RetryPolicy, StreamLimits
from nemovideo.testing import FakeClock
from tests.support.batch import (
    Written,
    make_broken,
    make_clips,
    quick_backend,
    quick_client,
    quick_render,
    request_count,
    results,
)

RUN = "/run_sse"


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[LocalBackend]:
    with quick_backend(tmp_path / "state") as backend:
        yield backend


@pytest.fixture
def worker(quick: LocalBackend) -> Iterator[Client]:
    with quick_client(quick) as client:
        yield client


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    make_clips(folder, 3)
    return folder


def statuses(report: BatchReport) -> list[str]:
    return [row.status for row in report]


# --- names ---------------------------------------------------------------------------------


def named(*paths: str, root: str = "/in", keep: bool = False) -> list[str]:
    found = Found(tuple(map(Path, paths)), Path(root) if keep else None)
    return [name.as_posix() for name in output_names(found, "mp4")]


def test_a_result_is_named_like_its_source() -> None:
    assert named("/in/talk.mov", "/in/walk.v2.webm") == ["talk.mp4", "walk.v2.mp4"]


def test_results_that_would_share_a_name_get_their_suffix_or_their_folders() -> None:
    assert named("/in/talk.mov", "/in/talk.mp4") == ["talk-mov.mp4", "talk-mp4.mp4"]
    assert named("/in/a/x.mp4", "/in/b/x.mp4", "/in/b/y.mp4") == ["a/x.mp4", "b/x.mp4", "y.mp4"]
    assert named("/in/a/x.mp4", keep=True) == ["a/x.mp4"]
    paths = ("/in/a/x.mp4", "/in/a/x.mov", "/in/b/x.mp4", "/in/b/x.MOV")
    both = ["a/x-mp4.mp4", "a/x-mov.mp4", "b/x-mp4.mp4", "b/x-mov.mp4"]
    assert named(*paths) == named(*paths, keep=True) == both


@pytest.mark.parametrize("keep", [False, True])
def test_only_names_that_differ_in_case_alone_get_a_hash(keep: bool) -> None:
    first, *others = named("/in/a/x.mp4", "/in/b/x.mp4", "/in/b/X.MP4", keep=keep)
    assert first == ("a/x.mp4" if keep else "a/x-mp4.mp4")
    assert [re.sub("[0-9a-f]{8}", "#", name) for name in others] == [
        "b/x-mp4-#.mp4",
        "b/X-mp4-#.mp4",
    ]


def test_results_are_named_by_a_pattern(tmp_path: Path, clips: Path, worker: Client) -> None:
    found = Found((Path("/in/a/x.mp4"), Path("/in/b/x.mp4")))
    named = [name.as_posix() for name in output_names(found, "mov", "{stem}-clean{suffix}")]
    assert named == ["a/x-clean.mov", "b/x-clean.mov"]
    remove = partial(worker.batch.remove_backgrounds, clips, tmp_path / "out", background="blur")
    for wrong, why in {
        "clean": "must contain {stem}",
        "{suffix}": "must contain {stem}",
        "{stem:.3}{suffix}": "must contain {stem}",
        "{stem}": "must end with {suffix}",
        "../{stem}{suffix}": "without folders",
        "a\\{stem}{suffix}": "without folders",
        "{0}{stem}{suffix}": "may be in braces",
        "{name}{suffix}": "may be in braces",
        "{stem}{": "may be in braces",
        "{stem.a}{suffix}": "may be in braces",
    }.items():
        with pytest.raises(errors.InvalidRequestError, match=f"name pattern: .*{re.escape(why)}"):
            remove(name=wrong)
    rows = list[BatchRow]()
    report = remove(name="{stem}-clean{suffix}", on_file=rows.append)
    assert sorted(results(tmp_path / "out")) == [f"clip0{n}-clean.mp4" for n in range(3)]
    assert sorted(rows, key=lambda row: row.source) == list(report)
    again = list[BatchRow]()
    assert remove(name="{stem}-clean{suffix}", on_file=again.append).rows == tuple(again)


@pytest.mark.parametrize("keep", [False, True])
def test_no_two_results_share_a_name_whatever_the_sources(keep: bool) -> None:
    stems = ("x", "X", "x-mov", "x-mp4", "x.mov", "y")
    paths = [f"/in/{d}{s}.{e}" for d in ("", "a/", "A/") for s in stems for e in ("mov", "mp4")]
    names = named(*paths, keep=keep)
    assert len({name.casefold() for name in names}) == len(paths)
    back = named(*reversed(paths), keep=keep)
    assert dict(zip(paths, names, strict=True)) == dict(zip(reversed(paths), back, strict=True))
    assert not any(".." in PurePath(name).parts for name in names)


# --- sources -------------------------------------------------------------------------------


def test_subfolders_are_searched_only_on_request(tmp_path: Path) -> None:
    for name in ("b.MP4", "a.webm", "sub/c.mov", "office.jpg", "song.mp3", ".hidden.mp4",
                 ".trash/d.mp4", "note.txt", "out/e.mp4"):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    look = partial(find, tmp_path, out_dir=tmp_path / "out")
    assert [p.name for p in look(recursive=False).paths] == ["a.webm", "b.MP4"]
    assert [p.name for p in look(recursive=True).paths] == ["a.webm", "b.MP4", "c.mov"]
    listed = find([tmp_path, tmp_path / "sub"], recursive=False, out_dir=tmp_path / "out")
    assert [p.name for p in listed.paths] == ["a.webm", "b.MP4", "c.mov"]
    deep = find([tmp_path / "sub", tmp_path / "out"], recursive=True, out_dir=tmp_path / "x")
    assert [n.as_posix() for n in output_names(deep, "mp4")] == ["sub/c.mp4", "out/e.mp4"]
    (tmp_path / "bare").mkdir()
    with pytest.raises(errors.SourceNotFoundError, match=r"no video in bare, out\. .*recursive"):
        find([tmp_path / "bare", tmp_path / "out"], recursive=False, out_dir=tmp_path / "out")
    pattern = find(
        str(tmp_path / "**/*.mov"),
        recursive=False,
        out_dir=tmp_path / "out",
    )
    assert [p.name for p in pattern.paths] == ["c.mov"]


def test_impossible_sources_are_refused(tmp_path: Path, clips: Path, worker: Client) -> None:
    remove = worker.batch.remove_backgrounds
    with pytest.raises(errors.SourceNotFoundError, match="no folder or file"):
        remove(tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "bare").mkdir()
    with pytest.raises(errors.SourceNotFoundError, match="recursive=True"):
        remove(tmp_path / "bare", tmp_path / "out")
    with pytest.raises(errors.SourceNotFoundError, match="no video matches"):
        remove(str(tmp_path / "*.mkv"), tmp_path / "out")
    with pytest.raises(errors.InvalidRequestError, match="into the folder of the sources"):
        remove(clips, clips)
    with pytest.raises(errors.InvalidRequestError, match="would replace it"):
        remove(list(clips.iterdir()), clips)
    with pytest.raises(errors.InvalidRequestError, match="not a local path"):
        remove(["https://example.com/talk.mp4"], tmp_path / "out")
    wrong: Any
    for wrong in (5, b"talk.mp4", Upload("talk.mp4"), [5], [b"talk.mp4"], [Upload("talk.mp4")]):
        with pytest.raises(errors.InvalidRequestError, match="a batch takes paths, not "):
            remove(wrong, tmp_path / "out")
    with pytest.raises(errors.InvalidRequestError, match="cannot be transparent"):
        remove(clips, tmp_path / "out", background="transparent", format="mp4")
    with pytest.raises(errors.InvalidRequestError, match=r"concurrency=0 .* at least 1"):
        remove(clips, tmp_path / "out", concurrency=0)
    with pytest.raises(errors.SourceNotFoundError):
        remove(clips, tmp_path / "out", background=tmp_path / "office.jpg")
    assert not (tmp_path / "out").exists()
    assert len(remove([], tmp_path / "out", background="Transparent")) == 0


def test_the_remedy_for_a_damaged_file_skips_the_check(tmp_path: Path, worker: Client) -> None:
    (tmp_path / "clips").mkdir()
    make_broken(tmp_path / "clips")
    report = worker.batch.remove_backgrounds(tmp_path / "clips", tmp_path / "out")
    row = next(row for row in report.failed if row.source.name == "cut.mp4")
    assert row.remedy == (
        "Save or copy the file again, or skip the check with "
        "client.remove_background(Upload(source, check=False))."
    )
    assert remedy_for(row.remedy, "shell") == "Save or copy the file again."


def test_a_missing_file_does_not_affect_the_others(
    tmp_path: Path, clips: Path, worker: Client
) -> None:
    named = [clips / "clip00.mp4", clips / "nothing.mp4", clips, clips / "clip00.mp4"]
    report = worker.batch.remove_backgrounds(named, tmp_path / "out", background="blur")
    assert statuses(report) == ["done", "failed", "failed"]
    assert isinstance(report.failed[0].error, errors.SourceNotFoundError)
    assert report.failed[1].remedy == "Pass the videos in it, or pass only folders, without files."


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are always Unicode")
def test_a_file_name_that_is_not_unicode_works(tmp_path: Path, clips: Path, worker: Client) -> None:
    odd = (clips / "clip00.mp4").rename(clips / os.fsdecode(b"caf\xe9.mp4"))
    report = worker.batch.remove_backgrounds(clips, tmp_path / "out", background="blur")
    assert statuses(report) == ["done"] * 3
    again = worker.batch.remove_backgrounds([odd], tmp_path / "out", background="blur")
    assert statuses(again) == ["skipped"]


def test_a_source_that_disappears_during_the_batch_does_not_affect_the_others(
    tmp_path: Path, clips: Path, worker: Client
) -> None:
    def delete_source(_: Progress) -> None:
        for number in (1, 2):
            (clips / f"clip0{number}.mp4").unlink(missing_ok=True)

    report = worker.batch.remove_backgrounds(
        clips, tmp_path / "out", background="blur", concurrency=1, progress=delete_source
    )
    assert statuses(report) == ["done", "failed", "failed"]
    for row in report.failed:
        assert isinstance(row.error, errors.SourceNotFoundError)
        assert str(row.source) in row.error.message


def test_a_result_that_cannot_be_moved_to_its_path_does_not_affect_the_others(
    tmp_path: Path, clips: Path, worker: Client
) -> None:
    (clips / "below").mkdir()
    (clips / "clip00.mp4").rename(clips / "below" / "clip00.mp4")
    out = tmp_path / "out"
    out.mkdir()
    (out / "below").write_text("a file where the folder should be")
    report = worker.batch.remove_backgrounds(clips, out, background="blur", recursive=True)
    assert sorted(statuses(report)) == ["done", "done", "failed"]
    assert isinstance(report.failed[0].error, errors.OutputError)


def test_an_invalid_out_dir_is_reported_before_anything_is_sent(
    tmp_path: Path, clips: Path, worker: Client
) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(errors.OutputError, match="out"):
        worker.batch.remove_backgrounds(clips, tmp_path / "out", background="blur")


# --- second runs ---------------------------------------------------------------------------


def test_warnings_about_a_result_are_in_its_row(
    tmp_path: Path, clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def warned(*args: Any, **options: Any) -> Written:
        return attrs.evolve(
            quick_render(*args, **options), warnings=("Nobody was found.", "It is dark.")
        )

    with (
        LocalBackend(tmp_path / "state", render=warned) as backend,
        quick_client(backend) as client,
    ):
        report = client.batch.remove_backgrounds(clips, tmp_path / "out", background="white")
    assert [row.note for row in report] == ["Nobody was found. It is dark."] * 3
    assert str(report).endswith(
        "note, 3: clip00.mp4, clip01.mp4, clip02.mp4: Nobody was found. It is dark."
    )
    assert [row.warnings for row in report] == [("Nobody was found.", "It is dark.")] * 3
    assert report.to_dicts()[0]["note"] == "Nobody was found. It is dark."
    assert report.to_dicts()[0]["warnings"] == ["Nobody was found.", "It is dark."]


def test_a_second_run_does_nothing_and_sends_nothing(
    tmp_path: Path, clips: Path, quick: LocalBackend, worker: Client
) -> None:
    out = clips / "clean"
    first = worker.batch.remove_backgrounds(clips, out, background="blur", recursive=True)
    assert statuses(first) == ["done"] * 3
    assert first.credits_spent == 3
    before, seen = results(out), len(quick.requests)
    pattern = str(clips / "**/*.mp4")
    for sources in (clips, pattern, sorted(clips.rglob("*.mp4"))):
        again = worker.batch.remove_backgrounds(sources, out, background="blur", recursive=True)
        assert statuses(again) == ["skipped"] * 3
        assert again.ok
        assert [row.output for row in again] == [row.output for row in first]
    assert results(out) == before
    assert len(quick.requests) == seen


def test_the_credits_of_a_file_are_known_if_no_other_was_in_progress(
    tmp_path: Path, clips: Path, worker: Client
) -> None:
    remove = partial(worker.batch.remove_backgrounds, out_dir=tmp_path / "out", background="blur")
    assert [row.credits_spent for row in remove(clips / "clip00.mp4")] == [1]
    assert None in [row.credits_spent for row in remove(clips, concurrency=3)]


def test_a_deleted_or_truncated_result_is_downloaded_again_for_free(
    tmp_path: Path, clips: Path, quick: LocalBackend, worker: Client
) -> None:
    out = tmp_path / "out"
    worker.batch.remove_backgrounds(clips, out, background="blur")
    whole = (out / "clip01.mp4").read_bytes()
    (out / "clip00.mp4").unlink()
    (out / "clip01.mp4").write_bytes(whole[:100])
    report = worker.batch.remove_backgrounds(clips, out, background="blur", concurrency=1)
    assert statuses(report) == ["done", "done", "skipped"]
    assert (out / "clip01.mp4").read_bytes() == whole
    assert request_count(quick, RUN) == 3
    assert report.credits_spent == 0
    assert [row.credits_spent for row in report.done] == [0, 0]


def test_the_same_content_is_processed_once_whatever_its_name(
    tmp_path: Path, clips: Path, quick: LocalBackend, worker: Client
) -> None:
    out = tmp_path / "out"
    shutil.copy(clips / "clip00.mp4", clips / "copy.mp4")
    report = worker.batch.remove_backgrounds(clips, out, background="blur", concurrency=4)
    assert statuses(report) == ["done", "done", "done", "skipped"]
    assert (out / "copy.mp4").read_bytes() == (out / "clip00.mp4").read_bytes()
    (clips / "clip02.mp4").rename(clips / "renamed.mp4")
    report = worker.batch.remove_backgrounds(clips, out, background="blur")
    assert statuses(report) == ["skipped"] * 4
    assert "same content" in report.skipped[-1].note
    assert (out / "renamed.mp4").read_bytes() == (out / "clip02.mp4").read_bytes()
    assert request_count(quick, RUN) == 3


def test_the_note_of_a_copied_result_includes_its_warnings(tmp_path: Path, clips: Path) -> None:
    def warned(*args: Any, **options: Any) -> Written:
        return attrs.evolve(quick_render(*args, **options), warnings=("Nobody was found.",))

    shutil.copy(clips / "clip00.mp4", clips / "copy.mp4")
    with (
        LocalBackend(tmp_path / "state", render=warned) as backend,
        quick_client(backend) as client,
    ):
        report = client.batch.remove_backgrounds(clips, tmp_path / "out", background="blur")
    assert report.skipped[0].note == "the same content as clip00.mp4. Nobody was found."
    assert report.skipped[0].warnings == ("Nobody was found.",)


@pytest.mark.parametrize("through_a_link", [False, True])
def test_a_checkpoint_cannot_name_a_file_outside_the_output_folder_as_a_result(
    through_a_link: bool, tmp_path: Path, clips: Path, quick: LocalBackend, worker: Client
) -> None:
    out, secret = tmp_path / "out", tmp_path / "secret"
    remove = partial(worker.batch.remove_backgrounds, out_dir=out, background="blur")
    remove(clips / "clip00.mp4")
    secret.write_bytes(b"a file of somebody else")
    folder = CheckpointFolder(out)
    path = folder.path_of(out / "clip00.mp4")
    record = checkpoints.load(path)
    assert record is not None
    result = secret
    if through_a_link:
        result = out / "linked.mp4"
        result.symlink_to(secret)
    spec = attrs.evolve(record.spec, output=str(result))
    planted = attrs.evolve(record, spec=spec, size_bytes=secret.stat().st_size)
    checkpoints.save(path, planted)
    (out / "clip00.mp4").unlink()
    shutil.copy(clips / "clip00.mp4", clips / "copy.mp4")
    assert statuses(remove(clips / "copy.mp4")) == ["done"]
    assert (out / "copy.mp4").read_bytes() != secret.read_bytes()
    assert request_count(quick, RUN) == 2


def test_a_copied_result_is_not_written_through_a_link(
    tmp_path: Path, clips: Path, worker: Client
) -> None:
    out, victim = tmp_path / "out", tmp_path / "precious"
    remove = partial(worker.batch.remove_backgrounds, out_dir=out, background="blur")
    remove(clips / "clip00.mp4")
    victim.write_bytes(b"precious")
    (out / "copy.mp4.part").symlink_to(victim)
    shutil.copy(clips / "clip00.mp4", clips / "copy.mp4")
    assert statuses(remove(clips / "copy.mp4")) == ["skipped"]
    assert (out / "copy.mp4").read_bytes() == (out / "clip00.mp4").read_bytes()
    assert victim.read_bytes() == b"precious"


def test_a_pipe_in_place_of_the_name_of_the_run_does_not_block(
    tmp_path: Path, clips: Path, worker: Client
) -> None:
    folder = tmp_path / "out" / ".nemovideo-batch"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "run")
    report = worker.batch.remove_backgrounds(clips, tmp_path / "out", background="blur")
    assert statuses(report) == ["done"] * 3


def test_other_edits_do_not_replace_a_result_without_overwrite(
    tmp_path: Path, clips: Path, quick: LocalBackend, worker: Client
) -> None:
    out = tmp_path / "out"
    worker.batch.remove_backgrounds(clips, out, background="blur")
    before = results(out)
    report = worker.batch.remove_backgrounds(clips, out, background="white")
    assert statuses(report) == ["failed"] * 3
    assert "already exists" in str(report)
    assert results(out) == before
    assert request_count(quick, RUN) == 3
    report = worker.batch.remove_backgrounds(clips, out, background="white", overwrite=True)
    assert statuses(report) == ["done"] * 3
    assert b"#ffffff" in (out / "clip00.mp4").read_bytes().lower()
    report = worker.batch.remove_backgrounds(clips, out, background="blur", overwrite=True)
    assert statuses(report) == ["done"] * 3


def test_every_file_gets_the_edit_the_trim_and_the_quality(tmp_path: Path, clips: Path) -> None:
    calls: list[tuple[int, int, str]] = []

    def record_render(timeline: Any, *args: Any, **options: Any) -> Written:
        calls.append((timeline.duration_ms, len(timeline.titles), options["quality"]))
        return quick_render(timeline, *args, **options)

    out = tmp_path / "out"
    with (
        LocalBackend(tmp_path / "state", render=record_render) as backend,
        quick_client(backend) as client,
    ):
        remove = partial(client.batch.remove_backgrounds, clips, out, background="white")
        edits: dict[str, Any] = {"edit": "add the title 'Hi'", "trim": (0, 0.1), "quality": "low"}
        report = remove(**edits)
        assert report.ok, str(report)
        assert calls == [(100, 1, "low")] * 3
        assert statuses(remove(**edits)) == ["skipped"] * 3
        assert statuses(remove(**{**edits, "quality": "high"})) == ["failed"] * 3
        with pytest.raises(errors.InvalidRequestError, match="trim"):
            remove(trim=(3, 1))
    assert [row.duration_s for row in report] == [0.1] * 3
    with (
        Client.local(state_dir=tmp_path / "own") as local,
        pytest.raises(errors.InvalidRequestError, match="medium"),
    ):
        local.batch.remove_backgrounds(clips, tmp_path / "other", quality="superb")


def test_a_damaged_checkpoint_affects_one_file_and_an_old_manifest_none(
    tmp_path: Path, clips: Path, worker: Client, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "out"
    folder = out / ".nemovideo-batch"
    folder.mkdir(parents=True)
    (folder / "manifest.jsonl").write_text('{"event": "made", "key": "')
    (folder / "stop").touch()
    remove = partial(worker.batch.remove_backgrounds, clips, out, background="blur")
    assert statuses(remove()) == ["done"] * 3
    next(folder.glob("*.json")).write_text("[" * 100_000)
    assert sorted(statuses(remove())) == ["failed", "skipped", "skipped"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert statuses(remove(overwrite=True)).count("done") == 1


def test_two_batches_cannot_share_an_output_folder(
    tmp_path: Path, clips: Path, worker: Client
) -> None:
    out = tmp_path / "out"
    held = CheckpointFolder(out)
    held.open()
    with pytest.raises(errors.JobRunningError, match="another batch"):
        worker.batch.remove_backgrounds(clips, out)
    assert held.run_file.read_text() == held.run, "the batch that holds the folder continues"
    held.close()
    assert worker.batch.remove_backgrounds(clips, out, background="blur").ok


def test_checkpoints_stay_valid_when_their_folder_is_moved(
    tmp_path: Path, clips: Path, quick: LocalBackend, worker: Client
) -> None:
    worker.batch.remove_backgrounds(clips, clips / "clean", background="blur")
    moved = clips.rename(tmp_path / "moved")
    remove = partial(worker.batch.remove_backgrounds, background="blur", recursive=True)
    assert statuses(remove(str(moved / "**/*.mp4"), moved / "clean")) == ["skipped"] * 3
    (moved / "clean" / "clip01.mp4").unlink()
    assert remove(moved, moved / "clean").ok


# --- failures ------------------------------------------------------------------------------


def test_one_failure_does_not_stop_the_others(
    tmp_path: Path, clips: Path, quick: LocalBackend, worker: Client
) -> None:
    quick.faults.add(Fault(kind="error", path=RUN, nth=2, form="event"))
    out = tmp_path / "out"
    report = worker.batch.remove_backgrounds(clips, out, background="blur", concurrency=1)
    assert statuses(report) == ["done", "failed", "done"]
    assert isinstance(report.failed[0].error, errors.AgentError)
    again = worker.batch.remove_backgrounds(clips, out, background="blur")
    assert statuses(again) == ["skipped", "done", "skipped"]


def test_the_next_run_asks_again_for_an_unchanged_file(
    tmp_path: Path, clips: Path, quick: LocalBackend, worker: Client
) -> None:
    for run in (1, 2):
        report = worker.batch.remove_backgrounds(
            [clips / "clip00.mp4"], tmp_path / "out", background="a place that nobody can draw"
        )
        assert statuses(report) == ["failed"]
        assert "client.jobs" not in report.failed[0].remedy
        assert request_count(quick, RUN) == run


def test_the_remedy_of_a_file_that_was_cut_off_is_another_run(
    tmp_path: Path, clips: Path, quick: LocalBackend
) -> None:
    limits = StreamLimits(first_check_s=0, check_s=0, checks=2)
    quick.faults.add(Fault(kind="drop", path=RUN))
    with quick_client(quick, stream=limits, polling=Polling(timeout_s=0)) as client:
        remove = partial(client.batch.remove_backgrounds, clips / "clip00.mp4", tmp_path / "out")
        (dropped,) = remove(background="blur")
        (late,) = remove(background="blur")
    assert isinstance(dropped.error, errors.StreamInterruptedError)
    assert dropped.remedy == "Run the batch again: it first checks whether the message arrived."
    assert isinstance(late.error, errors.RenderTimeoutError)
    assert late.remedy == "Run the batch again: it resumes from here."


def test_a_trim_lost_with_the_connection_is_not_paid_for_twice(
    tmp_path: Path, clip: Path, quick: LocalBackend
) -> None:
    quick.faults.add(Fault(kind="drop", path=RUN, after_bytes=1300))
    with quick_client(quick) as client:
        remove = partial(client.batch.remove_backgrounds, clip, tmp_path / "out")
        for _ in range(2):
            (row,) = remove(background="white", trim=(0, 0.2))
            assert isinstance(row.error, errors.StreamInterruptedError)
            assert "send_again=True" in row.remedy
    assert request_count(quick, RUN) == 1


def test_a_message_with_unknown_effect_names_the_checkpoint_to_resume(
    tmp_path: Path, clips: Path, quick: LocalBackend
) -> None:
    limits = StreamLimits(first_check_s=0, check_s=0, checks=2)
    quick.faults.add(Fault(kind="drop", path=RUN))
    with quick_client(quick, stream=limits) as client:
        remove = partial(client.batch.remove_backgrounds, clips / "clip00.mp4", tmp_path / "out")
        remove(background="blur")
        (path,) = (tmp_path / "out").glob(".nemovideo-batch/*.json")
        record = checkpoints.load(path)
        assert record is not None
        client.uploads.upload(record.session_id or "", clips / "clip01.mp4")
        (unclear,) = remove(background="blur")
        assert f"client.jobs.resume({str(path)!r}, send_again=True)" in unclear.remedy
        client.jobs.resume(path, send_again=True)
        assert statuses(remove(background="blur")) == ["skipped"]


def test_an_error_that_affects_every_file_stops_the_batch(
    tmp_path: Path, clips: Path, quick: LocalBackend
) -> None:
    with quick_client(quick, token="nmv_usr_nobody") as client:
        report = client.batch.remove_backgrounds(clips, tmp_path / "out", background="blur")
    assert statuses(report) == ["not started"] * 3
    assert isinstance(report.stopped_by, errors.AuthenticationError)
    assert "nmv_usr_nobody" not in str(report) + repr(report) + report._repr_html_()
    with pytest.raises(errors.AuthenticationError):
        report.raise_for_failures()


def test_a_batch_without_credits_stops_and_resumes_after_a_top_up(
    tmp_path: Path, clips: Path
) -> None:
    out = tmp_path / "out"
    with quick_backend(tmp_path / "poor", credits=2, costs={"edit": 1}) as backend:
        with quick_client(backend) as client:
            report = client.batch.remove_backgrounds(clips, out, background="blur", concurrency=1)
        assert statuses(report) == ["done", "done", "failed"]
        assert isinstance(report.stopped_by, errors.InsufficientCreditsError)
        assert str(report).count("Register for more credits") == 1
        assert report.credits_spent == 2
        with quick_client(backend, token=backend.issue_token(credits=5)) as client:
            report = client.batch.remove_backgrounds(clips, out, background="blur", concurrency=1)
    assert statuses(report) == ["skipped", "skipped", "done"]


@pytest.mark.parametrize("concurrency", [1, 3])
def test_the_credit_limit_applies_to_the_whole_batch(
    tmp_path: Path, clips: Path, quick: LocalBackend, worker: Client, concurrency: int
) -> None:
    remove = partial(worker.batch.remove_backgrounds, background="blur", concurrency=concurrency)
    report = remove(clips, tmp_path / "out", max_credits=2)
    assert sorted(statuses(report)) == ["done", "done", "not started"]
    assert isinstance(report.not_started[0].error, errors.CreditLimitError)
    assert report.stopped_by == report.not_started[0].error
    assert f"  stopped: {report.stopped_by}" in str(report).splitlines()
    assert request_count(quick, RUN) == 2
    assert statuses(remove(clips, tmp_path / "out")).count("skipped") == 2


def test_an_unreachable_service_stops_the_batch(tmp_path: Path, clips: Path) -> None:
    with quick_backend(tmp_path / "state") as backend:
        client = quick_client(backend, retry=RetryPolicy(attempts=1), token="nmv_usr_any")
    with client:
        report = client.batch.remove_backgrounds(clips, tmp_path / "out", background="blur")
    assert statuses(report) == ["not started"] * 3
    assert isinstance(report.stopped_by, errors.APIConnectionError)


def test_three_failures_of_the_service_in_a_row_stop_the_batch(
    tmp_path: Path, quick: LocalBackend
) -> None:
    make_clips(tmp_path / "clips", 6)
    path = "/api/upload-video/*"
    quick.faults.add(Fault(kind="status", path=path, nth=2, times=None, status=503))
    with quick_client(quick, retry=RetryPolicy(attempts=1)) as client:
        report = client.batch.remove_backgrounds(
            tmp_path / "clips", tmp_path / "out", background="blur", concurrency=1
        )
    assert statuses(report) == ["done", *["failed"] * 3, *["not started"] * 2]
    assert isinstance(report.stopped_by, errors.ServerError)


def test_uploads_whose_connection_drops_are_sent_again(
    tmp_path: Path, clips: Path, quick: LocalBackend
) -> None:
    path = "/api/upload-video/*"
    quick.faults.add(Fault(kind="drop", path=path, times=3))
    quick.faults.add(Fault(kind="status", path=path, times=2, status=503))  # the third arrives
    with quick_client(quick, retry=RetryPolicy(initial_s=0.01)) as client:
        report = client.batch.remove_backgrounds(
            clips, tmp_path / "out", background="blur", concurrency=1
        )
    assert statuses(report) == ["done"] * 3
    assert sum("upload-video" in request.path for request in quick.requests) == 5


def test_an_interruption_names_the_files_that_failed(
    tmp_path: Path, clips: Path, quick: LocalBackend
) -> None:
    (clips / "broken.mp4").write_bytes(b"no video")

    def interrupt(progress: Progress) -> None:
        if "1 of 4" in progress.message:
            raise KeyboardInterrupt

    with (
        quick_client(quick) as client,
        pytest.raises(KeyboardInterrupt, match=r"1 of 4 files done, 1 failed \(broken\.mp4\), "),
    ):
        client.batch.remove_backgrounds(
            clips, tmp_path / "out", background="blur", concurrency=1, progress=interrupt
        )


def test_the_deadline_is_that_of_the_whole_batch(
    tmp_path: Path, clips: Path, quick: LocalBackend
) -> None:
    clock = FakeClock()

    def advance_clock(progress: Progress) -> None:
        clock.now += 1000 * ("1 of 3" in progress.message)

    with quick_client(quick, clock=clock) as client:
        report = client.batch.remove_backgrounds(
            clips,
            tmp_path / "out",
            background="blur",
            concurrency=1,
            deadline=500,
            progress=advance_clock,
        )
    assert statuses(report) == ["done", "not started", "not started"]
    assert isinstance(report.stopped_by, errors.APITimeoutError)
    first, *left = report
    cut_off = Limit("deadline", 500, 0).cut_off(may_have_spent=True)
    late = attrs.evolve(first, status="failed", error=cut_off)
    assert str(attrs.evolve(report, rows=(late, *left))).endswith(
        "stopped: the deadline has passed"
    )


def test_a_file_over_the_time_limit_does_not_affect_the_others(
    tmp_path: Path, clips: Path, quick: LocalBackend
) -> None:
    clock = FakeClock()
    quick.faults.add(
        Fault(kind="status", path=RUN, nth=2, status=429, headers={"Retry-After": "9"})
    )
    token, polling = quick.issue_token(credits=9), Polling(first_s=0, interval_s=0)
    with quick_client(quick, token=token, clock=clock, polling=polling) as client:
        remove = partial(client.batch.remove_backgrounds, clips, background="blur", concurrency=1)
        report = remove(tmp_path / "out", file_deadline=7)
        late = remove(tmp_path / "other", deadline=0.001)
    assert statuses(report) == ["done", "failed", "done"]
    assert "cut off: the limit of 7 s for one file has passed" in str(report.failed[0].error)
    assert "file_deadline=" in report.failed[0].remedy
    for row in (*late.failed, *late.not_started):
        assert "the batch's deadline of 0.001 s has passed" in str(row.error)


@pytest.mark.parametrize("own_threads", [False, True])
def test_hooks_see_the_callers_context_variables(
    own_threads: bool, tmp_path: Path, clips: Path, quick: LocalBackend
) -> None:
    request_id = ContextVar("request_id", default="")
    seen = set[str]()
    with (
        ThreadPoolExecutor(2) as threads,
        quick_client(quick, on_request=lambda _: seen.add(request_id.get())) as client,
    ):
        request_id.set("req-42")
        report = client.batch.remove_backgrounds(
            clips, tmp_path / "out", background="blur", executor=threads if own_threads else None
        )
    assert report.ok
    assert seen == {"req-42"}


# --- 429 -----------------------------------------------------------------------------------


def pace_of(clock: FakeClock, ceiling: int = 4) -> Pace:
    return Pace(clock, ceiling, RetryPolicy())


def too_many(retry_after: float | None) -> errors.RateLimitError:
    error = errors.RateLimitError("too many requests")
    error.retry_after = retry_after
    return error


def ask() -> Flow[object]:
    return (yield from call(Request("GET", "/")))


def test_a_429_slows_the_whole_batch_down() -> None:
    clock = FakeClock(now=100)
    pace = pace_of(clock)
    first = paced(ask(), pace, lambda: False)
    assert isinstance(next(first), Call)
    assert isinstance(first.throw(too_many(20)), Sleep)
    assert pace.limit == 2
    second = paced(ask(), pace, lambda: False)
    assert isinstance(next(second), Sleep), "other calls wait as well"
    clock.now += 20
    assert pace.wait_s() == 0
    pace.slow_down(5)
    pace.slow_down(5)
    assert pace.limit == 1, "429s of earlier requests do not count"
    turns = [pace.wait_s() for _ in range(3)]
    assert turns == sorted(set(turns)), "then they continue one by one"
    for _ in range(9):
        pace.speed_up()
    assert pace.limit == 4


@pytest.mark.parametrize(("retry_after", "requests"), [(20.0, 4), (None, 4), (86_400.0, 1)])
def test_a_persistent_429_fails(retry_after: float | None, requests: int) -> None:
    clock = FakeClock(now=100)
    flow = paced(ask(), pace_of(clock), lambda: False)
    calls, waited = 0, 0.0

    def refuse_all() -> None:
        nonlocal calls, waited
        step = next(flow)
        while True:
            if isinstance(step, Sleep):
                clock.sleep(step.seconds)
                waited += step.seconds
                step = next(flow)
            else:
                calls += 1
                step = flow.throw(too_many(retry_after))

    with pytest.raises(errors.RateLimitError):
        refuse_all()
    assert calls == requests
    assert waited >= (requests - 1) * 20


def test_ending_a_stream_that_was_reopened_after_429_ends_the_new_one() -> None:
    def listen() -> Flow[object]:
        handle = yield from open_stream(Request("POST", "/"))
        chunk = yield from read(handle, 1.0)
        yield End(handle)
        return chunk

    clock = FakeClock(now=100)
    first, second = StreamHandle(), StreamHandle()
    flow = paced(listen(), pace_of(clock), lambda: False)
    assert next(flow) == Open(Request("POST", "/"))
    assert flow.send(first) == Read(first, 1.0)
    assert isinstance(flow.throw(too_many(0.5)), Sleep)
    clock.now += 0.5
    assert next(flow) == Open(Request("POST", "/"))
    assert flow.send(second) == Read(second, 1.0)
    assert flow.send(b"data") == End(second)


def test_a_batch_waits_after_a_429_of_any_call(
    tmp_path: Path, clips: Path, quick: LocalBackend
) -> None:
    headers = {"Retry-After": "20"}
    for path in (RUN, "/api/upload-video/*", "/api/render/proxy/*", "/api/state/*"):
        quick.faults.add(Fault(kind="status", path=path, nth=2, status=429, headers=headers))
    clock = FakeClock()
    with quick_client(quick, clock=clock, polling=Polling(first_s=1, interval_s=1)) as client:
        report = client.batch.remove_backgrounds(clips, tmp_path / "out", background="blur")
    assert report.ok, str(report)
    assert sum(clock.waits) >= 20
    assert request_count(quick, RUN) == 4
    assert report.credits_spent == 3


def test_a_429_with_a_long_wait_stops_the_batch(
    tmp_path: Path, clips: Path, quick: LocalBackend
) -> None:
    headers = {"Retry-After": "604800"}
    quick.faults.add(Fault(kind="status", path=RUN, times=None, status=429, headers=headers))
    with quick_client(quick) as client:
        report = client.batch.remove_backgrounds(
            clips, tmp_path / "out", background="blur", concurrency=1
        )
    assert statuses(report) == ["failed", "not started", "not started"]
    assert isinstance(report.stopped_by, errors.RateLimitError)
    assert request_count(quick, RUN) == 1


# --- async ---------------------------------------------------------------------------------


def async_client(backend: LocalBackend) -> AsyncClient:
    polling = Polling(first_s=0.01, interval_s=0.05)
    return AsyncClient(base_url=backend.url, edit_cost=1, polling=polling)


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_the_async_batch_does_the_same(
    loop: str, tmp_path: Path, clips: Path, quick: LocalBackend
) -> None:
    make_broken(clips)
    out, seen = tmp_path / "out", list[Progress]()

    async def main() -> tuple[BatchReport, BatchReport]:
        async with async_client(quick) as client:
            remove = partial(client.batch.remove_backgrounds, clips, out, background="blur")
            return await remove(progress=seen.append), await remove()

    first, second = anyio.run(main, backend=loop)
    assert statuses(first).count("done") == 3
    assert statuses(second).count("skipped") == 3
    assert len(first.failed) == len(second.failed) == 3
    assert request_count(quick, RUN) == 3
    assert seen[-1].fraction == 1
    assert seen[-1].phase == "batch"


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_a_canceled_async_batch_resumes_later(
    loop: str, tmp_path: Path, quick: LocalBackend
) -> None:
    make_clips(tmp_path / "clips", 8)
    out = tmp_path / "out"

    async def main() -> BatchReport:
        async with async_client(quick) as client:
            remove = partial(
                client.batch.remove_backgrounds, tmp_path / "clips", out, background="blur"
            )
            with anyio.CancelScope() as scope:
                await remove(progress=lambda _: scope.cancel() if len(results(out)) > 3 else None)
            assert scope.cancelled_caught
            assert 3 < len(results(out)) < 8
            return await remove()

    report = anyio.run(main, backend=loop)
    assert report.ok, str(report)
    assert len(report) == 8
    assert request_count(quick, "/api/render/proxy/lambda") == 8


# --- report --------------------------------------------------------------------------------


def test_files_with_the_same_error_share_a_line() -> None:
    lost, full = errors.ServerError("the disk is full"), errors.ServerError("the disk is full")
    rows = [BatchRow(Path(f"in/{name}.mp4"), None, "failed", lost) for name in "abcd"]
    rows.append(BatchRow(Path("in/e.mp4"), None, "failed", errors.UnsupportedFileError("empty")))
    rows.append(BatchRow(Path("in/f.mp4"), None, "not started", full))
    lines = str(BatchReport(tuple(rows), stopped_by=full)).splitlines()
    assert lines[1].startswith("  failed, 4: a.mp4, b.mp4, c.mp4, …: the disk is full. ")
    assert lines[2].startswith(f"  failed: {Path('in/e.mp4')}: empty. ")
    assert lines[3:] == [
        "  stopped: the other files would fail for the same reason: the disk is full"
    ]


def test_texts_that_differ_only_in_the_file_name_share_a_line() -> None:
    paths = [Path(f"in/{name}.mp4") for name in ("a", "aa", "b")]
    rows = [BatchRow(path, path, "done", note=f"Nobody in {path.name}: black.") for path in paths]
    empty = [errors.UnsupportedFileError(f"{path.name!r} is empty") for path in paths]
    rows += [
        BatchRow(path, None, "failed", error) for path, error in zip(paths, empty, strict=True)
    ]
    lines = str(BatchReport(tuple(rows))).splitlines()
    assert lines[1] == "  note, 3: a.mp4, aa.mp4, b.mp4: Nobody in the file: black."
    assert lines[2].startswith("  failed, 3: a.mp4, aa.mp4, b.mp4: the file is empty. ")
    assert len(lines) == 3


def test_the_report_names_every_failure_with_its_remedy_and_survives_pickle() -> None:
    broken = errors.UnsupportedFileError("'<b>x</b>.mp4' is empty", remedy="Record it again.")
    rows = (
        BatchRow(
            *(Path("a.mp4"), Path("out/a-clean.mp4"), "done"),
            note="No face.",
            credits_spent=1.0,
            duration_s=2.5,
        ),
        BatchRow(Path("<b>x</b>.mp4"), None, "failed", broken),
        BatchRow(Path("c.mp4"), None, "not started", errors.CreditLimitError("the cap is 1")),
    )
    report = BatchReport(rows, 1.0, 3.0)
    text = str(report)
    assert text.startswith("3 files: 1 done, 1 failed, 1 not started; 1 credit")
    assert "Record it again." in text
    assert "not started, 1: the cap is 1" in text
    html = report._repr_html_()
    assert "a-clean.mp4 · No face." in html
    assert "<b>x</b>" not in html
    assert "Record it again." in html
    again = pickle.loads(pickle.dumps(report))
    assert again == report
    assert str(again) == text
    assert report.to_dicts()[1] == {
        "source": "<b>x</b>.mp4",
        "output": None,
        "status": "failed",
        "error": "'<b>x</b>.mp4' is empty",
        "error_type": "UnsupportedFileError",
        "remedy": "Record it again.",
        "note": None,
        "credits_spent": None,
        "elapsed_s": 0.0,
        "duration_s": None,
        "size_bytes": None,
        "reply": None,
        "warnings": [],
    }
    with pytest.raises(errors.UnsupportedFileError):
        report.raise_for_failures()
    BatchReport(rows[:1]).raise_for_failures()
