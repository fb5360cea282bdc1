"""A backend that is not stopped before the interpreter exits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support import ROOT

FORGETFUL = """
import sys, threading
from pathlib import Path
from nemovideo.errors import RenderCancelledError
from nemovideo.local import LocalBackend
from tests.support.app import client, opening, probe

started = threading.Event()

def render(timeline, media, output, *, cancelled, **_):
    started.set()
    while not cancelled():
        pass
    print("interrupted", flush=True)
    raise RenderCancelledError("cancelled")

backend = LocalBackend(render=render, probe=probe, opening=opening).start()
print(backend.state_dir, flush=True)
with client(backend, backend.issue_token()) as api:
    api.submit(api.session_with_video(), "r", format="mp4")
started.wait(20)
"""


def test_a_running_backend_is_stopped_at_exit() -> None:
    command = [sys.executable, "-c", FORGETFUL]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    state_dir, interrupted = done.stdout.split()
    assert interrupted == "interrupted"  # not killed with its thread
    assert not Path(state_dir).exists()
