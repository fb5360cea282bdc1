"""Shared options, and the client that they select."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click

from nemovideo import Client
from nemovideo._support.urls import path_of
from nemovideo.errors import LocalBackendError

F = TypeVar("F", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)

FORMATS_HELP = (
    "mp4, webm or mov; with --local also gif, zip (PNGs), webp, png, jpg, matte.mp4, stacked.mp4 "
    "or bundle.zip"
)
"""The formats of results; see `nemovideo._support.outputs`."""


class _Decorator(Protocol):
    def __call__(self, command: F, /) -> F: ...


local_option: _Decorator = click.option(
    "--local", is_flag=True, help="Use a backend on this machine: no account, no network."
)
engine_option: _Decorator = click.option(
    "--engine",
    metavar="NAME",
    help="With --local: fine (the default), fast, rembg or rembg:SESSION.",
)
json_option: _Decorator = click.option(
    "--json", "as_json", is_flag=True, help="Print only JSON on stdout; errors are JSON too."
)
quiet_option: _Decorator = click.option(
    "-q", "--quiet", is_flag=True, help="Do not draw a progress bar."
)


def _checked_trim(
    _context: click.Context, _option: click.Parameter, value: tuple[float, float] | None
) -> tuple[float, float] | None:
    """Check a range; the error is in shell syntax."""
    if value is not None and not value[0] < value[1]:
        given = f"--trim {value[0]:g} {value[1]:g}"
        raise click.UsageError(f"{given}: the end must be after the start")
    return value


edit_option: _Decorator = click.option(
    "--edit",
    metavar="TEXT",
    help='More edits: "make it 9:16 and put me bottom right".',
)
trim_option: _Decorator = click.option(
    "--trim",
    type=(float, float),
    callback=_checked_trim,
    metavar="START END",
    help="Keep only this part, in seconds.",
)


max_credits_option: _Decorator = click.option(
    "--max-credits",
    type=float,
    help="Do not start work that would probably exceed this. An edit is assumed to cost "
    "NEMO_EDIT_COST credits, by default 50.",
)


def edit_options(command: F) -> F:
    """Add `--edit`, `--trim`, `--quality` and `--no-metadata`."""
    for option in (
        click.option(
            "--no-metadata",
            "metadata",
            flag_value=False,
            default=True,
            help="Leave out the recording's date, location and title.",
        ),
        click.option(
            "--quality",
            default="high",
            show_default=True,
            help="With --local: high, medium or low.",
        ),
        trim_option,
        edit_option,
    ):
        command = option(command)
    return command


def note_json(context: click.Context, arguments: list[str]) -> None:
    """Record whether `--json` is given, before the arguments are parsed."""
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    context.find_root().obj = "--json" in own


def wants_json(context: click.Context) -> bool:
    """Return whether `--json` was given."""
    return bool(context.find_root().obj)


def no_local_sessions() -> click.UsageError:
    """Return the error for a session together with `--local`."""
    return click.UsageError(
        "The backend that --local starts has no sessions. To keep sessions, start "
        "`nemovideo serve`, set NEMO_API_URL to its address, and leave out --local."
    )


def open_client(*, local: bool, engine: str | None = None, state_dir: Path | None = None) -> Client:
    """Return a client for the cloud, or for a local backend; see `check_engine`."""
    check_engine(engine, local=local)
    if state_dir is not None and not local:
        raise click.UsageError("--state-dir needs --local")
    return Client.local(engine=engine, state_dir=state_dir) if local else Client()


def check_engine(engine: str | None, *, local: bool) -> None:
    """Raise a usage error for an engine without `local`, or that does not exist."""
    if engine is None:
        return
    if not local:
        raise click.UsageError("--engine needs --local")
    from nemovideo.local import LocalBackend  # noqa: F401 - first, for a clear MissingExtraError
    from nemovideo.local.matte.loading import check_engine_name

    try:
        check_engine_name(engine)
    except LocalBackendError as error:
        raise click.UsageError(error.describe("shell")) from None


def note_checkpoint(
    context: click.Context, _option: click.Parameter, value: Path | None
) -> Path | None:
    """Remember the checkpoint, which the message after Ctrl-C mentions."""
    context.find_root().meta["checkpoint"] = value
    return value


def stem_of(source: str) -> str:
    """Return the name of a path or URL without its suffix."""
    name = path_of(source) if "://" in source else source
    return Path(name).stem or "video"
