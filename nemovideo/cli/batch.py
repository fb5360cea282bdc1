"""`nemovideo batch`: many clips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nemovideo.cli.options import (
    FORMATS_HELP,
    PATH,
    edit_options,
    engine_option,
    json_option,
    local_option,
    max_credits_option,
    open_client,
    quiet_option,
)
from nemovideo.cli.report import (
    exit_code_of_report,
    print_json,
    print_text,
    report_value,
    wants_bar,
)


@click.command()
@click.argument("sources", nargs=-1, required=True, type=PATH)
@click.option("-o", "--out-dir", type=PATH, required=True, help="The folder for the results.")
@click.option("-b", "--background", help="See `nemovideo remove-background --help`.")
@edit_options
@click.option("--format", help=f"{FORMATS_HELP}. Default: webm if transparent, else mp4.")
@click.option(
    "--name",
    default="{stem}{suffix}",
    metavar="PATTERN",
    help='The pattern of the results\' names, such as "{stem}-clean{suffix}".',
)
@click.option("-r", "--recursive", is_flag=True, help="Search subfolders too.")
@click.option("-n", "--concurrency", type=int, help="How many files at a time. Default: 2.")
@max_credits_option
@click.option(
    "--deadline",
    type=float,
    metavar="SECONDS",
    help="Seconds for the whole batch. Files still in progress are stopped and reported as failed; "
    "the next run resumes them.",
)
@click.option(
    "--file-deadline",
    type=float,
    metavar="SECONDS",
    help="Seconds for each file. A file that takes longer is stopped and reported as failed; the "
    "others continue, and the next run resumes it.",
)
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
@local_option
@engine_option
@click.option(
    "--state-dir",
    type=PATH,
    help="With --local: the folder of the backend's state. With the same folder, the next run "
    "resumes files in progress; without one, they start over.",
)
@quiet_option
@json_option
def batch(
    sources: tuple[Path, ...],
    *,
    out_dir: Path,
    local: bool,
    engine: str | None,
    state_dir: Path | None,
    quiet: bool,
    as_json: bool,
    **options: Any,  # noqa: ANN401 - passed to the SDK under the same names
) -> None:
    """Remove the background from many clips: SOURCES are folders or files.

    A second run does only what is missing, so a batch can be interrupted at
    any time and run again.
    """
    with open_client(local=local, engine=engine, state_dir=state_dir) as client:
        report = client.batch.remove_backgrounds(
            sources[0] if len(sources) == 1 else sources,
            out_dir,
            progress=wants_bar(quiet=quiet),
            **options,
        )
    if as_json:
        print_json(report_value(report))
    else:
        print_text(report.describe("shell"))
    if not report.ok:
        raise SystemExit(exit_code_of_report(report))
