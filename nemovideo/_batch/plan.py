"""The arguments for a batch, checked, with absolute paths."""

from __future__ import annotations

from pathlib import Path

import attrs

from nemovideo._batch.sources import Sources
from nemovideo._jobs.job_spec import JobSpec
from nemovideo._support.disk import normalized_path
from nemovideo._support.numbers import number
from nemovideo.errors import InvalidRequestError


@attrs.frozen(kw_only=True)
class Plan:
    """The arguments for a batch; see `Batch.remove_backgrounds`.

    Attributes:
        spec: The job specification, whose source and output are still placeholders.
        own_backends: Whether each file gets its own local backend: then credits are not
            shared, and unfinished work cannot be resumed.
    """

    sources: Sources
    out_dir: Path = attrs.field(converter=normalized_path)
    spec: JobSpec
    name: str = attrs.field()
    recursive: bool
    max_credits: float | None = attrs.field(validator=number(at_least=0, optional=True))
    deadline_s: float | None = attrs.field(validator=number("deadline", optional=True))
    file_deadline_s: float | None = attrs.field(
        validator=number("file_deadline", at_least=0, optional=True)
    )
    own_backends: bool

    @property
    def format(self) -> str:
        """The format of all results."""
        assert self.spec.format is not None
        return self.spec.format

    @name.validator
    def _check_name(self, _: object, pattern: str) -> None:
        if (problem := _problem_of(pattern)) is not None:
            raise InvalidRequestError(
                f"{pattern!r} is not a valid name pattern: {problem}",
                remedy='Use one such as "{stem}-clean{suffix}".',
            )


def _problem_of(pattern: str) -> str | None:
    """Return what is wrong with a pattern of names; None if it is valid."""
    try:
        names = {pattern.format(stem="x" * 300 + end, suffix=".mp4") for end in "ab"}
    except (LookupError, ValueError, AttributeError):
        return "only {stem} and {suffix} may be in braces"
    if any(set(name) & {"/", "\\", "\0"} for name in names):
        return "it must be a file name, without folders; the output folder is a separate argument"
    if len(names) < 2:
        return "it must contain {stem}"
    if not all(name.endswith(".mp4") for name in names):
        return "it must end with {suffix}"
    return None
