"""Matting: pictures in, soft masks of the person out.

`engine` says what an engine is, `selfie` is the one that comes along,
`tracking` finds the crop that an engine looks at, `smoothing` makes masks
steady, and `cutter` puts these together for the frames of one clip.
"""

from nemovideo.local.matte.cutter import Cutter as Cutter
from nemovideo.local.matte.engine import Matte as Matte
from nemovideo.local.matte.selfie import SelfieSegmentation as SelfieSegmentation
