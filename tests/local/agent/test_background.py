"""What the agent puts behind the person, in many phrasings of English and Chinese."""

from __future__ import annotations

from tests.support.agent import ask, change_summary, wrong


def test_the_background_becomes_the_requested_one() -> None:
    assert not wrong("backgrounds", lambda text: change_summary(ask(text)))


def test_adjusting_the_background_alone_is_refused() -> None:
    for text in ("make the background darker", "make the background brighter"):
        turn = ask(text)
        assert not turn.changed
        assert "adjust the background alone" in turn.steps[0].text
