"""Any session of rembg as an engine (extra `[rembg]`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from PIL import Image

from nemovideo.errors import MissingExtraError, ModelUnavailableError
from nemovideo.local.matte.engine import Mask, Picture

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_SESSION = "u2net"
_SIDE = 320


class Session(Protocol):
    """What is asked of a session of rembg."""

    def predict(self, img: Image.Image) -> Sequence[Image.Image]:
        """Return the masks of a picture, the first of which is used."""
        ...


class RembgEngine:
    """One of rembg's networks: it keeps whatever stands out, a person or not.

    Far slower than the default engine, and each picture is judged for itself.

    Args:
        session: A session, as `rembg.new_session()` gives it, or the name of one
            ("u2net", "u2netp", "u2net_human_seg", "isnet-general-use", …), whose
            model rembg fetches on first use.

    Raises:
        MissingExtraError: rembg is not installed.
        ModelUnavailableError: There is no session of that name, or its model
            cannot be fetched.
    """

    side = _SIDE

    def __init__(self, session: Session | str = DEFAULT_SESSION) -> None:
        self._session = _new_session(session) if isinstance(session, str) else session

    def mask(self, picture: Picture) -> Mask:
        """Return the soft mask, in the picture's size."""
        made = self._session.predict(Image.fromarray(picture))
        mask: Mask = np.asarray(made[0].convert("L"), dtype=np.float32) * np.float32(1 / 255)
        return mask


def _new_session(name: str) -> Session:
    try:
        import rembg
    except ImportError:
        raise MissingExtraError(
            "The engine 'rembg' needs rembg",
            remedy='Install it: pip install "nemovideo[rembg]".',
        ) from None
    try:
        session: Session = rembg.new_session(name)
    except Exception as error:  # whatever its downloader and its runtime raise
        raise ModelUnavailableError(
            f"rembg has no session {name!r}, or cannot load it: {error}",
            remedy="Name one of rembg's models, as in 'rembg:u2netp', and go online once.",
        ) from error
    return session
