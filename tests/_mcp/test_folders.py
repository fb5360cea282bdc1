"""An agent can only use files in the given folders, however it writes their paths."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nemovideo._mcp.folders import Folders
from nemovideo.errors import InvalidRequestError, SourceNotFoundError


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    (folder / "b").mkdir(parents=True)
    (folder / "talk.mp4").touch()
    (tmp_path / "secret.mp4").touch()
    (tmp_path / "clips-of-others").mkdir()
    (tmp_path / "clips-of-others" / "talk.mp4").touch()
    return folder


def test_a_path_a_name_and_a_file_url_name_the_same_file(inside: Path) -> None:
    folders = Folders.of([inside])
    written = (
        "talk.mp4",
        "b/../talk.mp4",
        str(inside / "talk.mp4"),
        (inside / "talk.mp4").as_uri(),
    )
    assert {folders.source(text) for text in written} == {(inside / "talk.mp4").resolve()}
    assert folders.output("b/new.mp4") == (inside / "b" / "new.mp4").resolve()


def test_a_name_is_looked_for_in_every_folder(inside: Path) -> None:
    folders = Folders.of([inside / "b", inside])
    assert folders.source("talk.mp4") == (inside / "talk.mp4").resolve()
    assert folders.output("new.mp4") == (inside / "b" / "new.mp4").resolve()


@pytest.mark.parametrize(
    "text",
    [
        "../secret.mp4",
        "{root}/secret.mp4",
        "{root}/clips/../secret.mp4",
        "{root}/clips-of-others/talk.mp4",
        "file://{root}/secret.mp4",
        "link.mp4",
        "folder/secret.mp4",
        "dangling.mp4",
        "circle.mp4",
        "talk.mp4\0",
        "x" * 300,
        "~root/.ssh/id_rsa",
        "https://example.com/talk.mp4/../../../../../secret.mp4",
    ],
)
def test_no_path_leads_out_of_the_folders(inside: Path, tmp_path: Path, text: str) -> None:
    (inside / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    (inside / "folder").symlink_to(tmp_path)
    (inside / "dangling.mp4").symlink_to(tmp_path / "new.mp4")
    (inside / "circle.mp4").symlink_to(inside / "circle.mp4")
    folders = Folders.of([inside])
    text = text.format(root=tmp_path)
    assert not folders.contains(text)
    with pytest.raises((InvalidRequestError, SourceNotFoundError)) as refused:
        folders.source(text)
    if "circle" not in text and "https" not in text:
        assert refused.type is InvalidRequestError
        with pytest.raises(InvalidRequestError, match="folder"):
            folders.output(text)


def test_a_folder_may_itself_be_a_link(inside: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(inside)
    folders = Folders.of([tmp_path / "alias"])
    assert folders.contains(os.fspath(tmp_path / "alias" / "talk.mp4"))
    assert folders.contains(os.fspath(inside / "talk.mp4"))


def test_only_folders_are_accepted_at_startup(inside: Path) -> None:
    with pytest.raises(InvalidRequestError, match="is not a folder"):
        Folders.of([inside / "talk.mp4"])
    with pytest.raises(InvalidRequestError, match="no folder"):
        Folders.of([])
