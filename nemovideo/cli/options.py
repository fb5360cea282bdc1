"""What the commands share: common options, and the client that they select."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from nemovideo import Client

F = TypeVar("F", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)


def local_option(command: F) -> F:
    """Add `--local`."""
    return click.option(
        "--local", is_flag=True, help="Work on this machine: no account, no network."
    )(command)


def engine_option(command: F) -> F:
    """Add `--engine`."""
    return click.option(
        "--engine",
        metavar="NAME",
        help="With --local: fine (the default), fast, rembg or rembg:SESSION.",
    )(command)


def json_option(command: F) -> F:
    """Add `--json`; `wants_json` reports it where an error is printed."""
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Print JSON on stdout and nothing else; an error is JSON too.",
    )(command)


def note_json(context: click.Context, arguments: list[str]) -> None:
    """Record whether `--json` is given, before any argument can be wrong."""
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    context.find_root().obj = "--json" in own


def wants_json(context: click.Context) -> bool:
    """Return whether the command that was run has `--json`."""
    return bool(context.find_root().obj)


def quiet_option(command: F) -> F:
    """Add `--quiet`."""
    return click.option("-q", "--quiet", is_flag=True, help="Draw no progress bar.")(command)


def open_client(*, local: bool, engine: str | None = None) -> Client:
    """Return the client to work with.

    Raises:
        click.UsageError: There is an engine, but no local backend.
    """
    if local:
        return Client.local(engine=engine)
    if engine is not None:
        raise click.UsageError("--engine goes with --local")
    return Client()


def note_checkpoint(
    context: click.Context, _option: click.Parameter, value: Path | None
) -> Path | None:
    """Keep the checkpoint's name for the message after Ctrl-C."""
    context.find_root().meta["checkpoint"] = value
    return value
