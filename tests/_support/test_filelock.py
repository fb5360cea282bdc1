"""File locks of processes that fork."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nemovideo._downloads.partfile import PartFile
from nemovideo._support.filelock import FileLock

_PARENT = """
import os, signal, sys
from pathlib import Path
from nemovideo._downloads.partfile import PartFile
from nemovideo._support.filelock import FileLock

lock, part = FileLock(Path("lock")), PartFile(Path("video.mp4").absolute(), "identity")
assert lock.acquire()
part.open()
if os.fork() == 0:
    print("forked", flush=True)
    sys.stdin.read()  # the child lives until the test ends
    os._exit(0)
signal.pause()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_locks_of_a_killed_process_are_released_although_its_forked_children_live(
    tmp_path: Path,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "forked\n"
        parent.kill()
        parent.wait()
        lock, part = FileLock(tmp_path / "lock"), PartFile(tmp_path / "video.mp4", "identity")
        assert lock.acquire()
        part.open()
        part.close()
        lock.release()
