"""Filter graphs as functions of frames."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from av.video.frame import VideoFrame

from nemovideo.local.render.filters import FrameGraph


@pytest.fixture
def _frequent_switches() -> Iterator[None]:
    """Switch between threads as often as possible."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def gray() -> VideoFrame:
    return VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")


@pytest.mark.usefixtures("_frequent_switches")
def test_two_threads_can_filter_the_same_frame() -> None:
    shared = gray()
    counts: list[int] = []

    def work() -> None:
        graph, own = FrameGraph(), gray()
        below, above = graph.source(own), graph.source(shared)
        graph.finish(graph.add("overlay", "0:0", below, above))
        counts.append(sum(graph.run(own, shared).width > 0 for _ in range(4000)))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [4000, 4000]
