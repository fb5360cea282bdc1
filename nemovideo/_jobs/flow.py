"""Background removal as a resumable pipeline: upload, edit, render, download.

The checkpoint is written before and after every step, so that another process can resume the job at
any point: see docs/jobs.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urljoin

import attrs

from nemovideo._flows import agent, downloads, render, sessions, state
from nemovideo._flows.context import Context
from nemovideo._flows.steps import Flow, blocking
from nemovideo._jobs import files as job_files
from nemovideo._jobs import message as job_message
from nemovideo._jobs.checkpoints import Checkpoint, MessageEntry
from nemovideo._jobs.job_spec import JobSpec
from nemovideo._jobs.journal import Journal
from nemovideo._jobs.progress import Meter
from nemovideo._jobs.result import delivered, has_arrived, result, stored_reply, with_given_path
from nemovideo._jobs.start import begin, check_service, service_of
from nemovideo._progress.bar import OnProgress
from nemovideo._support.disk import Stamp, sha256_of_file
from nemovideo._values.remedies import Code, Option, Remedy, Resume
from nemovideo._wire import envelopes
from nemovideo.errors import (
    AgentError,
    NemoError,
    SessionNotFoundError,
    StreamInterruptedError,
)
from nemovideo.files import Upload
from nemovideo.models import RenderedVideo, RenderJob, Reply


def run(
    context: Context,
    spec: JobSpec | None,
    on_progress: OnProgress | None,
    *,
    checkpoint: Path | None,
    send_again: bool = False,
    in_batch: bool = False,
) -> Flow[RenderedVideo]:
    """Run a job, or resume it; see `message.recover` for `send_again` and `in_batch`.

    Without a `spec`, the checkpoint's is used; without a checkpoint, the job cannot be resumed.

    Raises:
        CheckpointError: The checkpoint cannot be used for this job.
        NemoError: A step failed; the remedy says how to resume.
    """
    service = service_of(context)
    journal = Journal(checkpoint, context.settings.clock)
    try:
        found = yield from journal.open()
        if found is not None and checkpoint is not None and not found.finished:
            check_service(checkpoint, found, service)
        record, inputs = yield from begin(context, spec, found, checkpoint, service)
        meter = Meter(
            context.settings.clock,
            on_progress,
            record.fraction,
            record.elapsed_s,
            awaits_job=record.render_id is not None and not record.rendered,
        )
        journal.begin(record, meter)
        if found is None:
            yield from journal.save(record)
        work = _Pipeline(context, inputs, journal, meter, send_again=send_again, in_batch=in_batch)
        if journal.current.finished:
            done = yield from blocking(lambda: delivered(journal.current))
            if done is not None:
                return with_given_path(done, spec)
            if checkpoint is not None:
                check_service(checkpoint, record, service)
        return with_given_path((yield from work.run()), spec)
    except NemoError as error:
        error.may_have_spent = error.may_have_spent or journal.message_sent
        if journal.rendered:
            error.render_id = journal.current.render_id
        if journal.resumable and not in_batch:
            error.remedy = _remedy(error, checkpoint, journal.current)
        elif journal.message_sent and not in_batch:
            error.remedy = _remedy_after_edit(
                error, journal.current, embedded=context.backend is not None
            )
        raise
    finally:
        journal.close()


def _remedy(error: NemoError, checkpoint: Path | None, record: Checkpoint) -> Remedy:
    """Return the remedy for an error in a job with a checkpoint."""
    if isinstance(error, SessionNotFoundError):
        return Remedy(
            f"the job's session no longer exists at {record.service.base_url}, or belongs to "
            "another account: use that account's token",
            ("choose another ", Option("checkpoint"), " to start over"),
        )
    message, path = record.message, str(checkpoint)
    answered = message is not None and message.status == "answered"
    again = ("resume with ", Resume(path, send_again=answered))
    if not answered or message is None or not message.incomplete:
        return Remedy.after(error.remedy, Remedy(again))
    session = Code(f"client.sessions.attach({record.session_id!r}).send(…)")
    rest = ("ask for the missing part with ", session, ", then resume with ", Resume(path))
    return Remedy.after(error.remedy, Remedy(rest, again))


def _remedy_after_edit(error: NemoError, record: Checkpoint, *, embedded: bool) -> Remedy:
    """Return the remedy for an error after the message, in a job without a checkpoint.

    The edit is in the session, and can be exported without another message. If the backend is
    `embedded`, there is no shell command for that: it stops with this process.
    """
    session = f"client.sessions.attach({record.session_id!r})"
    if record.rendered:
        render = f"client.render.get({record.render_id!r})"
        code = f"client.render.download({render}, path)"
    elif record.message is not None and record.message.status == "done":
        code = f"{session}.export(path)"
    else:
        call = Code(f" with {session}", None if embedded else f" {record.session_id}")
        return Remedy.after(error.remedy, Remedy(("continue in its session", call)))
    shell = None if embedded else f"`nemovideo export {record.session_id} -o FILE`"
    kept = Remedy(("the edit is done and paid for: get its file with ", Code(code, in_shell=shell)))
    return Remedy.after(error.remedy, kept)


@attrs.frozen
class _Pipeline:
    """A job that is running in this process."""

    context: Context
    inputs: Sequence[Upload]
    journal: Journal
    meter: Meter
    send_again: bool
    in_batch: bool

    def run(self) -> Flow[RenderedVideo]:
        """Do the remaining steps."""
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
        record = self.journal.current
        if record.session_id is not None:
            return record.session_id
        session_id, task_id, _ = yield from sessions.create(self.context, "project", "en")
        yield from self.journal.save(attrs.evolve(record, session_id=session_id, task_id=task_id))
        return session_id

    def _edit(self, session_id: str) -> Flow[Reply]:
        """Send the message, exactly once, and check that it changed the draft."""
        context, journal = self.context, self.journal
        entry = journal.current.message
        if entry is not None and entry.status == "done":
            return stored_reply(journal.current)
        self.meter.begin("edit", "Removing the background…")
        reply = None
        if entry is not None:
            reply = yield from job_message.recover(
                context,
                session_id,
                entry,
                send_again=self.send_again,
                in_batch=self.in_batch,
                on_wait=self._wait_for_message,
            )
        if entry is None or reply is None:
            entry, reply = yield from self._send(session_id)
        reply = job_message.with_warnings(reply, journal.current.spec.notes)
        entry = job_message.entry_with_reply(entry, reply)
        if entry.status == "sending":  # else the user has continued in the session
            yield from self._check(session_id, entry, reply)
        entry = attrs.evolve(entry, status="done")
        yield from journal.save(attrs.evolve(journal.current, message=entry))
        return reply

    def _send(self, session_id: str) -> Flow[tuple[MessageEntry, Reply]]:
        """Record the message, and send it."""
        context, journal = self.context, self.journal
        before = yield from state.get(context, session_id)
        balance = yield from state.balance(context)
        entry = job_message.entry_before(context.settings.clock.time(), before, balance)
        spent_from = journal.current.credits_before
        yield from journal.save(
            attrs.evolve(
                journal.current,
                message=entry,
                credits_before=balance.available if spent_from is None else spent_from,
            )
        )
        try:
            reply = yield from agent.send(
                context, session_id, self._text(), on_lost=self._wait_from_now
            )
        except NemoError as error:
            failed = job_message.after_failure(journal.current.message or entry, error)
            record = attrs.evolve(journal.current, message=failed)
            if failed is None:  # the balance may change before the next attempt
                record = attrs.evolve(record, credits_before=spent_from)
            yield from journal.save(record)
            raise
        return entry, reply

    def _check(self, session_id: str, entry: MessageEntry, reply: Reply) -> Flow[None]:
        """Check that the draft has the edits; record an answer without them."""
        after = yield from state.get(self.context, session_id)
        try:
            if job_message.draft_digest(after) == entry.draft:
                raise job_message.unchanged_error(reply)
            expected_duration_s = self.journal.current.spec.expected_duration_s
            job_message.check_edited(expected_duration_s, after.draft, reply)
        except (AgentError, StreamInterruptedError) as error:
            answered = job_message.answered_entry(entry, after, error)
            yield from self.journal.save(attrs.evolve(self.journal.current, message=answered))
            raise

    def _wait_from_now(self) -> Flow[None]:
        entry = self.journal.current.message
        assert entry is not None
        lost_at = self.context.settings.clock.time()
        yield from self._wait_for_message(attrs.evolve(entry, lost_at=lost_at))

    def _wait_for_message(self, entry: MessageEntry) -> Flow[None]:
        self.meter.say("Checking whether the message arrived…")
        yield from self.journal.save(attrs.evolve(self.journal.current, message=entry))

    def _text(self) -> str:
        record = self.journal.current
        if record.spec.picture is None:
            return record.spec.message
        first = f'replace the background with the uploaded file "{record.files[1]}"'
        return ". ".join(filter(None, (first, record.spec.message)))

    def _render(self, session_id: str) -> Flow[RenderJob]:
        journal = self.journal
        self.meter.begin("render", "Rendering…")

        def on_id(render_id: str) -> Flow[None]:
            started = attrs.evolve(journal.current, render_id=render_id, rendered=False)
            yield from journal.save(started)

        job = yield from render.produce(
            self.context,
            session_id,
            journal.current.spec.format,
            journal.current.spec.quality,
            self.meter.job,
            on_outage=self.meter.outage,
            on_id=on_id,
            earlier=journal.current.render_id,
        )
        if not journal.current.rendered:
            output, stamp = journal.current.output, None
            if output is not None:
                stamp = yield from blocking(lambda: Stamp.of(output))
            yield from journal.save(
                attrs.evolve(
                    journal.current,
                    rendered=True,
                    output_before=stamp,
                    duration_s=job.duration_s,
                    warnings=tuple(envelopes.redact(text) for text in job.warnings),
                )
            )
        return job

    def _download(self, job: RenderJob) -> Flow[Path | None]:
        record = self.journal.current
        if (output := record.output) is None:
            return None
        arrived = yield from blocking(lambda: has_arrived(record, job.size_bytes))
        if not arrived:
            self.meter.begin("download", "Downloading…")
            yield from downloads.fetch(
                self.context,
                job,
                output,
                overwrite=record.overwrite,
                on_progress=self.meter.bytes,
            )
        if self.journal.path is not None:
            digest = yield from blocking(lambda: sha256_of_file(output))
            stamp = yield from blocking(lambda: Stamp.of(output))
            size = None if stamp is None else stamp.size_bytes
            yield from self.journal.save(
                attrs.evolve(self.journal.current, sha256=digest, size_bytes=size)
            )
        return output

    def _finish(
        self, session_id: str, job: RenderJob, path: Path | None, reply: Reply
    ) -> Flow[RenderedVideo]:
        context, record = self.context, self.journal.current
        after = record.credits_after
        if after is None:
            with suppress(NemoError):  # only the credits are unknown
                after = (yield from state.balance(context)).available
        url = urljoin(f"{context.settings.base_url}/", job.url or "")
        project_url = yield from render.project_url(context, session_id, record.task_id)
        self.meter.end()
        yield from self.journal.save(attrs.evolve(record, finished=True, credits_after=after))
        return result(self.journal.current, path, url, project_url, job, reply)
