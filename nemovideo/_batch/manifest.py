"""What a batch has done, kept beside its results: one line of JSON for each event.

Lines are only added, so that whatever ends the program costs the last line at
most; a manifest that is opened is first rewritten without what no longer counts.
It is written by one process at a time, which a lock makes sure of. It holds no
secrets: paths, sizes, hashes and credits.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import attrs

from nemovideo._support.disk import Stamp, absolute, reading, replace_text, sha256_of_file, writing
from nemovideo._support.filelock import FileLock
from nemovideo.errors import InvalidRequestError

log = logging.getLogger("nemovideo")

_is_text = attrs.validators.instance_of(str)


@attrs.frozen
class Hashed:
    """A source's content, as long as its stamp holds."""

    path: str = attrs.field(validator=_is_text)
    size_bytes: int
    mtime_ns: int
    sha256: str


@attrs.frozen
class Begun:
    """A result is being made; a file that was there before has the stamp given here."""

    key: str = attrs.field(validator=_is_text)
    output: str = attrs.field(validator=_is_text)
    size_bytes: int | None = None
    mtime_ns: int | None = None


@attrs.frozen
class Made:
    """A result is there.

    Attributes:
        key: The source's content and what was wanted of it.
        output: The file, relative to the manifest's folder.
    """

    key: str = attrs.field(validator=_is_text)
    output: str = attrs.field(validator=_is_text)
    source: str
    size_bytes: int
    duration_s: float | None = None
    credits_spent: float | None = None


_Event = Hashed | Begun | Made
_EVENTS = {"hashed": Hashed, "begun": Begun, "made": Made}


class Manifest:
    """The manifest at `path`, open for one batch; the lock is a file of its own.

    Raises:
        InvalidRequestError: Another batch has it open.
    """

    def __init__(self, path: Path, lock: Path) -> None:
        self._path = path
        self._lock = FileLock(lock)
        self._hashed: dict[str, Hashed] = {}
        self._begun: dict[tuple[str, str], Begun] = {}
        self._made: dict[str, Made] = {}
        if not self._lock.acquire():
            raise InvalidRequestError(
                f"another batch is at work on {lock.parent.parent}",
                remedy="Wait for it to end, or name another out_dir.",
            )
        try:
            self._read()
            self._file = self._rewritten()
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Close it; twice is fine."""
        self._file.close()
        self._lock.release()

    @property
    def outputs(self) -> set[Path]:
        """All results that are recorded, whether they are still there or not."""
        return {self.path_of(output) for output in self._made}

    def sha256(self, source: Path, *, to_read: bool = True) -> str | None:
        """Return the hash of a file's content, read only if the file is not known as it is.

        None where it is not known and `to_read` is False.

        Raises:
            SourceNotFoundError: It cannot be read.
        """
        stamp = Stamp.of(source)
        known = self._hashed.get(str(source))
        if known is not None and _same(known, stamp):
            return known.sha256
        if not to_read:
            return None
        with reading(source):
            found = sha256_of_file(source)
        if stamp is not None:
            self._add(Hashed(str(source), stamp.size_bytes, stamp.mtime_ns, found))
        return found

    def made(self, key: str) -> Iterator[Made]:
        """Yield the results of this key that are there and whole."""
        for entry in list(self._made.values()):
            if entry.key == key and self.is_whole(entry):
                yield entry

    def entry_of(self, output: Path) -> Made | None:
        """Return what is recorded of a result."""
        return self._made.get(self._name_of(output))

    def is_whole(self, entry: Made) -> bool:
        """Say whether the result is there with all its bytes."""
        stamp = Stamp.of(self.path_of(entry.output))
        return stamp is not None and stamp.size_bytes == entry.size_bytes

    def arrived(self, key: str, output: Path) -> bool:
        """Say whether a result came to be of which only the beginning was recorded.

        Results get their names when they are whole, so a file that was not there
        before is one.
        """
        begun = self._begun.get((key, self._name_of(output)))
        stamp = Stamp.of(output)
        return begun is not None and stamp is not None and not _same(begun, stamp)

    def begin(self, key: str, output: Path) -> None:
        """Record that a result is being made."""
        stamp = Stamp.of(output)
        size, mtime = (None, None) if stamp is None else (stamp.size_bytes, stamp.mtime_ns)
        self._add(Begun(key, self._name_of(output), size, mtime))

    def record(
        self,
        key: str,
        source: Path,
        output: Path,
        *,
        duration_s: float | None = None,
        credits_spent: float | None = None,
    ) -> Made:
        """Record that a result is there."""
        name, size = self._name_of(output), output.stat().st_size
        entry = Made(key, name, str(source), size, duration_s, credits_spent)
        self._add(entry)
        return entry

    def path_of(self, output: str) -> Path:
        """Return where a recorded result is."""
        return absolute(self._path.parent / output)

    def _name_of(self, output: Path) -> str:
        try:
            return Path(os.path.relpath(output, self._path.parent)).as_posix()
        except ValueError:  # another drive
            return output.as_posix()

    def _add(self, event: _Event) -> None:
        self._take(event)
        with writing(self._path):
            self._file.write(_line(event))
            self._file.flush()

    def _take(self, event: _Event) -> None:
        match event:
            case Hashed():
                self._hashed[event.path] = event
            case Begun():
                self._begun[event.key, event.output] = event
            case Made():
                self._begun.pop((event.key, event.output), None)
                self._made[event.output] = event

    def _read(self) -> None:
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return
        for number, line in enumerate(lines, 1):
            event = _event(line)
            if event is not None:
                self._take(event)
            elif number < len(lines):  # the last line may be half of one
                log.warning("%s: line %d cannot be read, and is left out", self._path, number)

    def _rewritten(self) -> TextIO:
        """Write what counts to a new file, put that in place, and leave it open to add to."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        events: list[_Event] = [*self._hashed.values(), *self._begun.values(), *self._made.values()]
        by = self._path.with_name(f"{self._path.name}.new")
        replace_text(self._path, "".join(map(_line, events)), by=by)
        return self._path.open("a", encoding="utf-8")


def _same(noted: Hashed | Begun, stamp: Stamp | None) -> bool:
    """Say whether a file is as it was noted; inodes do not last on every network drive."""
    return stamp is not None and (noted.size_bytes, noted.mtime_ns) == (
        *(stamp.size_bytes, stamp.mtime_ns),
    )


def _line(event: _Event) -> str:
    names = {cls: name for name, cls in _EVENTS.items()}
    return json.dumps({"event": names[type(event)], **attrs.asdict(event)}) + "\n"


def _event(line: bytes) -> _Event | None:
    with suppress(ValueError, KeyError, TypeError, RecursionError):
        fields = json.loads(line)
        if isinstance(fields, Mapping):
            known = dict(fields)
            made: _Event = _EVENTS[known.pop("event")](**known)
            return made
    return None
