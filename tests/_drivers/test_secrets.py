"""The token is never in a log, an error or a URL, and never sent to another host."""

from __future__ import annotations

import asyncio
import logging
import pickle
import socket
import stat
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from nemovideo import AsyncClient, Client, Draft, RetryPolicy, errors
from nemovideo.hooks import RequestInfo, ResponseInfo
from nemovideo.models import RenderJob
from tests.support.blocking import client_of
from tests.support.servers import BALANCE, PNG, TOKEN, raw_response, raw_server

LOGGERS = ("httpx", "nemovideo", "asyncio", "anyio")
"""This does not include httpcore, which logs all response headers at DEBUG."""
QUICK = RetryPolicy(attempts=2, initial_s=0.001)


class LogCapture(logging.Handler):
    """Collects all log records except those of httpcore."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("httpcore"):
            return
        self.lines.append(f"{record.name} {record.getMessage()} {record.args!r} {record.exc_info}")


@contextmanager
def captured_logs() -> Iterator[LogCapture]:
    handler = LogCapture()
    root = logging.getLogger()
    levels = {name: logging.getLogger(name).level for name in (None, *LOGGERS)}
    root.addHandler(handler)
    for name in levels:
        logging.getLogger(name).setLevel(logging.DEBUG)
    try:
        yield handler
    finally:
        root.removeHandler(handler)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def echo_token(connection: socket.socket, head: bytes) -> None:
    """Answer each request differently, with its token in every possible place."""
    line = head.split(b"\r\n", 1)[0]
    token = next(
        (part.split(b" ")[-1] for part in head.split(b"\r\n") if b"uthorization" in part), b"none"
    )
    header = b"X-Request-Id: r-" + token + b"\r\nX-Echo: " + token + b"\r\n"
    if b"balance" in line:
        raw = raw_response(BALANCE)
    elif b"/latest" in line:
        raw = raw_response(b'{"detail": "bad token ' + token + b'"}', "403 Forbidden")
    elif b"with-session" in line:
        raw = raw_response(b"<title>" + token + b"</title>", "502 Bad Gateway", "text/html")
    elif b"claim-token" in line:
        raw = raw_response(b"not JSON: " + token)
    elif b"/lambda/reset" in line:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n" + header + b"\r\n{")
        return
    elif b"/lambda/garbage" in line:
        connection.sendall(b"HTTP/1.1 200 " + token + b"\r\nbad header " + token + b"\r\n\r\n")
        return
    elif b"anonymous-token" in line:
        raw = raw_response({"code": 0, "data": {"token": TOKEN, "user_id": "anon_1"}})
    elif b"/run_sse" in line:
        raw = raw_response(b'{"code": 77, "message": "' + token + b'"}')
    elif b"/lambda " in line:
        raw = raw_response({"id": "r", "status": "completed", "progress": "no " + token.decode()})
    elif b"POST" in line:
        raw = raw_response(b'{"files": "' + token + b'"}')
    else:
        raw = raw_response({"detail": "?"}, "404 Not Found")
    status, _, rest = raw.partition(b"\r\n")
    connection.sendall(status + b"\r\n" + header + b"Connection: close\r\n" + rest)


DRAFT = Draft.from_json({"t": [{"tt": 0, "sg": [{"d": 1}]}]})
CALLS: list[Callable[[Client], object]] = [
    lambda c: c.credits.balance(),
    lambda c: c.state.get("1"),
    lambda c: c.sessions.create(),
    lambda c: c.auth.claim_token(SimpleNamespace(id="1", task_id="2")),
    lambda c: c.render.get("reset"),
    lambda c: c.render.get("garbage"),
    lambda c: c.render.submit("1", DRAFT),
    lambda c: c.uploads.upload("1", PNG),
    lambda c: c.agent.send("1", "hello"),
    lambda c: c.auth.token(),
]


def visible_texts(url: str, given: bool, config: Path) -> Iterator[str]:
    """Call everything with both clients; yield all logs, errors and representations."""
    seen: list[RequestInfo | ResponseInfo] = []
    options = {"base_url": url, "retry": QUICK, "config_dir": config}
    hooks = {"on_request": seen.append, "on_response": seen.append}
    caught: list[errors.NemoError] = []

    async def main() -> None:
        async with AsyncClient(TOKEN if given else None, **options, **hooks) as client:  # type: ignore[arg-type]
            texts.append(repr(client))
            for call in CALLS:
                try:
                    result = call(client)  # type: ignore[arg-type]
                    if asyncio.iscoroutine(result):
                        await result
                except errors.NemoError as error:
                    caught.append(error)

    texts: list[str] = []
    with captured_logs() as logs:
        with Client(TOKEN if given else None, **options, **hooks) as client:  # type: ignore[arg-type]
            texts += [repr(client), repr(client._context), repr(client._settings)]
            texts.append(repr(client.auth.token()))
            for call in CALLS:
                try:
                    texts.append(repr(call(client)))
                except errors.NemoError as error:
                    caught.append(error)
        asyncio.run(main(), debug=True)
    assert len(caught) > 8
    assert any(line.startswith("nemovideo POST") for line in logs.lines)
    yield from logs.lines
    yield from texts
    yield from map(repr, seen)
    for failure in caught:
        link: BaseException | None = failure
        yield "".join(traceback.format_exception(failure))
        report = traceback.TracebackException.from_exception(failure, capture_locals=True)
        yield "".join(report.format())
        yield repr(pickle.dumps(failure))
        while link is not None:
            yield f"{link!s} {link!r} {vars(link)!r}"
            yield repr(pickle.dumps(link))
            link = link.__cause__ or link.__context__


def leaks(tmp_path: Path, given: bool = True) -> list[str]:
    with raw_server(echo_token) as server:
        texts = list(visible_texts(server.url, given, tmp_path / "config"))
        lines = [head.split(b"\r\n", 1)[0].decode() for head in server.heads]
    assert len(lines) > 20
    canary = TOKEN.removeprefix("nmv_usr_")
    return [text for text in (*texts, *lines) if canary in text]


@pytest.mark.parametrize("given", [True, False], ids=["given", "anonymous"])
def test_the_token_is_never_visible(tmp_path: Path, given: bool) -> None:
    assert leaks(tmp_path, given) == []
    holders = [
        path
        for path in tmp_path.rglob("*")
        if path.is_file() and TOKEN.encode() in path.read_bytes()
    ]
    assert [path.name for path in holders] == ([] if given else ["tokens.json"])
    for path in holders:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_token_of_another_form_is_never_visible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.TOKEN", "gateway-key-0815")
    assert leaks(tmp_path) == []


@pytest.mark.parametrize("kind", ["sync", "asyncio"])
def test_links_and_redirects_never_send_the_token_to_another_origin(
    tmp_path: Path, kind: str
) -> None:
    def cdn(connection: socket.socket, head: bytes) -> None:
        connection.sendall(raw_response(b"the video", kind="video/mp4"))

    with raw_server(cdn) as other:

        def api(connection: socket.socket, head: bytes) -> None:
            target = other.url.replace("127.0.0.1", "localhost")
            connection.sendall(
                f"HTTP/1.1 307 Go\r\nLocation: {target}/moved\r\nContent-Length: 0\r\n\r\n".encode()
            )

        with raw_server(api) as server:
            link = f"{other.url}/file.mp4"
            linked = RenderJob(id="r", status="completed", url=link)
            moved = RenderJob(id="r", status="completed", url=f"{server.url}/link.mp4")
            unlinked = RenderJob(id="r", status="completed", url=None)
            with client_of(kind, token=TOKEN, base_url=server.url, retry=QUICK) as client:
                client.render.download(linked, tmp_path / "a.mp4")
                client.render.download(moved, tmp_path / "b.mp4")
                with pytest.raises(errors.APIError):
                    client.render.download(unlinked, tmp_path / "c.mp4")
                with pytest.raises(errors.APIError):
                    client.credits.balance()
            assert len(other.heads) == 2
            assert TOKEN.encode() not in b"".join(other.heads)
            assert b"X-Skill" not in other.heads[0]
            assert TOKEN.encode() in b"".join(server.heads)
    assert (tmp_path / "b.mp4").read_bytes() == b"the video"


def test_server_names_never_escape_the_target_folder(tmp_path: Path) -> None:
    target = tmp_path / "videos"
    target.mkdir()

    def cdn(connection: socket.socket, head: bytes) -> None:
        raw = raw_response(b"the video", kind="video/mp4")
        name = b'Content-Disposition: attachment; filename="../../evil.mp4"\r\n'
        connection.sendall(raw.replace(b"Content-Type", name + b"Content-Type", 1))

    with raw_server(cdn) as server, Client(TOKEN, base_url=server.url) as client:
        evil = f"{server.url}/..%2f..%2fevil.mp4"
        job = RenderJob(id="../../evil", status="completed", url=evil)
        client.render.download(job, target / "mine.mp4")
    assert [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.mp4")] == ["videos/mine.mp4"]


def test_a_url_with_a_password_is_rejected_without_showing_it() -> None:
    with pytest.raises(errors.InvalidRequestError) as caught:
        Client(TOKEN, base_url="https://user:hunter2@api.test")
    assert "hunter2" not in str(caught.value)
