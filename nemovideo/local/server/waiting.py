"""Waiting for the client's disconnect, and for the first of several awaitables."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from starlette.types import Receive


async def disconnected(receive: Receive) -> None:
    """Wait until the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def first_completed(*work: Awaitable[object]) -> None:
    """Run all until one ends, cancel the others, and raise the error of the first, if any."""
    tasks = [asyncio.ensure_future(item) for item in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
