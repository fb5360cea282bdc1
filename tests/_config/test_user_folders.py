"""Machines without a home folder, or with one that cannot be written to."""

from __future__ import annotations

import logging
import os
import stat
import tempfile
from pathlib import Path

import pytest

from nemovideo import Client, NemoError, errors
from nemovideo._config import settings
from nemovideo._config.credentials import CredentialStore
from nemovideo.models import Token
from tests.support.servers import PNG


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))


def test_without_a_home_folder_a_temporary_one_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    monkeypatch.delenv("XDG_CONFIG_HOME")
    for _ in range(2):
        Client("nmv_usr_x", base_url="http://127.0.0.1:9").close()
    (warning,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert "XDG_CONFIG_HOME" in warning
    folder = settings.config_directory()
    assert folder.parent == tmp_path / "tmp"
    assert os.name == "nt" or stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_name_that_begins_with_a_tilde_needs_no_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("~$clip.mp4").write_bytes(b"text")
    Path("~$photo.png").write_bytes(PNG)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # no home is known
    with Client("nmv_usr_x", base_url="http://127.0.0.1:9") as client:
        with pytest.raises(errors.UnsupportedFileError):  # found, and its content checked
            client.remove_background("~$clip.mp4")
        for call in (
            lambda: client.remove_background("~/talk.mp4"),
            lambda: client.remove_background("~$photo.png", output="~/clean.png"),
            lambda: client.remove_background("~$clip.mp4", checkpoint="~/job.json"),
            lambda: client.batch.remove_backgrounds("~/clips", "out"),
            lambda: Client.local(state_dir="~/state"),
        ):
            with pytest.raises(errors.InvalidRequestError, match="HOME"):
                call()


@pytest.mark.skipif(os.name == "nt", reason="Windows does not remove a directory in use")
def test_a_working_directory_that_was_removed_is_a_clear_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with Client("nmv_usr_x", base_url="http://127.0.0.1:9") as client:
        with pytest.raises(errors.SourceNotFoundError):
            client.remove_background("talk.mp4")
        with pytest.raises(errors.InvalidRequestError, match="working directory"):
            client.remove_background(b"x", checkpoint="job.json")
        with pytest.raises(NemoError):
            client.batch.remove_backgrounds("clips", "out")


def test_an_unwritable_folder_is_replaced_by_a_temporary_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("a file where the folder should be")
    store = CredentialStore(blocked / "sub", "scope")
    client_id = store.client_id()
    store.save(Token("nmv_usr_a", anonymous=True))
    again = CredentialStore(blocked / "sub", "scope")
    assert again.client_id() == client_id
    assert again.load(0) == "nmv_usr_a"
    assert len([r for r in caplog.records if r.levelno == logging.WARNING]) == 1
