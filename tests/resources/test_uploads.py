"""Uploads over real sockets: every kind of source, with every client."""

from __future__ import annotations

import errno
import gc
import hashlib
import io
import itertools
import os
import statistics
import threading
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from nemovideo import AsyncClient, Client, Upload, errors
from nemovideo._support.clock import Clock
from nemovideo._uploads import files
from nemovideo._uploads.files import prepare
from nemovideo._uploads.multipart import CHUNK_BYTES, Multipart
from nemovideo.files import Source
from nemovideo.local import LocalBackend
from tests.support.blocking import KINDS, LOOPS, client_of
from tests.support.uploads import make_file


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_file(tmp_path_factory.mktemp("uploads") / "talk.mp4")


@pytest.fixture(scope="module")
def content(talk: Path) -> bytes:
    return talk.read_bytes()


@pytest.fixture
def large(talk: Path, tmp_path: Path) -> Path:
    """A file of several chunks: a clip followed by zeros."""
    path = tmp_path / "large.mp4"
    path.write_bytes(talk.read_bytes().ljust(5 * CHUNK_BYTES, b"\0"))
    return path


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def uploads(backend: LocalBackend) -> int:
    return sum(seen.path.startswith("/api/upload-video") for seen in backend.requests)


def pieces(data: bytes, size: int = 700) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def pipe(data: bytes) -> io.BufferedReader:
    """Return the reading end of a pipe with this data: a file that cannot seek."""
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb") as file:
            file.write(data)

    threading.Thread(target=write, daemon=True).start()
    return os.fdopen(reading, "rb")


def sources(path: Path) -> Iterator[tuple[Source, str]]:
    """Yield every kind of source for one file, with the name that it is sent under."""
    data = path.read_bytes()
    file = io.BytesIO(b"before it" + data)
    file.seek(9)
    yield path, path.name
    yield str(path), path.name
    yield data, "upload.mp4"
    yield bytearray(data), "upload.mp4"
    yield file, "upload.mp4"
    yield pieces(data), "upload.mp4"
    yield list(pieces(data)), "upload.mp4"
    yield pipe(data), "upload.mp4"
    yield Upload(path, name="named.mp4"), "named.mp4"
    yield Upload(pieces(data), name="streamed"), "streamed.mp4"
    yield Upload(data, name="odd.mp4", check=False), "odd.mp4"


def test_every_kind_of_source_is_uploaded_intact(client: Client, talk: Path) -> None:
    session, wanted = client.sessions.create(), sha256(talk.read_bytes())
    for source, name in sources(talk):
        (file,) = session.upload(source)
        assert (file.filename, file.hash) == (name, wanted)
        assert file.info == client.uploads.inspect(talk)
        if hasattr(source, "close"):
            source.close()


@pytest.mark.anyio
async def test_every_kind_of_source_is_uploaded_intact_by_the_async_client(
    backend: LocalBackend, talk: Path, content: bytes
) -> None:
    async def arriving() -> AsyncIterator[bytes]:
        for piece in pieces(content):
            await anyio.lowlevel.checkpoint()
            yield piece

    async with AsyncClient(base_url=backend.url) as client:
        session = await client.sessions.create()
        for source, name in (
            *sources(talk),
            (arriving(), "upload.mp4"),
            (Upload(arriving(), name="live.mp4"), "live.mp4"),
            (await anyio.open_file(talk, "rb"), "talk.mp4"),
        ):
            (file,) = await session.upload(source)
            assert (file.filename, file.hash) == (name, sha256(content))
            if isinstance(source, anyio.AsyncFile):
                await source.aclose()
            elif isinstance(source, io.IOBase):
                source.close()


def test_several_files_and_urls_go_in_one_call_and_keep_their_order(
    client: Client, backend: LocalBackend, talk: Path, tmp_path: Path
) -> None:
    session = client.sessions.create()
    picture = make_file(tmp_path / "a.png")
    (first,) = session.upload(talk)
    before = uploads(backend)
    found = session.upload(pieces(picture.read_bytes()), first.cdn_url, talk, picture.read_bytes())
    assert [file.file_type for file in found] == ["image", "video", "video", "image"]
    assert [file.info.format if file.info else None for file in found] == [
        "png",
        None,
        "mp4",
        "png",
    ]
    assert uploads(backend) == before + 2  # one with the files, one with the URLs


def test_two_sources_with_the_same_name_are_both_kept(
    client: Client, talk: Path, tmp_path: Path
) -> None:
    other = make_file(tmp_path / "talk.mp4", options={"movflags": "faststart"})
    found = client.sessions.create().upload(talk, other, Upload(talk, name="TALK.mp4"))
    assert [file.filename for file in found] == ["talk.mp4", "talk (2).mp4", "TALK (3).mp4"]
    assert [file.hash for file in found[:2]] == [
        sha256(path.read_bytes()) for path in (talk, other)
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_progress_covers_all_files_of_the_request(
    backend: LocalBackend, large: Path, kind: str
) -> None:
    seen: list[tuple[int, int]] = []
    with client_of(kind, base_url=backend.url) as client:
        session = client.sessions.create()
        session.upload(large, large, on_progress=lambda *now: seen.append(now))
    sent = [done for done, _ in seen]
    (total,) = {whole for _, whole in seen}
    assert sent == sorted(set(sent))
    assert sent[-1] == total > 2 * large.stat().st_size
    assert len(sent) > 6


class Paced(Clock):
    """A clock that advances by a fixed time with each reading."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._now = 0.0

    def monotonic(self) -> float:
        self._now += self._seconds
        return self._now


@pytest.fixture
def film(large: Path) -> Path:
    os.truncate(large, 16_000_000)
    return large


@pytest.mark.parametrize(
    ("seconds", "count", "kind"),
    [(0, 1024 * 1024, "sync"), (0.5, CHUNK_BYTES, "asyncio"), (9, 65536, "sync")],
)
def test_chunks_grow_with_the_speed_of_the_connection(
    backend: LocalBackend, film: Path, seconds: float, count: int, kind: str
) -> None:
    seen = [0]
    with client_of(kind, base_url=backend.url, clock=Paced(seconds)) as client:
        client.sessions.create().upload(film, on_progress=lambda sent, _: seen.append(sent))
    steps = [after - before for before, after in itertools.pairwise(seen)]
    assert statistics.mode(steps) == count


# --- before anything is sent ------------------------------------------------------------------


def endless(_: Path) -> Iterator[bytes]:
    while True:
        yield bytes(100_000)


def text_chunks(_: Path) -> list[str]:
    return ["a.mp4", "b.mp4"]


@pytest.mark.parametrize(
    ("bad", "cls"),
    [
        (endless, errors.FileTooLargeError),
        (lambda path: Upload(endless(path), name="x.mp4"), errors.FileTooLargeError),
        (text_chunks, errors.InvalidRequestError),
        (lambda path: pieces(b"some text, no video"), errors.UnsupportedFileError),
        (lambda path: pieces(path.read_bytes()[:-500]), errors.UnsupportedFileError),
        (lambda path: [], errors.UnsupportedFileError),
        (lambda path: path.with_name("none.mp4"), errors.SourceNotFoundError),
        (lambda path: Upload(path, name="talk.png"), errors.UnsupportedFileError),
        (lambda path: 7, errors.InvalidRequestError),
    ],
)
def test_nothing_is_sent_if_one_source_is_invalid(
    client: Client,
    backend: LocalBackend,
    talk: Path,
    monkeypatch: pytest.MonkeyPatch,
    bad: Callable[[Path], Source],
    cls: type[Exception],
) -> None:
    monkeypatch.setattr(files, "MAX_UPLOAD_BYTES", 1_000_000)
    with pytest.raises(cls):
        client.uploads.upload("1", talk, bad(talk), talk)
    assert backend.requests == ()


def test_a_stream_is_not_read_when_another_file_is_bad(client: Client, talk: Path) -> None:
    stream = pieces(talk.read_bytes())
    with pytest.raises(errors.SourceNotFoundError):
        client.uploads.upload("1", stream, talk.with_name("none.mp4"))
    assert b"".join(stream) == talk.read_bytes()


def test_the_users_own_error_is_raised(client: Client, backend: LocalBackend) -> None:
    def broken() -> Iterator[bytes]:
        yield b"\0\0\0\x14ftyp"
        raise LookupError("the camera has gone")

    with pytest.raises(LookupError, match="camera"):
        client.uploads.upload("1", broken())
    assert backend.requests == ()


def test_a_full_temporary_folder_is_reported(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.BytesIO):
        def write(self, chunk: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("tempfile.TemporaryFile", Full)
    with pytest.raises(errors.InvalidRequestError, match="No space") as caught:
        client.uploads.upload("1", pieces(b"x"))
    assert "TMPDIR" in caught.value.remedy


def test_an_async_iterable_needs_the_async_client(client: Client) -> None:
    async def arriving() -> AsyncIterator[bytes]:
        yield b""

    with pytest.raises(errors.InvalidRequestError, match="async iterable") as caught:
        client.uploads.upload("1", arriving())
    assert "AsyncClient" in caught.value.remedy


def test_the_deadline_ends_an_endless_stream(client: Client) -> None:
    with pytest.raises(errors.APITimeoutError):
        client.uploads.upload("1", endless(Path()), deadline=0.05)


@pytest.mark.anyio
async def test_the_deadline_ends_a_stream_that_is_silent(backend: LocalBackend) -> None:
    async def silent() -> AsyncIterator[bytes]:
        await anyio.sleep_forever()
        yield b""

    async with AsyncClient(base_url=backend.url) as client:
        for stream in (silent(), endless(Path())):
            with pytest.raises(errors.APITimeoutError):
                await client.uploads.upload("1", stream, deadline=0.05)


# --- while it is sent -------------------------------------------------------------------------


class Waiting(io.BytesIO):
    """A file that returns no data until the event loop has run."""

    def __init__(self, data: bytes, let_go: threading.Event) -> None:
        super().__init__(data)
        self._let_go = let_go

    def read(self, size: int | None = -1) -> bytes:
        assert self._let_go.wait(20), "the event loop is blocked"
        return super().read(size)


@pytest.mark.anyio
async def test_the_event_loop_keeps_running_while_files_are_read(
    backend: LocalBackend, content: bytes
) -> None:
    for make in (Waiting, lambda data, go: (go.wait(20) and c for c in pieces(data, 10_000))):
        let_go = threading.Event()
        async with (
            AsyncClient(base_url=backend.url) as client,
            anyio.create_task_group() as tasks,
        ):
            session = await client.sessions.create()

            async def release(event: threading.Event) -> None:
                await to_thread.run_sync(lambda: None)
                event.set()

            tasks.start_soon(release, let_go)
            (file,) = await session.upload(make(content, let_go))
            assert file.hash == sha256(content)


def test_after_a_renewed_token_even_a_stream_is_sent_again(
    client: Client, backend: LocalBackend, talk: Path
) -> None:
    session, before = client.sessions.create(), uploads(backend)
    backend.expire_tokens()
    (file,) = session.upload(pieces(talk.read_bytes()))
    assert file.hash == sha256(talk.read_bytes())
    assert uploads(backend) == before + 2


def kept(backend: LocalBackend) -> list[Path]:
    """Stop the backend, which ends its uploads, and return the files that it has kept."""
    state_dir = backend.state_dir
    backend.stop()
    return [path for path in state_dir.rglob("*.mp4") if path.is_file()]


def test_a_file_that_shrinks_during_its_upload_is_reported(
    client: Client, backend: LocalBackend, large: Path
) -> None:
    session = client.sessions.create()

    def cut(sent: int, total: int) -> None:
        os.truncate(large, 100)

    with pytest.raises(errors.SourceNotFoundError, match="truncated"):
        session.upload(large, on_progress=cut)
    assert list(session.state().video_infos) == []
    assert kept(backend) == []


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", LOOPS)
async def test_a_canceled_upload_leaves_no_partial_file(backend: LocalBackend, large: Path) -> None:
    async with AsyncClient(base_url=backend.url) as client:
        session = await client.sessions.create()
        file = large.open("rb")
        with file, anyio.CancelScope() as scope:
            await session.upload(file, on_progress=lambda *_: scope.cancel())
        assert scope.cancelled_caught
        assert list((await session.state()).video_infos) == []
    assert kept(backend) == []


@pytest.mark.parametrize("megabytes", [1, 6])
def test_a_lower_size_limit_of_the_server_is_reported(
    tmp_path: Path, talk: Path, megabytes: int
) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(talk.read_bytes().ljust(megabytes * 1_000_000, b"\0"))
    with (
        LocalBackend(tmp_path / "state", max_upload_bytes=500_000, engine="fast") as backend,
        Client(base_url=backend.url) as client,
    ):
        session = client.sessions.create()
        with pytest.raises(errors.FileTooLargeError):
            session.upload(path)
        assert kept(backend) == []


def test_temporary_files_are_removed_with_the_upload(
    client: Client, talk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spools: list[files.Spool] = []
    monkeypatch.setattr(files.Spool, "_open", _remember(spools, files.Spool._open))
    client.sessions.create().upload(pieces(talk.read_bytes()))
    (file,) = [spool._file for spool in spools]
    spools.clear()
    gc.collect()
    assert file.closed


def _remember(
    spools: list[files.Spool], open_: Callable[[files.Spool], object]
) -> Callable[[files.Spool], object]:
    def opened(spool: files.Spool) -> object:
        spools.append(spool)
        return open_(spool)

    return opened


# --- the body ---------------------------------------------------------------------------------


def test_the_content_length_is_that_of_the_body(large: Path, talk: Path) -> None:
    body = Multipart([prepare(large), prepare(talk), prepare(talk.read_bytes())])
    assert sum(map(len, body.chunks())) == body.size_bytes
    assert body.headers["Content-Length"] == str(body.size_bytes)


def test_a_body_takes_the_memory_of_a_few_chunks(tmp_path: Path, talk: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(talk.read_bytes())
    os.truncate(path, 60_000_000)
    body = Multipart([prepare(path)])
    tracemalloc.start()
    try:
        assert sum(map(len, body.chunks())) > 60_000_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * CHUNK_BYTES


def head_of(part: Upload) -> list[str]:
    lines = next(Multipart([part]).chunks()).decode().split("\r\n")
    assert lines[-2:] == ["", ""]
    return lines[:-2]


def test_a_name_cannot_add_headers_to_its_part(talk: Path) -> None:
    name = 'a"\r\nX-Evil: 1\r\n\r\n"; filename="b\u2028\0.mp4'
    boundary, disposition, content_type = head_of(prepare(Upload(talk, name=name)))
    assert boundary.startswith("--")
    start, filename = disposition.split(' filename="')
    assert start == 'Content-Disposition: form-data; name="files";'
    assert filename.count('"') == 1
    assert filename.endswith('.mp4"')
    assert content_type == "Content-Type: video/mp4"
