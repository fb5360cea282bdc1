"""Files in folders that others can write to."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nemovideo import NemoError
from nemovideo._config.credentials import CredentialStore
from nemovideo._jobs import checkpoints
from nemovideo._support.disk import Stamp, read_bytes, replace_text, sha256_of_file
from nemovideo._uploads.files import prepare
from nemovideo.errors import CassetteError, CheckpointError, SourceNotFoundError
from nemovideo.files import Upload
from nemovideo.local import temporary
from nemovideo.testing.cassettes import tape

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs named pipes")


@pytest.mark.parametrize("kind", ["pipe", "link to a pipe", "device", "folder"])
def test_only_a_regular_file_is_read(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "planted"
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "link to a pipe":
            os.mkfifo(tmp_path / "pipe")
            path.symlink_to(tmp_path / "pipe")
        case "device":
            path.symlink_to("/dev/zero")
        case "folder":
            path.mkdir()
    for read in (read_bytes, sha256_of_file):
        with pytest.raises(OSError, match="planted"):
            read(path)
    assert Stamp.of(path) is None


def test_a_pipe_in_place_of_a_file_blocks_nothing(tmp_path: Path) -> None:
    planted = tmp_path / "tokens.json"
    os.mkfifo(planted)
    refused: dict[type[NemoError], Callable[[Path], object]] = {
        CheckpointError: checkpoints.load,
        CassetteError: tape.read,
        SourceNotFoundError: lambda path: prepare(Upload(path)),
    }
    for error, read in refused.items():
        with pytest.raises(error, match=r"tokens\.json"):
            read(planted)
    assert CredentialStore(tmp_path, "scope").load(0.0) is None
    os.mkfifo(tmp_path / "temporary.json")
    temporary.remove_unneeded(tmp_path)
    assert planted.exists()


def test_a_written_file_replaces_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "run"
    os.mkfifo(path)
    replace_text(path, "text", temp=tmp_path / "run.new")
    assert read_bytes(path) == b"text"
