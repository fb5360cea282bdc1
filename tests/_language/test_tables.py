"""The data files: every pattern compiles, and both languages have the same sentences."""

from __future__ import annotations

import string

import pytest

from nemovideo._language.gui.words import PATTERNS as GUI
from nemovideo._language.routing.words import PATTERNS as ROUTING
from nemovideo._language.sentences import sentences
from nemovideo._language.tables import Table


@pytest.mark.parametrize("table", [GUI, ROUTING], ids=["gui", "routing"])
def test_every_pattern_compiles(table: Table) -> None:
    english, chinese = table.entries
    assert english
    assert chinese
    for name in (*english, *chinese):
        assert table[name].pattern


def test_an_entry_matches_in_both_languages() -> None:
    assert ROUTING["negation"].search("please do not")
    assert ROUTING["negation"].search("先不导出")
    with pytest.raises(KeyError):
        ROUTING["no such entry"]


def test_the_sentences_of_both_languages_have_the_same_names() -> None:
    english, chinese = sentences("english.json"), sentences("chinese.json")
    assert {part: set(english[part]) for part in english} == {
        part: set(chinese[part]) for part in chinese
    }
    for name, sentence in english["conversation"].items():
        assert _fields(sentence) == _fields(chinese["conversation"][name]), name


def _fields(sentence: str) -> list[str]:
    return sorted(field for _, field, _, _ in string.Formatter().parse(sentence) if field)
