"""Differences between the versions of PyAV."""

from __future__ import annotations

from typing import Any


def lenient_text() -> dict[str, Any]:
    """Return the arguments for `av.open` to accept metadata that is not UTF-8.

    PyAV 19 always does, and has removed the argument.
    """
    import av

    older = int(av.__version__.split(".")[0]) < 19
    return {"metadata_errors": "replace"} if older else {}
