"""The local backend's agent: words in, edits of the timeline out, by rules and without I/O.

`respond` is all that the server needs. Inside, a message is made readable
(`message`), taken apart (`clauses`), understood (`intents/`, built from the
word classes of `words`), and carried out (`edits`).
"""

from __future__ import annotations

from nemovideo.local.agent.agent import respond
from nemovideo.local.agent.edits import timeline_for
from nemovideo.local.agent.turn import Step, ToolUse, Turn

__all__ = ["Step", "ToolUse", "Turn", "respond", "timeline_for"]
