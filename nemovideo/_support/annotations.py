"""Names for annotations: modules that are imported on the first lookup of one of their types.

`typing.get_type_hints` evaluates annotations in the globals of their module, which lack the imports
under `if TYPE_CHECKING`.
"""

from __future__ import annotations

import sys
from importlib import import_module

if sys.version_info >= (3, 11):
    from typing import Self as Self
    from typing import Unpack as Unpack
else:
    from typing_extensions import Self as Self
    from typing_extensions import Unpack as Unpack


class LazyModule:
    """A lazily imported module for annotations; type checkers see the module itself."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> object:
        """Import the module and return one of its attributes."""
        found: object = getattr(import_module(self._name), attribute)
        return found
