"""Recording: clients whose traffic is kept, and written to a cassette when the block ends."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import attrs

from nemovideo._config.settings import Settings
from nemovideo._drivers.recorded import Begin
from nemovideo._support.annotations import Self, Unpack
from nemovideo._support.clock import Clock
from nemovideo._support.json_text import read_json
from nemovideo._wire.envelopes import REQUEST_ID_HEADERS
from nemovideo.client import AsyncClient, Client
from nemovideo.errors import InvalidRequestError
from nemovideo.options import Options
from nemovideo.testing.cassettes import tape
from nemovideo.testing.cassettes.multipart import MultipartReader
from nemovideo.testing.cassettes.redaction import Redactor
from nemovideo.testing.cassettes.tape import Answered, Asked, Interaction, Tape

KEEP_BYTES = 32 * 1024 * 1024
"""The largest body that a cassette holds; of a larger one it has size and hash."""

_ASKED_HEADERS = ("accept", "authorization", "content-type", "x-client-id")
_ANSWERED_HEADERS = ("content-type", "location", "retry-after", *REQUEST_ID_HEADERS)


class Incoming:
    """One request as it is sent; both transports show it what passes."""

    def __init__(self, method: str, url: str, headers: Mapping[str, str]) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        kind = headers.get("content-type", "")
        self._multipart = MultipartReader(kind) if kind.startswith("multipart/") else None
        self._body: list[bytes] = []

    def sent(self, chunk: bytes) -> None:
        """Take the next bytes of the body."""
        if self._multipart is not None:
            self._multipart.feed(chunk)
        else:
            self._body.append(chunk)

    def asked(self) -> Asked:
        """Return the request, with its secrets."""
        body = b"".join(self._body)
        return Asked(
            method=self.method,
            url=self.url,
            headers={
                name: value.partition(";")[0]  # the boundary is random
                for name, value in self.headers.items()
                if name in _ASKED_HEADERS or name.startswith("x-skill-")
            },
            json=read_json(body) if body else None,
            files=() if self._multipart is None else tuple(self._multipart.files),
        )


class Take(Incoming):
    """One request and its answer while they pass."""

    def __init__(
        self, method: str, url: str, headers: Mapping[str, str], clock: Clock, keep_bytes: int
    ) -> None:
        super().__init__(method, url, headers)
        self._clock = clock
        self._began = clock.monotonic()
        self._keep_bytes = keep_bytes
        self._status: int | None = None
        self._answer_headers: Mapping[str, str] = {}
        self._chunks: list[tuple[float, bytes]] = []
        self._size = 0
        self._hash = hashlib.sha256()
        self._left = True
        self._error: str | None = None

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """Take the head of the answer; the names of the headers are in lower case."""
        self._status, self._answer_headers = status, headers

    def heard(self, chunk: bytes) -> None:
        """Take the next bytes of the answer's body."""
        self._size += len(chunk)
        self._hash.update(chunk)
        if self._size <= self._keep_bytes:
            self._chunks.append((self._clock.monotonic() - self._began, chunk))
        else:
            self._chunks.clear()

    def ended(self) -> None:
        """The answer has come whole."""
        self._left = False

    def broke(self, error: Exception) -> None:
        """The connection failed."""
        self._left, self._error = False, f"{type(error).__name__}: {error}"

    @property
    def texts(self) -> list[str]:
        """What may name a secret: the bodies, as far as they are text."""
        found = [json.dumps(self.asked().json, ensure_ascii=False)]
        # A stream may have been cut inside a character; any other odd body is no text.
        errors = "surrogateescape" if _is_stream(self._answer_headers) else "strict"
        with suppress(UnicodeDecodeError):
            found.append(b"".join(chunk for _, chunk in self._chunks).decode("utf-8", errors))
        return found

    def interaction(self, redactor: Redactor) -> Interaction:
        """Return what passed, without its secrets."""
        asked = self.asked()
        request = Asked(
            method=asked.method,
            url=redactor.text(asked.url),
            headers=redactor.headers(asked.headers),
            json=_clean_json(asked.json, redactor),
            files=tuple(
                tape.File(redactor.text(file.filename), file.size, file.sha256)
                for file in asked.files
            ),
        )
        return Interaction(request, self._response(redactor))

    def _response(self, redactor: Redactor) -> Answered:
        headers = {
            name: value for name, value in self._answer_headers.items() if name in _ANSWERED_HEADERS
        }
        response = Answered(
            status=self._status,
            headers=redactor.headers(headers),
            left=self._left,
            error=None if self._error is None else redactor.text(self._error),
        )
        return _with_body(response, self._chunks, self._size, self._hash.hexdigest(), redactor)


def _with_body(
    response: Answered,
    chunks: Sequence[tuple[float, bytes]],
    size: int,
    sha256: str,
    redactor: Redactor,
) -> Answered:
    """Return the answer with its body, in the form that reads best."""
    if size and not chunks:
        return attrs.evolve(response, size=size, sha256=sha256)
    parts = [chunk for _, chunk in chunks]
    if _is_stream(response.headers):
        clean = redactor.chunks(parts)
        texts = [chunk.decode("utf-8", "surrogateescape") for chunk in clean]
        times = [round(seconds, 3) for seconds, _ in chunks]
        return attrs.evolve(response, stream=tuple(zip(times, texts, strict=True)))
    body = b"".join(parts)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return attrs.evolve(response, base64=base64.b64encode(body).decode("ascii"))
    try:
        value = _clean_json(read_json(text), redactor)
    except ValueError:
        value = None
    if value is None:
        return attrs.evolve(response, text=redactor.text(text)) if text else response
    return attrs.evolve(response, json=value)


def _is_stream(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").lower().startswith("text/event-stream")


def _clean_json(value: object, redactor: Redactor) -> object:
    try:
        cleaned: object = json.loads(redactor.text(json.dumps(value, ensure_ascii=False)))
    except ValueError:  # a pattern of the user's took more than the inside of a string
        return _clean_strings(value, redactor)
    return cleaned


def _clean_strings(value: object, redactor: Redactor) -> object:
    if isinstance(value, str):
        return redactor.text(value)
    if isinstance(value, list):
        return [_clean_strings(item, redactor) for item in value]
    if isinstance(value, dict):
        return {key: _clean_strings(item, redactor) for key, item in value.items()}
    return value


class Recording:
    """A session that is being recorded; see `record`."""

    def __init__(
        self, path: Path, redact: Iterable[str | re.Pattern[str]], keep_bytes: int
    ) -> None:
        self.path = path
        self._redactor = Redactor(redact)
        self._keep_bytes = keep_bytes
        self._guard = threading.Lock()
        self._takes: list[Take] = []
        self._first: tuple[Settings, float] | None = None

    def __enter__(self) -> Self:
        if not self.path.parent.is_dir():
            raise InvalidRequestError(
                f"there is no folder {self.path.parent}", remedy="Make it first."
            )
        return self

    def __exit__(self, *_: object) -> None:
        self.save()

    def client(self, token: str | None = None, **options: Unpack[Options]) -> Client:
        """Return a client whose traffic is recorded; its arguments are those of `Client`."""
        from nemovideo._drivers.cassette import recording_client

        settings = self._known(token, options)
        return Client(token, http_client=recording_client(self._begin(settings)), **options)

    def async_client(self, token: str | None = None, **options: Unpack[Options]) -> AsyncClient:
        """Return an async client whose traffic is recorded."""
        from nemovideo._drivers.cassette import async_recording_client

        settings = self._known(token, options)
        http_client = async_recording_client(self._begin(settings))
        return AsyncClient(token, http_client=http_client, **options)

    def save(self) -> None:
        """Write what has passed so far; the end of the block does it too."""
        if self._first is None:
            return
        settings, recorded_at = self._first
        with self._guard:
            takes = list(self._takes)
        for take in takes:
            for text in take.texts:
                self._redactor.learn(text)
            bearer = take.headers.get("authorization", "")
            self._redactor.add(bearer.removeprefix("Bearer "))
            self._redactor.add(take.headers.get("x-client-id"))
        tape.write(
            Tape(
                recorded_at=recorded_at,
                base_url=self._redactor.text(settings.base_url),
                web_url=self._redactor.text(settings.web_url),
                interactions=tuple(take.interaction(self._redactor) for take in takes),
            ),
            self.path,
        )

    def _known(self, token: str | None, options: Options) -> Settings:
        from nemovideo._config.setup import settings_from

        settings = settings_from(token, options)
        self._redactor.add(settings.token)
        self._first = self._first or (settings, round(settings.clock.time(), 3))
        return settings

    def _begin(self, settings: Settings) -> Begin:
        def begin(method: str, url: str, headers: Mapping[str, str]) -> Take:
            take = Take(method, url, headers, settings.clock, self._keep_bytes)
            with self._guard:
                self._takes.append(take)
            return take

        return begin


def record(
    path: str | os.PathLike[str],
    *,
    redact: Iterable[str | re.Pattern[str]] = (),
    keep_bytes: int = KEEP_BYTES,
) -> Recording:
    """Record a session to a file that `replay` plays back.

    `with record("talk.json") as cassette, cassette.client() as client: …`

    Everything that the clients made by the cassette send and hear is written to
    `path` when the block ends, also by an error; streams with the time of each
    chunk, uploads as names, sizes and hashes. Tokens, client and user ids, e-mail
    addresses and the queries of links are replaced by placeholders, the same
    value by the same one. What you say to the agent and your file names are kept.

    Args:
        path: The file; one that is there is replaced.
        redact: More to keep out: strings, and patterns whose whole match goes
            (or their group `secret`).
        keep_bytes: The largest body that is kept whole; the default is 32 MiB.

    Raises:
        InvalidRequestError: The folder of `path` does not exist.
    """
    return Recording(Path(path), redact, keep_bytes)
