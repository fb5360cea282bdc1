"""From a draft to a file: `render` is the way in.

`canvas` is the picture being made, `decoding` brings frames, `clips` makes the
picture of one clip, `backgrounds` what stands behind the person, `titles` the
words over it, `sound` the mix, `filters` the FFmpeg graphs, `encoding` the file.
"""

from nemovideo.local.render.job import RenderResult as RenderResult
from nemovideo.local.render.job import render as render
