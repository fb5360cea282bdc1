"""`nemovideo preview`: a picture of before and after, without spending credits."""

from __future__ import annotations

from pathlib import Path

import click

from nemovideo.cli.options import (
    PATH,
    edit_option,
    engine_option,
    json_option,
    local_option,
    no_local_sessions,
    open_client,
    stem_of,
    trim_option,
)
from nemovideo.cli.report import print_json, print_text
from nemovideo.models import Preview


@click.command()
@click.argument("source", required=False)
@click.option("-b", "--background", help="See `nemovideo remove-background --help`.")
@edit_option
@trim_option
@click.option(
    "--session", "session_id", help="Show this session's draft instead of a clip; not with --local."
)
@click.option(
    "--at",
    type=float,
    multiple=True,
    metavar="SECONDS",
    help="A time in seconds; may be repeated. Default: the start, the middle and the end.",
)
@click.option("-o", "--output", type=PATH, help="The PNG to write. Default: NAME-preview.png.")
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@local_option
@engine_option
@json_option
def preview(
    source: str | None,
    *,
    background: str | None,
    edit: str | None,
    trim: tuple[float, float] | None,
    session_id: str | None,
    at: tuple[float, ...],
    output: Path | None,
    overwrite: bool,
    local: bool,
    engine: str | None,
    as_json: bool,
) -> None:
    """Show the result of remove-background on SOURCE, below the original.

    The pictures are made on this machine (extra [local]), and no credits are
    used. With --session, show that session's draft; in the cloud, this runs a
    free export.

    \b
    nemovideo preview talk.mp4 -b "office setting"
    nemovideo preview talk.mp4 -b blur --edit "make it 9:16 and put me bottom right"
    nemovideo preview talk.mp4 -b transparent --at 0.5 --at 3 -o look.png
    """  # noqa: D301 - click keeps the lines of a paragraph that begins with a backspace
    if (source is None) == (session_id is None):
        raise click.UsageError("Pass a file, or a session with --session.")
    for name, value in (("background", background), ("edit", edit), ("trim", trim)):
        if session_id is not None and value is not None:
            raise click.UsageError(f"--{name} applies to a file, not to --session.")
    if session_id is not None and local:
        raise no_local_sessions()
    target = output or Path(f"{'session' if source is None else stem_of(source)}-preview.png")
    if target.suffix.lower() != ".png":
        raise click.UsageError(f"{target.name} is not a PNG file: its name must end in .png.")
    if target.exists() and not overwrite:
        raise click.UsageError(f"{target} already exists; --overwrite replaces it.")
    with open_client(local=local, engine=engine) as client:
        if source is not None:
            result = client.preview(
                source, background=background, edit=edit, trim=trim, at=at or None
            )
        else:
            result = client.sessions.attach(session_id or "").preview(at or None)
    _print(result, result.save(target), as_json=as_json)


def _print(result: Preview, path: Path, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "path": str(path),
                "at": [still.time_s for still in result.stills],
                "basis": result.basis,
                "warnings": list(result.warnings),
            }
        )
        return
    click.echo(click.format_filename(path))
    print_text(f"Made with: {result.basis}", err=True)
    for warning in result.warnings:
        print_text(f"Note: {warning}", err=True)
