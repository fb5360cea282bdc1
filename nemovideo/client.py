"""The sync and the async client."""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

import attrs

from nemovideo._config.local_options import LocalOptions
from nemovideo._drivers.resource import Layer
from nemovideo._support.annotations import LazyModule, Self, Unpack
from nemovideo.options import Options

if TYPE_CHECKING:
    from nemovideo import files, local, models
    from nemovideo._config import settings
    from nemovideo._drivers import aio, http, sync
    from nemovideo._flows import context as contexts
    from nemovideo._flows import sessions as session_flows
    from nemovideo._jobs import job_spec
    from nemovideo._progress import bar
    from nemovideo.jobs import AsyncJobs, Jobs
    from nemovideo.resources.agent import Agent, AsyncAgent
    from nemovideo.resources.auth import AsyncAuth, Auth
    from nemovideo.resources.batch import AsyncBatch, Batch
    from nemovideo.resources.credits import AsyncCreditsResource, CreditsResource
    from nemovideo.resources.render import AsyncRender, Render
    from nemovideo.resources.sessions import AsyncSessions, Sessions
    from nemovideo.resources.state import AsyncState, State
    from nemovideo.resources.uploads import AsyncUploads, Uploads
else:
    files, local, models = (
        LazyModule(f"nemovideo.{name}") for name in ("files", "local", "models")
    )
    settings = LazyModule("nemovideo._config.settings")
    aio, http, sync = (LazyModule(f"nemovideo._drivers.{name}") for name in ("aio", "http", "sync"))
    contexts = LazyModule("nemovideo._flows.context")
    session_flows = LazyModule("nemovideo._flows.sessions")
    job_spec, bar = LazyModule("nemovideo._jobs.job_spec"), LazyModule("nemovideo._progress.bar")

S = TypeVar("S")
A = TypeVar("A")
D = TypeVar("D", bound="sync.SyncDriver | aio.AsyncDriver")


class SyncAsyncLayer(Layer[S], Generic[S, A]):
    """A layer of both clients; the async client uses the class named `Async…`."""

    @overload  # type: ignore[override]  # on the class, it is the descriptor itself
    def __get__(self, holder: None, owner: type[BaseClient[Any]]) -> SyncAsyncLayer[S, A]: ...
    @overload
    def __get__(self, holder: Client, owner: type[BaseClient[Any]]) -> S: ...
    @overload
    def __get__(self, holder: AsyncClient, owner: type[BaseClient[Any]]) -> A: ...
    def __get__(self, holder: BaseClient[Any] | None, owner: type[BaseClient[Any]]) -> object:
        """Return the layer of a client; on the class, the descriptor itself."""
        if holder is None:
            return self
        return self.of(holder, "Async" if issubclass(owner, AsyncClient) else "")


@attrs.frozen
class Shared(Generic[D]):
    """What a client shares with its copies: its context, and a function that returns its driver."""

    context: contexts.Context
    driver: Callable[[], D]


class BaseClient(Generic[D]):
    """Base of both clients: settings, layers, and an optional local backend."""

    auth: SyncAsyncLayer[Auth, AsyncAuth] = SyncAsyncLayer(
        "nemovideo.resources.auth", "Auth", "Tokens."
    )
    sessions: SyncAsyncLayer[Sessions, AsyncSessions] = SyncAsyncLayer(
        "nemovideo.resources.sessions", "Sessions", "Creating sessions, and attaching to them."
    )
    uploads: SyncAsyncLayer[Uploads, AsyncUploads] = SyncAsyncLayer(
        "nemovideo.resources.uploads", "Uploads", "Uploading files into a session."
    )
    agent: SyncAsyncLayer[Agent, AsyncAgent] = SyncAsyncLayer(
        "nemovideo.resources.agent", "Agent", "Sending messages to the agent."
    )
    state: SyncAsyncLayer[State, AsyncState] = SyncAsyncLayer(
        "nemovideo.resources.state", "State", "The state of a session."
    )
    credits: SyncAsyncLayer[CreditsResource, AsyncCreditsResource] = SyncAsyncLayer(
        "nemovideo.resources.credits", "CreditsResource", "The balance."
    )
    render: SyncAsyncLayer[Render, AsyncRender] = SyncAsyncLayer(
        "nemovideo.resources.render", "Render", "Rendering drafts to files."
    )
    jobs: SyncAsyncLayer[Jobs, AsyncJobs] = SyncAsyncLayer(
        "nemovideo.jobs", "Jobs", "Jobs that can be resumed."
    )
    batch: SyncAsyncLayer[Batch, AsyncBatch] = SyncAsyncLayer(
        "nemovideo.resources.batch", "Batch", "Many files in one call."
    )

    def __init__(self, token: str | None, options: Options, shared: Shared[D] | None) -> None:
        from nemovideo._config.setup import settings_from
        from nemovideo._flows.context import Context

        context = None if shared is None else shared.context
        settings = settings_from(token, options, None if context is None else context.settings)
        self._context = Context(settings) if context is None else context.variant(settings)
        self._shared = shared
        self._existing_driver: D | None = None
        self._driver_lock = Lock()
        self._closed = False
        self._owns_backend = False
        self._backend_stopped = False

    def _make_driver(self, parent: D | None) -> D:
        raise NotImplementedError

    @property
    def _driver(self) -> D:
        with self._driver_lock:
            if self._existing_driver is None:
                parent = None if self._shared is None else self._shared.driver()
                self._existing_driver = self._make_driver(parent)
                if self._closed:
                    self._existing_driver.calls.set_closed(True)
            return self._existing_driver

    @property
    def _settings(self) -> settings.Settings:
        return self._context.settings

    @property
    def backend(self) -> local.LocalBackend | None:
        """The local backend that `local()` started, or None."""
        return None if self._backend_stopped else self._context.backend

    def __getstate__(self) -> dict[str, Any]:
        """Return the settings, including an explicit token, without the connections."""
        return {"settings": self._settings}

    def __setstate__(self, state: dict[str, Any]) -> None:
        from nemovideo._flows.context import Context

        self.__init__("")  # type: ignore[misc]
        self._context = Context(state["settings"])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._settings.base_url!r})"

    @classmethod
    def _start_local(cls, options: LocalOptions) -> Self:
        from nemovideo._config import embedded

        backend, chosen = embedded.start(options)
        try:
            client = cls(**chosen)
        except BaseException:
            backend.stop()
            raise
        client._context.attach_backend(backend)
        client._owns_backend = True
        return client

    def _open(self) -> Self:
        if self._backend_stopped:
            from nemovideo.errors import InvalidRequestError

            raise InvalidRequestError(
                "the client is closed, and its local backend has stopped",
                remedy="Create another one with local() and the same state_dir.",
            )
        self._closed = False
        if self._existing_driver is not None:
            self._existing_driver.open()
        return self

    def _stop_backend(self) -> None:
        if self._owns_backend and self._context.backend is not None:
            self._backend_stopped = True
            self._context.backend.stop()


class Client(BaseClient["sync.SyncDriver"]):
    """A client for the NemoVideo service or a local backend.

    Safe to use from several threads. Close it, or use it in a `with` block.

    Args:
        token: A bearer token; default `NEMO_TOKEN`, otherwise an anonymous one, which is stored
            between runs (docs/protocol.md §4).
        http_client: Your own `httpx.Client`, which `close` leaves open.
        options: See `Options`.

    Raises:
        InvalidRequestError: The token is a claim token, the URL is not safe to use, or an option
            has a wrong value.
    """

    if TYPE_CHECKING:
        jobs: Jobs  # for protocols, which ignore descriptors

    def __init__(
        self,
        token: str | None = None,
        *,
        http_client: http.SyncClient | None = None,
        shared: Shared[sync.SyncDriver] | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(token, options, shared)
        self._http_client = http_client
        if http_client is not None:
            from nemovideo._drivers.http import SyncClient, check_client

            check_client(http_client, SyncClient)

    def _make_driver(self, parent: sync.SyncDriver | None) -> sync.SyncDriver:
        from nemovideo._drivers.sync import SyncDriver

        return SyncDriver(self._settings, self._http_client, parent)

    @classmethod
    def local(cls, **options: Unpack[LocalOptions]) -> Self:
        """Start a local backend on this machine and return its client: no account, no network.

        Args:
            options: Those of `LocalBackend` (`state_dir`, `credits`, …) and of the client
                (`deadline`, `retry`, …).

        Raises:
            MissingExtraError: The extra `[local]` is not installed.
            LocalBackendError: The backend cannot start.
        """
        return cls._start_local(options)

    def with_options(self, token: str | None = None, **changes: Unpack[Options]) -> Self:
        """Return a client with changed settings that shares this client's connections.

        Closing it leaves the connections open; closing this client closes both.
        """
        shared = Shared(self._context, lambda: self._driver)
        return type(self)(token, shared=shared, **changes)

    def __enter__(self) -> Self:
        return self._open()

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections, and stop any local backend; safe to call twice."""
        self._closed = True
        if self._existing_driver is not None:
            self._existing_driver.close()
        self._stop_backend()

    @overload
    def remove_background(
        self,
        source: files.Source,
        *,
        output: str | os.PathLike[str],
        **options: Unpack[job_spec.JobOptions],
    ) -> models.SavedVideo: ...
    @overload
    def remove_background(
        self, source: files.Source, *, output: None = None, **options: Unpack[job_spec.JobOptions]
    ) -> models.RenderedVideo: ...
    def remove_background(
        self,
        source: files.Source,
        *,
        background: job_spec.Background = None,
        edit: str | None = None,
        trim: job_spec.Trim | None = None,
        output: str | os.PathLike[str] | None = None,
        format: str | None = None,  # noqa: A002 - the protocol's name
        quality: str = "high",
        metadata: bool = True,
        session: session_flows.SessionLike | None = None,
        progress: bool | bar.OnProgress | None = None,
        max_credits: float | None = None,
        overwrite: bool = False,
        deadline: float | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> models.RenderedVideo:
        """Remove the background from a clip, and return the result.

        Args:
            source: A path, bytes, an open binary file, or an http(s) URL.
            background: The new background: "transparent", "blur", a CSS color, a path or URL of an
                image or video, or free text ("office setting"). By default, the background is
                removed and not replaced: black in an MP4.
            edit: A description of more edits, sent in the same message, such as "make it 9:16
                and put me in the bottom right corner".
            trim: The part of the clip to keep, as (start, end) in seconds. If the end is past
                the end of the video, the video's end is used, with a warning.
            output: The path of the result, or None to get only its URL.
            format: "mp4", "webm" or "mov". The local backend also supports "gif", "zip" (one PNG
                per frame), "png", "jpg" and "webp" for pictures, and "matte.mp4" for the mask
                alone. None uses the suffix of `output`; without an output it is "png" for a
                picture, "webm" for a transparent video, else "mp4".
            quality: "high", "medium" or "low"; the cloud may support others.
            metadata: Whether to keep the recording's date, location and title.
            session: The session to use; None creates one.
            progress: True shows a bar; a callback receives `Progress` values.
            max_credits: Do not start if the edit would probably use more than this.
            overwrite: Replace an existing file.
            deadline: Seconds for the whole call; None for the client's own deadline.
            checkpoint: A file that records every step, so that the same call, or
                `client.jobs.resume()`, can resume after a crash: see docs/jobs.md.

        Raises:
            SourceNotFoundError: There is no such file.
            UnsupportedFileError: It is empty, or of an unsupported format.
            FileTooLargeError: It is over 500 MB.
            InvalidRequestError: The arguments conflict.
            OutputPathError: `output` exists, or cannot be used; also an `InvalidRequestError`.
            InsufficientCreditsError: The credits do not cover it.
            CreditLimitError: It would exceed `max_credits`.
            AgentError: The agent failed, or did not change the video.
            RenderFailedError: The render failed twice.
            CheckpointError: `checkpoint` belongs to another job, or cannot be used.
        """
        from nemovideo._jobs.job_spec import spec_for
        from nemovideo._jobs.runs import perform

        spec = spec_for(
            source,
            background,
            output,
            format,
            session,
            max_credits,
            overwrite,
            edit=edit,
            trim=trim,
            quality=quality,
            metadata=metadata,
            local_files=self._context.settings.local_files,
        )
        return perform(self._context, self._driver, spec, checkpoint, progress, deadline)

    def preview(
        self,
        source: files.Source,
        *,
        background: job_spec.Background = None,
        edit: str | None = None,
        trim: job_spec.Trim | None = None,
        at: models.At = None,
        deadline: float | None = None,
    ) -> models.Preview:
        """Return a preview of the result of `remove_background`, without spending credits.

        The local engine makes it on this machine, even for a cloud client; nothing is sent.
        The cloud's result may differ.

        Args:
            source: A path, bytes or an open binary file.
            background: See `remove_background`.
            edit: See `remove_background`. A part that cannot be done gives a warning.
            trim: See `remove_background`.
            at: Seconds from the start of the edited video, one or several; None for the start, the
                middle and the end.
            deadline: Seconds for the whole call; None for the client's own deadline.

        Raises:
            MissingExtraError: The extra `[local]` is not installed.
            InvalidRequestError: The source is a URL, or `at` or `trim` is invalid or out of range.
            AgentError: The local agent does not understand the background or the edit.
            RenderFailedError: The clip cannot be read.
        """
        from nemovideo._jobs.preview import of_source

        flow = of_source(self._context, source, background, at, trim, edit)
        return self._driver.run(flow, self._settings.limit(deadline))

    def estimate(
        self,
        source: files.Source,
        *,
        background: job_spec.Background = None,
        edit: str | None = None,
        trim: job_spec.Trim | None = None,
        format: str | None = None,  # noqa: A002 - the protocol's name
        quality: str = "high",
        deadline: float | None = None,
    ) -> models.Estimate:
        """Estimate the credits, seconds and bytes that `remove_background` will take.

        Nothing is sent. With a local backend, the time is based on this machine's earlier renders;
        until there is one, a few frames of the clip are rendered each time to measure it. The
        estimate has the warnings, or raises the error, that the local agent's answer would cause.

        Args:
            source: A path, bytes or an open binary file; for a URL only the credits are known.
            background: See `remove_background`.
            edit: See `remove_background`. With a local backend, the estimate is for the size, frame
                rate and length of the edited video; in the cloud, for those of the clip.
            trim: See `remove_background`; the time and the size are for this part only.
            format: See `remove_background`.
            quality: See `remove_background`.
            deadline: Seconds for the whole call; None for the client's own deadline.

        Raises:
            SourceNotFoundError: There is no such file.
            UnsupportedFileError: It cannot be used.
            InvalidRequestError: The arguments conflict, or `trim` starts after the end.
            AgentError: The local agent does not understand the background or the edit.
        """
        from nemovideo._jobs.estimate import of_source

        flow = of_source(self._context, source, background, format, quality, trim, edit)
        return self._driver.run(flow, self._settings.limit(deadline))


class AsyncClient(BaseClient["aio.AsyncDriver"]):
    """A client for async programs, on asyncio or trio, with the API of `Client`.

    Args:
        token: A bearer token; see `Client`.
        http_client: Your own `httpx.AsyncClient`, which `close` leaves open.
        options: See `Options`.

    Raises:
        InvalidRequestError: The token is a claim token, the URL is not safe to use, or an option
            has a wrong value.
    """

    if TYPE_CHECKING:
        jobs: AsyncJobs  # for protocols, which ignore descriptors

    def __init__(
        self,
        token: str | None = None,
        *,
        http_client: http.AsyncClient | None = None,
        shared: Shared[aio.AsyncDriver] | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(token, options, shared)
        self._http_client = http_client
        if http_client is not None:
            from nemovideo._drivers.http import AsyncClient, check_client

            check_client(http_client, AsyncClient)

    def _make_driver(self, parent: aio.AsyncDriver | None) -> aio.AsyncDriver:
        from nemovideo._drivers.aio import AsyncDriver

        return AsyncDriver(self._settings, self._http_client, parent)

    @classmethod
    def local(cls, **options: Unpack[LocalOptions]) -> Self:
        """Start a local backend and return its client; see `Client.local`."""
        return cls._start_local(options)

    def with_options(self, token: str | None = None, **changes: Unpack[Options]) -> Self:
        """Return a client with changed settings; see `Client.with_options`."""
        shared = Shared(self._context, lambda: self._driver)
        return type(self)(token, shared=shared, **changes)

    async def __aenter__(self) -> Self:
        return self._open()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections, and stop any local backend; safe to call twice."""
        self._closed = True
        try:
            if self._existing_driver is not None:
                await self._existing_driver.close()
        finally:
            if self._owns_backend:
                from anyio import CancelScope, to_thread

                with CancelScope(shield=True):
                    await to_thread.run_sync(self._stop_backend)

    aclose = close

    @overload
    async def remove_background(
        self,
        source: files.Source,
        *,
        output: str | os.PathLike[str],
        **options: Unpack[job_spec.JobOptions],
    ) -> models.SavedVideo: ...
    @overload
    async def remove_background(
        self, source: files.Source, *, output: None = None, **options: Unpack[job_spec.JobOptions]
    ) -> models.RenderedVideo: ...
    async def remove_background(
        self,
        source: files.Source,
        *,
        background: job_spec.Background = None,
        edit: str | None = None,
        trim: job_spec.Trim | None = None,
        output: str | os.PathLike[str] | None = None,
        format: str | None = None,  # noqa: A002 - the protocol's name
        quality: str = "high",
        metadata: bool = True,
        session: session_flows.SessionLike | None = None,
        progress: bool | bar.OnProgress | None = None,
        max_credits: float | None = None,
        overwrite: bool = False,
        deadline: float | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> models.RenderedVideo:
        """Remove the background from a clip; see `Client.remove_background`."""
        from nemovideo._jobs.job_spec import spec_for
        from nemovideo._jobs.runs import perform_async

        spec = spec_for(
            source,
            background,
            output,
            format,
            session,
            max_credits,
            overwrite,
            edit=edit,
            trim=trim,
            quality=quality,
            metadata=metadata,
            local_files=self._context.settings.local_files,
        )
        return await perform_async(
            self._context, self._driver, spec, checkpoint, progress, deadline
        )

    async def preview(
        self,
        source: files.Source,
        *,
        background: job_spec.Background = None,
        edit: str | None = None,
        trim: job_spec.Trim | None = None,
        at: models.At = None,
        deadline: float | None = None,
    ) -> models.Preview:
        """Return a preview of the result of `remove_background`; see `Client.preview`."""
        from nemovideo._jobs.preview import of_source

        flow = of_source(self._context, source, background, at, trim, edit)
        return await self._driver.run(flow, self._settings.limit(deadline))

    async def estimate(
        self,
        source: files.Source,
        *,
        background: job_spec.Background = None,
        edit: str | None = None,
        trim: job_spec.Trim | None = None,
        format: str | None = None,  # noqa: A002 - the protocol's name
        quality: str = "high",
        deadline: float | None = None,
    ) -> models.Estimate:
        """Estimate what `remove_background` will take; see `Client.estimate`."""
        from nemovideo._jobs.estimate import of_source

        flow = of_source(self._context, source, background, format, quality, trim, edit)
        return await self._driver.run(flow, self._settings.limit(deadline))
