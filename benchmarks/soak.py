"""Use both clients for long, and see that they end with what they began with.

    python benchmarks/soak.py [--share 0.05]

That are 2,000 calls, 600 streams of which 100 are abandoned, 300 sends and 50 forks.
Descriptors, threads, tasks and memory are counted after a warm-up and again at the end. The exit
code is 1 where anything was left.
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

# Run as a file, it finds its rooms from the project's root.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from nemovideo import AsyncClient, Client
from tests.support.service import Service, begin_stream, end_stream, send_event

MEMORY_MB = 16
"""So much more memory at the end is the allocator's, and not ours."""


@attrs.frozen
class Held:
    """What a process holds."""

    descriptors: int
    threads: int
    memory_mb: float

    @classmethod
    def now(cls) -> Held:
        """Count, once what has ended is gone."""
        gc.collect()
        found = cls._count()
        for _ in range(50):  # threads and sockets of the server end a moment later
            time.sleep(0.1)
            again = cls._count()
            if again == found:
                break
            found = again
        return found

    @classmethod
    def _count(cls) -> Held:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(
            len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - as many as there are right now
            threading.active_count(),
            pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
        )


def talk(_service: Service, connection: socket.socket, _path: str) -> None:
    """Answer with a few events."""
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
    """Use the async client, and return how many tasks are left."""
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


def soak(share: float, *, fork: bool = True) -> tuple[Held, Held, int]:
    """Run it, and return what was held before and after, and the tasks left."""
    whole = {"calls": 1000, "streams": 300, "abandoned": 50, "sends": 150, "forks": 50}
    counts = {name: max(1, round(count * share)) for name, count in whole.items()}
    counts["forks"] *= fork
    service = Service(run_sse=talk)
    try:
        few = {**dict.fromkeys(whole, 3), "forks": 0}
        with Client("nmv_usr_x", base_url=service.url) as client:
            use(client, few)
        asyncio.run(use_async(service.url, few))
        before = Held.now()
        with Client("nmv_usr_x", base_url=service.url) as client:
            use(client, counts)
        tasks = asyncio.run(use_async(service.url, counts))
        service.seen.clear()
        return before, Held.now(), tasks
    finally:
        service.stop()


def main() -> int:
    """Print what was held before and after."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the whole soak")
    before, after, tasks = soak(parser.parse_args().share)
    print(f"before {before}\nafter  {after}, {tasks} tasks left")
    grown = after.memory_mb - before.memory_mb
    fine = after.descriptors <= before.descriptors and after.threads <= before.threads
    return 0 if fine and tasks == 0 and grown < MEMORY_MB else 1


if __name__ == "__main__":
    raise SystemExit(main())
