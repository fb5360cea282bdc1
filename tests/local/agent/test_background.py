"""What the agent puts behind the person, in many phrasings of English and Chinese."""

from __future__ import annotations

from tests.support.agent import ask, gist, wrong


def test_the_background_becomes_what_was_asked_for() -> None:
    assert not wrong("backgrounds", lambda text: gist(ask(text)))
