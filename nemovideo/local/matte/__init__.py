"""Matting: frames in, soft masks of the people out.

`engine` says what an engine is. `selfie` comes along, `litert` and `onnx` run files of
the user's own (`tensors` says of what form, `interpreter` loads them; `recurrent` is for networks
that remember), `rembg` brings rembg's; `loading` finds the one that is meant. What all
share: `faces` finds faces, `people` who is to be kept and a crop for each (`tracking`,
`regions`), `smoothing` steadies masks in time, `edges` puts them in place, and
`cutter` does all this for the frames of one clip.
"""

from nemovideo.local.matte.cutter import Cut as Cut
from nemovideo.local.matte.cutter import Cutter as Cutter
from nemovideo.local.matte.engine import Matte as Matte
from nemovideo.local.matte.loading import Engine as Engine
from nemovideo.local.matte.loading import Follower as Follower
from nemovideo.local.matte.loading import LazyMatting as LazyMatting
from nemovideo.local.matte.loading import LoadedEngine as LoadedEngine
from nemovideo.local.matte.loading import load_matting as load_matting
from nemovideo.local.matte.model import Model as Model
from nemovideo.local.matte.runtime import AUTO as AUTO
from nemovideo.local.matte.selfie import SelfieSegmentation as SelfieSegmentation
