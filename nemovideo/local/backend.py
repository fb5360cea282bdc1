"""`LocalBackend`: the NemoVideo service in threads of this process."""

from __future__ import annotations

import asyncio
import atexit
import copy
import logging
import os
import shutil
import tempfile
import time
import weakref
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence, Set
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from nemovideo._support.annotations import LazyModule
from nemovideo._support.user_folders import absolute_path
from nemovideo.errors import MAX_UPLOAD_BYTES, LocalBackendError
from nemovideo.local import temporary
from nemovideo.local.agent import respond as real_respond
from nemovideo.local.agent import timeline_for
from nemovideo.local.matte import AUTO, Engine, LazyMatting, LoadedEngine
from nemovideo.local.matte.loading import engine_name
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.server.access import access_for
from nemovideo.local.server.app import create_app
from nemovideo.local.server.cleaning import Cleaner
from nemovideo.local.server.context import Context, Pricing, Probe, Respond
from nemovideo.local.server.faults import Fault, Faults
from nemovideo.local.server.forms import Forms
from nemovideo.local.server.guard import RequestLog, SeenRequest
from nemovideo.local.server.limits import GIB, SHARED, Limits
from nemovideo.local.server.listener import Server
from nemovideo.local.server.queue import Renderer, RenderQueue
from nemovideo.local.store import Store
from nemovideo.local.timeline import Timeline
from nemovideo.local.work import Work

if TYPE_CHECKING:
    from nemovideo.local import isolation
else:
    isolation = LazyModule("nemovideo.local.isolation")

_ANY_ENGINE_BYTES = 2 * GIB
"""Enough memory to load any of the built-in engines."""


class LocalBackend:
    """An embedded NemoVideo service: it speaks the real protocol and needs no account.

    Use it as a context manager, or call start() and stop(); it can be started again. It listens
    on 127.0.0.1 only, unless `host` and `api_key` are given.

    Args:
        state_dir: The directory of all state, which a later backend can reopen. None: a
            temporary one, removed by stop().
        port: The TCP port; 0 for a free one.
        faults: Rules of fault injection (see `nemovideo.local.server.faults.Fault`).
        credits: The credits of a new user; default 100.
        costs: The cost of a turn by kind ("edit", "generation"), in credits; default 1 and 2.
            Answers without an edit are free. If neither `credits` nor `costs` is given, costs are
            capped at the balance, so that no run is rejected; otherwise a run beyond the balance
            is rejected (code 2001).
        engine: The matting engine: "fine" (the default, two networks), "fast" (the small network
            only), "rembg" or "rembg:SESSION", a `Model` (your own file), or an object with
            `mask(picture)` (see `nemovideo.local.matte.Matte`), which several renders may call
            at the same time.
        device: The device for `.onnx` models: "auto" (a GPU if your onnxruntime supports it,
            else the CPU), "cpu", "cuda", "rocm", "migraphx", "coreml", "directml" or "openvino".
        model: The path of a `.tflite` or `.onnx` file; shorthand for engine=Model(path). start()
            loads it.
        max_upload_bytes: The largest accepted file; default 500 MiB.
        clock: Returns the time in epoch seconds, for tokens and timestamps; default `time.time`.
        sleep: Replaces `asyncio.sleep` for the delays of faults.
        forms: Which of the documented response forms to use (docs/protocol.md §3); default: those
            marked ★.
        respond: Replaces the agent.
        render: Replaces the renderer: a function `(timeline, media, output, *, format, quality,
            on_progress, cancelled)` that writes `output` and returns an object with
            `duration_ms`, `size_bytes` and `warnings`; it ends once `cancelled()` returns true
            (docs/testing.md).
        probe: Replaces the parser of media headers.
        opening: Replaces the function that makes the first timeline of a session from its
            uploaded files; it may return None.
        render_workers: The number of concurrent renders.
        host: The address to listen on, such as "0.0.0.0"; requires `api_key`.
        api_key: One or several keys that clients send as their token; each is a separate user.
            Anonymous tokens are then disabled.
        limits: Quotas of each user, and with `isolate` the memory and time for each file. The
            default quotas are four unfinished renders and 10 GiB per user with `api_key`, and none
            without.
        keep_s: Remove results older than this, and sessions unused for as long; default never.
        private_urls: Whether uploads by URL may come from this machine and private networks;
            by default, only without `api_key`.
        access_level: The level of the access log, one line per request in the logger
            `nemovideo.local.access`; by default, `logging.INFO` with `api_key`, and
            `logging.DEBUG` without. Polls of renders are always at DEBUG.
        isolate: Whether to probe, preview and render in child processes, so that no file can
            crash or block this process; meant for files from other people. The `limits` on memory
            and time apply to these processes. Each concurrent render loads its own engine. As with
            `multiprocessing`, a script that starts the backend needs `if __name__ == "__main__":`.
            Your own `render` and `probe` still run in this process.

    Raises:
        InvalidRequestError: `host` is given without `api_key` or vice versa, or a key is not
            valid.
    """

    def __init__(
        self,
        state_dir: str | Path | None = None,
        port: int = 0,
        *,
        faults: Iterable[Fault] | None = None,
        credits: int | None = None,  # noqa: A002 - the protocol's name
        costs: Mapping[str, int] | None = None,
        engine: Engine | None = None,
        device: str = "auto",
        model: str | Path | None = None,
        max_upload_bytes: int = MAX_UPLOAD_BYTES,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        forms: Forms | None = None,
        respond: Respond = real_respond,
        render: Renderer | None = None,
        probe: Probe | None = None,
        opening: Callable[[Sequence[MediaItem]], Timeline | None] = timeline_for,
        render_workers: int = 2,
        host: str | None = None,
        api_key: str | Iterable[str] | None = None,
        limits: Limits | None = None,
        keep_s: float | None = None,
        private_urls: bool | None = None,
        access_level: int | None = None,
        isolate: bool = False,
    ) -> None:
        self.faults: Faults = Faults(faults or ())
        self._requested_dir = None if state_dir is None else absolute_path(state_dir)
        self._requested_port = port
        self._pricing = Pricing.from_options(credits, costs)
        self._render = render
        self._probe = probe
        self._isolate = isolate
        self._engine = engine
        self._device = device
        self._model = None if model is None else absolute_path(model)
        self._matting = LazyMatting(engine, self._model, device)
        self._render_workers = render_workers
        self._clock = clock or time.time
        self._access = access_for(host, api_key)
        if access_level is None:
            access_level = logging.INFO if self._access.shared else logging.DEBUG
        self._log = RequestLog(level=access_level)
        self._keep_s = keep_s
        self._limits = limits or (SHARED if self._access.shared else Limits())
        if respond is real_respond:
            respond = partial(real_respond, costs=self._pricing.costs)
        self._context = partial(
            Context,
            respond=respond,
            opening=opening,
            pricing=self._pricing,
            forms=forms or Forms(),
            max_upload_bytes=max_upload_bytes,
            limits=self._limits,
            private_urls=not self._access.shared if private_urls is None else private_urls,
            access=self._access,
            clock=self._clock,
            sleep=sleep,
        )
        self._jobs: set[str] = set()
        self._running: _Running | None = None
        self._at_exit: Callable[[], None] | None = None
        self._options: Mapping[str, object] = {
            "costs": costs,
            "engine": engine,
            "device": device,
            "model": self._model,
            "max_upload_bytes": max_upload_bytes,
        }

    @property
    def options(self) -> Mapping[str, object]:
        """The arguments for an equivalent backend in another process."""
        return self._options

    def with_state_dir(self, state_dir: str | Path) -> LocalBackend:
        """Return a copy of this backend on a different state directory, not started."""
        other = copy.copy(self)
        other.__dict__.update(
            _requested_dir=absolute_path(state_dir),
            _requested_port=0,
            _jobs=set(),
            _running=None,
            _at_exit=None,
        )
        return other

    @property
    def is_temporary(self) -> bool:
        """Whether the state directory is temporary."""
        return self._requested_dir is None

    def hold(self, name: str) -> None:
        """Keep a temporary state directory after stop(), until release() of the same name."""
        self._jobs.add(name)
        temporary.hold(self.state_dir, name)

    def release(self, name: str) -> None:
        """Undo hold() for a name."""
        self._jobs.discard(name)
        temporary.release(self.state_dir, name)

    def start(self) -> LocalBackend:
        """Start the server, and return when it is ready.

        Raises:
            LocalBackendError: It is already running, the port or the state directory is in use,
                or the engine is unknown.
            MissingExtraError: The engine needs an extra that is not installed.
            ModelUnavailableError: The model file cannot be used.
        """
        if self._running is not None:
            raise LocalBackendError(
                "This backend is already running", remedy="Stop it first, or create another one."
            )
        with ExitStack() as stack:
            work = self._work(stack)
            state_dir = self._requested_dir
            if state_dir is None:
                state_dir = Path(tempfile.mkdtemp(prefix="nemovideo-"))
                temporary.mark(state_dir)
                stack.callback(weakref.finalize(self, _remove, state_dir, self._jobs, os.getpid()))
            store = Store(state_dir, clock=self._clock)
            stack.callback(store.close)
            queue = RenderQueue(
                store,
                self._render or work.render,
                workers=self._render_workers,
                shared=self._access.shared,
                disk_bytes=self._limits.disk_bytes,
            )
            stack.callback(queue.stop)
            if self._keep_s is not None:
                cleaner = Cleaner(store, self._keep_s)
                cleaner.start()
                stack.callback(cleaner.stop)
            store.accounts.set_keys(self._access.keys, self._pricing.credits)
            server = Server(self._access.host, self._requested_port, shared=self._access.shared)
            stack.callback(server.stop)
            context = self._context(
                store=store, queue=queue, probe=self._probe or work.probe, preview=work.preview
            )
            app = create_app(
                context, faults=self.faults, log=self._log, disconnect=server.disconnect
            )
            server.start(app)
            queue.start()
            self._running = _Running(store, server, stack.pop_all())
        # A daemon thread still in a native library would abort the process at interpreter exit.
        self._at_exit = partial(_stop, weakref.ref(self))
        atexit.register(self._at_exit)
        return self

    def _work(self, stack: ExitStack) -> Work | isolation.IsolatedWork:
        """Return the object that works on users' files.

        Its engine is loaded now if one was chosen, or if the memory limit may be too low for it.
        """
        work: Work | isolation.IsolatedWork = Work(self._matting.load, self.engine_name)
        if self._isolate:
            work = isolation.IsolatedWork(self._engine, self._model, self._device, self._limits)
            stack.callback(work.stop)
        chosen = self._engine is not None or self._model is not None or self._device != AUTO
        limit = self._limits.memory_bytes
        low_memory = self._isolate and limit is not None and limit < _ANY_ENGINE_BYTES
        if (chosen or low_memory) and self._render is None:
            work.load()
        return work

    def stop(self) -> None:
        """Close all connections and interrupt all work; no effect if not running.

        An interrupted render is resumed by the next backend on the same state directory.
        """
        running, self._running = self._running, None
        if self._at_exit is not None:
            atexit.unregister(self._at_exit)
        if running is not None and running.pid == os.getpid():  # not in a forked child
            running.stack.close()

    def __enter__(self) -> LocalBackend:
        """Start, unless already running."""
        return self if self._running is not None else self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    @property
    def port(self) -> int:
        """The TCP port."""
        return self._require_running().server.port

    @property
    def url(self) -> str:
        """The base URL for clients on this machine, without a trailing slash."""
        return f"http://{self._access.own_host}:{self.port}"

    @property
    def state_dir(self) -> Path:
        """The directory of all state."""
        return self._require_running().store.state_dir

    @property
    def edit_cost(self) -> int:
        """The cost of an edit, in credits."""
        return self._pricing.costs["edit"]

    @property
    def engine_name(self) -> str:
        """The name of the engine, or of its class; with the device if one is set."""
        return engine_name(self._engine, self._model, self._device)

    def load_engine(self) -> LoadedEngine:
        """Load the engine, once for all renders and previews in this process, and return it."""
        return self._matting.load()

    @property
    def requests(self) -> tuple[SeenRequest, ...]:
        """The last 10,000 requests as (method, path, status); status 0: no response yet."""
        return self._log.all()

    def issue_token(
        self,
        *,
        scopes: Iterable[str] = ("*",),
        credits: int | None = None,  # noqa: A002 - the protocol's name
        expires_in_s: float | None = None,
        registered: bool = True,
    ) -> str:
        """Create a user, and return a token for it.

        Args:
            scopes: Any of "read", "write", "upload", "render", "*".
            credits: The user's credits; by default, as many as any new user has.
            expires_in_s: The lifetime of the token; default unlimited.
            registered: Whether the user is registered, or anonymous.
        """
        expires_at = None if expires_in_s is None else self._clock() + expires_in_s
        amount = self._pricing.credits if credits is None else credits
        return self._require_running().store.accounts.issue(
            scopes=scopes, credits_=amount, expires_at=expires_at, registered=registered
        )

    def expire_tokens(self) -> None:
        """Expire every token now (1001); anonymous clients may request new ones."""
        self._require_running().store.accounts.expire_all()

    def _require_running(self) -> _Running:
        if self._running is None:
            raise LocalBackendError(
                "The local backend is not running", remedy="Call start(), or use it in `with`."
            )
        return self._running


@attrs.frozen
class _Running:
    """The resources of a started backend; `stack` closes them."""

    store: Store
    server: Server
    stack: ExitStack
    pid: int = attrs.field(factory=os.getpid)


def _stop(reference: weakref.ref[LocalBackend]) -> None:
    """Stop a backend that is still running at exit."""
    if (backend := reference()) is not None:
        backend.stop()


def _remove(state_dir: Path, jobs: Set[str], owner: int) -> None:
    """Remove a temporary state directory without jobs, unless in a forked child."""
    if not jobs and os.getpid() == owner:
        shutil.rmtree(state_dir, ignore_errors=True)
