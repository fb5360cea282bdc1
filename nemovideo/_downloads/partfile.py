"""The partial file of a download: `name.part` next to its target, and its record.

`name.part.json` holds the record (see `resume.py`) that lets another process resume. The
part is locked while it is written, and renamed atomically when it is complete.
"""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from pathlib import Path

from nemovideo._downloads.output_paths import part_paths
from nemovideo._downloads.resume import Record
from nemovideo._support import filelock
from nemovideo._support.disk import open_regular, replace_text, writing
from nemovideo._support.filelock import LockStatus
from nemovideo._support.forks import reset_in_children
from nemovideo._values.remedies import Option, Remedy
from nemovideo.errors import OutputError, OutputPathError

_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
_MAX_RECORD_BYTES = 16 * 1024
_ATTEMPTS = 5


class PartFile:
    """The partial file of one target; locked from `open()` to `close()`.

    Args:
        target: The path of the complete file.
        identity: Digest of what is downloaded; a part with a different identity is overwritten.
        overwrite: Whether the target may be replaced.
    """

    def __init__(self, target: Path, identity: str, *, overwrite: bool = False) -> None:
        self._target = target
        self._identity = identity
        self._overwrite = overwrite
        self._path, self._record_path = part_paths(target)
        self._descriptor: int | None = None
        self._modified = False
        self._exclusive = 0
        self.record: Record | None = None
        self.have: int = 0
        reset_in_children(self)

    def after_fork(self) -> None:
        """Close the copy of a forked child, which would hold the lock after its parent's death."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def open(self) -> None:
        """Open or create the part, lock it, and load its record.

        Raises:
            OutputError: It cannot be created, or another download has locked it.
        """
        with writing(self._target):
            self._descriptor = self._open_locked()
            size = os.fstat(self._descriptor).st_size
        record = self._load_record()
        if record is not None and record.identity == self._identity:
            self.record, self.have = record, size

    def begin(self, start: int, record: Record) -> None:
        """Truncate to `start`, and continue there under a new record.

        Raises:
            OutputError: The file or its record cannot be written.
        """
        with writing(self._target):
            # In this order, so that the record never describes the bytes of another file.
            os.ftruncate(self._fd, start)
            os.lseek(self._fd, start, os.SEEK_SET)
            self._modified = True
            if record != self.record:
                self._save_record(record)
        self.record = record

    def write(self, data: bytes) -> None:
        """Write the next bytes.

        Raises:
            OutputError: The disk is full or unavailable.
        """
        with writing(self._target):
            written = os.write(self._fd, data)
            while written < len(data):
                written += os.write(self._fd, memoryview(data)[written:])

    def finish(self) -> None:
        """Sync the part to disk, and rename it to the target.

        Raises:
            OutputPathError: The target appeared during the download; the part is kept.
            OutputError: The part cannot be renamed.
        """
        with writing(self._target):
            os.fsync(self._fd)
            self._close_before_rename()
            if self._overwrite:
                self._path.replace(self._target)
            else:
                self._rename_without_replacing()
            self._record_path.unlink(missing_ok=True)
        self._unlock()

    def close(self) -> None:
        """Unlock the part; remove it if it cannot be resumed."""
        if self._descriptor is None:
            return
        with suppress(OSError):
            size = os.fstat(self._descriptor).st_size
            resumable = not self._exclusive and self.record is not None and self.record.resumable
            if size == 0 or (self._modified and not resumable):
                self._close_before_rename()
                self._path.unlink(missing_ok=True)
                self._record_path.unlink(missing_ok=True)
        self._unlock()

    @property
    def _fd(self) -> int:
        assert self._descriptor is not None
        return self._descriptor

    def _open_locked(self) -> int:
        """Return a descriptor of the locked part."""
        for _ in range(_ATTEMPTS):
            descriptor = open_regular(self._path, _FLAGS | self._exclusive)
            try:
                if self._lock(descriptor):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
        raise OutputError(f"{self._path} cannot be locked: other downloads keep replacing it")

    def _lock(self, descriptor: int) -> bool:
        """Lock the part; return False if its previous owner has renamed or removed it."""
        status = (
            LockStatus.ACQUIRED if self._exclusive else filelock.try_lock(descriptor, self._path)
        )
        if status is LockStatus.BUSY:
            raise OutputError(
                f"another download to {self._target} is in progress",
                remedy="Wait for it, or choose another name.",
            )
        if status is LockStatus.UNKNOWN:
            self._use_unique_name(descriptor)
            return False
        found = os.fstat(descriptor)
        if found.st_nlink > 1:  # already linked to its target: must not be changed
            self._path.unlink(missing_ok=True)
            return False
        try:
            return os.path.samestat(found, self._path.stat())
        except FileNotFoundError:
            return False

    def _use_unique_name(self, descriptor: int) -> None:
        """Switch to a part with a unique name, because locks do not work on this file system.

        It cannot be resumed by another process, so it is removed if it stays incomplete.
        """
        if os.fstat(descriptor).st_size == 0:  # just created
            self._path.unlink(missing_ok=True)
        name = f"{uuid.uuid4().hex}.part"
        self._path = self._target.with_name(name)
        self._record_path = self._target.with_name(f"{name}.json")
        self._exclusive = os.O_EXCL

    def _unlock(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            filelock.unlock(descriptor)

    def _close_before_rename(self) -> None:
        """Close the file on Windows, where an open file cannot be renamed or removed."""
        if os.name == "nt":
            self._unlock()

    def _load_record(self) -> Record | None:
        """Load the record of the part; None if it is missing or damaged."""
        with (
            suppress(OSError, UnicodeDecodeError),
            open(self._record_path, "rb", opener=open_regular) as file,
        ):
            return Record.from_json(file.read(_MAX_RECORD_BYTES).decode())
        return None

    def _save_record(self, record: Record) -> None:
        """Write the record atomically, or remove it if it has no validator."""
        if self._exclusive:
            return
        if not record.resumable:
            self._record_path.unlink(missing_ok=True)
            return
        # The part's lock also protects this file; its name is at most as long as the record's.
        temporary = self._record_path.with_suffix(".new")
        replace_text(self._record_path, record.to_json(), temp=temporary, private=True)

    def _rename_without_replacing(self) -> None:
        """Rename the part, but fail if the target exists."""
        try:
            os.link(self._path, self._target)  # rename() would replace the target
        except FileExistsError:
            raise self._target_exists() from None
        except OSError:  # no hard links on this file system
            if os.path.lexists(self._target):
                raise self._target_exists() from None
            self._path.rename(self._target)
        else:
            self._path.unlink()

    def _target_exists(self) -> OutputPathError:
        return OutputPathError(
            f"{self._target} appeared during the download, and was not replaced",
            remedy=Remedy(
                f"use {self._path}, which is complete",
                "download to another name",
                ("pass ", Option("overwrite", True)),
            ),
        )
