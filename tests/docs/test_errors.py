"""docs/errors.md says what the code says."""

from __future__ import annotations

import nemovideo
from nemovideo import __version__, errors
from tests.support import ROOT

PAGE = ROOT / "docs" / "errors.md"
BEGIN, END = "<!-- table: nemovideo.errors.error_table -->\n", "<!-- end -->"


def table() -> str:
    lines = [
        "| code | HTTP status | class | meaning | remedy | tried again |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.codes} | {row.statuses} | `{row.name}` | {row.meaning} | {row.remedy} "
        f"| {row.repeats} |"
        for row in errors.error_table()
    ]
    return "\n".join(lines) + "\n"


def test_the_page_holds_the_table_as_the_code_has_it() -> None:
    text = PAGE.read_text(encoding="utf-8")
    shown = text.partition(BEGIN)[2].partition(END)[0]
    assert shown == table(), f"paste this between the marks:\n{table()}"


def test_every_api_error_that_the_service_can_cause_is_in_the_table() -> None:
    named = {row.name for row in errors.error_table()}
    caused = {cls.__name__ for cls in errors.APIError.__subclasses__()}
    assert named == caused


def test_the_version_is_that_of_the_package() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{__version__}"' in text
    assert nemovideo.__name__ == "nemovideo"
