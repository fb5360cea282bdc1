"""One turn of a chat front end: route, act, compose the answer (docs/protocol.md §8-§11).

The agent gets at most one message per turn, and none if it is not needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import attrs

from nemovideo import gui
from nemovideo._downloads.export_names import export_path
from nemovideo._flows import agent, render, uploads
from nemovideo._flows import state as state_flow
from nemovideo._flows.context import Context
from nemovideo._flows.notices import Notice, RenderMeter, with_notices
from nemovideo._flows.steps import Emit, Flow, blocking
from nemovideo._language.errors import sentence_for
from nemovideo._language.phrases import ENGLISH, Phrases, phrases_for, phrases_in
from nemovideo._language.routing.route import Routed, is_existing_file, route
from nemovideo._support.outputs import format_for
from nemovideo._uploads.trust import check_urls
from nemovideo.draft import DraftDiff, TrackType
from nemovideo.errors import InvalidRequestError, NemoError
from nemovideo.files import Source, is_url, name_of
from nemovideo.models import Answer, GuiAction, RenderedVideo, Reply, Route, SessionState

_TIMELINE = (GuiAction.SHOW_STATE, GuiAction.SUMMARY)
_BY_MESSAGE = (GuiAction.EDIT, GuiAction.CALL_API)


@attrs.define(eq=False)
class ConversationMemory:
    """What a conversation remembers between messages.

    Attributes:
        session_id: The session.
        task_id: The project's id, for its link.
        output_dir: The folder for exports.
        language: The language of the answers; None for the user's.
        local_files: Whether the user may name files and folders on this machine.
        phrases: The phrases of the language used last.
        connected: Whether the notice about connecting has been shown.
    """

    session_id: str
    task_id: str | None
    output_dir: Path
    language: str | None
    local_files: bool
    phrases: Phrases = attrs.field(init=False)
    connected: bool = attrs.field(default=False, init=False)

    @phrases.default
    def _first_phrases(self) -> Phrases:
        return ENGLISH if self.language is None else phrases_in(self.language)


def say(
    context: Context, memory: ConversationMemory, text: str, attachments: Sequence[Source] = ()
) -> Flow[Answer]:
    """Handle one message from the user and return the answer; errors become sentences in it."""
    local_files = memory.local_files and context.settings.local_files
    is_file = is_existing_file if local_files else lambda _: False
    routed = yield from blocking(partial(route, text, is_file=is_file))
    attached = {name_of(source) for source in attachments}
    if attached.intersection(routed.paths):  # the text mentions the attachments
        routed = attrs.evolve(routed, paths=tuple(p for p in routed.paths if p not in attached))
    if attachments and routed.route is Route.AGENT:
        routed = attrs.evolve(routed, route=Route.UPLOAD)
    if memory.language is None:
        memory.phrases = phrases_for(text, memory.phrases)
    turn = _Turn(context, memory, memory.phrases)
    try:
        yield from turn.run(routed, text, attachments)
    except NemoError as error:
        turn.fail(error)
    return turn.answer(routed.route)


@attrs.define(eq=False)
class _Turn:
    """One turn: collects the paragraphs of its answer."""

    context: Context
    memory: ConversationMemory
    phrases: Phrases
    paragraphs: list[str] = attrs.field(factory=list)
    video: RenderedVideo | None = None
    reply: Reply | None = None
    error: NemoError | None = None

    def run(self, routed: Routed, text: str, attachments: Sequence[Source]) -> Flow[None]:
        """Handle the routed message, step by step."""
        sources = (*attachments, *routed.paths)
        if not text.strip() and not sources:
            self.paragraphs.append(self.phrases.say_something)
            self.error = InvalidRequestError("the message is empty")
            return
        if routed.format:
            format_for(routed.output, routed.format)  # rejects a contradiction before any work
        if routed.paths and not (yield from self._may_name(routed.paths)):
            return
        if not self.memory.connected:
            self.memory.connected = True
            yield Emit(Notice("connecting"))
        if sources:
            yield from self._upload(sources)
        match routed.route:
            case Route.CREDITS:
                yield from self._add_credits()
            case Route.STATE:
                yield from self._add_state()
            case Route.EXPORT:
                yield from self._export(routed)
            case Route.UPLOAD | Route.AGENT if routed.rest:
                yield from self._ask_agent(routed)
            case _ if routed.then_export:
                yield from self._export(routed)
            case _:
                phrases = self.phrases
                self.paragraphs.append(phrases.what_now if sources else phrases.name_a_file)

    def _may_name(self, paths: Sequence[str]) -> Flow[bool]:
        """Return whether the user may name these files; add a paragraph if not.

        Raises:
            InvalidRequestError: A link does not lead to the public internet.
        """
        settings = self.context.settings
        if self.memory.local_files and settings.local_files:
            return True
        if not settings.local_files:
            self.paragraphs.append(self.phrases.no_files_named)
            return False
        if not all(map(is_url, paths)):
            self.paragraphs.append(self.phrases.no_local_files)
            return False
        yield from blocking(partial(check_urls, paths, own=settings.base_url))
        return True

    def fail(self, error: NemoError) -> None:
        """Add an error to the answer, after the part of the reply that arrived before it."""
        self.error = error
        error.may_have_spent = error.may_have_spent or self.reply is not None
        partial_reply = getattr(error, "reply", None)
        if isinstance(partial_reply, Reply):
            self.reply = partial_reply
            self.paragraphs.append(partial_reply.text)
        message = gui.clean(error.message).text
        self.paragraphs.append(sentence_for(error, message, self.phrases.language))

    def answer(self, action: Route) -> Answer:
        """Return the answer composed so far."""
        text = "\n\n".join(words for part in self.paragraphs if (words := part.strip()))
        return Answer(text, action, self.video, self.reply, self.error)

    def _add_credits(self) -> Flow[None]:
        credits = yield from state_flow.balance(self.context)  # noqa: A001 - the protocol's name
        self.paragraphs.append(self.phrases.balance(credits))

    def _add_state(self) -> Flow[None]:
        state = yield from state_flow.get(self.context, self.memory.session_id)
        if timeline := self._timeline(state):
            self.paragraphs.append(timeline)
        elif names := state.file_names:
            joined = self.phrases.comma.join(names)
            self.paragraphs.append(self.phrases.files_only.format(names=joined))
        else:
            self.paragraphs.append(self.phrases.nothing_yet)

    def _timeline(self, state: SessionState | None) -> str:
        """Return a summary of the timeline; empty for an empty one."""
        draft = None if state is None else state.draft
        return self.phrases.timeline(draft) if draft is not None and draft.tracks else ""

    def _upload(self, sources: Sequence[Source]) -> Flow[None]:
        yield Emit(Notice("uploading", {"names": [name_of(source) for source in sources]}))
        files = yield from uploads.upload(self.context, self.memory.session_id, sources, None)
        self.paragraphs.append(self.phrases.uploaded.format(files=self.phrases.files(files)))

    def _ask_agent(self, routed: Routed) -> Flow[None]:
        """Send the message, once, and report the outcome."""
        context, session_id = self.context, self.memory.session_id
        before = yield from state_flow.latest(context, session_id)
        self.reply = reply = yield from agent.send(context, session_id, routed.rest)
        after = yield from self._state_after()
        changes = reply.changes
        if changes is None and after is not None:
            changes = state_flow.changes(before, after)
        generated = changes is not None and _is_generation(changes)
        self._add_reply(reply, changes, generation=generated)
        actions = set(reply.actions)
        if actions.intersection(_TIMELINE) or (generated and reply.changes is None):
            self.paragraphs.append(self._timeline(after))
        if GuiAction.CREDITS in actions:
            yield from self._add_credits()
        if actions.intersection(_BY_MESSAGE):
            self.paragraphs.append(self.phrases.offer_message)
        wanted = changes is None or bool(changes) or GuiAction.EXPORT in actions
        if routed.then_export and wanted:
            yield from self._export(routed)
        elif routed.then_export:
            self.paragraphs.append(self.phrases.not_exported)
        elif GuiAction.EXPORT in actions:
            self.paragraphs.append(self.phrases.offer_export)

    def _state_after(self) -> Flow[SessionState | None]:
        """Return the state after the agent's turn; None if it cannot be fetched."""
        try:
            return (yield from state_flow.latest(self.context, self.memory.session_id))
        except NemoError:
            return None

    def _add_reply(self, reply: Reply, changes: DraftDiff | None, *, generation: bool) -> None:
        """Add the agent's text, and the changes that it did not mention."""
        phrases = self.phrases
        self.paragraphs.append(reply.text)
        if reply.recovered:
            heading = phrases.recovered if changes else phrases.recovered_unchanged
        elif reply.text and not reply.changes:
            if reply.incomplete:
                self.paragraphs.append(phrases.incomplete)
            return
        elif changes:
            heading = phrases.changed if reply.text else phrases.edited
        else:
            heading = phrases.unchanged if reply.silent else phrases.only_instructions
        details = ""
        if changes and generation:
            details = phrases.stages(changes, changes.after)
        elif changes:
            details = phrases.changes(changes)
        self.paragraphs.append(f"{heading}\n{details}")

    def _export(self, routed: Routed) -> Flow[None]:
        """Render the draft and download the file under an unused name."""
        context, memory = self.context, self.memory
        state = yield from state_flow.get(context, memory.session_id)
        path = yield from blocking(
            partial(
                export_path,
                memory.output_dir,
                state,
                routed.output,
                routed.format,
                anywhere=memory.local_files and context.settings.local_files,
            )
        )
        notices: list[Notice] = []
        meter = RenderMeter(context, notices.append)
        self.video = yield from with_notices(
            render.export(
                context,
                memory.session_id,
                path,
                format=None,
                quality=routed.quality or "high",
                task_id=memory.task_id,
                on_job=meter,
            ),
            notices,
        )
        lines = [f"{self.phrases.ready} {path}", *self.video.warnings]
        # An embedded backend's link dies with this process, but notebooks keep the answer.
        if self.video.project_url is not None and context.backend is None:
            lines.append(self.phrases.project.format(url=self.video.project_url))
        self.paragraphs.append("\n".join(lines))


def _is_generation(changes: DraftDiff) -> bool:
    """Return whether the changes are the first edit that adds more than raw footage (§10)."""
    kinds = {track.type for track in changes.after.tracks if track.segments}
    return not changes.before.ready and TrackType.VIDEO in kinds and len(kinds) > 1
