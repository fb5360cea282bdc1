"""Answer a message by carrying out its clauses in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import evolve

from nemovideo.local.agent import speech
from nemovideo.local.agent.answers import completed, declines, is_answer
from nemovideo.local.agent.clauses import Request, split
from nemovideo.local.agent.context import Context, Outcome, Outcomes, answered, refused
from nemovideo.local.agent.intents.talk import unknown
from nemovideo.local.agent.language import Language, detect
from nemovideo.local.agent.leftovers import left_out
from nemovideo.local.agent.message import QUOTE, Message, read_message
from nemovideo.local.agent.referents import referents
from nemovideo.local.agent.selection import missing_clip
from nemovideo.local.agent.turn import ASK, TRIAL_COSTS, Kind, Question, Step, ToolUse, Turn
from nemovideo.local.agent.words import has
from nemovideo.local.media.limits import MAX_OVERLAYS, MAX_PARTS, MAX_TEXT_CHARS
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.timeline import Timeline

MAX_CHARACTERS = 2000
"""The maximum length of a message; longer ones are refused."""

_MAX_REQUESTS = 20


def respond(
    text: str,
    *,
    timeline: Timeline | None,
    media: Sequence[MediaItem],
    history: Sequence[Timeline | None] = (),
    question: Question | None = None,
    costs: Mapping[str, int] = TRIAL_COSTS,
) -> Turn:
    """Turn a message in English or Chinese into edits to the timeline.

    A pure function: the same arguments give the same turn. A request that cannot be met is
    refused and leaves the timeline unchanged; the others are carried out.

    `media` are the uploads of the session, in order, and `history` the previous versions of the
    timeline, oldest first. A message without an intent is the answer to `question`, which the
    previous turn asked. `costs` are the costs of a turn by kind, in credits.
    """
    before = timeline or Timeline()
    if len(text) > MAX_CHARACTERS:
        context = Context(detect(text), before, media, history, costs)
        said = context.say("too_long", limit=MAX_CHARACTERS)
        return _turn(answered(said, done=False), context, before)
    message = read_message(text, media)
    if question is not None and is_answer(message, question):
        message = read_message(completed(message, question), media)
    context = Context(_language(message), before, media, history, costs)
    outcomes: list[Outcome] = []
    if question is not None and declines(message):
        outcomes += answered(context.say("all_right"))
    requests = [] if outcomes else split(message, referents(context))
    if len(requests) > _MAX_REQUESTS:
        said = context.say("too_many_requests", limit=_MAX_REQUESTS)
        return _turn(answered(said, done=False), context, before)
    missing = False
    for wanted in requests:
        if missing and has(wanted.clause.text, "framing.it"):
            continue  # "… the second clip and mute it"
        refusal = missing_clip(wanted.clause, wanted.intent, context)
        missing = bool(refusal)
        for outcome in refusal or _carried_out(wanted, context, alone=len(requests) == 1):
            outcomes.append(outcome)
            if outcome.undone:
                context = evolve(context, timeline=context.previous, history=context.history[:-1])
            elif outcome.timeline is not None:
                context = evolve(context, timeline=outcome.timeline)
    if not outcomes:
        outcomes += answered(context.say("say_what") + speech.abilities(context), done=False)
    return _turn(outcomes, context, before)


def _carried_out(wanted: Request, context: Context, *, alone: bool) -> Outcomes:
    """Return the outcomes of a request, with a refusal of any parts that were left out.

    The reply to an unknown request mentions “help” only if the request is `alone` in its message.
    The message of a job also asks for a background, and in a job nobody can say “help”.
    """
    clause, intent = wanted.clause, wanted.intent
    if intent is None:
        return unknown(clause, context, hint=alone)
    outcomes = _within_limits(intent.carry_out(clause, context), context)
    if intent.family in ("talk", "undo", "create") or not all(one.done for one in outcomes):
        return outcomes
    parts = speech.listed(context, left_out(clause, intent.carry_out, context, outcomes))
    if not parts:
        return outcomes
    return outcomes + answered(context.say("cannot_part", part=parts), done=False)


def _within_limits(outcomes: Outcomes, context: Context) -> Outcomes:
    """Refuse an edit that would make the draft too large to render."""
    before = context.timeline
    for outcome in outcomes:
        after, tool = outcome.timeline, outcome.tool
        if after is None or tool is None or outcome.undone:
            continue
        said = None
        if after.part_count > max(MAX_PARTS, before.part_count):
            said = context.say("too_many_parts", limit=MAX_PARTS)
        elif after.text_chars > max(MAX_TEXT_CHARS, before.text_chars):
            said = context.say("too_much_text", limit=MAX_TEXT_CHARS)
        elif after.max_overlaid > max(MAX_OVERLAYS, before.max_overlaid):
            said = context.say("too_many_overlays", limit=MAX_OVERLAYS)
        if said is not None:
            return refused(tool.name, tool.args, said)
    return outcomes


def _language(message: Message) -> Language:
    """Detect the language outside quotations, or inside them if there is nothing else."""
    outside = message.whole.text.replace(QUOTE, "")
    return detect(
        outside if any(character.isalpha() for character in outside) else message.whole.raw
    )


def _turn(outcomes: Sequence[Outcome], context: Context, before: Timeline) -> Turn:
    edits = [outcome for outcome in outcomes if outcome.timeline is not None or outcome.undone]
    alone = len(outcomes) == 1
    undone = alone and outcomes[0].undone
    silent = alone and outcomes[0].silent
    generation = any(outcome.generation for outcome in outcomes)
    kind: Kind = "chat"
    if generation:
        kind = "generation"
    elif any(outcome.tool and outcome.tool.name != "undo" for outcome in outcomes):
        kind = "edit"
    steps = []
    for outcome in outcomes:
        said = outcome.said
        if edits and outcome is edits[0]:
            said = context.say("done") + said
        if edits and outcome is edits[-1]:
            closing = context.say("closing.preview" if generation else "closing.export")
            said = f"{said} {closing}"
        tool = outcome.tool or (_unmet(outcome) if edits else None)
        steps.append(Step(tool, "" if silent else said, outcome.timeline))
    return Turn(
        kind=kind,
        steps=tuple(steps),
        timeline=context.timeline if context.timeline.clips else None,
        changed=undone or context.timeline != before,
        undone=undone,
        silent=silent,
        question=next((outcome.asks for outcome in outcomes if outcome.asks), None),
    )


def _unmet(outcome: Outcome) -> ToolUse | None:
    """Return a tool call that reports an unmet request; None for a request that was met.

    If other requests in the message were met, this call is how a program can tell that one was
    not.
    """
    if outcome.done:
        return None
    if outcome.asks:
        return ToolUse(ASK, {"question": outcome.said}, {"status": "pending"})
    return ToolUse("find_tool", {}, {"status": "error", "message": outcome.said})
