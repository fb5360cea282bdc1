"""Warnings of a render."""

from nemovideo.local.render.notices import Notices


def test_warnings_are_distinct_and_limited() -> None:
    notices = Notices()
    for number in range(300):
        notices.add(f"{number // 2} {'x' * 5000}")
    assert len(notices.sentences) == 100
    assert notices.sentences[99].startswith("99 x")
    assert max(map(len, notices.sentences)) == 1000
