"""`nemovideo estimate`: credits, time and size, before anything is sent."""

from __future__ import annotations

from pathlib import Path

import click

from nemovideo._downloads.output_paths import output_path
from nemovideo._support.outputs import format_for
from nemovideo._values.lines import credits_text, size_text
from nemovideo.cli.options import (
    FORMATS_HELP,
    PATH,
    edit_options,
    engine_option,
    json_option,
    local_option,
    open_client,
)
from nemovideo.cli.report import print_json, print_text


@click.command()
@click.argument("source")
@click.option("-b", "--background", help="See `nemovideo remove-background --help`.")
@edit_options
@click.option("--format", "format_", help=f"The format of the result: {FORMATS_HELP}.")
@click.option("-o", "--output", type=PATH, help="The result's name; only its suffix is used.")
@local_option
@engine_option
@json_option
def estimate(
    source: str,
    *,
    background: str | None,
    edit: str | None,
    trim: tuple[float, float] | None,
    quality: str,
    metadata: bool,  # noqa: ARG001 - it changes neither the time nor the size
    format_: str | None,
    output: Path | None,
    local: bool,
    engine: str | None,
    as_json: bool,
) -> None:
    """Estimate the cost, time and output size of remove-background for SOURCE.

    Nothing is sent. With --local the time is based on earlier renders on this
    machine; until there is one, a few frames are rendered each time to measure it.

    \b
    nemovideo estimate talk.mp4 -b "office setting"
    nemovideo estimate talk.mp4 -b transparent -o cutout.webm --trim 0 6.5 --local
    """  # noqa: D301 - click keeps the lines of a paragraph that begins with a backspace
    chosen = format_ if output is None else format_for(output_path(output), format_)
    with open_client(local=local, engine=engine) as client:
        result = client.estimate(
            source,
            background=background,
            edit=edit,
            trim=trim,
            format=chosen,
            quality=quality,
        )
    if as_json:
        names = ("credits", "seconds", "output_bytes", "basis", "warnings")
        print_json({name: getattr(result, name) for name in names})
        return
    seconds = "time unknown" if result.seconds is None else f"about {result.seconds:.0f} s"
    size = "size unknown"
    if result.output_bytes is not None:
        size = f"about {size_text(result.output_bytes)}"
    click.echo(f"{credits_text(result.credits)}, {seconds}, {size}")
    print_text(f"Basis: {result.basis}", err=True)
    for warning in result.warnings:
        print_text(f"Note: {warning}", err=True)
