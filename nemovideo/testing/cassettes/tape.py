r"""The file of a cassette: what was asked, what was answered, and when; nothing that acts.

A cassette is one JSON object, written to be read in a diff. Text that is no
UTF-8 (a chunk that the network cut inside a character) has its odd bytes as
`\udc80` to `\udcff`, Python's "surrogateescape", so that chunks come back exactly.
"""

from __future__ import annotations

from pathlib import Path

import attrs
import cattrs
from cattrs.gen import make_dict_unstructure_fn

from nemovideo._support.disk import replace_text
from nemovideo._support.json_text import json_text, read_json
from nemovideo.errors import CassetteError

FORMAT = "nemovideo-cassette"
VERSION = 1


@attrs.frozen
class File:
    """A file that was uploaded; its bytes are not kept."""

    filename: str
    size: int
    sha256: str


@attrs.frozen(kw_only=True)
class Asked:
    """A request; `url` is whole, with its query redacted."""

    method: str
    url: str
    headers: dict[str, str] = attrs.field(factory=dict)
    json: object = None
    files: tuple[File, ...] = ()


@attrs.frozen(kw_only=True)
class Answered:
    """An answer: its head, and its body in one form of several.

    Attributes:
        status: The HTTP status; None where none came, and `error` says why.
        headers: Those that the SDK looks at.
        json: A JSON body.
        text: A body of any other text, and the JSON value null.
        base64: A body of any other bytes.
        stream: An event stream: each chunk, with the seconds since the request.
        size: Bytes of a body that was too large to keep.
        sha256: The hash of that body.
        left: The client went away before the end.
        error: What broke off the answer, as `type: message`.
    """

    status: int | None = None
    headers: dict[str, str] = attrs.field(factory=dict)
    json: object = None
    text: str | None = None
    base64: str | None = None
    stream: tuple[tuple[float, str], ...] | None = None
    size: int | None = None
    sha256: str | None = None
    left: bool = False
    error: str | None = None


@attrs.frozen
class Interaction:
    """One request and its answer."""

    request: Asked
    response: Answered

    def __str__(self) -> str:
        """Return the request's line."""
        return f"{self.request.method} {self.request.url}"


@attrs.frozen(kw_only=True)
class Tape:
    """A recorded session, in the order in which the requests began."""

    recorded_at: float
    base_url: str
    web_url: str
    interactions: tuple[Interaction, ...] = ()
    format: str = FORMAT
    version: int = VERSION


_converter = cattrs.Converter(forbid_extra_keys=True)
_converter.register_structure_hook_func(lambda cls: cls is object, lambda value, _: value)
for _cls in (Asked, Answered):
    _converter.register_unstructure_hook(
        _cls, make_dict_unstructure_fn(_cls, _converter, _cattrs_omit_if_default=True)
    )


def write(tape: Tape, path: Path) -> None:
    """Write the whole file or nothing."""
    value = _converter.unstructure(tape)
    head = {"format": value.pop("format"), "version": value.pop("version")}
    text = json_text({**head, **value}, indent=1)
    replace_text(path, f"{text}\n", by=path.with_name(f"{path.name}.part"))


def read(path: Path) -> Tape:
    """Read a cassette.

    Raises:
        CassetteError: There is none, or it is damaged or of another version.
    """
    try:
        value = read_json(path.read_bytes())
    except OSError as error:
        raise CassetteError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise CassetteError(f"{path} is not JSON: {error}") from None
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise CassetteError(f"{path} is not a cassette")
    if value.get("version") != VERSION:
        raise CassetteError(
            f"{path} is a cassette of version {value.get('version')}, not {VERSION}"
        )
    try:
        return _converter.structure(value, Tape)
    except cattrs.BaseValidationError as error:
        reasons = "; ".join(cattrs.transform_error(error, path="$"))
        raise CassetteError(f"{path} is damaged: {reasons}") from error
