"""What must not be in a cassette, and the placeholders in its place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence

_SHORTEST_LITERAL = 6
"""Shorter secrets are replaced where they are named as such, not wherever their letters occur."""

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
    # Signed links: the whole query goes, and who logs in.
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
    """Replaces secrets, the same one always by the same placeholder.

    Show it all texts with `learn` before the first is redacted: a token that one
    answer names as such then goes wherever else it occurs.

    Args:
        extra: More to replace: strings, and patterns whose whole match goes.
    """

    def __init__(self, extra: Iterable[str | re.Pattern[str]] = ()) -> None:
        self._numbers: dict[str, int] = {}
        self._literals: set[str] = set()
        self._extra = [
            re.compile("|".join(map(re.escape, _spellings(item))))
            if isinstance(item, str)
            else item
            for item in extra
            if item != ""
        ]

    def add(self, secret: str | None) -> None:
        """Take a value that is secret wherever it stands."""
        if secret and len(secret) >= _SHORTEST_LITERAL and not _PLACEHOLDER.search(secret):
            self._literals.add(secret)

    def learn(self, text: str) -> None:
        """Take the values that `text` names as secret."""
        for match in _NAMED.finditer(text):
            self.add(match["secret"])

    def text(self, text: str) -> str:
        """Return the text without its secrets."""
        made, at = [], 0
        for first, last, placeholder in self._spans(text):
            made += [text[at:first], placeholder]
            at = last
        return "".join([*made, text[at:]])

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers without their secrets."""
        clean = {name: self.text(value) for name, value in headers.items()}
        if (client_id := headers.get("x-client-id")) is not None:
            clean["x-client-id"] = self._placeholder(client_id)
        path, _, query = headers.get("location", "").partition("?")
        if query:  # a link within the host, which has nothing else to know it by
            clean["location"] = f"{self.text(path)}?{self._placeholder(query)}"
        return clean

    def chunks(self, chunks: Sequence[bytes]) -> list[bytes]:
        """Return the chunks of one UTF-8 text without its secrets, also of those cut in two.

        A placeholder stands in the chunk in which its secret begins; all other cuts stay.
        """
        text = b"".join(chunks).decode("utf-8", "surrogateescape")
        edits, at, offset = [], 0, 0
        for first, last, placeholder in self._spans(text):
            begin = offset + len(text[at:first].encode("utf-8", "surrogateescape"))
            offset = begin + len(text[first:last].encode("utf-8", "surrogateescape"))
            edits.append((begin, offset, placeholder.encode()))
            at = last
        clean, start, index = [], 0, 0
        for chunk in chunks:
            end = start + len(chunk)
            made, kept = [], start
            while index < len(edits) and edits[index][0] < end:
                first, last, new = edits[index]
                made += [chunk[kept - start : max(first, start) - start]]
                made += [new] if first >= start else []
                kept = min(last, end)
                if last > end:  # the rest of it is in the next chunk
                    break
                index += 1
            clean.append(b"".join([*made, chunk[kept - start :]]))
            start = end
        return clean

    def _spans(self, text: str) -> list[tuple[int, int, str]]:
        """Return what is to be replaced: from where, to where, by what; no two overlap."""
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
                first = max(first, end)  # of two that overlap, what the first has left
                if not _PLACEHOLDER.search(text, first, last):
                    spans.append((first, last, self._placeholder(text[first:last])))
                end = last
        return spans

    def _placeholder(self, secret: str) -> str:
        secret = secret.replace("\\u0026", "&").replace("\\/", "/")
        number = self._numbers.setdefault(secret, len(self._numbers) + 1)
        prefix = _PREFIX.match(secret)
        return f"{prefix[0] if prefix else ''}redacted-{number}"


def _spellings(text: str) -> list[str]:
    """Return a text as it stands by itself and inside of JSON strings."""
    return [text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]]


def alike(recorded: str, sent: str) -> bool:
    """Return whether a text is the recorded one, with any text in place of the placeholders."""
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
