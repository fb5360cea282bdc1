"""Previews through the client: from the local backend, a clip alone, and a free export."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from nemovideo import AsyncClient, Client, Preview
from nemovideo.errors import AgentError, DraftNotReadyError, InvalidRequestError
from nemovideo.local import LocalBackend
from tests.support.media import make_picture
from tests.support.render import start_of_carphone

GREEN = (0, 177, 64)


def colors(png: bytes | None) -> list[tuple[int, ...]]:
    """The colors of a picture's upper corners."""
    assert png is not None
    picture = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    return [tuple(int(value) for value in picture[4, column]) for column in (4, -4)]


def is_green(color: tuple[int, ...]) -> bool:
    return all(abs(a - b) < 12 for a, b in zip(color, GREEN, strict=True))


def posts(backend: LocalBackend) -> list[str]:
    return [path for method, path, _ in backend.requests if method == "POST"]


def test_a_sessions_draft_is_shown_by_the_local_backend_at_no_cost(
    client: Client, backend: LocalBackend, carphone: Path, tmp_path: Path
) -> None:
    session = client.sessions.create()
    with pytest.raises(DraftNotReadyError):
        session.preview()
    session.upload(carphone)
    session.send("replace the background with #00b140")
    before = client.credits.balance()
    preview = session.preview(at=(0.5, 1))
    assert client.credits.balance() == before
    assert not any("render" in path for path in posts(backend))
    assert preview.basis == "local engine"
    assert [still.time_s for still in preview.stills] == pytest.approx([0.5, 1], abs=0.04)
    assert all(is_green(colors(still.after)[0]) for still in preview.stills)
    assert not any(is_green(color) for color in colors(preview.before))
    assert all(is_green(color) for color in colors(preview.after))
    single = Image.open(io.BytesIO(preview.stills[0].after))
    with Image.open(preview.save(tmp_path / "sheet.png")) as saved:
        assert saved.width > 2 * single.width
        assert saved.height > 2 * single.height


def _middles(row: npt.NDArray[np.uint8]) -> list[float]:
    """The middles of the pictures in a row of a sheet's alpha."""
    edges = np.flatnonzero(np.diff(np.pad(row > 0, 1).astype(int)))
    return [float(middle) for middle in edges.reshape(-1, 2).mean(axis=1)]


def test_before_and_after_of_a_vertical_edit_share_a_column(carphone: Path, tmp_path: Path) -> None:
    with Client.local(engine="fast") as local:
        preview = local.preview(carphone, background="#00b140", edit="make it 9:16", at=(0, 0.3))
    with Image.open(preview.save(tmp_path / "sheet.png")) as saved:
        alpha = np.asarray(saved.getchannel("A"))
    before, after = _middles(alpha[2]), _middles(alpha[-2])
    assert len(before) == 2
    assert after == pytest.approx(before, abs=1)


def test_a_clip_alone_is_shown_without_sending_it(carphone: Path, tmp_path: Path) -> None:
    with Client.local(engine="fast") as local:
        preview = local.preview(carphone, background="#00b140", at=0.5)
        assert preview.before == preview.stills[0].before
        assert is_green(colors(preview.after)[0])
        wall = make_picture(tmp_path / "wall.png", GREEN)
        preview = local.preview(carphone.read_bytes(), background=wall, at=0)
        assert is_green(colors(preview.after)[0])
        with pytest.raises(AgentError, match="cannot do this"):
            local.preview(carphone, background="qwertz asdf")
        assert local.backend is not None
        assert local.backend.requests == ()


def test_a_preview_shows_more_edits_and_says_what_was_not_done(
    carphone: Path, tmp_path: Path
) -> None:
    with Client.local(engine="fast") as local:
        preview = local.preview(
            carphone, background="#00b140", edit="make it 9:16", trim=(0.2, 99), at=0
        )
        still = Image.open(io.BytesIO(preview.stills[0].after))
        assert still.width / still.height == pytest.approx(9 / 16, abs=0.02)
        assert any("the part to keep ends there" in warning for warning in preview.warnings)
        with pytest.raises(InvalidRequestError, match=r"at=0\.9 is beyond .* 0\.5 s long"):
            local.preview(carphone, background="blur", trim=(0.5, 1), at=0.9)
        with pytest.raises(InvalidRequestError, match="the part to keep starts at 99 s"):
            local.preview(carphone, background="blur", trim=(99, 100))
        wish = "make it square and play it backwards"
        short = start_of_carphone(tmp_path / "short.mp4", 8)
        video = local.remove_background(short, background="blur", edit=wish)
        shown = local.preview(short, background="blur", edit=wish, at=0)
        assert shown.warnings == video.warnings != ()
        calls: tuple[Callable[..., object], ...] = (
            *(local.preview, local.estimate),
            local.remove_background,
        )
        for call in calls:
            with pytest.raises(AgentError, match="did not change the background"):
                call(carphone, background="qwertz asdf", edit="make it square")


@pytest.mark.parametrize("at", [(), (-1,), (float("nan"),), "soon", [0] * 25])
def test_moments_that_are_not_seconds_are_refused(client: Client, clip: Path, at: object) -> None:
    with pytest.raises(InvalidRequestError, match="at="):
        client.preview(clip, background="blur", at=at)  # type: ignore[arg-type]


def test_moments_beyond_the_end_are_refused(client: Client, carphone: Path) -> None:
    with pytest.raises(InvalidRequestError, match=r"at=99 is beyond the end .* [\d.]+ s long"):
        client.preview(carphone, background="blur", at=(0.2, 99))
    session = client.sessions.create()
    session.upload(carphone)
    session.send("trim it to 0.5 seconds")
    with pytest.raises(InvalidRequestError, match=r"0\.5 s long"):
        session.preview(at=0.7)


def test_a_url_and_a_wrong_suffix_are_refused(client: Client, clip: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="URL"):
        client.preview("https://example.com/talk.mp4", background="blur")
    preview = Preview(before=None, after=b"", stills=(), sheet=b"", basis="local engine")
    with pytest.raises(InvalidRequestError, match="PNG"):
        preview.save(tmp_path / "sheet.jpg")


def test_a_preview_in_the_cloud_is_a_free_export(
    client: Client, backend: LocalBackend, carphone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nemovideo._flows.preview.is_loopback", lambda host: False)
    session = client.sessions.create()
    session.upload(carphone)
    session.send("replace the background with #00b140 and trim it to 0.5 seconds")
    preview = session.preview(at=(0.2,))
    assert preview.basis == "free export"
    assert is_green(colors(preview.after)[0])
    assert not is_green(colors(preview.before)[0])
    assert "/api/local/preview" not in posts(backend)
    preview = client.sessions.attach(session.id).preview(at=(0.2,))
    assert preview.before is not None


def test_without_the_extra_nothing_is_exported(
    client: Client, backend: LocalBackend, clip: Path
) -> None:
    session = client.sessions.create()
    session.upload(clip)
    session.send("make the background white")
    token = str(client.auth.token())
    code = f"""
import sys
import urllib.error
import urllib.request
sys.modules["av"] = None
import nemovideo._flows.preview as flow
flow.is_loopback = lambda host: False
from nemovideo import Client
from nemovideo.errors import MissingExtraError
with Client({token!r}, base_url={backend.url!r}) as client:
    for call in (
        client.sessions.attach({session.id!r}).preview,
        lambda: client.preview({os.fspath(clip)!r}, background="blur"),
    ):
        try:
            call()
        except MissingExtraError as error:
            print(error.remedy)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.count('pip install "nemovideo[local]"') == 2
    assert not any("render" in path for path in posts(backend))


def test_async_previews_are_the_same(carphone: Path) -> None:
    async def shown() -> tuple[Preview, Preview]:
        async with AsyncClient.local(engine="fast") as client:
            session = await client.sessions.create()
            await session.upload(carphone)
            await session.send("replace the background with #00b140")
            await session.send("make it square")
            ours = await client.preview(carphone, background="#00b140", edit="make it square", at=1)
            return await session.preview(at=1), ours

    of_session, of_clip = asyncio.run(shown())
    assert of_session.after == of_clip.after


def test_a_notebook_shows_the_pictures_of_a_preview() -> None:
    from nemovideo.models import PreviewStill

    still = PreviewStill(1.5, b"was", b"is")
    preview = Preview(
        before=b"was", after=b"is", stills=(still,), sheet=b"", basis="free export",
        warnings=("<odd>",),
    )  # fmt: skip
    html = preview._repr_html_()
    assert html.index("Before · 1.5 s") < html.index("After · 1.5 s")
    assert "free export" in html
    assert "Note: &lt;odd&gt;" in html
    assert "d2Fz" in html


@pytest.mark.parametrize("at", [[], [-1], ["1"], [True], [10**400], 3, [0] * 25])
def test_the_local_endpoint_refuses_moments_that_are_not_seconds(
    client: Client, backend: LocalBackend, clip: Path, at: object
) -> None:
    session = client.sessions.create()
    session.upload(clip)
    session.send("blur the background")
    body = json.dumps({"sessionId": session.id, "at": at}).encode()
    headers = {
        "Authorization": f"Bearer {client.auth.token()!s}",
        "Content-Type": "application/json",
    }
    request = urllib.request.Request(f"{backend.url}/api/local/preview", body, headers)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    with caught.value as refused:
        assert refused.code == 400
        assert "'at'" in refused.read().decode()
