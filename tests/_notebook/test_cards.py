"""Notebook cards: what they show, and that nothing in a name can become markup."""

from __future__ import annotations

import base64
import io
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from av.video.frame import VideoFrame
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nemovideo import Client
from nemovideo._notebook import cards
from nemovideo._notebook.figures import EMBED_LIMIT_BYTES
from nemovideo.events import ToolCallEvent
from nemovideo.models import Answer, MediaFile, RenderedVideo, RenderJob, Reply, Route
from tests.draft.test_model import SAMPLE, draft, segment, track
from tests.support.footage import film
from tests.support.media import make_clip

VOID = {"img", "br"}
EVIL = """"'><script>alert(1)</script><img src=x onerror=alert(1)>&amp;"""


class Page(HTMLParser):
    """What a browser would find: the tags, the attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    def values(self, name: str) -> list[str]:
        return [value or "" for key, value in self.attributes if key == name]


def test_a_draft_shows_its_tracks_names_and_times() -> None:
    page = Page(SAMPLE._repr_html_())
    assert {"Urban Dreams", "1. Video", "2. BGM", "3. Title"} <= set(page.words)
    assert {"city timelapse", "Lo-fi · 35%", '"Urban Dreams"', "0s", "10s"} <= set(page.words)
    assert "3 tracks · 10s · 1920×1080" in page.words
    assert page.values("aria-label") == [str(SAMPLE)]


@settings(max_examples=15)
@given(st.text())
def test_names_are_escaped(name: str) -> None:
    edited = draft(
        track(0, segment(9_000, name=f"{name}{EVIL}")),
        track(7, segment(9_000, text=f"{EVIL}{name}")),
        m={"title": EVIL + name},
    )
    for html in (
        edited._repr_html_(),
        draft().diff(edited)._repr_html_(),
        edited.diff(draft())._repr_html_(),
        cards.job_progress(EVIL, None, EVIL),
        cards.video_card(EVIL.replace("/", ""), f"https://example.org/{EVIL}", [EVIL]),
        cards.message_card(EVIL, EVIL, details=[EVIL], warnings=[EVIL]),
        cards.details_card(EVIL, EVIL, [(EVIL, EVIL)]),
    ):
        page = Page(html)
        assert not {"script", "img", "b>"} & set(page.tags)
        assert not [key for key, _ in page.attributes if key.startswith("on") or key == "id"]
        html.encode()


def test_thousands_of_segments_and_tracks_make_a_small_picture() -> None:
    pieces = [segment(700 + place % 9, name=f"clip {place}") for place in range(8_000)]
    many = draft(track(0, *pieces), *[track(5, segment(1))] * 500)
    html = many._repr_html_()
    assert len(html) < 200_000
    assert "and 471 more tracks" in Page(html).words


def test_a_long_name_is_clipped_to_its_bar() -> None:
    sample = draft(track(0, segment(1_000, name="a very long name indeed"), segment(9_000)))
    words = Page(sample._repr_html_()).words
    assert any(word.startswith("a very") and word.endswith("…") for word in words)


def test_a_bar_and_its_tooltip_show_what_was_done_to_a_clip() -> None:
    edits = {"volume": 0, "speed": 2, "saturation": 0, "background": {"kind": "transparent"}}
    words = Page(draft(track(0, segment(9_000, name="a.mp4", **edits)))._repr_html_()).words
    assert "a.mp4 · muted · background removed · 2x speed · black and white" in words
    assert "a.mp4 (0-9s, muted, background removed, 2x speed, black and white)" in words


def test_a_difference_marks_what_changed() -> None:
    after = SAMPLE.without_track(1).with_text(1, 0, "New words").with_title("More")
    diff = SAMPLE.diff(after)
    page = Page(diff._repr_html_())
    assert set(diff.sentences) <= set(page.words)
    strokes = set(page.values("stroke"))
    assert {"var(--nemo-added)", "var(--nemo-changed)", "var(--nemo-removed)"} <= strokes
    assert "Nothing changed" in Page(SAMPLE.diff(SAMPLE)._repr_html_()).words


def test_a_plain_terminal_shows_text() -> None:
    assert SAMPLE._repr_mimebundle_()["text/plain"] == str(SAMPLE)
    diff = SAMPLE.diff(SAMPLE.without_track(0))
    assert diff._repr_mimebundle_()["text/plain"] == str(diff)


def test_credits_show_what_is_available_and_what_is_reserved() -> None:
    html = cards.credits_bar(60, 20, 80)
    assert "60 available · 20 reserved" in Page(html).words
    assert "width:75.00%" in html
    assert "width:25.00%" in html
    assert "width:0.00%" in cards.credits_bar(0, 0, 0)


@pytest.mark.parametrize(
    ("status", "fraction", "words"),
    [
        ("processing", 0.625, "processing · 62%"),
        ("completed", None, "completed · 100%"),
        ("pending", None, "pending"),
        ("processing", 7.0, "processing · 100%"),
    ],
)
def test_a_job_shows_its_progress(status: str, fraction: float | None, words: str) -> None:
    assert words in Page(cards.job_progress(status, fraction)).words


def test_small_files_are_embedded_and_large_ones_linked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small, large = Path("cut out.webm"), Path("a & b.mp4")
    small.write_bytes(b"12345")
    with large.open("wb") as file:
        file.truncate(EMBED_LIMIT_BYTES + 1)
    page = Page(cards.video_card(small, large))
    assert page.values("src") == ["a%20%26%20b.mp4", "data:video/webm;base64,MTIzNDU="]
    assert page.tags.count("video") == 2
    assert page.words.index("Before · ") < page.words.index("After · cut out.webm")


def test_pictures_are_shown_and_titled_as_pictures(tmp_path: Path) -> None:
    picture = tmp_path / "still.png"
    picture.write_bytes(b"1")
    page = Page(cards.video_card("https://cdn.example.org/v.mp4", picture, ["Nobody was found."]))
    assert page.values("src") == ["data:image/png;base64,MQ==", "https://cdn.example.org/v.mp4"]
    assert page.values("href") == ["https://cdn.example.org/v.mp4"]
    assert "Note: Nobody was found." in page.words
    titles = {name: Page(cards.video_card(name)).words[0] for name in ("a.webp", "a.zip", "a.mov")}
    assert titles == {
        "a.webp": "Rendered picture",
        "a.zip": "Rendered frames",
        "a.mov": "Rendered video",
    }


def test_only_formats_with_transparency_have_a_checkerboard() -> None:
    names = ["a.webm", "a.mov", "a.gif", "a.png", "a.webp", "a.mp4", "a.jpg", "a.stacked.mp4"]
    figures = [Page(cards.video_card(f"https://cdn.example.org/{name}")) for name in names]
    figures.append(Page(cards.preview_card([(0.0, None, b"")], "local engine")))
    has = ["nemo-alpha" in page.values("class") for page in figures]
    assert has == [True, False, True, True, True, False, False, False, True]


def test_the_first_frame_of_a_transparent_mov_is_transparent(tmp_path: Path) -> None:
    frame = np.zeros((48, 64, 4), np.uint8)
    frame[:, :32] = (200, 30, 30, 255)
    clip = film(
        tmp_path / "clip.mov",
        frames=[VideoFrame.from_ndarray(frame, "rgba")],
        codec="prores_ks",
        pix_fmt="yuva444p10le",
    )
    (source,) = Page(cards.video_card(clip)).values("src")
    still = Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))
    assert still.mode == "RGBA"
    assert [still.getpixel((x, 24))[3] for x in (8, 56)] == [255, 0]  # type: ignore[index]


def test_what_browsers_do_not_play_is_shown_as_its_first_frame(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mov", seconds=0.2, width=64, height=48, tone_hz=None)
    frames = tmp_path / "frames.zip"
    content = io.BytesIO()
    Image.new("RGB", (6, 4), "red").save(content, "PNG")
    with zipfile.ZipFile(frames, "w") as archive:
        archive.writestr("frame-0001.png", content.getvalue())
    for path, size in ((clip, (64, 48)), (frames, (6, 4))):
        page = Page(cards.video_card(path))
        (source,) = page.values("src")
        still = Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))
        assert still.size == size
        assert "video" not in page.tags
    (tmp_path / "broken.mov").write_bytes(b"no video")
    (tmp_path / "broken.zip").write_bytes(b"no archive")
    for name in ("broken.mov", "broken.zip"):
        page = Page(cards.video_card(tmp_path / name))
        assert page.values("src") == []
        assert any("Browsers do not play" in word for word in page.words)


def test_answers_files_and_sessions_have_cards() -> None:
    diff = SAMPLE.diff(SAMPLE.without_track(0))
    call = ToolCallEvent("trim_clip", {}, "1")
    reply = Reply(
        text="Done.\nTwo cuts.", tool_calls=(call,), changes=diff, warnings=("It is dark.",)
    )
    page = Page(reply._repr_html_())
    assert {"Reply", "trim clip", "Done.", "Two cuts.", "Note: It is dark."} <= set(page.words)
    assert set(diff.sentences) <= set(page.words)
    video = RenderedVideo(None, "https://cdn.example.org/v.mp4", None, RenderJob("r", "done"), "s")
    page = Page(Answer("Here it is.", Route.EXPORT, video)._repr_html_())
    assert {"Here it is.", "export", "Rendered video"} <= set(page.words)
    file = MediaFile("talk.mp4", "video", "https://cdn/x?sig=secret", 2.5, 1920, 1080, 29.97)
    html = file._repr_html_()
    assert {"talk.mp4", "1920×1080", "2.5 s", "29.97"} <= set(Page(html).words)
    assert "secret" not in html
    with Client("nmv_usr_x", base_url="http://127.0.0.1:9") as client:
        html = client.sessions.attach("s-1", "t-1")._repr_html_()
    assert {"Session", "s-1", "t-1"} <= set(Page(html).words)


@pytest.mark.parametrize("source", ["javascript:alert(1)", "data:text/html,x", "/no/such/file.mp4"])
def test_only_files_and_web_addresses_are_linked(source: str) -> None:
    page = Page(cards.video_card(source))
    assert page.values("src") == page.values("href") == []
    assert any("not found" in word for word in page.words)


def test_a_playlist_named_like_a_video_opens_no_other_file(tmp_path: Path) -> None:
    make_clip(tmp_path / "other.mp4")
    playlist = tmp_path / "clean.mov"
    playlist.write_text("ffconcat version 1.0\nfile other.mp4\n")
    assert "data:image" not in cards.video_card(playlist)


def test_the_pictures_of_a_preview_are_small_and_stay_transparent() -> None:
    shape = (720, 1280, 4)
    pixels = np.random.default_rng(1).integers(100, 140, shape, np.uint8)
    pixels[..., 3] = np.arange(1280) // 640 * 255
    png = io.BytesIO()
    Image.fromarray(pixels).save(png, "PNG")
    (source,) = Page(cards.preview_card([(0.5, None, png.getvalue())], "local")).values("src")
    content = base64.b64decode(source.removeprefix("data:image/webp;base64,"))
    assert len(content) < len(png.getvalue()) / 4
    with Image.open(io.BytesIO(content)) as image:
        alpha = np.asarray(image)[..., 3]
        assert alpha.shape == (540, 960)
        assert (alpha[0, 0], alpha[0, -1]) == (0, 255)


def test_a_video_shows_its_warnings(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"x")
    shown = cards.video_card(path, notes=["The sound of <a> was mixed down."])
    assert "The sound of &lt;a&gt; was mixed down." in shown
