"""`nemovideo export`: a session's draft as a file."""

from __future__ import annotations

from pathlib import Path

import click

from nemovideo.cli.options import PATH, json_option, open_client
from nemovideo.cli.report import print_video


@click.command()
@click.argument("session_id")
@click.option("-o", "--output", type=PATH, required=True, help="Where to write the file.")
@click.option(
    "--format", "format_", help="mp4, webm, mov, … Default: the format that the suffix names."
)
@click.option("--quality", default="high", show_default=True, help="What the service knows.")
@click.option("--overwrite", is_flag=True, help="Replace a file that is there already.")
@click.option("--deadline", type=float, metavar="SECONDS", help="Give up after this many seconds.")
@json_option
def export(
    session_id: str,
    *,
    output: Path,
    format_: str | None,
    quality: str,
    overwrite: bool,
    deadline: float | None,
    as_json: bool,
) -> None:
    """Render the draft of a session and download the file; exports are free of credits."""
    with open_client(local=False) as client:
        session = client.sessions.attach(session_id)
        video = session.export(output, format_, quality, overwrite=overwrite, deadline=deadline)
    print_video(video, as_json=as_json)
