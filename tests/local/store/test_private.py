"""Access to the state directory, and how much of it is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nemovideo.local.store import Projects
from tests.support.app import serving

posix_only = pytest.mark.skipif(os.name == "nt", reason="needs POSIX file modes")


@posix_only
def test_only_the_owner_can_read_the_state_directory_even_an_old_one(tmp_path: Path) -> None:
    state = tmp_path / "state"
    (state / "media" / "1").mkdir(parents=True)
    for path in (state, state / "media", state / "media" / "1"):
        path.chmod(0o755)
    (state / "media" / "1" / "old.mp4").write_bytes(b"VIDEO")
    (state / "backend.sqlite3").touch(mode=0o644)
    with serving(state) as api:
        session_id = api.session_with_video()
        api.submit(session_id, "r", format="mp4")
        api.finished("r")
        found = [state, *state.rglob("*")]
        assert {path.suffix for path in found} >= {".mp4", ".sqlite3", ".lock"}
        assert [path for path in found if path.stat().st_mode & 0o077] == []


@posix_only
def test_the_target_of_a_link_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "file").write_bytes(b"")
    for path in (target, target / "file"):
        path.chmod(0o755)
    state = tmp_path / "state"
    state.mkdir()
    for name in ("media", "renders", "incoming", "client"):
        (state / name).symlink_to(target)
    with serving(state):
        assert (target / "file").stat().st_mode & 0o777 == 0o755
    assert (target / "file").exists()


@posix_only
def test_a_shared_directory_keeps_its_permissions(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    other = tmp_path / "other"
    other.touch(mode=0o644)
    other.chmod(0o644)
    with serving(tmp_path):
        assert tmp_path.stat().st_mode & 0o7777 == 0o1777
        assert other.stat().st_mode & 0o777 == 0o644
        assert (tmp_path / "backend.sqlite3").stat().st_mode & 0o077 == 0


def test_old_versions_of_a_draft_are_read_only_when_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[int] = []
    version = Projects.version

    def counted(self: Projects, session_id: str, number: int) -> dict[str, object]:
        read.append(number)
        return version(self, session_id, number)

    with serving() as api:
        session_id = api.session()
        for number in range(60):
            api.events(session_id, f"edit {number}")
        with monkeypatch.context() as patch:
            patch.setattr(Projects, "version", counted)
            api.draft(session_id)
            api.events(session_id, "hello")
        assert read == [60]
        for _ in range(3):
            api.events(session_id, "undo")
        assert api.titles(session_id)[-1] == "56"
