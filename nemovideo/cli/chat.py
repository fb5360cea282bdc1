"""`nemovideo chat`: edit a video in a chat, in a terminal or from a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click

from nemovideo import Session
from nemovideo._downloads.export_names import unused_path
from nemovideo._language.errors import sentence_for
from nemovideo._support.disk import writing
from nemovideo._support.json_text import json_text
from nemovideo.cli.console import escaped, is_terminal
from nemovideo.cli.options import (
    PATH,
    engine_option,
    json_option,
    local_option,
    no_local_sessions,
    open_client,
)
from nemovideo.cli.report import FAILED, error_value, print_text, video_value
from nemovideo.errors import NemoError
from nemovideo.models import Answer, Route

_QUIT_WORDS = ("", "quit", "exit", "bye", "退出", "再见")
_PREVIEW_WORDS = ("preview", "预览")
_CLEAR_LINE = "\r\x1b[2K"


@click.command()
@click.argument("files", nargs=-1)
@click.option(
    "--output-dir",
    type=PATH,
    default=Path(),
    help="The folder for exports. Default: the current folder.",
)
@click.option("--session", "session_id", metavar="ID", help="Continue this session.")
@local_option
@engine_option
@json_option
def chat(
    files: tuple[str, ...],
    *,
    output_dir: Path,
    session_id: str | None,
    local: bool,
    engine: str | None,
    as_json: bool,
) -> None:
    """Chat about your video; FILES are uploaded first.

    Type what you want, in English or Chinese: a path to upload, "remove the
    background", "show tracks", "credits", "export". An empty line or "quit"
    ends the chat; "preview" writes a picture of the video so far. With --json
    every answer is one line of JSON.
    """
    if local and session_id is not None:
        raise no_local_sessions()
    failed = False
    with open_client(local=local, engine=engine) as client:
        if session_id is None:
            session = client.sessions.create()
        else:
            session = client.sessions.attach(session_id)
        show = partial(_print_json, session.id, embedded=local) if as_json else _print_text
        conversation = session.conversation(
            on_notice=_print_notice if is_terminal(sys.stderr) and not as_json else None,
            output_dir=output_dir,
        )
        for text in _sentences(files):
            if text.strip().lower() in _PREVIEW_WORDS:
                answer = _preview(session, output_dir)
            else:
                answer = conversation.say(text)
            failed = failed or answer.error is not None
            show(answer)
    if failed and not is_terminal(sys.stdin):  # for scripts
        raise SystemExit(FAILED)


def _preview(session: Session, folder: Path) -> Answer:
    """Write a picture of the draft under an unused name in the folder."""
    path = unused_path(folder / "preview", "png")
    try:
        preview = session.preview()
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        preview.save(path)
    except NemoError as error:
        return Answer(sentence_for(error, "", "en"), Route.STATE, error=error)
    return Answer("\n".join((str(path), *preview.warnings)), Route.STATE)


def _sentences(files: tuple[str, ...]) -> Iterator[str]:
    """Yield the files, then each line typed, until an empty line, "quit" or the end of input."""
    yield from files
    while sys.stdin is not None:
        try:
            text = input("> " if is_terminal(sys.stdin) else "")
        except EOFError:
            return
        if text.strip().lower() in _QUIT_WORDS:
            return
        yield text


def _print_notice(line: str) -> None:
    """Print a line that the next one overwrites."""
    click.echo(f"{_CLEAR_LINE}{escaped(line)}", nl=False, err=True)


def _print_text(answer: Answer) -> None:
    """Print an answer over the last notice."""
    if is_terminal(sys.stderr):
        click.echo(_CLEAR_LINE, nl=False, err=True)
    print_text(f"{answer.text}\n")


def _print_json(session_id: str, answer: Answer, *, embedded: bool) -> None:
    video = answer.video
    value = {
        "session_id": session_id,
        "text": answer.text,
        "action": answer.action.value,
        "video": None if video is None else video_value(video, embedded=embedded),
        "error": None if answer.error is None else error_value(answer.error),
    }
    click.echo(escaped(json_text(value, default=str)))
