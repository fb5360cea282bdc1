"""`local_files=False`: strings are never paths or URLs, and URLs must be public."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nemovideo import AsyncClient, Client, Upload
from nemovideo._language.phrases import CHINESE, ENGLISH
from nemovideo._uploads import trust
from nemovideo.errors import InvalidRequestError, NemoError
from nemovideo.local.agent.turn import Turn
from nemovideo.local.media.probe import MediaItem
from tests.support.app import open_gate, opening, probe, respond
from tests.support.media import make_clip
from tests.support.origin import origin, reply

MESSAGES: list[str] = []


def recorder(text: str, **more: Any) -> Turn:
    """Record the message, and make an edit."""
    MESSAGES.append(text)
    return respond(f"edit {text}", **more)


def probe_any(path: Path, name: str, *, id: str) -> MediaItem:  # noqa: A002
    return MediaItem(id, name, path, "video", path.stat().st_size, duration_ms=1000)


def local(**options: Any) -> Client:
    MESSAGES.clear()
    fakes = {
        "respond": recorder,
        "render": open_gate(),
        "opening": opening,
        "probe": probe_any,
    }
    return Client.local(**{**fakes, "local_files": False, **options})


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """A client with `local_files=False`, and its backend."""
    with local() as client:
        yield client


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips") / "talk.mp4", seconds=0.2)


def uploads(client: Client) -> int:
    assert client.backend is not None
    return sum("/upload-video/" in seen.path for seen in client.backend.requests)


CALLS: dict[str, Callable[[Client, Any, Path], object]] = {
    "source": lambda client, text, here: client.remove_background(text),
    "upload": lambda client, text, here: client.sessions.create().upload(text),
    "one of several": lambda client, text, here: client.sessions.create().upload(b"x", text),
    "inspect": lambda client, text, here: client.uploads.inspect(text),
    "job": lambda client, text, here: client.jobs.remove_background(
        text, checkpoint=here / "job.json"
    ),
    "batch": lambda client, text, here: client.batch.remove_backgrounds(text, here / "out"),
    "batch of some": lambda client, text, here: client.batch.remove_backgrounds(
        iter([text]), here / "out"
    ),
}


@pytest.mark.parametrize("call", CALLS)
def test_no_call_accepts_a_string_as_a_file(
    client: Client, clip: Path, tmp_path: Path, call: str
) -> None:
    missing, url = str(tmp_path / "no.mp4"), "http://127.0.0.1/a.mp4"
    sources: list[Any] = [str(clip), missing, str(clip.parent), url]
    if "batch" not in call:  # batches accept only paths
        sources.append(Upload(str(clip)))
    before = uploads(client)
    for source in sources:
        with pytest.raises(InvalidRequestError, match="local_files=False") as caught:
            CALLS[call](client, source, tmp_path)
        assert str(clip.parent) not in str(caught.value)
    assert uploads(client) == before


@pytest.mark.parametrize("url", ["http://[a/b.mp4", "https://a:99999/b.mp4", "http:///b.mp4"])
def test_an_invalid_url_is_refused_before_anything_is_sent(
    clip: Path, tmp_path: Path, url: str
) -> None:
    with local(local_files=True) as client:
        session = client.sessions.create()
        before = uploads(client)
        calls: list[Callable[[], object]] = [
            *(partial(call, client, url, tmp_path) for call in CALLS.values()),
            lambda: client.remove_background(clip, background=url),
            lambda: client.uploads.upload_urls(session.id, url),
        ]
        for call in calls:
            with pytest.raises(InvalidRequestError):
                call()
        session.conversation().say(f"upload {url}")
        assert uploads(client) == before


def test_the_async_client_accepts_no_string_as_a_file_either(clip: Path) -> None:
    async def main() -> None:
        async with AsyncClient("nmv_usr_x", local_files=False) as client:
            with pytest.raises(InvalidRequestError, match="local_files=False"):
                await client.remove_background(str(clip))

    asyncio.run(main())


@pytest.mark.parametrize("text", ["{}", "file://{}", "http://127.0.0.1/beach.png"])
def test_a_background_that_looks_like_a_path_is_a_description(
    clip: Path, tmp_path: Path, text: str
) -> None:
    (tmp_path / "beach.png").write_bytes(b"secret")
    words = text.format(tmp_path / "beach.png")
    with local() as client:
        client.remove_background(clip, background=words)
        assert [f"replace the background with {words}"] == MESSAGES
        assert uploads(client) == 1


def test_paths_bytes_and_open_files_are_files(clip: Path) -> None:
    with local() as client, clip.open("rb") as file:
        session = client.sessions.create()
        session.upload(clip, clip.read_bytes(), file, Upload(clip, name="again.mp4"))
        client.remove_background(clip, background=clip)
        assert MESSAGES[0].startswith("replace the background with the uploaded file")


@pytest.mark.parametrize("named", ["{}", "file://{}", "https://example.com/a.mp4", "./a.mp4"])
def test_a_conversation_accepts_no_path_or_link_in_a_message(
    client: Client, clip: Path, tmp_path: Path, named: str
) -> None:
    before = uploads(client)
    talk = client.sessions.create().conversation(output_dir=tmp_path)
    assert talk.say(f"upload {named.format(clip)}").text == ENGLISH.no_files_named
    assert talk.say(f"上传 {named.format(clip)}").text == CHINESE.no_files_named
    assert uploads(client) == before
    assert isinstance(talk.say("here", attachments=[str(clip)]).error, InvalidRequestError)
    assert "Uploaded" in talk.say("here", attachments=[clip]).text


def test_an_untrusted_conversation_of_a_trusting_client_accepts_public_links(clip: Path) -> None:
    with local(local_files=True) as client, origin(reply(b"VIDEO")) as inside:
        session = client.sessions.create()
        talk = session.conversation(local_files=False)
        assert isinstance(talk.say(f"upload {inside.url}/a.mp4").error, InvalidRequestError)
        assert inside.requests.empty()
        (sent,) = session.upload(clip)
        assert "Uploaded" in talk.say(f"upload {sent.cdn_url}").text


def test_private_urls_are_refused_before_anything_is_sent(client: Client) -> None:
    before = uploads(client)
    with origin(reply(b"VIDEO")) as inside:
        port = inside.url.rpartition(":")[2]
        for url in (
            f"http://127.0.0.1:{port}/a.mp4",
            f"http://localhost:{port}/a.mp4",
            f"http://[::1]:{port}/a.mp4",
            "http://169.254.169.254/latest/a.mp4",
            f"http://0x7f000001:{port}/a.mp4",
            f"http://2130706433:{port}/a.mp4",
            "http://name-that-does-not-exist.invalid/a.mp4",
            "http://127.0.0.1:99999/a.mp4",
        ):
            with pytest.raises(InvalidRequestError):
                client.uploads.upload_urls("1", url)
        assert inside.requests.empty()
    assert uploads(client) == before


def test_the_backend_checks_every_resolved_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trust, "resolves_to_public", lambda host, port: True)  # DNS rebinding
    with local() as client, origin(reply(b"VIDEO")) as inside:
        session = client.sessions.create()
        with pytest.raises(NemoError, match="public internet"):
            client.uploads.upload_urls(session.id, f"{inside.url}/a.mp4")
        assert inside.requests.empty()


def test_private_urls_can_be_allowed() -> None:
    with local(private_urls=True, probe=probe) as client, origin(reply(b"VIDEO")) as inside:
        session = client.sessions.create()
        (file,) = client.uploads.upload_urls(session.id, f"{inside.url}/a.mp4")
        assert file.filename == "a.mp4"


def test_copies_and_pickles_keep_the_option(client: Client, clip: Path) -> None:
    for copy in (client.with_options(deadline=9), pickle.loads(pickle.dumps(client))):
        with pytest.raises(InvalidRequestError, match="local_files=False"):
            copy.uploads.inspect(str(clip))
    trusting = client.with_options(local_files=True)
    assert trusting.uploads.inspect(str(clip)).format == "mp4"
    with pytest.raises(InvalidRequestError, match="local_files=False"):
        trusting.with_options(local_files=False).uploads.inspect(str(clip))


class RecordingExecutor(Executor):
    """An executor that records the submitted jobs without running them."""

    def __init__(self) -> None:
        self.places: list[Any] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.places.append(args[0])
        future: Future[Any] = Future()
        future.set_exception(RuntimeError("not here"))
        return future


def test_batch_workers_get_the_option(client: Client, clip: Path, tmp_path: Path) -> None:
    executor = RecordingExecutor()
    client.batch.remove_backgrounds(clip, tmp_path / "out", executor=executor)
    settings = pickle.loads(pickle.dumps(executor.places[0])).options
    assert (settings["local_files"], settings["private_urls"]) == (False, False)
