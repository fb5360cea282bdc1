"""The command group, which turns errors into one line and an exit code."""

from __future__ import annotations

import logging
from typing import Any

import click

from nemovideo import __version__
from nemovideo.cli.batch import batch
from nemovideo.cli.chat import chat
from nemovideo.cli.credits import show_credits
from nemovideo.cli.estimate import estimate
from nemovideo.cli.export import export
from nemovideo.cli.frames import frames
from nemovideo.cli.jobs import jobs
from nemovideo.cli.mcp import mcp
from nemovideo.cli.options import note_json, wants_json
from nemovideo.cli.preview import preview
from nemovideo.cli.remove_background import remove_background
from nemovideo.cli.report import exit_code_of, print_error, print_stopped, print_usage
from nemovideo.cli.serve import serve
from nemovideo.errors import NemoError


class _Group(click.Group):
    """A group whose commands may raise the SDK's errors."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        note_json(ctx, args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        try:
            return super().invoke(ctx)
        except NemoError as error:
            print_error(error, as_json=wants_json(ctx))
            ctx.exit(exit_code_of(error))
        except click.UsageError as error:
            if not wants_json(ctx):
                raise
            print_usage(error)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt as stop:
            checkpoint = ctx.find_root().meta.get("checkpoint")
            ctx.exit(print_stopped(stop, as_json=wants_json(ctx), checkpoint=checkpoint))


def _log(_context: click.Context, _option: click.Parameter, value: bool) -> None:
    """Log to stderr if `--verbose` is given."""
    if value:
        logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        logging.getLogger("nemovideo").setLevel(logging.DEBUG)
        logging.getLogger("nemovideo.local.access").setLevel(logging.WARNING)  # the same requests


_verbose_option = click.option(
    "-v",
    "--verbose",
    is_flag=True,
    expose_value=False,
    callback=_log,
    help="Log requests, retries and resumes to stderr.",
)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nemovideo")
@_verbose_option
def app() -> None:
    """Remove the background from videos, and edit them in plain language.

    Uses the NemoVideo cloud (with the token in NEMO_TOKEN, otherwise an
    anonymous one), or with --local a backend on this machine that needs no
    account and no network.

    \b
    Exit codes: 0 done, 1 failed, 2 invalid usage or input, 3 token rejected,
    4 not enough credits, 5 no connection, timeout, or the service failed,
    6 part of a batch failed for other reasons, 130 interrupted by Ctrl-C, 143 by SIGTERM.
    """  # noqa: D301 - click keeps the lines of a paragraph that begins with a backspace


for _command in (
    *(remove_background, preview, estimate, export, frames, batch, chat),
    *(show_credits, jobs, mcp, serve),
):
    app.add_command(_verbose_option(_command))
for _command in jobs.commands.values():
    _verbose_option(_command)
