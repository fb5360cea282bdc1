"""The order of the rooms (design.md): imports go down only, and httpx stands in one place."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import nemovideo

ROOT = Path(nemovideo.__file__).parent

# From top to bottom; a room may import from its own layer and from those below it.
LAYERS: tuple[frozenset[str], ...] = tuple(
    frozenset(layer.split())
    for layer in (
        "__main__ cli",
        "__init__ testing",
        "client _client_base jobs",
        "conversation",
        "resources",
        "_batch",
        "_drivers",
        "_jobs _flows",
        "_config",
        "retry _uploads _downloads",
        "_wire _language models events gui batch options",
        "draft _notebook",
        "hooks",
        "errors _support",
    )
)
LAZY_UP = {("sessions.py", "nemovideo.conversation"), ("work.py", "nemovideo.client")}
LAZY_LOCAL = {
    ("setup.py", "nemovideo.local"),
    ("__init__.py", "nemovideo.local"),
    ("serve.py", "nemovideo.local.__main__"),
}


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def room(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0]


def layer(name: str) -> int:
    for index, names in enumerate(LAYERS):
        if name in names or any(n.endswith("_") and name.startswith(n) for n in names):
            return index
    raise AssertionError(f"{name} has no place in LAYERS")


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield what a module imports, and whether that is for type checkers only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            typing_only.update(child for part in node.body for child in ast.walk(part))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node in typing_only
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written from the root"
            for alias in node.names:
                is_module = (
                    ROOT.parent / (node.module or "").replace(".", "/") / f"{alias.name}.py"
                ).exists()
                yield (
                    (f"{node.module}.{alias.name}" if is_module else node.module or ""),
                    node in typing_only,
                )


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down_only(path: Path) -> None:
    if room(path) == "local":
        return
    for name, typing_only in imports(path):
        parts = name.split(".")
        if parts[0] != "nemovideo" or len(parts) == 1 or typing_only or parts[1] == "local":
            continue
        if (path.name, name) in LAZY_UP:
            continue
        target = parts[1]
        if not (ROOT / f"{target}.py").exists() and not (ROOT / target).is_dir():
            continue  # a name that the package's __init__ gives
        assert layer(target) >= layer(room(path)), f"{path.name} imports {name}, which is above it"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_outside_local_imports_it_but_for_the_lazy_one(path: Path) -> None:
    if room(path) == "local":
        return
    found = {
        (path.name, name)
        for name, typing_only in imports(path)
        if name.startswith("nemovideo.local") and not typing_only
    }
    assert found <= LAZY_LOCAL


def test_httpx_is_imported_by_the_drivers_only() -> None:
    places = {
        str(path.relative_to(ROOT))
        for path in modules()
        for name, _ in imports(path)
        if name.split(".")[0] in ("httpx", "httpcore")
    }
    assert places == {
        f"_drivers/{name}.py" for name in ("http", "downloads", "uploads", "cassette")
    }


def test_importing_the_package_loads_no_http_library() -> None:
    heavy = "httpx httpcore httpx_sse anyio tenacity cattrs tqdm numpy av starlette uvicorn"
    code = (
        "import sys; from nemovideo import Client, AsyncClient, errors; "
        f"print(*(m for m in {heavy.split()!r} if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_client_loads_the_http_library_when_it_is_used_and_the_draft_when_there_is_one() -> None:
    code = """
import sys
from nemovideo import Client, errors
client = Client("nmv_usr_x", base_url="http://127.0.0.1:9")
print(*(m for m in ("httpx", "anyio", "nemovideo.draft") if m in sys.modules))
try:
    client.credits.balance(deadline=0.3)
except errors.APIConnectionError:
    print(*(m for m in ("httpx", "cattrs", "nemovideo.draft") if m in sys.modules))
client.close()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\nhttpx\n"
