"""The layers: modules import only from lower layers, even for typing, without import cycles."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
import typing
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import nemovideo

ROOT = Path(nemovideo.__file__).parent

ORDER = """
__main__ cli _mcp testing
__init__ client
jobs resources conversation
_batch _jobs _drivers
_flows _config local
_downloads _uploads _wire
gui _language _progress batch files options retry hooks
models events draft _notebook
_support errors _values
"""
"""From top to bottom, and from left to right: each imports only what comes after it."""

LOCAL_ORDER = (
    "__main__ backend isolation work server previews matting frame_writer arrays render matte "
    "agent store timeline media rates models temporary"
)
"""The layers of `local/`, in the same order; its `__init__` re-exports names."""


def modules() -> dict[str, Path]:
    """Return every module by its dotted name."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


MODULES = modules()


def imports(path: Path) -> Iterator[str]:
    """Yield every module that a file imports, in functions and for type checkers too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports are not used"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else node.module or ""


@cache
def all_imports() -> dict[str, frozenset[str]]:
    """Return what each module imports."""
    return {name: frozenset(imports(path)) for name, path in MODULES.items()}


@cache
def dependencies() -> dict[str, set[str]]:
    """Return which of our modules each of them imports."""
    return {
        name: {target for target in targets & MODULES.keys() if target != name}
        for name, targets in all_imports().items()
    }


def layer(name: str, depth: int) -> str:
    parts = name.split(".")
    return parts[depth] if len(parts) > depth else "__init__"


def upward_imports(order: str, depth: int, inside: str = "nemovideo") -> list[str]:
    """Return the imports of higher layers; a layer is the name at `depth` in a module's path."""
    ranks = {name: rank for rank, name in enumerate(order.split())}
    wrong = []
    for name, targets in dependencies().items():
        for target in targets:
            if not all(f"{one}.".startswith(f"{inside}.") for one in (name, target)):
                continue
            here, there = layer(name, depth), layer(target, depth)
            if depth > 1 and "__init__" in (here, there):
                continue
            if here != there and ranks[here] > ranks[there]:
                wrong.append(f"{name} imports {target}")
    return wrong


def cycles() -> list[list[str]]:
    """Return the groups of modules that import each other."""
    reached: dict[str, set[str]] = {}
    for start in dependencies():
        seen, todo = set[str](), [start]
        while todo:
            for target in dependencies()[todo.pop()] - seen:
                seen.add(target)
                todo.append(target)
        reached[start] = seen
    groups = defaultdict(set)
    for name, seen in reached.items():
        if name in seen:
            groups[frozenset(n for n in seen if name in reached[n])].add(name)
    return [sorted(group) for group in groups]


def test_modules_import_only_from_lower_layers() -> None:
    assert upward_imports(ORDER, 1) == []
    assert upward_imports(LOCAL_ORDER, 2, "nemovideo.local") == []


def test_there_are_no_circular_imports() -> None:
    assert cycles() == []


def test_the_top_level_is_small_and_public() -> None:
    top = {path.stem for path in ROOT.glob("*.py")}
    assert len(top) <= 14, sorted(top)
    assert not [name for name in top if name.startswith("_") and not name.endswith("__")]


def test_no_check_for_private_access_is_switched_off() -> None:
    noted = [name for name, path in MODULES.items() if "SLF001" in path.read_text("utf-8")]
    assert noted == []


def test_no_private_name_is_imported_from_another_distribution() -> None:
    ours = {"nemovideo"}
    private = [
        f"{name}: {target}"
        for name, targets in all_imports().items()
        for target in targets
        if target.split(".")[0] not in ours | set(sys.stdlib_module_names)
        and any(part.startswith("_") and part != "__future__" for part in target.split("."))
    ]
    assert private == []
    assert "httpx" in packages_distributions()


def test_httpx_is_imported_by_the_drivers_only() -> None:
    importers = {
        layer(name, 1)
        for name, targets in all_imports().items()
        for target in targets
        if target.split(".")[0] in ("httpx", "httpcore")
    }
    assert importers == {"_drivers"}


def test_public_classes_are_defined_in_public_modules() -> None:
    hidden = []
    for name in MODULES:
        if any(part.startswith("_") for part in name.split(".")) or "local" in name:
            continue
        module = importlib.import_module(name)
        for public in getattr(module, "__all__", ()):
            home = getattr(getattr(module, public), "__module__", None) or ""
            if isinstance(getattr(module, public), type) and "._" in home:
                hidden.append(f"{name}.{public} is {home}.{public}")
    assert hidden == []


def test_importing_the_package_loads_no_http_library() -> None:
    heavy = "httpx httpcore httpx_sse anyio tenacity cattrs tqdm numpy av starlette uvicorn"
    code = (
        "import sys; from nemovideo import Client, AsyncClient, errors; "
        f"print(*(m for m in {heavy.split()!r} if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_client_loads_the_http_library_when_it_is_used() -> None:
    code = """
import sys
from nemovideo import Client, errors
client = Client("nmv_usr_x", base_url="http://127.0.0.1:9")
print(*(m for m in ("httpx", "anyio", "nemovideo._language") if m in sys.modules))
try:
    client.credits.balance(deadline=0.3)
except errors.APIConnectionError:
    print(*(m for m in ("httpx", "cattrs", "nemovideo._language") if m in sys.modules))
client.close()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\nhttpx\n"


PUBLIC_MODULES = [
    name
    for name in MODULES
    if not any(part.startswith("_") for part in name.split("."))
    and name.split(".")[1:2] not in (["cli"], ["local"])
] + ["nemovideo.local"]


def public_callables() -> Iterator[tuple[str, object]]:
    """Yield the public classes with all their methods, and the public functions."""
    for name in PUBLIC_MODULES:
        module = importlib.import_module(name)
        for public in getattr(module, "__all__", vars(module)):
            found = getattr(module, public)
            home = getattr(found, "__module__", None) or ""
            if home != name and not (home.startswith("nemovideo") and hasattr(module, "__all__")):
                continue
            if inspect.isfunction(found) or isinstance(found, type):
                yield public, found
            for cls in found.__mro__ if isinstance(found, type) else ():
                for key, value in vars(cls).items() if "nemovideo" in cls.__module__ else ():
                    method = getattr(value, "__func__", getattr(value, "fget", value))
                    if inspect.isfunction(method):
                        yield f"{public}.{key}", method


def test_the_type_hints_of_every_public_name_can_be_read() -> None:
    unreadable, read = set(), 0
    for name, found in public_callables():
        try:
            typing.get_type_hints(found)
            read += 1
        except NameError as error:
            unreadable.add(f"{name}: {error}")
    assert unreadable == set()
    assert read > 500
    hints = typing.get_type_hints(nemovideo.Client.remove_background)
    assert hints["return"] is nemovideo.RenderedVideo
