"""`python -m nemovideo.local`: the local backend for any client in any language."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from nemovideo.errors import NemoError

_BANNER = """\
NemoVideo's local backend: {url}
State: {state_dir}
Stop with Ctrl-C. To get going:

  curl -X POST -H 'X-Client-Id: {example_id}' {url}/api/auth/anonymous-token
  export NEMO_API_URL={url} NEMO_TOKEN=<the token above>
  curl -X POST -H "Authorization: Bearer $NEMO_TOKEN" -H 'Content-Type: application/json' \\
    -d '{{"task_name": "project", "language": "en"}}' {url}/api/tasks/me/with-session/nemo_agent
"""
_EXAMPLE_ID = "6f1e2d3c-0000-4000-8000-000000000001"


def main(arguments: Sequence[str] | None = None, *, prog: str = "python -m nemovideo.local") -> int:
    """Serve until Ctrl-C or SIGTERM, or fetch the models; return the exit status."""
    options = _parser(prog).parse_args(arguments)
    try:
        if options.command == "fetch-models":
            from nemovideo.local.models import fetch_models

            fetch_models()
        else:
            _serve(options)
    except NemoError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _serve(options: argparse.Namespace) -> None:
    from nemovideo.local import LocalBackend  # first: it says what is not installed
    from nemovideo.local.server.faults import load_faults

    stopped = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopped.set())
    backend = LocalBackend(
        options.state_dir,
        options.port,
        credits=options.credits,
        faults=load_faults(options.faults) if options.faults else (),
        engine=options.engine,
        model=options.model,
    )
    with backend:
        banner = _BANNER.format(
            url=backend.url, state_dir=backend.state_dir, example_id=_EXAMPLE_ID
        )
        sys.stdout.write(banner)
        sys.stdout.flush()
        while not stopped.wait(1):  # in slices: on Windows a bare wait() hears no signal
            pass


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog, description="The local backend for any client in any language."
    )
    parser.add_argument("command", nargs="?", choices=["serve", "fetch-models"], default="serve")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one (8000)")
    parser.add_argument(
        "--state-dir",
        type=Path,
        default=_data_dir(),
        help="where everything is kept (%(default)s)",
    )
    parser.add_argument("--credits", type=int, help="what a new user has, as a hard limit")
    parser.add_argument("--faults", type=Path, help="a JSON file of fault rules")
    parser.add_argument("--engine", help="selfie, rembg, or rembg:<session> (selfie)")
    parser.add_argument("--model", type=Path, help="a model of your own (.tflite or .onnx)")
    return parser


def _data_dir() -> Path:
    """Return the user's own place for data."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "nemovideo" / "local"


if __name__ == "__main__":
    raise SystemExit(main())
