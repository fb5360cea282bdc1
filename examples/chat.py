"""A small chat about your video, in the terminal.

    python examples/chat.py [FILE ...] [--local] [--output-dir DIR]

Say what you want, in English or Chinese: a path to upload, "remove the background",
"show tracks", "credits", "export". An empty line ends the chat. With --local it talks to
a backend on this machine, with no account and no network; without it, to the cloud.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from nemovideo import Client, NemoError


def sentences(files: list[str]) -> Iterator[str]:
    """Yield the files from the command line, then each line typed, until an empty one."""
    yield from files
    while True:
        try:
            text = input("> " if sys.stdin.isatty() else "")
        except (EOFError, KeyboardInterrupt):
            return
        if not text.strip():
            return
        yield text


def show_notice(line: str) -> None:
    """Show a line that the next one overwrites; in a pipe, print each on a separate line."""
    if sys.stderr.isatty():
        print(f"\r\x1b[2K{line}", end="", file=sys.stderr, flush=True)
    else:
        print(line, file=sys.stderr, flush=True)


def show_answer(text: str) -> None:
    """Show the answer in place of the last notice."""
    if sys.stderr.isatty():
        print("\r\x1b[2K", end="", file=sys.stderr, flush=True)
    print(f"{text}\n", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Chat about your video.")
    parser.add_argument("files", nargs="*", help="files to upload first")
    parser.add_argument("--local", action="store_true", help="use a backend on this machine")
    parser.add_argument("--output-dir", type=Path, default=Path(), help="where exports go")
    options = parser.parse_args()
    try:
        with Client.local() if options.local else Client() as client:
            session = client.sessions.create()
            chat = session.conversation(on_notice=show_notice, output_dir=options.output_dir)
            for text in sentences(options.files):
                show_answer(chat.say(text).text)
    except NemoError as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    main()
