"""`nemovideo batch`: folders full of clips."""

from __future__ import annotations

from pathlib import Path

import click

from nemovideo.cli.options import PATH, json_option, local_option, open_client, quiet_option
from nemovideo.cli.report import PARTLY, print_json, print_text, wants_bar


@click.command()
@click.argument("sources", nargs=-1, required=True, type=PATH)
@click.option("-o", "--out-dir", type=PATH, required=True, help="Where the results go.")
@click.option("-b", "--background", help="See `nemovideo remove-background --help`.")
@click.option(
    "--format",
    "format_",
    help="mp4, webm, mov, gif or zip. Default: webm where it is transparent, else mp4.",
)
@click.option("-r", "--recursive", is_flag=True, help="Take the folders below as well.")
@click.option("-n", "--concurrency", type=int, help="How many at a time. Default: 2.")
@click.option("--max-credits", type=float, help="Begin no file that is likely to pass this sum.")
@click.option("--deadline", type=float, metavar="SECONDS", help="Begin nothing after so long.")
@click.option("--overwrite", is_flag=True, help="Replace files that are in the way.")
@local_option
@quiet_option
@json_option
def batch(
    sources: tuple[Path, ...],
    *,
    out_dir: Path,
    background: str | None,
    format_: str | None,
    recursive: bool,
    concurrency: int | None,
    max_credits: float | None,
    deadline: float | None,
    overwrite: bool,
    local: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Remove the background of many clips: SOURCES are a folder, or files.

    A second run does only what is missing, so it may be stopped at any time
    and started again.
    """
    with open_client(local=local) as client:
        report = client.batch.remove_backgrounds(
            sources[0] if len(sources) == 1 else sources,
            out_dir,
            background=background,
            format=format_,
            recursive=recursive,
            concurrency=concurrency,
            max_credits=max_credits,
            progress=wants_bar(quiet=quiet),
            overwrite=overwrite,
            deadline=deadline,
        )
    if as_json:
        print_json({"summary": report.summary, "files": report.to_dicts()})
    else:
        print_text(report)
    if not report.ok:
        raise SystemExit(PARTLY)
