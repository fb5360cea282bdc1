"""The checkpoints of a batch, one for each result: the only record of what is done."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import attrs

from nemovideo._downloads.output_paths import part_paths
from nemovideo._jobs import checkpoints
from nemovideo._jobs.checkpoints import Checkpoint, FileEntry
from nemovideo._jobs.result import has_arrived
from nemovideo._support.disk import (
    Stamp,
    reading,
    replace_text,
    replacing,
    sha256_of_file,
    writing,
)
from nemovideo._support.filelock import FileLock
from nemovideo.errors import CheckpointError, JobRunningError

log = logging.getLogger("nemovideo")

FOLDER = ".nemovideo-batch"
"""The folder in `out_dir` for the checkpoints, the lock, and the name of the current run."""


class CheckpointFolder:
    """The checkpoints in an output folder, locked by one batch at a time.

    Attributes:
        run_file: Contains `run` while this batch runs; otherwise its workers stop.
        run: The id of this run.
    """

    def __init__(self, out_dir: Path) -> None:
        self._out_dir = out_dir
        self._folder = out_dir / FOLDER
        self._lock = FileLock(self._folder / "lock")
        self._held = False
        self._records: dict[Path, Checkpoint] = {}
        self._hashed: dict[str, FileEntry] = {}
        self.run_file = self._folder / "run"
        self.run = uuid.uuid4().hex

    def open(self) -> None:
        """Lock the folder and read its checkpoints.

        Raises:
            JobRunningError: Another batch has locked it.
            OutputError: It cannot be created.
        """
        with writing(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            if not self._lock.acquire():
                raise JobRunningError(
                    f"another batch is running on {self._out_dir}",
                    remedy="Wait for it to end, or choose another output folder.",
                )
            self._held = True
            replace_text(self.run_file, self.run, temp=self._folder / "run.new")
            for path in sorted(self._folder.glob("*.json")):
                self._read(path)

    def stop(self) -> None:
        """Stop the workers of this run, on other machines too."""
        if self._held:
            with suppress(OSError):
                self.run_file.unlink(missing_ok=True)

    def close(self) -> None:
        """Release the folder; may be called twice."""
        self.stop()
        self._held = False
        self._lock.release()

    def path_of(self, output: Path) -> Path:
        """Return the path of a result's checkpoint, derived from the result's relative path."""
        name = Path(os.path.relpath(output, self._out_dir)).as_posix()
        return self._folder / f"{hashlib.sha256(os.fsencode(name)).hexdigest()[:24]}.json"

    def is_result(self, path: Path) -> bool:
        """Return whether a batch made this file."""
        if not path.is_relative_to(self._out_dir):
            return False
        record = self._records.get(self.path_of(path))
        return record is not None and record.finished

    def entry_of(self, source: Path, *, may_read: bool) -> FileEntry | None:
        """Return a source with its digest; the content is read only if it may have changed.

        Without `may_read`, the content is never read, and the result is None instead.

        Raises:
            SourceNotFoundError: It cannot be read.
        """
        stamp = Stamp.of(source)
        known = self._hashed.get(str(source))
        if (
            (known is not None and known.stamp is not None and stamp is not None)
            # Inodes change on some network drives.
            and attrs.evolve(known.stamp, inode=stamp.inode) == stamp
        ):
            return known
        if not may_read:
            return None
        with reading(source):
            entry = FileEntry(source.name, sha256_of_file(source), path=str(source), stamp=stamp)
        self._hashed[str(source)] = entry
        return entry

    def record(self, output: Path) -> Checkpoint | None:
        """Return a result's checkpoint."""
        return self._records.get(self.path_of(output))

    def finish(self, output: Path) -> Checkpoint | None:
        """Return a complete result's checkpoint; see `finished`."""
        path = self.path_of(output)
        record = finished(path, self._records[path], output)
        if record is not None:
            self._records[path] = record
        return record

    def reload(self, output: Path) -> Checkpoint | None:
        """Return the checkpoint that a worker has written."""
        path = self.path_of(output)
        self._records.pop(path, None)
        self._read(path)
        return self._records.get(path)

    def discard(self, output: Path) -> None:
        """Delete a result's checkpoint."""
        path = self.path_of(output)
        self._records.pop(path, None)
        path.unlink(missing_ok=True)

    def results_for(self, key: tuple[object, ...]) -> Iterator[tuple[Path, Checkpoint]]:
        """Yield the complete results for the same content and job.

        Results outside the output folder are skipped, even behind a symlink: a checkpoint may be
        forged, and its result would be copied.
        """
        for record in list(self._records.values()):
            output = record.output
            if record.spec.key == key and output is not None and is_complete(record, output):
                result = Path(os.path.realpath(output))
                if result.is_relative_to(os.path.realpath(self._out_dir)):
                    yield result, record

    def copy(self, result: Path, record: Checkpoint, source: FileEntry, output: Path) -> None:
        """Copy the result for a file with the same content.

        Raises:
            OutputError: It cannot be written.
        """
        part, _ = part_paths(output)
        with writing(output):
            output.parent.mkdir(parents=True, exist_ok=True)
            with replacing(output, temp=part):
                part.unlink(missing_ok=True)  # copyfile() would follow a link
                shutil.copyfile(result, part)
                spec = attrs.evolve(record.spec, source=source, output=str(output))
                path = self.path_of(output)
                copied = attrs.evolve(record, spec=spec)
                checkpoints.save(path, copied)
        self._records[path] = copied

    def _read(self, path: Path) -> None:
        try:
            record = checkpoints.load(path)
        except CheckpointError as error:
            log.warning("%s; ignoring it", error.message)
            return
        if record is not None:
            self._records[path] = record
            if (source := record.spec.source).path is not None:
                self._hashed[source.path] = source


def finished(path: Path, record: Checkpoint, output: Path) -> Checkpoint | None:
    """Return the checkpoint of an existing, complete result, or None.

    A download is renamed when it is complete. If the process was killed right after that, the
    checkpoint is marked as finished here.
    """
    if record.finished:
        return record if is_complete(record, output) else None
    relocated = attrs.evolve(record, spec=attrs.evolve(record.spec, output=str(output)))
    if not record.rendered or not has_arrived(relocated, None):
        return None
    relocated = attrs.evolve(relocated, finished=True, size_bytes=output.stat().st_size)
    checkpoints.save(path, relocated)
    return relocated


def is_complete(record: Checkpoint, output: Path) -> bool:
    """Return whether a finished result exists with all its bytes."""
    stamp = Stamp.of(output)
    return record.finished and stamp is not None and stamp.size_bytes == record.size_bytes


def is_truncated(record: Checkpoint | None, output: Path) -> bool:
    """Return whether a finished result is truncated."""
    stamp = Stamp.of(output)
    size = None if record is None or not record.finished else record.size_bytes
    return stamp is not None and size is not None and stamp.size_bytes < size
