"""Replaying: clients that get their responses from a cassette."""

from __future__ import annotations

import base64
import json
import os
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from nemovideo._config.credentials import CredentialStore
from nemovideo._drivers.cassette import (
    ReplayedResponse,
    Replayer,
    SentRequest,
)
from nemovideo._drivers.http import AsyncClient as AsyncHTTPClient
from nemovideo._drivers.http import SyncClient as HTTPClient
from nemovideo._support.annotations import Self, Unpack
from nemovideo._support.clock import Clock
from nemovideo.client import AsyncClient, Client
from nemovideo.errors import CassetteError, InvalidRequestError
from nemovideo.models import Token
from nemovideo.options import Options
from nemovideo.testing.cassettes import tape
from nemovideo.testing.cassettes.clock import FastClock
from nemovideo.testing.cassettes.redaction import matches
from nemovideo.testing.cassettes.tape import Interaction, RecordedRequest, RecordedResponse
from nemovideo.testing.fake_clock import FakeClock

_TOKEN = "nmv_usr_replayed"  # noqa: S105 - not a real token
_CLIENT_ID = "00000000-0000-0000-0000-000000000000"
_TOKEN_PATH = "/api/auth/anonymous-token"  # noqa: S105 - a path
_GRACE_S = 2.0
"""Seconds of real time in which a stream must deliver its next chunk."""


class Replay:
    """A session that is being replayed; see `replay`.

    Attributes:
        path: The cassette's file.
        missing: Requests that were made but never recorded, as "METHOD URL".
    """

    def __init__(self, path: Path, speed: float | None) -> None:
        self.path = path
        self.missing: list[str] = []
        self._speed = speed
        self._tape = tape.read(path)
        self._remaining = list(self._tape.interactions)
        self._guard = threading.Lock()
        self._recorded_ids: dict[str, str] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="nemovideo-replay-")
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        if self._folder is not None:
            self._folder.cleanup()
        if error is None and self.missing:
            # The SDK ignores some failures (for example, of a project link); a test should not.
            raise CassetteError(f"{self.path} has no recording of: {', '.join(self.missing)}")

    def client(self, **options: Unpack[Options]) -> Client:
        """Return a client that gets the recorded responses; the arguments are those of `Client`."""
        token, chosen = self._options(options)
        http_client = HTTPClient(transport=self._transport(chosen))
        return Client(token, http_client=http_client, **chosen)

    def async_client(self, **options: Unpack[Options]) -> AsyncClient:
        """Return an async client that gets the recorded responses."""
        token, chosen = self._options(options)
        http_client = AsyncHTTPClient(transport=self._transport(chosen))
        return AsyncClient(token, http_client=http_client, **chosen)

    @property
    def unused(self) -> list[str]:
        """The recorded requests that were not made yet, as "METHOD URL", in their order.

        Requests for anonymous tokens are left out: a replay may not need them.
        """
        with self._guard:
            return [str(item) for item in self._remaining if _path(item.request.url) != _TOKEN_PATH]

    def assert_all_used(self) -> None:
        """Check that every recorded request was made.

        Raises:
            AssertionError: Some were not; the message names them.
        """
        if unused := self.unused:
            raise AssertionError(f"{self.path}: not requested: {', '.join(unused)}")

    def _transport(self, options: Options) -> Replayer:
        return Replayer(partial(self._answer, options.get("clock") or Clock()))

    def _answer(self, clock: Clock, sent: SentRequest) -> ReplayedResponse:
        """Return the first unused response recorded for a matching request.

        Raises:
            CassetteError: There is none, or its body was not kept.
        """
        request = RecordedRequest.of(sent)
        with self._guard:
            found = next(
                (item for item in self._remaining if self._fits(item.request, request)), None
            )
            if found is None:
                self.missing.append(f"{request.method} {request.url}")
                raise CassetteError(
                    f"{request.method} {request.url} is not in {self.path}, or was already replayed"
                    f"{self._difference(request)}"
                )
            self._remaining.remove(found)
            if (ids := _own_ids(found.request, request)) is not None:
                self._recorded_ids[ids[1]] = ids[0]
            return self._replayed(found, clock)

    def _fits(self, recorded: RecordedRequest, sent: RecordedRequest) -> bool:
        """Return whether a request matches: by method, path, query, body, and file names.

        The host is ignored, and so are ids that the client generates.
        """
        if recorded.method != sent.method or not matches(
            _target(recorded.url), self._as_recorded(_target(sent.url))
        ):
            return False
        sent_json = json.loads(self._as_recorded(json.dumps(sent.json)))
        if (ids := _own_ids(recorded, sent)) is not None:
            sent_json = {**sent_json, "id": ids[0]}
        files = [file.filename for file in recorded.files]
        return _same(recorded.json, sent_json) and (
            len(files) == len(sent.files)
            and all(matches(a, b.filename) for a, b in zip(files, sent.files, strict=True))
        )

    def _difference(self, sent: RecordedRequest) -> str:
        """Return how the body differs from that of a recorded request to the same path."""
        for item in self._remaining:
            if item.request.method == sent.method and _path(item.request.url) == _path(sent.url):
                was, now = (
                    json.dumps(request.json, ensure_ascii=False)
                    if request.json
                    else ", ".join(file.filename for file in request.files)
                    for request in (item.request, sent)
                )
                return f"; recorded with {was[:300]}, now with {now[:300]}"
        return ""

    def _as_recorded(self, text: str) -> str:
        for sent, recorded in self._recorded_ids.items():
            text = text.replace(sent, recorded)
        return text

    def _as_sent(self, body: bytes) -> bytes:
        for sent, recorded in self._recorded_ids.items():
            body = body.replace(recorded.encode(), sent.encode())
        return body

    def _replayed(self, item: Interaction, clock: Clock) -> ReplayedResponse:
        response = item.response
        if response.size is not None:
            raise CassetteError(
                f"the response to {item} was not kept: it is {response.size:,} bytes",
                remedy=f"Record again with record(path, keep_bytes={response.size}).",
            )
        headers, error = dict(response.headers), response.error
        chunks = tuple(self._chunks(response))
        if response.base64 is not None and error is None:
            headers["content-length"] = str(sum(len(chunk) for _, chunk in chunks))
        if response.disconnected and response.stream is None:
            error = "ReadTimeout: the recorded client disconnected here"
        return ReplayedResponse(
            response.status, headers, chunks, response.disconnected, error, clock
        )

    def _chunks(self, response: RecordedResponse) -> Iterator[tuple[float, bytes]]:
        if response.stream is not None:
            before = 0.0
            for at, text in response.stream:
                wait_s = 0.0 if self._speed is None else max(0.0, at - before)
                yield wait_s, self._as_sent(text.encode("utf-8", "surrogateescape"))
                before = at
        elif response.base64 is not None:
            yield 0.0, base64.b64decode(response.base64)
        elif response.json is not None:
            yield 0.0, self._as_sent(json.dumps(response.json).encode())
        elif response.text is not None:
            yield 0.0, self._as_sent(response.text.encode("utf-8", "surrogatepass"))

    def _options(self, options: Options) -> tuple[str, Options]:
        """Return a token, and options for a client that needs no server and no account.

        If the recorded client had an anonymous token, the replayed one has one too, so that its
        renewal is replayed.
        """
        if self._folder is None:
            raise CassetteError("the cassette is not open", remedy="Use it in a with block.")
        now = self._tape.recorded_at
        chosen: Options = {
            "base_url": self._tape.base_url,
            "web_url": self._tape.web_url,
            "allow_http": True,
            "client_id": _CLIENT_ID,
            "config_dir": self._folder.name,
            "clock": (
                FakeClock(now, grace_s=_GRACE_S)
                if self._speed is None
                else FastClock(now, self._speed)
            ),
        }
        chosen.update(options)
        anonymous = [_path(item.request.url) == _TOKEN_PATH for item in self._tape.interactions]
        if not any(anonymous):
            return _TOKEN, chosen
        if not anonymous[0]:
            scope = chosen.get("token_scope") or str(chosen["base_url"]).rstrip("/")
            store = CredentialStore(Path(self._folder.name), scope, _CLIENT_ID)
            store.save(Token(_TOKEN, anonymous=True))
        return "", chosen


def _path(url: str) -> str:
    return urlsplit(url).path


def _target(url: str) -> str:
    """Return the path and query of a URL."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _own_ids(recorded: RecordedRequest, sent: RecordedRequest) -> tuple[str, str] | None:
    """Return the ids that the two clients generated for the same object (docs/protocol.md §4)."""
    if isinstance(recorded.json, dict) and isinstance(sent.json, dict):
        was, now = recorded.json.get("id"), sent.json.get("id")
        if isinstance(was, str) and isinstance(now, str) and now:
            return was, now
    return None


def _same(recorded: object, sent: object) -> bool:
    """Return whether two JSON values are equal; placeholders match any text."""
    if isinstance(recorded, dict) and isinstance(sent, dict):
        return recorded.keys() == sent.keys() and all(
            _same(value, sent[key]) for key, value in recorded.items()
        )
    if isinstance(recorded, list) and isinstance(sent, list):
        return len(recorded) == len(sent) and all(map(_same, recorded, sent))
    if isinstance(recorded, str) and isinstance(sent, str):
        return matches(recorded, sent)
    return recorded == sent


def replay(path: str | os.PathLike[str], *, speed: float | None = None) -> Replay:
    """Replay a recorded session, without a server or an account.

    `with replay("talk.json") as cassette, cassette.client() as client: …`

    Each request gets the first unused response recorded for a matching request. A request that was
    not recorded raises `CassetteError`; the end of the block raises it again if the program
    ignored it.

    Args:
        path: A file that `record` wrote.
        speed: None replays without waiting, on a `FakeClock`; 1.0 replays streams and waits in real
            time, 10.0 ten times as fast. `client(clock=…)` overrides the clock.

    Raises:
        CassetteError: The file cannot be read.
        InvalidRequestError: `speed` is not above 0.
    """
    if speed is not None and not speed > 0:
        raise InvalidRequestError(f"speed is {speed}", remedy="Use a number above 0, or None.")
    return Replay(Path(path), speed)
