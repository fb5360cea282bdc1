"""Make the fast engine the default; run as a program, do so for a script or a module (-m)."""

from __future__ import annotations

import runpy
import sys

from nemovideo.local import LocalBackend


def backend_defaults() -> dict[str, object]:
    """Return the default arguments of local backends, which may be changed."""
    defaults = LocalBackend.__init__.__kwdefaults__
    assert defaults is not None
    return defaults


def use_fast_engine() -> None:
    """Make `engine="fast"` the default of local backends in this process."""
    backend_defaults()["engine"] = "fast"


if __name__ == "__main__":
    use_fast_engine()
    del sys.argv[0]
    if sys.argv[0] == "-m":
        del sys.argv[0]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")
