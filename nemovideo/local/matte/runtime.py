"""ONNX Runtime sessions: devices, threads, and errors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nemovideo.errors import LocalBackendError, MissingExtraError, ModelUnavailableError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

AUTO = "auto"
CPU = "cpu"
_THREADS = 2
_LOG_FATAL = 4
_PROVIDERS = {
    "cuda": "CUDAExecutionProvider",
    "rocm": "ROCMExecutionProvider",
    "migraphx": "MIGraphXExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    CPU: "CPUExecutionProvider",
}
"""The execution providers by device name."""
DEVICES = (AUTO, *_PROVIDERS)
_AUTOMATIC = ("cuda", "rocm", "migraphx", "directml")
"""The devices for "auto", in order; other devices may be slower than the CPU with some models."""


def open_session(path: Path, device: str = AUTO) -> InferenceSession:
    """Load a model.

    Args:
        path: The `.onnx` file.
        device: "auto" (a GPU if the installed onnxruntime supports it, else the CPU), "cpu",
            "cuda", "rocm", "migraphx", "coreml", "directml" or "openvino".

    Raises:
        LocalBackendError: The device is unknown, or onnxruntime does not support it here.
        MissingExtraError: onnxruntime is not installed.
        ModelUnavailableError: The file cannot be loaded.
    """
    try:
        import onnxruntime
    except ImportError:
        raise MissingExtraError(
            "an .onnx model needs onnxruntime",
            remedy='Install it: pip install "nemovideo[local]".',
        ) from None
    providers = providers_for(device, onnxruntime.get_available_providers())
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _LOG_FATAL  # errors are raised
    options.intra_op_num_threads = _THREADS
    # Threads that spin while idle take CPU time from the encoder.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Input sizes vary, and a memory pattern would be kept for each. The arena stays on: without it,
    # every thread that runs a network keeps the memory of the layers.
    options.enable_mem_pattern = False
    try:
        session: InferenceSession = onnxruntime.InferenceSession(
            str(path), options, providers=providers
        )
    except Exception as error:  # onnxruntime's errors have no common base
        raise ModelUnavailableError(
            f"{path.name} cannot be loaded: {error}",
            remedy="Check that the file is complete, and that the installed onnxruntime "
            "supports it.",
        ) from error
    return session


def providers_for(device: str, available: Sequence[str]) -> list[str]:
    """Return the execution providers for a device, with the CPU as the fallback.

    Raises:
        LocalBackendError: The device is unknown or not available.
    """
    if device == AUTO:
        wanted = [_PROVIDERS[name] for name in _AUTOMATIC]
        return [name for name in wanted if name in available] + [_PROVIDERS[CPU]]
    if device not in _PROVIDERS:
        names = ", ".join(map(repr, DEVICES))
        raise LocalBackendError(f"there is no device {device!r}", remedy=f"Use one of {names}.")
    if _PROVIDERS[device] not in available:
        raise LocalBackendError(
            f"onnxruntime cannot use the device {device!r} here",
            remedy='Install the onnxruntime package for this device, or use device="auto".',
        )
    return list(dict.fromkeys([_PROVIDERS[device], _PROVIDERS[CPU]]))
