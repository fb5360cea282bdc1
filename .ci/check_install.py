"""Use an installed wheel as its user would: `check_install.py [EXTRA]`.

With no extra: only the core came along, and every part that is missing says which extra
brings it. With one: its part works.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import nemovideo
from nemovideo import Client, NemoError

CORE = {
    *("anyio", "attrs", "cattrs", "certifi", "exceptiongroup", "h11", "httpcore", "httpx"),
    *("httpx-sse", "idna", "nemovideo", "pip", "setuptools", "sniffio", "tenacity", "tqdm"),
    "typing-extensions",
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
            raise AssertionError("nobody is there to answer")
    try:
        Client.local()
    except ImportError as error:
        assert "nemovideo[local]" in str(error), error
    else:
        raise AssertionError("the local backend was not installed")
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


def check_notebook() -> None:
    assert {"ipython", "ipywidgets"} <= installed()


def check_batch() -> None:
    assert "distributed" in installed()


def check_onnx() -> None:
    assert "onnxruntime" in installed()
    check_local()


def check_rembg() -> None:
    assert "rembg" in installed()


def check_local() -> None:
    with Client.local() as client:
        session = client.sessions.create()
        assert session.state().draft is None
        assert client.credits.balance().available > 0


if __name__ == "__main__":
    globals()[f"check_{sys.argv[1] if len(sys.argv) > 1 else 'core'}"]()
    print("good")
