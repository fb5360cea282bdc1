"""Use an installed wheel as its user would: `check_install.py [EXTRA]`.

Without an extra: only the core is installed, and every missing part names the extra that
provides it. With an extra: its part works.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from tempfile import TemporaryDirectory

import nemovideo
from nemovideo import Client, NemoError

CORE = {
    *("anyio", "attrs", "cattrs", "certifi", "exceptiongroup", "h11", "httpcore", "httpx"),
    *("idna", "nemovideo", "sniffio", "tenacity", "tqdm", "typing-extensions"),
}


def installed() -> set[str]:
    return {str(found.metadata["Name"]).lower().replace("_", "-") for found in distributions()}


def check_core() -> None:
    assert installed() <= CORE, installed() - CORE
    assert "site-packages" in (nemovideo.__file__ or "")
    for name in nemovideo.__all__:
        assert getattr(nemovideo, name) is not None, name
    with Client("nmv_usr_x", base_url="http://127.0.0.1:9") as client:
        try:
            client.credits.balance()
        except NemoError as error:
            assert type(error).__name__ == "APIConnectionError", error
        else:
            raise AssertionError("a request was answered without a server")
    try:
        Client.local()
    except ImportError as error:
        assert "nemovideo[local]" in str(error), error
    else:
        raise AssertionError("Client.local() worked without the extra")
    done = subprocess.run(
        [sys.executable, "-m", "nemovideo"], capture_output=True, text=True, check=False
    )
    assert "nemovideo[cli]" in done.stderr, done.stderr


def check_cli() -> None:
    script = Path(sys.executable).with_name("nemovideo")
    shown = subprocess.run([script, "--help"], capture_output=True, text=True, check=True).stdout
    assert "remove-background" in shown
    done = subprocess.run(
        [script, "credits", "--local"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "nemovideo[local]" in done.stderr, done.stderr
    done = subprocess.run([script, "mcp", "."], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "nemovideo[mcp]" in done.stderr, done.stderr


def check_mcp() -> None:
    import anyio
    from mcp import Client as Agent
    from mcp.client.stdio import StdioServerParameters, stdio_client

    async def tools() -> set[str]:
        with TemporaryDirectory() as folder:
            arguments = ["-m", "nemovideo", "mcp", folder]
            server = StdioServerParameters(command=sys.executable, args=arguments)
            async with Agent(stdio_client(server)) as agent:
                return {tool.name for tool in (await agent.list_tools()).tools}

    assert {"remove_background", "job_status"} <= anyio.run(tools)
    done = subprocess.run(
        [sys.executable, "-m", "nemovideo", "mcp", "--local", "."],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "nemovideo[local]" in done.stderr, done.stderr


def check_notebook() -> None:
    from importlib.metadata import version

    from IPython.core.formatters import DisplayFormatter

    from nemovideo.draft import Draft

    shown, _ = DisplayFormatter().format(Draft.from_json({"t": []}))
    assert "text/html" in shown
    assert version("ipykernel")


def check_batch() -> None:
    from distributed import Client as Cluster

    with Cluster(processes=False, dashboard_address=None) as cluster:
        assert cluster.get_executor().submit(int, "7").result() == 7


def check_local() -> None:
    with TemporaryDirectory() as folder, Client.local() as client:
        clip, model = Path(folder) / "talk.mp4", Path(folder) / "no-model.onnx"
        model.touch()
        said = refusal(model=model)
        assert "cannot be loaded" in said, said
        if "rembg" not in installed():  # the first import of rembg spends minutes compiling
            said = refusal(engine="rembg")
            assert "nemovideo[rembg]" in said, said
        make_clip(clip)
        video = client.remove_background(clip, background="white", output=clip.with_name("out.mp4"))
        assert video.path, video
        assert video.path.stat().st_size > 0


def refusal(engine: str | None = None, model: Path | None = None) -> str:
    """Return the error for an engine that is not available."""
    from nemovideo.local.matte.loading import load_matting

    try:
        load_matting(engine, model)
    except NemoError as error:
        return str(error)
    raise AssertionError(f"{engine or model} was accepted as an engine")


def make_clip(path: Path) -> None:
    import av
    import numpy as np

    with av.open(path, "w") as output:
        stream = output.add_stream("h264", rate=25, width=64, height=48, pix_fmt="yuv420p")
        for shade in range(10):
            picture = np.full((48, 64, 3), 20 * shade, np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode())


def check_rembg() -> None:
    assert "rembg" in installed()
    check_local()


if __name__ == "__main__":
    globals()[f"check_{sys.argv[1] if len(sys.argv) > 1 else 'core'}"]()
    print("good")
