"""The server's event loop: its clock goes on where a test has frozen Python's."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Coroutine


def run(main: Coroutine[object, object, None]) -> None:
    """Run a coroutine to its end in an event loop of its own, as `asyncio.run` does."""
    loop = asyncio.new_event_loop()
    if sys.platform != "win32":
        # freezegun replaces `time.monotonic`, by which a loop knows what is due; this one stays.
        loop.time = _monotonic  # type: ignore[method-assign]
    try:
        loop.run_until_complete(main)
    finally:
        try:
            pending = asyncio.all_tasks(loop)
            for task in pending:
                task.cancel()
            if pending:
                loop.run_until_complete(asyncio.wait(pending))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            loop.close()


def _monotonic() -> float:
    return time.clock_gettime(time.CLOCK_MONOTONIC)
