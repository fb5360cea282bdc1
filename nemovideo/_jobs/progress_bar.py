"""The progress bar, by tqdm, in a terminal or a notebook."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nemovideo.models import Progress

OnProgress = Callable[[Progress], None]


@contextmanager
def reporting(progress: bool | OnProgress | None) -> Iterator[OnProgress | None]:
    """Yield the callback for `progress=`: the user's own, or that of a progress bar."""
    if progress is None or progress is False or (progress is True and sys.stderr is None):
        yield None  # stderr may be missing in a program without a console
    elif progress is True:
        from tqdm.auto import tqdm

        layout = "{desc} {percentage:3.0f}%|{bar}| {elapsed}{postfix}"
        with tqdm(total=1.0, desc="Connecting…", bar_format=layout, leave=True) as bar:

            def show(now: Progress) -> None:
                bar.set_description_str(now.message, refresh=False)
                bar.n = now.fraction
                done = now.eta_s is None or now.fraction >= 1
                bar.set_postfix_str("" if done else f"about {now.eta_s:.0f} s left")

            yield show
    else:
        yield progress
