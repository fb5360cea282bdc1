"""Secrets in recorded traffic, and their placeholders."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

_MIN_LITERAL_CHARS = 6
"""Shorter secrets are replaced only where a key identifies them, not wherever the text occurs."""

_NAMED = re.compile(
    r""""(?:(?:access|refresh|id|claim|auth)?_?token|authorization|password|secret|api_?key"""
    r"""|client_?id|user_?id|e?mail)\\*"\s*:\s*\\*"(?!me\\*")(?P<secret>[^"\\]+)""",
    re.IGNORECASE,
)
_SHAPED = (
    re.compile(r"(?P<secret>\b(?:nmv_usr|clm|anon)_[\w.~-]+)"),
    re.compile(r"\bBearer\s+(?P<secret>[\w.~+/=-]+)", re.IGNORECASE),
    # Looks ahead for the two dots, so that a long run without them is scanned once.
    re.compile(r"(?<![\w-])(?=[\w-]*\.[\w-]+\.)[\w-]*?\b(?P<secret>eyJ[\w-]{8,}\.[\w-]+\.[\w-]*)"),
    # The queries of links, which may be signed, and user names and passwords in URLs.
    re.compile(
        r"""https?:[\\/]+[^\s"'<>?#]*"""
        r"""(?:\?(?P<secret>(?:[!$-&*-;=?-\[\]-~]|\\u[0-9a-f]{4}|\\/)+))?"""
    ),
    re.compile(r"""https?:[\\/]+(?P<secret>[^\s"'<>?#/\\@]+)@"""),
    re.compile(
        r""""\w*(?:url|uri|href|link)\\*"\s*:\s*\\*"[^"?\\]*\?(?P<secret>[^"\\]+)""",
        re.IGNORECASE,
    ),
)
_PLACEHOLDER = re.compile(r"redacted-\d+")
_PREFIX = re.compile(r"(?:nmv_usr|clm|anon)_")


class Redactor:
    """Replaces secrets, each always by the same placeholder.

    Pass all texts to `learn` before redacting the first one, so that a token that one response
    names is replaced everywhere else.

    Args:
        extra: What else to replace: strings, and patterns (their group `secret`, otherwise the
            whole match).
    """

    def __init__(self, extra: Iterable[str | re.Pattern[str]] = ()) -> None:
        self._numbers: dict[str, int] = {}
        self._literals: set[str] = set()
        self._extra = [
            re.compile("|".join(map(re.escape, _escaped_forms(item))))
            if isinstance(item, str)
            else item
            for item in extra
            if item != ""
        ]

    def add(self, secret: str | None) -> None:
        """Add a value that is secret wherever it occurs."""
        if secret and len(secret) >= _MIN_LITERAL_CHARS and not _PLACEHOLDER.search(secret):
            self._literals.add(secret)

    def learn(self, text: str) -> None:
        """Add the values that `text` identifies as secret."""
        for match in _NAMED.finditer(text):
            self.add(match["secret"])

    def text(self, text: str) -> str:
        """Return the text without its secrets."""
        parts, at = [], 0
        for first, last, placeholder in self._spans(text):
            parts += [text[at:first], placeholder]
            at = last
        return "".join([*parts, text[at:]])

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers without their secrets."""
        clean = {name: self.text(value) for name, value in headers.items()}
        if (client_id := headers.get("x-client-id")) is not None:
            clean["x-client-id"] = self._placeholder(client_id)
        path, _, query = headers.get("location", "").partition("?")
        if query:  # a relative link, which no pattern matches
            clean["location"] = f"{self.text(path)}?{self._placeholder(query)}"
        return clean

    def json(self, value: object) -> object:
        """Return a JSON value without its secrets."""
        try:
            cleaned: object = json.loads(self.text(json.dumps(value, ensure_ascii=False)))
        except ValueError:  # a user's pattern matched more than the inside of a string
            return self._strings(value)
        return cleaned

    def _strings(self, value: object) -> object:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self._strings(item) for item in value]
        if isinstance(value, dict):
            return {key: self._strings(item) for key, item in value.items()}
        return value

    def _spans(self, text: str) -> list[tuple[int, int, str]]:
        """Return the start, end and placeholder of each secret; no two overlap."""
        rules = [*self._extra, _NAMED, *_SHAPED]
        if self._literals:
            longest_first = sorted(self._literals, key=len, reverse=True)
            rules.append(re.compile(f"(?P<secret>{'|'.join(map(re.escape, longest_first))})"))
        found = []
        for rule in rules:
            group = "secret" if "secret" in rule.groupindex else 0
            found += [match.span(group) for match in rule.finditer(text)]
        spans: list[tuple[int, int, str]] = []
        end = 0
        for first, last in sorted(found, key=lambda span: (span[0], -span[1])):
            if last > end and last > first:
                first = max(first, end)  # the rest of an overlapping match
                if not _PLACEHOLDER.search(text, first, last):
                    spans.append((first, last, self._placeholder(text[first:last])))
                end = last
        return spans

    def _placeholder(self, secret: str) -> str:
        secret = secret.replace("\\u0026", "&").replace("\\/", "/")
        number = self._numbers.setdefault(secret, len(self._numbers) + 1)
        prefix = _PREFIX.match(secret)
        return f"{prefix[0] if prefix else ''}redacted-{number}"


def _escaped_forms(text: str) -> list[str]:
    """Return a text as it is, and as it is escaped in JSON."""
    return [text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]]


def matches(recorded: str, sent: str) -> bool:
    """Return whether a text matches the recorded one, whose placeholders match any text."""
    first, *rest = re.split(r"(?:(?:nmv_usr|clm|anon)_)?redacted-\d+", recorded)
    if not rest:
        return recorded == sent
    *middle, last = rest
    end = len(sent) - len(last)
    if not sent.startswith(first) or not sent.endswith(last):
        return False
    at = len(first)
    for part in middle:
        found = sent.find(part, at + 1, end)
        if found < 0:
            return False
        at = found + len(part)
    return at < end
