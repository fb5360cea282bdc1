"""A download's file while it is not whole: `name.part` beside its target, and what is known of it.

`name.part.json` holds the record (see `_resume.py`) that lets another process go on. The part
is locked while somebody writes it, and gets its name in one step when it is whole.
"""

from __future__ import annotations

import os
import stat
import uuid
from contextlib import suppress
from pathlib import Path

from nemovideo._downloads.places import part_paths
from nemovideo._downloads.resume import Record
from nemovideo._support import filelock
from nemovideo._support.disk import replace_text, writing
from nemovideo._support.filelock import Taken
from nemovideo._values.remedies import Option, Remedy
from nemovideo.errors import InvalidRequestError, OutputError

_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
_LARGEST_RECORD_BYTES = 16 * 1024
_TRIES = 5


class PartFile:
    """The part of one target; open from `open()` to `close()`.

    Args:
        target: The name that the file gets when it is whole.
        thing: The digest of what is downloaded; the part of another thing is not gone on with.
        overwrite: Whether a file of that name may be replaced.
    """

    def __init__(self, target: Path, thing: str, *, overwrite: bool = False) -> None:
        self._target = target
        self._thing = thing
        self._overwrite = overwrite
        self._path, self._note = part_paths(target)
        self._descriptor: int | None = None
        self._begun = False
        self._exclusive = 0
        self.record: Record | None = None
        self.have = 0

    def open(self) -> None:
        """Take hold of the part, made if it is not there, and see how far it is.

        Raises:
            OutputError: It cannot be made, or another download has hold of it.
        """
        with writing(self._target):
            self._descriptor = self._hold()
            size = os.fstat(self._descriptor).st_size
        record = self._noted()
        if record is not None and record.thing == self._thing:
            self.record, self.have = record, size

    def begin(self, start: int, record: Record) -> None:
        """Go on at a byte of the file, which belongs to this record from now on.

        Raises:
            OutputError: The record cannot be kept.
        """
        with writing(self._target):
            # In this order: a record never stands beside the bytes of another file.
            os.ftruncate(self._held, start)
            os.lseek(self._held, start, os.SEEK_SET)
            self._begun = True
            if record != self.record:
                self._keep(record)
        self.record = record

    def write(self, data: bytes) -> None:
        """Write the next bytes.

        Raises:
            OutputError: The disk is full, or gone.
        """
        with writing(self._target):
            written = os.write(self._held, data)
            while written < len(data):
                written += os.write(self._held, memoryview(data)[written:])

    def finish(self) -> None:
        """Give the file its name, once its bytes are safe on the disk.

        Raises:
            InvalidRequestError: A file of that name has come meanwhile; the part is kept.
            OutputError: The name cannot be given.
        """
        with writing(self._target):
            os.fsync(self._held)
            self._let_go_where_that_comes_first()
            if self._overwrite:
                self._path.replace(self._target)
            else:
                self._name_anew()
            self._note.unlink(missing_ok=True)
        self._let_go()

    def close(self) -> None:
        """Let go of the part; one that nobody can go on with is removed."""
        if self._descriptor is None:
            return
        with suppress(OSError):
            size = os.fstat(self._descriptor).st_size
            resumable = not self._exclusive and self.record is not None and self.record.resumable
            if size == 0 or (self._begun and not resumable):
                self._let_go_where_that_comes_first()
                self._path.unlink(missing_ok=True)
                self._note.unlink(missing_ok=True)
        self._let_go()

    @property
    def _held(self) -> int:
        assert self._descriptor is not None
        return self._descriptor

    def _hold(self) -> int:
        """Return a descriptor of the part, which is locked."""
        for _ in range(_TRIES):
            descriptor = os.open(self._path, _FLAGS | self._exclusive, 0o666)
            try:
                if self._is_held(descriptor):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
        raise OutputError(f"{self._path} cannot be held: others come and go")

    def _is_held(self, descriptor: int) -> bool:
        """Lock the part, and say whether it still is that; its last holder may have named it."""
        taken = Taken.YES if self._exclusive else filelock.take(descriptor, self._path)
        if taken is Taken.BUSY:
            raise OutputError(
                f"another download to {self._target} is in progress",
                remedy="Wait for it, or choose another name.",
            )
        if taken is Taken.UNKNOWN:
            self._work_alone(descriptor)
            return False
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OutputError(f"{self._path} is no file", remedy="Remove it.")
        if found.st_nlink > 1:  # the whole file, with a name of its own: it must not change
            self._path.unlink(missing_ok=True)
            return False
        try:
            return os.path.samestat(found, self._path.stat())
        except FileNotFoundError:
            return False

    def _work_alone(self, descriptor: int) -> None:
        """Use a part of a name of its own: here a lock keeps nobody else away from the usual one.

        Such a part cannot be resumed by another process, so it is removed if it stays incomplete.
        """
        if os.fstat(descriptor).st_size == 0:  # made just now
            self._path.unlink(missing_ok=True)
        name = f"{uuid.uuid4().hex}.part"
        self._path = self._target.with_name(name)
        self._note = self._target.with_name(f"{name}.json")
        self._exclusive = os.O_EXCL

    def _let_go(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            filelock.give_back(descriptor)

    def _let_go_where_that_comes_first(self) -> None:
        """Let go on Windows, where an open file can be neither renamed nor removed."""
        if os.name == "nt":
            self._let_go()

    def _noted(self) -> Record | None:
        """Read the record beside the part; one that is damaged is none."""
        with suppress(OSError, UnicodeDecodeError), self._note.open("rb") as file:
            return Record.from_json(file.read(_LARGEST_RECORD_BYTES).decode())
        return None

    def _keep(self, record: Record) -> None:
        """Write the record, whole or not at all; one that helps nobody is not kept."""
        if self._exclusive:
            return
        if not record.resumable:
            self._note.unlink(missing_ok=True)
            return
        by = self._note.with_name(f"{self._note.name}.new")  # only who holds the part is here
        replace_text(self._note, record.to_json(), by=by, private=True)

    def _name_anew(self) -> None:
        """Rename the part, but never over another file."""
        try:
            os.link(self._path, self._target)  # a rename would replace one
        except FileExistsError:
            raise self._taken() from None
        except OSError:  # a file system without links
            if os.path.lexists(self._target):
                raise self._taken() from None
            self._path.rename(self._target)
        else:
            self._path.unlink()

    def _taken(self) -> InvalidRequestError:
        return InvalidRequestError(
            f"{self._target} has appeared while it was downloaded, and is left as it is",
            remedy=Remedy(
                f"use {self._path}, which is complete",
                "download to another name",
                ("pass ", Option("overwrite", True)),
            ),
        )
