"""Matting: frames in, soft masks of people out.

An engine (`engine`) segments one picture: `selfie` is built in, `litert` and `onnx` run a user's
model file with the tensors in `tensors`, `rembg` wraps rembg, and `recurrent` runs networks with
memory. `loading` selects one. All share the rest: `faces` and `people` find and track people
(`tracking`, `regions`), `smoothing` steadies masks in time, `edges` aligns them to the picture, and
`cutter` combines these steps for the frames of a clip. `fine` adds a second network for key frames
(`key_frames`, `reconcile`) and propagates its masks (`propagation`).
"""

from nemovideo.local.matte.cutter import Cut as Cut
from nemovideo.local.matte.cutter import Cutter as Cutter
from nemovideo.local.matte.engine import Matte as Matte
from nemovideo.local.matte.loading import Engine as Engine
from nemovideo.local.matte.loading import FrameCutter as FrameCutter
from nemovideo.local.matte.loading import LazyMatting as LazyMatting
from nemovideo.local.matte.loading import LoadedEngine as LoadedEngine
from nemovideo.local.matte.loading import check_engine_name as check_engine_name
from nemovideo.local.matte.loading import load_matting as load_matting
from nemovideo.local.matte.model import Model as Model
from nemovideo.local.matte.runtime import AUTO as AUTO
from nemovideo.local.matte.selfie import SelfieSegmentation as SelfieSegmentation
