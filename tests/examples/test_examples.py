"""The examples work: the script, the notebook, the fixture."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import nbclient
import nbformat
import numpy as np
import pytest

from nemovideo import Client
from nemovideo.local import LocalBackend
from tests.support import ROOT
from tests.support.fast_engine import backend_defaults
from tests.support.media import corner, near, pictures
from tests.support.render import start_of_carphone

EXAMPLES = ROOT / "examples"
SCRIPT = str(EXAMPLES / "remove_background.py")


def test_the_script_removes_the_background_of_the_sample_clip(
    tmp_path: Path,
    carphone: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert runpy.run_path(SCRIPT)["sample_clip"]() == carphone
    clip = start_of_carphone(tmp_path / "short.mp4", 8)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [SCRIPT, str(clip), "--background", "#00b140"])
    monkeypatch.setitem(backend_defaults(), "engine", "fast")
    runpy.run_path(SCRIPT, run_name="__main__")
    assert "Credits spent:    1" in capsys.readouterr().out
    before, after = pictures(clip), pictures(tmp_path / "clean.mp4")
    assert len(after) == len(before)
    assert near(corner(after[5]), (0, 177, 64))
    from PIL import Image

    with Image.open(tmp_path / "clean-before-after.png") as sheet:
        assert sheet.size == (176 * 4, 144 * 2)


def test_the_before_and_after_of_a_large_clip_is_small_and_takes_little_memory(
    tmp_path: Path,
) -> None:
    from tests.support.footage import film

    large = [np.full((1080, 1920, 3), n * 4, np.uint8) for n in range(2)] * 30
    clip = film(tmp_path / "a.mp4", large, options={"g": "15"})
    code = f"""
import runpy, resource
from pathlib import Path
example = runpy.run_path({SCRIPT!r})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
example["before_and_after"](Path({str(clip)!r}), Path({str(clip)!r}), Path("sheet.png"))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 150, "megabytes; all frames would take 370"
    from PIL import Image

    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (1920, 540)


def test_the_script_says_in_one_line_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [SCRIPT, "nothing.mp4"])
    with pytest.raises(SystemExit, match=r"^there is no file nothing\.mp4\. Check the path\.$"):
        runpy.run_path(SCRIPT, run_name="__main__")


@pytest.mark.filterwarnings("ignore::DeprecationWarning:zmq", "ignore::RuntimeWarning:zmq")
def test_the_notebook_runs_and_displays_its_results(tmp_path: Path) -> None:
    notebook = nbformat.read(  # type: ignore[no-untyped-call]
        EXAMPLES / "remove_background.ipynb", as_version=4
    )
    for cell in notebook.cells:
        cell.source = cell.source.replace("Client.local()", 'Client.local(engine="fast")')
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=120, resources=resources).execute()
    shown = [
        output.data
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "execute_result"
    ]
    (bar,) = [
        output.data for output in notebook.cells[3].outputs if output.output_type == "display_data"
    ]
    assert bar["text/plain"].startswith("Video ready! · 100%")
    assert "<progress" not in bar["text/html"]
    player, reply, draft, diff, balance = shown
    assert player["text/html"].count("<video") == 2
    assert "Done" in reply["text/plain"]
    assert "<svg" in draft["text/html"]
    assert "carphone_pristine.mp4" in draft["text/html"]
    assert "Title added: “Carphone” (0-3s, bottom)" in diff["text/plain"]
    assert "99" not in balance["text/html"] or "98" in balance["text/html"]
    assert (tmp_path / "clean.mp4").stat().st_size > 10_000


def test_the_fixture_gives_a_running_backend(nemovideo_backend: LocalBackend) -> None:
    with Client(base_url=nemovideo_backend.url) as client:
        assert client.credits.balance().available == 100
