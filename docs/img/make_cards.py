"""Make the pictures of the notebook cards: `python docs/img/make_cards.py CLIP [CUTOUT]`.

Needs Chromium (`chromium` on the path). CLIP and CUTOUT are the videos that the player
shows before and after; `make_cuts.py` calls this with the engine's result.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from nemovideo._notebook import cards
from nemovideo.draft import Draft

HERE = Path(__file__).parent

BEFORE = Draft.from_json(
    {
        "t": [
            {
                "tt": 0,
                "sg": [
                    {"d": 6000, "m": {"name": "city timelapse.mp4"}},
                    {"d": 8000, "m": {"name": "talk.mp4"}},
                    {"d": 4000, "m": {"name": "closing shot over the harbour at night.mp4"}},
                ],
            },
            {"tt": 1, "sg": [{"d": 18000, "m": {"name": "Lo-fi", "volume": 0.5}}]},
            {"tt": 7, "sg": [{"d": 3000, "m": {"text": "Urban Dreams"}}]},
            {"tt": 5, "sg": [{"d": 2000, "m": {"name": "sparkle", "start_ms": 6000}}]},
        ],
        "d": 18000,
        "m": {"title": "A day in the city", "width": 1920, "height": 1080},
    }
)
AFTER = (
    BEFORE.without_track(3)
    .trim(0, 2, 2500)
    .with_text(2, 0, "Urban Dreams & more")
    .with_title("Paradise Found", start_ms=6000, duration_ms=4000)
)


def pictures(clip: Path, cutout: Path) -> dict[str, tuple[str, int, int]]:
    """Return each picture's HTML, width and height."""
    balance = cards.credits_bar(65, 20, 85)
    jobs = cards.job_progress("processing", 0.62, "about 20 s left")
    done = cards.job_progress("completed", 1)
    return {
        "draft": (BEFORE._repr_html_(), 924, 260),
        "diff": (BEFORE.diff(AFTER)._repr_html_(), 924, 396),
        "credits-and-job": (f"{balance}<br>{jobs}<br>{done}", 924, 256),
        "video": (cards.video_card(cutout, clip), 600, 253),
    }


def shoot(html: str, width: int, height: int, target: Path, *, dark: bool) -> None:
    """Take a screenshot of a page with Chromium in dark or light mode."""
    color = "#0f1115" if dark else "#ffffff"
    body = f"<body style='background:{color};margin:12px'>{html}"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "page.html")
        source.write_text(f"<!doctype html><meta charset=utf-8>{body}", encoding="utf-8")
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"]
        command += ["--no-first-run", "--disable-background-networking", "--disable-sync"]
        command += ["--disable-component-update", f"--user-data-dir={folder}/profile"]
        command += [
            "--hide-scrollbars",
            f"--window-size={width},{height}",
            f"--screenshot={target}",
        ]
        command += [f"--blink-settings=preferredColorScheme={0 if dark else 1}"]
        command += ["--virtual-time-budget=4000", source.as_uri()]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603
    with Image.open(target) as picture:
        picture.convert("RGB").quantize(128).save(target, optimize=True)


def make(clip: Path, cutout: Path) -> None:
    """Write one picture for each card and theme next to this file."""
    for name, (html, width, height) in pictures(clip, cutout).items():
        for theme in ("light", "dark"):
            shoot(html, width, height, HERE / f"card-{name}-{theme}.png", dark=theme == "dark")


def main() -> None:
    """Read the command line."""
    clip = Path(sys.argv[1])
    make(clip, Path(sys.argv[2] if len(sys.argv) > 2 else clip))


if __name__ == "__main__":
    main()
