from __future__ import annotations

import pytest

from nemovideo._language.quotations import quotations


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('say "Hello there" and "go"', ["Hello there", "go"]),
        ("it's Bob's clip, titled 'Bob's day'", ["Bob's day"]),
        ("the dogs' leads aren't long", []),
        ("标题改成「你好」，写着《夏天》", ["你好", "夏天"]),
        ("把标题改成'你好'吧", ["你好"]),
        ("„Guten Tag“ und «Bonjour» und `code`", ["Guten Tag", "Bonjour", "code"]),
        ('an inch is 5" long\nand so is "this"', ["this"]),
        ('""', []),
        ("'", []),
    ],
)
def test_quoted_words_are_found_and_apostrophes_are_not(text: str, words: list[str]) -> None:
    found = list(quotations(text))

    assert [each.words for each in found] == words
    assert [text[each.start + 1 : each.end - 1] for each in found] == words
