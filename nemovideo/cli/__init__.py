"""The command line `nemovideo`: thin commands over the SDK, one module each.

`app` has the group, `options` the shared options, and `report` the output and exit codes. A command
parses its arguments, makes one call to the SDK, and prints the result.
"""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run the command line and exit; without click, print what to install."""
    try:
        from nemovideo.cli.app import app
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.stderr.write(
            'The command line needs click: python -m pip install "nemovideo[cli]" '
            '(the extra "local" includes it).\n'
        )
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    from nemovideo.cli.console import prepare

    prepare()
    signal.signal(signal.SIGTERM, _terminate)
    app()


def _terminate(*_: object) -> None:
    """End like Ctrl-C on SIGTERM, so that a local backend removes its temporary files."""
    from nemovideo.cli.report import Terminated

    raise Terminated
