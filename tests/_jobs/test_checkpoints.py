"""Checkpoints of jobs: the file, and the decisions that are based on it."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from nemovideo import Client, Draft, Job, errors
from nemovideo._jobs import checkpoints
from nemovideo._jobs import files as job_files
from nemovideo._jobs import message as job_message
from nemovideo._jobs.checkpoints import Checkpoint, FileEntry, JobSpecEntry, MessageEntry, Service
from nemovideo._jobs.result import has_arrived
from nemovideo._support.disk import Stamp, sha256_of_file
from nemovideo._support.filelock import FileLock
from nemovideo.models import Credits, SessionState

SHA = "ab" * 32
NOTE = FileEntry("talk.mp4", SHA, path="/nowhere/talk.mp4")
SPEC = JobSpecEntry(NOTE, None, "blur the background", "/nowhere/clean.mp4", "mp4", None)
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
def test_the_state_and_the_balance_show_what_happened_to_a_message(
    status: Any, state: SessionState, left: tuple[int, int] | None, expected: str
) -> None:
    entry = job_message.entry_before(0.0, BEFORE, Credits(100, 0, 100))
    balance = None if left is None else Credits(*left, sum(left))
    assert job_message.outcome_of(attrs.evolve(entry, status=status), state, balance) == expected


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
    entry = job_message.entry_before(0.0, BEFORE, Credits(100, 0, 100))
    found = job_message.after_failure(entry, error)
    assert (None if found is None else found.status) == left


@pytest.mark.parametrize(
    ("infos", "files_before_upload", "expected"),
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
    infos: list[dict[str, object]], files_before_upload: int, expected: str | None
) -> None:
    assert job_files.arrived(infos, NOTE, files_before_upload) == expected


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
def test_a_file_at_the_output_path_is_the_result_only_if_it_is_new(
    tmp_path: Path, before: Any, size: int | None, sha256: str | None, expected: bool
) -> None:
    output = tmp_path / "clean.mp4"
    output.write_bytes(b"whole")
    if sha256 == "right":
        sha256 = sha256_of_file(output)
    record = Checkpoint(
        attrs.evolve(SPEC, output=str(output)),
        Service("https://api.test"),
        output_before=Stamp.of(output) if before == "same" else before,
        sha256=sha256,
    )
    assert has_arrived(record, size) is expected
    assert not has_arrived(attrs.evolve(record, spec=SPEC), size)


def test_a_checkpoint_is_read_as_it_was_written(tmp_path: Path) -> None:
    record = Checkpoint(
        attrs.evolve(SPEC, picture=checkpoints.url_entry("https://a.test/b.png")),
        Service("http://127.0.0.1:1", "/state"),
        session_id="1",
        files=("talk.mp4", "b.png"),
        message=MessageEntry("done", 1.5, "a", "b", 100, 0, "Fertig! 完成"),
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


def test_the_keys_of_the_file_do_not_change() -> None:
    value: Any = checkpoints.to_json(Checkpoint(SPEC, Service("x"), files_before_upload=2))
    assert (value["kind"], value["version"]) == ("nemovideo job", 2)
    assert value["files_before_upload"] == 2
    spec = value["spec"]
    assert (spec["message"], spec["expected_duration_s"]) == ("blur the background", None)
    assert spec["source"]["name"] == "talk.mp4"


def test_names_and_words_with_lone_surrogates_are_kept(tmp_path: Path) -> None:
    odd = os.fsdecode(b"caf\xe9.mp4")
    record = Checkpoint(
        attrs.evolve(SPEC, source=attrs.evolve(NOTE, path=odd), message="a \udce9"),
        Service("http://127.0.0.1:1"),
    )
    checkpoints.save(tmp_path / "job.json", record)
    assert checkpoints.load(tmp_path / "job.json") == record
    state = SessionState(Draft.from_json({"t": [{"n": "\ud800"}]}))
    assert job_message.draft_digest(state) != job_message.draft_digest(BEFORE)


def test_urls_that_may_contain_a_secret_are_stored_as_digests() -> None:
    plain = checkpoints.url_entry("https://a.test/talk.mp4")
    signed = checkpoints.url_entry("https://a.test/talk.mp4?sig=s3cret")
    assert plain.url == "https://a.test/talk.mp4"
    assert signed.url is None
    assert "s3cret" not in repr(signed)
    assert signed.sha256 != plain.sha256


def _written(change: Callable[[dict[str, Any]], object]) -> str:
    value = checkpoints.to_json(Checkpoint(SPEC, Service("x")))
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
        (_written(lambda v: v.update(version=1)), "different version", "that version"),
        (_written(lambda v: v.update(version=3)), "version 3", "start over"),
        (_written(lambda v: v.pop("spec")), "damaged", "start over"),
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
        with pytest.raises(errors.CheckpointError, match="does not exist") as caught:
            client.jobs.resume(tmp_path / "job.json")
        assert "nothing was sent: start the job again" in caught.value.remedy
        with pytest.raises(errors.CheckpointError, match="folder that does not exist"):
            client.remove_background(clip, checkpoint=tmp_path / "none" / "job.json")
        with pytest.raises(errors.CheckpointError, match="cannot be read"):
            client.remove_background(clip, checkpoint=tmp_path)
        with pytest.raises(errors.InvalidRequestError, match="both the checkpoint and"):
            client.remove_background(clip, output=tmp_path / "a.mp4", checkpoint=tmp_path / "a.mp4")
    assert not (tmp_path / "none").exists()


def test_a_discarded_lock_is_never_held_twice(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    first, second, third = FileLock(path), FileLock(path), FileLock(path)
    assert first.acquire()
    assert not second.acquire()
    first.discard()
    first.release()
    assert second.acquire()
    assert not third.acquire()
    second.release()


@pytest.mark.parametrize("url", ["https://elsewhere.test", "http://127.0.0.1:9"])
def test_the_environments_token_is_not_sent_to_a_host_named_by_a_file(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEMO_TOKEN", "nmv_usr_mine")
    path = tmp_path / "job.json"
    checkpoints.save(path, Checkpoint(SPEC, Service(url)))
    with pytest.raises(errors.CheckpointError, match="NEMO_TOKEN"):
        Job.resume(path)


def test_text_of_a_file_cannot_control_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    checkpoints.save(path, Checkpoint(SPEC, Service("http://127.0.0.1:9", "/gone\x1b[2J")))
    with pytest.raises(errors.CheckpointError, match="no longer exists") as caught:
        Job.resume(path)
    assert "\x1b" not in str(caught.value)
