"""The standard streams, which may be missing, or whose encoding may lack characters."""

from __future__ import annotations

import io
import os
import re
import sys
from typing import TextIO

import click

# Control characters, except line feeds and tabs, and those that change the direction of text.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def prepare() -> None:
    """Escape characters that the encoding lacks, and read stdin as UTF-8 if the locale is ASCII."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if isinstance(sys.stdin, io.TextIOWrapper):
        if sys.stdin.encoding.lower() in ("ascii", "ansi_x3.4-1968", "us-ascii", "646"):
            sys.stdin.reconfigure(encoding="utf-8", errors="replace")
        else:
            sys.stdin.reconfigure(errors="replace")


def escaped(text: str) -> str:
    """Return text or JSON from a service without characters that control a terminal."""
    lines = text.replace("\r\n", "\n")
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", lines)


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal; it is None in a program without a console."""
    return stream is not None and stream.isatty()


def colored(text: str, color: str) -> str:
    """Return text in a color, unless NO_COLOR or TERM=dumb is set."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if plain else click.style(text, fg=color)
