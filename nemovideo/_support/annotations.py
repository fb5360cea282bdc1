"""Names for annotations: a module that is loaded when a type is looked up in it, and not before.

`typing.get_type_hints` evaluates annotations in the globals of the module that they stand in, where
what is imported under `if TYPE_CHECKING` is missing.
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


class Late:
    """A module that only annotations need, at run time; type checkers see the module itself.

    Args:
        name: Its full name.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> object:
        """Load the module, and return one of its names."""
        found: object = getattr(import_module(self._name), attribute)
        return found
