"""Engines: loading, inputs and outputs, and errors of unsuitable models."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nemovideo.errors import LocalBackendError, MissingExtraError, ModelUnavailableError
from nemovideo.local import LocalBackend, Model
from nemovideo.local.matte import SelfieSegmentation, load_matting
from nemovideo.local.matte.litert import LiteRTModel
from nemovideo.local.matte.onnx import OnnxModel
from nemovideo.local.matte.rembg import RembgEngine
from nemovideo.local.matte.runtime import providers_for
from nemovideo.local.matte.tensors import Input, as_mask
from nemovideo.local.models import MODNET, model_path
from tests.support.matte import PERSON, Watched, tiny_onnx


class FakeSession:
    """The interface of rembg sessions: a picture in, masks in mode L out."""

    def predict(self, img: Image.Image) -> Sequence[Image.Image]:
        return [img.convert("L").point(lambda value: 255 if value > 128 else 0)]


def yellow_half(side: int = 64) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    picture = np.zeros((side, side, 3), dtype=np.uint8)
    picture[:, side // 2 :] = PERSON
    return picture


def test_fine_is_the_default_and_has_a_second_network() -> None:
    for name, matting in (
        (None, load_matting()),
        ("fine", load_matting("fine")),
        ("fast", load_matting("fast")),
    ):
        assert isinstance(matting.engine, SelfieSegmentation)
        assert matting.faces is not None
        assert (matting.large is None) == (name == "fast")


def test_an_object_is_used_as_an_engine() -> None:
    engine = Watched()
    matting = load_matting(engine)
    assert matting.engine is engine
    assert matting.faces is None


def test_a_rembg_session_is_an_engine() -> None:
    mask = RembgEngine(FakeSession()).mask(yellow_half())
    assert mask.dtype == np.float32
    assert mask[:, :32].max() == 0
    assert mask[:, 32:].min() == 1


def test_a_real_rembg_session_is_an_engine(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    base = pytest.importorskip("rembg.sessions.u2netp")
    tiny_onnx(tmp_path / "u2netp.onnx", shape=(1, 3, 320, 320))

    class Tiny(base.U2netpSession):  # type: ignore[misc, name-defined]
        @classmethod
        def download_models(cls, *args: object, **kwargs: object) -> str:
            return str(tmp_path / "u2netp.onnx")

    session = Tiny("u2netp", onnxruntime.SessionOptions(), providers=["CPUExecutionProvider"])
    mask = RembgEngine(session).mask(yellow_half())
    assert mask.shape == (64, 64)
    assert mask[:, 40:].mean() > mask[:, :24].mean() + 0.5


def test_a_missing_rembg_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rembg", None)
    with pytest.raises(MissingExtraError, match="rembg") as caught:
        load_matting("rembg:u2netp")
    assert 'pip install "nemovideo[rembg]"' in caught.value.remedy


def test_an_unknown_rembg_session_is_named() -> None:
    pytest.importorskip("rembg")
    with pytest.raises(ModelUnavailableError, match="no-such-net"):
        load_matting("rembg:no-such-net")


def test_an_unknown_engine_is_named_with_the_known_ones() -> None:
    with pytest.raises(LocalBackendError, match="'fst'") as caught:
        load_matting("fst")
    assert "rembg" in caught.value.remedy
    with pytest.raises(LocalBackendError, match="both"):
        load_matting("fast", model_path())


def test_a_tflite_file_is_an_engine() -> None:
    engine = load_matting(None, model_path()).engine
    assert isinstance(engine, LiteRTModel)
    assert engine.side == 256
    assert engine.mask(yellow_half()).shape == (256, 256)


@pytest.mark.parametrize("shape", [(1, 3, 8, 8), (1, 3, 16, 12)])
def test_an_onnx_file_is_an_engine(tmp_path: Path, shape: tuple[int, ...]) -> None:
    pytest.importorskip("onnxruntime")
    tiny_onnx(tmp_path / "mine.onnx", shape=shape)
    engine = load_matting(None, tmp_path / "mine.onnx").engine
    assert isinstance(engine, OnnxModel)
    assert engine.side == max(shape[2:])
    mask = engine.mask(yellow_half())
    assert mask.shape == shape[2:]
    assert mask[:, 0] == pytest.approx(0, abs=1e-6)
    assert mask[:, -1] == pytest.approx(sum(PERSON) / 3 / 255, abs=1e-3)


def test_a_missing_onnxruntime_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_onnx(tmp_path / "mine.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError) as caught:
        load_matting(None, tmp_path / "mine.onnx")
    assert 'pip install "nemovideo[local]"' in caught.value.remedy


@pytest.mark.parametrize("name", ["mine.tflite", "mine.onnx", "mine.pt", "mine"])
def test_a_file_that_is_not_a_model_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelUnavailableError, match=r"no model at") as missing:
        load_matting(None, tmp_path / name)
    assert missing.value.remedy == "Check the path."
    (tmp_path / name).write_bytes(b"not a model")
    with pytest.raises(ModelUnavailableError, match=name) as broken:
        load_matting(None, tmp_path / name)
    assert "fetch-models" not in broken.value.remedy  # it is the user's own file


@pytest.mark.parametrize("change", [{"shape": (1, 4, 8, 8)}, {"shape": (2, 3, 8, 8)}])
def test_a_model_with_other_inputs_is_refused_on_load(
    tmp_path: Path, change: dict[str, tuple[int, ...]]
) -> None:
    pytest.importorskip("onnxruntime")
    tiny_onnx(tmp_path / "else.onnx", shape=change["shape"])
    with pytest.raises(ModelUnavailableError, match=r"else\.onnx cannot be used"):
        load_matting(None, tmp_path / "else.onnx")
    tiny_onnx(tmp_path / "two.onnx", inputs=2)
    with pytest.raises(ModelUnavailableError, match="2 inputs"):
        load_matting(None, tmp_path / "two.onnx")


def test_a_backend_with_a_bad_engine_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "bad.tflite").write_bytes(b"not a model")
    with pytest.raises(ModelUnavailableError, match=r"bad\.tflite"):
        LocalBackend(tmp_path / "state", model=tmp_path / "bad.tflite").start()
    with pytest.raises(LocalBackendError, match="fst"):
        LocalBackend(tmp_path / "state", engine="fst").start()
    with LocalBackend(tmp_path / "state", engine=Watched()) as backend:
        assert backend.port


def test_loading_a_model_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    SelfieSegmentation()
    assert capfd.readouterr() == ("", "")


def test_the_input_layout_is_parsed_from_the_shape() -> None:
    picture = yellow_half(8)
    last = Input.of("m", [1, 4, 6, 3], "float32").tensor(picture)
    assert last.shape == (1, 4, 6, 3)
    assert last[0, 0, -1] == pytest.approx(np.array(PERSON) / 255, abs=1e-6)
    first = Input.of("m", ["batch", 3, None, -1], "uint8").tensor(picture)
    assert first.shape == (1, 3, 512, 512)
    assert first.dtype == np.uint8


def test_the_normalization_of_a_model_is_applied(tmp_path: Path) -> None:
    tiny_onnx(tmp_path / "mine.onnx")
    engine = load_matting(Model(tmp_path / "mine.onnx", mean=0.5, std=(0.5, 0.5, 0.5))).engine
    gray = np.full((8, 8, 3), 255, dtype=np.uint8)
    assert engine.mask(gray) == pytest.approx(1, abs=1e-6)
    assert engine.mask(gray // 4 * 3) == pytest.approx(0.482, abs=0.01)
    for wrong in ({"mean": (0.5, 0.5)}, {"std": 0.0}):
        with pytest.raises(LocalBackendError, match=next(iter(wrong))):
            Model(tmp_path / "mine.onnx", **wrong)


@pytest.mark.parametrize(("mean", "std"), [(0.0, -1.0), (0.0, 1e9)])
def test_a_network_that_does_not_keep_a_drawn_person_is_refused(
    tmp_path: Path, mean: float, std: float
) -> None:
    tiny_onnx(tmp_path / "mine.onnx")
    with pytest.raises(ModelUnavailableError, match="drawn person") as refused:
        load_matting(Model(tmp_path / "mine.onnx", mean=mean, std=std))
    assert "mean=" in refused.value.remedy


def test_modnet_is_recognized_by_its_inputs() -> None:
    engine = load_matting(Model(model_path(MODNET))).engine
    assert isinstance(engine, OnnxModel)
    picture = np.zeros((1, 1, 3), dtype=np.uint8)
    assert engine._input.tensor(picture).min() == pytest.approx(-1)


def test_devices_depend_on_the_installed_onnxruntime() -> None:
    both = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    assert providers_for("auto", both) == both
    assert providers_for("auto", ["CoreMLExecutionProvider", both[1]]) == both[1:]
    assert providers_for("cpu", both) == both[1:]
    with pytest.raises(LocalBackendError, match="cannot use"):
        providers_for("cuda", both[1:])
    with pytest.raises(LocalBackendError, match="'gpu'"):
        load_matting("fine", device="gpu")


PLAIN = np.repeat(np.array([[0, 0, 0, 1, 1, 1]], dtype=np.float32), 4, axis=0)
"""A mask of 4 × 6: the right half is the person."""


@pytest.mark.parametrize(
    "output",
    [
        PLAIN[np.newaxis, :, :, np.newaxis],
        PLAIN[np.newaxis],
        PLAIN[np.newaxis, np.newaxis] * 100 - 50,
        (PLAIN[np.newaxis, np.newaxis] * 255).astype(np.uint8),
        np.stack([1 - PLAIN, PLAIN])[np.newaxis],
        np.stack([1 - PLAIN, PLAIN], axis=-1)[np.newaxis],
        np.stack([20 - 50 * PLAIN, 50 * PLAIN - 20])[np.newaxis],
    ],
)
def test_common_output_layouts_become_masks(
    output: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
) -> None:
    mask = as_mask("m", output)
    assert mask.shape == PLAIN.shape
    assert mask == pytest.approx(PLAIN, abs=1e-6)


def test_an_output_that_is_not_a_mask_is_refused() -> None:
    with pytest.raises(ModelUnavailableError, match="output"):
        as_mask("m", np.zeros((1, 21, 8, 8), dtype=np.float32))
