"""Waiting for whichever comes first: the work's end, or the client's leaving."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from starlette.types import Receive


async def until_gone(receive: Receive) -> None:
    """Wait until the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def first_of(*work: Awaitable[None]) -> None:
    """Run all until one is done, end the others, and raise what the one done raised."""
    tasks = [asyncio.ensure_future(item) for item in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
