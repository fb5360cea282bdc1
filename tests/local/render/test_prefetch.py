"""Prefetching in a thread, and the warnings of renders."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from nemovideo.errors import RenderCancelledError
from nemovideo.local.matte.engine import Mask, Picture
from nemovideo.local.render import render
from nemovideo.local.render.prefetch import prefetch
from nemovideo.local.timeline import Background
from tests.support.render import YellowMatte, decode, item, make_video, timeline_of

GREEN = Background("color", color="#00b140")
WAIT_S = 20


def frame_threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "nemovideo-frames" and t.is_alive()]


def test_items_come_in_order_from_another_thread() -> None:
    threads: set[str] = set()

    def items() -> Iterator[int]:
        for number in range(50):
            threads.add(threading.current_thread().name)
            yield number

    with prefetch(items(), tick=lambda: None) as taken:
        assert list(taken) == list(range(50))
    assert threads == {"nemovideo-frames"}
    assert frame_threads() == []


def test_the_producer_pauses_while_the_buffer_is_full() -> None:
    produced: list[int] = []
    waits = threading.Event()

    def items() -> Iterator[int]:
        for number in range(50):
            produced.append(number)
            if number == 4:
                waits.set()
            yield number

    with prefetch(items(), size=3) as taken:
        assert next(taken) == 0
        assert waits.wait(WAIT_S)  # one consumed, three in the queue, one waiting for space
    assert produced == [0, 1, 2, 3, 4]
    assert frame_threads() == []


def test_an_error_of_the_producer_is_raised_in_the_consumer() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("no second")

    with prefetch(items(), tick=lambda: None) as taken:
        assert next(taken) == 1
        with pytest.raises(ValueError, match="no second"):
            next(taken)
    assert frame_threads() == []


def test_a_consumer_that_raises_leaves_no_thread_behind_and_closes_the_source() -> None:
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    def take(taken: Iterator[int]) -> None:
        raise ZeroDivisionError(next(taken))

    with pytest.raises(ZeroDivisionError), prefetch(items(), tick=lambda: None) as taken:
        take(taken)
    assert closed.is_set()
    assert frame_threads() == []


def test_waiting_for_a_slow_item_can_be_stopped() -> None:
    release = threading.Event()

    def items() -> Iterator[int]:
        release.wait(WAIT_S)
        yield 1

    def tick() -> None:
        release.set()
        raise RenderCancelledError("enough")

    with pytest.raises(RenderCancelledError), prefetch(items(), tick=tick) as taken:
        next(taken)
    assert frame_threads() == []


def test_a_canceled_render_leaves_no_thread(tmp_path: Path) -> None:
    talk = item(make_video(tmp_path / "talk.mp4"))
    progress: list[float] = []
    with pytest.raises(RenderCancelledError):
        render(
            timeline_of(talk, background=GREEN),
            {"m1": talk},
            tmp_path / "o.mp4",
            engine=YellowMatte(),
            on_progress=progress.append,
            cancelled=lambda: len(progress) == 3,
        )
    assert frame_threads() == []


def test_two_renders_run_concurrently(tmp_path: Path) -> None:
    talk = item(make_video(tmp_path / "talk.mp4"))
    both = threading.Barrier(2)

    class BarrierEngine(YellowMatte):
        """An engine that waits for the other render at its first picture."""

        def __init__(self) -> None:
            self.met = False

        def mask(self, picture: Picture) -> Mask:
            if not self.met:
                both.wait(WAIT_S)
                self.met = True
            return super().mask(picture)

    def run(name: str) -> None:
        timeline = timeline_of(talk, background=GREEN)
        render(timeline, {"m1": talk}, tmp_path / name, engine=BarrierEngine())

    workers = [threading.Thread(target=run, args=(name,)) for name in ("a.mp4", "b.mp4")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(WAIT_S)
    assert len(decode(tmp_path / "a.mp4").frames) == len(decode(tmp_path / "b.mp4").frames) == 25


class Nobody:
    """An engine that finds nobody."""

    def mask(self, picture: Picture) -> Mask:
        return np.zeros(picture.shape[:2], dtype=np.float32)


def test_a_result_without_a_person_has_a_warning(tmp_path: Path) -> None:
    talk = item(make_video(tmp_path / "talk.mp4"))
    result = render(
        timeline_of(talk, background=GREEN), {"m1": talk}, tmp_path / "o.mp4", engine=Nobody()
    )
    (warning,) = result.warnings
    assert "No person was found in talk.mp4" in warning
    assert np.abs(np.array(decode(result.path).center()) - (0, 177, 64)).max() < 8


def test_the_default_engine_warns_too(tmp_path: Path) -> None:
    wall = np.full((120, 160, 3), (30, 60, 160), dtype=np.uint8)
    talk = item(make_video(tmp_path / "wall.mp4", pictures=[wall], seconds=0.2))
    result = render(timeline_of(talk, background=GREEN), {"m1": talk}, tmp_path / "o.mp4")
    assert "No person was found in wall.mp4" in result.warnings[0]


def test_a_person_who_is_visible_part_of_the_time_is_reported(tmp_path: Path) -> None:
    wall = np.full((120, 160, 3), (30, 60, 160), dtype=np.uint8)
    there = wall.copy()
    there[30:, 50:110] = (225, 205, 40)
    talk = item(make_video(tmp_path / "talk.mp4", pictures=[there, wall], seconds=1))
    result = render(
        timeline_of(talk, background=GREEN), {"m1": talk}, tmp_path / "o.mp4", engine=YellowMatte()
    )
    assert "0.5 s of talk.mp4, first at 0.5 s" in result.warnings[0]


def test_frames_read_ahead_of_the_end_are_not_reported(tmp_path: Path) -> None:
    wall = np.full((120, 160, 3), (30, 60, 160), dtype=np.uint8)
    there = wall.copy()
    there[30:, 50:110] = (225, 205, 40)
    talk = item(make_video(tmp_path / "talk.mp4", pictures=[there, wall], seconds=1))
    timeline = timeline_of(talk, background=GREEN, duration_ms=500)
    result = render(timeline, {"m1": talk}, tmp_path / "o.mp4", engine=YellowMatte())
    assert result.warnings == ()


def test_without_a_cutout_no_person_is_searched_for(tmp_path: Path) -> None:
    talk = item(make_video(tmp_path / "talk.mp4"))
    assert render(timeline_of(talk), {"m1": talk}, tmp_path / "o.mp4").warnings == ()


@pytest.mark.parametrize(
    ("background", "kind", "shown"),
    [
        (GREEN, "mp4", "it shows only the new background"),
        (Background("blur"), "mp4", "everything is blurred"),
        (Background("transparent"), "webm", "everything is transparent"),
        (Background("transparent"), "mp4", "everything is black"),
        (Background("transparent"), "matte.mp4", "everything is black"),
        (Background("matte"), "mp4", "everything is black"),
    ],
)
def test_the_warning_says_what_is_shown_without_a_person(
    tmp_path: Path, background: Background, kind: str, shown: str
) -> None:
    talk = item(make_video(tmp_path / "wall.mp4", seconds=0.2))
    timeline = timeline_of(talk, background=background)
    result = render(timeline, {"m1": talk}, tmp_path / "o", format=kind, engine=Nobody())
    assert result.warnings[0].startswith(f"No person was found in wall.mp4: {shown}.")
