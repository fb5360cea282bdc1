"""The report of a batch: one row for each file, and the totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import attrs

from nemovideo._values.lines import seconds
from nemovideo.errors import NemoError

BatchStatus = Literal["done", "skipped", "failed", "not started"]
"""What became of a file; "skipped": its result was there already."""


@attrs.frozen
class BatchRow:
    """One file of a batch.

    Attributes:
        source: The file.
        output: Its result, or None where there is none.
        status: "done", "skipped", "failed" or "not started".
        error: Why it failed, or was not started; else None.
        note: What to know about the result, such as that nobody was found; for a skipped file,
            where its result comes from if not from an earlier run.
        credits_spent: What it used; None where several files used one account at the same time:
            then only `BatchReport.credits_spent` is known.
        elapsed_s: Seconds of work on it in this run.
        duration_s: The result's length in seconds, where that is known.
        size_bytes: The result's size.
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

    @property
    def remedy(self) -> str:
        """What to do about the error; empty where there is none."""
        return self.error.remedy if self.error is not None else ""

    def to_dict(self) -> dict[str, str | float | None]:
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
        }


@attrs.frozen
class BatchReport:
    """What a batch did, in the order of its files; iterate over it for its rows.

    Attributes:
        rows: One row for each file.
        credits_spent: What the whole run used, by the balance; None where not known.
        elapsed_s: Seconds that the whole run took.
        stopped_by: The error that ended the batch early, since it concerned all files; else None.
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
        """The files that were done in this run."""
        return self._of("done")

    @property
    def skipped(self) -> tuple[BatchRow, ...]:
        """The files whose results were there already."""
        return self._of("skipped")

    @property
    def failed(self) -> tuple[BatchRow, ...]:
        """The files that failed; they do not stop the others."""
        return self._of("failed")

    @property
    def not_started(self) -> tuple[BatchRow, ...]:
        """The files left over by the credits, the deadline or `stopped_by`."""
        return self._of("not started")

    @property
    def ok(self) -> bool:
        """True where there is a result for every file."""
        return not self.failed and not self.not_started

    def to_dicts(self) -> list[dict[str, str | float | None]]:
        """Return the rows as plain values: `pandas.DataFrame(report.to_dicts())`."""
        return [row.to_dict() for row in self.rows]

    def raise_for_failures(self) -> None:
        """Raise if there is not a result for every file.

        Raises:
            NemoError: What stopped the batch, or the first file's error.
        """
        errors = [row.error for row in (*self.failed, *self.not_started)]
        for error in (self.stopped_by, *errors):
            if error is not None:
                raise error

    @property
    def summary(self) -> str:
        """The numbers, in one line."""
        counts = Counter(row.status for row in self.rows)
        order: tuple[BatchStatus, ...] = ("done", "skipped", "failed", "not started")
        parts = [f"{counts[status]} {status}" for status in order if counts[status]]
        files = f"{len(self.rows)} file{'' if len(self.rows) == 1 else 's'}"
        unit = "credit" if self.credits_spent == 1 else "credits"
        spent = "" if self.credits_spent is None else f"; {self.credits_spent:g} {unit}"
        return f"{files}: {', '.join(parts) or 'nothing to do'}{spent}"

    def __str__(self) -> str:
        """Return the numbers, and a line for each file with a note, or no result and its remedy."""
        lines = [self.summary]
        lines += [f"  note: {row.source}: {row.note}" for row in self.done if row.note]
        lines += [f"  failed: {row.source}: {row.error}" for row in self.failed]
        left = self.not_started
        if self.stopped_by is not None:
            lines.append(f"  stopped: {self.stopped_by}")
        reasons = Counter(str(row.error) for row in left if row.error is not self.stopped_by)
        lines += [f"  not started, {count}: {reason}" for reason, count in reasons.items()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from nemovideo._notebook.cards import Row, batch_table

        rows = [
            Row(
                row.status,
                row.source.name,
                str(row.error or row.note or (row.output and row.output.name)),
                "" if row.duration_s is None else seconds(round(row.duration_s * 1000)),
            )
            for row in self.rows
        ]
        stopped = None if self.stopped_by is None else str(self.stopped_by)
        return batch_table(rows, self.summary, stopped)

    def _of(self, status: BatchStatus) -> tuple[BatchRow, ...]:
        return tuple(row for row in self.rows if row.status == status)
