"""Wrong arguments are refused immediately, with a clear message and a short traceback."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nemovideo import Client
from nemovideo.errors import InvalidRequestError

PICTURE = np.zeros((2, 2, 3), np.uint8)


@pytest.mark.parametrize(
    ("source", "background", "said"),
    [
        ("talk.mp4", (0, 255, 0), '"#00ff00"'),
        ("talk.mp4", 5, "background=5 is of type int, not text or a path"),
        ("talk.mp4", PICTURE, "an array"),
        ("talk.mp4", PICTURE, "Matting.write"),
        (PICTURE, None, "as PNG bytes"),
        (["a.mp4", "b.mp4"], None, "remove_backgrounds"),
        (None, None, "not a file"),
        ("talk.mp4", None, "no file"),
    ],
)
def test_a_wrong_argument_is_explained_in_a_sentence(
    source: Any, background: Any, said: str
) -> None:
    with (
        Client("nmv_usr_x", base_url="http://127.0.0.1:9") as client,
        pytest.raises(InvalidRequestError if said != "no file" else FileNotFoundError) as caught,
    ):
        client.remove_background(source, background=background)
    assert said in str(caught.value)
    if said != "no file":
        frames = traceback.extract_tb(caught.value.__traceback__)
        assert len([frame for frame in frames if "nemovideo" in Path(frame.filename).parts]) <= 4
