"""ONNX Runtime's sessions: their device, their threads, and their errors in our words."""

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
"""The devices by name, the one to prefer first."""
_AUTOMATIC = ("cuda", "rocm", "migraphx", "directml")
"""Those that "auto" takes: the others accept any model, and may run it slower than the CPU."""


def open_session(path: Path, device: str = AUTO) -> InferenceSession:
    """Return a model ready to run.

    Args:
        path: The `.onnx` file.
        device: "auto" (a GPU that the user's own onnxruntime can use, else the CPU),
            "cpu", "cuda", "rocm", "migraphx", "coreml", "directml" or "openvino".

    Raises:
        LocalBackendError: There is no such device, or onnxruntime cannot use it here.
        MissingExtraError: onnxruntime is not installed.
        ModelUnavailableError: The file cannot be loaded.
    """
    try:
        import onnxruntime
    except ImportError:
        raise MissingExtraError(
            "An .onnx model needs onnxruntime",
            remedy='Install it: pip install "nemovideo[local]".',
        ) from None
    providers = providers_for(device, onnxruntime.get_available_providers())
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _LOG_FATAL  # what matters is raised
    options.intra_op_num_threads = _THREADS
    # A thread that spins while it waits takes the core from the encoder.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Pictures differ in size. An arena would keep room for all sizes, and a pattern take the
    # room for all layers at once: 100 MB for nothing.
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    try:
        session: InferenceSession = onnxruntime.InferenceSession(
            str(path), options, providers=providers
        )
    except Exception as error:  # onnxruntime has classes of its own for this, in no one tree
        raise ModelUnavailableError(f"{path.name} cannot be loaded: {error}") from error
    return session


def providers_for(device: str, available: Sequence[str]) -> list[str]:
    """Return the names of the execution providers for a device; the CPU's is the last.

    Raises:
        LocalBackendError: There is no such device, or it is not available.
    """
    if device == AUTO:
        wanted = [_PROVIDERS[name] for name in _AUTOMATIC]
        return [name for name in wanted if name in available] + [_PROVIDERS[CPU]]
    if device not in _PROVIDERS:
        names = ", ".join(repr(name) for name in (AUTO, *_PROVIDERS))
        raise LocalBackendError(f"there is no device {device!r}", remedy=f"Use one of {names}.")
    if _PROVIDERS[device] not in available:
        raise LocalBackendError(
            f"onnxruntime cannot use the device {device!r} here",
            remedy='Install the onnxruntime package for it, or use device="auto".',
        )
    return list(dict.fromkeys([_PROVIDERS[device], _PROVIDERS[CPU]]))
