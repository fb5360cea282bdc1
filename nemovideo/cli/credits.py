"""`nemovideo credits`: the balance."""

from __future__ import annotations

import click

from nemovideo.cli.options import json_option, local_option, open_client
from nemovideo.cli.report import print_json


@click.command("credits")
@local_option
@json_option
def show_credits(*, local: bool, as_json: bool) -> None:
    """Show the available credits."""
    with open_client(local=local) as client:
        balance = client.credits.balance()
    if as_json:
        names = ("available", "frozen", "total")
        print_json({name: getattr(balance, name) for name in names})
        return
    click.echo(f"{balance.available:g} credits available")
    if balance.frozen:
        click.echo(f"{balance.frozen:g} reserved by work in progress, {balance.total:g} in total")
