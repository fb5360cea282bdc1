"""Overhead of the client: a call compared with a bare httpx GET and json.loads, and the import.

    python benchmarks/overhead.py [--calls 300] [--rounds 15] [--json FILE]

Both sides use keep-alive connections to the same small server in a separate process. The
figures are medians over the rounds, which alternate; CPU is the user and system time of this
process.

The second table measures new processes. A client imports httpx on first use, so its first
response is compared with that of httpx. Both sides load cached bytecode, as after an installation
with pip; a checkout has none if PYTHONDONTWRITEBYTECODE is set.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

# Make `benchmarks` importable when run as a script.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.record import Row, add_option, write
from nemovideo import AsyncClient, Client

TOKEN = "nmv_usr_benchmark"
PATH = "/api/credits/balance/simple"
SERVER = """
import asyncio, json
def response(value, kind="application/json"):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    head = f"HTTP/1.1 200 OK\\r\\nContent-Type: {kind}\\r\\nContent-Length: {len(body)}\\r\\n\\r\\n"
    return head.encode() + body
event = b'data: {"content": {"parts": [{"text": "Done!"}]}, "author": "a", "actions": {}}\\n\\n'
ROUTES = {
    b"GET /api/credits": response(
        {"code": 0, "data": {"available": 100, "frozen": 0, "total": 100}}
    ),
    b"POST /api/tasks": response({"code": 0, "data": {"task_id": "t", "session_id": "s"}}),
    b"POST /run_sse": response(event, "text/event-stream"),
}
class Server(asyncio.Protocol):
    def connection_made(self, transport): self.transport, self.data = transport, b""
    def data_received(self, data):
        self.data += data
        while b"\\r\\n\\r\\n" in self.data:
            head, _, rest = self.data.partition(b"\\r\\n\\r\\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\\r\\n")[0]
            if len(rest) < int(length or 0):
                return
            self.data = rest[int(length or 0):]
            self.transport.write(next(a for p, a in ROUTES.items() if head.startswith(p)))
async def main():
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""
SESSION = """import json
r = json.loads(c.post({url!r} + "/api/tasks/me/with-session/nemo_agent",
    json={{"task_name": "project", "language": "en"}}).content)["data"]"""
MESSAGE = """
import httpx_sse
b = {{"app_name": "nemo_agent", "user_id": "me", "session_id": r["session_id"],
    "new_message": {{"role": "user", "parts": [{{"text": "go"}}]}}}}
with httpx_sse.connect_sse(c, "POST", {url!r} + "/run_sse", json=b) as events:
    [json.loads(event.data) for event in events.iter_sse()]"""
BASES = {
    "nemovideo: first response": "httpx: first response",
    "nemovideo: first session": "httpx: first session",
    "nemovideo: first message": "httpx-sse: first message",
}
"""The baselines in new processes, where they are not the import of httpx."""

Timed = tuple[float, float]


def timed(work: Callable[[], object]) -> Timed:
    """Return the wall-clock and CPU seconds of the work."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def compare(
    title: str, ours: Callable[[], object], bare: Callable[[], object], rounds: int, calls: int
) -> Row:
    """Measure a call on both sides; print the figures and return them."""
    row: Row = {"what": title}
    for _ in range(2):
        ours(), bare()
    runs: list[tuple[Timed, Timed]] = []
    for index in range(rounds):
        first, second = (bare, ours) if index % 2 else (ours, bare)
        one, other = timed(first), timed(second)
        runs.append((one, other) if index % 2 else (other, one))
    for index, kind in enumerate(("wall", "CPU")):
        base = statistics.median(pair[0][index] for pair in runs) / calls
        cost = statistics.median(pair[1][index] for pair in runs) / calls
        ratio = statistics.median(pair[1][index] / pair[0][index] for pair in runs)
        print(
            f"{title:22} {kind:4} httpx {base * 1e6:7.0f} µs   "
            f"nemovideo {cost * 1e6:7.0f} µs   × {ratio:.2f}"
        )
        name = kind.lower()
        figures = {"httpx": base * 1e6, "nemovideo": cost * 1e6}
        row |= {f"{side}_{name}_us": value for side, value in figures.items()}
        row[f"{name}_ratio"] = ratio
    return row


def run_sync(url: str, calls: int, rounds: int) -> Row:
    with (
        httpx.Client(headers={"Authorization": f"Bearer {TOKEN}"}) as bare,
        Client(TOKEN, base_url=url) as client,
    ):
        return compare(
            "sync, sequential",
            lambda: [client.credits.balance() for _ in range(calls)],
            lambda: [json.loads(bare.get(url + PATH).content) for _ in range(calls)],
            rounds,
            calls,
        )


def run_threads(url: str, calls: int, rounds: int, concurrency: int) -> Row:
    with (
        httpx.Client(headers={"Authorization": f"Bearer {TOKEN}"}) as bare,
        Client(TOKEN, base_url=url) as client,
        ThreadPoolExecutor(concurrency) as pool,
    ):

        def work(call: Callable[[], object]) -> Callable[[], object]:
            return lambda: list(pool.map(lambda _: call(), range(calls)))

        return compare(
            f"sync, {concurrency} threads",
            work(client.credits.balance),
            work(lambda: json.loads(bare.get(url + PATH).content)),
            rounds,
            calls,
        )


def run_async(url: str, calls: int, rounds: int, concurrency: int) -> Row:
    loop = asyncio.new_event_loop()
    bare = httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"})
    client = AsyncClient(TOKEN, base_url=url)

    async def get() -> object:
        return json.loads((await bare.get(url + PATH)).content)

    def work(call: Callable[[], object]) -> Callable[[], object]:
        async def main() -> None:
            for _ in range(max(1, calls // concurrency)):
                await asyncio.gather(*(call() for _ in range(concurrency)))  # type: ignore[call-overload]

        return lambda: loop.run_until_complete(main())

    title = "async, sequential" if concurrency == 1 else f"async, {concurrency} at once"
    row = compare(
        title,
        work(client.credits.balance),
        work(get),
        rounds,
        max(1, calls // concurrency) * concurrency,
    )
    loop.run_until_complete(client.close())
    loop.run_until_complete(bare.aclose())
    loop.close()
    return row


def run_imports(url: str, rounds: int) -> list[Row]:
    make = f"from nemovideo import Client; c = Client({TOKEN!r}, base_url={url!r})"
    bare = "import httpx; c = httpx.Client()"
    codes = {
        "import httpx": "import httpx",
        "import nemovideo": "from nemovideo import Client",
        "nemovideo: create client": make,
        "httpx: create client": bare,
        "httpx: first response": f"{bare}; import json; json.loads(c.get({url + PATH!r}).content)",
        "nemovideo: first response": f"{make}; c.credits.balance()",
        "httpx: first session": f"{bare}; {SESSION.format(url=url)}",
        "nemovideo: first session": f"{make}; c.sessions.create()",
        "httpx-sse: first message": f"{bare}; {(SESSION + MESSAGE).format(url=url)}",
        "nemovideo: first message": f"{make}; c.sessions.create().send('go')",
    }
    took: dict[str, list[float]] = {name: [] for name in codes}
    with tempfile.TemporaryDirectory() as bytecode:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for index in range(rounds + 1):
            for name, code in codes.items():
                program = (
                    f"import time; t = time.perf_counter(); {code}\nprint(time.perf_counter() - t)"
                )
                done = subprocess.run(
                    [sys.executable, "-c", program],
                    capture_output=True,
                    text=True,
                    check=True,
                    env=environment,
                )
                if index:  # the first round writes the bytecode
                    took[name].append(float(done.stdout))
    rows: list[Row] = []
    for name, values in took.items():
        base = took[BASES.get(name, "import httpx")]
        ratio = statistics.median(ours / its for ours, its in zip(values, base, strict=True))
        time_ms = statistics.median(values) * 1e3
        print(f"{name:22} {time_ms:6.0f} ms   × {ratio:.2f}")
        rows.append({"what": name, "median_ms": time_ms, "ratio": ratio})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=15)
    add_option(parser)
    chosen = parser.parse_args()
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        rows = [
            run_sync(url, chosen.calls, chosen.rounds),
            run_threads(url, chosen.calls, chosen.rounds, 100),
            run_async(url, chosen.calls, chosen.rounds, 1),
            run_async(url, chosen.calls, chosen.rounds, 100),
            *run_imports(url, chosen.rounds),
        ]
    finally:
        server.kill()
        server.wait()
    how = f"median of {chosen.rounds} rounds, of {chosen.calls} calls each"
    write(chosen.json, "overhead", rows, how=how, packages=["httpx", "httpcore", "anyio"])


if __name__ == "__main__":
    main()
