"""Output paths: an unusable path is an error before any request is sent."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from nemovideo import Client, Upload
from nemovideo._downloads.output_paths import check_output, part_paths
from nemovideo.errors import InvalidRequestError, OutputError
from nemovideo.models import RenderJob
from tests.support.servers import sync_client

_FILE = b"the file" * 100


def _respond(request: httpx.Request) -> httpx.Response:
    if request.url.path.endswith("/file.mp4"):
        return httpx.Response(200, content=_FILE, headers={"ETag": '"film"'})
    return httpx.Response(200, json={"id": "r", "status": "completed", "outputUrl": "/file.mp4"})


def _job() -> RenderJob:
    return RenderJob("r", "completed", url="/file.mp4")


@pytest.mark.parametrize("size", [241, 242, 246, 254, 255])
@pytest.mark.parametrize("letter", ["n", "é"])
def test_a_name_of_maximum_length_is_written(tmp_path: Path, size: int, letter: str) -> None:
    stem = letter * ((size - 4) // len(letter.encode()))
    target = tmp_path / f"{stem}{'x' * (size - 4 - len(stem.encode()))}.mp4"
    with sync_client(_respond) as client:
        assert client.render.download(_job(), target) == target
    assert target.read_bytes() == _FILE
    assert len(list(tmp_path.iterdir())) == 1


def test_long_names_have_separate_parts(tmp_path: Path) -> None:
    names = {part for end in "ab" for part in part_paths(tmp_path / ("n" * 254 + end))}
    assert len(names) == 4
    assert all(len(os.fsencode(path.name)) <= 255 for path in names)


def _link_to(target: str) -> Callable[[Path], str]:
    def make(folder: Path) -> str:
        (folder / "link.mp4").symlink_to(target)
        return "link.mp4"

    return make


@pytest.mark.parametrize(
    "name",
    [
        lambda _: "n" * 252 + ".mp4",
        lambda _: "名" * 84 + ".mp4",
        lambda _: "a\0b.mp4",
        lambda _: "new/",
        lambda _: "missing/clean.mp4",
        _link_to("missing/clean.mp4"),
        _link_to("link.mp4"),
    ],
)
def test_an_unusable_output_is_rejected_before_any_request(
    tmp_path: Path, name: Callable[[Path], str]
) -> None:
    sent: list[str] = []

    def record_request(request: httpx.Request) -> httpx.Response:
        sent.append(request.url.path)
        return httpx.Response(500)

    source = Upload(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom\0\0\0\x08free", name="a.mp4", check=False)
    with sync_client(record_request) as client, pytest.raises(OutputError):
        client.remove_background(source, output=f"{tmp_path}/{name(tmp_path)}")
    assert not sent


@pytest.mark.parametrize("exists", [True, False])
def test_a_symbolic_link_is_followed(tmp_path: Path, exists: bool) -> None:
    (tmp_path / "real").mkdir()
    real, link = tmp_path / "real" / "clean.mp4", tmp_path / "link.mp4"
    if exists:
        real.write_bytes(b"old")
    link.symlink_to(real)
    with sync_client(_respond) as client:
        assert client.render.download(_job(), link, overwrite=exists) == link
    assert link.is_symlink()
    assert real.read_bytes() == _FILE


def test_a_full_disk_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    target = tmp_path / "a.mp4"
    assert check_output(target, overwrite=False, needed_bytes=900_000) == target
    with pytest.raises(OutputError, match="1,000,000 bytes free"):
        check_output(tmp_path / "a.mp4", overwrite=False, needed_bytes=1_500_000)


def test_an_export_never_replaces_an_uploaded_source(
    client: Client, clip: Path, tmp_path: Path
) -> None:
    source = tmp_path / "talk.mp4"
    shutil.copy(clip, source)
    session = client.sessions.create()
    session.upload(source)
    session.send("mute the video")
    with pytest.raises(InvalidRequestError, match="source"):
        session.export(source, overwrite=True)
    assert source.read_bytes() == clip.read_bytes()
