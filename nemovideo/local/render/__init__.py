"""The renderer: `render` makes a file from a draft.

`decoding` reads frames onto the `canvas`, `clips` makes the picture of each clip with its
`backgrounds`, `titles` adds text and overlays, `sound` mixes the audio, and `encoding` writes the
file. `filters` has the FFmpeg filter graphs.
"""

from nemovideo.local.render.job import RenderResult as RenderResult
from nemovideo.local.render.job import render as render
