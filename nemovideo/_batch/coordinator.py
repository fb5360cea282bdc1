"""What a batch does next, without I/O: a generator of commands that two small runners carry out.

It alone writes the manifest and counts the credits; those who work on the files
only get orders and give back outcomes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import attrs

from nemovideo._batch.commands import Commands, Do, Ended, Moved, Start, Wait
from nemovideo._batch.manifest import Manifest
from nemovideo._batch.pace import Pace
from nemovideo._batch.plan import Plan
from nemovideo._batch.sources import find, output_names
from nemovideo._batch.trouble import Trouble
from nemovideo._batch.work import Outcome, Task, failure
from nemovideo._flows import state
from nemovideo._flows.context import Context
from nemovideo._flows.steps import blocking
from nemovideo._jobs.plan import Background
from nemovideo._jobs.plan import plan as planned
from nemovideo._support.disk import reading, replacing, sha256_of_file, writing
from nemovideo._uploads.files import prepare
from nemovideo._values.remedies import Option, Remedy
from nemovideo.batch import BatchReport, BatchRow, BatchStatus
from nemovideo.errors import (
    APITimeoutError,
    CheckpointError,
    CreditLimitError,
    FileTooLargeError,
    InvalidRequestError,
    JobRunningError,
    NemoError,
    OutputError,
    SessionNotFoundError,
    SourceNotFoundError,
    UnsupportedFileError,
)
from nemovideo.files import is_url
from nemovideo.models import Progress

FOLDER = ".nemovideo-batch"
"""The folder in `out_dir` for the manifest, the checkpoints, and the lock."""


@attrs.define(eq=False)
class _Item:
    """One file on its way through the batch."""

    source: Path
    output: Path
    key: str = ""
    row: BatchRow | None = None
    resumes: bool = False
    fraction: float = 0.0


class Coordinator:
    """One batch. `run()` yields commands and returns the report."""

    def __init__(
        self,
        context: Context,
        plan: Plan,
        pace: Pace,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self.stopped = False
        self.context = context
        self._clock = context.settings.clock
        self._plan = plan
        self.pace = pace
        self._report = on_progress
        self._began = self._clock.monotonic()
        self._folder = plan.out_dir / FOLDER
        self._background: Background = plan.background
        self._wanted = ""
        self._items: list[_Item] = []
        self._counts: Counter[BatchStatus] = Counter()
        self._queue: deque[_Item] = deque()
        self._running: dict[str, _Item] = {}
        self._followers: defaultdict[str, list[_Item]] = defaultdict(list)
        self._failures: dict[str, NemoError] = {}
        self._trouble = Trouble()
        self._balance: float | None = None
        self._spent: float | None = None

    def run(self) -> Commands[BatchReport]:
        """Do it all.

        Raises:
            SourceNotFoundError: There is no such folder, or nothing in it.
            InvalidRequestError: The arguments do not go together, or another batch is at work
                there.
        """
        self._manifest: Manifest = yield Do(blocking(self._open))
        try:
            yield Do(blocking(self._look))
            self._tell()
            yield from self._all()
            if self._balance is not None:
                yield from self._settle_credits(passing=True)
        except GeneratorExit:
            raise
        except BaseException:
            yield from self._stop()
            raise
        finally:
            self._manifest.close()
        rows = tuple(item.row for item in self._items if item.row is not None)
        elapsed_s = self._clock.monotonic() - self._began
        return BatchReport(rows, self._spent, elapsed_s, self._trouble.reason)

    def _open(self) -> Manifest:
        """Make the folders, and open the manifest."""
        path = self._plan.manifest or self._folder / "manifest.jsonl"
        with writing(path):
            self._folder.mkdir(parents=True, exist_ok=True)
            manifest = Manifest(path, self._folder / "lock")
            self._stop_file.unlink(missing_ok=True)
        return manifest

    def _look(self) -> None:
        """Find the files and name their results; those that are broken fail here already."""
        plan = self._plan
        picture, words, _ = planned(
            *(plan.background, None, plan.format),
            local_files=self.context.settings.local_files,
        )
        if picture is not None and not is_url(picture):
            path = Path(str(picture)).expanduser().absolute()
            prepare(path)
            with reading(path):
                self._background, words = path, sha256_of_file(path)
        wanted = json.dumps([words, str(picture) if is_url(picture) else "", plan.format])
        self._wanted = hashlib.sha256(wanted.encode()).hexdigest()[:16]
        found = find(
            plan.sources,
            recursive=plan.recursive,
            out_dir=plan.out_dir,
            made=self._manifest.outputs,
        )
        outputs = [plan.out_dir / name for name in output_names(found, plan.format)]
        for path in sorted(set(outputs) & set(found.paths)):
            raise InvalidRequestError(
                f"the result for {path} would replace it", remedy="Name another out_dir."
            )
        self._items = [_Item(*pair) for pair in zip(found.paths, outputs, strict=True)]
        for item in self._items:
            self._preflight(item)
        self._queue.extend(item for item in self._items if item.row is None)

    def _preflight(self, item: _Item) -> None:
        try:
            prepare(item.source)
        except (UnsupportedFileError, FileTooLargeError) as error:
            self._fail(item, error)

    def _all(self) -> Commands[None]:
        """Work through the queue, as many files at a time as the pace allows."""
        while self._queue or self._running:
            yield from self._fill()
            if self._running:
                self._hear((yield Wait()))
                self._tell()

    def _fill(self) -> Commands[None]:
        """Begin with files until no more may be under way."""
        while self._queue and len(self._running) < self.pace.limit:
            item = self._queue.popleft()
            self._check_deadline()
            try:
                yield Do(blocking(partial(self._consider, item)))
            except (SourceNotFoundError, OutputError) as error:
                self._fail(item, error)
            if item.row is not None:
                self._tell()
            elif item.key in self._failures:
                self._fail(item, self._failures[item.key])
            elif item.key in self._running:
                self._followers[item.key].append(item)
            elif self._trouble.reason is not None:
                self._leave_out(item, self._trouble.reason)
            elif (affordable := (yield from self._afford())) is None:
                self._queue.appendleft(item)  # what is under way may have used less
                return
            elif isinstance(affordable, NemoError):
                self._leave_out(item, affordable)
            else:
                yield from self._begin(item)

    def _begin(self, item: _Item) -> Commands[None]:
        deadline_s = self._plan.deadline_s
        if deadline_s is not None:
            deadline_s -= self._clock.monotonic() - self._began
        recorded = self._manifest.entry_of(item.output)
        own = recorded is not None and recorded.key == item.key
        task = Task(
            key=item.key,
            source=item.source,
            output=item.output,
            background=self._background,
            format=self._plan.format,
            overwrite=self._plan.overwrite or own,
            checkpoint=None if self._plan.own_backends else self._checkpoint(item),
            service=self._plan.service,
            stop_file=self._stop_file,
            deadline_s=deadline_s,
        )
        yield Do(blocking(partial(self._note_begin, item)))
        try:
            yield Start(task)
        except Exception as error:  # noqa: BLE001 - whatever an executor refuses work with
            refused = failure(error)
            self._trouble.stop(refused)
            self._fail(item, refused)
        else:
            self._running[item.key] = item

    def _consider(self, item: _Item) -> None:
        """Find out whether a result is there already; copy one that another file has.

        Raises:
            SourceNotFoundError: The source cannot be read any more.
            OutputError: Its result cannot be put in its place.
        """
        digest = self._manifest.sha256(item.source, to_read=self._trouble.reason is None)
        if digest is None:
            return
        item.key = f"{digest}-{self._wanted}"
        made = {self._manifest.path_of(e.output): e for e in self._manifest.made(item.key)}
        exists = item.output.exists()
        if item.output in made:
            self._skip(item)
        elif self._manifest.arrived(item.key, item.output):
            self._checkpoint(item).unlink(missing_ok=True)
            self._manifest.record(item.key, item.source, item.output)
            self._skip(item, "made by the run before, which was interrupted")
        elif exists and not self._plan.overwrite and not self._is_stump(item):
            self._fail(item, _exists(item.output))
        elif made:
            self._copy(item, next(iter(made)))
        else:
            with writing(item.output):
                item.output.parent.mkdir(parents=True, exist_ok=True)

    def _note_begin(self, item: _Item) -> None:
        item.resumes = self._checkpoint(item).exists()
        self._manifest.begin(item.key, item.output)

    def _is_stump(self, item: _Item) -> bool:
        """Say whether the result is the recorded one, cut off."""
        entry = self._manifest.entry_of(item.output)
        return (
            entry is not None
            and entry.key == item.key
            and item.output.stat().st_size < entry.size_bytes
        )

    def _copy(self, item: _Item, made: Path) -> None:
        """Give a file of the same content the same result."""
        part = item.output.with_name(f"{item.output.name}.part")
        with writing(item.output):
            item.output.parent.mkdir(parents=True, exist_ok=True)
            with replacing(item.output, by=part):
                shutil.copyfile(made, part)
        self._manifest.record(item.key, item.source, item.output)
        self._skip(item, f"the same content as that of {made.name}")

    def _hear(self, news: Moved | Ended) -> None:
        item = self._running[news.key]
        if isinstance(news, Moved):
            item.fraction = max(item.fraction, news.fraction)
            return
        del self._running[news.key]
        followers = self._followers.pop(news.key, [])
        outcome = news.outcome
        if outcome.limited:
            self.pace.slow_down()
        self._queue.extendleft(reversed(followers))
        if outcome.error is None:
            self._done(item, outcome)
        elif self._starts_over(item, outcome.error):
            self._queue.appendleft(item)
        else:
            self._trouble.judge(outcome.error)
            self._failures[item.key] = outcome.error
            self._fail(item, outcome.error, outcome.elapsed_s)

    def _done(self, item: _Item, outcome: Outcome) -> None:
        self._trouble.calm()
        self.pace.speed_up()
        spent = outcome.credits_spent
        if self._plan.own_backends:
            self._spent = (self._spent or 0.0) + (spent or 0.0)
        elif self.pace.ceiling > 1:
            spent = None  # the balance tells of the neighbours' credits as well
        self._checkpoint(item).unlink(missing_ok=True)
        entry = self._manifest.record(
            item.key,
            item.source,
            item.output,
            duration_s=outcome.duration_s,
            credits_spent=spent,
        )
        self._settle(
            item,
            "done",
            note=outcome.note,
            credits_spent=spent,
            elapsed_s=outcome.elapsed_s,
            duration_s=outcome.duration_s,
            size_bytes=entry.size_bytes,
        )

    def _starts_over(self, item: _Item, error: NemoError) -> bool:
        """Say whether a file's checkpoint is of no use any more, and is gone now.

        Its session may have ended with a local backend, or the service has forgotten it.
        """
        stale = isinstance(error, (CheckpointError, SessionNotFoundError))
        if not stale or isinstance(error, JobRunningError) or not item.resumes:
            return False
        self._checkpoint(item).unlink(missing_ok=True)
        return True

    def _check_deadline(self) -> None:
        limit = self._plan.deadline_s
        if limit is None or self._trouble.reason or self._clock.monotonic() - self._began < limit:
            return
        error = APITimeoutError(
            f"the deadline of {limit:g} s has passed",
            remedy="Start the batch again: it goes on from here.",
        )
        error.deadline_passed = True
        self._trouble.stop(error)

    def _afford(self) -> Commands[bool | NemoError | None]:
        """Say whether one more file may begin: True, or why not, or None for "ask later"."""
        if self._balance is None and not self._plan.own_backends:
            yield from self._settle_credits()
            if self._trouble.reason is not None:
                return self._trouble.reason
        limit, cost = self._plan.max_credits, self.context.settings.edit_cost
        if limit is None:
            return True
        if not self._plan.own_backends:
            yield from self._settle_credits()
        spent = self._spent or 0.0
        if spent + cost * (len(self._running) + 1) <= limit:
            return True
        if self._running:
            return None
        return CreditLimitError(
            f"an edit takes about {cost} credits, {spent:g} are used, and max_credits is {limit:g}"
        )

    def _settle_credits(self, *, passing: bool = False) -> Commands[None]:
        """Ask for the balance, and add to what was used; a top-up takes nothing off it."""
        try:
            now: float = (yield Do(state.balance(self.context))).available
        except NemoError as error:
            if not passing:
                self._trouble.stop(error)
            return
        if self._balance is not None:
            self._spent = (self._spent or 0.0) + max(0.0, self._balance - now)
        self._balance = now

    def _stop(self) -> Commands[None]:
        """Let what is under way come to a halt, and take note of what did end well."""
        self.stopped = True
        self._stop_file.touch()
        while self._running:
            news = yield Wait()
            if isinstance(news, Ended):
                item = self._running.pop(news.key)
                if news.outcome.error is None:
                    self._done(item, news.outcome)

    @property
    def _stop_file(self) -> Path:
        return self._folder / "stop"

    def _checkpoint(self, item: _Item) -> Path:
        name = f"{item.key}:{item.output.relative_to(self._plan.out_dir).as_posix()}"
        return self._folder / f"{hashlib.sha256(os.fsencode(name)).hexdigest()[:24]}.json"

    def _skip(self, item: _Item, note: str = "") -> None:
        entry = self._manifest.entry_of(item.output)
        assert entry is not None
        duration_s, size_bytes = entry.duration_s, entry.size_bytes
        self._settle(item, "skipped", note=note, duration_s=duration_s, size_bytes=size_bytes)

    def _fail(self, item: _Item, error: NemoError, elapsed_s: float = 0.0) -> None:
        self._settle(item, "failed", error=error, elapsed_s=elapsed_s)

    def _leave_out(self, item: _Item, reason: NemoError) -> None:
        self._settle(item, "not started", error=reason)

    def _settle(self, item: _Item, status: BatchStatus, **facts: Any) -> None:  # noqa: ANN401
        """Write the file's row."""
        output = item.output if status in ("done", "skipped") else None
        item.row = BatchRow(item.source, output, status, **facts)
        self._counts[status] += 1

    def _tell(self) -> None:
        """Report how far the whole batch is."""
        if self._report is None:
            return
        total, settled = len(self._items), self._counts.total()
        work = settled + sum(item.fraction for item in self._running.values())
        fraction = min(1.0, work / total) if total else 1.0
        elapsed_s = self._clock.monotonic() - self._began
        quick = settled - self._counts["done"]  # took no time, and says nothing of the rest
        eta_s = elapsed_s / (work - quick) * (total - work) if work - quick >= 1 else None
        failed = self._counts["failed"]
        message = f"{settled} of {total} files" + (f", {failed} failed" if failed else "")
        self._report(Progress("batch", fraction, elapsed_s, eta_s, message))


def _exists(path: Path) -> InvalidRequestError:
    return InvalidRequestError(
        f"{path} exists already, and was not made of this file with these options",
        remedy=Remedy(
            "move it away", "choose another folder", ("pass ", Option("overwrite", True))
        ),
    )
