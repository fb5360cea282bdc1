"""Parse JSON responses into models, or into errors with a JSON path."""

from __future__ import annotations

import pytest

from nemovideo import errors
from nemovideo._wire import models as wire
from nemovideo._wire.previews import read_preview


@pytest.mark.parametrize(
    "data",
    [
        {"id": "r1", "status": "completed", "output": {"url": "u", "duration": 2, "size": 9}},
        {"render_id": "r1", "status": "COMPLETED", "outputUrl": "u"},
        {"data": {"taskId": "r1", "status": "completed", "output": {"url": "u"}}},
    ],
)
def test_renders_of_every_form_are_parsed(data: object) -> None:
    job = wire.read_render(data, "r")
    assert (job.id, job.status, job.url, job.finished) == ("r1", "completed", "u", True)


def test_an_unknown_status_is_kept() -> None:
    job = wire.read_render({"id": "r", "status": "warming_up", "progress": 140}, "r")
    assert (job.status, job.progress, job.finished) == ("warming_up", 100.0, False)


def test_a_numeric_session_id_stays_exact() -> None:
    found = wire.read_session({"task_id": "t", "session_id": 5529798706024415232})
    assert found == ("5529798706024415232", "t", None)


def test_whole_credits_are_ints_and_a_missing_total_is_computed() -> None:
    credits_ = wire.read_credits({"available": 60, "frozen": 40})
    assert (credits_.available, credits_.frozen, credits_.total) == (60, 40, 100)
    assert repr(credits_) == "Credits(available=60, frozen=40, total=100)"


@pytest.mark.parametrize(
    ("read", "value", "path"),
    [
        (wire.read_token, {"tok": 1}, "$.token"),
        (wire.read_credits, {"available": "many"}, "$.available"),
        (wire.read_credits, [1], "$"),
        (wire.read_files, {"files": [{"filename": "a"}]}, "$.files[0].file_type"),
        (wire.read_files, {}, "$.files"),
        (wire.read_session, {"task_id": "t"}, "$.session_id"),
    ],
)
def test_an_error_names_the_json_path(read: object, value: object, path: str) -> None:
    assert callable(read)
    with pytest.raises(errors.MalformedResponseError) as caught:
        read(value)
    assert caught.value.path == path


def test_a_list_of_very_many_items_is_refused_immediately() -> None:
    with pytest.raises(errors.MalformedResponseError, match="a list is too long"):
        read_preview({"stills": [1] * 300_000}, "local engine")


def test_unknown_parts_of_a_state_are_kept() -> None:
    raw = {"state": {"draft": {"t": [], "zz": 1}, "video_infos": None, "x": 2}, "task_id": "t"}
    state = wire.read_state(raw)
    assert state.draft is not None
    assert state.draft.to_json() == {"t": [], "zz": 1}
    assert state.video_infos == ()
    assert state.raw == raw
