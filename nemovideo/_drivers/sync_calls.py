"""The HTTP calls of a sync client: send, retry, read, download, stream."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from nemovideo._drivers import http
from nemovideo._drivers.attempts import Attempts, Deadline
from nemovideo._drivers.calls import BaseCalls
from nemovideo._drivers.connections import StreamConnection, SyncTrace
from nemovideo._drivers.network_errors import closed_error
from nemovideo._drivers.reporting import Reporter
from nemovideo._drivers.sync_pool import Pool
from nemovideo._flows.steps import Download, Request
from nemovideo._wire import envelopes
from nemovideo.errors import APIConnectionError, NemoError

if TYPE_CHECKING:
    from nemovideo._drivers.sync_stream import Stream

T = TypeVar("T")


class Calls(BaseCalls[Pool]):
    """Sends the requests of one client; safe to use from several threads."""

    def pause(self, seconds: float, *, polling: bool = False) -> None:
        """Sleep, but wake with an error if the client is closed."""
        self.check()
        if self.settings.clock.wait(self.pool.closing, seconds, polling=polling):
            raise closed_error()

    def call(self, request: Request, deadline: Deadline) -> object:
        """Send a request, with retries, and unwrap its envelope."""
        deadline = deadline.within(request.within_s)
        return self._with_retries(request, deadline, lambda: self._call_once(request, deadline))

    def download(self, step: Download, deadline: Deadline) -> None:
        """Download a file, resuming after dropped connections."""
        attempt = partial(self._download_once, step, deadline)
        self._with_retries(step.request, deadline, attempt, lambda: step.transfer.progress_bytes)

    def stream(self, request: Request, deadline: Deadline) -> Stream:
        """Return a stream that is not started."""
        from nemovideo._drivers.sync_stream import Stream  # loaded for streams only

        def connect(connection: StreamConnection) -> http.Response:
            return self._with_retries(
                request, deadline, lambda: self._open_once(request, deadline, connection)
            )

        stream = Stream(connect, request, self._errors, self.settings.clock)
        self.pool.streams.add(stream)
        return stream

    def _with_retries(
        self,
        request: Request,
        deadline: Deadline,
        attempt: Callable[[], T],
        progress: Callable[[], int] = int,
    ) -> T:
        self.check()
        started = deadline.now()
        try:
            return attempt()
        except NemoError as error:
            first_error = [error]
        self.check()
        from tenacity import Retrying  # loaded for retries only

        def next_attempt() -> T:
            if first_error:
                raise first_error.pop()
            return attempt()

        attempts = Attempts(self.settings, request, deadline, started, progress)
        return Retrying(sleep=self.pause, **attempts.options)(next_attempt)

    @contextmanager
    def _response(
        self,
        request: Request,
        deadline: Deadline,
        *,
        connection: StreamConnection | None = None,
        follow_redirects: bool = False,
    ) -> Iterator[http.Response]:
        """Send a request; yield its response with an unread body, and close it.

        With the `connection` of an event stream, the response stays open.
        """
        pool, errors, settings = self.pool, self._errors, self.settings
        streaming, owns_client = connection is not None, pool.owns_client
        client = pool.client(fresh=request.fresh or streaming)
        trace = SyncTrace(pool.connections, connection)
        with (
            errors.mapping(request, deadline),
            http.prepared(
                client,
                settings,
                request,
                deadline=deadline,
                trace=trace,
                owns_client=owns_client,
                streaming=streaming,
            ) as built,
        ):
            reporter = Reporter(settings, request)
            try:
                response = client.send(built, stream=True, follow_redirects=False)
                for count in itertools.count() if follow_redirects else ():
                    if response.next_request is None:
                        break
                    response.close()
                    following = http.redirect_request(
                        response, built, count, settings, owns_client=owns_client
                    )
                    response = client.send(
                        following, stream=True, auth=None, follow_redirects=False
                    )
            except Exception as error:  # noqa: BLE001 - mapped
                mapped = errors.send_error(error, request, deadline, trace, client)
                raise reporter.on_error(closed_error() if self.closed else mapped) from None
            except BaseException:  # interrupted: hooks that opened a span can close it
                reporter.on_error(self.interruption(deadline))
                raise
            reporter.on_response(response.status_code, response.headers)
            try:
                yield response
            finally:
                if not (streaming and http.is_stream(response)):
                    response.close()

    def _call_once(self, request: Request, deadline: Deadline) -> object:
        with self._response(request, deadline) as response:
            found = self._exchange(request, response, deadline)
        return http.unwrap(found)

    def _exchange(
        self, request: Request, response: http.Response, deadline: Deadline
    ) -> envelopes.Exchange:
        """Read the whole response."""
        reader = http.BodyReader(request, response)
        for chunk in response.iter_bytes():
            if not reader.add(chunk):
                break
            deadline.clip(0)
        return http.exchange(request, response, reader.body(), self.settings)

    def _download_once(self, step: Download, deadline: Deadline) -> None:
        from nemovideo._drivers import downloads  # loaded for downloads only

        transfer = step.transfer
        while (wanted := transfer.next_request()) is not None:
            request = step.request.with_headers(wanted.headers)
            has_token = "Authorization" in request.headers
            with self._response(request, deadline, follow_redirects=not has_token) as response:
                if not downloads.is_file(response, wanted):
                    found = self._exchange(request, response, deadline)
                    raise downloads.not_a_file_error(found)
                if transfer.on_response(downloads.head_of(response, transfer.url_digest)):
                    self._write_body(step, response, deadline)

    def _write_body(self, step: Download, response: http.Response, deadline: Deadline) -> None:
        from nemovideo._drivers import downloads

        interval = downloads.Interval(self.settings.clock)
        try:
            with self._errors.mapping(step.request, deadline):
                consumed = response.is_stream_consumed  # by the user's own client
                for chunk in response.iter_bytes() if consumed else response.iter_raw():
                    # Write immediately: buffered chunks would be evicted from the CPU cache.
                    step.transfer.write((chunk,))
                    if interval.is_over(chunk):
                        step.report()
                        deadline.clip(0)
        except APIConnectionError as error:
            self.check()
            step.transfer.on_disconnect(error)
        else:
            step.transfer.on_end()
        step.report()

    def _open_once(
        self, request: Request, deadline: Deadline, connection: StreamConnection
    ) -> http.Response:
        connection.check()
        with self._response(request, deadline, connection=connection) as response:
            if http.is_stream(response):
                return response
            found = self._exchange(request, response, deadline)
        raise http.not_a_stream_error(found)
