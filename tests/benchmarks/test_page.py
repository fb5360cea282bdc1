"""The page of benchmarks is generated from the stored figures and names missed targets."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from benchmarks import page
from benchmarks.record import add_option, read, write
from benchmarks.tables import BENCHMARKS, target


def test_the_page_is_up_to_date() -> None:
    assert page.PAGE.read_text(encoding="utf-8") == page.page(page.stored())


def test_every_stored_file_is_on_the_page_and_has_its_script() -> None:
    assert {path.stem for path in page.RESULTS.glob("*.json")} == set(BENCHMARKS)
    text = page.TEXT.read_text(encoding="utf-8")
    assert set(re.findall(r"\{\{([\w-]+)\}\}", text)) == {*BENCHMARKS, "names"}
    for benchmark in BENCHMARKS.values():
        assert (page.ROOT / benchmark.command.split()[0]).is_file()


@pytest.mark.parametrize("name", BENCHMARKS)
def test_stored_figures_name_the_machine_and_no_path(name: str) -> None:
    run = page.stored()[name]
    assert run.benchmark == name
    assert run.rows
    assert run.cores > 0
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", run.date)
    assert "nemovideo" in run.versions
    text = (page.RESULTS / f"{name}.json").read_text(encoding="utf-8")
    assert not re.search(r"(/home|/root|/tmp|/work|/usr|[A-Z]:\\)", text)


def test_a_missed_target_names_the_values() -> None:
    assert target("At most 2 ×", {"a": 1.5, "b": 2.0}, 2) == "At most 2 ×: met."
    missed = target("At most 2 ×", {"a": 1.5, "b": 2.25}, 2)
    assert missed == "At most 2 ×: met by 1 of 2, **missed** by b (2.25 ×)."
    assert target("At most 2 ×", {"a": 3}, 2) == "At most 2 ×: **missed** (3.00 ×)."
    assert "**missed**" in target("At most 2 ×", {"a": float("nan")}, 2)


def test_a_target_can_be_a_minimum() -> None:
    assert target("At least .9", {"a": 0.9}, 0.9, at_least=True) == "At least .9: met."
    assert "missed" in target("At least .9", {"a": 0.89}, 0.9, at_least=True)


def test_figures_are_read_as_they_were_written(tmp_path: Path) -> None:
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
