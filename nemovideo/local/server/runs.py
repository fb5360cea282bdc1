"""POST /run_sse: run the agent on a message, stream its events, and charge for its edits."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TypeVar, overload

import attrs
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from nemovideo.local.agent.turn import Step, Turn
from nemovideo.local.server.accounts import authenticate, own_session
from nemovideo.local.server.bodies import read_json
from nemovideo.local.server.context import Context, check_disk, context_of
from nemovideo.local.server.faults import StreamScript
from nemovideo.local.server.forms import Problem
from nemovideo.local.server.messages import error_text
from nemovideo.local.server.sse import SILENT_ENDINGS, EventBuilder, frames
from nemovideo.local.server.waiting import disconnected, first_completed
from nemovideo.local.store import SessionRow
from nemovideo.local.store.accounts import NotEnoughCreditsError
from nemovideo.local.store.projects import Projects
from nemovideo.local.timeline import Timeline

_log = logging.getLogger("nemovideo.local")
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
]
_SHOWN_CHARACTERS = 100


async def run_sse(request: Request) -> RunStream:
    """Validate the request as ADK's server does (401, 422, 1002), then stream the run."""
    account = authenticate(request, "write")
    message = _read_message(await _read_body(request))
    context, session = context_of(request), own_session(request, account, message.session_id)
    check_disk(context, account.user_id)
    return RunStream(context, session, message, request.scope["nemovideo.faults"])


@attrs.frozen
class Message:
    """The request of a run; UTF-8 takes less memory than `str` while the run is queued."""

    session_id: str
    utf8: bytes
    streaming: bool

    @property
    def text(self) -> str:
        """The user's message."""
        return self.utf8.decode("utf-8", "surrogatepass")


@attrs.frozen
class RunStream:
    """One run as an ASGI response; a disconnect aborts it.

    The draft and its charge are saved in one transaction right before the function response is
    sent: a run that is aborted before that changes nothing and costs nothing.
    """

    context: Context
    session: SessionRow
    message: Message
    script: StreamScript

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Run until the response is complete or the client disconnects."""
        await first_completed(self._run_when_allowed(send), disconnected(receive))

    async def _run_when_allowed(self, send: Send) -> None:
        user_id = self.context.limited_user(self.session.user_id)
        async with self.context.pools.streams.of(user_id):
            await self._run(send)

    async def _run(self, send: Send) -> None:
        context, user_id = self.context, self.session.user_id
        events = EventBuilder(context.clock)
        async with context.session_lock(self.session.session_id):
            try:
                turn = await context.pools.runs.run(
                    self._ask, user_id=context.limited_user(user_id)
                )
            except Exception as error:  # noqa: BLE001 - ADK streams any failure of the agent
                await _start(send)
                await _send_failure(events, error, send)
                await _end(send)
                return
            charge = self._reserve(user_id, turn)
            try:
                await _start(send)
                try:
                    await self._send_turn(events, turn, charge, send)
                except (OSError, sqlite3.Error) as error:
                    await _send_failure(events, error, send)
                await _end(send)
            finally:
                charge.settle()

    def _ask(self) -> Turn:
        projects, session_id = self.context.store.projects, self.session.session_id
        versions = Versions.of(projects, session_id)
        question = self.context.take_question(session_id)
        turn = self.context.respond(
            self.message.text,
            timeline=versions[-1],
            media=[file.item for file in projects.files(session_id)],
            history=versions[:-1],
            **({} if question is None else {"question": question}),  # some agents do not accept it
        )
        for step in turn.steps:
            if step.timeline is not None:  # an unreadable draft would make the session unusable
                Timeline.from_draft(step.timeline.to_draft())
        if turn.question is not None:
            self.context.keep_question(session_id, turn.question)
        return turn

    def _reserve(self, user_id: str, turn: Turn) -> Charge:
        pricing, accounts = self.context.pricing, self.context.store.accounts
        cost = pricing.costs.get(turn.kind, 0)
        try:
            amount = accounts.reserve(user_id, cost, at_most_available=not pricing.enforced)
        except NotEnoughCreditsError as error:
            message = f"Not enough credits: this run costs {cost}."
            raise Problem(200, message, code=2001) from error
        return Charge(self.context, self.session, amount)

    async def _send_turn(
        self, events: EventBuilder, turn: Turn, charge: Charge, send: Send
    ) -> None:
        script = self.script
        ending = script.silent_ending(turn, SILENT_ENDINGS, self.session.silent_edits)
        sent = 0
        for emission in events.of(turn, streaming=self.message.streaming, silent_ending=ending):
            if script.fails_after(sent):
                break
            if emission.applies is None:
                texts = frames(emission.event, script.dialect)
            else:  # it contains the whole draft, which is slow to encode
                texts = await self.context.pools.runs.run(
                    partial(frames, emission.event, script.dialect),
                    user_id=self.context.limited_user(self.session.user_id),
                )
                charge.apply(turn, turn.steps[emission.applies])
            del emission  # its draft is not needed while the client reads
            for text in texts:
                for extra in script.injected(sent):
                    await _write(send, extra)
                if script.delay_s:
                    await self.context.sleep(script.delay_s)
                await _write(send, text)
                await asyncio.sleep(0)  # sending to a fast reader never yields to other tasks
                sent += 1
        if script.error is not None:
            form, message = script.error
            for text in events.failure(form, "RuntimeError", message):
                await _write(send, text)
        elif turn.changed and not charge.applied:
            charge.apply(turn, Step(tool=None, text="", timeline=turn.timeline))
        if ending is not None and charge.applied:
            self.context.store.projects.count_silent_edit(self.session.session_id)


@attrs.frozen
class Versions(Sequence[Timeline | None]):
    """The versions of the draft, loaded lazily; None is the empty timeline before the first."""

    projects: Projects
    session_id: str
    numbers: tuple[int | None, ...]

    @classmethod
    def of(cls, projects: Projects, session_id: str) -> Versions:
        """Return the versions that are kept; the current one is last."""
        numbers = projects.versions(session_id)
        all_kept = not numbers or numbers[0] == 1
        return cls(projects, session_id, (None, *numbers) if all_kept else tuple(numbers))

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
class Charge:
    """The credits reserved for one run: spent with its first edit, else released."""

    context: Context
    session: SessionRow
    amount: int
    applied: bool = False

    def apply(self, turn: Turn, step: Step) -> None:
        """Save the draft after a step, and spend the credits with the first one."""
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
        """Release unspent credits; if the disk is full, the next server does so at startup."""
        if not self.applied:
            try:
                self.context.store.accounts.release(self.session.user_id, self.amount)
            except sqlite3.OperationalError:
                _log.exception("reserved credits could not be released")


async def _send_failure(events: EventBuilder, error: Exception, send: Send) -> None:
    _log.error("the local agent failed", exc_info=error)
    for text in events.failure("event", type(error).__name__, error_text(error)):
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
    """Parse the body as ADK's server does: snake_case or camelCase, with or without the role."""
    text = "".join(_texts(_field(body, "new_message", "newMessage", dict)))
    if not text.strip():
        loc: list[object] = ["body", "new_message", "parts"]
        raise _unprocessable("value_error", loc, "The message has no text", body)
    app_name = _field(body, "app_name", "appName", str)
    user_id = _field(body, "user_id", "userId", str)
    session_id = _field(body, "session_id", "sessionId", str)
    if (app_name, user_id) != ("nemo_agent", "me"):
        raise Problem(404, "Session not found.", code=1002)
    utf8 = text.encode("utf-8", "surrogatepass")
    return Message(session_id, utf8, streaming=body.get("streaming") is True)


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
    type_name = "string" if kind is str else "dictionary"
    message = f"Input should be a valid {type_name}"
    raise _unprocessable(f"{kind.__name__}_type", ["body", name], message, value)


def _unprocessable(kind: str, loc: list[object], msg: str, value: object) -> Problem:
    """Return FastAPI's 422 response, but truncate a large input: a body can have 1 MB."""
    if isinstance(value, str):
        value = value[:_SHOWN_CHARACTERS]
    elif isinstance(value, (Mapping, list)):
        value = f"{type(value).__name__} of {len(value)}"
    detail = [{"type": kind, "loc": loc, "msg": msg, "input": value}]
    return Problem(422, json.dumps(detail), detail=detail)
