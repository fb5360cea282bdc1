"""Shape, place, frame, logo, title style and background sound, and answers to questions."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from nemovideo import Client
from nemovideo.local import LocalBackend
from nemovideo.local.agent import edits, respond
from nemovideo.local.timeline import Background, Crop, Overlay, Timeline, Title
from tests.support.agent import (
    GARDEN,
    RAIN,
    SONG,
    TALK,
    ask,
    change_summary,
    rows,
    start,
    upload,
    wrong,
)
from tests.support.media import make_clip

MEDIA = (TALK, GARDEN, SONG, RAIN, upload(5, "logo.png", "image"))


def _behind(background: Background) -> Timeline:
    return edits.set_background(start(), background)


def _wrong(name: str, before: Timeline) -> list[tuple[str, str, str]]:
    return wrong(name, lambda text: change_summary(ask(text, before, MEDIA), before))


def test_shape_frame_fade_and_logo_are_changed() -> None:
    assert not _wrong("framing", start())


def test_the_person_is_placed_and_scaled_over_a_new_background() -> None:
    assert not _wrong("placed", _behind(Background("scene", scene="office")))


def test_the_style_of_an_existing_title_is_changed() -> None:
    assert not _wrong("existing_title", attrs.evolve(start(), titles=(Title("Hello", 1000),)))


def test_an_existing_logo_is_edited() -> None:
    logo = Overlay("m5", "logo.png", 10_000, size=0.2)
    assert not _wrong("existing_logo", attrs.evolve(start(), overlays=(logo,)))


def test_the_sound_of_the_background_video_is_changed() -> None:
    assert not _wrong("background_sound", _behind(Background("video", media="m4")))


def test_an_answer_completes_the_request() -> None:
    wrong = []
    for row in rows("answers"):
        first = respond(row["first"], timeline=start(), media=(TALK,))
        assert first.question is not None, row["first"]
        assert not first.changed
        for text in row["texts"]:
            turn = respond(text, timeline=start(), media=(TALK,), question=first.question)
            if change_summary(turn) != row["then"] or turn.question is not None:
                wrong.append((row["first"], text, row["then"], change_summary(turn)))
    assert not wrong


def test_a_question_is_remembered_by_the_server_for_one_message(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "talk.mp4", seconds=0.4)
    with (
        LocalBackend(tmp_path / "state", engine="fast") as backend,
        Client(backend.issue_token(), base_url=backend.url) as client,
    ):
        session = client.sessions.create()
        session.upload(clip)
        assert "?" in session.send("add a title").text
        session.send("Hello")
        assert "Hello" in str(session.state().draft)
        session.send("Again")
        assert "Again" not in str(session.state().draft)


def test_a_refusal_is_one_line() -> None:
    for text in ("teleport the moon", "给我变个魔术"):
        said = ask(text).steps[0].text
        assert text in said
        assert len(said) < 100


def test_rotating_and_mirroring_keep_the_visible_part_of_a_crop() -> None:
    cropped = edits.crop(start(), Crop(0, 0, 0.5, 1))
    turned = edits.rotate(cropped, 90)
    assert turned.clips[0].crop == Crop(0, 0, 1, 0.5)
    assert (turned.width, turned.height) == (720, 640)
    assert edits.rotate(turned, 270) == attrs.evolve(cropped, has_custom_size=True)
    assert edits.flip(cropped, "x").clips[0].crop == Crop(0.5, 0, 1, 1)
    mirrored = edits.rotate(edits.flip(start(), "x"), 90).clips[0]
    assert (mirrored.rotation_deg, mirrored.flip) == (90, "y")


def test_a_logo_and_music_follow_the_length_of_the_video() -> None:
    logo = Overlay("m5", "logo.png", 10_000, size=0.2)
    short = ask("keep the first 4 seconds", attrs.evolve(start(), overlays=(logo,)), MEDIA)
    assert short.timeline is not None
    assert short.timeline.overlays[0].duration_ms == 4000
    longer = ask("create a 2 second intro saying 'Hi'", short.timeline, MEDIA)
    assert longer.timeline is not None
    assert longer.timeline.overlays[0].duration_ms == 6000


@pytest.mark.parametrize(
    "words",
    [
        "make it 9:16 with me at the bottom right and a yellow title saying 'X'",
        "make it 9:16 with me in the lower right and a yellow title saying 'X'",
        "make it 9:16, me in the bottom right corner, and a yellow title saying 'X'",
    ],
)
def test_a_position_without_a_verb_combines_with_a_shape_and_a_title(words: str) -> None:
    found = change_summary(ask(words, _behind(Background("scene", scene="office"))))
    assert "size=720x1280" in found
    assert "place=1,1,1" in found
    assert "titles=X@top:0+3000 #ffff00" in found


@pytest.mark.parametrize(
    ("words", "position"),
    [
        ("put me in the bottom right corner at 60%", "top"),
        ("put me in the bottom right corner", "bottom"),
        ("make it 9:16 and put me at the bottom", "top"),
        ("make it 9:16 and put me in the bottom left corner at 150%", "bottom"),
        ("make it 9:16 and put me in the top right corner", "bottom"),
        ("make it 9:16", "bottom"),
    ],
)
def test_a_title_avoids_a_person_at_the_bottom_if_the_top_is_free(
    words: str, position: str
) -> None:
    found = change_summary(ask(f"{words}, and add a title saying 'X'", _behind(Background("blur"))))
    assert f"titles=X@{position}" in found


@pytest.mark.parametrize(
    "words",
    ["keep only the person on the left", "remove the background around the person on the right"],
)
def test_a_side_that_says_which_person_is_not_a_position(words: str) -> None:
    assert "place" not in change_summary(ask(words))
