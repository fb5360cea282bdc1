"""The report of a batch."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import attrs

from nemovideo._values.lines import credits_text, seconds, some_names
from nemovideo._values.remedies import Medium
from nemovideo.errors import APITimeoutError, NemoError

BatchStatus = Literal["done", "skipped", "failed", "not started"]
"""The outcome for a file; "skipped" if its result already existed."""


class BatchInterrupted(KeyboardInterrupt):
    """Ctrl-C during a batch.

    Args:
        message: How many files are done.
        remedy: How to finish the batch.
    """

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message, remedy)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}. {self.remedy}"


@attrs.frozen
class BatchRow:
    """One file of a batch.

    Attributes:
        source: The file.
        output: Its result, or None.
        status: "done", "skipped", "failed" or "not started".
        error: Why it failed or was not started, or None.
        note: The `warnings` as one text; for a skipped file, also where its result comes from, if
            not from an earlier run.
        credits_spent: The credits used; None if other files were in progress at the same time. Then
            only the total is known: `BatchReport.credits_spent`.
        elapsed_s: Seconds of work in this run.
        duration_s: The result's duration in seconds, if known.
        size_bytes: The result's size, if known.
        reply: The agent's answer; empty if there is none.
        warnings: Warnings about the result, such as that no person was found or what the agent did
            not do. A skipped file keeps the warnings of the run that made its result.
    """

    source: Path
    output: Path | None
    status: BatchStatus
    error: NemoError | None = attrs.field(default=None, eq=False)
    note: str = ""
    credits_spent: float | None = None
    elapsed_s: float = 0.0
    duration_s: float | None = None
    size_bytes: int | None = None
    reply: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def remedy(self) -> str:
        """The remedy for the error; empty if there is no error."""
        return self.error.remedy if self.error is not None else ""

    def to_dict(self) -> dict[str, str | float | list[str] | None]:
        """Return the row as plain values, for JSON or a data frame."""
        return {
            "source": str(self.source),
            "output": None if self.output is None else str(self.output),
            "status": self.status,
            "error": None if self.error is None else self.error.message,
            "error_type": None if self.error is None else type(self.error).__name__,
            "remedy": self.remedy or None,
            "note": self.note or None,
            "credits_spent": self.credits_spent,
            "elapsed_s": round(self.elapsed_s, 3),
            "duration_s": self.duration_s,
            "size_bytes": self.size_bytes,
            "reply": self.reply or None,
            "warnings": list(self.warnings),
        }


@attrs.frozen
class BatchReport:
    """The report of a batch; iterates over its rows.

    Attributes:
        rows: One row for each file, in order.
        credits_spent: The drop in the balance during the run, including any other use of the
            account; None if unknown.
        elapsed_s: The duration of the whole run in seconds.
        stopped_by: The error that stopped the batch: every other file would fail with it too, or
            the deadline or the credit limit was reached. None if nothing stopped it.
    """

    rows: tuple[BatchRow, ...]
    credits_spent: float | None = None
    elapsed_s: float = 0.0
    stopped_by: NemoError | None = attrs.field(default=None, eq=False)

    def __iter__(self) -> Iterator[BatchRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def done(self) -> tuple[BatchRow, ...]:
        """The files completed in this run."""
        return self._of("done")

    @property
    def skipped(self) -> tuple[BatchRow, ...]:
        """The files whose results already existed."""
        return self._of("skipped")

    @property
    def failed(self) -> tuple[BatchRow, ...]:
        """The files that failed; they do not stop the others."""
        return self._of("failed")

    @property
    def not_started(self) -> tuple[BatchRow, ...]:
        """The files not reached before `stopped_by`."""
        return self._of("not started")

    @property
    def ok(self) -> bool:
        """Whether there is a result for every file, even if some have warnings."""
        return not self.failed and not self.not_started

    def to_dicts(self) -> list[dict[str, str | float | list[str] | None]]:
        """Return the rows as plain values: `pandas.DataFrame(report.to_dicts())`."""
        return [row.to_dict() for row in self.rows]

    def raise_for_failures(self) -> None:
        """Raise an error if any file has no result.

        Raises:
            NemoError: The error that stopped the batch, or the first file's.
        """
        errors = [row.error for row in (*self.failed, *self.not_started)]
        for error in (self.stopped_by, *errors):
            if error is not None:
                raise error

    @property
    def summary(self) -> str:
        """The counts in one line."""
        counts = Counter(row.status for row in self.rows)
        order: tuple[BatchStatus, ...] = ("done", "skipped", "failed", "not started")
        parts = [f"{counts[status]} {status}" for status in order if counts[status]]
        files = f"{len(self.rows)} file{'' if len(self.rows) == 1 else 's'}"
        spent = "" if self.credits_spent is None else f"; {credits_text(self.credits_spent)}"
        return f"{files}: {', '.join(parts) or 'nothing to do'}{spent}"

    def describe(self, medium: Medium = "python") -> str:
        """Return the counts, and a line for each file with a note or an error.

        Files with the same note or error share a line.

        Args:
            medium: Where the remedies are shown: in a Python program, a shell or a chat.
        """

        def error_text(error: NemoError | None) -> str:
            return "" if error is None else error.describe(medium)

        lines = [self.summary]
        lines += _grouped("note", [(row, row.note) for row in self if row.note and row.output])
        lines += _grouped("failed", [(row, error_text(row.error)) for row in self.failed])
        left, error, stop = self.not_started, self.stopped_by, error_text(self.stopped_by)
        late = isinstance(error, APITimeoutError) and error.deadline_passed
        failures = [row.error for row in self.failed if row.error is not None]
        # Files that a deadline cut off already show its message.
        if error is not None and not any(error.message in failed.message for failed in failures):
            lines.append(f"  stopped: {stop}")
        elif error is not None and left:
            reason = (
                "the deadline has passed"
                if late
                else f"the other files would fail for the same reason: {error.message}"
            )
            lines.append(f"  stopped: {reason}")
        reasons = Counter(error_text(row.error) for row in left)
        del reasons[stop]
        lines += [f"  not started, {count}: {reason}" for reason, count in reasons.items()]
        return "\n".join(lines)

    def __str__(self) -> str:
        """Return the description for a Python program."""
        return self.describe()

    def _repr_html_(self) -> str:
        from nemovideo._notebook.cards import Row, batch_table

        rows = [
            Row(
                row.status,
                row.source.name,
                _result_text(row),
                "" if row.duration_s is None else seconds(round(row.duration_s * 1000)),
            )
            for row in self.rows
        ]
        stopped = None if self.stopped_by is None else str(self.stopped_by)
        return batch_table(rows, self.summary, stopped)

    def _of(self, status: BatchStatus) -> tuple[BatchRow, ...]:
        return tuple(row for row in self.rows if row.status == status)


def _grouped(word: str, texts: Sequence[tuple[BatchRow, str]]) -> Iterator[str]:
    """Yield a line for each text, with its file, or with the number of files that share it.

    Texts that differ only in the name of the file count as the same.
    """
    groups: dict[str, list[tuple[BatchRow, str]]] = {}
    for row, text in texts:
        name = re.escape(row.source.name)
        common = re.sub(rf"'{name}'|(?<![\w./\\-]){name}(?!\w)", "the file", text)
        groups.setdefault(common, []).append((row, text))
    for common, members in groups.items():
        if len(members) == 1:
            row, text = members[0]
            yield f"  {word}: {row.source}: {text}"
        else:
            names = some_names([row.source for row, _ in members])
            yield f"  {word}, {len(members)}: {names}: {common}"


def _result_text(row: BatchRow) -> str:
    """Return the name of a row's result, and its error or note."""
    name = "" if row.output is None else row.output.name
    return " · ".join(filter(None, (name, str(row.error or row.note))))
