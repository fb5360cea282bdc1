"""The tools: each makes one call to the SDK."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import attrs
from anyio import to_thread
from mcp.types import CallToolResult
from pydantic import Field

from nemovideo import AsyncClient, AsyncSession
from nemovideo._downloads.export_names import export_path
from nemovideo._jobs.job_spec import suggested_format
from nemovideo._language.routing.paths import find_paths
from nemovideo._language.routing.route import route
from nemovideo._mcp.answers import (
    conversation_answer,
    credits_answer,
    preview_answer,
    timeline_answer,
    video_answer,
)
from nemovideo._mcp.folders import Folders
from nemovideo._mcp.jobs import Call, Job, Jobs
from nemovideo.errors import DraftNotReadyError, InvalidRequestError
from nemovideo.files import is_media_name, is_url, name_of

SessionId = Annotated[
    str | None, Field(description="A session_id from another tool. Default: the last one used.")
]
Quality = Annotated[str, Field(description='"high", "medium" or "low".')]
Overwrite = Annotated[bool, Field(description="Replace the file if it exists.")]


@attrs.define
class Tools:
    """The tools of one server, with the session that was used last."""

    _client: AsyncClient
    _folders: Folders
    _jobs: Jobs
    _session: AsyncSession | None = None

    async def remove_background(
        self,
        call: Call,
        source: Annotated[str, Field(description="The path or the http(s) URL of the clip.")],
        background: Annotated[
            str | None,
            Field(
                description='The new background: "transparent", "blur", a CSS color, the path or '
                'URL of a picture or video, or a description such as "office setting". '
                "By default, the background is removed and not replaced: black in an MP4."
            ),
        ] = None,
        edit: Annotated[
            str | None,
            Field(
                description="More edits in plain language, done in the same step: "
                '"make it 9:16 and put me in the bottom right corner".'
            ),
        ] = None,
        trim: Annotated[
            tuple[float, float] | None,
            Field(description="The part of the clip to keep: start and end in seconds."),
        ] = None,
        output: Annotated[
            str | None,
            Field(
                description="The file to write; its suffix sets the format: .mp4, or .webm or "
                ".mov for a transparent background. Default: NAME-clean.mp4 (or .webm) next to "
                "the clip."
            ),
        ] = None,
        quality: Quality = "high",
        max_credits: Annotated[
            float | None,
            Field(description="Do not start if it would probably cost more credits than this."),
        ] = None,
        overwrite: Overwrite = False,
    ) -> CallToolResult:
        """Remove or replace the background of a video or picture of a person, and save the result.

        This one call does the whole job, which takes a minute or more for a longer clip; a call
        that takes too long returns a job_id for job_status. The result has a session_id, with
        which `say` can edit the video further and `export` can save it again.
        """

        async def run(job: Job) -> CallToolResult:
            clip = self._source(source)
            target = self._output(output, clip, background)
            video = await self._client.remove_background(
                clip,
                background=self._background(background),
                edit=edit,
                trim=trim,
                quality=quality,
                output=target,
                progress=self._folders.rechecking(target, job.progress),
                max_credits=max_credits,
                overwrite=overwrite,
            )
            self._session = await self._client.sessions.attach(video.session_id)
            return video_answer(video)

        return await self._jobs.run(call, "remove_background", run)

    async def say(
        self,
        call: Call,
        text: Annotated[
            str,
            Field(description='What to do, such as "trim it to the first 5 seconds".'),
        ],
        files: Annotated[
            Sequence[str],
            Field(description="Paths or http(s) URLs of clips, pictures or songs to upload first."),
        ] = (),
        session_id: SessionId = None,
    ) -> CallToolResult:
        """Edit a video by describing the edit, in English or Chinese.

        The service's agent makes the edit: trim, titles, music, backgrounds, aspect ratio, speed
        and more. Files that the text names by path are uploaded too. "export" saves the video in
        the first folder; the tool `export` lets you choose the file.
        """

        async def run(job: Job) -> CallToolResult:
            message, attachments = self._named_files(text)
            attachments = [*map(self._source, files), *attachments]
            if self._session is None and session_id is None:
                self._session = await self._client.sessions.create()
            session = await self._attached(session_id)
            conversation = session.conversation(
                job.notice, self._folders.roots[0], local_files=False
            )
            answer = await conversation.say(message, attachments=attachments)
            return conversation_answer(answer, session.id)

        return await self._jobs.run(call, "say", run)

    async def show_timeline(self, session_id: SessionId = None) -> CallToolResult:
        """Show the timeline: tracks, clips, titles, music, and their times."""
        session = await self._attached(session_id)
        return timeline_answer(await session.state(), session.id)

    async def preview(
        self,
        call: Call,
        source: Annotated[
            str | None,
            Field(description="The path of a clip. Default: the timeline."),
        ] = None,
        background: Annotated[
            str | None,
            Field(description="The new background; see remove_background."),
        ] = None,
        edit: Annotated[
            str | None,
            Field(description="More edits in plain language; see remove_background."),
        ] = None,
        trim: Annotated[
            tuple[float, float] | None,
            Field(description="The part of the clip to keep: start and end in seconds."),
        ] = None,
        at: Annotated[
            Sequence[float] | None,
            Field(description="Moments in seconds. Default: the start, the middle and the end."),
        ] = None,
        session_id: SessionId = None,
    ) -> CallToolResult:
        """Show a few moments, the original above the result, without spending credits.

        With a source, it previews remove_background on that clip; otherwise it previews export.
        """

        async def run(_: Job) -> CallToolResult:
            if source is None:
                if any(given is not None for given in (background, edit, trim)):
                    raise InvalidRequestError(
                        "background, edit and trim require a source",
                        remedy="Pass a source, or call say first.",
                    )
                session = await self._attached(session_id)
                return preview_answer(await session.preview(at), session.id)
            clip, new_background = self._source(source), self._background(background)
            preview = await self._client.preview(
                clip, background=new_background, edit=edit, trim=trim, at=at
            )
            return preview_answer(preview)

        return await self._jobs.run(call, "preview", run)

    async def export(
        self,
        call: Call,
        output: Annotated[
            str | None,
            Field(
                description="The file to write; its suffix sets the format (.mp4, .webm, "
                ".mov, .gif, ...). Default: an unused name in the first folder."
            ),
        ] = None,
        quality: Quality = "high",
        overwrite: Overwrite = False,
        session_id: SessionId = None,
    ) -> CallToolResult:
        """Render the timeline and save the video; exports cost no credits."""

        async def run(job: Job) -> CallToolResult:
            session = await self._attached(session_id)
            if output is None:
                state = await session.state()
                path = await to_thread.run_sync(
                    lambda: export_path(self._folders.roots[0], state, None, None)
                )
            else:
                path = self._folders.output(output)
            video = await session.export(
                path,
                quality=quality,
                progress=self._folders.rechecking(path, job.progress),
                overwrite=overwrite,
            )
            return video_answer(video)

        return await self._jobs.run(call, "export", run)

    async def credits(self) -> CallToolResult:
        """Show the available credits."""
        return credits_answer(await self._client.credits.balance())

    async def job_status(
        self, call: Call, job_id: Annotated[str, Field(description="The job_id from another tool.")]
    ) -> CallToolResult:
        """Wait for a running job, and return its result when it has ended."""
        return await self._jobs.status(call, job_id)

    async def cancel_job(
        self, job_id: Annotated[str, Field(description="The job_id from another tool.")]
    ) -> CallToolResult:
        """Cancel a running job. Credits that it has spent are not refunded."""
        return await self._jobs.cancel(job_id)

    async def _attached(self, session_id: str | None) -> AsyncSession:
        """Return the session with an id; by default the last one used.

        Raises:
            DraftNotReadyError: There is no session yet.
        """
        if session_id is not None and (self._session is None or self._session.id != session_id):
            self._session = await self._client.sessions.attach(session_id)
        if self._session is None:
            raise DraftNotReadyError(
                "there is no video yet", remedy="Call remove_background or say first."
            )
        return self._session

    def _source(self, text: str) -> str | Path:
        return text if is_url(text) else self._folders.source(text)

    def _background(self, text: str | None) -> str | Path | None:
        if text is None or is_url(text) or not is_media_name(text):
            return text
        return self._folders.source(text)

    def _output(self, text: str | None, clip: str | Path, background: str | None) -> Path:
        """Return the path of the result; the default is next to the clip."""
        if text is not None:
            return self._folders.output(text)
        folder = clip.parent if isinstance(clip, Path) else self._folders.roots[0]
        suffix = suggested_format(clip, background)
        return self._folders.output(str(folder / f"{Path(name_of(clip)).stem}-clean.{suffix}"))

    def _named_files(self, text: str) -> tuple[str, list[str | Path]]:
        """Return the text without the files that it names, and those files."""
        named = route(text, is_file=self._folders.contains).paths
        if all(map(is_url, named)):
            return text, []
        files = [self._source(path) for path in named]
        found = find_paths(text, lambda path: path in named)
        return found.rest if found else "", files
