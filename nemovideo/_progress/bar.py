"""The progress bar: drawn by tqdm in a terminal, or shown below the cell in a notebook."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nemovideo._notebook.cards import progress_line
from nemovideo.models import Progress

OnProgress = Callable[[Progress], None]

_UPDATE_S = 0.1


@contextmanager
def reporting(
    progress: bool | OnProgress | None, *, start: str = "Connecting…"
) -> Iterator[OnProgress | None]:
    """Yield the callback for `progress=`: the user's own, or that of a progress bar.

    A progress bar shows the message `start` until the first call.
    """
    if progress is True and _in_notebook():
        with _cell_output(start) as show:
            yield show
    elif progress is None or progress is False or (progress is True and sys.stderr is None):
        yield None  # stderr may be missing in a program without a console
    elif progress is True:
        from tqdm import tqdm

        layout = "{desc} {percentage:3.0f}%|{bar}| {elapsed}{postfix}"
        with tqdm(total=1.0, desc=start, bar_format=layout, leave=True) as bar:

            def show_bar(now: Progress) -> None:
                bar.set_description_str(now.message, refresh=False)
                bar.n = now.fraction
                bar.set_postfix_str(_left(now))

            yield show_bar
    else:
        yield progress


def _in_notebook() -> bool:
    """Return whether this runs in a kernel of Jupyter, without importing IPython."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


@contextmanager
def _cell_output(start: str) -> Iterator[OnProgress]:
    """Yield a callback that shows the progress below the cell.

    It is plain HTML, unlike tqdm's widget: a saved notebook keeps its last state, which is the
    finished line, or nothing after an error.
    """
    from IPython.display import display

    handle = display(progress_line(start, 0.0), raw=True, display_id=True)  # type: ignore[no-untyped-call]
    shown_s = 0.0
    last: Progress | None = None

    def show(now: Progress) -> None:
        nonlocal shown_s, last
        due = last is None or now.message != last.message or time.monotonic() > shown_s + _UPDATE_S
        last = now
        if due:
            shown_s = time.monotonic()
            handle.update(progress_line(now.message, now.fraction, _left(now)), raw=True)

    finished = False
    try:
        yield show
        finished = last is not None
    finally:
        if finished and last is not None:
            line = progress_line(last.message, 1.0, f"{last.elapsed_s:.0f} s")
        else:
            line = {"text/plain": ""}
        handle.update(line, raw=True)


def _left(now: Progress) -> str:
    return "" if now.eta_s is None or now.fraction >= 1 else f"about {now.eta_s:.0f} s left"
