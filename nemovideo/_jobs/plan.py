"""What `remove_background` is asked for, checked and put into words (protocol.md §11)."""

from __future__ import annotations

import os
from pathlib import Path

import attrs

from nemovideo._flows.sessions import SessionLike
from nemovideo._support.outputs import (
    MATTE,
    WITH_ALPHA,
    check_format,
    default_format,
    format_for,
    has_alpha,
)
from nemovideo.errors import InvalidRequestError
from nemovideo.files import Source, is_media_name, is_url, name_of

Background = str | os.PathLike[str] | None
"""What comes behind the person: see `Client.remove_background`."""


@attrs.frozen
class Order:
    """What is to be done, checked as far as it can be before anything is sent.

    `picture` is the file or URL to put behind the person, if that is wanted,
    and `words` what to say to the agent otherwise.
    """

    source: Source
    picture: Source | None
    words: str
    output: Path | None
    format: str
    session_id: str | None
    task_id: str | None = None
    overwrite: bool = False
    max_credits: float | None = None

    @property
    def files(self) -> tuple[Source, ...]:
        """What is to be uploaded, in this order."""
        return (self.source,) if self.picture is None else (self.source, self.picture)


def order_for(
    source: Source,
    background: Background,
    output: str | os.PathLike[str] | None,
    format: str | None,  # noqa: A002 - the protocol's word
    session: SessionLike | None,
    max_credits: float | None,
    overwrite: bool,
) -> Order:
    """Return the order of a `remove_background` call; see there."""
    picture, words, chosen = plan(background, output, format, source)
    return Order(
        source=source,
        picture=picture,
        words=words,
        output=None if output is None else Path(output),
        format=chosen,
        session_id=None if session is None else session.id,
        task_id=None if session is None else session.task_id,
        overwrite=overwrite,
        max_credits=max_credits,
    )


def plan(
    background: Background,
    output: str | os.PathLike[str] | None,
    format: str | None,  # noqa: A002 - the protocol's word
    source: Source | None = None,
) -> tuple[Source | None, str, str]:
    """Return the picture to upload, the words to say, and the format of the file.

    Raises:
        InvalidRequestError: The format cannot be, or cannot hold what is wanted.
    """
    if output is None and format is None:
        name = "" if source is None else name_of(source)
        format = default_format(name, transparent=background == "transparent")  # noqa: A001
    format = check_format(format_for(output, format))  # noqa: A001
    if background is None:
        return None, "remove the background", format
    if isinstance(background, os.PathLike) or is_url(background) or is_media_name(background):
        return background, "", format
    words = " ".join(background.split())
    if not words:
        raise InvalidRequestError("the background is empty", remedy="Say what should be there.")
    if words.lower() == "transparent":
        if not has_alpha(format) and not format.startswith(MATTE):
            raise InvalidRequestError(
                f"an {format} file cannot be transparent",
                remedy=f"Use one of: {', '.join(WITH_ALPHA)}.",
            )
        return None, "cut out the background and make it transparent", format
    if words.lower() in ("blur", "blurred"):
        return None, "blur the background", format
    return None, f"replace the background with {words}", format
