"""docs/errors.md matches the code."""

from __future__ import annotations

import nemovideo
from nemovideo import __version__, errors
from tests.support import ROOT

PAGE = ROOT / "docs" / "errors.md"
BEGIN, END = "<!-- table of errors -->\n", "<!-- end -->"
REPEATS = {
    "AuthenticationError": "an anonymous token is renewed once, and the call retried",
    "MissingClientIdError": "a new client id is created once, and the call retried",
    "RateLimitError": "once, after `Retry-After` or 30 s",
    "ServerError": "idempotent calls, up to 4 tries, with exponential backoff",
}


def row(cls: type[errors.APIError]) -> str:
    codes, statuses = (
        ", ".join(str(number) for number, known in table.items() if known is cls)
        for table in (errors._BY_CODE, errors._BY_STATUS)
    )
    return " | ".join(
        [
            codes,
            "5xx" if cls is errors.ServerError else statuses,
            f"`{cls.__name__}`",
            (cls.__doc__ or "").partition("\n")[0],
            cls.default_remedy,
            REPEATS.get(cls.__name__, "never"),
        ]
    )


def table() -> str:
    lines = [
        "| code | HTTP status | class | meaning | remedy | retried |",
        "|---|---|---|---|---|---|",
    ]
    lines += [f"| {row(cls)} |" for cls in errors.APIError.__subclasses__()]
    return "\n".join(lines) + "\n"


def test_the_page_lists_every_error_that_the_service_can_cause() -> None:
    text = PAGE.read_text(encoding="utf-8")
    shown = text.partition(BEGIN)[2].partition(END)[0]
    assert shown == table(), f"paste this between the marks:\n{table()}"


def test_the_version_matches_pyproject() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{__version__}"' in text
    assert nemovideo.__name__ == "nemovideo"
