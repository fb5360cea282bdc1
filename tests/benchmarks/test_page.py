"""The benchmarks page is what its generator makes of the kept figures, and says what was missed."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from benchmarks import page
from benchmarks.record import add_option, read, write
from benchmarks.tables import BENCHMARKS, figure, judged, table


def test_the_page_is_what_the_kept_figures_make() -> None:
    assert page.PAGE.read_text(encoding="utf-8") == page.page(page.kept())


def test_every_kept_file_is_on_the_page_and_every_script_is_there() -> None:
    assert {path.stem for path in page.RESULTS.glob("*.json")} == set(BENCHMARKS)
    words = page.WORDS.read_text(encoding="utf-8")
    assert set(re.findall(r"\{\{([\w-]+)\}\}", words)) == {*BENCHMARKS, "names"}
    for benchmark in BENCHMARKS.values():
        assert (page.ROOT / benchmark.command.split()[0]).is_file()


@pytest.mark.parametrize("name", BENCHMARKS)
def test_what_is_kept_names_the_machine_and_no_path(name: str) -> None:
    run = page.kept()[name]
    assert run.benchmark == name
    assert run.rows
    assert run.cores > 0
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", run.date)
    assert "nemovideo" in run.versions
    text = (page.RESULTS / f"{name}.json").read_text(encoding="utf-8")
    assert not re.search(r"(/home|/root|/tmp|/work|/usr|[A-Z]:\\)", text)


def test_an_aim_names_what_missed_it() -> None:
    assert judged("At most 2 ×", {"a": 1.5, "b": 2.0}, 2) == "At most 2 ×: met."
    missed = judged("At most 2 ×", {"a": 1.5, "b": 2.25}, 2)
    assert missed == "At most 2 ×: met by 1 of 2, **missed** by b (2.25 ×)."
    assert judged("At most 2 ×", {"a": 3}, 2) == "At most 2 ×: **missed** (3.00 ×)."
    assert "**missed**" in judged("At most 2 ×", {"a": float("nan")}, 2)


def test_an_aim_can_be_a_least_value() -> None:
    assert judged("At least .9", {"a": 0.9}, 0.9, least=True) == "At least .9: met."
    assert "missed" in judged("At least .9", {"a": 0.89}, 0.9, least=True)


def test_numbers_keep_three_digits_that_count() -> None:
    assert [figure(value) for value in (0.0123456, 1.2345, 99.94, 1234.5)] == [
        "0.0123",
        "1.23",
        "99.9",
        "1,234",
    ]
    assert [figure(value) for value in (11, 0.15, 99.96)] == ["11.0", "0.150", "100"]


def test_a_table_puts_names_left_and_numbers_right() -> None:
    made = table(["job", "peer", "time"], [["up", "curl", "1 s"]], names=2)
    assert made == "| job | peer | time |\n| --- | --- | ---: |\n| up | curl | 1 s |"


def test_a_name_that_is_that_of_the_row_above_is_not_repeated() -> None:
    made = table(["job", "peer", "time"], [["up", "a", "1"], ["up", "b", "1"]], names=2)
    assert made.splitlines()[-2:] == ["| up | a | 1 |", "|  | b | 1 |"]


def test_figures_come_back_as_they_were_written(tmp_path: Path) -> None:
    target = tmp_path / "speed.json"
    rows = [{"what": "好", "time_s": 1 / 3, "none": None}]
    programs = {"curl": "8.1"}
    write(target, "speed", rows, how="3 runs", packages=["attrs"], programs=programs)
    run = read(target)
    assert run.rows == [{"what": "好", "time_s": 0.333333, "none": None}]
    assert run.how == "3 runs"
    assert list(run.versions) == ["nemovideo", "attrs", "curl"]


def test_without_the_option_nothing_is_written(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    add_option(parser)
    write(parser.parse_args([]).json, "speed", [], how="", packages=["no-such-package"])
    assert parser.parse_args(["--json", "a.json"]).json == Path("a.json")
    assert list(tmp_path.iterdir()) == []
