"""Routing of users' sentences, with near misses that go to the agent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nemovideo._language.routing.route import Routed, route
from nemovideo.models import Route


def no_file(_: str) -> bool:
    return False


_TABLES = json.loads(Path(__file__).with_name("sentences.json").read_text(encoding="utf-8"))


def test_a_sentence_is_routed_to_its_handler() -> None:
    wrong = []
    for name, sentences in _TABLES["routes"].items():
        for said in sentences:
            wanted = Routed(Route(name), rest=said if name == "agent" else "")
            routed = route(said, is_file=no_file)
            if (routed.route, routed.rest, routed.then_export) != (
                wanted.route,
                wanted.rest,
                False,
            ):
                wrong.append((said, routed))
    assert wrong == []


def test_a_very_long_text_is_not_searched_for_files() -> None:
    checked: list[str] = []
    text = "a.mp4 " * 50_000

    def is_file(path: str) -> bool:
        checked.append(path)
        return False

    assert route(text, is_file=is_file) == Routed(Route.AGENT, rest=text.strip())
    assert checked == []


def test_an_edit_comes_before_the_export_that_was_asked_for_with_it() -> None:
    found = {said: route(said, is_file=no_file) for said, _ in _TABLES["edit_then_export"]}
    assert [[said, routed.rest] for said, routed in found.items()] == _TABLES["edit_then_export"]
    assert all(routed.route is Route.AGENT and routed.then_export for routed in found.values())


@pytest.mark.parametrize(
    "said", ["export it without the music", "Download the video with a white background"]
)
def test_an_export_that_needs_an_edit_goes_to_the_agent_whole(said: str) -> None:
    routed = route(said, is_file=no_file)
    assert (routed.route, routed.rest, routed.then_export) == (Route.AGENT, said, True)


def test_an_export_keeps_the_format_the_quality_and_the_path() -> None:
    found = [(row[0], route(row[0], is_file=no_file)) for row in _TABLES["export_details"]]
    details = [[said, routed.format, routed.quality, routed.output] for said, routed in found]
    assert details == _TABLES["export_details"]


def test_files_that_exist_are_uploaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("talk.mp4", "my talk.mp4", "bg.jpg", "我的视频.mp4"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    wanted = {
        said: Routed(Route.UPLOAD, rest=rest, paths=tuple(paths))
        for said, paths, rest in _TABLES["uploads"]
    }
    assert {said: route(said) for said in wanted} == wanted


def test_an_upload_can_carry_an_edit_and_an_export() -> None:
    said = "upload talk.mp4, remove the background and export as webm"
    assert route(said, is_file="talk.mp4".__eq__) == Routed(
        Route.UPLOAD,
        rest="remove the background",
        paths=("talk.mp4",),
        then_export=True,
        format="webm",
    )


def test_a_tilde_stands_for_the_home_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "talk.mp4").touch()
    assert route("use ~/talk.mp4 please").paths == (str(tmp_path / "talk.mp4"),)


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ("file:///srv/a%20b/c.mp4", "/srv/a b/c.mp4"),
        ("C:\\Users\\me\\talk.mp4", "C:\\Users\\me\\talk.mp4"),
        ("'D:\\my clips\\talk.mp4' remove the background", "D:\\my clips\\talk.mp4"),
        ("please brighten /srv/a b/c.mp4 a little", "/srv/a b/c.mp4"),
    ],
)
def test_paths_of_every_kind_are_found(said: str, path: str) -> None:
    assert route(said, is_file=path.__eq__).paths == (path,)


@pytest.mark.parametrize("url", ["https://example.com/a/talk.mp4", "http://[example.com/a.mp4"])
def test_a_url_of_a_video_is_uploaded_valid_or_not(url: str) -> None:
    routed = route(f"{url} remove the background", is_file=no_file)
    assert routed.paths == (url,)
    assert routed.rest == "remove the background"


@pytest.mark.parametrize("said", ["upload /srv/missing.mp4", "/srv/missing.mp4"])
def test_a_file_to_use_is_an_upload_even_if_it_is_missing(said: str) -> None:
    assert route(said, is_file=no_file) == Routed(Route.UPLOAD, paths=("/srv/missing.mp4",))


@pytest.mark.parametrize(
    "said",
    [
        "add the text 'talk.mp4'",
        "write 'talk.mp4' as caption",
        "写上“talk.mp4”几个字",
        "don't upload talk.mp4 yet",
        "别上传talk.mp4",
    ],
)
def test_a_file_name_can_consist_of_ordinary_words(said: str) -> None:
    assert route(said, is_file="talk.mp4".__eq__) == Routed(Route.AGENT, rest=said)


def test_an_invalid_path_is_not_a_file() -> None:
    assert route("a\0b/" + "c" * 5000 + ".txt").route is Route.AGENT


def test_a_very_long_message_goes_to_the_agent() -> None:
    said = "make the title a bit larger and " * 3000 + "then wait"
    assert route(said) == Routed(Route.AGENT, rest=said)
