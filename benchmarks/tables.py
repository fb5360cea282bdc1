"""The tables of the benchmarks page, and which targets are met."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import attrs

from benchmarks.record import Record, Row

_KINDS = {
    "static": "still background",
    "moving": "moving camera",
    "hair": "long hair",
    "fast": "fast motion",
    "two": "two people",
    "small": "distant person",
    "people": "people behind",
}
_SCORES = {
    "mad": "MAD",
    "mse": "MSE",
    "grad": "Grad",
    "dtssd": "dtSSD",
    "iou": "IoU",
    "band": "band",
    "color": "color",
    "lost": "lost",
}
_JOBS = {
    "decode": "decode JSON text",
    "read": "read decoded JSON",
    "walk": "decode and read every segment",
    "encode": "encode to a JSON value",
    "text": "encode to JSON text",
}


@attrs.frozen
class Benchmark:
    """How to run one benchmark and format its figures.

    Attributes:
        command: The script with its options, relative to the project root.
        tables: Formats the figures as Markdown.
        targets: Returns a sentence for each target, with whether it is met.
    """

    command: str
    tables: Callable[[Record], str]
    targets: Callable[[Record], list[str]]


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, names: int = 1) -> str:
    """Return a Markdown table.

    The first `names` columns are text, the others numbers. With two text columns, a repeated
    value in the first is left empty.
    """
    alignments = ["---"] * names + ["---:"] * (len(headers) - names)
    lines = [list(headers), alignments]
    above = ""
    for first, *others in rows:
        repeated = names > 1 and first == above
        lines.append(["" if repeated else first, *others])
        above = first
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def target(
    text: str,
    values: Mapping[str, float],
    limit: float,
    *,
    at_least: bool = False,
    template: str = "{:.2f} ×",
) -> str:
    """Return a sentence on whether all values are at most, or (`at_least`) at least, the limit."""
    missed = {
        name: template.format(value)
        for name, value in values.items()
        if not (value >= limit if at_least else value <= limit)
    }
    if not missed:
        return f"{text}: met."
    if len(values) == 1:
        return f"{text}: **missed** ({', '.join(missed.values())})."
    named = ", ".join(f"{name} ({value})" for name, value in missed.items())
    return f"{text}: met by {len(values) - len(missed)} of {len(values)}, **missed** by {named}."


def figure(value: float) -> str:
    """Return a number with three significant digits, or as an integer if it is 100 or more."""
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}".rstrip(".")


def _stream_tables(run: Record) -> str:
    streams: dict[str, dict[str, Row]] = {}
    for row in run.rows:
        streams.setdefault(row["stream"], {})[row["reader"]] = row
    names = {
        "tokens": f"{streams['tokens']['bare']['events']:,} single-token events",
        "drafts": "2 MB events, each with a draft",
        "texts": "2 MB events, all text",
    }
    return table(
        ["stream", "bare loop", "`agent.stream`", "async"],
        [
            [
                names[name],
                f"{figure(found['bare']['median_ms'])} ms",
                *(f"{found[reader]['of_bare']:.2f} ×" for reader in ("stream", "async stream")),
            ]
            for name, found in streams.items()
        ],
    )


def _stream_targets(run: Record) -> list[str]:
    ours = {
        f"{row['stream']}, {row['reader']}": row["of_bare"]
        for row in run.rows
        if row["reader"] != "bare"
    }
    return [target("At most 1.25 × the bare loop", ours, 1.25)]


def _call_tables(run: Record) -> str:
    calls = table(
        ["calls", "httpx", "nemovideo", "time", "CPU"],
        [
            [
                row["what"],
                f"{figure(row['httpx_wall_us'] / 1000)} ms",
                f"{figure(row['nemovideo_wall_us'] / 1000)} ms",
                f"{row['wall_ratio']:.2f} ×",
                f"{row['cpu_ratio']:.2f} ×",
            ]
            for row in run.rows
            if "wall_ratio" in row
        ],
    )
    starts = table(
        ["a new process", "time", "ratio"],
        [
            [row["what"], f"{figure(row['median_ms'])} ms", f"{row['ratio']:.2f} ×"]
            for row in run.rows
            if "median_ms" in row
        ],
    )
    note = (
        "nemovideo's first response, session and message are relative to the httpx row above; all "
        "others to `import httpx`:"
    )
    return f"{calls}\n\n{note}\n\n{starts}"


def _call_targets(run: Record) -> list[str]:
    calls = {row["what"]: row["wall_ratio"] for row in run.rows if "wall_ratio" in row}
    starts = {row["what"]: row["ratio"] for row in run.rows if "ratio" in row}
    imported, client = "import nemovideo", "nemovideo: create client"
    return [
        target("A call at most 1.15 × httpx's", calls, 1.15),
        target("The import at most 0.5 × httpx's", {imported: starts[imported]}, 0.5),
        target("Import and creating a client at most 1.3 ×", {"it": starts[client]}, 1.3),
    ]


def _draft_libraries(run: Record) -> dict[int, dict[str, Row]]:
    """Return the rows by the number of segments, then by library."""
    sizes: dict[int, dict[str, Row]] = {}
    for row in run.rows:
        sizes.setdefault(row["segments"], {})[row["library"]] = row
    return sizes


def _draft_tables(run: Record) -> str:
    skipped = ("read", "encode")  # plain JSON values need neither
    peers = ("json alone", "pydantic 2", "msgspec")
    rows = []
    for segments, found in _draft_libraries(run).items():
        for job, words in (*_JOBS.items(), ("memory", "memory, decoded")):
            key = "decode_mib" if job == "memory" else f"{job}_ms"
            ours = found["nemovideo"][key]
            ratios = [
                "–"
                if peer == "json alone" and job in skipped
                else f"{ours / found[peer][key]:.2f} ×"
                for peer in peers
            ]
            unit = "MiB" if job == "memory" else "ms"
            rows.append([f"{segments:,}", words, f"{figure(ours)} {unit}", *ratios])
    return table(
        ["segments", "job", "nemovideo", "vs. `json` alone", "vs. pydantic 2", "vs. msgspec"],
        rows,
        names=2,
    )


def _draft_targets(run: Record) -> list[str]:
    sizes = _draft_libraries(run)
    ratios = {
        f"“{words}”": max(
            found["nemovideo"][f"{job}_ms"] / found["pydantic 2"][f"{job}_ms"]
            for found in sizes.values()
        )
        for job, words in _JOBS.items()
    }
    small, large = sorted(sizes)[-2:]
    grown = [
        sizes[large][name]["decode_ms"] / sizes[small][name]["decode_ms"] * small / large
        for name in ("nemovideo", "json alone")
    ]
    grows = (
        f"Scaling: the decoding time per segment at {large:,} segments is {grown[0]:.2f} × that at "
        f"{small:,}; with `json` alone, {grown[1]:.2f} ×."
    )
    return [target("No job slower than in pydantic 2, at any size", ratios, 1.0), grows]


def _file_tables(run: Record) -> str:
    return table(
        ["", "", "time", "vs. curl", "vs. httpx", "CPU", "grows by"],
        [
            [
                row["way"],
                row["peer"],
                f"{row['median_s']:.2f} s",
                "" if row["of_curl"] is None else f"{row['of_curl']:.2f} ×",
                f"{row['of_httpx']:.2f} ×",
                f"{row['cpu_s']:.2f} s",
                f"{row['growth_mb']:.1f} MB",
            ]
            for row in run.rows
        ],
        names=2,
    )


def _file_targets(run: Record) -> list[str]:
    ours = {f"{row['way']}, {row['peer']}": row for row in run.rows if "nemovideo" in row["peer"]}
    compared = {name: row["of_httpx"] for name, row in ours.items()}
    growth = {name: row["growth_mb"] for name, row in ours.items()}
    return [
        target("At most 1.1 × the time of bare httpx", compared, 1.1),
        target("The process grows by less than 16 MB", growth, 16, template="{:.1f} MB"),
    ]


def _mean(rows: Sequence[Row], loop: str, score: str) -> float:
    return float(sum(row[loop][score] for row in rows) / len(rows))


def _score(score: str, value: float) -> str:
    digits = {"dtssd": 2, "iou": 3, "lost": 0}.get(score, 1)
    return f"{value:.{digits}f}"


_ONE_ENGINE = """\
These figures are from before the engine “fine”: “nemovideo” is today's `engine="fast"`.

"""
_NOT_MEASURED = ["The engine “fine” has not been measured yet."]


def _quality_tables(run: Record) -> str:
    loops = [key for key in run.rows[0] if key not in ("clip", "kind", "hard")]
    scores = [score for score in _SCORES if score in run.rows[0]["nemovideo"]]
    groups = {
        "": [row for row in run.rows if not row["hard"]],
        "people behind": [row for row in run.rows if row["hard"]],
    }
    rows, means = [], []
    for label, group in groups.items():
        rows += [
            [
                row["clip"],
                _KINDS[row["kind"]],
                *(_score(score, row["nemovideo"][score]) for score in scores),
            ]
            for row in group
        ]
        means += [
            [loop, label, *(_score(score, _mean(group, loop, score)) for score in scores)]
            for loop in loops
            if group
        ]
    headers = [_SCORES[score] for score in scores]
    note = "" if "fast" in loops else _ONE_ENGINE
    return (
        f"{note}{table(['clip', '', *headers], rows, names=2)}\n\nMeans:\n\n"
        f"{table(['loop', '', *headers], means, names=2)}"
    )


def _quality_targets(run: Record) -> list[str]:
    if "fast" not in run.rows[0]:
        return _NOT_MEASURED
    plain = [row for row in run.rows if not row["hard"]]
    hard = [row for row in run.rows if row["hard"]]
    mad, iou, dtssd = (_mean(plain, "nemovideo", score) for score in ("mad", "iou", "dtssd"))
    clips = {row["clip"]: row["nemovideo"]["mad"] for row in plain}
    behind = {"the mean": _mean(hard, "nemovideo", "mad")}
    return [
        target("Mean MAD at most 4", {"the mean": mad}, 4, template="{:.1f}"),
        target("No clip over 13", clips, 13, template="{:.1f}"),
        target("With people behind, mean MAD at most 3.5", behind, 3.5, template="{:.1f}"),
        target("Mean IoU at least .97", {"the mean": iou}, 0.97, at_least=True, template="{:.3f}"),
        target("Mean dtSSD at most 1.2", {"the mean": dtssd}, 1.2, template="{:.2f}"),
    ]


def _case(row: Row) -> str:
    return f"{row['lines']}p, {row['background']} background"


def _has_both(run: Record) -> bool:
    return any(row["loop"] == "fast" for row in run.rows)


def _speed_tables(run: Record) -> str:
    note = "" if _has_both(run) else _ONE_ENGINE
    return note + table(
        ["", "loop", "time", "CPU", "vs. plain", "memory"],
        [
            [
                _case(row),
                row["loop"],
                f"{figure(row['median_s'])} s",
                f"{figure(row['cpu_s'])} s" if "cpu_s" in row else "–",
                f"{row['of_plain']:.2f} ×" if row["of_plain"] < 100 else f"{row['of_plain']:.0f} ×",
                f"{row['memory_mb']:.0f} MB",
            ]
            for row in run.rows
        ],
        names=2,
    )


def _speed_targets(run: Record) -> list[str]:
    if not _has_both(run):
        return _NOT_MEASURED

    def figures(loop: str, name: str, lines: int = 0) -> dict[str, float]:
        rows = [row for row in run.rows if row["loop"] == loop and row["lines"] >= lines]
        return {_case(row): row[name] for row in rows}

    targets = [
        ("“fine” at 1080p, at most 1.5 × the clip's length", "nemovideo", "of_clip", 1080, 1.5),
        ("“fine”, at most 700 MB", "nemovideo", "memory_mb", 0, 700),
        ("“fast” at 1080p, at most 1.07 × plain", "fast", "of_plain", 1080, 1.07),
        ("“fast”, at most 380 MB", "fast", "memory_mb", 0, 380),
    ]
    return [
        target(
            text,
            figures(loop, name, lines),
            limit,
            template="{:.0f} MB" if name == "memory_mb" else "{:.2f} ×",
        )
        for text, loop, name, lines, limit in targets
    ]


BENCHMARKS = {
    "matte-quality": Benchmark(
        "benchmarks/matte.py --only quality", _quality_tables, _quality_targets
    ),
    "matte-speed": Benchmark(
        "benchmarks/matte.py --only speed --slow-once", _speed_tables, _speed_targets
    ),
    "files": Benchmark("benchmarks/files.py", _file_tables, _file_targets),
    "sse": Benchmark("benchmarks/sse.py", _stream_tables, _stream_targets),
    "overhead": Benchmark("benchmarks/overhead.py", _call_tables, _call_targets),
    "draft": Benchmark("benchmarks/draft.py", _draft_tables, _draft_targets),
}
"""The benchmarks by name, in the order of the page."""
