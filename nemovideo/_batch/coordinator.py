"""The decisions of a batch, as flows that two small runners call with threads or tasks.

The coordinator counts the credits and writes the report; the workers write the checkpoints, which
alone record what is done.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import attrs

from nemovideo._batch.checkpoint_folder import CheckpointFolder, is_truncated
from nemovideo._batch.circuit_breaker import CircuitBreaker
from nemovideo._batch.pace import Pace, StoppedError
from nemovideo._batch.plan import Plan
from nemovideo._batch.sources import Found, find, output_names
from nemovideo._batch.work import Limit, Outcome, Task, one_file
from nemovideo._flows import state
from nemovideo._flows.context import Context
from nemovideo._flows.steps import Flow, blocking
from nemovideo._jobs import checkpoints
from nemovideo._jobs.checkpoints import FileEntry
from nemovideo._jobs.files import within_video
from nemovideo._jobs.job_spec import JobSpec
from nemovideo._jobs.start import spec_entry
from nemovideo._support.disk import reading, sha256_of_file, writing
from nemovideo._support.user_folders import absolute_path
from nemovideo._uploads.files import prepare
from nemovideo._values.lines import credits_text, some_names
from nemovideo._values.remedies import Code, Option, Remedy
from nemovideo.batch import BatchInterrupted, BatchReport, BatchRow, BatchStatus
from nemovideo.errors import (
    CheckpointError,
    CreditLimitError,
    FileTooLargeError,
    InvalidRequestError,
    NemoError,
    OutputError,
    OutputPathError,
    SourceNotFoundError,
    UnsupportedFileError,
)
from nemovideo.files import is_url
from nemovideo.models import Progress

Key = tuple[object, ...]


@attrs.define(eq=False)
class Item:
    """One file of the batch.

    Attributes:
        spec: The batch's job specification, with a trim that ends with this video.
        key: Identifies the source's content and its edits, once known.
        row: The file's row in the report, once decided.
        overwrite: Whether the result may replace a file.
        fraction: Progress, 0 to 1.
        shared: Whether another file was in progress at the same time.
    """

    source: Path
    output: Path
    spec: JobSpec
    key: Key | None = None
    row: BatchRow | None = None
    overwrite: bool = False
    fraction: float = 0.0
    shared: bool = False


_SKIP_CHECK_REMEDY = Remedy(
    "save or copy the file again",
    ("skip the check with ", Code("client.remove_background(Upload(source, check=False))")),
)
_FOLDER_REMEDY = Remedy("pass the videos in it", "pass only folders, without files")


class Coordinator:
    """One batch: call `open`, `next` until it returns None, `ended` for each item, then `report`.

    Attributes:
        stopped: Whether the batch was interrupted.
    """

    def __init__(
        self,
        context: Context,
        plan: Plan,
        pace: Pace,
        on_progress: Callable[[Progress], None] | None,
        on_file: Callable[[BatchRow], None] | None,
    ) -> None:
        self.stopped = False
        self.context = context
        self.pace = pace
        self._clock = context.settings.clock
        self._resumes = context.backend is None or not context.backend.is_temporary
        self._plan = plan
        self._on_progress = on_progress
        self._on_file = on_file
        self._began = self._clock.monotonic()
        self._checkpoints = CheckpointFolder(plan.out_dir)
        self._spec = plan.spec
        self._picture: FileEntry | None = None
        self._items: list[Item] = []
        self._counts: Counter[BatchStatus] = Counter()
        self._new_rows: deque[BatchRow] = deque()
        self._queue: deque[Item] = deque()
        self._running: dict[Key, Item] = {}
        self._followers: defaultdict[Key, list[Item]] = defaultdict(list)
        self._failures: dict[Key, NemoError] = {}
        self._breaker = CircuitBreaker()
        self._balance: float | None = None
        self._spent: float | None = None

    def open(self) -> Flow[None]:
        """Find the files, and read the checkpoints of earlier runs.

        Raises:
            SourceNotFoundError: The folder does not exist, or has no videos.
            InvalidRequestError: The arguments conflict.
            JobRunningError: Another batch uses the folder.
        """
        found = yield from blocking(self._find_files)
        yield from blocking(self._checkpoints.open)  # creates the output folder
        yield from blocking(partial(self._queue_files, found))

    def next(self) -> Flow[tuple[Item, Task] | None]:
        """Return the next file to start, or None if none may start now."""
        while self._queue and len(self._running) < self.pace.limit:
            item = self._queue.popleft()
            self._check_deadline()
            try:
                yield from blocking(partial(self._consider, item))
            except (SourceNotFoundError, OutputError, CheckpointError) as error:
                self._fail(item, error)
            if item.row is not None:
                self.report_progress()
            elif item.key is not None and item.key in self._failures:
                self._fail(item, self._failures[item.key])
            elif item.key is not None and item.key in self._running:
                self._followers[item.key].append(item)
            elif self._breaker.reason is not None:
                self._set_row(item, "not started", error=self._breaker.reason)
            elif (shortage := (yield from self._shortage())) is not None:
                if self._running and isinstance(shortage, CreditLimitError):
                    self._queue.appendleft(item)  # the files in progress may use less
                    return None
                self._set_row(item, "not started", error=shortage)
            else:
                assert item.key is not None
                self._running[item.key] = item
                for other in self._running.values():
                    other.shared = len(self._running) > 1 or other.shared
                return item, self._task(item)
        return None

    def work(self, item: Item, task: Task) -> Flow[Outcome]:
        """Return the flow that processes a file in this process."""

        def report(progress: Progress) -> None:
            item.fraction = max(item.fraction, progress.fraction)

        return one_file(self.context, task, self.pace, lambda: self.stopped, report)

    def ended(self, item: Item, outcome: Outcome) -> Flow[None]:
        """Record the outcome for a file."""
        assert item.key is not None
        del self._running[item.key]
        self._queue.extendleft(reversed(self._followers.pop(item.key, [])))
        if outcome.rate_limits:
            self.pace.slow_down()
        if outcome.error is None:
            record = yield from blocking(partial(self._checkpoints.reload, item.output))
            self._done(item, outcome, record)
        else:
            self._breaker.record_failure(outcome.error)
            self._failures[item.key] = outcome.error
            self._fail(item, outcome.error, outcome.elapsed_s)

    def executor_failed(self, error: NemoError) -> None:
        """Start no more files, because the executor rejects them."""
        self._breaker.stop(error)

    @property
    def in_progress(self) -> bool:
        """Whether any file is being processed."""
        return bool(self._running)

    def report(self) -> Flow[BatchReport]:
        """Return the report once nothing is in progress."""
        if self._balance is not None:
            yield from self._update_spending(final=True)
        rows = tuple(item.row for item in self._items if item.row is not None)
        elapsed_s = self._clock.monotonic() - self._began
        limit = next((row.error for row in rows if row.status == "not started"), None)
        return BatchReport(rows, self._spent, elapsed_s, self._breaker.reason or limit)

    def stop(self) -> None:
        """Interrupt the work, in other processes too."""
        self.stopped = True
        self._checkpoints.stop()

    def close(self) -> None:
        """Release the output folder."""
        self._checkpoints.close()

    @property
    def interrupted(self) -> BatchInterrupted:
        """Return the error for an interruption: how many files are done, and how to resume."""
        rows = [item.row for item in self._items if item.row is not None]
        stopped = sum(isinstance(row.error, StoppedError) for row in rows) + len(self._running)
        failed = [
            row.source
            for row in rows
            if row.status == "failed" and not isinstance(row.error, StoppedError)
        ]
        counts = {
            "in progress": stopped,
            "not started": len(self._items) - len(rows) - len(self._running),
        }
        others = [f", {len(failed)} failed ({some_names(failed)})"] if failed else []
        others += [f", {count} {status}" for status, count in counts.items() if count]
        again = Code("run the same batch again", "run the same command again")
        return BatchInterrupted(
            f"stopped: {self._tally} done{''.join(others)}",
            Remedy((again, ": it skips what is done and finishes the rest")),
        )

    @property
    def _tally(self) -> str:
        """How many files have a result."""
        finished = self._counts["done"] + self._counts["skipped"]
        return f"{finished} of {len(self._items)} files"

    def report_progress(self) -> None:
        """Report the files with a new row, and the progress of the whole batch."""
        while self._new_rows:
            row = self._new_rows.popleft()
            if self._on_file is not None:
                self._on_file(row)
        if self._on_progress is None:
            return
        total, ended = len(self._items), self._counts.total()
        work = ended + sum(item.fraction for item in self._running.values())
        fraction = min(1.0, work / total) if total else 1.0
        elapsed_s = self._clock.monotonic() - self._began
        timed = work - (ended - self._counts["done"])  # skipped and failed files took no time
        eta_s = elapsed_s / timed * (total - work) if timed >= 1 else None
        failed = self._counts["failed"]
        message = f"{self._tally} done" + (f", {failed} failed" if failed else "")
        self._on_progress(Progress("batch", fraction, elapsed_s, eta_s, message))

    def _find_files(self) -> Found:
        """Find the sources and check the picture; nothing is written."""
        plan = self._plan
        picture = plan.spec.picture
        if picture is not None and is_url(picture):
            self._picture = checkpoints.url_entry(str(picture))
        elif picture is not None:
            path = absolute_path(str(picture))
            prepare(path)
            with reading(path):
                self._picture = FileEntry(path.name, sha256_of_file(path), path=str(path))
            self._spec = attrs.evolve(plan.spec, picture=path)
        return find(plan.sources, recursive=plan.recursive, out_dir=plan.out_dir)

    def _queue_files(self, found: Found) -> None:
        """Name the results, and mark broken files as failed."""
        plan = self._plan
        found = attrs.evolve(
            found,
            paths=tuple(path for path in found.paths if not self._checkpoints.is_result(path)),
        )
        names = output_names(found, plan.format, plan.name)
        outputs = [plan.out_dir / name for name in names]
        for path in sorted(set(outputs) & set(found.paths)):
            raise InvalidRequestError(
                f"the result for {path} would replace it", remedy="Choose another output folder."
            )
        self._items = [
            Item(source, output, self._spec)
            for source, output in zip(found.paths, outputs, strict=True)
        ]
        for item in self._items:
            self._preflight(item)
        self._queue.extend(item for item in self._items if item.row is None)

    def _preflight(self, item: Item) -> None:
        try:
            item.spec = within_video(self._spec, prepare(item.source))
        except (UnsupportedFileError, FileTooLargeError, InvalidRequestError) as error:
            if item.source.is_dir():
                error.remedy = _FOLDER_REMEDY
            elif isinstance(error, UnsupportedFileError) and isinstance(error.remedy, Remedy):
                error.remedy = _SKIP_CHECK_REMEDY  # a batch does not take an `Upload`
            self._fail(item, error)

    def _consider(self, item: Item) -> None:
        """Skip a file whose result exists, or copy the result of a file with the same content.

        Raises:
            SourceNotFoundError: The source can no longer be read.
            OutputError: The result cannot be written.
            CheckpointError: A checkpoint cannot be written.
        """
        source = self._checkpoints.entry_of(item.source, may_read=self._breaker.reason is None)
        if source is None:
            return
        spec = spec_entry(item.spec, source, self._picture, item.output, self._plan.format)
        item.key = spec.key
        record = self._checkpoints.record(item.output)
        if record is not None and record.spec.key != spec.key:
            record = None
        item.overwrite = self._spec.overwrite or is_truncated(record, item.output)
        if record is not None and (finished := self._checkpoints.finish(item.output)) is not None:
            note = "" if record.finished else "made by the previous run, which was interrupted"
            self._skip(item, finished, note)
        elif item.output.exists() and not item.overwrite:
            self._fail(item, _exists(item.output))
        elif (duplicate := next(self._checkpoints.results_for(spec.key), None)) is not None:
            path, copied = duplicate
            self._checkpoints.copy(path, copied, source, item.output)
            self._skip(item, copied, f"the same content as {path.name}")
        else:
            if record is None:
                self._checkpoints.discard(item.output)
            with writing(item.output):
                item.output.parent.mkdir(parents=True, exist_ok=True)

    def _task(self, item: Item) -> Task:
        plan, limits = self._plan, list[Limit]()
        if plan.deadline_s is not None:
            left_s = plan.deadline_s - (self._clock.monotonic() - self._began)
            limits.append(Limit("deadline", plan.deadline_s, left_s, self._resumes))
        if plan.file_deadline_s is not None:
            seconds = plan.file_deadline_s
            limits.append(Limit("file_deadline", seconds, seconds, self._resumes))
        return Task(
            attrs.evolve(
                self._spec, source=item.source, output=item.output, overwrite=item.overwrite
            ),
            checkpoint=self._checkpoints.path_of(item.output),
            run_file=self._checkpoints.run_file,
            run=self._checkpoints.run,
            limit=min(limits, key=lambda limit: limit.left_s, default=None),
            resumes=self._resumes,
        )

    def _done(self, item: Item, outcome: Outcome, record: checkpoints.Checkpoint | None) -> None:
        self._breaker.record_success()
        self.pace.speed_up()
        spent = outcome.credits_spent
        if self._plan.own_backends:
            self._spent = (self._spent or 0.0) + (spent or 0.0)
        elif item.shared:
            spent = None  # other files changed the balance too
        self._set_row(
            item,
            "done",
            note=" ".join(outcome.warnings),
            warnings=outcome.warnings,
            credits_spent=spent,
            elapsed_s=outcome.elapsed_s,
            duration_s=None if record is None else record.duration_s,
            size_bytes=None if record is None else record.size_bytes,
            reply="" if record is None else record.reply,
        )

    def _check_deadline(self) -> None:
        limit = self._plan.deadline_s
        if limit is None or self._breaker.reason or self._clock.monotonic() - self._began < limit:
            return
        self._breaker.stop(Limit("deadline", limit, 0.0, self._resumes).passed())

    def _shortage(self) -> Flow[NemoError | None]:
        """Return why the credits do not allow one more file now; None if they do."""
        if self._balance is None and not self._plan.own_backends:
            yield from self._update_spending()
            if self._breaker.reason is not None:
                return self._breaker.reason
        limit, cost = self._plan.max_credits, self.context.settings.edit_cost
        if limit is None:
            return None
        if not self._plan.own_backends:
            yield from self._update_spending()
        spent = self._spent or 0.0
        if spent + cost * (len(self._running) + 1) <= limit:
            return None
        return CreditLimitError(
            f"an edit costs about {credits_text(cost)}, {credits_text(spent)} used so far, and "
            f"max_credits is {limit:g}"
        )

    def _update_spending(self, *, final: bool = False) -> Flow[None]:
        """Fetch the balance and count the credits used; a top-up is not subtracted."""
        try:
            now = (yield from state.balance(self.context)).available
        except NemoError as error:
            if not final:
                self._breaker.stop(error)
            return
        if self._balance is not None:
            self._spent = (self._spent or 0.0) + max(0.0, self._balance - now)
        self._balance = now

    def _skip(self, item: Item, record: checkpoints.Checkpoint, note: str) -> None:
        warnings = record.all_warnings
        self._set_row(
            item,
            "skipped",
            note=" ".join((f"{note}." if note and warnings else note, *warnings)).strip(),
            warnings=warnings,
            duration_s=record.duration_s,
            size_bytes=record.size_bytes,
            reply=record.reply,
        )

    def _fail(self, item: Item, error: NemoError, elapsed_s: float = 0.0) -> None:
        self._set_row(item, "failed", error=error, elapsed_s=elapsed_s)

    def _set_row(self, item: Item, status: BatchStatus, **fields: Any) -> None:  # noqa: ANN401
        """Set the file's row."""
        output = item.output if status in ("done", "skipped") else None
        item.row = BatchRow(item.source, output, status, **fields)
        self._counts[status] += 1
        self._new_rows.append(item.row)


def _exists(path: Path) -> OutputPathError:
    return OutputPathError(
        f"{path} already exists but was made from a different file or with different options",
        remedy=Remedy("move it", "choose another folder", ("pass ", Option("overwrite", True))),
    )
