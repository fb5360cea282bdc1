"""`nemovideo jobs`: show and resume interrupted jobs."""

from __future__ import annotations

from pathlib import Path

import attrs
import click

from nemovideo import Client, Job
from nemovideo._jobs.runs import load_existing, resolved
from nemovideo.cli.options import PATH, json_option, note_checkpoint, quiet_option
from nemovideo.cli.report import print_json, print_text, print_video, wants_bar


@click.group()
def jobs() -> None:
    """Show jobs with a checkpoint, and resume them."""


@jobs.command()
@click.argument("checkpoint", type=PATH, callback=note_checkpoint)
@click.option("--deadline", type=float, metavar="SECONDS", help="Give up after this many seconds.")
@click.option(
    "--send-again",
    is_flag=True,
    help="Send the message again if its effect is unknown; it may be charged again.",
)
@quiet_option
@json_option
def resume(
    checkpoint: Path, *, deadline: float | None, send_again: bool, quiet: bool, as_json: bool
) -> None:
    """Resume the job in CHECKPOINT, in the cloud or on this machine."""
    video = Job.resume(
        checkpoint, progress=wants_bar(quiet=quiet), deadline=deadline, send_again=send_again
    )
    service = load_existing(resolved(checkpoint)).service
    print_video(video, as_json=as_json, embedded=service.state_dir is not None)


@jobs.command()
@click.argument("checkpoint", type=PATH)
@json_option
def show(checkpoint: Path, *, as_json: bool) -> None:
    """Show the state of the job in CHECKPOINT; nothing is sent."""
    with Client() as client:
        status = client.jobs.load(checkpoint).status
    if as_json:
        print_json(attrs.asdict(status))
        return
    progress = "done" if status.done else f"{status.fraction:.0%}, next: {status.phase}"
    print_text(f"{status.source or 'A clip'}: {progress}")
    if status.output is not None:
        print_text(f"result: {status.output}")
    for name, value in (("session", status.session_id), ("render", status.render_id)):
        if value is not None:
            print_text(f"{name}: {value}", err=True)
