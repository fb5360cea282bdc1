"""JSON that others wrote: read within bounds, and written so that UTF-8 can carry it."""

from __future__ import annotations

import json

import pytest

from nemovideo._support.json_text import json_bytes, json_text, read_json


@pytest.mark.parametrize(
    "text",
    [
        "[" * 20_000 + "]" * 20_000,
        '{"a":' * 201 + "1" + "}" * 201,
        "NaN",
        "[-Infinity]",
        "1e999",
        "1" + "0" * 400 + ".0",
        "9" * 5000,
        "",
        b"\xff\xfe",
    ],
)
def test_what_is_out_of_bounds_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        read_json(text)


def test_within_bounds_it_reads_what_json_reads() -> None:
    value = {"a": [1, 2.5, None, True, "é\ud83d"], "b": [[]] * 100}
    assert read_json(json.dumps(value)) == value
    assert read_json(b"\xef\xbb\xbf[1]") == [1]
    assert read_json("[" * 200 + "]" * 200) is not None


@pytest.mark.parametrize("text", ["half \ud83d", "\udce9", "whole 😀", "中"])
def test_lone_surrogates_are_written_as_escapes_and_read_back(text: str) -> None:
    assert read_json(json_bytes({text: text})) == {text: text}
    assert read_json(json_text([text]).encode()) == [text]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1: {2, 3}}])
def test_what_is_not_json_is_not_sent(value: object) -> None:
    with pytest.raises(ValueError):
        json_bytes(value)
