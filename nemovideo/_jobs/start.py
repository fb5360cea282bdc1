"""Start a job: check its order, and compare it with the checkpoint."""

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
from nemovideo._jobs.checkpoints import Checkpoint, FileEntry, OrderEntry, Service
from nemovideo._jobs.job_spec import Order, suggested_format
from nemovideo._support.user_folders import expanded, from_root
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
    order: Order | None,
    found: Checkpoint | None,
    path: Path | None,
    service: Service,
) -> Flow[tuple[Checkpoint, Sequence[Upload]]]:
    """Check the order before anything is sent; return the checkpoint and the files."""
    if order is None:
        if found is None:
            assert path is not None
            raise checkpoints.missing(path)
        record, inputs = found, list[Upload]()
    else:
        render.check_quality(context, order.quality)
        inputs, entries = yield from job_files.inspect_all(order.files, hashed=path is not None)
        format_ = order.format or suggested_format(inputs[0], order.background)
        job_files.check_kind(inputs[0], format_)
        order = job_files.within_video(order, inputs[0])
        record = _new_checkpoint(order, format_, entries, service)
        if found is not None and path is not None:
            if not record.order.same_as(found.order):
                raise checkpoints.failure(
                    path,
                    "belongs to another job",
                    remedy=Remedy(
                        ("choose another ", Option("checkpoint"), " for this one"),
                        ("resume that one with ", Resume(str(path))),
                    ),
                )
            record = attrs.evolve(found, overwrite=order.overwrite, max_credits=order.max_credits)
        elif order.output is not None:
            if path == Path(os.path.realpath(expanded(order.output))):
                raise InvalidRequestError(
                    f"{order.output} cannot be both the checkpoint and the output",
                    remedy="Choose another name for the checkpoint.",
                )
            check = partial(
                check_output,
                order.output,
                overwrite=order.overwrite,
                needed_bytes=job_files.min_result_bytes(inputs[0]),
                sources=[given.path for given in inputs if given.path is not None],
            )
            yield from blocking(check)
    if record.message is None:
        _check_limit(context, record.max_credits)
    return record, inputs


def order_entry(
    order: Order,
    source: FileEntry,
    picture: FileEntry | None,
    output: Path | None,
    format: str,  # noqa: A002 - the protocol's name
) -> OrderEntry:
    """Return an order as a checkpoint records it."""
    return OrderEntry(
        source,
        picture,
        order.words,
        None if output is None else str(output),
        format,
        order.session_id,
        order.quality,
        order.expected_duration_s,
        order.notes,
    )


def _new_checkpoint(
    order: Order,
    format: str,  # noqa: A002 - the protocol's name
    entries: Sequence[FileEntry],
    service: Service,
) -> Checkpoint:
    source, *others = entries
    output = None if order.output is None else from_root(order.output)
    return Checkpoint(
        order_entry(order, source, others[0] if others else None, output, format),
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
            f"an edit costs about {credits_text(cost)}, and max_credits is {max_credits:g}"
        )
