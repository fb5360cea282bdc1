"""`nemovideo remove-background`: remove or replace the background of a file."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click

from nemovideo._jobs.job_spec import Background, JobOptions, suggested_format
from nemovideo._support.annotations import Unpack
from nemovideo.cli.options import (
    FORMATS_HELP,
    PATH,
    edit_options,
    engine_option,
    json_option,
    local_option,
    max_credits_option,
    note_checkpoint,
    open_client,
    quiet_option,
    stem_of,
)
from nemovideo.cli.report import print_video, wants_bar


@click.command("remove-background", context_settings={"allow_extra_args": True})
@click.argument("source")
@click.option(
    "-b",
    "--background",
    help='"transparent", "blur", a color ("#00b140"), a picture or video, or a '
    'description ("office setting"). By default, the background is removed and not replaced.',
)
@edit_options
@click.option(
    "-o",
    "--output",
    type=PATH,
    help=f"The file to write; its suffix sets the format: {FORMATS_HELP}. Default: NAME-clean.mp4 "
    "in the current folder (.webm if the background is transparent, .png for a picture).",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@max_credits_option
@click.option("--deadline", type=float, metavar="SECONDS", help="Give up after this many seconds.")
@click.option(
    "--checkpoint",
    type=PATH,
    callback=note_checkpoint,
    help="Record the job's steps in this file; the same command, or `nemovideo jobs resume`, "
    "resumes it after a crash.",
)
@local_option
@engine_option
@quiet_option
@json_option
def remove_background(
    source: str,
    *,
    output: Path | None,
    local: bool,
    engine: str | None,
    quiet: bool,
    as_json: bool,
    **options: Unpack[JobOptions],
) -> None:
    """Remove the background from SOURCE, a file or a URL.

    \b
    nemovideo remove-background talk.mp4 -b "office setting"
    nemovideo remove-background talk.mp4 -b transparent -o cutout.webm --local
    """  # noqa: D301 - click keeps the lines of a paragraph that begins with a backspace
    others = click.get_current_context().args
    if others or os.path.isdir(source):  # noqa: PTH112 - false for a long URL
        several = shlex.join([source, *others])
        raise click.UsageError(
            f"SOURCE is one file; for several, or a folder: nemovideo batch {several} -o FOLDER"
        )
    options["progress"] = wants_bar(quiet=quiet)
    with open_client(local=local, engine=engine) as client:
        target = output or default_output(source, options.get("background"))
        video = client.remove_background(source, output=target, **options)
    print_video(video, as_json=as_json, embedded=local)


def default_output(source: str, background: Background) -> Path:
    """Return the result's name in the current folder."""
    return Path(f"{stem_of(source)}-clean.{suggested_format(source, background)}")
