"""Regular expressions in data files, by name: `english.ini` and `chinese.ini` next to the code.

A value can span indented lines, which are joined without a space. In it, `{name}` is another
entry, `{section.name}` one of another section, and `{verbs: add put}` the forms of verbs.
References to entries of the section `shared` omit the section.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from configparser import ConfigParser
from functools import cached_property
from pathlib import Path

_REFERENCE = re.compile(r"\{(verbs: )?([a-z][^{}]*)\}")
"""A reference begins with a letter; a quantifier, with a digit or a comma."""


class Table:
    """The patterns of a package in both languages.

    Args:
        folder: The folder of the two files.
        english: A template for English entries, with "{}" for the entry; one that begins with
            "re: " is used unchanged.
        symbols: Additional names for references, such as placeholder characters.
        flags: Flags of the patterns.
        rewrite: A final transformation of each regular expression.
    """

    def __init__(
        self,
        folder: Path,
        *,
        english: str = "{}",
        symbols: Mapping[str, str] | None = None,
        flags: int = 0,
        rewrite: Callable[[str], str] = str,
    ) -> None:
        self._folder, self._english, self._flags, self._rewrite = folder, english, flags, rewrite
        self._symbols = dict(symbols or {})
        self._compiled: dict[str, re.Pattern[str]] = {}

    def __getitem__(self, name: str) -> re.Pattern[str]:
        """Return an entry, either language, compiled on first use."""
        found = self._compiled.get(name)
        if found is None:
            source = self._rewrite(self.source(name))
            found = self._compiled[name] = re.compile(source, self._flags)
        return found

    def source(self, name: str) -> str:
        """Return an entry as a regular expression, or raise `KeyError`."""
        if name in self._symbols:
            return self._symbols[name]
        english, chinese = (entries.get(name) for entries in self.entries)
        if english is None and chinese is None:
            raise KeyError(name)
        parts = []
        if english is not None:
            plain = english.removeprefix("re: ")
            wrapped = plain if plain != english else self._english.replace("{}", plain)
            parts.append(self._filled(wrapped))
        if chinese is not None:
            parts.append(self._filled(chinese))
        return f"(?:{'|'.join(parts)})"

    def words(self, name: str) -> list[str]:
        """Return the alternatives of an entry without nested groups."""
        return self.source(name)[3:-1].split("|")

    @cached_property
    def entries(self) -> tuple[dict[str, str], dict[str, str]]:
        """The entries of the two files by name."""
        return _read(self._folder / "english.ini"), _read(self._folder / "chinese.ini")

    def _filled(self, pattern: str) -> str:
        return _REFERENCE.sub(self._value, pattern)

    def _value(self, found: re.Match[str]) -> str:
        return "|".join(map(_forms, found[2].split())) if found[1] else self.source(found[2])


def _read(file: Path) -> dict[str, str]:
    parser = ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(file.read_text(encoding="utf-8"))
    return {
        name if section == "shared" else f"{section}.{name}": value.replace("\n", "")
        for section in parser.sections()
        for name, value in parser.items(section)
    }


def spaced(pattern: str) -> str:
    """Return a pattern in which a space matches up to four whitespace characters."""
    pattern = pattern.replace(" ?", r"\s{0,4}").replace("[- ]", r"[-\s]")
    return pattern.replace(" ", r"\s{1,4}")


def _forms(stem: str) -> str:
    """Return a pattern for the forms of a regular English verb."""
    if stem.endswith("e"):
        return rf"{stem[:-1]}(?:e|es|ed|ing)"
    if stem.endswith("y"):
        return rf"{stem[:-1]}(?:y|ys|yed|ying|ies|ied)"
    return rf"{stem}{stem[-1]}?(?:s|es|ed|ing)?"
