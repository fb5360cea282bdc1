"""The command line: what it prints, where, and the exit codes that it ends with."""

from __future__ import annotations

import inspect
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from nemovideo import errors
from nemovideo._support.clock import Clock
from nemovideo.batch import BatchInterrupted
from nemovideo.cli import _terminate
from nemovideo.cli.app import app
from nemovideo.cli.remove_background import default_output
from nemovideo.cli.report import Terminated, exit_code_of, print_stopped
from nemovideo.local import LocalBackend
from nemovideo.local.server.faults import Fault
from nemovideo.models import Progress
from nemovideo.resources.batch import Batch
from nemovideo.retry import Polling
from tests.support.media import corner, near, pictures
from tests.support.service import hanging, serving

# Before click 8.2, stdout and stderr were mixed unless `mix_stderr=False`.
OLDER_CLICK = "mix_stderr" in inspect.signature(CliRunner).parameters
SEPARATE_STREAMS: dict[str, Any] = {"mix_stderr": False} if OLDER_CLICK else {}


@pytest.fixture
def run(backend: LocalBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line against `backend`, in its own folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEMO_API_URL", backend.url)
    monkeypatch.setenv("NEMO_WEB_URL", backend.url)
    monkeypatch.delenv("NEMO_TOKEN", raising=False)
    monkeypatch.setattr(Polling, "wait_s", lambda *_: 0.02)
    return Run()


class Run:
    def __call__(self, *arguments: str, text: str | None = None) -> Result:
        return CliRunner(**SEPARATE_STREAMS).invoke(app, list(arguments), input=text)


def test_credits_are_printed_in_words_and_as_json(run: Run) -> None:
    assert run("credits").stdout == "100 credits available\n"
    value = json.loads(run("credits", "--json").stdout)
    assert value == {"available": 100, "frozen": 0, "total": 100}


def test_remove_background_prints_only_the_path_on_stdout(run: Run, clip: Path) -> None:
    done = run("remove-background", str(clip), "-b", "#00b140")
    assert (done.exit_code, done.stdout) == (0, "talk-clean.mp4\n")
    assert "Agent: Done! I've replaced the background of talk.mp4 with" in done.stderr
    assert "1 credit spent, 99 left" in done.stderr
    assert near(corner(pictures(Path("talk-clean.mp4"))[0]), (0, 177, 64))


@pytest.mark.parametrize("arguments", [("--verbose", "credits"), ("credits", "-v")])
def test_verbose_logs_the_requests_before_and_after_the_command(
    arguments: tuple[str, ...],
    run: Run,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name in ("nemovideo", "nemovideo.local.access"):
        caplog.set_level(logging.getLogger(name).level, logger=name)  # restored after the test
    run(*arguments)
    logged = [record.getMessage() for record in caplog.records if record.name == "nemovideo"]
    assert any("/api/credits/balance/simple: HTTP 200" in line for line in logged)


@pytest.mark.parametrize(
    ("source", "background", "name"),
    [
        ("in/talk.mov", "blur", "talk-clean.mp4"),
        ("https://example.com/a/talk.mp4?token=1", "Transparent", "talk-clean.webm"),
        ("photo.jpg", None, "photo-clean.png"),
        ("https://example.com/", "white", "video-clean.mp4"),
    ],
)
def test_the_default_output_is_named_after_the_source(
    source: str, background: str | None, name: str
) -> None:
    assert default_output(source, background) == Path(name)


def test_a_session_can_be_edited_and_exported(run: Run, clip: Path) -> None:
    wishes = ["--edit", "make it square", "--trim", "0", "0.4", "--quality", "low", "--json"]
    done = run("remove-background", str(clip), "-b", "white", "-o", "a.mp4", *wishes)
    value = json.loads(done.stdout)
    assert len(pictures(Path("a.mp4"))) == 4
    assert pictures(Path("a.mp4"))[0].shape == (120, 120, 3)
    assert run("export", value["session_id"], "-o", "b.webm").stdout == "b.webm\n"
    assert len(pictures(Path("b.webm"))) == 4


def test_a_preview_is_a_picture_of_a_clip_or_a_session(run: Run, carphone: Path) -> None:
    done = run("preview", str(carphone), "-b", "#00b140", "--at", "0.5", "--json", "--local")
    value = json.loads(done.stdout)
    assert value["path"] == "carphone_pristine-preview.png"
    assert value["basis"] == "local engine"
    with Image.open(value["path"]) as sheet:
        assert sheet.height > 2 * 144
        assert near(sheet.convert("RGB").getpixel((4, 144 + 12)), (0, 177, 64))
    wish = ["--edit", "make it square", "--trim", "0", "0.4", "--at", "0", "-o", "square.png"]
    assert run("preview", str(carphone), "-b", "#00b140", *wish, "--local").exit_code == 0
    with Image.open("square.png") as sheet:
        assert sheet.width < sheet.height / 2 + 144
    again = run("preview", str(carphone), "-b", "white")
    assert (again.exit_code, "--overwrite" in again.stderr) == (2, True)
    wishes = [
        "remove-background",
        str(carphone),
        "-b",
        "white",
        "--trim",
        "0",
        "0.2",
        "-o",
        "a.mp4",
    ]
    session_id = json.loads(run(*wishes, "--json").stdout)["session_id"]
    assert run("preview", "--session", session_id, "-o", "b.png").stdout == "b.png\n"
    assert run("preview").exit_code == 2
    done = run("preview", str(carphone), "--at=-1", "-o", "c.png")
    assert "such as --at 0.5 --at 3." in done.stderr
    done = run("preview", "--session", session_id, "--local")
    assert (done.exit_code, "nemovideo serve" in done.stderr) == (2, True)
    for wish in (["-b", "blur"], ["--edit", "make it square"], ["--trim", "0", "1"]):
        done = run("preview", "--session", session_id, *wish)
        assert (done.exit_code, "applies to a file" in done.stderr) == (2, True)


def test_a_chat_writes_previews(run: Run, clip: Path) -> None:
    said = "preview\n%s\nblur the background\npreview\nPreview\n"
    done = run("chat", "--output-dir", "shots", text=said % clip)
    assert done.exit_code == 1  # there was nothing to preview at first
    for name in ("preview.png", "preview-2.png"):
        assert str(Path("shots", name)) in done.stdout
        with Image.open(Path("shots", name)) as sheet:
            assert sheet.width > 0


def test_an_estimate_is_a_line_or_json(run: Run, clip: Path) -> None:
    done = run("estimate", str(clip), "-b", "blur")
    assert re.fullmatch(r"50 credits, about 20 s, about \d+(?:\.\d)? [KM]B\n", done.stdout)
    assert done.stderr.startswith("Basis: rough")
    wishes = ["-b", "white", "--edit", "make it square", "--trim", "0", "0.4", "--local"]
    arguments = [str(clip), *wishes, "-o", "a.webm", "--quality", "low", "--json"]
    value = json.loads(run("estimate", *arguments, "--engine", "fast").stdout)
    assert list(value) == ["credits", "seconds", "output_bytes", "basis", "warnings"]
    assert (value["credits"], value["basis"][:8]) == (1, "measured")
    assert run("estimate", str(clip), "-b", "transparent", "--format", "mp4").exit_code == 2
    assert run("estimate", "https://example.com/a.mp4").stdout.endswith("size unknown\n")


def test_a_part_that_the_agent_cannot_do_is_printed_once(run: Run, clip: Path) -> None:
    wishes = [str(clip), "-b", "#00b140", "--edit", "zorp"]
    done = run("remove-background", *wishes)
    assert done.stderr.count("zorp") == 1
    assert "Agent: Done!" in done.stderr
    assert "Note: I can't do this" in run("estimate", *wishes, "--local", "--engine", "fast").stderr


def test_an_engine_requires_a_local_backend(run: Run, clip: Path) -> None:
    done = run("remove-background", str(clip), "--engine", "fast")
    assert (done.exit_code, "--local" in done.stderr) == (2, True)
    done = run("batch", str(clip), "-o", "out", "--local", "--engine", "no-such")
    assert (done.exit_code, "no engine 'no-such'" in done.stderr) == (2, True)
    done = run("remove-background", str(clip), "-b", "blur", "--local", "--engine", "fast")
    assert "credit" not in done.stderr
    assert (done.exit_code, done.stdout) == (0, "talk-clean.mp4\n")


def test_links_and_ids_of_a_backend_that_ends_with_the_command_are_null(
    run: Run, clip: Path
) -> None:
    options = ["-b", "white", "--local", "--engine", "fast", "--json"]
    value = json.loads(run("remove-background", str(clip), *options).stdout)
    assert value["path"] == "talk-clean.mp4"
    for name in ("url", "project_url", "session_id", "render_id"):
        assert value[name] is None


def test_remove_background_prints_json_on_request(run: Run, clip: Path) -> None:
    arguments = ["-b", "white", "-o", "out.mp4", "--json"]
    value = json.loads(run("remove-background", str(clip), *arguments).stdout)
    assert value["path"] == "out.mp4"
    assert value["credits_spent"] == value["credits_before"] - value["credits_after"]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are always Unicode")
def test_a_file_name_that_is_not_unicode_can_be_shown(run: Run, clip: Path, tmp_path: Path) -> None:
    odd = shutil.copy(clip, tmp_path / os.fsdecode(b"caf\xe9.mp4"))
    result = tmp_path / os.fsdecode(b"clean\xe9.mp4")
    shown = run("remove-background", str(odd), "-o", str(result), "--json")
    assert json.loads(shown.stdout)["path"] == str(result)
    shown = run("remove-background", str(odd), "-o", str(result), "--overwrite")
    assert shown.exit_code == 0
    assert shown.stdout.strip() == str(tmp_path / "clean\ufffd.mp4")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["remove-background", "nothing.mp4"], 2, "there is no file nothing.mp4"),
        (["remove-background"], 2, "Missing argument"),
        (["remove-background", "x.mp4", "--max-credits", "much"], 2, "not a valid float"),
        (["dance"], 2, "No such command"),
        (["remove-background", "a.mp4", "b c.mp4"], 2, "nemovideo batch a.mp4 'b c.mp4' -o"),
        (["remove-background", "."], 2, "nemovideo batch . -o"),
        (["remove-background", f"http://10.0.0.1/{'x' * 300}.mp4", "-b", ""], 2, "background is"),
        (["mcp", "nothing"], 2, "nothing is not a folder. Check the path."),
        (["mcp", ".", "--local", "--engine", "no-such"], 2, "no engine 'no-such'"),
        (["frames", "x.mp4", "--engine", "no-such"], 2, "no engine 'no-such'"),
    ],
)
def test_usage_errors_are_explained_and_nothing_is_sent(
    run: Run, backend: LocalBackend, arguments: list[str], code: int, words: str
) -> None:
    done = run(*arguments)
    assert done.exit_code == code
    assert words in done.stderr
    assert done.stdout == ""
    assert backend.requests == ()


def interrupted(*_: Any, **__: Any) -> Any:
    raise BatchInterrupted("stopped: 2 of 3 files done", "Run it again.")


FIELDS = {"type", "message", "remedy", "may_have_spent", "code", "status", "request_id"}


def test_with_json_every_error_has_the_same_fields(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Path("in").mkdir()
    Path("in/bad.mp4").touch()
    row = json.loads(run("batch", "in", "-o", "out", "--json").stdout)["files"][0]
    values = [row["error"]]
    chat = run("chat", "--json", text="upload nothing.mp4\n")
    values.append(json.loads(chat.stdout)["error"])
    monkeypatch.setattr(Batch, "remove_backgrounds", interrupted)
    for kind, code, arguments in (
        ("SourceNotFoundError", 2, ["remove-background", "nothing.mp4"]),
        ("UsageError", 2, ["remove-background", "x.mp4", "--max-credits", "much"]),
        ("UsageError", 2, ["dance"]),
        ("UsageError", 2, ["jobs", "show"]),
        ("Interrupted", 130, ["batch", "in", "-o", "out"]),
    ):
        done = run(*arguments, "--json")
        values.append(json.loads(done.stdout)["error"])
        assert (done.exit_code, values[-1]["type"]) == (code, kind)
        assert values[-1]["exit_code"] == code
    assert [value.keys() for value in values] == [FIELDS | {"exit_code"}] * len(values)
    assert values[-1]["remedy"] == "Run it again."
    assert values[-1]["message"] == "stopped: 2 of 3 files done"
    assert "2 of 3 files done. Run it again." in run("batch", "in", "-o", "out").stderr


def test_a_batch_that_stops_says_why_in_shell_syntax(run: Run, clip: Path) -> None:
    Path("in").mkdir()
    shutil.copy(clip, "in")
    Path("in/bad.mp4").write_bytes(b"no video")
    limited = ["batch", "in", "-o", "out", "--max-credits", "0"]
    done = run(*limited)
    assert done.exit_code == 4
    assert "--max-credits" in done.stdout
    assert "Upload(" not in done.stdout
    value = json.loads(run(*limited, "--json").stdout)
    assert (value["stopped"]["type"], value["stopped"]["exit_code"]) == ("CreditLimitError", 4)
    Path("out/talk.mp4").write_bytes(b"mine")
    failed = run("batch", "in", "-o", "out")
    assert (failed.exit_code, "--overwrite" in failed.stdout) == (6, True)
    assert "overwrite=True" not in failed.stdout
    assert json.loads(run("batch", "in", "-o", "out", "--json").stdout)["stopped"] is None


def test_a_batch_with_a_file_that_failed_because_of_the_network_exits_with_5(
    run: Run, clip: Path, backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("in").mkdir()
    shutil.copy(clip, "in")
    Path("in/bad.mp4").write_bytes(b"no video")
    monkeypatch.setattr(Clock, "wait", lambda *_, **__: False)  # between the retries
    words = ["batch", "in", "-o", "out", "-b", "white"]
    for fault in (
        Fault(kind="drop", path="/api/tasks/*", times=None),
        Fault(kind="status", path="/api/upload-video/*", status=503, times=None),
    ):
        backend.faults.add(fault)
        assert run(*words).exit_code == 5
        backend.faults.clear()
    assert run(*words).exit_code == 6  # only the damaged file has no result


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.StreamInterruptedError("lost"), 5),
        (errors.JobRunningError("another batch is running on out"), 1),
        (errors.CheckpointError("not readable"), 2),
        (errors.OutputError("the disk is full"), 1),
    ],
)
def test_the_exit_code_says_whether_to_try_again(error: errors.NemoError, code: int) -> None:
    assert exit_code_of(error) == code


@pytest.mark.parametrize(
    ("token", "arguments", "code"),
    [
        ("nmv_usr_wrong", ["credits"], 3),
        ("clm_link", ["credits"], 2),
    ],
)
def test_a_rejected_token_has_an_exit_code_and_is_not_printed(
    run: Run, monkeypatch: pytest.MonkeyPatch, token: str, arguments: list[str], code: int
) -> None:
    monkeypatch.setenv("NEMO_TOKEN", token)
    done = run(*arguments)
    assert done.exit_code == code
    assert token not in done.output


def test_exceeding_max_credits_has_its_own_exit_code(run: Run, clip: Path) -> None:
    done = run("remove-background", str(clip), "--max-credits", "0")
    assert done.exit_code == 4
    assert "max_credits is 0" in done.stderr


def test_the_price_of_an_edit_at_another_server_is_set_by_the_environment(
    run: Run, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = ["remove-background", str(clip), "-b", "white", "--max-credits", "1"]
    assert "NEMO_EDIT_COST" in run(*limited).stderr
    monkeypatch.setenv("NEMO_EDIT_COST", "1")
    assert run("estimate", str(clip)).stdout.startswith("1 credit,")
    assert run(*limited).exit_code == 0
    monkeypatch.setenv("NEMO_EDIT_COST", "cheap")
    wrong = run("estimate", str(clip))
    assert (wrong.exit_code, "NEMO_EDIT_COST" in wrong.stderr) == (2, True)


def test_a_slow_server_is_given_more_time_by_the_environment(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEMO_TOKEN", "nmv_usr_x")
    monkeypatch.setenv("NEMO_TIMEOUT", "0.2")
    with serving(api__credits=hanging) as service:
        monkeypatch.setenv("NEMO_API_URL", service.url)
        slow = run("credits")
    assert (slow.exit_code, "no response within 0.2 s" in slow.stderr) == (5, True)
    assert slow.stderr.endswith("Try again, or allow more time with NEMO_TIMEOUT.\n")
    for wrong in ("soon", "0", "inf", "nan"):
        monkeypatch.setenv("NEMO_TIMEOUT", wrong)
        refused = run("credits")
        assert (refused.exit_code, f"NEMO_TIMEOUT='{wrong}'" in refused.stderr) == (2, True)


def test_a_missing_connection_has_its_own_exit_code(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEMO_API_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("NEMO_TOKEN", "nmv_usr_x")
    monkeypatch.setattr(Clock, "wait", lambda *_, **__: False)  # between the retries
    assert run("credits").exit_code == 5
    monkeypatch.setenv("NEMO_API_URL", "https://host.invalid")
    away = run("credits")
    assert (away.exit_code, "use a command with --local" in away.stderr) == (5, True)


def test_chat_answers_piped_lines_without_echoing_them(run: Run, clip: Path) -> None:
    done = run("chat", str(clip), text="show tracks\ncredits\n\nnever said\n")
    assert done.exit_code == 0
    assert "Timeline" in done.stdout
    assert "100" in done.stdout
    assert "never said" not in done.output


def test_a_chat_continues_a_session(run: Run, clip: Path) -> None:
    first = json.loads(run("chat", str(clip), "--json").stdout)
    done = run("chat", "--session", first["session_id"], "--json", text="show tracks\n")
    again = json.loads(done.stdout)
    assert again["session_id"] == first["session_id"]
    assert clip.name in again["text"]
    assert "has no sessions" in run("chat", "--session", "1", "--local").stderr


def test_chat_prints_json_lines_and_a_failed_line_sets_the_exit_code(run: Run) -> None:
    done = run("chat", "--json", text="credits\nupload nothing.mp4\n")
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first["action"] == "credits"
    assert first["error"] is None
    assert second["error"]["type"] == "SourceNotFoundError"
    assert done.exit_code == 1


def test_every_command_has_help() -> None:
    for name, command in app.commands.items():
        assert command.get_short_help_str(), name
    shown = CliRunner().invoke(app, ["--help"]).stdout
    assert "Exit codes: 0 done" in shown


def test_serve_and_the_module_are_the_same_program(tmp_path: Path) -> None:
    arguments = ["serve", "--port", "0", "--state-dir", str(tmp_path)]
    with subprocess.Popen(
        [sys.executable, "-m", "nemovideo", *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        result = CliRunner(**SEPARATE_STREAMS, env={"NEMO_API_URL": url}).invoke(app, ["credits"])
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert result.stdout == "100 credits available\n"
    assert process.returncode == 0


def test_without_click_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise ModuleNotFoundError('no click', name='click')")
    done = subprocess.run(
        [sys.executable, "-m", "nemovideo", "--help"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert 'pip install "nemovideo[cli]"' in done.stderr


def test_a_job_can_be_shown_and_resumed(run: Run, clip: Path, backend: LocalBackend) -> None:
    backend.faults.add(Fault(kind="status", status=402, path="/api/render/*", times=None))
    words = ["-b", "white", "-o", "out.mp4", "--checkpoint", "talk.json"]
    stopped = run("remove-background", str(clip), *words)
    assert stopped.exit_code == 1
    assert "talk.json" in stopped.stderr
    shown = json.loads(run("jobs", "show", "talk.json", "--json").stdout)
    assert shown["phase"] == "render"
    assert "next: render" in run("jobs", "show", "talk.json").stdout
    backend.faults.clear()
    done = run("jobs", "resume", "talk.json")
    assert (done.exit_code, done.stdout) == (0, f"{Path.cwd() / 'out.mp4'}\n")
    assert sum(seen.path == "/run_sse" for seen in backend.requests) == 1


@pytest.mark.parametrize("as_json", [False, True])
def test_sigterm_ends_a_batch_like_ctrl_c_but_has_its_own_exit_code(
    as_json: bool, run: Run, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bar(**_: bool) -> Callable[[Progress], None]:
        return lambda _: signal.raise_signal(signal.SIGTERM)

    signal.signal(signal.SIGTERM, _terminate)
    monkeypatch.setattr("nemovideo.cli.batch.wants_bar", bar)
    done = run("batch", str(clip), "-o", "out", *(["--json"] if as_json else []))
    assert done.exit_code == 143
    if as_json:  # the runner of click 8.1 loses the stderr of an exit in a signal handler
        assert json.loads(done.stdout)["error"]["exit_code"] == 143
        assert "stopped: 0 of 1 files done" in done.stdout
    alone = print_stopped(Terminated(), as_json=as_json, checkpoint=None)
    assert alone == 143


def test_a_local_batch_past_its_deadline_promises_to_resume_only_with_a_state_dir(
    run: Run, clip: Path
) -> None:
    done = run("batch", str(clip), "-o", "out", "--local", "--file-deadline", "0.001")
    again = "files in progress start over, unless --local has a --state-dir, or set another --file-"
    assert f"Run the batch again: {again}" in done.stdout
    late = ["batch", str(clip), "-o", "other", "--file-deadline", "0.001", "--state-dir", "mine"]
    assert "Run the batch again: it resumes from here" in run(*late, "--local").stdout
    assert run(*late).stderr.endswith("--state-dir needs --local\n")


def test_a_missing_checkpoint_is_a_usage_error(run: Run) -> None:
    done = run("jobs", "resume", "nothing.json")
    assert done.exit_code == 2
    assert "nothing.json" in done.stderr


def test_a_batch_with_a_broken_file_names_it_and_has_its_own_exit_code(
    run: Run, clip: Path
) -> None:
    Path("in").mkdir()
    shutil.copy(clip, "in/good.mp4")
    Path("in/bad.mp4").write_bytes(b"")
    done = run("batch", "in", "-o", "out", "-b", "white")
    assert done.exit_code == 6
    assert "bad.mp4" in done.stdout
    Path("in/bad.mp4").unlink()
    names = ["--name", "{stem}-clean{suffix}"]
    named = run("batch", "in", "-o", "named", "-b", "white", *names, "--json")
    assert json.loads(named.stdout)["files"][0]["output"].endswith("good-clean.mp4")
    again = run("batch", "in", "-o", "out", "-b", "white", "--json")
    assert again.exit_code == 0
    value = json.loads(again.stdout)
    assert [row["status"] for row in value["files"]] == ["skipped"]
    assert value["credits_spent"] is None


def test_remedies_are_worded_for_a_shell(run: Run, clip: Path) -> None:
    Path("there.mp4").write_bytes(b"mine")
    done = run("remove-background", str(clip), "-o", "there.mp4")
    assert "pass --overwrite." in done.stderr
    assert "=True" not in done.stderr


def test_one_answer_that_failed_makes_a_piped_chat_fail(run: Run) -> None:
    assert run("chat", "nothing.mp4", text="credits\nquit\n").exit_code == 1
