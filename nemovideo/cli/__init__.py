"""The command line `nemovideo`: thin commands over the SDK, one room for each.

`app` holds the group, `options` what the commands share, and `report` how
results and errors are shown and which exit code they end with. The commands
themselves know no more than arguments in, one call of the SDK, words out.
"""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run the command line and leave with its exit code; without click, say what to install."""
    try:
        from nemovideo.cli.app import app
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.stderr.write(
            'The command line needs click: python -m pip install "nemovideo[cli]" '
            '(the extra "local" brings it too).\n'
        )
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    from nemovideo.cli.console import prepare

    prepare()
    signal.signal(signal.SIGTERM, _terminate)
    app()


def _terminate(*_: object) -> None:
    """Leave as usual on SIGTERM, so that a local backend removes its temporary files."""
    raise SystemExit(143)
