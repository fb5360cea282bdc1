"""The command line where a stream is missing, or cannot show every character or color."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from nemovideo.cli.app import app
from nemovideo.cli.console import colored
from tests.cli.test_cli import SEPARATE_STREAMS
from tests.support.service import Service, begin_stream, end_stream, send_event, serving


def run(folder: Path, code: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run Python code with these environment variables."""
    environment = {**os.environ, "NEMO_TOKEN": "nmv_usr_x", **variables}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, timeout=60
    )


MAIN = "import sys; sys.argv[1:] = {}; {}; from nemovideo.cli import main; main()"


def test_without_streams_a_command_ends_as_usual(tmp_path: Path) -> None:
    gone = "sys.stdin = sys.stdout = sys.stderr = None"
    with serving() as service:
        for arguments, code in ((["credits"], 0), (["remove-background", "no.mp4"], 2)):
            done = run(tmp_path, MAIN.format(arguments, gone), NEMO_API_URL=service.url)
            assert (done.returncode, done.stderr) == (code, b"")


def test_a_name_that_stdout_cannot_show_is_escaped(tmp_path: Path) -> None:
    code = MAIN.format(["remove-background", "名字.mp4"], "pass")
    done = run(tmp_path, code, PYTHONIOENCODING="cp1252")
    assert done.returncode == 2
    assert b"\\u540d\\u5b57.mp4" in done.stderr


def test_colors_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert colored("Error", "red") != "Error"
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        with monkeypatch.context() as context:
            context.setenv(name, value)
            assert colored("Error", "red") == "Error"


def test_a_service_cannot_send_escape_sequences_to_the_terminal() -> None:
    evil = "bad \x1b]52;c;cm0=\x07\x9b2J\u202e"

    def refuse(service: Service, connection: socket.socket, path: str) -> object:
        return {"code": 5, "message": evil}

    def respond(service: Service, connection: socket.socket, path: str) -> None:
        begin_stream(connection)
        send_event(connection, evil)
        end_stream(connection)

    with serving(api__credits=refuse) as refusing, serving(run_sse=respond) as answering:
        for service, command in (
            (refusing, ["credits"]),
            (refusing, ["credits", "--json"]),
            (answering, ["chat"]),
            (answering, ["chat", "--json"]),
        ):
            environment = {"NEMO_API_URL": service.url, "NEMO_TOKEN": "nmv_usr_x"}
            runner = CliRunner(**SEPARATE_STREAMS, env=environment)
            done = runner.invoke(app, command, input="make it blue")
            shown = done.stdout + done.stderr
            assert "bad \\u001b]52;c;cm0=\\u0007\\u009b2J\\u202e" in shown
            assert not re.search("[\x07\x7f-\x9f\u202e]", shown)
