"""Where a download goes: names, parts, other processes, full disks, and files of the user's."""

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
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from nemovideo import AsyncClient, Client, errors
from nemovideo.local import LocalBackend
from nemovideo.local.render import RenderResult
from nemovideo.local.server.faults import Fault
from nemovideo.models import RenderJob
from nemovideo.retry import Polling
from tests.support.downloads import KINDS, QUICK, Answer, Site, fetch, job_at, serving, some_bytes
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


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class Held(Site):
    """A site that keeps the rest of its first answer back until it is let go."""

    def __init__(self, data: bytes, first: int) -> None:
        super().__init__(data)
        self.let_go = threading.Event()
        self.halfway = threading.Event()
        self._first: int | None = first

    def __call__(self, connection: socket.socket, head: bytes) -> None:
        first, self._first = self._first, None
        if first is None:
            super().__call__(connection, head)
            return
        sink = _Recorded()
        super().__call__(sink, head)  # type: ignore[arg-type]
        start = sink.data.index(b"\r\n\r\n") + 4 + first
        connection.sendall(sink.data[:start])
        self.halfway.set()
        self.let_go.wait(20)
        connection.sendall(sink.data[start:])


class _Recorded:
    def __init__(self) -> None:
        self.data = b""

    def sendall(self, data: bytes) -> None:
        self.data += data


def test_a_process_that_was_killed_is_followed_by_one_that_goes_on(tmp_path: Path) -> None:
    film = some_bytes(3_000_000)
    site, path = Held(film, 2_000_000), tmp_path / "film.mp4"
    part = tmp_path / "film.mp4.part"
    with serving(site) as server:
        command = [sys.executable, "-c", CHILD, server.url, str(path)]
        with subprocess.Popen(command) as child:
            assert site.halfway.wait(20)
            while part.stat().st_size < 1_000_000:
                assert child.poll() is None
            child.send_signal(signal.SIGKILL)
        site.let_go.set()
        had = part.stat().st_size
        assert not path.exists()
        subprocess.run(command, check=True)
    assert path.read_bytes() == film
    assert site.starts == [None, had]
    assert site.sent[1] == len(film) - had
    assert left(tmp_path) == ["film.mp4"]


def test_two_downloads_to_one_name_do_not_mix(tmp_path: Path) -> None:
    site, path = Held(FILM, 100_000), tmp_path / "film.mp4"
    with serving(site) as server:
        command = [sys.executable, "-c", CHILD.replace("3_000_000", "300_000")]
        with subprocess.Popen([*command, server.url, str(path)]) as child:
            assert site.halfway.wait(20)
            with pytest.raises(errors.OutputError, match="another download"):
                fetch("sync", server.url, job_at(server), path, overwrite=True)
            site.let_go.set()
        assert child.returncode == 0
    assert path.read_bytes() == FILM
    assert left(tmp_path) == ["film.mp4"]


def test_two_threads_to_one_name_do_not_mix_either(tmp_path: Path) -> None:
    site, path = Held(FILM, 100_000), tmp_path / "film.mp4"
    with serving(site) as server:
        thread = threading.Thread(target=fetch, args=("sync", server.url, job_at(server), path))
        thread.start()
        assert site.halfway.wait(20)
        with pytest.raises(errors.OutputError, match="another download"):
            fetch("asyncio", server.url, job_at(server), path)
        site.let_go.set()
        thread.join(20)
    assert path.read_bytes() == FILM


@pytest.mark.parametrize("kind", ["sync", "asyncio"])
def test_a_file_that_appears_meanwhile_is_left_and_so_is_the_part(
    kind: str, tmp_path: Path
) -> None:
    site, path = Site(FILM), tmp_path / "film.mp4"

    def appear(received: int, total: int | None) -> None:
        path.write_bytes(b"mine")

    with serving(site) as server:
        with pytest.raises(errors.InvalidRequestError):
            fetch(kind, server.url, job_at(server), path, on_progress=appear)
        assert path.read_bytes() == b"mine"
        fetch(kind, server.url, job_at(server), path, overwrite=True)
    assert path.read_bytes() == FILM
    assert site.sent == [300_000, 1]  # the last byte, to see that it still is that file
    assert left(tmp_path) == ["film.mp4"]


@pytest.mark.parametrize("same", [True, False])
def test_a_part_that_is_whole_is_finished_if_it_is_still_that_file(
    same: bool, tmp_path: Path
) -> None:
    site, path = Site(FILM), tmp_path / "film.mp4"
    with serving(site) as server:
        path.write_bytes(b"mine")
        fetch("sync", server.url, job_at(server), path, overwrite=True)
        with pytest.raises(errors.InvalidRequestError, match="already exists"):
            fetch("sync", server.url, job_at(server), path)
        path.unlink()

        def appear(received: int, total: int | None) -> None:
            path.touch()

        with pytest.raises(errors.InvalidRequestError):
            fetch("sync", server.url, job_at(server), path, on_progress=appear)
        path.unlink()
        if not same:
            site.data, site.etag = OTHER, '"v2"'
        fetch("sync", server.url, job_at(server), path)
    assert path.read_bytes() == (FILM if same else OTHER)


@pytest.mark.parametrize("make", ["folder", "target is a folder", "target is a device"])
def test_an_impossible_target_is_told_before_anything_is_sent(make: str, tmp_path: Path) -> None:
    targets = {
        "folder": tmp_path / "nowhere" / "film.mp4",
        "target is a folder": tmp_path,
        "target is a device": Path(os.devnull),
    }
    site = Site(FILM)
    with serving(site) as server, pytest.raises(errors.InvalidRequestError):
        fetch("sync", server.url, job_at(server), targets[make], overwrite=True)
    assert site.asked == []
    assert Path(os.devnull).is_char_device()


@pytest.mark.parametrize("kind", ["sync", "asyncio"])
@pytest.mark.parametrize("obstacle", ["folder", "link"])
def test_a_part_that_cannot_be_written_is_told_before_anything_is_sent(
    obstacle: str, kind: str, tmp_path: Path
) -> None:
    part, victim = tmp_path / "film.mp4.part", tmp_path / "precious"
    victim.write_bytes(b"precious")
    if obstacle == "folder":
        part.mkdir()
    else:
        part.symlink_to(victim)
    site = Site(FILM)
    with serving(site) as server, pytest.raises(errors.OutputError) as caught:
        fetch(kind, server.url, job_at(server), tmp_path / "film.mp4")
    assert isinstance(caught.value, OSError)
    assert site.asked == []
    assert victim.read_bytes() == b"precious"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    site = Site(FILM)
    with serving(site) as server, pytest.raises(errors.OutputError):
        fetch("sync", server.url, job_at(server), folder / "film.mp4")
    assert site.asked == []


@contextmanager
def room_for(count: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("kind", ["sync", "asyncio"])
def test_on_a_full_disk_the_part_is_kept_and_gone_on_with(kind: str, tmp_path: Path) -> None:
    film = some_bytes(3 * MEGABYTE)
    site, path = Site(film), tmp_path / "film.mp4"
    with serving(site) as server:
        job = job_at(server, len(film))
        with room_for(MEGABYTE), pytest.raises(errors.OutputError):
            fetch(kind, server.url, job, path)
        assert (tmp_path / "film.mp4.part").stat().st_size == MEGABYTE
        assert len(site.asked) == 1  # more of it from elsewhere would not help
        fetch(kind, server.url, job, path)
    assert path.read_bytes() == film
    assert site.starts == [None, MEGABYTE]


@pytest.mark.parametrize("kind", ["sync", "asyncio"])
def test_what_had_come_when_the_user_stopped_it_is_gone_on_with(kind: str, tmp_path: Path) -> None:
    film = some_bytes(6 * MEGABYTE)
    site, path = Held(film, 4 * MEGABYTE), tmp_path / "film.mp4"
    calls: list[int] = []

    def stop(received: int, total: int | None) -> None:
        calls.append(received)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with serving(site) as server:
        with pytest.raises(KeyboardInterrupt):
            fetch(kind, server.url, job_at(server), path, on_progress=stop)
        site.let_go.set()
        had = (tmp_path / "film.mp4.part").stat().st_size
        fetch(kind, server.url, job_at(server), path)
    assert path.read_bytes() == film
    assert MEGABYTE <= had <= 4 * MEGABYTE
    assert site.starts == [None, had]


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_what_had_come_when_the_task_was_cancelled_is_gone_on_with(
    kind: str, tmp_path: Path
) -> None:
    film = some_bytes(3 * MEGABYTE)
    site, path = Held(film, 2 * MEGABYTE), tmp_path / "film.mp4"

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
        site.let_go.set()
        had = (tmp_path / "film.mp4.part").stat().st_size
        fetch(kind, server.url, job, path)
    assert path.read_bytes() == film
    assert 0 < had < 2 * MEGABYTE + 1
    assert site.starts == [None, had]


def test_the_file_gets_the_permissions_that_files_get(tmp_path: Path) -> None:
    (tmp_path / "any").touch()
    with serving(Site(FILM)) as server:
        path = fetch("sync", server.url, job_at(server), tmp_path / "film.mp4")
    assert path.stat().st_mode == (tmp_path / "any").stat().st_mode


def test_a_part_that_has_its_name_already_is_not_written_to(tmp_path: Path) -> None:
    """As after a kill between the two steps of giving it its name."""
    site, path = Site(FILM), tmp_path / "film.mp4"
    path.write_bytes(OTHER)
    os.link(path, tmp_path / "film.mp4.part")

    def look(received: int, total: int | None) -> None:
        assert path.read_bytes() == OTHER

    with serving(site) as server:
        fetch("sync", server.url, job_at(server), path, overwrite=True, on_progress=look)
    assert path.read_bytes() == FILM


@pytest.mark.parametrize("overwrite", [True, False])
def test_file_systems_without_links_do_as_well(
    overwrite: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_link(*_: object, **__: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", no_link)
    path = tmp_path / "film.mp4"
    with serving(Site(FILM)) as server:
        fetch("sync", server.url, job_at(server), path, overwrite=overwrite)
    assert path.read_bytes() == FILM
    assert left(tmp_path) == ["film.mp4"]


def into(kind: str, api: str, job: RenderJob, file: io.IOBase) -> int:
    """Download to an open file with a client of this kind."""
    if kind == "sync":
        with Client(TOKEN, base_url=api, retry=QUICK) as client:
            return client.render.download(job, file)

    async def main() -> int:
        async with AsyncClient(TOKEN, base_url=api, retry=QUICK) as client:
            return await client.render.download(job, file)

    return anyio.run(main, backend=kind)


@pytest.mark.parametrize("kind", KINDS)
def test_an_open_file_is_written_from_where_it_stands(kind: str, tmp_path: Path) -> None:
    site = Site(FILM, cuts=(1, 100_000, 50_000))
    with serving(site) as server, (tmp_path / "box").open("w+b") as file:
        file.write(b"before")
        assert into(kind, server.url, job_at(server), file) == len(FILM)
        assert not file.closed
        assert (tmp_path / "box").read_bytes() == b"before" + FILM
    assert site.starts == [None, 1, 100_001, 150_001]


def changes(answer: Answer) -> None:
    if answer.number > 1:
        answer.status, answer.body = 200, OTHER[:200_000]
        answer.headers |= {"Content-Length": "200000", "Content-Range": "", "ETag": '"v2"'}


@pytest.mark.parametrize("kind", ["sync", "asyncio"])
def test_an_open_file_goes_back_when_the_download_begins_anew(kind: str) -> None:
    file = io.BytesIO()
    file.write(b"before")
    with serving(Site(FILM, cuts=(250_000,), bend=changes)) as server:
        assert into(kind, server.url, job_at(server), file) == 200_000
    assert file.getvalue() == b"before" + OTHER[:200_000]


class Pipe(io.RawIOBase):
    """Takes a little at a time, and cannot go back."""

    def __init__(self) -> None:
        self.data = b""

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        assert isinstance(data, bytes)
        self.data += data[:5000]
        return len(data[:5000])


@pytest.mark.parametrize("kind", ["sync", "asyncio"])
def test_a_pipe_goes_on_after_a_cut_but_cannot_begin_anew(kind: str) -> None:
    with serving(Site(FILM, cuts=(100_000,))) as server:
        pipe = Pipe()
        assert into(kind, server.url, job_at(server), pipe) == len(FILM)
        assert pipe.data == FILM
    with (
        serving(Site(FILM, cuts=(100_000,), bend=changes)) as server,
        pytest.raises(errors.DownloadError, match="cannot seek"),
    ):
        into(kind, server.url, job_at(server), Pipe())


@pytest.mark.parametrize("kind", ["sync", "asyncio"])
@pytest.mark.parametrize("mode", ["w", "rb", "closed"])
def test_a_file_that_takes_no_bytes_is_told_before_anything_is_sent(
    mode: str, kind: str, tmp_path: Path
) -> None:
    (tmp_path / "box").touch()
    site = Site(FILM)
    with (tmp_path / "box").open("rb" if mode == "rb" else "w") as file:
        if mode == "closed":
            file.close()
        with serving(site) as server, pytest.raises(errors.InvalidRequestError):
            into(kind, server.url, job_at(server), file)  # type: ignore[arg-type]
    assert site.asked == []


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_writing_never_holds_the_event_loop_up(kind: str) -> None:
    """Each write waits until another task has run: written in the event loop, it never ends."""
    ticked = threading.Event()

    class Waits(io.BytesIO):
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
            anyio.create_task_group() as t,
        ):
            t.start_soon(tick)
            count = await client.render.download(job_at(server), Waits())
            t.cancel_scope.cancel()
        return count

    with serving(Site(some_bytes(3 * MEGABYTE))) as server:
        assert anyio.run(main, backend=kind) == 3 * MEGABYTE


def film(timeline: object, media: object, output: Path, **_: object) -> RenderResult:
    """Render nothing but the film."""
    output.write_bytes(FILM)
    return RenderResult(output, duration_ms=1000, size_bytes=len(FILM), width=160, height=120)


@pytest.fixture
def cinema(tmp_path: Path) -> Iterator[LocalBackend]:
    """A local backend whose every render is the film."""
    with LocalBackend(tmp_path / "state", render=film) as running:
        yield running


@pytest.fixture
def viewer(cinema: LocalBackend) -> Iterator[Client]:
    polling = Polling(interval_s=0.01)
    with Client(base_url=cinema.url, web_url=cinema.url, polling=polling, retry=QUICK) as client:
        yield client


@pytest.fixture
def finished(viewer: Client, clip: Path) -> RenderJob:
    session = viewer.sessions.create()
    session.upload(clip)
    session.send("mute the video")
    return session.export(deadline=60).job


RULES: dict[str, tuple[Callable[[], list[Fault]], list[int]]] = {
    "drop": (
        lambda: [Fault(kind="drop", path="/files/*", after_bytes=700, times=3)],
        [200, *[206] * 3],
    ),
    "no range": (
        lambda: [
            Fault(kind="drop", path="/files/*", after_bytes=700),
            Fault(kind="no_range", path="/files/*", times=None),
        ],
        [200, 200],
    ),
    "another tag": (
        lambda: [
            Fault(kind="drop", path="/files/*", after_bytes=700),
            Fault(kind="no_range", path="/files/*", nth=2),
            Fault(kind="headers", path="/files/*", nth=2, headers={"ETag": '"new"'}),
        ],
        [200, 200],
    ),
    "another tag on a piece": (
        lambda: [
            Fault(kind="drop", path="/files/*", after_bytes=700),
            Fault(kind="headers", path="/files/*", nth=2, headers={"ETag": '"new"'}),
        ],
        [200, 206, 200],
    ),
    "another range": (
        lambda: [
            Fault(kind="drop", path="/files/*", after_bytes=700),
            Fault(
                kind="headers", path="/files/*", nth=2, headers={"Content-Range": "bytes 0-9/10"}
            ),
        ],
        [200, 206, 200],
    ),
    "too short a length": (
        lambda: [Fault(kind="headers", path="/files/*", headers={"Content-Length": "700"})],
        [200, 200],
    ),
    "too long a length": (
        lambda: [Fault(kind="headers", path="/files/*", headers={"Content-Length": "99999999"})],
        [200, 200],
    ),
    "a truncated body": (
        lambda: [Fault(kind="truncate", path="/files/*", after_bytes=700)],
        [200, 206],
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_the_local_backend_can_be_as_odd(
    rule: str, cinema: LocalBackend, viewer: Client, finished: RenderJob, tmp_path: Path
) -> None:
    seen = len(cinema.requests)
    faults, statuses = RULES[rule]
    cinema.faults.add(*faults())
    path = viewer.render.download(finished, tmp_path / "film.mp4")
    assert path.read_bytes() == FILM
    assert [found.status for found in cinema.requests[seen:]] == statuses


def test_the_local_backends_two_places_agree_on_the_file(
    cinema: LocalBackend, viewer: Client, finished: RenderJob, tmp_path: Path
) -> None:
    cinema.faults.add(
        Fault(kind="drop", path="/files/*", after_bytes=700),
        Fault(kind="status", status=404, path="/files/*", nth=2),
    )
    path = viewer.render.download(finished, tmp_path / "film.mp4")
    assert [found.status for found in cinema.requests[-3:]] == [200, 404, 206]
    assert path.read_bytes() == FILM


@pytest.mark.skipif(os.name == "nt", reason="flock")
@pytest.mark.parametrize("flock", ["says yes to all", "is missing"])
def test_where_locks_cannot_be_trusted_two_downloads_to_one_name_never_mix(
    flock: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    def lie(descriptor: int, operation: int) -> None:
        if flock == "is missing":
            raise OSError(errno.ENOSYS, "not implemented")

    monkeypatch.setattr(fcntl, "flock", lie)
    films = [some_bytes(6 * MEGABYTE, name) for name in ("one", "other")]
    sites = [Held(film, 3 * MEGABYTE) for film in films]
    target = tmp_path / "film.mp4"
    with serving(sites[0]) as one, serving(sites[1]) as other, ThreadPoolExecutor(2) as pool:
        futures = [
            pool.submit(fetch, "sync", server.url, job_at(server), target, overwrite=True)
            for server in (one, other)
        ]
        for site in sites:
            assert site.halfway.wait(20)
        for site in sites:
            site.let_go.set()
        for future in futures:
            future.result()
    assert target.read_bytes() in films
    assert left(tmp_path) == ["film.mp4"]
