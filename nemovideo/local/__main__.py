"""`python -m nemovideo.local`: the local backend, for clients in any language."""

from __future__ import annotations

import argparse
import logging
import math
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from nemovideo._support.user_folders import READ_ONLY, can_write_to, replacement, user_folder
from nemovideo.errors import InvalidRequestError, LocalBackendError, NemoError

_BANNER = """\
NemoVideo's local backend: {url}
State: {state_dir}
Stop with Ctrl-C. To get started:

  curl -X POST -H 'X-Client-Id: 6f1e2d3c-0000-4000-8000-000000000001' {url}/api/auth/anonymous-token
  export NEMO_API_URL={url} NEMO_TOKEN=<the token above>
  curl -X POST -H "Authorization: Bearer $NEMO_TOKEN" -H 'Content-Type: application/json' \\
    -d '{{"task_name": "project", "language": "en"}}' {url}/api/tasks/me/with-session/nemo_agent
"""
_SHARED_BANNER = """\
NemoVideo's local backend: {url}{others}
State: {state_dir}
Stop with Ctrl-C. Clients need NEMO_API_URL={url} and an API key as NEMO_TOKEN.
"""


def main(arguments: Sequence[str] | None = None, *, prog: str = "python -m nemovideo.local") -> int:
    """Serve until Ctrl-C or SIGTERM, or download the models; return the exit status."""
    options = _parser(prog).parse_args(arguments)
    try:
        if options.command == "fetch-models":
            from nemovideo.local.models import fetch_models

            for path in fetch_models(fonts=options.fonts):
                sys.stdout.write(f"{path}\n")
        else:
            with _logging_to_stderr():
                _serve(options)
    except NemoError as error:
        sys.stderr.write(f"{error.describe('shell')}\n")
        return 2 if isinstance(error, InvalidRequestError) else 1
    return 0


def _serve(options: argparse.Namespace) -> None:
    from nemovideo.local import Limits, LocalBackend  # first, for a clear MissingExtraError
    from nemovideo.local.server.access import EVERYWHERE
    from nemovideo.local.server.faults import load_faults
    from nemovideo.local.server.limits import SHARED

    keys = [*options.api_key, *(_keys_in(options.api_key_file) if options.api_key_file else ())]
    default = SHARED if keys else Limits()
    stopped = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopped.set())
    backend = LocalBackend(
        options.state_dir or _data_dir(),
        options.port,
        credits=options.credits,
        faults=load_faults(options.faults) if options.faults else (),
        engine=options.engine,
        device=options.device or "auto",
        model=options.model,
        host=options.host,
        api_key=keys or None,
        limits=Limits(
            renders=options.max_renders or default.renders,
            disk_bytes=options.max_disk or default.disk_bytes,
            memory_bytes=options.max_memory or default.memory_bytes,
        ),
        keep_s=options.keep,
        private_urls=options.private_urls or None,
        access_level=getattr(logging, options.access_level.upper()),
        isolate=True,
    )
    with backend:
        banner = (_SHARED_BANNER if keys else _BANNER).format(
            url=backend.url,
            state_dir=backend.state_dir,
            others=f" (from other machines: port {backend.port} of this machine's address)"
            if options.host in EVERYWHERE
            else "",
        )
        sys.stdout.write(banner)
        sys.stdout.flush()
        while not stopped.wait(1):  # on Windows, wait() without a timeout blocks signals
            pass


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog, description="The local backend, for clients in any language."
    )
    parser.add_argument("command", nargs="?", choices=["serve", "fetch-models"], default="serve")
    parser.add_argument(
        "--host",
        help="the address to listen on; any non-loopback address requires a key "
        "(default: 127.0.0.1)",
    )
    parser.add_argument(
        "--api-key", action="append", default=[], help="a key that clients must send as their token"
    )
    parser.add_argument("--api-key-file", type=Path, help="a file with one key per line")
    parser.add_argument(
        "--port", type=_port, default=8000, help="the port; 0 for any free one (default: 8000)"
    )
    parser.add_argument(
        "--state-dir", type=Path, help="the state directory (default: in your user data folder)"
    )
    parser.add_argument(
        "--credits",
        type=int,
        help="credits that each new user starts with; edits are refused once they run out "
        "(default: 100, but then no edit is refused)",
    )
    parser.add_argument("--faults", type=Path, help="a JSON file of fault rules")
    parser.add_argument(
        "--engine", type=_engine, help="fine, fast, rembg, or rembg:<session> (default: fine)"
    )
    parser.add_argument(
        "--device", type=_device, help="the device for .onnx models (default: auto)"
    )
    parser.add_argument("--model", type=Path, help="your own model (.tflite or .onnx)")
    parser.add_argument(
        "--keep",
        type=_seconds,
        help="remove results older than this, and sessions unused for longer than this: 90m, "
        "12h, 7d (default: never)",
    )
    parser.add_argument(
        "--max-renders", type=_count, help="unfinished renders per key (default with a key: 4)"
    )
    parser.add_argument(
        "--max-disk",
        type=_bytes,
        help="disk quota per key: 500M, 10G (default with a key: 10G)",
    )
    parser.add_argument(
        "--max-memory",
        type=_bytes,
        help="on Linux, memory of each process that decodes users' files: 500M, 4G (default: 8G)",
    )
    parser.add_argument(
        "--private-urls",
        action="store_true",
        help="with a key: allow uploads by URL from private networks",
    )
    parser.add_argument(
        "--access-level",
        choices=["debug", "info", "warning"],
        default="info",
        help="the level of the access log; stderr shows info and above, so debug hides it "
        "(default: info)",
    )
    parser.add_argument(
        "--fonts", action="store_true", help="with fetch-models: also the font for Chinese titles"
    )
    return parser


def _seconds(text: str) -> float:
    return _number(text, {"m": 60, "h": 3600, "d": 86_400})


def _bytes(text: str) -> int:
    return int(_number(text, {"M": 1024**2, "G": 1024**3}))


def _engine(text: str) -> str:
    from nemovideo.local import LocalBackend  # noqa: F401 - first, for a clear MissingExtraError
    from nemovideo.local.matte.loading import check_engine_name

    try:
        check_engine_name(text)
    except LocalBackendError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _device(text: str) -> str:
    from nemovideo.local import LocalBackend  # noqa: F401
    from nemovideo.local.matte.runtime import DEVICES

    if text not in DEVICES:
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(DEVICES)}")
    return text


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port number from 0 to 65535")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)


def _number(text: str, units: Mapping[str, int]) -> float:
    """Parse a positive number with one of the units."""
    try:
        number = float(text[:-1]) * units[text[-1:]]
    except (KeyError, ValueError):
        number = 0
    if not 0 < number < math.inf:
        *others, last = units
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a positive number followed by {', '.join(others)} or {last}"
        )
    return number


def _keys_in(path: Path) -> list[str]:
    """Return the keys of a file, one per line; empty lines and comments (#) are skipped."""
    from nemovideo.local.server.access import check_key

    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise InvalidRequestError(
            f"The key file {path} does not exist.",
            remedy="Create it, with one key per line.",
        ) from error
    except (OSError, ValueError) as error:
        raise InvalidRequestError(
            f"The keys in {path} cannot be read: {error}", remedy="Write one key per line."
        ) from error
    keys = []
    for number, line in enumerate(lines, 1):
        if (key := line.strip()) and not key.startswith("#"):
            check_key(key, f"line {number} of {path}")
            keys.append(key)
    if not keys:
        raise InvalidRequestError(f"{path} contains no key", remedy="Write one key per line.")
    return keys


@contextmanager
def _logging_to_stderr() -> Iterator[None]:
    """Log requests and errors to stderr while the block runs."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("nemovideo.local")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def _data_dir() -> Path:
    """Return the default state directory, in the user's data directory or else a temporary one."""
    folder = user_folder("data") / "local"
    if can_write_to(folder):
        return folder
    remedy = "Choose another one with --state-dir or XDG_DATA_HOME."
    return replacement(folder, READ_ONLY, remedy)


if __name__ == "__main__":
    raise SystemExit(main())
