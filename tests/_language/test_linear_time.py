"""Text from users and servers is parsed in linear time, whatever it contains."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from nemovideo import gui
from nemovideo._language.phrases import ENGLISH, phrases_for
from nemovideo._language.routing.route import route
from nemovideo._uploads.names import safe_name
from nemovideo._wire.envelopes import Exchange, failure_of
from nemovideo.local.agent import respond
from nemovideo.local.agent.language import (
    digits,
    factor,
    mark_times,
    number,
    percent,
    time_range,
)

_CHARACTERS = 4_000
_PIECES = (
    *"a 1百./\\'“「`*(,",
    *("1 and a half ", "> "),
    *("1.", "1 ", "一", "十", "百分之", "a half ", "1s ", "第1", "2-"),
    *("http://", "~/a ", "a.mp4 ", "it's/", "导出", "在中", "把背景换成", "请、", "and ", ", and "),
    *("open ", "you can also ", "click the ", "nmv_usr_", "iVBORw0KGgoAAAANSUhEUgAA", "<title"),
    *("导出 export, “the” 文件/file.mov ", "Click Export, then 点击导出，或 open it. "),
)


def _route(text: str) -> object:
    return route(text, is_file=lambda path: False)


def _clean(text: str) -> object:
    return gui.clean(f"Click Export. {text}")


def _respond(text: str) -> object:
    return respond(text, timeline=None, media=())


def _numbers(text: str) -> object:
    return number(text), percent(text), factor(text), time_range(text)


def _failure(text: str) -> object:
    return failure_of(Exchange("GET", "/x", 502, {}, text.encode(), "secret"))


def _language(text: str) -> object:
    return phrases_for(text, ENGLISH)


def _seconds(read: Callable[[str], object], text: str) -> float:
    began = time.process_time()
    read(text)
    return time.process_time() - began


@pytest.mark.parametrize(
    "read",
    [_route, _clean, _respond, _numbers, _failure, _language, safe_name, digits, mark_times],
)
def test_time_grows_linearly_with_the_length_of_the_text(read: Callable[[str], object]) -> None:
    slow = []
    for piece in _PIECES:
        whole = ("导出" + piece * _CHARACTERS)[:_CHARACTERS]
        half = whole[: _CHARACTERS // 2]
        for _ in range(3):  # a busy machine may be slow once, but not three times
            twice = _seconds(read, whole)
            if twice <= 0.02 or twice <= 3 * _seconds(read, half):
                break
        else:
            slow.append(f"{piece!r}: {twice:.2f} s")
    assert not slow


def test_the_longest_message_is_read_quickly_by_the_local_agent() -> None:
    messages = {piece: (piece * 2000)[:2000] for piece in _PIECES}
    assert [
        piece
        for piece, message in messages.items()
        if _seconds(_respond, message) > 1 and _seconds(_respond, message) > 1
    ] == []
