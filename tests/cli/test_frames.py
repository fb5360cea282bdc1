"""`nemovideo frames`: pixels for other programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from nemovideo.cli.app import app
from nemovideo.local import Matting
from tests.cli.test_cli import SEPARATE_STREAMS
from tests.support.render import make_video, start_of_carphone


@pytest.fixture
def talk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return make_video(tmp_path / "talk.mp4", seconds=0.2)


def run(*arguments: str) -> Result:
    return CliRunner(**SEPARATE_STREAMS).invoke(app, ["frames", *arguments])


def test_raw_frames_are_rgba_pixels_and_their_format_is_printed(talk: Path) -> None:
    done = run(str(talk), "--raw", "--engine", "fast")
    assert done.exit_code == 0
    assert done.stderr.strip().endswith("rgba 160x120, 25 fps")
    assert len(done.stdout_bytes) == 5 * 120 * 160 * 4


def test_raw_frames_contain_the_person_and_nothing_of_the_background(tmp_path: Path) -> None:
    video = start_of_carphone(tmp_path / "short.mp4", 5)
    wanted = next(Matting("fast").frames(video, clean_edges=True))
    pixels = np.frombuffer(run(str(video), "--raw", "--engine", "fast").stdout_bytes, np.uint8)
    frame = pixels[: wanted.alpha.size * 4].reshape(*wanted.alpha.shape, 4)
    seen = wanted.alpha > 0
    assert seen.any()
    assert np.array_equal(frame[seen][:, :3], wanted.rgb[seen])
    assert np.abs(frame[..., 3] / 255 - wanted.alpha).max() <= 0.5 / 255 + 1e-6
    assert not frame[0, 0].any()


def test_pictures_go_into_a_folder(talk: Path) -> None:
    done = run(str(talk), "--engine", "fast")
    assert (done.exit_code, done.stdout) == (0, "talk-frames\n")
    pictures = sorted(Path("talk-frames").iterdir())
    assert len(pictures) == 5
    with Image.open(pictures[0]) as picture:
        assert (picture.mode, picture.size) == ("RGBA", (160, 120))


def test_an_invalid_call_is_one_line_with_a_remedy(talk: Path) -> None:
    for wrong in (["nowhere.mp4"], [str(talk), "--softness", "3"], [str(talk), "--raw", "-o", "x"]):
        done = run(*wrong)
        assert done.exit_code == 2
        assert "Traceback" not in done.stderr
