"""rembg sessions as engines (extra `[rembg]`)."""

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
    """The part of a rembg session that is used."""

    def predict(self, img: Image.Image) -> Sequence[Image.Image]:
        """Return the masks of a picture; the first is used."""
        ...


class RembgEngine:
    """A network of rembg: it keeps salient objects, not only people.

    It is far slower than the default engine, and ignores the other frames.

    Args:
        session: A session from `rembg.new_session()`, or its name ("u2net", "u2netp",
            "u2net_human_seg", "isnet-general-use", …); rembg fetches the model on first use.

    Raises:
        MissingExtraError: rembg is not installed.
        ModelUnavailableError: There is no session of that name, or its model cannot be fetched.
    """

    side = _SIDE

    def __init__(self, session: Session | str = DEFAULT_SESSION) -> None:
        self._session = _new_session(session) if isinstance(session, str) else session

    def mask(self, picture: Picture) -> Mask:
        """Return the soft mask, at the size of the picture."""
        masks = self._session.predict(Image.fromarray(picture))
        mask: Mask = np.asarray(masks[0].convert("L"), dtype=np.float32) * np.float32(1 / 255)
        return mask


def _new_session(name: str) -> Session:
    try:
        import rembg
    except ImportError:
        raise MissingExtraError(
            "the engine 'rembg' needs rembg",
            remedy='Install it: pip install "nemovideo[rembg]".',
        ) from None
    try:
        session: Session = rembg.new_session(name)
    except Exception as error:  # the errors of its downloader and its runtime have no common base
        raise ModelUnavailableError(
            f"rembg has no session {name!r}, or cannot load it: {error}",
            remedy="Use one of rembg's models, such as 'rembg:u2netp'; the first use needs a "
            "network connection to download it.",
        ) from error
    return session
