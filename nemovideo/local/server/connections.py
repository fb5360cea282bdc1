"""A connection of the HTTP server: uvicorn's, with limits on the load from a client."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from ipaddress import IPv6Address, ip_address

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

MAX_HEAD_BYTES = 16 * 1024
_MAX_HEAD_LINES = 100
_SMALL_CHUNK_BYTES = 32
_MAX_SMALL_CHUNKS = 1000
_READ_BYTES = 2 * 1024
_READ_BODY_BYTES = 64 * 1024
_LINGER_S = 30.0
_ABSOLUTE = re.compile(rb"https?://([^/?#]+)", re.IGNORECASE)
_END_OF_HEAD = re.compile(rb"\n\r?\n")


class Connection(H11Protocol, asyncio.BufferedProtocol):
    """HTTP without uvicorn's access log (the backend writes its own), read in small pieces.

    h11 parses heads and small chunks much more slowly than other data, so it gets only 2 KB of them
    before other connections are served.
    """

    conn: _Parser
    _incoming: bytearray = bytearray()
    _lingering: bool = False
    _closing: asyncio.TimerHandle | None = None
    _times_drained: int = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start a connection."""
        super().connection_made(transport)
        self.conn = _Parser(h11.SERVER, MAX_HEAD_BYTES)
        self.access_log = False

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection: a timer would keep it in memory."""
        super().connection_lost(exc)
        for timer in (self.timeout_keep_alive_task, self._closing):  # kept by uvicorn on errors
            if timer is not None:
                timer.cancel()

    @property
    def request(self) -> RequestResponseCycle | None:
        """The latest request, if there has been one."""
        return self.cycle

    @property
    def is_idle(self) -> bool:
        """Whether no request is in progress."""
        return self.request is None or self.request.response_complete

    @property
    def is_replaceable(self) -> bool:
        """Whether a new connection may replace this one.

        It may if this one is idle, or if its client has stopped reading a response that is not
        counted for any key or link.
        """
        return self.is_idle or (self.flow.write_paused and "nemovideo.counter" not in self.scope)

    @property
    def stage(self) -> tuple[object, ...] | None:
        """A value that changes with the client's progress; None while the server is working."""
        if not self.is_idle and not self.flow.write_paused:
            return None
        return self.request, self._times_drained, self.transport.get_write_buffer_size()

    def get_buffer(self, _sizehint: int) -> bytearray:
        """Return a buffer for the next read."""
        expected = _READ_BODY_BYTES if self._lingering else self.conn.body_left
        self._incoming = bytearray(max(_READ_BYTES, min(expected, _READ_BODY_BYTES)))
        return self._incoming

    def buffer_updated(self, nbytes: int) -> None:
        """Parse the received bytes."""
        received, self._incoming = self._incoming, bytearray()
        if not self._lingering:
            self.data_received(bytes(memoryview(received)[:nbytes]))

    def send_400_response(self, msg: str) -> None:
        """Reject an invalid request; if its response has started, close the connection."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()

    def on_response_complete(self) -> None:
        """Close the connection if much of the request body has not arrived, and stop parsing.

        The rest is discarded for a while first: closing immediately would reset the connection, and
        the client might not see the response.
        """
        if self.conn.discards_body:
            self._lingering = True
            with suppress(OSError):  # the client has reset the connection
                self.transport.write_eof()
            self._closing = self.loop.call_later(_LINGER_S, self.transport.abort)
        super().on_response_complete()

    def resume_writing(self) -> None:
        """Continue the response: the client has read some of it."""
        self._times_drained += 1
        super().resume_writing()


class _Parser(h11.Connection):
    """h11 with limits on the number of header lines and of small chunks.

    It takes 5 µs per line and 13 µs per chunk, however short. `body_left` is the number of
    bytes still to come of a body of known length.
    """

    body_left: int = 0
    _chunks: int = 0
    _chunk_bytes: int = 0

    @property
    def discards_body(self) -> bool:
        """Whether much of the request body, or an unknown part, has not arrived."""
        awaited = self.their_state is h11.SEND_BODY
        return awaited and not 0 < self.body_left <= _READ_BODY_BYTES

    def send_with_data_passthrough(self, event: h11.Event) -> list[bytes] | None:
        """Return the bytes of an event; headers announce that the rest of the body is discarded.

        This bypasses h11; otherwise uvicorn would close the connection without reading the rest.
        """
        parts = super().send_with_data_passthrough(event)
        if isinstance(event, h11.Response) and parts is not None and self.discards_body:
            return [b"".join(parts).removesuffix(b"\r\n"), b"Connection: close\r\n\r\n"]
        return parts

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """Return the next event.

        Raises:
            h11.RemoteProtocolError: The request is invalid or exceeds a limit.
        """
        if self.their_state is h11.IDLE:
            self._check_head()
        event = super().next_event()
        if event is h11.NEED_DATA:  # the rest is an incomplete head, chunk header or trailer
            self._check_lines(self.trailing_data[0])
        elif isinstance(event, h11.Request):
            event = _in_origin_form(event)
            headers = dict(event.headers)
            chunked = b"transfer-encoding" in headers
            self.body_left = 0 if chunked else int(headers.get(b"content-length", 0))
            self._chunks = self._chunk_bytes = 0
        elif isinstance(event, h11.Data):
            self._count(event)
        return event

    def _check_head(self) -> None:
        received, _ = self.trailing_data
        end = _END_OF_HEAD.search(received)
        self._check_lines(received[: end.end()] if end else received)

    def _check_lines(self, received: bytes) -> None:
        if received.count(b"\n") > _MAX_HEAD_LINES:
            raise h11.RemoteProtocolError("too many header lines", error_status_hint=431)

    def _count(self, data: h11.Data) -> None:
        if self.body_left:
            self.body_left -= len(data.data)
            return
        self._chunks += data.chunk_start
        self._chunk_bytes += len(data.data)
        if self._chunks > _MAX_SMALL_CHUNKS + self._chunk_bytes // _SMALL_CHUNK_BYTES:
            raise h11.RemoteProtocolError("too many small chunks")


def _in_origin_form(request: h11.Request) -> h11.Request:
    """Return a request with a path as its target, whose host is that of an absolute target.

    Clients send absolute targets to proxies, and servers must accept them (RFC 9112 §3.2.2).
    """
    absolute = _ABSOLUTE.match(request.target)
    if absolute is None:
        return request
    target = request.target[absolute.end() :]
    return h11.Request(
        method=request.method,
        target=target if target.startswith(b"/") else b"/" + target,
        headers=[
            (name, absolute[1] if name == b"host" else value) for name, value in request.headers
        ],
        http_version=request.http_version,
    )


def bounded(limit: int) -> type[Connection]:
    """Return a class of connections, limited to `limit` instances.

    Beyond the limit, a new connection replaces the oldest replaceable one of the network with the
    most connections. So nobody without a key can close the connections of other networks.
    """
    networks: dict[bytes, dict[Bounded, None]] = {}

    class Bounded(Connection):
        network = b""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self.network = _network(self)
            networks.setdefault(self.network, {})[self] = None
            if len(self.connections) > limit:
                fullest = sorted(networks.values(), key=len, reverse=True)
                next(c for network in fullest for c in network if c.is_replaceable).make_room()

        def connection_lost(self, exc: Exception | None) -> None:
            self.leave()
            super().connection_lost(exc)

        def make_room(self) -> None:
            self.leave()
            self.connections.discard(self)
            self.transport.abort()

        def leave(self) -> None:
            others = networks.get(self.network, {})
            others.pop(self, None)
            if not others:
                networks.pop(self.network, None)

    return Bounded


def _network(connection: Connection) -> bytes:
    """Return the IPv4 address or the IPv6 /64 network of a connection's client."""
    if connection.client is None:  # it has disconnected
        return b""
    address = ip_address(connection.client[0])
    mapped = isinstance(address, IPv6Address) and address.ipv4_mapped
    return address.packed if mapped else address.packed[:8]
