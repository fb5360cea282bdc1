"""The timeline as text, in the form of docs/protocol.md §6."""

from __future__ import annotations

import pytest

from nemovideo import SessionState
from nemovideo._values.lines import one_line, seconds, time_range
from nemovideo.draft import Draft
from nemovideo.draft.summary import summarize


def summary(*tracks: object) -> str:
    return Draft.from_json({"t": list(tracks)}).summary()


def track(kind: object, *segments: object, **metadata: object) -> dict[str, object]:
    return {"tt": kind, "sg": list(segments), "m": metadata}


def segment(duration_ms: int, **metadata: object) -> dict[str, object]:
    return {"d": duration_ms, "m": metadata}


def test_a_summary_has_the_form_of_the_protocol() -> None:
    assert summary(
        track(0, segment(10_000, name="city timelapse")),
        track(1, segment(10_000, name="Lo-fi", volume=0.35)),
        track(7, segment(3_000, text="Urban Dreams")),
    ) == (
        "Timeline (3 tracks): 1. Video: city timelapse (0-10s)"
        ' 2. BGM: Lo-fi (0-10s, 35%) 3. Title: "Urban Dreams" (0-3s)'
    )


def test_a_summary_counts_its_tracks() -> None:
    assert summary() == "Timeline (0 tracks)"
    assert summary(track(0, segment(1_000, name="a"))) == "Timeline (1 track): 1. Video: a (0-1s)"
    assert summary(track(1)) == "Timeline (1 track): 1. BGM: empty"


def test_the_fades_of_the_whole_video_are_in_the_heading() -> None:
    metadata = {"fade_in_ms": 1_000, "fade_out_ms": 500}
    draft = Draft.from_json({"t": [track(0, segment(1_000, name="a"))], "m": metadata})
    assert draft.summary() == "Timeline (1 track, fade-in, fade-out): 1. Video: a (0-1s)"
    assert summarize(draft, "zh") == "时间线（1 个轨道，淡入，淡出）：1. 视频：a (0-1s)"
    assert "1 track · 1s · fade-in · fade-out" in draft._repr_html_()


def test_segments_of_a_track_follow_each_other() -> None:
    assert summary(track(0, segment(4_000, name="a.mp4"), segment(2_500, name="b.mp4"))) == (
        "Timeline (1 track): 1. Video: a.mp4 (0-4s), b.mp4 (4-6.5s)"
    )


def test_very_many_segments_are_counted() -> None:
    clips = (segment(1_000, name=f"clip {number}") for number in range(1_000))
    draft = Draft.from_json({"t": [track(0, *clips)]})
    assert draft.summary().endswith("clip 9 (9-10s), 990 more (10-1000s)")
    assert summarize(draft, "zh").endswith("clip 9 (9-10s), 另有 990 段 (10-1000s)")


@pytest.mark.parametrize(
    ("start_ms", "end_ms", "words"),
    [
        (0, 400, "0-0.4s"),
        (50, 51, "0.05-0.051s"),
        (1_500, 61_250, "1.5-61.25s"),
        (0, 3_661_000, "0-3661s"),
        (0, 0, "0-0s"),
    ],
)
def test_times_are_seconds_at_every_length(start_ms: int, end_ms: int, words: str) -> None:
    assert time_range(start_ms, end_ms) == words
    assert words.endswith(seconds(end_ms))


@pytest.mark.parametrize(("kind", "label"), [(5, "Type 5"), (-3, "Type -3"), (None, "Track")])
def test_tracks_of_unknown_types_are_shown_with_their_number(kind: object, label: str) -> None:
    assert summary(track(kind, segment(500, name="glow"))) == (
        f"Timeline (1 track): 1. {label}: glow (0-0.5s)"
    )


def test_a_segment_without_a_name_gets_that_of_its_track_if_any() -> None:
    assert "Video: holiday (0-1s)" in summary(track(0, segment(1_000), name="holiday"))
    assert "BGM: Lo-fi (0-1s, 20%)" in summary(track(1, segment(1_000), name="Lo-fi", volume=0.2))
    assert summary(track(0, segment(1_000))) == "Timeline (1 track): 1. Video: (0-1s)"


def test_volume_is_shown_for_audio_and_if_it_was_changed() -> None:
    assert "(0-1s)" in summary(track(0, segment(1_000, name="a", volume=1.0)))
    assert "(0-1s, 50%)" in summary(track(0, segment(1_000, name="a", volume=0.5)))
    assert "(0-1s, 100%)" in summary(track(1, segment(1_000, name="a", volume=1.0)))
    assert "(0-1s, 0%)" in summary(track(1, segment(1_000, name="a", volume=0)))


def test_a_clip_without_sound_is_muted() -> None:
    assert "(0-1s, muted)" in summary(track(0, segment(1_000, name="a", volume=0)))
    assert "(0-1s, muted)" in summary(track(0, segment(1_000, name="a", muted=True)))


def test_values_that_change_nothing_or_make_no_sense_are_left_out() -> None:
    neutral = {"speed": 1.0, "contrast": 1, "brightness": 0, "turn": 0, "crop": None, "flip": ""}
    odd = {"saturation": False, "opacity": "half", "size": [2], "fit": {}, "place": 3 * [0]}
    text = summary(track(0, segment(1_000, name="a", **neutral)))
    assert text.endswith("1. Video: a (0-1s)")
    assert "black and white" not in summary(track(0, segment(1_000, name="a", **odd)))


def test_the_style_of_a_title_is_shown_after_its_time() -> None:
    title = segment(3_000, text="Hello", position="top", color="red", size=1.5)
    assert summary(track(7, title)).endswith(
        '3. Title: "Hello" (0-3s, top, color red, size 1.5)'[3:]
    )
    assert summary(track(0, segment(1_000, name="logo.png", size=0.2))).endswith("(0-1s)")


def test_the_fades_of_a_title_are_shown() -> None:
    faded = segment(3_000, text="Hi", fade_in_ms=500, fade_out_ms=500)
    assert summary(track(7, faded)).endswith('1. Title: "Hi" (0-3s, fade-in, fade-out)')


def test_words_stay_on_one_line_between_their_quotes() -> None:
    assert summary(track(7, segment(1_000, text='He said\n "hi"\x1b[31m'))).endswith(
        "\"He said 'hi' [31m\" (0-1s)"
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\u2028b\u202ec\ud800d", "a b c d"),
        ("x" * 81, "x" * 79 + "…"),
        ("👩\u200d🚀 都市", "👩\u200d🚀 都市"),
    ],
)
def test_one_line_keeps_visible_characters(text: str, line: str) -> None:
    assert one_line(text) == line


def test_a_state_prints_as_its_draft_and_its_files() -> None:
    draft = Draft.from_json({"t": [{"tt": 0, "sg": [{"d": 1000, "m": {"name": "talk.mp4"}}]}]})
    files: tuple[dict[str, object], ...]
    files = ({"filename": "talk.mp4"}, {"name": "song.mp3"}, {}, {"filename": "beach.jpg"})
    assert str(SessionState(draft, files)) == f"{draft}\nFiles: talk.mp4, song.mp3, beach.jpg"
    assert str(SessionState(draft)) == str(draft)
    assert str(SessionState(None)) == "No draft yet"


def test_a_picture_over_the_video_is_a_logo() -> None:
    clip = {"d": 4000, "m": {"kind": "video", "name": "talk.mp4"}}
    logo = {"d": 4000, "m": {"kind": "overlay", "name": "logo.png"}}
    draft = Draft.from_json({"t": [{"tt": 0, "sg": [clip]}, {"tt": 0, "sg": [logo]}]})
    assert draft.summary() == (
        "Timeline (2 tracks): 1. Video: talk.mp4 (0-4s) 2. Logo: logo.png (0-4s)"
    )
