"""The standard streams: a service has none, and a terminal's encoding may lack characters."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

import click


def prepare() -> None:
    """Make every text printable, and read a chat as UTF-8 where the locale says only ASCII."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if isinstance(sys.stdin, io.TextIOWrapper):
        if sys.stdin.encoding.lower() in ("ascii", "ansi_x3.4-1968", "us-ascii", "646"):
            sys.stdin.reconfigure(encoding="utf-8", errors="replace")
        else:
            sys.stdin.reconfigure(errors="replace")


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person looks at a stream; it is None in a program without a console."""
    return stream is not None and stream.isatty()


def colored(text: str, color: str) -> str:
    """Return text in a color, or as it is where the user or the terminal wants none."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if plain else click.style(text, fg=color)
