"""The local backend's agent: turns a message into edits to the timeline, by rules, without I/O.

The server calls `respond`, which parses a message (`message`), splits it into clauses (`clauses`),
finds their intents (`intents/`, with the words of `words/`), and edits the timeline (`edits`).
"""

from __future__ import annotations

from nemovideo.local.agent.agent import respond
from nemovideo.local.agent.edits import timeline_for
from nemovideo.local.agent.turn import Step, ToolUse, Turn

__all__ = ["Step", "ToolUse", "Turn", "respond", "timeline_for"]
