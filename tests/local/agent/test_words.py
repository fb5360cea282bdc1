"""The data files of words and sentences: complete in both languages, and all used."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

from nemovideo.local import agent
from nemovideo.local.agent.sentences import sentences
from nemovideo.local.agent.words import TABLE


def _used() -> re.Pattern[str]:
    """Return a pattern of the names in the agent's code: "trim.keep", f"scenes.{scene}"."""
    found: set[str] = set()
    for file in Path(agent.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(re.escape(node.value))
            elif isinstance(node, ast.JoinedStr):
                match node.values:
                    case [ast.Constant(str(front)), _] if front.endswith((".", "_")):
                        found.add(re.escape(front) + ".+")
                    case [_, ast.Constant(str(end))] if end.startswith("."):
                        found.add(".+" + re.escape(end))
    return re.compile("|".join(found))


def test_every_pattern_compiles_and_is_used() -> None:
    entries = {name: value for part in TABLE.entries for name, value in part.items()}
    used = _used()
    inside = " ".join(value for part in TABLE.entries for value in part.values())
    for name in entries:
        assert TABLE[name].pattern
    assert [n for n in entries if not used.fullmatch(n) and f"{{{n}}}" not in inside] == []


def test_the_sentences_of_both_languages_have_the_same_names_and_fields() -> None:
    english, chinese = sentences("en"), sentences("zh")
    assert english.keys() == chinese.keys()
    used = _used()
    assert [name for name in english if not used.fullmatch(name)] == []
    fields = {
        name: [
            {field for _, field, _, _ in string.Formatter().parse(text) if field}
            for text in (english[name], chinese[name])
        ]
        for name in english
    }
    assert [name for name, (one, other) in fields.items() if one != other] == []
