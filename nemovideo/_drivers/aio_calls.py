"""The HTTP calls of an async client: send, retry, read, download, stream."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

import anyio
from anyio import to_thread

from nemovideo._drivers import http
from nemovideo._drivers.aio_pool import Pool
from nemovideo._drivers.aio_stream import Stream
from nemovideo._drivers.attempts import Attempts, Deadline
from nemovideo._drivers.calls import BaseCalls
from nemovideo._drivers.connections import AsyncTrace
from nemovideo._drivers.network_errors import closed_error
from nemovideo._drivers.reporting import Reporter
from nemovideo._flows.steps import Download, Request
from nemovideo._wire import envelopes
from nemovideo.errors import APIConnectionError, NemoError

T = TypeVar("T")


class Calls(BaseCalls[Pool]):
    """Sends the requests of one client, in the tasks that await them."""

    async def call(self, request: Request, deadline: Deadline) -> object:
        """Send a request, with retries, and unwrap its envelope."""
        deadline = deadline.within(request.within_s)
        attempt = partial(self._call_once, request, deadline)
        return await self._with_retries(request, deadline, attempt)

    async def download(self, step: Download, deadline: Deadline) -> None:
        """Download a file, resuming after dropped connections."""
        attempt = partial(self._download_once, step, deadline)
        await self._with_retries(
            step.request, deadline, attempt, lambda: step.transfer.progress_bytes
        )

    def stream(self, request: Request, deadline: Deadline) -> Stream:
        """Start a stream."""
        attempt = partial(self._open_once, request, deadline)
        connect = partial(self._with_retries, request, deadline, attempt)
        loop = self.pool.state().loop
        return Stream(connect, request, self._errors, self.settings.clock, loop)

    async def _with_retries(
        self,
        request: Request,
        deadline: Deadline,
        attempt: Callable[[], Awaitable[T]],
        progress: Callable[[], int] = int,
    ) -> T:
        self.check()
        with anyio.move_on_after(deadline.remaining()):
            started = deadline.now()
            try:
                return await attempt()
            except NemoError as error:
                first_error = [error]
            self.check()
            from tenacity import AsyncRetrying  # loaded for retries only

            async def next_attempt() -> T:
                if first_error:
                    raise first_error.pop()
                return await attempt()

            attempts = Attempts(self.settings, request, deadline, started, progress)
            retrying = AsyncRetrying(sleep=self.settings.clock.sleep_async, **attempts.options)
            return await retrying(next_attempt)
        raise deadline.error(self._errors.label(request))

    @asynccontextmanager
    async def _response(
        self,
        request: Request,
        deadline: Deadline,
        *,
        streaming: bool = False,
        follow_redirects: bool = False,
    ) -> AsyncIterator[http.Response]:
        """Send a request; yield its response with an unread body, and close it.

        With `streaming`, an event stream stays open.
        """
        errors, settings, owns_client = self._errors, self.settings, self.pool.owns_client
        state = self.pool.state()
        client = state.fresh_client if request.fresh or streaming else state.client
        # httpcore's trace calls take time, so only requests that need a trace have one.
        needs_trace = request.retry_if_stale or errors.may_use_tls_proxy
        needs_trace = needs_trace or not owns_client
        trace = AsyncTrace() if needs_trace else None
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
                response = await client.send(built, stream=True, follow_redirects=False)
                for count in itertools.count() if follow_redirects else ():
                    if response.next_request is None:
                        break
                    await response.aclose()
                    following = http.redirect_request(
                        response, built, count, settings, owns_client=owns_client
                    )
                    response = await client.send(
                        following, stream=True, auth=None, follow_redirects=False
                    )
            except Exception as error:  # noqa: BLE001 - mapped
                mapped = errors.send_error(error, request, deadline, trace, client)
                raise reporter.on_error(closed_error() if self.closed else mapped) from None
            except BaseException:  # canceled: hooks that opened a span can close it
                reporter.on_error(self.interruption(deadline))
                raise
            reporter.on_response(response.status_code, response.headers)
            try:
                yield response
            finally:
                if not (streaming and http.is_stream(response)):
                    await response.aclose()

    async def _call_once(self, request: Request, deadline: Deadline) -> object:
        async with self._response(request, deadline) as response:
            found = await self._exchange(request, response, deadline)
        return http.unwrap(found)

    async def _exchange(
        self, request: Request, response: http.Response, deadline: Deadline
    ) -> envelopes.Exchange:
        """Read the whole response."""
        reader = http.BodyReader(request, response)
        async for chunk in response.aiter_bytes():
            if not reader.add(chunk):
                break
            deadline.clip(0)
        return http.exchange(request, response, reader.body(), self.settings)

    async def _download_once(self, step: Download, deadline: Deadline) -> None:
        from nemovideo._drivers import downloads  # loaded for downloads only

        transfer = step.transfer
        while (wanted := transfer.next_request()) is not None:
            request = step.request.with_headers(wanted.headers)
            follow = "Authorization" not in request.headers
            async with self._response(request, deadline, follow_redirects=follow) as response:
                if not downloads.is_file(response, wanted):
                    found = await self._exchange(request, response, deadline)
                    raise downloads.not_a_file_error(found)
                head = downloads.head_of(response, transfer.url_digest)
                if await to_thread.run_sync(transfer.on_response, head):
                    await self._write_body(step, response, deadline)

    async def _write_body(
        self, step: Download, response: http.Response, deadline: Deadline
    ) -> None:
        """Write the body in a thread, because the disk may be slow."""
        from nemovideo._drivers import downloads

        interval = downloads.Interval(self.settings.clock)
        batch: list[bytes] = []
        try:
            with self._errors.mapping(step.request, deadline):
                consumed = response.is_stream_consumed  # by the user's own client
                chunks = response.aiter_bytes() if consumed else response.aiter_raw()
                try:
                    async for chunk in chunks:
                        batch.append(chunk)
                        if interval.is_over(chunk):
                            written, batch = batch, []
                            await to_thread.run_sync(step.transfer.write, written)
                            step.report()
                            deadline.clip(0)
                finally:
                    with anyio.CancelScope(shield=True):
                        await http.close_response(response, chunks)
                        # Written even on errors, so that it is not downloaded again.
                        await to_thread.run_sync(step.transfer.write, batch)
        except APIConnectionError as error:
            self.check()
            step.transfer.on_disconnect(error)
        else:
            step.transfer.on_end()
        step.report()

    async def _open_once(self, request: Request, deadline: Deadline) -> http.Response:
        async with self._response(request, deadline, streaming=True) as response:
            if http.is_stream(response):
                return response
            found = await self._exchange(request, response, deadline)
        raise http.not_a_stream_error(found)
