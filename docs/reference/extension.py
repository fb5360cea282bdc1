"""What the reference shows, as a Griffe extension: mkdocs.yml names this file.

Docstrings cite the project's own pages as "docs/protocol.md §4" or "docs/jobs.md", which also reads
well in `help()`. Here citations become links, and constructors lose their undocumented parameters.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import griffe
from markdown.extensions.toc import slugify

DOCS = Path(__file__).resolve().parents[1]

_CITED = re.compile(
    r"(?<![`/\w])docs/(?P<page>[\w-]+)\.md(?:,? (?P<sections>§\d+(?:(?:, | and | to |-)§?\d+)*))?"
)
_SECTION = re.compile(r"§?(\d+)")
_BARE = re.compile(r"\((§\d+)\)")


def _anchors() -> dict[str, str]:
    """Return the anchor of every page's title, and of the protocol's numbered sections."""
    found = {}
    for page in DOCS.glob("*.md"):
        headings = re.findall(r"^#{1,2} (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        found[page.stem] = slugify(headings[0], "-")
        if page.stem == "protocol":
            numbered = (re.match(r"(\d+)\. ", heading) for heading in headings)
            found |= {
                match[1]: slugify(match.string, "-") for match in numbered if match is not None
            }
    return found


def linked(text: str, anchors: dict[str, str]) -> str:
    """Return a docstring with its citations as links."""

    def cited(match: re.Match[str]) -> str:
        page, sections = match["page"], match["sections"]
        if sections is None:
            return f"[{page}][{anchors[page]}]"
        links = _SECTION.sub(lambda each: f"[§{each[1]}][{anchors[each[1]]}]", sections)
        return f"the [wire protocol][{anchors[page]}], {links}"

    text = _BARE.sub(r"(docs/protocol.md \1)", text)
    return _CITED.sub(cited, text)


class Reference(griffe.Extension):
    """Links in docstrings; constructors as users call them."""

    def __init__(self) -> None:
        """Read the headings of the pages."""
        self._anchors = _anchors()

    def on_module_node(self, *, node: ast.AST | griffe.ObjectNode, **_: object) -> None:
        """Read modules as type checkers do: skip the else of `if TYPE_CHECKING`."""
        for statement in node.body if isinstance(node, ast.Module) else ():
            match statement:
                case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                    statement.orelse = []

    def on_instance(self, *, obj: griffe.Object, **_: object) -> None:
        """Turn the citations of a docstring into links."""
        if obj.docstring is not None:
            obj.docstring.value = linked(obj.docstring.value, self._anchors)

    def on_class(self, *, cls: griffe.Class, **_: object) -> None:
        """Leave out undocumented parameters of a constructor."""
        constructor = cls.members.get("__init__")
        if not isinstance(constructor, griffe.Function):
            return
        documented = cls.docstring.value.partition("Args:")[2] if cls.docstring else ""
        if not documented:
            del cls.members["__init__"]  # users get these objects from others
            return
        for parameter in list(constructor.parameters):
            if not re.search(rf"\b{parameter.name}:", documented) and parameter.name != "self":
                del constructor.parameters[parameter.name]
