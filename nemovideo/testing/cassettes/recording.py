"""Recording: clients whose traffic is written to a cassette when the block ends."""

from __future__ import annotations

import base64
import json
import os
import re
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import attrs

from nemovideo._config.settings import Settings
from nemovideo._config.setup import settings_from
from nemovideo._drivers.cassette import (
    Capture,
    Record,
    Recorder,
    SentRequest,
)
from nemovideo._drivers.http import AsyncClient as AsyncHTTPClient
from nemovideo._drivers.http import SyncClient as HTTPClient
from nemovideo._support.annotations import Self, Unpack
from nemovideo._support.json_text import read_json
from nemovideo._wire.envelopes import REQUEST_ID_HEADERS
from nemovideo.client import AsyncClient, Client
from nemovideo.errors import InvalidRequestError
from nemovideo.options import Options
from nemovideo.testing.cassettes import tape
from nemovideo.testing.cassettes.redaction import Redactor
from nemovideo.testing.cassettes.tape import (
    File,
    Interaction,
    RecordedRequest,
    RecordedResponse,
    Tape,
)

KEEP_BYTES = 32 * 1024 * 1024
"""The largest body that a cassette keeps by default."""

_HEADERS = ("content-type", "location", "retry-after", *REQUEST_ID_HEADERS)


class Recording:
    """A session that is being recorded; see `record`."""

    def __init__(
        self, path: Path, redact: Iterable[str | re.Pattern[str]], keep_bytes: int
    ) -> None:
        self.path = path
        self._redactor = Redactor(redact)
        self._keep_bytes = keep_bytes
        self._guard = threading.Lock()
        self._captures: list[Capture] = []
        self._first: tuple[Settings, float] | None = None

    def __enter__(self) -> Self:
        if not self.path.parent.is_dir():
            raise InvalidRequestError(
                f"there is no folder {self.path.parent}", remedy="Create it first."
            )
        return self

    def __exit__(self, *_: object) -> None:
        self.save()

    def client(self, token: str | None = None, **options: Unpack[Options]) -> Client:
        """Return a client whose traffic is recorded; the arguments are those of `Client`."""
        http_client = HTTPClient(transport=Recorder(self._begin(token, options)))
        return Client(token, http_client=http_client, **options)

    def async_client(self, token: str | None = None, **options: Unpack[Options]) -> AsyncClient:
        """Return an async client whose traffic is recorded."""
        http_client = AsyncHTTPClient(transport=Recorder(self._begin(token, options)))
        return AsyncClient(token, http_client=http_client, **options)

    def save(self) -> None:
        """Write what was recorded so far, as at the end of the block."""
        if self._first is None:
            return
        settings, recorded_at = self._first
        with self._guard:
            captures = list(self._captures)
        for capture in captures:
            self._learn(capture)
        tape.write(
            Tape(
                recorded_at=recorded_at,
                base_url=self._redactor.text(settings.base_url),
                web_url=self._redactor.text(settings.web_url),
                interactions=tuple(
                    Interaction(self._request(capture), self._response(capture))
                    for capture in captures
                ),
            ),
            self.path,
        )

    def _begin(self, token: str | None, options: Options) -> Record:
        settings = settings_from(token, options)
        self._redactor.add(settings.token)
        self._first = self._first or (settings, round(settings.clock.time(), 3))

        def begin(sent: SentRequest) -> Capture:
            capture = Capture(sent, settings.clock, self._keep_bytes)
            with self._guard:
                self._captures.append(capture)
            return capture

        return begin

    def _learn(self, capture: Capture) -> None:
        """Find the secrets in a request and its response."""
        headers = capture.sent.headers
        self._redactor.add(headers.get("authorization", "").removeprefix("Bearer "))
        self._redactor.add(headers.get("x-client-id"))
        self._redactor.learn(json.dumps(RecordedRequest.of(capture.sent).json, ensure_ascii=False))
        # A stream may end within a character; any other body that is not UTF-8 is not text.
        errors = "replace" if _is_stream(capture) else "strict"
        with suppress(UnicodeDecodeError):
            self._redactor.learn(_body(capture).decode("utf-8", errors))

    def _request(self, capture: Capture) -> RecordedRequest:
        redactor, request = self._redactor, RecordedRequest.of(capture.sent)
        return attrs.evolve(
            request,
            url=redactor.text(request.url),
            headers=redactor.headers(request.headers),
            json=redactor.json(request.json),
            files=tuple(File(redactor.text(file.filename), file.size) for file in request.files),
        )

    def _response(self, capture: Capture) -> RecordedResponse:
        """Return the response with its body in the most readable form."""
        response = RecordedResponse(
            status=capture.status,
            headers=self._redactor.headers(
                {name: value for name, value in capture.headers.items() if name in _HEADERS}
            ),
            disconnected=capture.disconnected,
            error=None if capture.error is None else self._redactor.text(capture.error),
        )
        if capture.size and not capture.chunks:
            return attrs.evolve(response, size=capture.size)
        if _is_stream(capture):
            lines = [
                (round(at, 3), self._redactor.text(line.decode("utf-8", "surrogateescape")))
                for at, line in whole_lines(capture.chunks)
            ]
            return attrs.evolve(response, stream=tuple(lines))
        body = _body(capture)
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            return attrs.evolve(response, base64=base64.b64encode(body).decode("ascii"))
        try:
            value = self._redactor.json(read_json(text))
        except ValueError:
            value = None
        if value is None:
            return attrs.evolve(response, text=self._redactor.text(text) if text else None)
        return attrs.evolve(response, json=value)


def whole_lines(chunks: Sequence[tuple[float, bytes]]) -> list[tuple[float, bytes]]:
    """Return the chunks cut at line ends, so that no secret is split between two of them."""
    found: list[tuple[float, bytes]] = []
    rest: list[bytes] = []
    for at, chunk in chunks:
        head, newline, tail = chunk.rpartition(b"\n")
        if newline:
            found.append((at, b"".join([*rest, head, newline])))
            rest.clear()
        rest.append(tail)
    last = b"".join(rest)
    return [*found, (chunks[-1][0], last)] if last else found


def _body(capture: Capture) -> bytes:
    return b"".join(chunk for _, chunk in capture.chunks)


def _is_stream(capture: Capture) -> bool:
    return capture.headers.get("content-type", "").lower().startswith("text/event-stream")


def record(
    path: str | os.PathLike[str],
    *,
    redact: Iterable[str | re.Pattern[str]] = (),
    keep_bytes: int = KEEP_BYTES,
) -> Recording:
    """Record a session to a file that `replay` plays back.

    `with record("talk.json") as cassette, cassette.client() as client: …`

    All traffic of the cassette's clients is written to `path` when the block ends, even after an
    error: streams with the time of each line, uploads as names and sizes. Tokens, client and user
    ids, email addresses and URL query strings are replaced with placeholders; a given value always
    gets the same one. Messages to the agent and file names are kept.

    Args:
        path: The file; an existing one is replaced.
        redact: What else to replace: strings, and patterns (their group `secret`, otherwise the
            whole match).
        keep_bytes: The largest body that is kept; the default is 32 MiB.

    Raises:
        InvalidRequestError: The folder of `path` does not exist.
    """
    return Recording(Path(path), redact, keep_bytes)
