"""The steps of a flow, and typed wrappers for those that return a result.

A flow is a generator: it yields a step, and a driver performs the step and sends the result back,
or throws the step's error into the flow. The wrappers make `data = yield from call(request)` infer
its type.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterable, Callable, Generator, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import quote

import attrs

from nemovideo._support.addresses import mask_file_token
from nemovideo._wire import envelopes

if TYPE_CHECKING:
    from nemovideo._downloads.transfer import Transfer
    from nemovideo.events import AgentEvent
    from nemovideo.files import Upload

T = TypeVar("T")


@attrs.frozen
class Request:
    """One HTTP request, as data.

    Attributes:
        method: GET or POST.
        path: The path under the API's base URL, or a whole URL.
        json: The body, as a JSON value; None for no body.
        parts: Files to send as multipart, each a part named `files`.
        headers: Headers besides the attribution headers.
        repeatable: Whether the request is idempotent.
        retry_if_stale: Send the request again if its pooled connection was dead; a duplicate only
            creates an unused resource.
        fresh: Use a new connection: on a stale one, the request would have to be repeated, which
            could do harm.
        on_sent: Called with the bytes sent and the total, for uploads.
        within_s: The seconds that all attempts may take.
        pattern: The path with its placeholder, if `for_id` replaced it.
    """

    method: str
    path: str
    json: object = None
    parts: tuple[Upload, ...] = ()
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    repeatable: bool = False
    retry_if_stale: bool = False
    fresh: bool = False
    on_sent: Callable[[int, int], None] | None = None
    within_s: float = math.inf
    pattern: str | None = None

    @property
    def label(self) -> str:
        """The method and the path for logs and errors: without query, token and link secret."""
        path = mask_file_token(envelopes.redact(self.path.partition("?")[0]))
        return f"{self.method} {path}"

    @property
    def route(self) -> str:
        """The path without its id: one of a few values."""
        if self.pattern is not None:
            return self.pattern
        return "{link}" if "://" in self.path else self.path.partition("?")[0]

    def for_id(self, id_: str) -> Request:
        """Return the request with the placeholder in its path replaced with an id."""
        head, _, rest = self.path.partition("{")
        path = f"{head}{quote(id_, safe='')}{rest.partition('}')[2]}"
        return attrs.evolve(self, path=path, pattern=self.path)

    def url(self, base_url: str) -> str:
        """Return the URL, given the API's base URL."""
        return self.path if "://" in self.path else base_url + self.path

    def with_headers(self, headers: Mapping[str, str]) -> Request:
        """Return the request with additional headers."""
        return attrs.evolve(self, headers={**self.headers, **headers})

    def with_token(self, token: str) -> Request:
        """Return the request with its Authorization header."""
        return self.with_headers({"Authorization": f"Bearer {token}"})


class StreamHandle:
    """An open stream of the driver; opaque to flows."""


class Call(NamedTuple):
    """Send a request; the result is the JSON value in the envelope (docs/protocol.md §3)."""

    request: Request


class Sleep(NamedTuple):
    """Wait.

    Attributes:
        polling: Whether it waits for a job of the service, which takes real time even with a
            fake clock.
        purpose: What it waits for, if users should know: "for the render".
        needs_s: The maximum total seconds for the purpose, including this wait; None if unknown.
    """

    seconds: float
    polling: bool = False
    purpose: str = ""
    needs_s: float | None = None


class Blocking(NamedTuple):
    """Call a function that may block on the file system."""

    function: Callable[[], object]


class Collect(NamedTuple):
    """Pass each chunk to a function that may block on the file system; there is no result."""

    chunks: Iterable[bytes] | AsyncIterable[bytes]
    write: Callable[[bytes], None]


class Exclusive(NamedTuple):
    """Run another flow while no other flow of this client runs under the same name."""

    name: str
    flow: Flow[Any]


class Open(NamedTuple):
    """Send a request for a stream; the result is a StreamHandle."""

    request: Request


class Read(NamedTuple):
    """Read from a stream: the result is bytes, b"" at its end, or None after the timeout."""

    handle: StreamHandle
    timeout_s: float


class End(NamedTuple):
    """Close a stream before the flow ends; there is no result."""

    handle: StreamHandle


class Emit(NamedTuple):
    """Pass an event to the user; there is no result."""

    event: AgentEvent


class Download(NamedTuple):
    """Download a file, resuming as often as needed; there is no result."""

    request: Request
    transfer: Transfer
    on_received: Callable[[int, int | None], None] | None = None

    def report(self) -> None:
        """Report the progress."""
        if self.on_received is not None:
            self.on_received(self.transfer.received, self.transfer.total)


Step = Call | Sleep | Blocking | Collect | Exclusive | Open | Read | End | Emit | Download

Flow = Generator[Step, Any, T]
"""An operation: yields steps, is sent their results, returns a T."""


def run_with(
    flow: Flow[T],
    perform: Callable[[Step], Flow[object]],
    *,
    fatal: type[Exception] | tuple[()] = (),
) -> Flow[T]:
    """Run a flow whose steps are performed by other flows, and close it.

    `perform` returns the flow that performs a step; its errors are thrown into `flow`, or end both
    if they are `fatal`.
    """
    step_result: object = None
    error: Exception | None = None
    try:
        while True:
            try:
                step = flow.send(step_result) if error is None else flow.throw(error)
            except StopIteration as stop:
                result: T = stop.value
                return result
            step_result = error = None
            try:
                step_result = yield from perform(step)
            except fatal:
                raise
            except Exception as raised:  # noqa: BLE001 - the flow decides
                error = raised
    finally:
        flow.close()


def call(request: Request) -> Flow[object]:
    """Send a request and return the data in its envelope."""
    data: object = yield Call(request)
    return data


def blocking(function: Callable[[], T]) -> Flow[T]:
    """Return the result of a function that may block on the file system."""
    result: T = yield Blocking(function)
    return result


def exclusive(name: str, flow: Flow[T]) -> Flow[T]:
    """Return the result of a flow; flows with the same name are serialized."""
    result: T = yield Exclusive(name, flow)
    return result


def open_stream(request: Request) -> Flow[StreamHandle]:
    """Open a stream."""
    handle: StreamHandle = yield Open(request)
    return handle


def read(handle: StreamHandle, timeout_s: float) -> Flow[bytes | None]:
    """Return the next bytes, b"" at the end, or None when `timeout_s` has passed."""
    chunk: bytes | None = yield Read(handle, timeout_s)
    return chunk


def download(
    request: Request,
    transfer: Transfer,
    on_received: Callable[[int, int | None], None] | None = None,
) -> Flow[None]:
    """Download a file; see `Download`."""
    yield Download(request, transfer, on_received)
