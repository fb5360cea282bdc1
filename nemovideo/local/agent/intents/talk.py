"""Answers without an edit: questions, greetings, the status, export, refusals."""

from __future__ import annotations

from nemovideo.local.agent import speech
from nemovideo.local.agent.context import Action, Context, Outcomes, answered
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.words import has, pattern

_EXAMPLES = ("background", "music", "title", "sound", "talk.speed", "talk.trim", "talk.undo")
_MAX_CHARS = 40
"""Longer clauses are not a greeting, thanks or a call for help."""


def is_negated(clause: Clause) -> bool:
    """Return whether the clause says not to do something."""
    return has(clause.text, "talk.negated") and not has(clause.text, "talk.not_negated")


def is_question(clause: Clause) -> bool:
    """Return whether the clause asks for an explanation: "how do I …", not "can you …"."""
    text = clause.text.strip()
    if has(text, "talk.request") and not has(text, "talk.whether_done"):
        return False
    return has(text, "talk.question")


def is_short(clause: Clause) -> bool:
    """Return whether a clause is short enough to be small talk."""
    return len(clause.text.strip()) <= _MAX_CHARS


def says(sentence: str) -> Action:
    """Return an answer that is always the same sentence."""
    return lambda _clause, context: answered(context.say(sentence))


def explain(clause: Clause, context: Context) -> Outcomes:
    """Answer a question about the timeline, or about how to ask for an edit."""
    text = clause.text
    if has(text, "talk.formats"):
        return answered(context.say("formats"))
    if has(text, "talk.credits"):
        return costs(clause, context)
    if has(text, "talk.preview"):
        return answered(context.say("preview"))
    if has(text, "talk.export"):
        return export(clause, context)
    if has(text, "talk.help", "talk.which"):
        return ability(clause, context)
    of_timeline = has(text, "talk.status", "background", "video_noun", "title")
    if of_timeline and not has(text, "talk.how"):
        return status(clause, context)
    for subject in _EXAMPLES:
        if has(text, subject):
            example = context.say(f"example.{subject.rpartition('.')[2]}")
            return answered(context.say("for_example", example=example))
    return ability(clause, context)


def status(_clause: Clause, context: Context) -> Outcomes:
    """Describe the timeline."""
    if not context.timeline.clips:
        uploads = speech.listed(context, [item.name for item in context.media])
        uploads = uploads or context.say("nothing_uploaded")
        return answered(context.say("timeline_empty", uploads=uploads))
    return answered(speech.summary(context, context.timeline))


def export(clause: Clause, context: Context) -> Outcomes:
    """Say how to export, in the format that the clause mentions."""
    if not context.timeline.clips:
        return answered(context.say("nothing_to_export"))
    found = pattern("talk.suffix").search(clause.text)
    suffix = found[0] if found else "mp4"
    closing = context.say("closing.export")
    return answered(f"{context.say('export_call', name=f'video.{suffix}')} {closing}")


def costs(_clause: Clause, context: Context) -> Outcomes:
    """Say what a turn costs, and where the balance is shown."""
    prices = {kind: context.costs.get(kind, 0) for kind in ("edit", "generation")}
    unit = "credit.one" if prices["edit"] == 1 else "credit.many"
    edit = context.say(unit, count=prices["edit"])
    return answered(context.say("credits", edit=edit, generation=prices["generation"]))


def greet(_clause: Clause, context: Context) -> Outcomes:
    """Return a greeting."""
    return answered(context.say("hello") + speech.abilities(context))


def acknowledge(_clause: Clause, context: Context) -> Outcomes:
    """List the uploads, and ask what to do with them."""
    names = speech.listed(context, [item.name for item in context.media])
    if not names:
        return answered(context.say("no_video"))
    return answered(context.say("have_uploads", names=names))


def ability(_clause: Clause, context: Context) -> Outcomes:
    """List what the agent can do."""
    return answered(speech.abilities(context))


def unknown(clause: Clause, context: Context, *, hint: bool) -> Outcomes:
    """Refuse a request that no intent matches; with `hint`, mention the help."""
    request = " ".join(clause.raw.split()).strip(" ,.;!?，。；！？、")
    request = request if len(request) <= 80 else request[:77] + "…"
    said = context.say("unknown", request=request)
    return answered(said + context.say("say_help") if hint else said, done=False)
