"""The files that an agent may use: those inside the given folders."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.request import url2pathname

import attrs

from nemovideo._support.urls import path_of
from nemovideo._support.user_folders import expanded
from nemovideo.errors import InvalidRequestError, SourceNotFoundError

_T = TypeVar("_T")


@attrs.frozen
class Folders:
    """The folders that an agent may read and write.

    Attributes:
        roots: Their resolved paths; the first is the default folder for results.
    """

    roots: tuple[Path, ...]

    @classmethod
    def of(cls, named: Sequence[str | os.PathLike[str]]) -> Folders:
        """Return the folders of these paths.

        Raises:
            InvalidRequestError: The list is empty, or one of them is not a folder.
        """
        roots = []
        for one in named:
            path = expanded(one).resolve()
            if not path.is_dir():
                raise InvalidRequestError(f"{one} is not a folder", remedy="Check the path.")
            roots.append(path)
        if not roots:
            raise InvalidRequestError(
                "no folder was given", remedy="Pass the folders that the agent may use."
            )
        return cls(tuple(roots))

    def source(self, text: str) -> Path:
        """Return the file to which a path, a `file:` URL, or a name in one of the folders refers.

        Raises:
            InvalidRequestError: It is outside the folders, possibly through a symlink.
            SourceNotFoundError: There is no such file.
        """
        path = self.output(text)
        if not path.is_file():
            raise SourceNotFoundError(f"there is no file {path}")
        return path

    def output(self, text: str) -> Path:
        """Return the path of a file to write, which need not exist; see `source`.

        Raises:
            InvalidRequestError: It is outside the folders, possibly through a symlink.
        """
        try:
            paths = [path.resolve() for path in self._candidates(text)]
            existing = [path for path in paths if path.exists()]
        except (OSError, RuntimeError, ValueError):  # a symlink loop, a NUL, too long a name
            paths, existing = [], []
        paths = [path for path in paths if any(path.is_relative_to(root) for root in self.roots)]
        if not paths:
            raise InvalidRequestError(
                f"{text!r} is not inside an allowed folder",
                remedy=f"Choose a file inside {self}.",
            )
        return next((path for path in paths if path in existing), paths[0])

    def rechecking(self, target: Path, report: Callable[[_T], None]) -> Callable[[_T], None]:
        """Wrap `report` so that each call first rechecks a path returned by `output`.

        A job takes minutes, in which a folder can be replaced by a symlink.
        """

        def check(now: _T) -> None:
            if self.output(str(target)) != target:
                raise InvalidRequestError(
                    f"a folder of {target} was replaced by a link", remedy="Choose another file."
                )
            report(now)

        return check

    def contains(self, text: str) -> bool:
        """Return whether the text is the path of an existing file in the folders."""
        try:
            return self.output(text).is_file()
        except (InvalidRequestError, OSError):
            return False

    def __str__(self) -> str:
        return ", ".join(map(str, self.roots))

    def _candidates(self, text: str) -> list[Path]:
        """Return the possible paths: a relative one may be in any of the folders."""
        if text.lower().startswith("file:"):
            text = url2pathname(path_of(text))
        path = expanded(text)
        return [root / path for root in self.roots]
