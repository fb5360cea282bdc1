"""The progress bar in a notebook, and what remains of it in a saved notebook."""

from __future__ import annotations

from types import SimpleNamespace

import IPython.display
import pytest

from nemovideo._progress.bar import reporting
from nemovideo.models import Progress


class _Handle:
    """An output of a cell."""

    def __init__(self, data: dict[str, str]) -> None:
        self.shown = [data]

    def update(self, data: dict[str, str], *, raw: bool) -> None:
        assert raw
        self.shown.append(data)


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> list[_Handle]:
    """Run in a kernel, and collect the outputs of the cell."""
    handles: list[_Handle] = []

    def display(data: dict[str, str], *, raw: bool, display_id: bool) -> _Handle:
        assert raw
        assert display_id
        handles.append(_Handle(data))
        return handles[-1]

    monkeypatch.setattr(IPython.display, "display", display)
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=object()))
    return handles


def test_a_finished_call_leaves_one_line_without_a_bar(outputs: list[_Handle]) -> None:
    with reporting(progress=True) as show:
        assert show is not None
        show(Progress("render", 0.5, 10, 10, "Rendering <b>…"))
        show(Progress("render", 0.51, 10, 10, "Rendering <b>…"))  # too soon to be drawn
        show(Progress("download", 1.0, 20, 0, "Video ready!"))
    (output,) = outputs
    lines = [data["text/plain"] for data in output.shown]
    assert lines[:2] == ["Connecting… · 0%", "Rendering <b>… · 50% · about 10 s left"]
    assert '<progress value="0.500"></progress> Rendering &lt;b&gt;' in output.shown[1]["text/html"]
    assert output.shown[-1] == {
        "text/plain": "Video ready! · 100% · 20 s",
        "text/html": "<div>Video ready! · 100% · 20 s</div>",
    }


def test_a_failed_call_leaves_nothing(outputs: list[_Handle]) -> None:
    def call() -> None:
        with reporting(progress=True) as show:
            assert show is not None
            show(Progress("render", 0.5, 10, 10, "Rendering…"))
            raise ValueError("failed")

    with pytest.raises(ValueError, match="failed"):
        call()
    assert outputs[0].shown[-1] == {"text/plain": ""}
