"""`nemovideo export`: render a session's draft to a file."""

from __future__ import annotations

from pathlib import Path

import click

from nemovideo.cli.options import PATH, json_option, open_client
from nemovideo.cli.report import print_video


@click.command()
@click.argument("session_id")
@click.option("-o", "--output", type=PATH, required=True, help="The file to write.")
@click.option("--format", "format_", help="mp4, webm, mov, … Default: from the suffix of the file.")
@click.option("--quality", default="high", show_default=True, help="The render quality.")
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
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
    """Render the draft of a session and download the file; exports cost no credits."""
    with open_client(local=False) as client:
        session = client.sessions.attach(session_id)
        video = session.export(output, format_, quality, overwrite=overwrite, deadline=deadline)
    print_video(video, as_json=as_json)
