"""POST /run_sse: a message to the agent, its answer as a stream, and what it costs."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from typing import TypeVar, overload

import attrs
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from nemovideo.local.agent.turn import Step, Turn
from nemovideo.local.server.accounts import authenticate, own_session
from nemovideo.local.server.context import Context, check_disk, context_of
from nemovideo.local.server.faults import StreamScript
from nemovideo.local.server.forms import Problem, read_json
from nemovideo.local.server.sse import SILENT_ENDINGS, Narrator, frames
from nemovideo.local.server.trouble import told
from nemovideo.local.server.waiting import first_of, until_gone
from nemovideo.local.store import SessionRow
from nemovideo.local.store.accounts import NotEnoughCreditsError
from nemovideo.local.store.projects import Projects
from nemovideo.local.timeline import Timeline

_log = logging.getLogger("nemovideo.local")
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
]
_HISTORY = 50


async def run_sse(request: Request) -> RunStream:
    """Check the request as ADK's server does (401, 422, 1002), then stream the run."""
    account = authenticate(request, "write")
    message = _read_message(await _read_body(request))
    if (message.app_name, message.user_id) != ("nemo_agent", "me"):
        raise Problem(404, "Session not found.", code=1002)
    context, session = context_of(request), own_session(request, account, message.session_id)
    check_disk(context, account.user_id)
    return RunStream(context, session, message, request.scope["nemovideo.faults"])


@attrs.frozen
class Message:
    """What the client asked for."""

    app_name: str
    user_id: str
    session_id: str
    text: str
    streaming: bool


@attrs.frozen
class RunStream:
    """One run as an ASGI response; a client that leaves aborts it.

    The draft and its charge are written in one transaction right before the
    function response goes out: a run aborted earlier changed and cost nothing.
    """

    context: Context
    session: SessionRow
    message: Message
    script: StreamScript

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Run until the answer is out or the client has gone."""
        await first_of(self._run(send), until_gone(receive))

    async def _run(self, send: Send) -> None:
        context, user_id = self.context, self.session.user_id
        narrator = Narrator(context.clock)
        async with context.session_lock(self.session.session_id):
            try:
                turn = await context.lanes.runs.run(self._ask)
            except Exception as error:  # noqa: BLE001 - ADK streams any failure of the agent
                await _start(send)
                await _tell_failure(narrator, error, send)
                await _end(send)
                return
            bill = self._reserve(user_id, turn)
            try:
                await _start(send)
                try:
                    await self._tell(narrator, turn, bill, send)
                except (OSError, sqlite3.Error) as error:
                    await _tell_failure(narrator, error, send)
                await _end(send)
            finally:
                bill.settle()

    def _ask(self) -> Turn:
        projects, session_id = self.context.store.projects, self.session.session_id
        numbers = projects.versions(session_id, latest=_HISTORY)
        versions = Versions(projects, session_id, (None, *numbers))
        asked = self.context.question(session_id)
        turn = self.context.respond(
            self.message.text,
            timeline=versions[-1],
            media=[file.item for file in projects.files(session_id)],
            history=versions[:-1],
            **({} if asked is None else {"question": asked}),  # not every agent asks back
        )
        for step in turn.steps:
            if step.timeline is not None:  # one that cannot be read back would end the session
                Timeline.from_draft(step.timeline.to_draft())
        if turn.question is not None:
            self.context.keep_question(session_id, turn.question)
        return turn

    def _reserve(self, user_id: str, turn: Turn) -> Bill:
        tariff, accounts = self.context.tariff, self.context.store.accounts
        cost = tariff.costs.get(turn.kind, 0)
        try:
            amount = accounts.reserve(user_id, cost, at_most_available=not tariff.hard)
        except NotEnoughCreditsError as error:
            message = f"Not enough credits: this costs {cost}."
            raise Problem(200, message, code=2001) from error
        return Bill(self.context, self.session, amount)

    async def _tell(self, narrator: Narrator, turn: Turn, bill: Bill, send: Send) -> None:
        script = self.script
        ending = script.silent_ending(turn, SILENT_ENDINGS, self.session.silent_edits)
        sent = 0
        for emission in narrator.tell(turn, streaming=self.message.streaming, silent_ending=ending):
            if script.fails_after(sent):
                break
            if emission.applies is not None:
                bill.apply(turn, turn.steps[emission.applies])
            for text in frames(emission.event, script.dialect):
                for extra in script.injected(sent):
                    await _write(send, extra)
                if script.delay_s:
                    await self.context.sleep(script.delay_s)
                await _write(send, text)
                sent += 1
        if script.error is not None:
            form, message = script.error
            for text in narrator.failure(form, "RuntimeError", message):
                await _write(send, text)
        elif turn.changed and not bill.applied:
            bill.apply(turn, Step(tool=None, text="", timeline=turn.timeline))
        if ending is not None and bill.applied:
            self.context.store.projects.count_silent_edit(self.session.session_id)


@attrs.frozen
class Versions(Sequence[Timeline | None]):
    """The draft's versions as the agent sees them, the empty one first; read when asked for."""

    projects: Projects
    session_id: str
    numbers: tuple[int | None, ...]

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, index: int) -> Timeline | None: ...
    @overload
    def __getitem__(self, index: slice) -> Versions: ...
    def __getitem__(self, index: int | slice) -> Timeline | Versions | None:
        if isinstance(index, slice):
            return attrs.evolve(self, numbers=self.numbers[index])
        number = self.numbers[index]
        if number is None:
            return None
        return Timeline.from_draft(self.projects.version(self.session_id, number))


@attrs.define
class Bill:
    """The credits reserved for one run: spent with its first edit, or given back."""

    context: Context
    session: SessionRow
    amount: int
    applied: bool = False

    def apply(self, turn: Turn, step: Step) -> None:
        """Write the draft after the step, and the charge with the first one, at once."""
        store, session_id = self.context.store, self.session.session_id
        if not turn.changed or (step.timeline is None and not turn.undone):
            return
        with store.database.transaction():
            if not turn.undone and step.timeline is not None:
                store.projects.save_draft(
                    session_id, step.timeline.to_draft(), replace_last=self.applied
                )
            elif not self.applied:
                store.projects.undo(session_id)
            if not self.applied:
                store.accounts.spend(self.session.user_id, self.amount)
        self.applied = True

    def settle(self) -> None:
        """Give back what was not spent; where the disk is full, the next start does it."""
        if not self.applied:
            try:
                self.context.store.accounts.release(self.session.user_id, self.amount)
            except sqlite3.OperationalError:
                _log.exception("reserved credits could not be given back")


async def _tell_failure(narrator: Narrator, error: Exception, send: Send) -> None:
    _log.error("the local agent failed", exc_info=error)
    for text in narrator.failure("event", type(error).__name__, told(error)):
        await _write(send, text)


async def _start(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})


async def _write(send: Send, text: str) -> None:
    body = text.encode("utf-8", "backslashreplace")  # as in json_bytes
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _end(send: Send) -> None:
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _read_body(request: Request) -> Mapping[str, object]:
    try:
        return await read_json(request)
    except Problem as problem:
        if problem.status != 400:
            raise
        raise _unprocessable("json_invalid", ["body", 0], "JSON decode error", {}) from problem


def _read_message(body: Mapping[str, object]) -> Message:
    """Read the body as ADK's server does, snake_case or camelCase; the role may be missing."""
    text = "".join(_texts(_field(body, "new_message", "newMessage", dict)))
    if not text.strip():
        loc: list[object] = ["body", "new_message", "parts"]
        raise _unprocessable("value_error", loc, "The message has no text", body)
    return Message(
        app_name=_field(body, "app_name", "appName", str),
        user_id=_field(body, "user_id", "userId", str),
        session_id=_field(body, "session_id", "sessionId", str),
        text=text,
        streaming=body.get("streaming") is True,
    )


def _texts(message: Mapping[str, object]) -> list[str]:
    parts = message.get("parts")
    if not isinstance(parts, list):
        loc: list[object] = ["body", "new_message", "parts"]
        raise _unprocessable("list_type", loc, "Input should be a valid list", parts)
    texts = [part.get("text") for part in parts if isinstance(part, Mapping)]
    return [text for text in texts if isinstance(text, str)]


_T = TypeVar("_T")


def _field(body: Mapping[str, object], name: str, alias: str, kind: type[_T]) -> _T:
    value = body.get(name, body.get(alias))
    if isinstance(value, kind):
        return value
    if value is None:
        raise _unprocessable("missing", ["body", name], "Field required", body)
    named = "string" if kind is str else "dictionary"
    message = f"Input should be a valid {named}"
    raise _unprocessable(f"{kind.__name__}_type", ["body", name], message, value)


def _unprocessable(kind: str, loc: list[object], msg: str, value: object) -> Problem:
    detail = [{"type": kind, "loc": loc, "msg": msg, "input": value}]
    return Problem(422, json.dumps(detail), detail=detail)
