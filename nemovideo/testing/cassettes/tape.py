r"""The file format of a cassette: requests, responses, and their timing.

A cassette is one JSON object, formatted to be read in a diff. Bytes of a stream that are not
UTF-8 are written as `\udc80` to `\udcff` (Python's "surrogateescape"), so they come back exactly.
"""

from __future__ import annotations

from pathlib import Path

import attrs
import cattrs
from cattrs.gen import make_dict_unstructure_fn

from nemovideo._drivers.cassette import SentRequest
from nemovideo._support.disk import read_bytes, replace_text
from nemovideo._support.json_text import json_text, read_json
from nemovideo.errors import CassetteError

FORMAT = "nemovideo-cassette"
VERSION = 2

_HEADERS = ("accept", "authorization", "content-type", "x-client-id")


@attrs.frozen
class File:
    """The name and size of an uploaded file."""

    filename: str
    size: int


@attrs.frozen(kw_only=True)
class RecordedRequest:
    """A request; `headers` are those that the protocol defines."""

    method: str
    url: str
    headers: dict[str, str] = attrs.field(factory=dict)
    json: object = None
    files: tuple[File, ...] = ()

    @classmethod
    def of(cls, sent: SentRequest) -> RecordedRequest:
        """Return the request that was sent, with its secrets."""
        return cls(
            method=sent.method,
            url=sent.url,
            headers={
                name: value.partition(";")[0]  # the boundary is random
                for name, value in sent.headers.items()
                if name in _HEADERS or name.startswith("x-skill-")
            },
            json=read_json(sent.body) if sent.body else None,
            files=tuple(File(*file) for file in sent.files),
        )


@attrs.frozen(kw_only=True)
class RecordedResponse:
    """A response, with its body in one of several forms.

    Attributes:
        status: The HTTP status; None if there was no response, only an `error`.
        headers: Those that the SDK reads.
        json: A JSON body.
        text: Any other text body, or a JSON body that is null.
        base64: Any other body.
        stream: An event stream: chunks, each with the seconds since the request.
        size: The size of a body that was too large to keep.
        disconnected: Whether the client disconnected before the end.
        error: What interrupted the response, as `type: message`.
    """

    status: int | None = None
    headers: dict[str, str] = attrs.field(factory=dict)
    json: object = None
    text: str | None = None
    base64: str | None = None
    stream: tuple[tuple[float, str], ...] | None = None
    size: int | None = None
    disconnected: bool = False
    error: str | None = None


@attrs.frozen
class Interaction:
    """One request and its response."""

    request: RecordedRequest
    response: RecordedResponse

    def __str__(self) -> str:
        """Return the method and URL."""
        return f"{self.request.method} {self.request.url}"


@attrs.frozen(kw_only=True)
class Tape:
    """A recorded session; the interactions are in the order in which the requests began."""

    format: str = FORMAT
    version: int = VERSION
    recorded_at: float
    base_url: str
    web_url: str
    interactions: tuple[Interaction, ...] = ()


_converter = cattrs.Converter()
_converter.register_structure_hook_func(lambda cls: cls is object, lambda value, _: value)
for _cls in (RecordedRequest, RecordedResponse):
    _converter.register_unstructure_hook(
        _cls, make_dict_unstructure_fn(_cls, _converter, _cattrs_omit_if_default=True)
    )


def write(tape: Tape, path: Path) -> None:
    """Write the file atomically."""
    text = json_text(_converter.unstructure(tape), indent=1)
    replace_text(path, f"{text}\n", temp=path.with_name(f"{path.name}.part"))


def read(path: Path) -> Tape:
    """Read a cassette.

    Raises:
        CassetteError: The file is missing, damaged, or of a different version.
    """
    try:
        value = read_json(read_bytes(path))
    except OSError as error:
        raise CassetteError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise CassetteError(f"{path} is not JSON: {error}") from None
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise CassetteError(f"{path} is not a cassette")
    if value.get("version") != VERSION:
        raise CassetteError(
            f"{path} is a cassette of version {value.get('version')!r:.80}, not {VERSION}"
        )
    try:
        return _converter.structure(value, Tape)
    except cattrs.BaseValidationError as error:
        reasons = "; ".join(cattrs.transform_error(error, path="$"))
        raise CassetteError(f"{path} is damaged: {reasons}") from error
