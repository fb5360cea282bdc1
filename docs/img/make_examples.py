"""Make the pictures of the guides: `python docs/img/make_examples.py [NAME …]`.

Writes `engines.jpg`, `vertical.jpg`, `preview-light.png`, `preview-dark.png` and `mcp.png` next to
this file, or only the named ones. The people and clips are those of `make_cuts.py`. Everything
shown is real output: masks, a preview's card, the answers of the MCP server. Needs the extras
`[bench-matte]` and `[mcp]`, and Chromium.
"""

from __future__ import annotations

import html
import json
import re
import sys
import tempfile
from pathlib import Path

import anyio
import make_cuts
import numpy as np
from make_cards import shoot
from mcp import Client as Agent
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.types import CallToolResult, ImageContent, TextContent
from PIL import Image, ImageDraw

from benchmarks.matting import clips
from nemovideo import Client
from nemovideo.local import Matting

HERE = Path(__file__).resolve().parent

HARD = (
    ("biden-handheld-shelves", "moving camera"),
    ("biden-fast", "fast motion"),
    ("biden-small-launch-pad", "far away"),
    ("astronaut-before-a-poster", "a poster behind"),
)
ENGINES = ("fast", "fine")
_GREEN = np.array([0, 177, 64], np.float32)
_FRAME = 40
_TILE = (320, 180)


def engines() -> None:
    """Four hard clips: the frame, then each engine's result on green."""
    rows = []
    for name, label in HARD:
        (clip,) = clips.named_clips([name], frames=60)
        row = []
        for engine in ENGINES:
            frames = Matting(engine=engine).frames(clip.video)
            frame = next(each for number, each in enumerate(frames) if number == _FRAME)
            if not row:
                row.append(_labeled(frame.rgb, label))
            share = frame.alpha[..., np.newaxis]
            result = frame.rgb * share + _GREEN * (1 - share)
            row.append(_labeled(result.astype(np.uint8), f'engine="{engine}"'))
        rows.append(row)
    make_cuts.save(rows, "engines.jpg", quality=82)


def _labeled(picture: np.ndarray, text: str) -> Image.Image:  # type: ignore[type-arg]
    tile = Image.fromarray(picture).resize(_TILE, Image.Resampling.LANCZOS)
    drawing = ImageDraw.Draw(tile)
    box = drawing.textbbox((8, 6), text, font_size=14)
    drawing.rectangle((box[0] - 5, box[1] - 3, box[2] + 5, box[3] + 3), fill=(0, 0, 0))
    drawing.text((8, 6), text, fill="white", font_size=14)
    return tile


def vertical() -> None:
    """A clip, and the same clip in 9:16 with the person in a corner."""
    source = make_cuts.clip(make_cuts.ASTRONAUT)
    with tempfile.TemporaryDirectory() as folder, Client.local() as client:
        output = Path(folder, "vertical.mp4")
        client.remove_background(
            source,
            background="beach",
            edit="make it 9:16 and put me in the bottom right corner at 70%",
            trim=(0, 1),
            output=output,
        )
        (before,) = make_cuts.frames(source, [20])
        (after,) = make_cuts.frames(output, [20])
    height = 400
    pictures = [
        picture.convert("RGB").resize((picture.width * height // picture.height, height))
        for picture in (before, after)
    ]
    sheet = Image.new("RGB", (sum(each.width for each in pictures) + 16, height), "white")
    sheet.paste(pictures[0], (0, 0))
    sheet.paste(pictures[1], (pictures[0].width + 16, 0))
    sheet.save(HERE / "vertical.jpg", quality=82, optimize=True)


def preview() -> None:
    """The card of a preview, as a notebook shows it."""
    source = make_cuts.clip(make_cuts.OFFICIAL)
    with tempfile.TemporaryDirectory() as folder, Client.local() as client:
        small = make_cuts.small(source, Path(folder, "talk.mp4"), height=360)
        preview = client.preview(small, background="office setting", at=(0.5, 2))
    for theme in ("light", "dark"):
        shoot(preview._repr_html_(), 700, 480, HERE / f"preview-{theme}.png", dark=theme == "dark")


CALLS = (
    ("preview", {"source": "talk.mp4", "background": "office setting", "at": [1.0]}),
    ("remove_background", {"source": "talk.mp4", "background": "office setting"}),
)
"""What an agent calls for the request in the picture."""


def mcp() -> None:
    """A conversation with an agent: the request, its calls, and the server's answers."""
    source = make_cuts.clip(make_cuts.ASTRONAUT)
    with tempfile.TemporaryDirectory() as folder:
        make_cuts.small(source, Path(folder, "talk.mp4"), height=360)
        results = anyio.run(_results, folder)
    request = "Here is my clip, talk.mp4: put me in an office. Show me first."
    shown = [f"<p class=user>{html.escape(request)}</p>"]
    for (tool, arguments), result in zip(CALLS, results, strict=True):
        call = f"{tool}({json.dumps(arguments)})"
        shown.append(f"<p class=call>▸ {html.escape(call)}</p>")
        for content in result.content:
            if isinstance(content, TextContent):
                text = re.sub(r"ct=\S+", "ct=…", content.text.replace(folder, "~/Videos"))
                shown.append(f"<p class=result>{html.escape(text)}</p>")
            elif isinstance(content, ImageContent):
                shown.append(f"<img src='data:{content.mime_type};base64,{content.data}'>")
    style = (
        "body{font:14px/1.45 sans-serif}p{margin:8px 0;padding:8px 12px;border-radius:8px;"
        "white-space:pre-wrap}.user{background:#dff3ee;margin-left:120px}.call{font-family:monospace;"
        "background:#eef1f4}.result{border:1px solid #d6dbe0}img{height:250px;border-radius:6px}"
    )
    shoot(f"<style>{style}</style>{''.join(shown)}", 700, 590, HERE / "mcp.png", dark=False)


async def _results(folder: str) -> list[CallToolResult]:
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "nemovideo", "mcp", "--local", "--wait", "600", folder]
    )
    async with Agent(stdio_client(server)) as agent:
        return [await agent.call_tool(tool, arguments) for tool, arguments in CALLS]


def main() -> None:
    """Make the named pictures, or all of them."""
    makers = {each.__name__: each for each in (engines, vertical, preview, mcp)}
    for name in sys.argv[1:] or makers:
        makers[name]()


if __name__ == "__main__":
    main()
