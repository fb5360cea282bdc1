"""Results and errors as text or JSON, and exit codes."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from urllib.parse import urlsplit

import click

from nemovideo._support.addresses import is_loopback
from nemovideo._support.json_text import json_text
from nemovideo._values.lines import credits_text
from nemovideo._values.remedies import remedy_for
from nemovideo.batch import BatchInterrupted, BatchReport, BatchRow
from nemovideo.cli.console import colored, escaped, is_terminal
from nemovideo.errors import (
    APIConnectionError,
    APIError,
    AuthenticationError,
    CheckpointError,
    CreditLimitError,
    DownloadError,
    FileTooLargeError,
    InsufficientCreditsError,
    InvalidRequestError,
    JobRunningError,
    MissingExtraError,
    ModelUnavailableError,
    NemoError,
    RenderTimeoutError,
    ScopeError,
    ServerError,
    StreamInterruptedError,
    StreamTimeoutError,
    UnsupportedFileError,
)
from nemovideo.models import RenderedVideo

FAILED = 1
UNREACHABLE = 5
PARTLY_FAILED = 6
INTERRUPTED = 130
TERMINATED = 143

_EXIT_CODES: dict[type[NemoError], int] = {
    JobRunningError: FAILED,
    CheckpointError: 2,
    FileTooLargeError: 2,
    InvalidRequestError: 2,
    MissingExtraError: 2,
    UnsupportedFileError: 2,
    AuthenticationError: 3,
    ScopeError: 3,
    InsufficientCreditsError: 4,
    CreditLimitError: 4,
    APIConnectionError: UNREACHABLE,
    ServerError: UNREACHABLE,
    ModelUnavailableError: UNREACHABLE,
    StreamInterruptedError: UNREACHABLE,
    StreamTimeoutError: UNREACHABLE,
    RenderTimeoutError: UNREACHABLE,
}


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a command like Ctrl-C."""


def exit_code_of(error: NemoError) -> int:
    """Return the exit code for an error."""
    if isinstance(error, DownloadError) and error.interrupted:
        return UNREACHABLE
    return next((code for cls, code in _EXIT_CODES.items() if isinstance(error, cls)), FAILED)


def exit_code_of_report(report: BatchReport) -> int:
    """Return the exit code for a batch with files that have no result.

    The error that stopped the batch decides, unless its code is `FAILED`. Otherwise one file that
    failed because of the network is enough for `UNREACHABLE`, so that a script runs it again.
    """
    stop = report.stopped_by
    code = FAILED if stop is None else exit_code_of(stop)
    if code != FAILED:
        return code
    codes = {exit_code_of(row.error) for row in report.failed if row.error is not None}
    return UNREACHABLE if UNREACHABLE in codes else PARTLY_FAILED


def report_value(report: BatchReport) -> dict[str, object]:
    """Return the report of a batch as a JSON value."""
    stop = report.stopped_by
    return {
        "summary": report.summary,
        "credits_spent": report.credits_spent,
        "stopped": None if stop is None else error_value(stop),
        "files": [_row_value(row) for row in report],
    }


def error_value(error: NemoError) -> dict[str, object]:
    """Return an error as a JSON value."""
    remedy = remedy_for(error.remedy, "shell")
    value = _error_value(type(error).__name__, error.message, exit_code_of(error), remedy)
    value["may_have_spent"] = error.may_have_spent
    if isinstance(error, APIError):
        value |= {name: getattr(error, name) for name in ("code", "status", "request_id")}
    return value


def _error_value(kind: str, message: str, exit_code: int, remedy: str) -> dict[str, object]:
    """Return the JSON value of any error; all have the same fields."""
    return {
        "type": kind,
        "message": message,
        "remedy": remedy,
        "may_have_spent": False,
        "code": None,
        "status": None,
        "request_id": None,
        "exit_code": exit_code,
    }


def print_error(error: NemoError, *, as_json: bool) -> None:
    """Print an error: as JSON to stdout, or as one line to stderr."""
    if as_json:
        print_json({"error": error_value(error)})
        return
    click.echo(colored("Error: ", "red"), nl=False, err=True)
    print_text(error.describe("shell"), err=True)


def print_usage(error: click.UsageError) -> None:
    """Print a usage error as JSON."""
    context = error.ctx
    remedy = f"See `{context.command_path} --help`." if context is not None else ""
    value = _error_value("UsageError", error.format_message(), error.exit_code, remedy)
    print_json({"error": value})


def print_stopped(stop: KeyboardInterrupt, *, as_json: bool, checkpoint: object) -> int:
    """Print what Ctrl-C or SIGTERM stopped, and how to resume if possible; return the exit code."""
    terminated = isinstance(stop, Terminated) or isinstance(stop.__cause__, Terminated)
    exit_code = TERMINATED if terminated else INTERRUPTED
    message, remedy = f"interrupted by {'SIGTERM' if terminated else 'Ctrl-C'}", ""
    if isinstance(stop, BatchInterrupted):
        message, remedy = stop.message, remedy_for(stop.remedy, "shell")
    if checkpoint is not None:
        remedy = f"Resume with `nemovideo jobs resume {shlex.quote(str(checkpoint))}`."
    if as_json:
        value = _error_value("Interrupted", message, exit_code, remedy)
        print_json({"error": {**value, "may_have_spent": True}})
    else:
        click.echo(f"\n{'. '.join(filter(None, (message, remedy)))}", err=True)
    return exit_code


def print_json(value: object) -> None:
    """Print a JSON value."""
    click.echo(escaped(json_text(value, indent=2, default=str)))


def print_text(text: object, *, err: bool = False) -> None:
    """Print a path, or text whose control characters are escaped.

    Bytes of a file name that are not Unicode are replaced.
    """
    shown = str(text) if isinstance(text, Path) else escaped(str(text))
    click.echo(click.format_filename(shown), err=err)


def _row_value(row: BatchRow) -> dict[str, object]:
    """Return a file of a batch as a JSON value, with its error as `error_value`."""
    value: dict[str, object] = {**row.to_dict()}
    del value["error_type"], value["remedy"]
    value["error"] = None if row.error is None else error_value(row.error)
    return value


def video_value(video: RenderedVideo, *, embedded: bool) -> dict[str, object]:
    """Return a finished video as a JSON value.

    Links and ids are null if they end with this process, since its backend is `embedded`.
    """
    links = {
        "url": video.url,
        "project_url": video.project_url,
        "session_id": video.session_id,
        "render_id": video.job.id,
    }
    return {
        "path": None if video.path is None else str(video.path),
        **(dict.fromkeys(links) if embedded else links),
        "duration_s": video.duration_s,
        "size_bytes": video.size_bytes,
        "credits_before": video.credits_before,
        "credits_after": video.credits_after,
        "credits_spent": video.credits_spent,
        "reply": "" if video.reply is None else video.reply.text,
        "warnings": list(video.warnings),
    }


def print_video(video: RenderedVideo, *, as_json: bool, embedded: bool = False) -> None:
    """Print a finished video: its path to stdout, notes to stderr.

    The credits of an `embedded` backend, which are not real, are left out.
    """
    if as_json:
        print_json(video_value(video, embedded=embedded))
        return
    print_text(video.path or video.url)
    reply = "" if video.reply is None else " ".join(video.reply.text.split())
    notes = [f"Agent: {reply}"] if reply else []
    notes += [
        f"Note: {warning}" for warning in video.warnings if " ".join(warning.split()) not in reply
    ]
    if video.credits_spent is not None and not embedded:
        notes.append(f"{credits_text(video.credits_spent)} spent, {video.credits_after:g} left")
    if video.project_url and not is_loopback(urlsplit(video.project_url).hostname or ""):
        notes.append(f"project: {video.project_url}")
    for note in notes:
        print_text(note, err=True)


def wants_bar(*, quiet: bool) -> bool:
    """Return whether to draw a progress bar: only on a terminal."""
    return not quiet and is_terminal(sys.stderr)
