"""What changed between two drafts: the sentences, the kinds, and which part is matched to which."""

from __future__ import annotations

import json
import pickle
import random
from typing import Any

import pytest
from hypothesis import given, settings

from nemovideo.draft import ChangeKind, Draft
from tests.draft.test_model import DRAFTS, draft, segment, track

TALK = segment(10_000, name="talk.mp4")
LOFI = segment(10_000, name="Lo-fi", volume=0.5)
PARADISE = track(7, segment(3_000, text="Paradise Found"))
BASE = draft(track(0, TALK), track(1, LOFI), d=10_000)


def sentences(before: Draft, after: Draft) -> list[str]:
    return list(before.diff(after).sentences)


def base(**others: object) -> Draft:
    return draft(track(0, TALK), track(1, LOFI), **{"d": 10_000, **others})


def talk(**metadata: object) -> Draft:
    return draft(track(0, segment(10_000, name="talk.mp4", **metadata)), track(1, LOFI), d=10_000)


@given(DRAFTS)
@settings(max_examples=25)
def test_a_draft_does_not_differ_from_itself(value: dict[str, Any]) -> None:
    diff = Draft.from_json(value).diff(Draft.from_json(json.loads(json.dumps(value))))
    assert not diff
    assert len(diff) == 0
    assert str(diff) == "Nothing changed"


@given(DRAFTS, DRAFTS)
@settings(max_examples=25)
def test_every_difference_gives_a_change(one: dict[str, Any], other: dict[str, Any]) -> None:
    before, after = Draft.from_json(one), Draft.from_json(other)
    diff = before.diff(after)
    assert bool(diff) == (before != after)
    assert all(change.sentence and "\n" not in str(change) for change in diff)
    diff._repr_html_().encode()
    for change in diff:
        tracks = (before if change.removed else after).tracks
        if change.track is not None:
            held = tracks[change.track].segments
            assert change.segment is None or change.segment < len(held)


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (
            draft(
                track(0, TALK),
                track(1, LOFI),
                track(7, segment(3_000, text="Paradise Found")),
                d=10_000,
            ),
            "Title added: “Paradise Found” (0-3s)",
        ),
        (talk(background={"kind": "transparent"}), "Background of talk.mp4 removed"),
        (talk(background="transparent"), "Background of talk.mp4 removed"),
        (
            talk(background={"kind": "scene", "scene": "office"}),
            "Background of talk.mp4 replaced: office",
        ),
        (
            talk(background={"kind": "color", "color": "#00b140"}),
            "Background of talk.mp4 replaced: #00b140",
        ),
        (talk(background={"kind": "blur"}), "Background of talk.mp4 blurred"),
        (draft(track(0, TALK), d=10_000), "Track 2 (audio) removed: Lo-fi (0-10s, 50%)"),
        (draft(track(1, LOFI), track(0, TALK), d=10_000), "Track 2 (audio) moved to position 1"),
        (
            draft(track(0, TALK), track(1, segment(10_000, name="Lo-fi", volume=0.35)), d=10_000),
            "Volume of Lo-fi 50% → 35%",
        ),
        (
            draft(track(0, TALK), track(1, segment(10_000, name="Lo-fi", volume=0)), d=10_000),
            "Lo-fi muted",
        ),
        (
            draft(track(0, TALK), track(1, segment(10_000, name="Jazz", volume=0.5)), d=10_000),
            "Lo-fi replaced by Jazz",
        ),
        (talk(brightness=0.2), "Brightness of talk.mp4 set to 0.2"),
        (talk(filter="sepia"), "talk.mp4: filter changed"),
        (talk(fit="blur", place={"x": 1}), "talk.mp4: fit and position changed"),
        (
            draft(track(0, TALK, lock=True), track(1, LOFI), d=10_000),
            "Track 1 (video): lock changed",
        ),
        (base(d=9_500), "Duration 10s → 9.5s"),
        (base(v=2), "Project settings changed: v"),
        (base(m={"width": 720, "height": 1280, "shaped": True}), "Frame size changed: 720×1280"),
        (base(m={"shaped": True}), "Other settings changed"),
        (
            base(m={"title": "X"}),
            "Project renamed: no name → “X”",
        ),
        (draft(track(0, TALK), track(1, LOFI), {"tt": 5}, d=10_000), "Track 3 (type 5) added"),
        (draft(track(0, TALK), track(1, LOFI, d="x"), d=10_000), "Track 2 (audio) changed"),
    ],
)
def test_one_change_is_one_sentence(after: Draft, told: str) -> None:
    assert sentences(BASE, after) == [told]


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (
            draft(track(0, TALK), track(1, LOFI), PARADISE, d=10_000),
            "已添加标题：“Paradise Found” (0-3s)",
        ),
        (talk(background="transparent"), "已去除 talk.mp4 的背景"),
        (talk(background={"kind": "scene", "scene": "office"}), "talk.mp4 的背景已替换为：office"),
        (talk(speed=2), "talk.mp4 的速度已设为 2"),
        (talk(filter="sepia"), "talk.mp4 已更改：filter"),
        (talk(fit="blur", place={"x": 1}), "talk.mp4 已更改：适配方式、位置"),
        (
            base(m={"width": 720, "height": 1280, "fps": 24}),
            "画面尺寸已更改：720×1280；项目设置已更改：帧率",
        ),
        (base(d=9_500), "总时长 10s → 9.5s"),
        (draft(track(0, TALK), d=10_000), "已移除轨道 2（音频）：Lo-fi (0-10s, 50%)"),
        (draft(track(1, LOFI), track(0, TALK), d=10_000), "轨道 2（音频） 已移到第 1 位"),
        (
            draft(track(0, TALK), track(1, segment(10_000, name="Lo-fi", volume=0)), d=10_000),
            "Lo-fi 已静音",
        ),
    ],
)
def test_one_change_is_one_sentence_in_chinese(after: Draft, told: str) -> None:
    assert [change.describe("zh") for change in BASE.diff(after)] == [told]


def test_a_new_frame_size_is_described_with_the_old_one() -> None:
    wide = base(m={"width": 1280, "height": 720})
    tall = base(m={"width": 720, "height": 1280, "shaped": True})
    faster = base(m={"width": 720, "height": 1280, "shaped": True, "fps": 60, "rated": True})
    assert sentences(wide, tall) == ["Frame size changed: 1280×720 → 720×1280"]
    assert sentences(tall, faster) == ["Project settings changed: frame rate"]
    assert sentences(wide, faster) == [
        "Frame size changed: 1280×720 → 720×1280; project settings changed: frame rate"
    ]
    square = base(m={"width": 720, "height": 720})
    assert sentences(wide, square) == ["Project settings changed: width"]


def test_a_change_is_a_value() -> None:
    (change,) = BASE.diff(talk(speed=1.5))
    assert (change.kind, change.field, change.before, change.after) == (
        ChangeKind.ADJUSTMENT,
        "speed",
        None,
        1.5,
    )
    assert (change.subject.track, change.subject.segment, change.subject.name) == (0, 0, "talk.mp4")
    (setting,) = talk(filter="sepia").diff(talk(filter="noir", crop=1))
    assert (setting.before, setting.after) == ({"filter": "sepia"}, {"filter": "noir", "crop": 1})
    assert pickle.loads(pickle.dumps(setting)) == setting


def test_a_removal_reversed_is_an_addition() -> None:
    assert sentences(talk(background="blur"), BASE) == ["Background of talk.mp4 restored"]
    assert sentences(talk(speed=2), BASE) == ["Speed of talk.mp4 reset"]
    assert sentences(talk(speed=2), talk(speed=1.5)) == ["Speed of talk.mp4 2 → 1.5"]


def test_a_shorter_clip_shortens_the_whole() -> None:
    after = BASE.trim(0, 0, 7_000).trim(1, 0, 7_000)
    assert sentences(BASE, after) == [
        "Duration of talk.mp4 10s → 7s",
        "Duration of Lo-fi 10s → 7s",
        "Duration 10s → 7s",
    ]


def test_changed_words_are_quoted() -> None:
    before = draft(track(7, segment(1, text="one"), segment(2, text="two")))
    assert sentences(before, before.with_text(0, 1, "three")) == ["Title changed: “two” → “three”"]


def test_segments_added_removed_and_moved_within_a_track() -> None:
    one, two, three = (segment(1_000, name=name) for name in "abc")
    before, after = draft(track(0, one, two)), draft(track(0, three, one, two))
    assert sentences(before, after)[0] == "Video added: c (0-1s)"
    assert sentences(after, before)[0] == "Video removed: c (0-1s)"
    assert sentences(draft(track(0, one, two, three)), draft(track(0, three, one, two))) == [
        "c moved from position 3 to 1"
    ]


def test_a_track_that_moved_and_changed_is_still_the_same_track() -> None:
    louder = segment(10_000, name="Lo-fi", volume=0.8)
    title = track(7, segment(1_000, text="Hi"))
    diff = BASE.diff(draft(title, track(1, louder), track(0, TALK), d=10_000))
    assert {change.kind for change in diff} == {
        ChangeKind.TRACK_ADDED,
        ChangeKind.TRACK_MOVED,
        ChangeKind.VOLUME,
    }
    (volume,) = (change for change in diff if change.kind is ChangeKind.VOLUME)
    assert (volume.track, volume.segment) == (1, 0)


def test_a_change_says_whether_its_part_was_added_or_removed() -> None:
    diff = BASE.diff(draft(track(0, TALK, segment(5_000, name="b.mp4")), d=15_000))
    assert [(change.kind, change.track, change.segment) for change in diff] == [
        (ChangeKind.TRACK_REMOVED, 1, None),
        (ChangeKind.SEGMENT_ADDED, 0, 1),
        (ChangeKind.DURATION, None, None),
    ]
    assert [change.removed for change in diff] == [True, False, False]
    assert [change.added for change in diff] == [False, True, False]


def test_removing_many_of_very_many_segments_names_only_those() -> None:
    pieces = [segment(1_000, name=f"clip {index % 97}", n=index) for index in range(8_000)]
    kept = random.Random(5).sample(range(8_000), 7_990)
    after = draft(track(0, *(pieces[index] for index in sorted(kept))))
    diff = draft(track(0, *pieces)).diff(after)
    assert [change.kind for change in diff if change.segment is not None] == [
        ChangeKind.SEGMENT_REMOVED
    ] * 10


def test_thousands_of_tracks_in_another_order_are_only_moved() -> None:
    tracks = [track(place % 2, segment(1_000, name=f"clip {place}")) for place in range(3_000)]
    shuffled = random.Random(5).sample(tracks, len(tracks))
    diff = draft(*tracks).diff(draft(*shuffled))
    assert {change.kind for change in diff} == {ChangeKind.TRACK_MOVED}
