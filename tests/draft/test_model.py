"""Drafts: unchanged round trips, typed views, and manual edits."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemovideo.draft import Draft, TrackType
from nemovideo.errors import InvalidRequestError, MalformedResponseError
from nemovideo.local.timeline import Background, Clip, Sound, Timeline, Title

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=()))
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(), JSON, max_size=4)
TIMES = st.integers(0, 10**7) | JSON
METADATA = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "name": st.text() | JSON,
        "text": st.text() | JSON,
        "volume": st.floats(allow_nan=False, allow_infinity=False) | JSON,
        "start_ms": TIMES,
        "background": JSON,
        "brightness": JSON,
        "x": JSON,
    },
)


def _part(**known: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return JSON objects with some of the known keys among unknown ones, in any order."""
    return st.builds(
        lambda fields, others, shuffle: dict(shuffle([*fields.items(), *others.items()])),
        st.fixed_dictionaries({}, optional=known),
        OBJECTS.map(lambda others: {k: v for k, v in others.items() if k not in known}),
        st.randoms(use_true_random=False).map(
            lambda random: lambda items: random.sample(items, len(items))
        ),
    )


SEGMENTS = _part(d=TIMES, m=METADATA | JSON)
TRACKS = _part(
    tt=st.sampled_from([0, 1, 7, 5]) | JSON,
    sg=st.none() | st.lists(st.none() | SEGMENTS, max_size=4),
    d=TIMES,
    m=METADATA | JSON,
)
DRAFTS = _part(t=st.none() | st.lists(st.none() | TRACKS, max_size=4), d=TIMES, m=METADATA | JSON)


def exact(value: object) -> str:
    """Return a form that distinguishes 1, 1.0 and True, and different orders of keys."""
    return repr(value)


def draft(*tracks: object, **others: object) -> Draft:
    return Draft.from_json({"t": list(tracks), **others})


def track(kind: object, *segments: object, **others: object) -> dict[str, object]:
    return {"tt": kind, "sg": list(segments), **others}


def segment(duration_ms: object, **metadata: object) -> dict[str, object]:
    return {"d": duration_ms, "m": metadata}


SAMPLE = draft(
    track(0, segment(10_000, name="city timelapse")),
    track(1, segment(10_000, name="Lo-fi", volume=0.35)),
    track(7, segment(3_000, text="Urban Dreams")),
    d=10_000,
    m={"title": "Urban Dreams", "width": 1920, "height": 1080},
)


@given(DRAFTS)
def test_any_draft_is_returned_unchanged_with_types_and_key_order(value: dict[str, Any]) -> None:
    before = exact(value)
    parsed = Draft.from_json(value)
    assert exact(parsed.to_json()) == before
    assert exact(parsed.raw) == before
    assert exact(value) == before


@given(OBJECTS | _part(t=JSON, d=JSON, m=JSON) | JSON)
def test_any_json_is_returned_unchanged_or_refused_as_malformed(value: Any) -> None:
    try:
        parsed = Draft.from_json(value)
    except MalformedResponseError:
        return
    assert exact(parsed.to_json()) == exact(value)


@given(DRAFTS)
@settings(max_examples=25)
def test_every_view_of_every_draft_can_be_read(value: dict[str, Any]) -> None:
    parsed = Draft.from_json(value)
    assert parsed.summary() == str(parsed)
    assert "\n" not in str(parsed)
    assert parsed.duration_ms >= 0
    assert parsed.ready == any((part or {}).get("sg") for part in value.get("t") or [])
    assert parsed._repr_html_().count("<svg") == parsed._repr_html_().count("</svg>")
    assert repr(parsed)
    parsed._repr_mimebundle_()["text/html"].encode()
    for part in parsed.tracks:
        assert part.duration_ms >= 0
        assert repr(part)
        assert all(piece.end_ms >= piece.start_ms >= 0 and repr(piece) for piece in part.segments)


@given(DRAFTS)
def test_applying_nothing_changes_nothing(value: dict[str, Any]) -> None:
    parsed = Draft.from_json(value)
    assert exact(parsed.evolve().to_json()) == exact(value)
    assert all(part.evolve() == part for part in parsed.tracks)
    assert all(piece.evolve() == piece for part in parsed.tracks for piece in part.segments)
    same = parsed.evolve(tracks=parsed.tracks, duration_ms=parsed.duration_ms)
    assert same.evolve(tracks=parsed.tracks).tracks == parsed.tracks


def test_views_have_readable_names_for_the_short_json_keys() -> None:
    assert SAMPLE.ready
    assert SAMPLE.duration_ms == 10_000
    assert SAMPLE.name == "Urban Dreams"
    assert SAMPLE.metadata["width"] == 1920
    assert [part.type for part in SAMPLE.tracks] == [
        TrackType.VIDEO,
        TrackType.AUDIO,
        TrackType.TEXT,
    ]
    assert SAMPLE.tracks.video[0].segments[0].name == "city timelapse"
    assert SAMPLE.tracks.audio[0].segments[0].volume == 0.35
    assert SAMPLE.tracks.text[0].segments[0].text == "Urban Dreams"
    assert len(SAMPLE.tracks.video) == len(SAMPLE.tracks.audio) == len(SAMPLE.tracks.text) == 1


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (None, "$"),
        ([], "$"),
        (7, "$"),
        ({"t": 5}, "$.t"),
        ({"t": {"0": {}}}, "$.t"),
        ({"t": [{}, "track"]}, "$.t[1]"),
        ({"t": [{}, {"sg": "none"}]}, "$.t[1].sg"),
        ({"t": [{"sg": [{}, None, []]}]}, "$.t[0].sg[2]"),
    ],
)
def test_an_invalid_structure_is_refused_with_its_path(value: object, path: str) -> None:
    with pytest.raises(MalformedResponseError) as refused:
        Draft.from_json(value)
    assert refused.value.path == path


def test_the_message_about_an_invalid_structure_names_its_path() -> None:
    with pytest.raises(MalformedResponseError, match=r"The draft has no list at \$\.t\[1\]\.sg"):
        Draft.from_json({"t": [{}, {"sg": "none"}]})
    with pytest.raises(MalformedResponseError, match=r"no JSON object at \$\.t\[0\]\.sg\[2\]"):
        Draft.from_json({"t": [{"sg": [{}, None, []]}]})


def test_a_deeply_nested_draft_is_refused() -> None:
    value: object = 1
    for _ in range(100_000):
        value = [value]
    with pytest.raises(MalformedResponseError):
        Draft.from_json({"x": value})


@pytest.mark.parametrize("empty", [{}, {"t": None}, {"t": []}, {"t": [None]}, {"t": [{"sg": []}]}])
def test_a_draft_without_a_segment_is_not_ready(empty: dict[str, Any]) -> None:
    parsed = Draft.from_json(empty)
    assert not parsed.ready
    assert parsed.duration_ms == 0
    assert exact(parsed.to_json()) == exact(empty)


@pytest.mark.parametrize(
    "wrong",
    [None, "10", True, [], [1], -1.5, float("nan"), float("inf"), 10**400],
    ids=lambda wrong: repr(wrong)[:9],
)
def test_values_of_the_wrong_type_count_as_absent(wrong: object) -> None:
    sample = draft(
        {"tt": wrong, "d": wrong, "m": wrong, "sg": [{"d": wrong, "m": wrong}]},
        track(1, segment(2_000, start_ms=wrong, volume=wrong)),
        d=wrong,
        m=wrong,
    )
    first, second = sample.tracks
    assert (first.type, first.duration_ms, first.metadata) == (None, 0, {})
    assert (first.segments[0].duration_ms, first.segments[0].metadata) == (0, {})
    assert (second.segments[0].start_ms, second.segments[0].volume) == (0, None)
    assert sample.duration_ms == 2_000


@pytest.mark.parametrize("wrong", [None, True, [], {}, 5, "", " \n"])
def test_a_blank_or_invalid_name_is_skipped(wrong: object) -> None:
    sample = draft(track(0, segment(1, name=wrong, filename="a.mp4", text=wrong)))
    assert sample.tracks[0].segments[0].name == "a.mp4"
    assert sample.tracks[0].segments[0].text is None


@pytest.mark.parametrize("number", [2, 3, 5, 99, -4])
def test_unknown_track_types_are_kept_as_numbers(number: int) -> None:
    assert draft(track(number)).tracks[0].type == number
    assert not isinstance(draft(track(number)).tracks[0].type, TrackType)


def test_whole_numbers_written_as_floats_are_accepted() -> None:
    sample = draft(track(7.0, segment(1500.0), segment(0.6)), d=1501.0)
    assert sample.tracks[0].type is TrackType.TEXT
    assert [piece.duration_ms for piece in sample.tracks[0].segments] == [1500, 1]
    assert sample.duration_ms == 1501


def test_segments_follow_each_other_unless_they_say_where_they_start() -> None:
    sample = draft(track(0, segment(4_000), segment(1_000, start_ms=6_000), segment(500)))
    places = [(piece.start_ms, piece.end_ms) for piece in sample.tracks[0].segments]
    assert places == [(0, 4_000), (6_000, 7_000), (7_000, 7_500)]
    assert sample.tracks[0].duration_ms == sample.duration_ms == 7_500


@pytest.mark.parametrize(
    ("metadata", "volume"),
    [
        ({"volume": 0.35}, 0.35),
        ({"volume": 35}, 0.35),
        ({"volume": 1}, 1),
        ({"volume": 1.5}, 1.5),
        ({"volume": 100}, 1),
        ({"volume": 0}, 0),
        ({"volume": 0.5, "muted": True}, 0),
        ({"volume": 0.5, "muted": False}, 0.5),
        ({}, None),
    ],
)
def test_volume_is_a_factor_however_it_is_written(
    metadata: dict[str, Any], volume: float | None
) -> None:
    assert draft(track(1, {"m": metadata})).tracks[0].segments[0].volume == volume


def test_changes_to_arguments_or_results_do_not_change_the_draft() -> None:
    value: dict[str, Any] = {"t": [{"tt": 0, "sg": [{"d": 5, "m": {"x": [1]}}]}], "m": {"y": [2]}}
    parsed = Draft.from_json(value)
    before = exact(parsed.to_json())
    value["t"].clear()
    parsed.to_json()["t"] = None
    parts: list[Any] = [
        parsed.raw,
        parsed.metadata,
        parsed.tracks[0].raw,
        parsed.tracks[0].segments[0].raw,
    ]
    parts[0]["t"][0]["sg"].clear()
    parts[1]["y"].append(3)
    parts[2]["sg"].clear()
    parts[3]["m"]["x"].append(4)
    metadata: Any = parsed.tracks[0].segments[0].metadata
    metadata["x"].append(5)
    assert exact(parsed.to_json()) == before
    assert exact(parsed.tracks[0].segments[0].raw) == exact({"d": 5, "m": {"x": [1]}})


def test_a_draft_survives_pickle_and_deepcopy() -> None:
    assert SAMPLE.tracks
    for copied in (pickle.loads(pickle.dumps(SAMPLE)), copy.deepcopy(SAMPLE)):
        assert copied == SAMPLE
        assert str(copied) == str(SAMPLE)


def test_drafts_are_equal_when_their_json_is() -> None:
    assert Draft.from_json({"a": 1, "b": 2}) == Draft.from_json({"b": 2, "a": 1})
    assert Draft.from_json({"a": 1}) != Draft.from_json({"a": 2})
    assert Draft.from_json({}) != {}


def test_dropping_a_track_leaves_the_rest_and_all_unknown_keys() -> None:
    value = {
        "v": 1,
        "t": [
            track(0, segment(9_000, name="a"), d=9_000, lock=True),
            track(1, segment(12_000), d=12_000),
        ],
        "d": 12_000,
        "x": {"y": None},
    }
    result = Draft.from_json(value).without_track(1)
    expected = {"v": 1, "t": [value["t"][0]], "d": 9_000, "x": {"y": None}}  # type: ignore[index]
    assert exact(result.to_json()) == exact(expected)
    assert Draft.from_json(value).without_track(-1) == result


def test_trimming_moves_up_what_follows_and_shortens_track_and_draft() -> None:
    first = {"id": 7, "d": 6_000, "m": {"name": "a", "q": 1}, "z": 0}
    value = {"d": 10_000, "t": [track(0, first, segment(4_000, name="b"), d=10_000)]}
    result = Draft.from_json(value).trim(0, 0, 2_500)
    pieces = result.tracks[0].segments
    assert [(piece.start_ms, piece.end_ms) for piece in pieces] == [(0, 2_500), (2_500, 6_500)]
    assert pieces[0].raw == {**first, "d": 2_500}
    assert result.tracks[0].duration_ms == result.duration_ms == 6_500


def test_new_text_is_stored_under_the_existing_key() -> None:
    sample = draft(track(7, segment(1, content="old", size=9), segment(1, size=9)))
    changed = sample.with_text(0, 0, "new").with_text(0, 1, "more")
    assert [piece.metadata for piece in changed.tracks[0].segments] == [
        {"content": "new", "size": 9},
        {"size": 9, "text": "more"},
    ]


def test_an_added_title_is_understood_by_the_local_backend() -> None:
    sample = SAMPLE.with_title("Paradise Found", start_ms=2_000, duration_ms=4_000)
    assert str(sample).endswith('4. Title: "Paradise Found" (2-6s)')
    titles = Timeline.from_draft(
        sample.without_track(1).without_track(0).without_track(0).to_json()
    ).titles
    assert titles == (Title("Paradise Found", 4_000, start_ms=2_000),)


@pytest.mark.parametrize(
    "edit",
    [
        lambda: SAMPLE.without_track(3),
        lambda: SAMPLE.trim(0, 1, 100),
        lambda: SAMPLE.trim(0, 0, 0),
        lambda: SAMPLE.trim(0, 0, 10_001),
        lambda: SAMPLE.with_text(9, 0, "x"),
        lambda: SAMPLE.with_title("x", start_ms=-1),
        lambda: SAMPLE.evolve(duration_ms=-1),
        lambda: SAMPLE.evolve(metadata={"made": object()}),
    ],
)
def test_an_invalid_edit_is_refused(edit: Any) -> None:
    with pytest.raises(InvalidRequestError):
        edit()


def test_drafts_of_the_local_backend_can_be_read() -> None:
    timeline = Timeline(
        clips=(Clip("video", 8_000, "talk.mp4", media="m1", background=Background("blur")),),
        sounds=(Sound("m2", "Lo-fi", 8_000, volume=0.35),),
        titles=(Title("Hello", 2_000, start_ms=1_000),),
    )
    parsed = Draft.from_json(json.loads(json.dumps(timeline.to_draft())))
    assert str(parsed) == (
        "Timeline (3 tracks): 1. Video: talk.mp4 (0-8s, background blurred)"
        ' 2. BGM: Lo-fi (0-8s, 35%) 3. Title: "Hello" (1-3s)'
    )


XML = '<draft fps="25" width="4" height="2" duration="1000"><track/></draft>'


def test_a_text_draft_is_kept_unchanged() -> None:
    draft = Draft.from_json(XML)
    raw: object = draft.raw
    sent: object = draft.to_json()
    assert raw == XML
    assert sent == XML
    assert not draft.tracks
    assert draft.ready
    assert "69 characters" in draft.summary()
    for shown in (repr(draft), draft._repr_html_()):
        assert "69 characters of text" in shown
        assert "0 tracks" not in shown
    assert pickle.loads(pickle.dumps(draft)) == draft
    assert draft.diff(Draft.from_json({}))
    with pytest.raises(InvalidRequestError):
        draft.with_title("Hello")


def test_a_lone_surrogate_round_trips() -> None:
    value = {"t": [{"tt": 7, "sg": [{"m": {"text": "Hi \ud83d"}}]}]}
    assert Draft.from_json(value).to_json() == value
