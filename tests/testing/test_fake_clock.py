"""The clock that never waits, against answers that take real time."""

from __future__ import annotations

import queue
import threading

from nemovideo.testing import FakeClock


def test_a_slow_answer_costs_no_fake_time() -> None:
    clock, answers = FakeClock(now=1000), queue.SimpleQueue[str]()
    late = threading.Timer(0.6, answers.put, ["done"])  # as on a busy machine
    late.start()
    assert clock.receive(answers, timeout_s=60) == "done"
    late.join()
    assert (clock.now, clock.waits) == (1000, [])


def test_silence_costs_the_whole_timeout() -> None:
    clock = FakeClock(now=1000, grace_s=0.01)
    assert clock.receive(queue.SimpleQueue[str](), timeout_s=60) is None
    assert clock.now == 1060
