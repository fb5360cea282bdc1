"""Soak test for leaks: use both clients heavily and compare resources before and after.

    python benchmarks/soak.py [--share 0.05]

The full run makes 2,000 calls, 600 streams (100 abandoned), 300 sends and 50 forks. File
descriptors, threads, tasks and memory are counted after a warm-up and at the end. The exit code
is 1 if anything leaked.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import socket
import sys
import threading
import time
from pathlib import Path

import attrs

# Make `benchmarks` importable when run as a script.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from nemovideo import AsyncClient, Client
from tests.support.service import Service, begin_stream, end_stream, send_event

MEMORY_MB = 16
"""The allowed growth: allocators keep some freed memory."""


@attrs.frozen
class Resources:
    """The resources of the process."""

    descriptors: int
    threads: int
    memory_mb: float

    @classmethod
    def now(cls) -> Resources:
        """Count until the figures are stable."""
        gc.collect()
        counted = cls._count()
        for _ in range(50):  # threads and sockets of the server close a moment later
            time.sleep(0.1)
            again = cls._count()
            if again == counted:
                break
            counted = again
        return counted

    @classmethod
    def _count(cls) -> Resources:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(
            len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - a snapshot
            threading.active_count(),
            pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
        )


def talk(_service: Service, connection: socket.socket, _path: str) -> None:
    """Send a few events."""
    begin_stream(connection)
    for number in range(5):
        send_event(connection, f"word {number} ")
    end_stream(connection)


def use(client: Client, counts: dict[str, int]) -> None:
    """Use the sync client."""
    session = client.sessions.create()
    for _ in range(counts["calls"]):
        client.credits.balance()
    for number in range(counts["streams"]):
        stream = session.stream("go")
        if number < counts["abandoned"]:
            next(stream)
        else:
            with stream:
                assert len(list(stream)) == 5
        del stream
    for _ in range(counts["sends"]):
        session.send("go")
    for _ in range(counts["forks"]):
        if (pid := os.fork()) == 0:
            os._exit(0 if client.credits.balance().available == 100 else 1)
        assert os.waitpid(pid, 0)[1] == 0


async def use_async(url: str, counts: dict[str, int]) -> int:
    """Use the async client and return the number of leaked tasks."""
    async with AsyncClient("nmv_usr_x", base_url=url) as client:
        session = await client.sessions.create()
        for _ in range(counts["calls"]):
            await client.credits.balance()
        for number in range(counts["streams"]):
            stream = session.stream("go")
            if number < counts["abandoned"]:
                await anext(stream)
            else:
                async with stream:
                    assert len([event async for event in stream]) == 5
            del stream
        for _ in range(counts["sends"]):
            await session.send("go")
    for _ in range(50):
        await asyncio.sleep(0.01)
        left = len(asyncio.all_tasks()) - 1
        if not left:
            break
    return left


def soak(share: float, *, fork: bool = True) -> tuple[Resources, Resources, int]:
    """Run the test; return the resources before and after, and the number of leaked tasks."""
    whole = {"calls": 1000, "streams": 300, "abandoned": 50, "sends": 150, "forks": 50}
    counts = {name: max(1, round(count * share)) for name, count in whole.items()}
    counts["forks"] *= fork
    service = Service(run_sse=talk)
    try:
        few = {**dict.fromkeys(whole, 3), "forks": 0}
        with Client("nmv_usr_x", base_url=service.url) as client:
            use(client, few)
        asyncio.run(use_async(service.url, few))
        before = Resources.now()
        with Client("nmv_usr_x", base_url=service.url) as client:
            use(client, counts)
        tasks = asyncio.run(use_async(service.url, counts))
        service.seen.clear()
        return before, Resources.now(), tasks
    finally:
        service.stop()


def main() -> int:
    """Print the resources before and after."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="fraction of the full run, 0..1")
    before, after, tasks = soak(parser.parse_args().share)
    print(f"before {before}\nafter  {after}, {tasks} tasks left")
    grown = after.memory_mb - before.memory_mb
    released = after.descriptors <= before.descriptors and after.threads <= before.threads
    return 0 if released and tasks == 0 and grown < MEMORY_MB else 1


if __name__ == "__main__":
    raise SystemExit(main())
