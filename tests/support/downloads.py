"""A scriptable server of one file, and clients that download from it."""

from __future__ import annotations

import hashlib
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import attrs

from nemovideo import AsyncClient, Client
from nemovideo.models import RenderJob
from nemovideo.retry import RetryPolicy
from tests.support.servers import TOKEN, RawServer, raw_server

QUICK = RetryPolicy(attempts=3, initial_s=0.001, max_s=0.002)


def some_bytes(count: int, seed: str = "film") -> bytes:
    """Return pseudorandom bytes, the same for each seed."""
    return hashlib.shake_256(seed.encode()).digest(count)


@attrs.frozen
class ReceivedRequest:
    """A request that the server received."""

    path: str
    headers: dict[str, str]

    @property
    def start(self) -> int | None:
        """The first byte of the range, or None without a range."""
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        return int(found[1]) if found else None


@attrs.define
class ServedResponse:
    """The response that the server is about to send; `change` may edit it."""

    number: int
    request: ReceivedRequest
    status: int
    headers: dict[str, str]
    body: bytes
    cut_at: int | None = None


class Site:
    """Serves `data` with ranges and validators; `change` edits responses before they are sent.

    Attributes:
        cuts: For each request, the number of bytes of the body before the connection drops, or
            None.
        requests: The received requests.
        sent: The number of bytes of each response's body.
    """

    def __init__(
        self,
        data: bytes,
        *,
        etag: str = '"v1"',
        modified: str = "",
        cuts: tuple[int | None, ...] = (),
        change: Callable[[ServedResponse], None] = lambda response: None,
    ) -> None:
        self.data = data
        self.etag = etag
        self.modified = modified
        self.cuts = list(cuts)
        self.change = change
        self.requests: list[ReceivedRequest] = []
        self.sent: list[int] = []

    def __call__(self, connection: socket.socket, head: bytes) -> None:
        first, *lines = head.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        request = ReceivedRequest(
            first.split()[1], {k.strip().lower(): v.strip() for k, _, v in pairs}
        )
        self.requests.append(request)
        response = self._response(request)
        response.cut_at = self.cuts.pop(0) if self.cuts else None
        self.change(response)
        self.sent.append(
            len(response.body if response.cut_at is None else response.body[: response.cut_at])
        )
        written = "".join(
            f"{name}: {value}\r\n" for name, value in response.headers.items() if value
        )
        connection.sendall(f"HTTP/1.1 {response.status} So\r\n{written}\r\n".encode("latin-1"))
        connection.sendall(response.body[: response.cut_at])

    def _response(self, request: ReceivedRequest) -> ServedResponse:
        headers = {"ETag": self.etag, "Last-Modified": self.modified, "Connection": "close"}
        fresh = request.headers.get("if-range") in (None, self.etag, self.modified)
        start, total = request.start, len(self.data)
        if start is None or not fresh:
            status, body = 200, self.data
        elif start >= total:
            status, body = 416, b""
            headers["Content-Range"] = f"bytes */{total}"
        else:
            status, body = 206, self.data[start:]
            headers["Content-Range"] = f"bytes {start}-{total - 1}/{total}"
        headers["Content-Length"] = str(len(body))
        return ServedResponse(len(self.requests), request, status, headers, body)

    @property
    def starts(self) -> list[int | None]:
        """The first byte of each request; see `ReceivedRequest.start`."""
        return [request.start for request in self.requests]


@contextmanager
def serving(site: Site) -> Iterator[RawServer]:
    """Serve a site."""
    with raw_server(site) as server:
        yield server


def job_at(
    server: RawServer | None, size: int | None = None, path: str = "/film.mp4", name: str = "r1"
) -> RenderJob:
    """Return a finished job with a link to this server, or without a link."""
    url = None if server is None else f"{server.url}{path}"
    return RenderJob(id=name, status="completed", url=url, size_bytes=size)


def fetch(
    kind: str,
    api: str,
    job: RenderJob,
    target: Path,
    *,
    overwrite: bool = False,
    on_progress: Callable[[int, int | None], None] | None = None,
    retry: RetryPolicy = QUICK,
    timeout_s: float = 60.0,
    deadline: float | None = None,
) -> Path:
    """Download with a client of a kind in `KINDS`."""
    options: Any = {"base_url": api, "retry": retry, "timeout_s": timeout_s, "allow_http": True}
    wanted: Any = {"overwrite": overwrite, "deadline": deadline}
    if kind == "sync":
        with Client(TOKEN, **options) as client:
            return client.render.download(job, target, on_progress, **wanted)

    async def main() -> Path:  # in this thread, so that it can be interrupted
        async with AsyncClient(TOKEN, **options) as client:
            return await client.render.download(job, target, on_progress, **wanted)

    return anyio.run(main, backend=kind)
