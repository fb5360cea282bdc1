"""The two clients: what users make first, and all that they need to know of."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nemovideo._client_base import BaseClient
from nemovideo.options import Options

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from nemovideo import resources
    from nemovideo._drivers import http
    from nemovideo._drivers.aio import AsyncDriver
    from nemovideo._drivers.sync import SyncDriver
    from nemovideo._jobs.plan import Background
    from nemovideo._jobs.progress_bar import OnProgress
    from nemovideo._uploads.files import Source
    from nemovideo.jobs import AsyncJobs, Jobs
    from nemovideo.models import RenderedVideo


class Client(BaseClient):
    """The client: give it a clip, say what you want, get a video back.

    Safe to use from several threads. Close it, or use it in a `with` block.

    Args:
        token: A bearer token; default `NEMO_TOKEN`, else an anonymous one, which is
            kept between runs (protocol.md §4).
        http_client: An `httpx.Client` of your own, which is left open on close.
        options: See `Options`.

    Raises:
        InvalidRequestError: The token is a claim token, or the URL is not safe to use.
    """

    def __init__(
        self,
        token: str | None = None,
        *,
        http_client: http.SyncClient | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(token, options)
        self._http_client = http_client
        self._driver_made: SyncDriver | None = None

    @property
    def _driver(self) -> SyncDriver:
        with self._making:
            if self._driver_made is None:
                from nemovideo._drivers.sync import SyncDriver

                lender = None if self._lender is None else self._lender._driver  # noqa: SLF001
                self._driver_made = SyncDriver(self._settings, self._http_client, lender)
            return self._driver_made

    @classmethod
    def local(cls, **options: Any) -> Self:  # noqa: ANN401 - both the client's and the backend's
        """Start a local backend on this machine and return a client of it: no account, no network.

        Args:
            options: Those of `LocalBackend` (`state_dir`, `credits`, …) and of the
                client (`deadline`, `retry`, …).

        Raises:
            MissingExtraError: The extra `[local]` is not installed.
            LocalBackendError: The backend cannot start.
        """
        from nemovideo._config.setup import start_local

        backend, chosen = start_local(options)
        client = cls(**chosen)
        client._own(backend)
        return client

    def with_options(self, token: str | None = None, **changes: Unpack[Options]) -> Self:
        """Return a client with other settings, which uses this one's connections.

        It keeps whatever is not named here. Closing it closes no connection;
        after this client is closed, it is closed too.
        """
        return self._variant(token, changes)

    def __enter__(self) -> Self:
        self._reopen()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections, and stop the local backend if there is one; twice is fine."""
        self._driver.close()
        self._stop_backend()

    @cached_property
    def auth(self) -> resources.Auth:
        """Tokens."""
        from nemovideo import resources

        return resources.Auth(self._context, self._driver)

    @cached_property
    def sessions(self) -> resources.Sessions:
        """Sessions: made and attached to."""
        from nemovideo import resources

        return resources.Sessions(self._context, self._driver)

    @cached_property
    def uploads(self) -> resources.Uploads:
        """Files on their way into a session."""
        from nemovideo import resources

        return resources.Uploads(self._context, self._driver)

    @cached_property
    def agent(self) -> resources.Agent:
        """Talking to the agent."""
        from nemovideo import resources

        return resources.Agent(self._context, self._driver)

    @cached_property
    def state(self) -> resources.State:
        """What a session holds."""
        from nemovideo import resources

        return resources.State(self._context, self._driver)

    @cached_property
    def credits(self) -> resources.CreditsResource:
        """The balance."""
        from nemovideo import resources

        return resources.CreditsResource(self._context, self._driver)

    @cached_property
    def render(self) -> resources.Render:
        """From a draft to a file."""
        from nemovideo import resources

        return resources.Render(self._context, self._driver)

    @cached_property
    def jobs(self) -> Jobs:
        """Jobs that survive the process."""
        from nemovideo.jobs import Jobs

        return Jobs(self)

    @cached_property
    def batch(self) -> resources.Batch:
        """Many files in one call."""
        from nemovideo import resources

        return resources.Batch(self)

    def remove_background(
        self,
        source: Source,
        *,
        background: Background = None,
        output: str | os.PathLike[str] | None = None,
        format: str | None = None,  # noqa: A002 - the protocol's word
        session: resources.Session | None = None,
        progress: bool | OnProgress | None = None,
        max_credits: float | None = None,
        overwrite: bool = False,
        deadline: float | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> RenderedVideo:
        """Take a clip, remove its background, and give back a clean one.

        Args:
            source: A path, bytes, an open binary file, or an http(s) URL.
            background: What comes behind the person: "transparent", "blur", a CSS colour, a path
                or URL of an image or video, or free words ("office setting"). None asks for no
                more than that the background goes, which in an MP4 leaves black.
            output: Where to write the file, or None for its URL only.
            format: "mp4", "webm" or "mov"; the local backend also makes "gif", "zip" (a PNG for
                each frame), for a picture "png", "jpg" or "webp", and the mask alone, as
                "matte.mp4". None goes by the suffix of `output`; without one either it is "png"
                for a picture, "webm" where it is transparent, else "mp4".
            session: A session to do it in; None makes a new one.
            progress: True draws a bar; a callback gets `Progress` values.
            max_credits: Do not start if the edit is likely to use more than this.
            overwrite: Replace a file that is there already.
            deadline: Seconds for the whole call; None for the client's own deadline.
            checkpoint: A file to note every step in, so that the same call, or
                `client.jobs.resume()`, goes on from there after a crash: see docs/jobs.md.

        Raises:
            SourceNotFoundError: There is no such file.
            UnsupportedFileError: It is empty, or of a format that is not taken.
            FileTooLargeError: It is over 500 MB.
            InvalidRequestError: The arguments do not go together, or `output` exists.
            InsufficientCreditsError: The credits do not cover it.
            CreditLimitError: It would pass `max_credits`.
            AgentError: The agent failed, or did not change the video.
            RenderFailedError: The render failed twice.
            CheckpointError: `checkpoint` is of another job, or cannot be used.
        """
        from nemovideo._jobs.runs import perform

        order = self._order(source, background, output, format, session, max_credits, overwrite)
        return perform(self, order, checkpoint, progress, deadline)


class AsyncClient(BaseClient):
    """The client for async programs, on asyncio or trio; whatever `Client` has, it has too.

    Args:
        token: A bearer token; see `Client`.
        http_client: An `httpx.AsyncClient` of your own, which is left open on close.
        options: See `Options`.

    Raises:
        InvalidRequestError: The token is a claim token, or the URL is not safe to use.
    """

    def __init__(
        self,
        token: str | None = None,
        *,
        http_client: http.AsyncClient | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(token, options)
        self._http_client = http_client
        self._driver_made: AsyncDriver | None = None

    @property
    def _driver(self) -> AsyncDriver:
        with self._making:
            if self._driver_made is None:
                from nemovideo._drivers.aio import AsyncDriver

                lender = None if self._lender is None else self._lender._driver  # noqa: SLF001
                self._driver_made = AsyncDriver(self._settings, self._http_client, lender)
            return self._driver_made

    @classmethod
    def local(cls, **options: Any) -> Self:  # noqa: ANN401 - both the client's and the backend's
        """Start a local backend and return a client of it; see `Client.local`."""
        from nemovideo._config.setup import start_local

        backend, chosen = start_local(options)
        client = cls(**chosen)
        client._own(backend)
        return client

    def with_options(self, token: str | None = None, **changes: Unpack[Options]) -> Self:
        """Return a client with other settings, on the same connections; see `Client`."""
        return self._variant(token, changes)

    async def __aenter__(self) -> Self:
        self._reopen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections, and stop the local backend if there is one; twice is fine."""
        from anyio import CancelScope, to_thread

        try:
            await self._driver.close()
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(self._stop_backend)

    @cached_property
    def auth(self) -> resources.AsyncAuth:
        """Tokens."""
        from nemovideo import resources

        return resources.AsyncAuth(self._context, self._driver)

    @cached_property
    def sessions(self) -> resources.AsyncSessions:
        """Sessions: made and attached to."""
        from nemovideo import resources

        return resources.AsyncSessions(self._context, self._driver)

    @cached_property
    def uploads(self) -> resources.AsyncUploads:
        """Files on their way into a session."""
        from nemovideo import resources

        return resources.AsyncUploads(self._context, self._driver)

    @cached_property
    def agent(self) -> resources.AsyncAgent:
        """Talking to the agent."""
        from nemovideo import resources

        return resources.AsyncAgent(self._context, self._driver)

    @cached_property
    def state(self) -> resources.AsyncState:
        """What a session holds."""
        from nemovideo import resources

        return resources.AsyncState(self._context, self._driver)

    @cached_property
    def credits(self) -> resources.AsyncCreditsResource:
        """The balance."""
        from nemovideo import resources

        return resources.AsyncCreditsResource(self._context, self._driver)

    @cached_property
    def render(self) -> resources.AsyncRender:
        """From a draft to a file."""
        from nemovideo import resources

        return resources.AsyncRender(self._context, self._driver)

    @cached_property
    def jobs(self) -> AsyncJobs:
        """Jobs that survive the process."""
        from nemovideo.jobs import AsyncJobs

        return AsyncJobs(self)

    @cached_property
    def batch(self) -> resources.AsyncBatch:
        """Many files in one call."""
        from nemovideo import resources

        return resources.AsyncBatch(self)

    async def remove_background(
        self,
        source: Source,
        *,
        background: Background = None,
        output: str | os.PathLike[str] | None = None,
        format: str | None = None,  # noqa: A002 - the protocol's word
        session: resources.AsyncSession | None = None,
        progress: bool | OnProgress | None = None,
        max_credits: float | None = None,
        overwrite: bool = False,
        deadline: float | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> RenderedVideo:
        """Take a clip, remove its background, and give back a clean one; see `Client`."""
        from nemovideo._jobs.runs import perform_async

        order = self._order(source, background, output, format, session, max_credits, overwrite)
        return await perform_async(self, order, checkpoint, progress, deadline)
