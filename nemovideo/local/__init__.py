"""The local backend: the NemoVideo service on this machine, for trials, tests and offline work.

All names are loaded on first use, so that importing this package does not require the extra
`[local]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nemovideo.errors import MissingExtraError

if TYPE_CHECKING:
    from nemovideo.local.backend import LocalBackend as LocalBackend
    from nemovideo.local.matte.model import Model as Model
    from nemovideo.local.matting import Matting as Matting
    from nemovideo.local.server.faults import Fault as Fault
    from nemovideo.local.server.forms import Forms as Forms
    from nemovideo.local.server.limits import Limits as Limits

__all__ = ["Fault", "Forms", "Limits", "LocalBackend", "Matting", "Model"]
_MODULES = {
    "LocalBackend": "backend",
    "Fault": "server.faults",
    "Forms": "server.forms",
    "Limits": "server.limits",
    "Matting": "matting",
    "Model": "matte.model",
}
_EXTRA_PACKAGES = {
    *("ai_edge_litert", "av", "cv2", "h11", "numpy", "onnxruntime", "PIL", "python_multipart"),
    *("starlette", "uvicorn"),
}


if not TYPE_CHECKING:  # a type checker would accept any name

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        try:
            return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in _EXTRA_PACKAGES:
                raise
            raise MissingExtraError(
                f"The local backend needs {error.name}, which nemovideo[local] installs"
            ) from None
