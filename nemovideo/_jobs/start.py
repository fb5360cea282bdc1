"""Start a job: check its specification, and compare it with the checkpoint."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import attrs

from nemovideo._downloads.output_paths import check_output
from nemovideo._flows import render
from nemovideo._flows.context import Context
from nemovideo._flows.steps import Flow, blocking
from nemovideo._jobs import checkpoints
from nemovideo._jobs import files as job_files
from nemovideo._jobs.checkpoints import Checkpoint, FileEntry, JobSpecEntry, Service
from nemovideo._jobs.job_spec import JobSpec, suggested_format
from nemovideo._support.user_folders import absolute_path, expanded
from nemovideo._values.lines import credits_text
from nemovideo._values.remedies import Code, Option, Remedy, Resume
from nemovideo.errors import CreditLimitError, InvalidRequestError
from nemovideo.files import Upload


def service_of(context: Context) -> Service:
    """Return the service of a context, for a checkpoint."""
    state_dir = None if context.state_dir is None else str(context.state_dir)
    return Service(context.settings.base_url, state_dir)


def check_service(path: Path, record: Checkpoint, service: Service) -> None:
    """Check that the job belongs to the client's service: the cloud, or its local backend.

    Raises:
        CheckpointError: It belongs to another one, or to a local backend without its state.
    """
    state_dir = record.service.state_dir
    if state_dir == service.state_dir:
        return
    if state_dir is not None:
        check_state(path, state_dir)
    place = "in the cloud" if state_dir is None else f"on a local backend in {state_dir}"
    raise checkpoints.failure(
        path,
        f"belongs to a job {place}",
        remedy=Remedy(
            ("resume it with ", Resume(str(path), anywhere=True), ", which uses that service")
        ),
    )


def check_state(path: Path, state_dir: str) -> None:
    """Raise a `CheckpointError` unless the state of a job's local backend still exists."""
    if Path(state_dir).is_dir():
        return
    raise checkpoints.failure(
        path,
        f"belongs to a job on a local backend whose state, {state_dir!r}, no longer exists",
        remedy=Remedy(
            ("choose another ", Option("checkpoint"), " to start over"),
            following=Remedy(
                ("next time, choose where to keep the state: ", Code("Client.local(state_dir=…)"))
            ),
        ),
    )


def begin(
    context: Context,
    spec: JobSpec | None,
    found: Checkpoint | None,
    path: Path | None,
    service: Service,
) -> Flow[tuple[Checkpoint, Sequence[Upload]]]:
    """Check the specification before anything is sent; return the checkpoint and the files."""
    if spec is None:
        if found is None:
            assert path is not None
            raise checkpoints.missing(path)
        record, inputs = found, list[Upload]()
    else:
        render.check_quality(context, spec.quality)
        inputs, entries = yield from job_files.inspect_all(spec.files, hashed=path is not None)
        format_ = spec.format or suggested_format(inputs[0], spec.background)
        job_files.check_kind(inputs[0], format_)
        spec = job_files.within_video(spec, inputs[0])
        record = _new_checkpoint(spec, format_, entries, service)
        if found is not None and path is not None:
            if not record.spec.same_as(found.spec):
                raise checkpoints.failure(
                    path,
                    "belongs to another job",
                    remedy=Remedy(
                        ("choose another ", Option("checkpoint"), " for this one"),
                        ("resume that one with ", Resume(str(path))),
                    ),
                )
            record = attrs.evolve(found, overwrite=spec.overwrite, max_credits=spec.max_credits)
        elif spec.output is not None:
            if path == Path(os.path.realpath(expanded(spec.output))):
                raise InvalidRequestError(
                    f"{spec.output} cannot be both the checkpoint and the output",
                    remedy="Choose another name for the checkpoint.",
                )
            check = partial(
                check_output,
                spec.output,
                overwrite=spec.overwrite,
                needed_bytes=job_files.min_result_bytes(inputs[0]),
                sources=[given.path for given in inputs if given.path is not None],
            )
            yield from blocking(check)
    if record.message is None:
        _check_limit(context, record.max_credits)
    return record, inputs


def spec_entry(
    spec: JobSpec,
    source: FileEntry,
    picture: FileEntry | None,
    output: Path | None,
    format: str,  # noqa: A002 - the protocol's name
) -> JobSpecEntry:
    """Return a job specification as a checkpoint records it."""
    return JobSpecEntry(
        source,
        picture,
        spec.message,
        None if output is None else str(output),
        format,
        spec.session_id,
        spec.quality,
        spec.expected_duration_s,
        spec.notes,
    )


def _new_checkpoint(
    spec: JobSpec,
    format: str,  # noqa: A002 - the protocol's name
    entries: Sequence[FileEntry],
    service: Service,
) -> Checkpoint:
    source, *others = entries
    output = None if spec.output is None else absolute_path(spec.output)
    return Checkpoint(
        spec_entry(spec, source, others[0] if others else None, output, format),
        service,
        overwrite=spec.overwrite,
        max_credits=spec.max_credits,
        session_id=spec.session_id,
        task_id=spec.task_id,
    )


def _check_limit(context: Context, max_credits: float | None) -> None:
    cost = context.settings.edit_cost
    if max_credits is not None and max_credits < cost:
        raise CreditLimitError(
            f"an edit costs about {credits_text(cost)}, and max_credits is {max_credits:g}"
        )
