"""Show only the mask, white where the person is, for use in other editors."""

from __future__ import annotations

from nemovideo.local.agent.context import Context, Outcomes
from nemovideo.local.agent.intents.background import put
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.words import has
from nemovideo.local.timeline import Background


def matches(clause: Clause) -> bool:
    """Return whether the clause asks for the mask, unlike "a matte black background"."""
    text = clause.text
    alone = has(text, "matte.alone")
    if has(text, "background") and not alone:
        return False
    # "I need an alpha channel" asks for the picture with its transparency.
    return has(text, "matte.mask_word") or (alone and not has(text, "matte.with_picture"))


def show(clause: Clause, context: Context) -> Outcomes:
    """Show the mask in place of the picture."""
    return put(clause, context, Background("matte"))
