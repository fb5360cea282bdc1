"""Sessions: the client's methods with the session id already filled in."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, overload

from nemovideo._drivers.resource import AsyncResource, BaseResource, Layer, Resource
from nemovideo._flows import sessions
from nemovideo._flows.context import Context
from nemovideo._support.annotations import LazyModule
from nemovideo.models import (
    At,
    MediaFile,
    Preview,
    RenderedVideo,
    RenderJob,
    Reply,
    SavedVideo,
    SessionState,
)

if TYPE_CHECKING:
    from nemovideo import conversation as conversations
    from nemovideo import files
    from nemovideo._drivers import aio, sync
    from nemovideo._progress import bar
    from nemovideo.resources import agent as agents
    from nemovideo.resources.agent import Agent, AsyncAgent
    from nemovideo.resources.auth import AsyncAuth, Auth
    from nemovideo.resources.render import AsyncRender, Render
    from nemovideo.resources.state import AsyncState, State
    from nemovideo.resources.uploads import AsyncUploads, Uploads
else:
    conversations, files = LazyModule("nemovideo.conversation"), LazyModule("nemovideo.files")
    aio, sync = LazyModule("nemovideo._drivers.aio"), LazyModule("nemovideo._drivers.sync")
    agents = LazyModule("nemovideo.resources.agent")
    bar = LazyModule("nemovideo._progress.bar")

D = TypeVar("D")

OnJob = Callable[[RenderJob], None]


class Sessions(Resource):
    """`client.sessions`."""

    def create(
        self, task_name: str = "project", language: str = "en", *, deadline: float | None = None
    ) -> Session:
        """Create a session.

        Args:
            task_name: The project's name.
            language: The language of the agent's answers: an ISO code such as en, zh-CN, ja.
            deadline: Seconds for the whole call; None for the client's own deadline.
        """
        ids = self._run(sessions.create(self._context, task_name, language), deadline)
        return Session(self._context, self._driver, *ids)

    def attach(self, session_id: str, task_id: str | None = None) -> Session:
        """Return a session that already exists; nothing is sent."""
        return Session(self._context, self._driver, session_id, task_id, None)


class AsyncSessions(AsyncResource):
    """`client.sessions` of the async client; see `Sessions`."""

    async def create(
        self, task_name: str = "project", language: str = "en", *, deadline: float | None = None
    ) -> AsyncSession:
        """Create a session; see `Sessions.create`."""
        ids = await self._run(sessions.create(self._context, task_name, language), deadline)
        return AsyncSession(self._context, self._driver, *ids)

    async def attach(self, session_id: str, task_id: str | None = None) -> AsyncSession:
        """Return a session that already exists; nothing is sent."""
        return AsyncSession(self._context, self._driver, session_id, task_id, None)


class _Base(BaseResource[D]):
    """The attributes of both kinds of sessions."""

    def __init__(
        self,
        context: Context,
        driver: D,
        id: str,  # noqa: A002 - the public name
        task_id: str | None,
        user_id: str | None,
    ) -> None:
        super().__init__(context, driver)
        self.id = id
        self.task_id = task_id
        self.user_id = user_id
        self._file_names: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r})"

    def _repr_html_(self) -> str:
        """Show the session with its uploads and last known draft; nothing is sent."""
        from nemovideo._notebook.cards import details_card

        state = self._context.known.get(self.id)
        details = [("project", self.task_id or ""), ("files", ", ".join(self._file_names))]
        return details_card("Session", self.id, details) + (state._repr_html_() if state else "")


class Session(_Base["sync.SyncDriver"], Resource):
    """One session: the client's methods with the session id already filled in.

    Attributes:
        id: The session's id, an opaque string.
        task_id: The project's id; None if it was not passed to `attach`.
        user_id: The user's id, if known.
    """

    _agent: Layer[Agent] = Layer("nemovideo.resources.agent", "Agent")
    _auth: Layer[Auth] = Layer("nemovideo.resources.auth", "Auth")
    _render: Layer[Render] = Layer("nemovideo.resources.render", "Render")
    _state: Layer[State] = Layer("nemovideo.resources.state", "State")
    _uploads: Layer[Uploads] = Layer("nemovideo.resources.uploads", "Uploads")

    def upload(
        self,
        *sources: files.Source,
        on_progress: Callable[[int, int], None] | None = None,
        deadline: float | None = None,
    ) -> list[MediaFile]:
        """Upload files or URLs; see `Uploads.upload`."""
        uploaded = self._uploads.upload(
            self.id, *sources, on_progress=on_progress, deadline=deadline
        )
        self._file_names += tuple(file.filename for file in uploaded)
        return uploaded

    def upload_urls(self, *urls: str, deadline: float | None = None) -> list[MediaFile]:
        """Let the service fetch files from URLs; see `Uploads.upload_urls`."""
        return self._uploads.upload_urls(self.id, *urls, deadline=deadline)

    def send(self, text: str, *, tokens: bool = False, deadline: float | None = None) -> Reply:
        """Send a message and return the agent's complete answer; see `Agent.send`."""
        return self._agent.send(self.id, text, tokens=tokens, deadline=deadline)

    def stream(
        self, text: str, *, tokens: bool = False, deadline: float | None = None
    ) -> agents.AgentStream:
        """Return a context manager that iterates over the events; see `Agent.stream`."""
        return self._agent.stream(self.id, text, tokens=tokens, deadline=deadline)

    def state(self, *, deadline: float | None = None) -> SessionState:
        """Return the session's draft, files and analyses."""
        return self._state.get(self.id, deadline=deadline)

    @overload
    def export(
        self,
        path: str | os.PathLike[str],
        format: str | None = None,
        quality: str = "high",
        on_progress: OnJob | None = None,
        *,
        progress: bool | bar.OnProgress = False,
        overwrite: bool = False,
        deadline: float | None = None,
    ) -> SavedVideo: ...
    @overload
    def export(
        self,
        path: None = None,
        format: str | None = None,
        quality: str = "high",
        on_progress: OnJob | None = None,
        *,
        progress: bool | bar.OnProgress = False,
        overwrite: bool = False,
        deadline: float | None = None,
    ) -> RenderedVideo: ...
    def export(
        self,
        path: str | os.PathLike[str] | None = None,
        format: str | None = None,  # noqa: A002 - the protocol's name
        quality: str = "high",
        on_progress: OnJob | None = None,
        *,
        progress: bool | bar.OnProgress = False,
        overwrite: bool = False,
        deadline: float | None = None,
    ) -> RenderedVideo:
        """Render the draft and download the file; exports cost no credits.

        Args:
            path: The file to write, or None to get only its URL.
            format: "mp4", "webm", "mov", "gif", "zip", "png", …, or "matte" for the mask alone;
                None uses the path's suffix, otherwise mp4.
            quality: "high", or another quality that the service supports.
            on_progress: Called with the job after each poll.
            progress: True shows a bar; a callback receives `Progress` values.
            overwrite: Replace an existing file.
            deadline: Seconds for the whole call; None for the client's own deadline.

        Raises:
            DraftNotReadyError: There is nothing to render.
            RenderFailedError: The render failed twice.
            RenderTimeoutError: It did not end in time; it may still be running.
            OutputPathError: `path` cannot be used, or exists and `overwrite` is False.
        """
        return self._render.export(
            self.id,
            path,
            format,
            quality,
            on_progress,
            progress=progress,
            overwrite=overwrite,
            task_id=self.task_id,
            deadline=deadline,
        )

    def preview(self, at: At = None, *, deadline: float | None = None) -> Preview:
        """Return a preview of the draft, before and after, without spending credits.

        A local backend makes it in a second or two. The cloud needs a free export, which takes as
        long as any export; `Preview.basis` says which.

        Args:
            at: Seconds from the start, one or several; None for the start, the middle and the end.
            deadline: Seconds for the whole call; None for the client's own deadline.

        Raises:
            DraftNotReadyError: There is nothing to show.
            InvalidRequestError: `at` is invalid, or beyond the end.
            MissingExtraError: In the cloud, `[local]` is needed to read the export.
            RenderFailedError: The preview or the export failed.
        """
        from nemovideo._flows.preview import of_session

        flow = of_session(self._context, self.id, self.task_id, at)
        return self._run(flow, deadline)

    def project_url(self, *, deadline: float | None = None) -> str:
        """Return a link that opens the project in a browser; it contains no bearer token."""
        return self._auth.claim_token(self, deadline=deadline).url

    def conversation(
        self,
        on_notice: conversations.OnNotice | None = None,
        output_dir: str | os.PathLike[str] = ".",
        language: str | None = None,
        *,
        local_files: bool = True,
    ) -> conversations.Conversation:
        """Return a conversation about this session, for a chat front-end; nothing is sent.

        Args:
            on_notice: Called with lines to show until the answer is complete.
            output_dir: The folder for exports; created if necessary.
            language: "zh" for Chinese, "en" for English; None uses the user's language.
            local_files: Whether the user may upload files from this machine, export to any of its
                folders, and link to private networks; pass False for untrusted users. If the client
                has `local_files=False`, no links in messages are accepted either.
        """
        from nemovideo._flows.conversation import ConversationMemory
        from nemovideo.conversation import Conversation

        memory = ConversationMemory(self.id, self.task_id, Path(output_dir), language, local_files)
        return Conversation(self._context, self._driver, memory, on_notice)


class AsyncSession(_Base["aio.AsyncDriver"], AsyncResource):
    """One session of the async client; see `Session`."""

    _agent: Layer[AsyncAgent] = Layer("nemovideo.resources.agent", "AsyncAgent")
    _auth: Layer[AsyncAuth] = Layer("nemovideo.resources.auth", "AsyncAuth")
    _render: Layer[AsyncRender] = Layer("nemovideo.resources.render", "AsyncRender")
    _state: Layer[AsyncState] = Layer("nemovideo.resources.state", "AsyncState")
    _uploads: Layer[AsyncUploads] = Layer("nemovideo.resources.uploads", "AsyncUploads")

    async def upload(
        self,
        *sources: files.Source,
        on_progress: Callable[[int, int], None] | None = None,
        deadline: float | None = None,
    ) -> list[MediaFile]:
        """Upload files or URLs; see `Uploads.upload`."""
        uploaded = await self._uploads.upload(
            self.id, *sources, on_progress=on_progress, deadline=deadline
        )
        self._file_names += tuple(file.filename for file in uploaded)
        return uploaded

    async def upload_urls(self, *urls: str, deadline: float | None = None) -> list[MediaFile]:
        """Let the service fetch files from URLs; see `Uploads.upload_urls`."""
        return await self._uploads.upload_urls(self.id, *urls, deadline=deadline)

    async def send(
        self, text: str, *, tokens: bool = False, deadline: float | None = None
    ) -> Reply:
        """Send a message and return the agent's complete answer; see `Agent.send`."""
        return await self._agent.send(self.id, text, tokens=tokens, deadline=deadline)

    def stream(
        self, text: str, *, tokens: bool = False, deadline: float | None = None
    ) -> agents.AsyncAgentStream:
        """Return an async context manager that iterates over the events; see `Agent.stream`."""
        return self._agent.stream(self.id, text, tokens=tokens, deadline=deadline)

    async def state(self, *, deadline: float | None = None) -> SessionState:
        """Return the session's draft, files and analyses."""
        return await self._state.get(self.id, deadline=deadline)

    @overload
    async def export(
        self,
        path: str | os.PathLike[str],
        format: str | None = None,
        quality: str = "high",
        on_progress: OnJob | None = None,
        *,
        progress: bool | bar.OnProgress = False,
        overwrite: bool = False,
        deadline: float | None = None,
    ) -> SavedVideo: ...
    @overload
    async def export(
        self,
        path: None = None,
        format: str | None = None,
        quality: str = "high",
        on_progress: OnJob | None = None,
        *,
        progress: bool | bar.OnProgress = False,
        overwrite: bool = False,
        deadline: float | None = None,
    ) -> RenderedVideo: ...
    async def export(
        self,
        path: str | os.PathLike[str] | None = None,
        format: str | None = None,  # noqa: A002 - the protocol's name
        quality: str = "high",
        on_progress: OnJob | None = None,
        *,
        progress: bool | bar.OnProgress = False,
        overwrite: bool = False,
        deadline: float | None = None,
    ) -> RenderedVideo:
        """Render the draft and download the file; see `Session.export`."""
        return await self._render.export(
            self.id,
            path,
            format,
            quality,
            on_progress,
            progress=progress,
            overwrite=overwrite,
            task_id=self.task_id,
            deadline=deadline,
        )

    async def preview(self, at: At = None, *, deadline: float | None = None) -> Preview:
        """Return a preview of the draft; see `Session.preview`."""
        from nemovideo._flows.preview import of_session

        flow = of_session(self._context, self.id, self.task_id, at)
        return await self._run(flow, deadline)

    async def project_url(self, *, deadline: float | None = None) -> str:
        """Return a link that opens the project in a browser; it contains no bearer token."""
        return (await self._auth.claim_token(self, deadline=deadline)).url

    def conversation(
        self,
        on_notice: conversations.OnNotice | None = None,
        output_dir: str | os.PathLike[str] = ".",
        language: str | None = None,
        *,
        local_files: bool = True,
    ) -> conversations.AsyncConversation:
        """Return a conversation about this session; see `Session.conversation`.

        This is not a coroutine, since nothing is sent. `on_notice` may be a coroutine function.
        """
        from nemovideo._flows.conversation import ConversationMemory
        from nemovideo.conversation import AsyncConversation

        memory = ConversationMemory(self.id, self.task_id, Path(output_dir), language, local_files)
        return AsyncConversation(self._context, self._driver, memory, on_notice)
