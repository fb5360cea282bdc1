"""What `clean` removes and keeps: the hard cases."""

from __future__ import annotations

import json
from pathlib import Path

from nemovideo.gui import CleanedText, GuiAction, clean

_TABLES = json.loads(Path(__file__).with_name("sentences.json").read_text(encoding="utf-8"))


def test_an_instruction_becomes_an_action() -> None:
    rows = [
        (said, CleanedText(left, tuple(map(GuiAction, actions))))
        for said, left, actions in _TABLES["instructions"]
    ]
    assert [(said, clean(said), wanted) for said, wanted in rows if clean(said) != wanted] == []


def test_a_description_is_kept() -> None:
    kept = _TABLES["descriptions"]
    assert [(said, clean(said)) for said in kept if clean(said) != CleanedText(said)] == []
