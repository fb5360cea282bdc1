"""Abandoned streams, clients that are closed during calls, and forks."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import anyio
import httpx
import pytest

from nemovideo import AsyncClient, AsyncSession, Client, NemoError, Session, errors
from nemovideo.events import AgentEvent
from tests.support.blocking import LOOPS
from tests.support.service import Service, hanging, serving, words

TOKEN = "nmv_usr_x"
pytestmark = pytest.mark.usefixtures("_quick_locks")


@pytest.fixture
def endless() -> Iterator[Service]:
    """A service whose event streams never end."""
    with serving(run_sse=words) as service:
        yield service


def restore_replies(service: Service) -> None:
    """Make the service reply to the next messages normally."""
    del service.routes["/run_sse"]


async def events(session: AsyncSession) -> AsyncIterator[AgentEvent]:
    async with session.stream("go") as stream:
        async for event in stream:
            yield event


def test_leaving_an_async_generator_ends_only_its_stream(endless: Service) -> None:
    async def main() -> None:
        async with AsyncClient(TOKEN, base_url=endless.url) as client:
            session = await client.sessions.create()

            async def once() -> str:
                async for _ in events(session):
                    break
                restore_replies(endless)
                return (await session.send("next")).text  # waits for the stream's end

            assert await asyncio.create_task(once()) == "Done!"

    asyncio.run(main())


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("how", ["dropped", "cancelled", "closed in another task"])
def test_a_stream_that_ends_early_frees_its_session(endless: Service, loop: str, how: str) -> None:
    async def main() -> None:
        async with AsyncClient(TOKEN, base_url=endless.url) as client:
            session = await client.sessions.create()
            if how == "dropped":
                async for _ in session.stream("go"):
                    break
                gc.collect()
            elif how == "cancelled":
                with anyio.move_on_after(0.2) as scope:
                    async for _ in session.stream("go"):
                        pass
                assert scope.cancelled_caught
            else:
                stack = contextlib.AsyncExitStack()
                started, resumed = anyio.Event(), anyio.Event()

                async def opener() -> None:
                    stream = await stack.enter_async_context(session.stream("go"))
                    await anext(stream)
                    started.set()
                    await anyio.sleep(0.1)
                    resumed.set()

                async with anyio.create_task_group() as group:
                    group.start_soon(opener)
                    await started.wait()
                    await stack.aclose()
                assert resumed.is_set()
            restore_replies(endless)
            with anyio.fail_after(5):
                assert (await session.send("next")).text == "Done!"

    anyio.run(main, backend=loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_closing_a_stream_wakes_its_reader(endless: Service, loop: str) -> None:
    async def main() -> None:
        async with AsyncClient(TOKEN, base_url=endless.url) as client:
            stream = (await client.sessions.create()).stream("go")
            await anext(stream)

            async def read() -> None:
                with pytest.raises(NemoError):
                    await anext(stream)

            with anyio.fail_after(5):
                async with anyio.create_task_group() as group:
                    group.start_soon(read)
                    await anyio.sleep(0.05)
                    await stream.aclose()

    anyio.run(main, backend=loop)


def test_a_dropped_stream_frees_its_session(endless: Service) -> None:
    with Client(TOKEN, base_url=endless.url) as client:
        session = client.sessions.create()
        for _ in session.stream("go"):
            break
        restore_replies(endless)
        assert session.send("next", deadline=5).text == "Done!"


class Cycle:
    """A reference cycle, which only the garbage collector drops."""

    def __init__(self, stream: object) -> None:
        self.parts = (self, stream)


def test_waiting_for_a_stream_in_a_reference_cycle_collects_it(endless: Service) -> None:
    async def main() -> None:
        async with AsyncClient(TOKEN, base_url=endless.url) as client:
            session = await client.sessions.create()
            stream = session.stream("go")
            await anext(stream)
            Cycle(stream)
            del stream
            restore_replies(endless)
            assert (await session.send("next", deadline=5)).text == "Done!"

    gc.disable()
    try:
        for loop in LOOPS:
            endless.routes["/run_sse"] = words
            anyio.run(main, backend=loop)
        endless.routes["/run_sse"] = words
        with Client(TOKEN, base_url=endless.url) as client:
            session = client.sessions.create()
            stream = session.stream("go")
            next(stream)
            Cycle(stream)
            del stream
            restore_replies(endless)
            assert session.send("next", deadline=5).text == "Done!"
    finally:
        gc.enable()


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="needs signals")
@pytest.mark.parametrize("with_block", [True, False])
def test_an_interrupt_ends_a_stream_without_a_with_block(
    endless: Service, *, with_block: bool
) -> None:
    """In a notebook, the traceback of the interrupt keeps the stream alive."""

    def interrupt(signal_number: int, frame: object) -> None:
        raise KeyboardInterrupt

    with Client(TOKEN, base_url=endless.url) as client:
        session = client.sessions.create()
        stream = session.stream("go")
        if with_block:
            stream.__enter__()
        next(stream)
        before = signal.signal(signal.SIGUSR1, interrupt)
        threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGUSR1]).start()
        try:
            with pytest.raises(KeyboardInterrupt):
                next(stream)
        finally:
            signal.signal(signal.SIGUSR1, before)
        if with_block:
            endless.stopping.set()
            assert list(stream) == []
        else:
            restore_replies(endless)
            assert session.send("next", deadline=5).text == "Done!"


@pytest.mark.parametrize("loop", LOOPS)
def test_a_canceled_read_ends_a_stream_without_a_with_block(endless: Service, loop: str) -> None:
    async def main() -> None:
        async with AsyncClient(TOKEN, base_url=endless.url) as client:
            session = await client.sessions.create()
            stream = session.stream("go")
            await anext(stream)
            with anyio.move_on_after(0.1):
                await anext(stream)
            restore_replies(endless)
            assert (await session.send("next", deadline=5)).text == "Done!"
            with pytest.raises(errors.InvalidRequestError, match="ended or was closed"):
                await anext(stream)

    anyio.run(main, backend=loop)


def test_a_stream_may_be_read_by_several_threads(endless: Service) -> None:
    """Web frameworks advance a sync generator in any thread."""

    def generated(session: Session) -> Iterator[AgentEvent]:
        with session.stream("go") as stream:
            yield from stream

    with Client(TOKEN, base_url=endless.url) as client, ThreadPoolExecutor(1) as other:
        session = client.sessions.create()
        generator = generated(session)
        other.submit(next, generator).result()
        waiting = threading.Thread(target=lambda: next(generator, None), daemon=True)
        waiting.start()  # now read by another thread
        restore_replies(endless)
        sent = other.submit(session.send, "next", deadline=10)
        time.sleep(0.6)  # longer than DEADLOCK_S: the thread that started the stream may wait
        assert not sent.done()
        endless.stopping.set()
        assert sent.result().text == "Done!"


CALLS: dict[str, Callable[[Session, Client], object]] = {
    "a response": lambda session, client: client.credits.balance(),
    "a stream": lambda session, client: session.send("go"),
    "a pause": lambda session, client: client.state.get("missing"),
}


def unavailable(service: Service, connection: socket.socket, path: str) -> object:
    connection.sendall(b"HTTP/1.1 503 No\r\nRetry-After: 60\r\nContent-Length: 2\r\n\r\n{}")
    return None


ROUTES = {
    "api__credits": hanging,
    "run_sse": words,
    "api__state__nemo_agent__me__missing": unavailable,
}


@pytest.mark.parametrize("waits_for", [*CALLS, "a lock"])
def test_closing_the_client_wakes_waiting_threads(waits_for: str) -> None:
    with serving(**ROUTES) as service:
        client = Client(TOKEN, base_url=service.url)
        session = client.sessions.create()
        held = session.stream("go") if waits_for == "a lock" else None
        if held is not None:
            next(held)
        call = CALLS.get(waits_for, lambda session, client: session.send("next"))
        with ThreadPoolExecutor(1) as pool:
            seen = len(service.seen)
            future = pool.submit(call, session, client)
            while len(service.seen) == seen and waits_for != "a lock":
                time.sleep(0.01)
            time.sleep(0.3)
            closed_at = time.monotonic()
            client.close()
            error = future.exception(timeout=5)
        assert isinstance(error, errors.InvalidRequestError)
        assert "closed" in str(error)
        assert error.may_have_spent == (waits_for == "a stream")
        assert time.monotonic() - closed_at < 1


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("waits_for", CALLS)
def test_closing_the_client_wakes_waiting_tasks(waits_for: str, loop: str) -> None:
    with serving(**ROUTES) as service:

        async def main() -> None:
            client = AsyncClient(TOKEN, base_url=service.url)
            session = await client.sessions.create()

            async def wait() -> None:
                with pytest.raises(errors.InvalidRequestError, match="closed"):
                    await CALLS[waits_for](session, client)  # type: ignore[arg-type, misc]

            with anyio.fail_after(5):
                async with anyio.create_task_group() as group:
                    group.start_soon(wait)
                    await anyio.sleep(0.2)
                    await client.close()

        anyio.run(main, backend=loop)


def in_a_child(function: Callable[[], object]) -> str:
    """Return the text of a function's result, or of its error, in a forked child."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork with threads
        pid = os.fork()
    if pid == 0:
        try:
            text = str(function())
        except BaseException as error:  # noqa: BLE001 - reported to the parent
            text = repr(error)
        os.write(writing, text.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    os.waitpid(pid, 0)
    return text


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@needs_fork
def test_a_forked_child_opens_its_own_connections() -> None:
    with serving() as service, Client(TOKEN, base_url=service.url) as client:
        client.credits.balance()
        for _ in range(3):
            assert in_a_child(lambda: client.credits.balance().available) == "100"
        client.credits.balance()
    assert service.connections == 4  # the parent's, and one of each child


@needs_fork
def test_a_forked_child_does_not_touch_its_parents_stream(endless: Service) -> None:
    with Client(TOKEN, base_url=endless.url) as client:
        session = client.sessions.create()
        with session.stream("go") as stream:
            next(stream)

            def in_child() -> str:
                with pytest.raises(errors.InvalidRequestError, match="fork"):
                    next(stream)
                stream.close()
                restore_replies(endless)
                return client.sessions.attach("other").state().session_id or "fine"

            assert in_a_child(in_child) == "fine"


@needs_fork
def test_an_unclosed_local_client_outlives_its_forked_child_and_does_not_block_exit() -> None:
    code = (
        "import os, sys, warnings; warnings.simplefilter('ignore')\n"
        "from nemovideo import Client\n"
        "client = Client.local()\n"
        "client.credits.balance()\n"
        "if (pid := os.fork()) == 0:\n"
        "    client.credits.balance(); client.close(); sys.exit()\n"
        "os.waitpid(pid, 0)\n"
        "print(client.backend.state_dir.is_dir(), client.credits.balance().available > 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "True True\n"


def test_hooks_see_the_callers_context_variables(endless: Service) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="lost")
    seen: list[str] = []
    restore_replies(endless)

    def record(_: object) -> None:
        seen.append(variable.get())

    with Client(TOKEN, base_url=endless.url, on_request=record, on_response=record) as client:
        variable.set("r-1")
        client.sessions.create().send("hello")

    async def main() -> None:
        async with AsyncClient(TOKEN, base_url=endless.url, on_request=record) as recorded:
            await (await recorded.sessions.create()).send("hello")

    for loop in LOOPS:
        anyio.run(main, backend=loop)
    assert set(seen) == {"r-1"}


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_a_request_canceled_while_it_is_sent_leaves_no_generator_behind(loop: str) -> None:
    async def main() -> None:
        with anyio.CancelScope() as scope:

            class Stalling(httpx.AsyncBaseTransport):
                async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                    assert isinstance(request.stream, httpx.AsyncByteStream)
                    async for _ in request.stream:
                        scope.cancel()
                        await anyio.sleep_forever()
                    raise AssertionError

            async with httpx.AsyncClient(transport=Stalling()) as http_client:
                client = AsyncClient(TOKEN, base_url="https://api.test", http_client=http_client)
                await client.sessions.create()
        assert scope.cancelled_caught
        gc.collect()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        anyio.run(main, backend=loop)
    assert [str(warning.message) for warning in caught] == []
