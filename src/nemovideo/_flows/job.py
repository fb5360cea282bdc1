"""The main job: a clip in, the agent's edit, a render, a file out; one pipeline, resumable.

Every step is noted before it is taken and after, so that another process can go
on at any moment: see docs/jobs.md for what it looks at, step by step.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urljoin

import attrs

from nemovideo import _checkpoint, _wire
from nemovideo._checkpoint import Checkpoint, OrderNote, Print, Service
from nemovideo._flows import agent, job_files, job_message, render, sessions, state
from nemovideo._flows.context import Context
from nemovideo._flows.job_files import Input
from nemovideo._flows.job_journal import Journal
from nemovideo._flows.job_progress import Meter, OnProgress
from nemovideo._flows.remove_background import Order
from nemovideo._flows.steps import Flow, blocking
from nemovideo.errors import (
    CreditLimitError,
    InvalidRequestError,
    NemoError,
    SessionNotFoundError,
)
from nemovideo.models import RenderedVideo, RenderJob, Reply

_QUALITY = "high"
_REPLY_CHARS = 20_000


def run(
    context: Context,
    order: Order | None,
    on_progress: OnProgress | None,
    *,
    checkpoint: Path | None,
    service: Service,
    send_again: bool = False,
    shared_account: bool = False,
) -> Flow[RenderedVideo]:
    """Carry a job out, or go on with it where another process stopped.

    Args:
        context: The client's.
        order: What is to be done; None for what the checkpoint says.
        on_progress: Told of every step.
        checkpoint: Where the steps are noted; None for a job that need not survive.
        service: Where it is done.
        send_again: Send a message again of which nobody can say what came of it.
        shared_account: Other jobs spend the same credits meanwhile (a batch): the state
            alone decides what came of a message, for the balance says nothing of it.

    Raises:
        CheckpointError: The checkpoint cannot be used for this.
        NemoError: Something failed; its remedy says how to go on.
    """
    journal = Journal(checkpoint, context.settings.clock)
    try:
        found = yield from journal.open()
        if found is not None and checkpoint is not None:
            check_service(checkpoint, found, service)
        record, inputs = yield from _begin(context, order, found, checkpoint, service)
        meter = Meter(context.settings.clock, on_progress, record.fraction, record.elapsed_s)
        journal.begin(record, meter)
        if found is None:
            yield from journal.note(record)
        work = _Work(
            context, inputs, journal, meter, send_again=send_again, shared_account=shared_account
        )
        if journal.now.finished:
            done = yield from blocking(lambda: delivered(journal.now))
            if done is not None:
                return _as_ordered(done, order)
        return _as_ordered((yield from work.carry_out()), order)
    except NemoError as error:
        if journal.resumable:
            error.remedy = _remedy(error, checkpoint, journal.now)
        raise
    finally:
        journal.close()


def _as_ordered(video: RenderedVideo, order: Order | None) -> RenderedVideo:
    """Return the result with its path as the user wrote it; notes hold the whole path."""
    if order is None or order.output is None or video.path is None:
        return video
    return attrs.evolve(video, path=order.output.expanduser())


def _remedy(error: NemoError, checkpoint: Path | None, record: Checkpoint) -> str:
    """Return what to do about an error in a job that has a checkpoint."""
    if isinstance(error, SessionNotFoundError):
        return (
            f"The job's session is gone from {record.service.base_url}, or belongs to another "
            "account: use its token, or name another checkpoint= to start over."
        )
    answered = record.message is not None and record.message.status == "answered"
    option = ", send_again=True" if answered else ""
    return f"{error.remedy} Go on with client.jobs.resume({str(checkpoint)!r}{option})."


def delivered(record: Checkpoint) -> RenderedVideo | None:
    """Return the result of a job that is done, if its file is there and whole, from notes alone.

    Its links are not noted, for whoever has them needs no token: they are left out.
    """
    if not record.finished or record.output is None or not record.output.is_file():
        return None
    if _checkpoint.sha256_of_file(record.output) != record.sha256:
        return None
    size = record.output.stat().st_size
    job = RenderJob(
        record.render_id or "",
        "completed",
        progress=100.0,
        duration_s=record.duration_s,
        size_bytes=size,
    )
    return _result(record, record.output, "", None, job, _noted_reply(record))


def check_service(path: Path, record: Checkpoint, service: Service) -> None:
    """Refuse to do a local backend's job in the cloud, and the other way round.

    Raises:
        CheckpointError: The job belongs elsewhere.
    """
    noted = record.service
    if noted.state_dir == service.state_dir:
        return
    home = "the cloud" if noted.state_dir is None else f"a local backend in {noted.state_dir}"
    raise _checkpoint.failure(
        path,
        f"is of a job of {home}",
        remedy=f"Go on with nemovideo.Job.resume({str(path)!r}), which finds its way there.",
    )


def _begin(
    context: Context,
    order: Order | None,
    found: Checkpoint | None,
    path: Path | None,
    service: Service,
) -> Flow[tuple[Checkpoint, Sequence[Input]]]:
    """Check all that can be checked before anything is sent; return the notes to go on from."""
    inputs: Sequence[Input] = ()
    if order is not None:
        if found is None and order.output is not None:
            output = order.output
            if path == output.expanduser().resolve():
                raise InvalidRequestError(
                    f"{output} cannot be both the checkpoint and the output",
                    remedy="Give the checkpoint a name of its own.",
                )
            yield from blocking(lambda: render.check_output(output, overwrite=order.overwrite))
        inputs = yield from job_files.look_at(order.files, hashed=path is not None)
        record = _ordered(order, inputs, service)
        if found is None and order.output is not None:
            output = order.output
            yield from blocking(lambda: job_files.keep_apart(inputs, output))
    if found is not None and path is not None:
        if order is not None and not record.order.same_as(found.order):
            raise _checkpoint.failure(
                path,
                "is of another job",
                remedy="Name another checkpoint= for this one, or resume that one with "
                f"client.jobs.resume({str(path)!r}).",
            )
        limits = found if order is None else record
        record = attrs.evolve(found, overwrite=limits.overwrite, max_credits=limits.max_credits)
    elif order is None:
        assert path is not None
        raise _checkpoint.failure(path, "is not there", remedy="Check the path.")
    if record.message is None:
        _check_limit(context, record.max_credits)
    return record, inputs


def _ordered(order: Order, inputs: Sequence[Input], service: Service) -> Checkpoint:
    source, *others = (given.note for given in inputs)
    output = None if order.output is None else str(order.output.expanduser().absolute())
    noted = OrderNote(
        source,
        others[0] if others else None,
        order.words,
        output,
        order.format,
        order.session_id,
    )
    return Checkpoint(
        noted,
        service,
        overwrite=order.overwrite,
        max_credits=order.max_credits,
        session_id=order.session_id,
        task_id=order.task_id,
    )


def _check_limit(context: Context, max_credits: float | None) -> None:
    cost = context.settings.edit_cost
    if max_credits is not None and max_credits < cost:
        raise CreditLimitError(
            f"an edit takes about {cost} credits, and max_credits is {max_credits:g}"
        )


@attrs.frozen
class _Work:
    """One job under way in this process."""

    context: Context
    inputs: Sequence[Input]
    journal: Journal
    meter: Meter
    send_again: bool
    shared_account: bool

    def carry_out(self) -> Flow[RenderedVideo]:
        """Do whatever is not done yet."""
        session_id = yield from self._session()
        yield from job_files.upload_all(
            self.context, session_id, self.inputs, self.journal, self.meter
        )
        reply = yield from self._edit(session_id)
        job = yield from self._render(session_id)
        path = yield from self._download(job)
        return (yield from self._finish(session_id, job, path, reply))

    def _session(self) -> Flow[str]:
        self.meter.begin("upload", "Connecting…")
        record = self.journal.now
        if record.session_id is not None:
            return record.session_id
        session_id, task_id, _ = yield from sessions.create(self.context, "project", "en")
        yield from self.journal.note(attrs.evolve(record, session_id=session_id, task_id=task_id))
        return session_id

    def _edit(self, session_id: str) -> Flow[Reply]:
        """See to it that the message has changed the draft, and was sent once."""
        context, journal = self.context, self.journal
        note = journal.now.message
        if note is not None and note.status == "done":
            return _noted_reply(journal.now)
        self.meter.begin("edit", "Removing the background…")
        reply = None
        if note is not None:
            reply = yield from job_message.aftermath(
                context,
                session_id,
                note,
                send_again=self.send_again,
                shared_account=self.shared_account,
            )
        if note is None or reply is None:
            before = yield from state.get(context, session_id)
            balance = yield from state.balance(context)
            note = job_message.noted(context.settings.clock.time(), before, balance)
            spent_from = journal.now.credits_before
            yield from journal.note(
                attrs.evolve(
                    journal.now,
                    message=note,
                    credits_before=balance.available if spent_from is None else spent_from,
                )
            )
            try:
                reply = yield from agent.send(context, session_id, self._words())
            except NemoError as error:
                left = job_message.after_failure(note, error)
                record = attrs.evolve(journal.now, message=left)
                if left is None:  # the balance may have changed when it is sent the next time
                    record = attrs.evolve(record, credits_before=spent_from)
                yield from journal.note(record)
                raise
            note = attrs.evolve(note, reply=_wire.redact(reply.text)[:_REPLY_CHARS])
            after = yield from state.get(context, session_id)
            if after.draft == before.draft:
                note = attrs.evolve(note, status="answered")
                yield from journal.note(attrs.evolve(journal.now, message=note))
                failure = job_message.unchanged(reply.text)
                failure.reply = reply
                raise failure
        note = attrs.evolve(note, status="done")
        yield from journal.note(attrs.evolve(journal.now, message=note))
        return reply

    def _words(self) -> str:
        record = self.journal.now
        if record.order.picture is None:
            return record.order.words
        return f'replace the background with the uploaded file "{record.files[1]}"'

    def _render(self, session_id: str) -> Flow[RenderJob]:
        journal = self.journal
        self.meter.begin("render", "Rendering…")

        def on_id(render_id: str) -> Flow[None]:
            yield from journal.note(attrs.evolve(journal.now, render_id=render_id, rendered=False))

        job = yield from render.produce(
            self.context,
            session_id,
            journal.now.order.format,
            _QUALITY,
            self.meter.job,
            on_id=on_id,
            earlier=journal.now.render_id,
        )
        if not journal.now.rendered:
            output = journal.now.output
            there = None
            if output is not None:
                there = yield from blocking(lambda: Print.of(output))
            yield from journal.note(
                attrs.evolve(
                    journal.now, rendered=True, output_before=there, duration_s=job.duration_s
                )
            )
        return job

    def _download(self, job: RenderJob) -> Flow[Path | None]:
        record = self.journal.now
        if (output := record.output) is None:
            return None
        arrived = yield from blocking(lambda: has_arrived(record, job.size_bytes))
        if not arrived:
            self.meter.begin("download", "Downloading…")
            yield from render.fetch(
                self.context,
                job,
                output,
                overwrite=record.overwrite,
                on_progress=self.meter.bytes,
            )
        if self.journal.path is not None:
            digest = yield from blocking(lambda: _checkpoint.sha256_of_file(output))
            yield from self.journal.note(attrs.evolve(self.journal.now, sha256=digest))
        return output

    def _finish(
        self, session_id: str, job: RenderJob, path: Path | None, reply: Reply
    ) -> Flow[RenderedVideo]:
        context, record = self.context, self.journal.now
        after = record.credits_after
        if after is None:
            try:
                after = (yield from state.balance(context)).available
            except NemoError:
                after = None  # the video is there; only the receipt is missing
        url = urljoin(f"{context.settings.base_url}/", job.url or "")
        project_url = yield from render.project_url(context, session_id, record.task_id)
        self.meter.end()
        yield from self.journal.note(attrs.evolve(record, finished=True, credits_after=after))
        return _result(self.journal.now, path, url, project_url, job, reply)


def has_arrived(record: Checkpoint, size_bytes: int | None) -> bool:
    """Say whether the output is the result, which an earlier process downloaded.

    A download gets its name when it is whole. So it is the result if it came there
    after the download was begun, and has the size that the service tells. Once that
    was noted, its content decides.
    """
    there = None if record.output is None else Print.of(record.output)
    if record.output is None or there is None or there == record.output_before:
        return False
    if record.sha256 is not None:
        return _checkpoint.sha256_of_file(record.output) == record.sha256
    return size_bytes is None or there.size_bytes == size_bytes


def _result(
    record: Checkpoint,
    path: Path | None,
    url: str,
    project_url: str | None,
    job: RenderJob,
    reply: Reply,
) -> RenderedVideo:
    source = record.order.source.path
    return RenderedVideo(
        path=path,
        url=url,
        project_url=project_url,
        job=job,
        session_id=record.session_id or "",
        credits_before=record.credits_before,
        credits_after=record.credits_after,
        reply=reply,
        source=None if source is None else Path(source),
    )


def _noted_reply(record: Checkpoint) -> Reply:
    said = "" if record.message is None else record.message.reply
    return Reply(raw_text=said, text=said)
