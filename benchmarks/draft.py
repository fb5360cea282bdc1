"""Time to decode, read and encode drafts: `python benchmarks/draft.py [--json FILE]`.

Drafts of 10, 1,000 and 100,000 segments are measured with `json` alone (untyped, the lower bound),
with nemovideo, and with equivalent models in pydantic 2 and msgspec that keep unknown keys. All get
the same JSON text. msgspec structs cannot keep unknown keys, so they are filled from the decoded
objects, with the unknown keys in a mapping.

- decode: JSON text to a draft.
- read: a decoded JSON value to a draft, as in the SDK, where the draft is part of a response.
- walk: decode, then read the type of every track and the duration and metadata of every segment
  (in nemovideo also its start time).
- encode: a draft to a JSON value, as in the body of a render request.
- text: a draft to JSON text; the SDK leaves this to httpx, which uses `json.dumps`.

The libraries alternate (A B C D, A B C D, …). The figures are the median time, and the peak
memory of decode and walk without the text. Needs `pip install pydantic msgspec`.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pydantic

# Make `benchmarks` importable when run as a script.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.record import Row, add_option, write
from nemovideo.draft import Draft

RUNS = {10: 40, 1_000: 40, 100_000: 7}
"""The number of runs by the number of segments."""


class PydanticSegment(pydantic.BaseModel):
    """A segment in pydantic."""

    model_config = pydantic.ConfigDict(extra="allow")
    d: int | None = None
    m: dict[str, object] | None = None


class PydanticTrack(pydantic.BaseModel):
    """A track in pydantic."""

    model_config = pydantic.ConfigDict(extra="allow")
    tt: int | None = None
    d: int | None = None
    m: dict[str, object] | None = None
    sg: list[PydanticSegment] = []


class PydanticDraft(pydantic.BaseModel):
    """A draft in pydantic."""

    model_config = pydantic.ConfigDict(extra="allow")
    t: list[PydanticTrack] = []
    d: int | None = None
    m: dict[str, object] | None = None


class MsgspecSegment(msgspec.Struct):
    """A segment in msgspec."""

    d: int | None
    m: dict[str, object] | None
    extra: dict[str, object]


class MsgspecTrack(msgspec.Struct):
    """A track in msgspec."""

    tt: int | None
    d: int | None
    m: dict[str, object] | None
    sg: list[MsgspecSegment]
    extra: dict[str, object]


class MsgspecDraft(msgspec.Struct):
    """A draft in msgspec."""

    d: int | None
    m: dict[str, object] | None
    t: list[MsgspecTrack]
    extra: dict[str, object]


def unknown(fields: dict[str, Any], *known: str) -> dict[str, object]:
    """Return the items with unknown keys."""
    return {key: value for key, value in fields.items() if key not in known}


def msgspec_read(draft: dict[str, Any]) -> MsgspecDraft:
    """Fill the msgspec models."""
    tracks = [
        MsgspecTrack(
            track.get("tt"),
            track.get("d"),
            track.get("m"),
            [
                MsgspecSegment(part.get("d"), part.get("m"), unknown(part, "d", "m"))
                for part in track.get("sg", [])
            ],
            unknown(track, "tt", "d", "m", "sg"),
        )
        for track in draft.get("t", [])
    ]
    return MsgspecDraft(draft.get("d"), draft.get("m"), tracks, unknown(draft, "t", "d", "m"))


def msgspec_encode(draft: MsgspecDraft) -> dict[str, object]:
    """Convert the msgspec models to a JSON value."""
    tracks = [
        {
            "tt": track.tt,
            "sg": [{"d": part.d, "m": part.m, **part.extra} for part in track.sg],
            "d": track.d,
            "m": track.m,
            **track.extra,
        }
        for track in draft.t
    ]
    return {"t": tracks, "d": draft.d, "m": draft.m, **draft.extra}


def json_walk(text: bytes) -> None:
    """Walk plain objects."""
    for track in json.loads(text)["t"]:
        _ = track["tt"]
        for segment in track["sg"]:
            _ = segment["d"], segment["m"]


def nemovideo_walk(text: bytes) -> None:
    """Walk a nemovideo draft."""
    for track in Draft.from_json(json.loads(text)).tracks:
        _ = track.type
        for segment in track.segments:
            _ = segment.duration_ms, segment.metadata, segment.start_ms


def pydantic_walk(text: bytes) -> None:
    """Walk pydantic models."""
    for track in PydanticDraft.model_validate_json(text).t:
        _ = track.tt
        for segment in track.sg:
            _ = segment.d, segment.m


def msgspec_walk(text: bytes) -> None:
    """Walk msgspec models."""
    for track in msgspec_read(msgspec.json.decode(text)).t:
        _ = track.tt
        for segment in track.sg:
            _ = segment.d, segment.m


@attrs.frozen
class Library:
    """A library and its function for each job."""

    name: str
    decode: Callable[[bytes], Any]
    read: Callable[[Any], Any]
    walk: Callable[[bytes], None]
    encode: Callable[[Any], Any]
    text: Callable[[Any], str | bytes]


LIBRARIES = (
    Library(
        "json alone",
        decode=json.loads,
        read=lambda value: value,
        walk=json_walk,
        encode=lambda draft: draft,
        text=json.dumps,
    ),
    Library(
        "nemovideo",
        decode=lambda text: Draft.from_json(json.loads(text)),
        read=Draft.from_json,
        walk=nemovideo_walk,
        encode=lambda draft: draft.to_json(),
        text=lambda draft: json.dumps(draft.to_json()),
    ),
    Library(
        "pydantic 2",
        decode=PydanticDraft.model_validate_json,
        read=PydanticDraft.model_validate,
        walk=pydantic_walk,
        encode=lambda draft: draft.model_dump(),
        text=lambda draft: draft.model_dump_json(),
    ),
    Library(
        "msgspec",
        decode=lambda text: msgspec_read(msgspec.json.decode(text)),
        read=msgspec_read,
        walk=msgspec_walk,
        encode=msgspec_encode,
        text=lambda draft: msgspec.json.encode(msgspec_encode(draft)),
    ),
)


def make_draft(segments: int) -> bytes:
    """Return a draft with four tracks of equal length, as JSON text."""
    tracks = [
        {
            "tt": kind,
            "sg": [
                {
                    "id": f"segment-{kind}-{index}",
                    "d": 1500 + index % 700,
                    "m": {"name": f"clip {index}.mp4", "volume": 0.35, "speed": 1, "crop": [0, 9]},
                    "locked": False,
                }
                for index in range(segments * track // 4, segments * (track + 1) // 4)
            ],
            "d": 2_000 * segments // 4,
            "m": {},
            "mute": False,
        }
        for track, kind in enumerate((0, 1, 7, 5))
    ]
    return json.dumps({"t": tracks, "d": 500 * segments, "m": {"width": 1920}, "v": 3}).encode()


def median_times(
    jobs: dict[str, Callable[[], object]], runs: int, repeats: int
) -> dict[str, float]:
    """Return the median time of each job in milliseconds; the jobs alternate.

    Each run repeats the job, so that small jobs are measured warm.
    """
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(runs):
        for name, job in jobs.items():
            gc.collect()
            started = time.perf_counter()
            for _ in range(repeats):
                job()
            times[name].append((time.perf_counter() - started) / repeats)
    return {name: 1000 * statistics.median(taken) for name, taken in times.items()}


def peak_mib(job: Callable[[], object]) -> float:
    """Return the peak memory of a job in MiB."""
    gc.collect()
    tracemalloc.start()
    kept = job()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    del kept
    return peak / 2**20


def measure(segments: int, runs: int) -> list[Row]:
    """Measure drafts of one size; print the table and return its rows."""
    text = make_draft(segments)
    drafts = {each.name: each.decode(text) for each in LIBRARIES}
    for each in LIBRARIES:
        assert each.encode(drafts[each.name]) == json.loads(each.text(drafts[each.name]))
        assert each.encode(drafts[each.name]) == json.loads(text)

    def jobs(kind: str) -> dict[str, Callable[[], object]]:
        inputs = {"decode": text, "walk": text, "read": json.loads(text)}
        return {
            each.name: partial(getattr(each, kind), inputs.get(kind, drafts[each.name]))
            for each in LIBRARIES
        }

    kinds = ("decode", "read", "walk", "encode", "text")
    times = {kind: median_times(jobs(kind), runs, max(1, 1_000 // segments)) for kind in kinds}
    print(f"\n{segments:,} segments, {len(text):,} bytes, {runs} runs")
    print(f"{'ms':12}{''.join(f'{kind:>12}' for kind in kinds)}{'MiB decoded':>14}{'walked':>10}")
    rows: list[Row] = []
    for each in LIBRARIES:
        taken = {f"{kind}_ms": times[kind][each.name] for kind in kinds}
        row = "".join(f"{time_ms:12.3f}" for time_ms in taken.values())
        memory = [peak_mib(jobs(kind)[each.name]) for kind in ("decode", "walk")]
        print(f"{each.name:12}{row}{memory[0]:14.2f}{memory[1]:10.2f}")
        peaks = {"decode_mib": memory[0], "walk_mib": memory[1]}
        rows.append({"segments": segments, "library": each.name, **taken, **peaks})
    return rows


def main() -> None:
    """Measure drafts of each size."""
    parser = argparse.ArgumentParser()
    add_option(parser)
    chosen = parser.parse_args()
    rows = [row for segments, runs in RUNS.items() for row in measure(segments, runs)]
    how = f"median of {', '.join(map(str, RUNS.values()))} runs"
    write(chosen.json, "draft", rows, how=how, packages=["pydantic", "msgspec"])


if __name__ == "__main__":
    main()
