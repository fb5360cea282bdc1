"""Time and memory growth of uploads and downloads of 500 MB.

    python benchmarks/files.py [--size-mb 500] [--repeats 3] [--only download] [--json FILE]

Each client runs in its own process, against a small server in another that discards uploads and
sends a file of zeros. The clients alternate (A B C, A B C, …), with a `sync` in between. The
figures are the median time of the transfer (excluding Python's startup), its ratio to curl and to
bare httpx, CPU time, and the peak memory growth of the process after a small warm-up transfer.
All but curl end a download with `fsync`. Growth is read from /proc, on Linux only; for curl it is
the whole process.

- httpx, httpx async: `Client.stream` and `iter_raw` to a file; `post(files=…)` with an open file.
- nemovideo, nemovideo async: `client.render.download` and `client.uploads.upload`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

# Make `benchmarks` importable when run as a script.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.record import Row, add_option, write

TOKEN = "nmv_usr_benchmark"
PEERS = ("curl", "httpx", "nemovideo", "httpx async", "nemovideo async")
Run = tuple[float, float, int]
"""Seconds, CPU seconds, and memory growth in KiB."""

SMALL_BYTES = 1_000_000
UPLOAD = "/api/upload-video/nemo_agent/me/1"
UPLOADED = {"files": [{"filename": "large.wav", "file_type": "audio", "cdn_url": "/large.wav"}]}
REQUEST = re.compile(rb"(\w+) (\S+) HTTP.*?(?:content-length: *(\d+)\r\n.*?)?\r\n\r\n", re.I | re.S)


def make_wav(path: Path, size: int) -> None:
    """Write a valid WAV file of silence, of this size."""
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", size - 8, b"WAVE"),
        *(b"fmt ", 16, 1, 1, 48_000, 96_000, 2, 16),
        *(b"data", size - 44),
    )
    path.write_bytes(header)
    os.truncate(path, size)


def respond(connection: socket.socket, folder: Path) -> None:
    """Serve one connection: GET sends a file of the folder, POST discards the body."""
    data = bytearray()
    discarded = bytearray(1 << 20)
    with connection:
        while True:
            while (found := REQUEST.match(data)) is None:
                chunk = connection.recv(65536)
                if not chunk:
                    return
                data += chunk
            method, target, length = found.groups()
            if method == b"GET":
                path = folder / Path(target.decode()).name
                size = path.stat().st_size
                header = f'HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nETag: "1"\r\n\r\n'
                connection.sendall(header.encode())
                with path.open("rb") as file:
                    connection.sendfile(file)
                del data[: found.end()]
                continue
            if b"100-continue" in found[0]:
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            left = found.end() + int(length or 0) - len(data)
            while left > 0 and (count := connection.recv_into(discarded)):
                left -= count
            data.clear()
            body = json.dumps(UPLOADED).encode()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def serve(folder: Path) -> None:
    """Print the port and serve until killed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=respond, args=(connection, folder), daemon=True).start()


def memory_kb(name: str, process: int | str = "self") -> int:
    """Return the resident memory (VmRSS) of a process or its peak (VmHWM); 0 without /proc."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(rf"{name}:\s+(\d+)", status)
    return int(found[1]) if found else 0


def reset_peak() -> None:
    """Reset the peak memory of this process, if the system supports it."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def httpx_peer(kind: str, url: str, folder: Path) -> Callable[[str], object]:
    """Return a function that transfers a file with bare httpx."""
    import httpx

    client = httpx.Client()

    def download(name: str) -> None:
        with (
            client.stream("GET", f"{url}/{name}") as response,
            (folder / f"got-{name}").open("wb") as file,
        ):
            for chunk in response.iter_raw():
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())

    def upload(name: str) -> None:
        with (folder / name).open("rb") as file:
            client.post(url + UPLOAD, files={"files": file}).raise_for_status()

    return download if kind == "download" else upload


def httpx_async_peer(kind: str, url: str, folder: Path) -> Callable[[str], object]:
    """Return a function that transfers a file with async httpx and blocking disk I/O."""
    import httpx

    loop, client = asyncio.new_event_loop(), httpx.AsyncClient()

    async def download(name: str) -> None:
        async with client.stream("GET", f"{url}/{name}") as response:
            with (folder / f"got-{name}").open("wb") as file:
                async for chunk in response.aiter_raw():
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())

    async def upload(name: str) -> None:
        with (folder / name).open("rb") as file:
            (await client.post(url + UPLOAD, files={"files": file})).raise_for_status()

    work = download if kind == "download" else upload
    return lambda name: loop.run_until_complete(work(name))


def nemovideo_peer(kind: str, url: str, folder: Path) -> Callable[[str], object]:
    """Return a function that transfers a file with the client."""
    from nemovideo import Client
    from nemovideo.models import RenderJob

    client = Client(TOKEN, base_url=url)

    def download(name: str) -> None:
        size = (folder / name).stat().st_size
        job = RenderJob(name, "completed", url=f"{url}/{name}", size_bytes=size)
        client.render.download(job, folder / f"got-{name}")

    def upload(name: str) -> None:
        client.uploads.upload("1", folder / name)

    return download if kind == "download" else upload


def nemovideo_async_peer(kind: str, url: str, folder: Path) -> Callable[[str], object]:
    """Return a function that transfers a file with the async client."""
    from nemovideo import AsyncClient
    from nemovideo.models import RenderJob

    loop, client = asyncio.new_event_loop(), AsyncClient(TOKEN, base_url=url)

    async def download(name: str) -> None:
        size = (folder / name).stat().st_size
        job = RenderJob(name, "completed", url=f"{url}/{name}", size_bytes=size)
        await client.render.download(job, folder / f"got-{name}")

    async def upload(name: str) -> None:
        await client.uploads.upload("1", folder / name)

    work = download if kind == "download" else upload
    return lambda name: loop.run_until_complete(work(name))


def run_peer(peer: str, kind: str, url: str, folder: Path) -> None:
    """Transfer the large file and print the run as JSON."""
    make = {
        "httpx": httpx_peer,
        "httpx async": httpx_async_peer,
        "nemovideo": nemovideo_peer,
        "nemovideo async": nemovideo_async_peer,
    }[peer]
    transfer = make(kind, url, folder)
    transfer("small.wav")
    reset_peak()
    before, started, cpu = memory_kb("VmRSS"), time.perf_counter(), time.process_time()
    transfer("large.wav")
    seconds, cpu_s = time.perf_counter() - started, time.process_time() - cpu
    print(json.dumps([seconds, cpu_s, max(0, memory_kb("VmHWM") - before)]))
    sys.stdout.flush()
    os._exit(0)  # closing the clients is not measured


def children_cpu_s() -> float:
    """Return the CPU seconds of the child processes that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def run_curl(kind: str, url: str, folder: Path) -> Run:
    """Transfer the large file with curl; the memory is the peak of the whole process."""
    large = folder / "large.wav"
    work = {
        "download": ["-o", str(folder / "got-large.wav"), f"{url}/large.wav"],
        "upload": ["-F", f"files=@{large}", "-o", os.devnull, url + UPLOAD],
    }[kind]
    started, cpu, peak = time.perf_counter(), children_cpu_s(), 0
    with subprocess.Popen(["curl", "-sS", "--fail", "--noproxy", "*", *work]) as process:
        while process.poll() is None:
            peak = max(peak, memory_kb("VmHWM", process.pid))
            time.sleep(0.005)
    seconds = time.perf_counter() - started
    assert process.returncode == 0
    return seconds, children_cpu_s() - cpu, peak


def measure(peer: str, kind: str, url: str, folder: Path) -> Run:
    """Run a client once and check the size of the file."""
    if peer == "curl":
        found = run_curl(kind, url, folder)
    else:
        command = [sys.executable, __file__, "--peer", peer, "--url", url, "--folder", str(folder)]
        done = subprocess.run([*command, "--only", kind], stdout=subprocess.PIPE, check=True)
        seconds, cpu_s, growth_kb = json.loads(done.stdout)
        found = seconds, cpu_s, growth_kb
    if kind == "download":
        received = folder / "got-large.wav"
        assert received.stat().st_size == (folder / "large.wav").stat().st_size
    for path in folder.glob("got-*"):
        path.unlink()
    os.sync()
    return found


def report(kind: str, url: str, folder: Path, repeats: int, size_mb: int) -> list[Row]:
    """Measure one direction; print the table and return its rows."""
    peers = [peer for peer in PEERS if peer != "curl" or shutil.which("curl")]
    results: dict[str, list[Run]] = {peer: [] for peer in peers}
    for _ in range(repeats):
        for peer in peers:
            results[peer].append(measure(peer, kind, url, folder))
    print(f"\n{kind} of {size_mb} MB, median of {repeats}\n")
    if "curl" not in peers:
        print("curl is not installed; its column is empty.\n")
    print("| | seconds | vs. curl | vs. bare httpx | CPU | grows by |")
    print("|---|---:|---:|---:|---:|---:|")
    medians = {peer: statistics.median(run[0] for run in found) for peer, found in results.items()}
    rows: list[Row] = []
    for peer, seconds in medians.items():
        bare = medians["httpx async" if "async" in peer else "httpx"]
        of_curl = f"{seconds / medians['curl']:.2f} ×" if "curl" in medians else ""
        cpu_s = statistics.median(run[1] for run in results[peer])
        growth = statistics.median(run[2] for run in results[peer]) / 1000
        print(
            f"| {peer} | {seconds:.2f} | {of_curl} | {seconds / bare:.2f} × "
            f"| {cpu_s:.2f} s | {growth:.1f} MB |"
        )
        rows.append(
            {
                "way": kind,
                "peer": peer,
                "median_s": seconds,
                "of_curl": seconds / medians["curl"] if "curl" in medians else None,
                "of_httpx": seconds / bare,
                "cpu_s": cpu_s,
                "growth_mb": growth,
            }
        )
    return rows


def curl_version() -> dict[str, str]:
    """Return the version of curl, or nothing if it is not installed."""
    if not shutil.which("curl"):
        return {}
    done = subprocess.run(["curl", "--version"], stdout=subprocess.PIPE, text=True, check=True)
    return {"curl": done.stdout.split()[1]}


def main() -> None:
    """Start the server, measure, and stop it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size-mb", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", choices=["upload", "download"])
    parser.add_argument(
        "--dir", type=Path, help="folder for the files; default: the temporary folder"
    )
    add_option(parser)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        serve(chosen.folder)
    if chosen.peer:
        run_peer(chosen.peer, chosen.only, chosen.url, chosen.folder)
    with tempfile.TemporaryDirectory(dir=chosen.dir) as name:
        folder = Path(name)
        make_wav(folder / "large.wav", chosen.size_mb * 1_000_000)
        make_wav(folder / "small.wav", SMALL_BYTES)
        command = [sys.executable, __file__, "--serve", "--folder", name]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            url = f"http://127.0.0.1:{int(server.stdout.readline())}"
            directions = [chosen.only] if chosen.only else ["download", "upload"]
            measured = [
                report(direction, url, folder, chosen.repeats, chosen.size_mb)
                for direction in directions
            ]
        finally:
            server.kill()
            server.wait()
    rows = [row for found in measured for row in found]
    how = f"{chosen.size_mb} MB, median of {chosen.repeats}"
    packages = ["httpx", "httpcore", "anyio"]
    programs = curl_version()
    write(chosen.json, "files", rows, how=how, packages=packages, programs=programs)


if __name__ == "__main__":
    main()
