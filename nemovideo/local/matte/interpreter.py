"""Loading LiteRT's interpreters without their line on stderr."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ai_edge_litert.interpreter import Interpreter

from nemovideo.errors import ModelUnavailableError

_STDERR = 2
_lock = threading.Lock()


def load_interpreter(path: Path) -> Interpreter:
    """Return a model ready to run, on one thread: the encoder needs the others.

    Raises:
        ModelUnavailableError: The file cannot be read as a model.
    """
    try:
        with _native_stderr_closed():
            interpreter = Interpreter(model_path=str(path), num_threads=1)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError, OSError) as error:
        raise ModelUnavailableError(f"{path.name} cannot be loaded: {error}") from error
    return interpreter


@contextmanager
def _native_stderr_closed() -> Iterator[None]:
    """Keep what native code writes to stderr from the user; there is no option for it.

    What other threads write there in these milliseconds is lost too; Python's own
    errors are not, they are exceptions.
    """
    with _lock:
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.flush()
        try:
            saved = os.dup(_STDERR)
        except OSError:  # there is no stderr, as under pythonw
            yield
            return
        try:
            with Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), _STDERR)
            yield
        finally:
            os.dup2(saved, _STDERR)
            os.close(saved)
