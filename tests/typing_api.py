"""The public surface under the type checkers: never run, only read by mypy and pyright, strict."""

from __future__ import annotations

from typing_extensions import assert_type

from nemovideo import (
    Answer,
    AsyncConversation,
    AsyncSession,
    Conversation,
    NemoError,
    RenderedVideo,
    Reply,
    Route,
    Session,
)
from nemovideo.draft import Change, ChangeKind, Draft, DraftDiff, Segment, Track, Tracks, TrackType


def drafts(value: object) -> None:
    draft = Draft.from_json(value)
    assert_type(draft, Draft)
    assert_type(draft.to_json(), dict[str, object])
    assert_type(draft.raw, dict[str, object])
    assert_type(draft.metadata, dict[str, object])
    assert_type(draft.tracks, Tracks)
    assert_type(draft.tracks[0], Track)
    assert_type(draft.tracks.video, Tracks)
    assert_type(draft.ready, bool)
    assert_type(draft.duration_ms, int)
    assert_type(draft.name, str | None)
    assert_type(draft.summary(), str)
    assert_type(draft.evolve(tracks=draft.tracks.audio), Draft)
    assert_type(draft.without_track(0), Draft)
    assert_type(draft.trim(0, 0, 1000), Draft)
    assert_type(draft.with_text(0, 0, "words"), Draft)
    assert_type(draft.with_title("words", start_ms=0, duration_ms=1000), Draft)


def tracks_and_segments(track: Track) -> None:
    assert_type(track.type, TrackType | int | None)
    assert_type(track.segments, tuple[Segment, ...])
    assert_type(track.duration_ms, int)
    assert_type(track.evolve(segments=track.segments[:1]), Track)
    for segment in track.segments:
        assert_type(segment, Segment)
        assert_type(segment.duration_ms, int)
        assert_type(segment.start_ms, int)
        assert_type(segment.end_ms, int)
        assert_type(segment.name, str | None)
        assert_type(segment.text, str | None)
        assert_type(segment.volume, float | None)
        assert_type(segment.metadata, dict[str, object])
        assert_type(segment.evolve(duration_ms=1, metadata={}), Segment)


def differences(before: Draft, after: Draft) -> None:
    diff = before.diff(after)
    assert_type(diff, DraftDiff)
    assert_type(diff.sentences, tuple[str, ...])
    for change in diff:
        assert_type(change, Change)
        assert_type(change.kind, ChangeKind)
        assert_type(change.sentence, str)
        assert_type(change.track, int | None)
        assert_type(change.segment, int | None)


def conversations(session: Session) -> None:
    lines: list[str] = []
    chat = session.conversation(on_notice=lines.append, output_dir="videos", language="zh")
    assert_type(chat, Conversation)
    answer = chat.say("export", deadline=60)
    assert_type(answer, Answer)
    assert_type(answer.text, str)
    assert_type(answer.action, Route)
    assert_type(answer.video, RenderedVideo | None)
    assert_type(answer.reply, Reply | None)
    assert_type(answer.error, NemoError | None)


async def async_conversations(session: AsyncSession) -> None:
    async def tell(line: str) -> None:
        print(line)

    chat = session.conversation(tell, local_files=False)
    assert_type(chat, AsyncConversation)
    assert_type(await chat.say("export"), Answer)
