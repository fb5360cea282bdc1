"""Drawing of scenes and text."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFont

from nemovideo.errors import ModelUnavailableError
from nemovideo.local.render.drawing import fonts
from nemovideo.local.render.drawing.scenes import draw_scene
from nemovideo.local.render.drawing.text import text_image
from nemovideo.local.timeline import SCENES


@pytest.mark.parametrize("scene", SCENES)
def test_a_scene_is_drawn_at_any_size(scene: str) -> None:
    for size in ((320, 180), (64, 160)):
        image = draw_scene(scene, *size)
        assert image.size == size
        assert image.mode == "RGB"
        assert np.asarray(image).std() > 15, "not blank"


def test_scenes_are_distinct_and_deterministic() -> None:
    drawn = [np.asarray(draw_scene(scene, 160, 90)).astype(int) for scene in SCENES]
    for number, one in enumerate(drawn):
        assert np.array_equal(one, np.asarray(draw_scene(SCENES[number], 160, 90)))
        assert all(np.abs(one - other).mean() > 15 for other in drawn[number + 1 :])


@pytest.mark.parametrize("scene", SCENES)
def test_a_scene_is_out_of_focus(scene: str) -> None:
    gray = np.asarray(draw_scene(scene, 960, 540).convert("L")).astype(int)
    assert np.percentile(np.abs(np.diff(gray, axis=1)), 99) < 16


def test_an_unknown_scene_is_refused() -> None:
    with pytest.raises(KeyError):
        draw_scene("moon", 100, 100)


def test_text_is_legible_on_white_and_black() -> None:
    image = text_image("Hello", (640, 360), height_share=0.1)
    for ground in ("white", "black"):
        page = Image.new("RGB", image.size, ground)
        page.paste(image, (0, 0), image)
        pixels = np.asarray(page.convert("L"))
        assert (pixels > 230).sum() > 100
        assert (pixels < 60).sum() > 100


def test_long_text_fits_into_the_picture() -> None:
    for size in ((640, 360), (360, 640), (160, 120), (64, 48)):
        image = text_image("a rather long title that goes on and on " * 3, size, height_share=0.1)
        assert image.width <= size[0]


def test_line_breaks_are_kept() -> None:
    one = text_image("Hello", (640, 360), height_share=0.1)
    two = text_image("Hello\nHello", (640, 360), height_share=0.1)
    assert two.height > one.height * 1.4
    assert two.width == one.width


def test_chinese_is_drawn_as_different_characters() -> None:
    masks = [
        np.asarray(text_image(word, (640, 360), height_share=0.2).getchannel("A"))
        for word in ("你", "好")
    ]
    assert not np.array_equal(masks[0][:40, :40], masks[1][:40, :40])
    wide = text_image("你好世界", (640, 360), height_share=0.1)
    assert wide.width > text_image("你", (640, 360), height_share=0.1).width * 2


def test_chinese_breaks_between_characters() -> None:
    image = text_image("这是一个非常长的标题" * 4, (640, 360), height_share=0.1)
    assert image.width <= 640
    assert image.height > 100


def test_characters_without_a_font_are_removed() -> None:
    text, _ = fonts.font_for("a\U0001f9ff\ue123b", 20)
    assert "\ue123" not in text
    assert text.startswith("a")
    assert text.endswith("b")


def test_latin_uses_the_built_in_font(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_candidates", lambda: pytest.fail("looked for a font"))
    text, font = fonts.font_for("Hello, world!", 20)
    assert text == "Hello, world!"
    assert isinstance(font, ImageFont.FreeTypeFont)


def test_a_missing_chinese_font_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(_name: str) -> None:
        raise ModelUnavailableError("no network", remedy="Install a font.")

    monkeypatch.setattr(fonts, "_candidates", tuple)
    monkeypatch.setattr(fonts, "model_path", unreachable)
    with pytest.raises(ModelUnavailableError, match="Install a font"):
        text_image("你好", (640, 360), height_share=0.1)
