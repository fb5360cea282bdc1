"""`nemovideo serve`: the local backend, the same as `python -m nemovideo.local`."""

from __future__ import annotations

import click


@click.command(
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def serve(arguments: tuple[str, ...]) -> None:
    """Serve the local backend to clients in any language, until Ctrl-C."""
    from nemovideo.local.__main__ import main

    raise SystemExit(main(arguments, prog="nemovideo serve"))
