"""Throughput of the agent's event stream: `python benchmarks/sse.py [--runs 9] [--json FILE]`.

The readers get the same stream from a server in a separate process, one HTTP chunk per event:

- bare: httpx-sse and `json.loads` only.
- stream, async stream: `client.agent.stream` of both clients, to the last event, with typed
  events, the reply, and limits.

They alternate (A B C, A B C, …). The figures are the median time, events per second, and the
ratio to the bare loop. There are three streams: token-sized events, as with `tokens=True`, 2 MB
events with a draft, and 2 MB texts. The last one is unrealistic, but such texts take hardly any
time to parse as JSON, so it shows the rest of the overhead.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
import httpx_sse

# Make `benchmarks` importable when run as a script.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.record import Row, add_option, write
from nemovideo import AsyncClient, Client

TOKENS = 10_000
LARGE_EVENTS = 10
LARGE_BYTES = 2_000_000
TOKEN = "nmv_usr_benchmark"


def event(text: str, *, partial_: bool = False, delta: dict[str, object] | None = None) -> bytes:
    """Return an event as google-adk 2.13 sends it."""
    value = {
        "modelVersion": "model-001",
        "content": {"parts": [{"text": text}], "role": "model"},
        "partial": partial_,
        "invocationId": "e-6a2ea736-bc90-4344-b205-ececa6c1efc6",
        "author": "nemo_agent",
        "actions": {
            "stateDelta": delta or {},
            "artifactDelta": {},
            "requestedAuthConfigs": {},
            "requestedToolConfirmations": {},
        },
        "id": "d070fe7f-8d9a-41d8-8595-7598da180853",
        "timestamp": 1795370831.8305137,
    }
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


def draft() -> dict[str, object]:
    """Return a draft of about 2 MB of JSON."""
    segment = {"d": 4000, "m": {"name": "talk.mp4", "volume": 0.35, "background": "#00b140"}}
    return {"t": [{"tt": 0, "sg": [segment] * (LARGE_BYTES // 85)}], "d": 10_000}


def bodies() -> dict[str, list[bytes]]:
    """Return the events of each stream by session id."""
    tokens = [event("word ", partial_=True)] * TOKENS
    return {
        "tokens": [*tokens, event("word " * TOKENS)],
        "drafts": [event("", delta={"draft": draft()})] * LARGE_EVENTS,
        "texts": [event("好 word " * (LARGE_BYTES // 9))] * LARGE_EVENTS,
    }


def respond(connection: socket.socket, streams: dict[str, bytes]) -> None:
    """Serve one connection: `/run_sse` with a stream, all other paths with an empty state."""
    state = b'{"state":{"draft":null}}'
    header = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\n%s\r\n\r\n"
    with connection, connection.makefile("rb") as source:
        while first := source.readline():
            length = 0
            while (line := source.readline().strip()) != b"":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            body = source.read(length)
            if first.startswith(b"POST /run_sse"):
                stream = streams[json.loads(body)["session_id"]]
                response = header % (b"text/event-stream", b"transfer-encoding: chunked")
                connection.sendall(response + stream)
            else:
                size = b"content-length: %d" % len(state)
                connection.sendall(header % (b"application/json", size) + state)


def serve(ready: Connection) -> None:
    """Send the port to `ready` and serve until terminated."""
    streams = {
        name: b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        for name, parts in bodies().items()
    }
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ready.send(listener.getsockname()[1])
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=respond, args=(connection, streams), daemon=True).start()


def bare(url: str, client: httpx.Client, name: str) -> int:
    """Read a stream with httpx-sse and json."""
    count = 0
    with httpx_sse.connect_sse(
        client, "POST", f"{url}/run_sse", json={"session_id": name}
    ) as source:
        for sse in source.iter_sse():
            json.loads(sse.data)
            count += 1
    return count


def stream(client: Client, name: str) -> int:
    """Read a stream with the client."""
    with client.agent.stream(name, "go", tokens=True) as events:
        return sum(1 for _ in events)


async def stream_async(client: AsyncClient, name: str) -> int:
    """Read a stream with the async client."""
    count = 0
    async with client.agent.stream(name, "go", tokens=True) as events:
        async for _ in events:
            count += 1
    return count


def in_loop(loop: asyncio.AbstractEventLoop, client: AsyncClient, name: str) -> int:
    """Read a stream with the async client from sync code."""
    return loop.run_until_complete(stream_async(client, name))


def measure(readers: dict[str, Callable[[], int]], expected: int, runs: int) -> dict[str, float]:
    """Return the median time of each reader in seconds."""
    times: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(runs):
        for name, run in readers.items():
            started = time.perf_counter()
            assert run() == expected
            times[name].append(time.perf_counter() - started)
    return {name: statistics.median(found) for name, found in times.items()}


def report(url: str, runs: int) -> list[Row]:
    """Measure each stream; print the figures and return them."""
    rows: list[Row] = []
    with (
        closing(asyncio.new_event_loop()) as loop,
        httpx.Client() as plain,
        Client(TOKEN, base_url=url) as client,
    ):
        async_client = AsyncClient(TOKEN, base_url=url)
        print(f"{'stream':8} {'':13} {'median':>10} {'events/s':>10} {'of bare':>8}")
        for name, parts in bodies().items():
            readers: dict[str, Callable[[], int]] = {
                "bare": partial(bare, url, plain, name),
                "stream": partial(stream, client, name),
                "async stream": partial(in_loop, loop, async_client, name),
            }
            medians = measure(readers, len(parts), runs)
            for reader, seconds in medians.items():
                print(
                    f"{name:8} {reader:13} {seconds * 1000:7.1f} ms "
                    f"{len(parts) / seconds:10,.0f} {seconds / medians['bare']:7.2f}x"
                )
                rows.append(
                    {
                        "stream": name,
                        "reader": reader,
                        "events": len(parts),
                        "median_ms": seconds * 1000,
                        "events_per_s": len(parts) / seconds,
                        "of_bare": seconds / medians["bare"],
                    }
                )
        loop.run_until_complete(async_client.close())
    return rows


def main() -> None:
    """Start the server, measure, and stop it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=9)
    add_option(parser)
    chosen = parser.parse_args()
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there,))
    server.start()
    try:
        rows = report(f"http://127.0.0.1:{here.recv()}", chosen.runs)
    finally:
        server.terminate()
        server.join()
    how = f"median of {chosen.runs} runs"
    packages = ["httpx", "httpcore", "httpx-sse"]
    write(chosen.json, "sse", rows, how=how, packages=packages)


if __name__ == "__main__":
    main()
