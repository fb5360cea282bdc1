"""Results of tools: text for the model, and the same information as structured data."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

from mcp.types import CallToolResult, ContentBlock, ImageContent, TextContent

from nemovideo._values.lines import capitalized, credits_text
from nemovideo._values.remedies import remedy_for
from nemovideo.errors import NemoError
from nemovideo.gui import clean
from nemovideo.models import Answer, Credits, Preview, RenderedVideo, SessionState


def answer(
    text: str,
    data: Mapping[str, object] | None = None,
    pictures: Sequence[bytes] = (),
    *,
    failed: bool = False,
) -> CallToolResult:
    """Return a result with text, data, and PNG pictures."""
    content: list[ContentBlock] = [TextContent(type="text", text=text)]
    for picture in pictures:
        coded = base64.b64encode(picture).decode("ascii")
        content.append(ImageContent(type="image", data=coded, mime_type="image/png"))
    structured = None if data is None else dict(data)
    return CallToolResult(content=content, structured_content=structured, is_error=failed)


def error_answer(error: NemoError, text: str | None = None) -> CallToolResult:
    """Return an error: its message and remedy."""
    words = text or _sentence(error)
    url = getattr(error, "register_url", None)
    if isinstance(url, str) and url not in words:
        words = f"{words} Register for more: {url}"
    if error.may_have_spent and text is None:
        words = f"{words} Credits may have been used: check them before you try again."
    data = {"error": type(error).__name__, "may_have_spent": error.may_have_spent}
    return answer(words, data, failed=True)


def video_answer(video: RenderedVideo) -> CallToolResult:
    """Return a finished video."""
    lines = [f"Saved {video.path}", *_notes(video.warnings)]
    if video.credits_spent is not None:
        lines.append(f"{credits_text(video.credits_spent)} spent, {video.credits_after:g} left.")
    if video.project_url:
        lines.append(f"Project: {video.project_url}")
    lines.append(f"Session: {video.session_id}")
    return answer("\n".join(lines), _video_data(video))


def preview_answer(preview: Preview, session_id: str | None = None) -> CallToolResult:
    """Return a preview as one picture."""
    times = [round(still.time_s, 2) for still in preview.stills]
    shown = "The footage is above, the result below" if preview.before else "The result"
    moments = ", ".join(f"{time:g} s" for time in times)
    lines = [f"{shown}, at {moments}. Made with: {preview.basis}.", *_notes(preview.warnings)]
    data: dict[str, object] = {
        "session_id": session_id,
        "at": times,
        "basis": preview.basis,
        "warnings": list(preview.warnings),
    }
    return answer("\n".join(lines), data, [preview.sheet])


def conversation_answer(reply: Answer, session_id: str) -> CallToolResult:
    """Return the answer of a conversation."""
    if reply.error is not None:
        return error_answer(reply.error, reply.text)
    data: dict[str, object] = {"session_id": session_id}
    if reply.video is not None:
        data |= _video_data(reply.video)
    return answer(reply.text, data)


def timeline_answer(state: SessionState, session_id: str) -> CallToolResult:
    """Return the timeline and files of a session."""
    draft = state.draft
    files = list(state.file_names)
    if draft is not None and draft.tracks:
        text = draft.summary()
    elif files:
        text = f"Nothing is on the timeline yet. Uploaded: {', '.join(files)}."
    else:
        text = "There is nothing in this session yet."
    data: dict[str, object] = {
        "session_id": session_id,
        "ready": draft is not None and draft.ready,
        "duration_s": 0.0 if draft is None else draft.duration_ms / 1000,
        "files": files,
    }
    return answer(text, data)


def credits_answer(found: Credits) -> CallToolResult:
    """Return the available credits."""
    data = {"available": found.available, "frozen": found.frozen, "total": found.total}
    reserved = f", {found.frozen:g} reserved by work in progress" if found.frozen else ""
    return answer(f"{found.available:g} credits available{reserved}.", data)


def _sentence(error: NemoError) -> str:
    message = clean(error.message).text.strip().rstrip(".") or "The service rejected the request"
    return f"{capitalized(message)}. {remedy_for(error.remedy, 'tool')}".strip()


def _notes(warnings: Sequence[str]) -> list[str]:
    return [f"Note: {warning}" for warning in warnings]


def _video_data(video: RenderedVideo) -> dict[str, object]:
    return {
        "path": None if video.path is None else str(video.path),
        "session_id": video.session_id,
        "duration_s": video.duration_s,
        "size_bytes": video.size_bytes,
        "credits_spent": video.credits_spent,
        "credits_left": video.credits_after,
        "project_url": video.project_url,
        "warnings": list(video.warnings),
    }
