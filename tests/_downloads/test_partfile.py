"""Download targets: part files, concurrent processes, full disks, and open files."""

from __future__ import annotations

import errno
import io
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from nemovideo import AsyncClient, errors
from nemovideo.models import RenderJob
from tests.support.blocking import KINDS, client_of
from tests.support.downloads import QUICK, ServedResponse, Site, fetch, job_at, serving, some_bytes
from tests.support.servers import TOKEN

FILM = some_bytes(300_000)
OTHER = some_bytes(300_000, "another film")
MEGABYTE = 1_000_000

CHILD = """
import sys
from pathlib import Path
from nemovideo import Client
from nemovideo.models import RenderJob
from nemovideo.retry import Polling

url, target = sys.argv[1:]
job = RenderJob(id="r1", status="completed", url=f"{url}/film.mp4", size_bytes=3_000_000)
with Client("nmv_usr_child", base_url=url) as client:
    client.render.download(job, Path(target))
"""


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class PausedSite(Site):
    """A site that pauses after `first` bytes of its first response."""

    def __init__(self, data: bytes, first: int) -> None:
        super().__init__(data)
        self.resumed = threading.Event()
        self.halfway = threading.Event()
        self._first: int | None = first

    def __call__(self, connection: socket.socket, head: bytes) -> None:
        first, self._first = self._first, None
        if first is None:
            super().__call__(connection, head)
            return
        sink = _Buffer()
        super().__call__(sink, head)  # type: ignore[arg-type]
        start = sink.data.index(b"\r\n\r\n") + 4 + first
        connection.sendall(sink.data[:start])
        self.halfway.set()
        self.resumed.wait(20)
        connection.sendall(sink.data[start:])


class _Buffer:
    def __init__(self) -> None:
        self.data = b""

    def sendall(self, data: bytes) -> None:
        self.data += data


def test_the_download_of_a_killed_process_is_resumed(tmp_path: Path) -> None:
    film = some_bytes(3_000_000)
    site, path = PausedSite(film, 2_000_000), tmp_path / "film.mp4"
    part = tmp_path / "film.mp4.part"
    with serving(site) as server:
        command = [sys.executable, "-c", CHILD, server.url, str(path)]
        with subprocess.Popen(command) as child:
            assert site.halfway.wait(20)
            while part.stat().st_size < 1_000_000:
                assert child.poll() is None
            child.send_signal(signal.SIGKILL)
        site.resumed.set()
        had = part.stat().st_size
        assert not path.exists()
        subprocess.run(command, check=True)
    assert path.read_bytes() == film
    assert site.starts == [None, had]
    assert site.sent[1] == len(film) - had
    assert names_in(tmp_path) == ["film.mp4"]


def test_a_second_process_cannot_download_to_the_same_name(tmp_path: Path) -> None:
    site, path = PausedSite(FILM, 100_000), tmp_path / "film.mp4"
    with serving(site) as server:
        command = [sys.executable, "-c", CHILD.replace("3_000_000", "300_000")]
        with subprocess.Popen([*command, server.url, str(path)]) as child:
            assert site.halfway.wait(20)
            with pytest.raises(errors.OutputError, match="another download"):
                fetch("sync", server.url, job_at(server), path, overwrite=True)
            site.resumed.set()
        assert child.returncode == 0
    assert path.read_bytes() == FILM
    assert names_in(tmp_path) == ["film.mp4"]


@pytest.mark.parametrize("kind", ["sync", "asyncio"])
def test_a_file_created_during_the_download_and_the_part_are_kept(
    kind: str, tmp_path: Path
) -> None:
    site, path = Site(FILM), tmp_path / "film.mp4"

    def create(received: int, total: int | None) -> None:
        path.write_bytes(b"mine")

    with serving(site) as server:
        with pytest.raises(errors.InvalidRequestError):
            fetch(kind, server.url, job_at(server), path, on_progress=create)
        assert path.read_bytes() == b"mine"
        fetch(kind, server.url, job_at(server), path, overwrite=True)
    assert path.read_bytes() == FILM
    assert site.sent == [300_000, 1]  # the last byte, to verify the file
    assert names_in(tmp_path) == ["film.mp4"]


@pytest.mark.parametrize("same", [True, False])
def test_a_complete_part_is_used_if_the_file_has_not_changed(same: bool, tmp_path: Path) -> None:
    site, path = Site(FILM), tmp_path / "film.mp4"
    with serving(site) as server:
        path.write_bytes(b"mine")
        fetch("sync", server.url, job_at(server), path, overwrite=True)
        with pytest.raises(errors.InvalidRequestError, match="already exists"):
            fetch("sync", server.url, job_at(server), path)
        path.unlink()

        def create(received: int, total: int | None) -> None:
            path.touch()

        with pytest.raises(errors.InvalidRequestError):
            fetch("sync", server.url, job_at(server), path, on_progress=create)
        path.unlink()
        if not same:
            site.data, site.etag = OTHER, '"v2"'
        fetch("sync", server.url, job_at(server), path)
    assert path.read_bytes() == (FILM if same else OTHER)


@pytest.mark.parametrize("make", ["folder", "target is a folder", "target is a device"])
def test_an_unusable_target_is_rejected_before_any_request(make: str, tmp_path: Path) -> None:
    targets = {
        "folder": tmp_path / "nowhere" / "film.mp4",
        "target is a folder": tmp_path,
        "target is a device": Path(os.devnull),
    }
    site = Site(FILM)
    with serving(site) as server, pytest.raises(errors.InvalidRequestError):
        fetch("sync", server.url, job_at(server), targets[make], overwrite=True)
    assert site.requests == []
    assert Path(os.devnull).is_char_device()


@pytest.mark.parametrize("kind", ["sync", "asyncio"])
@pytest.mark.parametrize("obstacle", ["folder", "link", "pipe"])
def test_an_unwritable_part_is_an_error_before_any_request(
    obstacle: str, kind: str, tmp_path: Path
) -> None:
    part, victim = tmp_path / "film.mp4.part", tmp_path / "precious"
    victim.write_bytes(b"precious")
    if obstacle == "folder":
        part.mkdir()
    elif obstacle == "pipe":
        os.mkfifo(part)
    else:
        part.symlink_to(victim)
    site = Site(FILM)
    with serving(site) as server, pytest.raises(errors.OutputError) as caught:
        fetch(kind, server.url, job_at(server), tmp_path / "film.mp4")
    assert isinstance(caught.value, OSError)
    assert site.requests == []
    assert victim.read_bytes() == b"precious"


@pytest.mark.parametrize("kind", ["sync", "asyncio"])
def test_a_pipe_in_place_of_the_record_does_not_block(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.with_name("film.mp4.part").write_bytes(FILM[:1000])
    os.mkfifo(path.with_name("film.mp4.part.json"))
    with serving(Site(FILM)) as server:
        fetch(kind, server.url, job_at(server), path)
    assert path.read_bytes() == FILM
    assert names_in(tmp_path) == ["film.mp4"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
def test_a_read_only_folder_is_an_error_before_any_request(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    site = Site(FILM)
    with serving(site) as server, pytest.raises(errors.OutputError):
        fetch("sync", server.url, job_at(server), folder / "film.mp4")
    assert site.requests == []


@contextmanager
def disk_space(count: int) -> Iterator[None]:
    """Limit the size of this process's files, to simulate a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("kind", ["sync", "asyncio"])
def test_a_download_is_resumed_after_a_full_disk(kind: str, tmp_path: Path) -> None:
    film = some_bytes(3 * MEGABYTE)
    site, path = Site(film), tmp_path / "film.mp4"
    with serving(site) as server:
        job = job_at(server, len(film))
        with disk_space(MEGABYTE), pytest.raises(errors.OutputError):
            fetch(kind, server.url, job, path)
        assert (tmp_path / "film.mp4.part").stat().st_size == MEGABYTE
        assert len(site.requests) == 1  # not retried
        fetch(kind, server.url, job, path)
    assert path.read_bytes() == film
    assert site.starts == [None, MEGABYTE]


@pytest.mark.parametrize("kind", ["sync", "asyncio"])
def test_an_interrupted_download_is_resumed(kind: str, tmp_path: Path) -> None:
    film = some_bytes(6 * MEGABYTE)
    site, path = PausedSite(film, 4 * MEGABYTE), tmp_path / "film.mp4"
    calls: list[int] = []

    def stop(received: int, total: int | None) -> None:
        calls.append(received)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with serving(site) as server:
        with pytest.raises(KeyboardInterrupt):
            fetch(kind, server.url, job_at(server), path, on_progress=stop)
        site.resumed.set()
        had = (tmp_path / "film.mp4.part").stat().st_size
        fetch(kind, server.url, job_at(server), path)
    assert path.read_bytes() == film
    assert MEGABYTE <= had <= 4 * MEGABYTE
    assert site.starts == [None, had]


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_a_canceled_download_is_resumed(kind: str, tmp_path: Path) -> None:
    film = some_bytes(3 * MEGABYTE)
    site, path = PausedSite(film, 2 * MEGABYTE), tmp_path / "film.mp4"

    async def main(url: str) -> None:
        written = anyio.Event()

        async def download() -> None:
            await client.render.download(job, path, lambda received, total: written.set())

        async with AsyncClient(TOKEN, base_url=url) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(download)
            await written.wait()
            tasks.cancel_scope.cancel()

    with serving(site) as server:
        job = job_at(server, len(film))
        anyio.run(main, server.url, backend=kind)
        site.resumed.set()
        had = (tmp_path / "film.mp4.part").stat().st_size
        fetch(kind, server.url, job, path)
    assert path.read_bytes() == film
    assert 0 < had < 2 * MEGABYTE + 1
    assert site.starts == [None, had]


def test_the_file_has_default_permissions(tmp_path: Path) -> None:
    (tmp_path / "any").touch()
    with serving(Site(FILM)) as server:
        path = fetch("sync", server.url, job_at(server), tmp_path / "film.mp4")
    assert path.stat().st_mode == (tmp_path / "any").stat().st_mode


def test_a_part_hard_linked_to_the_target_is_not_written_to(tmp_path: Path) -> None:
    """This is the state after a kill between linking the target and removing the part."""
    site, path = Site(FILM), tmp_path / "film.mp4"
    path.write_bytes(OTHER)
    os.link(path, tmp_path / "film.mp4.part")

    def check(received: int, total: int | None) -> None:
        assert path.read_bytes() == OTHER

    with serving(site) as server:
        fetch("sync", server.url, job_at(server), path, overwrite=True, on_progress=check)
    assert path.read_bytes() == FILM


@pytest.mark.parametrize("overwrite", [True, False])
def test_file_systems_without_hard_links_work(
    overwrite: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_link(*_: object, **__: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", no_link)
    path = tmp_path / "film.mp4"
    with serving(Site(FILM)) as server:
        fetch("sync", server.url, job_at(server), path, overwrite=overwrite)
    assert path.read_bytes() == FILM
    assert names_in(tmp_path) == ["film.mp4"]


def download_to(kind: str, api: str, job: RenderJob, file: io.IOBase) -> int:
    """Download to an open file with a client of this kind."""
    with client_of(kind, token=TOKEN, base_url=api, retry=QUICK) as client:
        return client.render.download(job, file)


@pytest.mark.parametrize("kind", KINDS)
def test_an_open_file_is_written_from_its_position(kind: str, tmp_path: Path) -> None:
    site = Site(FILM, cuts=(1, 100_000, 50_000))
    with serving(site) as server, (tmp_path / "box").open("w+b") as file:
        file.write(b"before")
        assert download_to(kind, server.url, job_at(server), file) == len(FILM)
        assert not file.closed
        assert (tmp_path / "box").read_bytes() == b"before" + FILM
    assert site.starts == [None, 1, 100_001, 150_001]


def change(response: ServedResponse) -> None:
    if response.number > 1:
        response.status, response.body = 200, OTHER[:200_000]
        response.headers |= {"Content-Length": "200000", "Content-Range": "", "ETag": '"v2"'}


@pytest.mark.parametrize("kind", ["sync", "asyncio"])
def test_an_open_file_is_rewound_when_the_download_restarts(kind: str) -> None:
    file = io.BytesIO()
    file.write(b"before")
    with serving(Site(FILM, cuts=(250_000,), change=change)) as server:
        assert download_to(kind, server.url, job_at(server), file) == 200_000
    assert file.getvalue() == b"before" + OTHER[:200_000]


class Pipe(io.RawIOBase):
    """Writes a little at a time, and cannot seek."""

    def __init__(self) -> None:
        self.data = b""

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        assert isinstance(data, bytes)
        self.data += data[:5000]
        return len(data[:5000])


@pytest.mark.parametrize("kind", ["sync", "asyncio"])
def test_a_pipe_resumes_after_a_drop_but_cannot_restart(kind: str) -> None:
    with serving(Site(FILM, cuts=(100_000,))) as server:
        pipe = Pipe()
        assert download_to(kind, server.url, job_at(server), pipe) == len(FILM)
        assert pipe.data == FILM
    with (
        serving(Site(FILM, cuts=(100_000,), change=change)) as server,
        pytest.raises(errors.DownloadError, match="cannot seek"),
    ):
        download_to(kind, server.url, job_at(server), Pipe())


@pytest.mark.parametrize("kind", ["sync", "asyncio"])
@pytest.mark.parametrize("mode", ["w", "rb", "closed"])
def test_an_unusable_file_is_rejected_before_any_request(
    mode: str, kind: str, tmp_path: Path
) -> None:
    (tmp_path / "box").touch()
    site = Site(FILM)
    with (tmp_path / "box").open("rb" if mode == "rb" else "w") as file:
        if mode == "closed":
            file.close()
        with serving(site) as server, pytest.raises(errors.InvalidRequestError):
            download_to(kind, server.url, job_at(server), file)  # type: ignore[arg-type]
    assert site.requests == []


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_writing_does_not_block_the_event_loop(kind: str) -> None:
    """Each write waits for another task, and would deadlock in the event loop."""
    ticked = threading.Event()

    class WaitingFile(io.BytesIO):
        def write(self, data: object, /) -> int:
            assert isinstance(data, bytes)
            ticked.clear()
            assert not data or ticked.wait(20)
            return super().write(data)

    async def tick() -> None:
        while True:
            ticked.set()
            await anyio.lowlevel.checkpoint()

    async def main() -> int:
        async with (
            AsyncClient(TOKEN, base_url=server.url) as client,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(tick)
            count = await client.render.download(job_at(server), WaitingFile())
            tasks.cancel_scope.cancel()
        return count

    with serving(Site(some_bytes(3 * MEGABYTE))) as server:
        assert anyio.run(main, backend=kind) == 3 * MEGABYTE


@pytest.mark.skipif(os.name == "nt", reason="needs flock")
@pytest.mark.parametrize("flock", ["always granted", "unsupported"])
def test_concurrent_downloads_without_file_locks_do_not_corrupt_the_file(
    flock: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    def fake_flock(descriptor: int, operation: int) -> None:
        if flock == "unsupported":
            raise OSError(errno.ENOSYS, "not implemented")

    monkeypatch.setattr(fcntl, "flock", fake_flock)
    films = [some_bytes(6 * MEGABYTE, name) for name in ("one", "other")]
    sites = [PausedSite(film, 3 * MEGABYTE) for film in films]
    target = tmp_path / "film.mp4"
    with serving(sites[0]) as one, serving(sites[1]) as other, ThreadPoolExecutor(2) as pool:
        futures = [
            pool.submit(fetch, "sync", server.url, job_at(server), target, overwrite=True)
            for server in (one, other)
        ]
        for site in sites:
            assert site.halfway.wait(20)
        for site in sites:
            site.resumed.set()
        for future in futures:
            future.result()
    assert target.read_bytes() in films
    assert names_in(tmp_path) == ["film.mp4"]
