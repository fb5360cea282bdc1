"""Untrusted JSON: parsed within limits, and written as valid UTF-8."""

from __future__ import annotations

import json

import pytest

from nemovideo._support.json_text import json_bytes, json_text, read_json


@pytest.mark.parametrize(
    "text",
    [
        "[" * 20_000 + "]" * 20_000,
        "[" + "[]," * 2_000_000 + "1]",
        '{"a":' * 201 + "1" + "}" * 201,
        "NaN",
        "[-Infinity]",
        "1e999",
        "1" + "0" * 400 + ".0",
        "9" * 5000,
        "",
        b"\xff\xfe",
        b'"\xed\xa0\x80"',
    ],
)
def test_json_beyond_the_limits_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        read_json(text)


def test_json_within_the_limits_is_parsed_like_json_loads() -> None:
    value = {"a": [1, 2.5, None, True, "é\ud83d"], "b": [[]] * 100}
    assert read_json(json.dumps(value)) == value
    assert read_json(b"\xef\xbb\xbf[1]") == [1]
    assert read_json("[" * 200 + "]" * 200) is not None


@pytest.mark.parametrize("text", ["half \ud83d", "\udce9", "whole 😀", "中"])
def test_lone_surrogates_round_trip_as_escapes(text: str) -> None:
    assert read_json(json_bytes({text: text})) == {text: text}
    assert read_json(json_text([text]).encode()) == [text]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1: {2, 3}}])
def test_values_that_are_not_json_are_rejected(value: object) -> None:
    with pytest.raises(ValueError):
        json_bytes(value)
