"""File names of uploads: unchanged if harmless, otherwise made safe."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemovideo import Client, Upload
from nemovideo._uploads.names import MAX_NAME_BYTES, distinct, safe_name
from tests.support.uploads import make_file

NFC = unicodedata.normalize("NFC", "Äpfel é.mp4")
NFD = unicodedata.normalize("NFD", NFC)

HARMLESS = (
    '名字 "quoted".mp4',
    "👨‍👩‍👧 family 🎬.mp4",
    "שלום \u200fעולם.mp4",
    "50% off; name=x, (1) [2] {3} & 'so'.mp4",
    "a=b;c=d.mp4",
    ".hidden.mp4",
    "two..dots.tar.mp4",
    NFC,
    NFD,
    "字" * 80 + ".mp4",
)


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_file(tmp_path_factory.mktemp("names") / "talk.mp4").read_bytes()


def test_harmless_names_reach_the_service_unchanged(
    client: Client, talk: bytes, tmp_path: Path
) -> None:
    assert [safe_name(name) for name in HARMLESS] == [*HARMLESS]
    paths = []
    for name in HARMLESS:
        paths.append(tmp_path / name)
        paths[-1].write_bytes(talk)
    found = client.sessions.create().upload(*paths)
    wanted = [name if name != NFD else f"{NFD[:-4]} (2).mp4" for name in HARMLESS]
    assert [file.filename for file in found] == wanted
    assert all(file.info is not None for file in found)


def test_harmful_parts_of_a_name_are_removed() -> None:
    names = {
        "../../etc/passwd.mp4": "passwd.mp4",
        "C:\\temp\\evil.mp4": "evil.mp4",
        "a\r\nX-Evil: 1.mp4": "a__X-Evil: 1.mp4",
        "tab\tnull\0.mp4": "tab_null_.mp4",
        "line\u2028paragraph\u2029.mp4": "line_paragraph_.mp4",
        "invoice\u202e4pm.exe.mp4": "invoice4pm.exe.mp4",
        "\u2067name\u2069.mp4": "name.mp4",
        "  spaces .mp4 ": "spaces .mp4",
        "undecodable \udcff.mp4": "undecodable _.mp4",
        "..": "",
        "/": "",
        "": "",
        "n" * 300 + ".mp4": "n" * 251 + ".mp4",
        "字" * 300 + ".mp4": "字" * 83 + ".mp4",
        "x" + "🎬" * 100 + ".mp4": "x" + "🎬" * 62 + ".mp4",
        "n." + "x" * 300: "n." + "x" * 253,
    }
    assert {name: safe_name(name) for name in names} == names


def test_a_file_with_an_undecodable_name_is_sent(
    client: Client, talk: bytes, tmp_path: Path
) -> None:
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9.mp4")  # noqa: PTH118 - bytes
    try:
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(talk)
    except OSError:
        pytest.skip("this file system requires Unicode names")
    (found,) = client.sessions.create().upload(Path(os.fsdecode(path)))
    assert found.filename == "caf_.mp4"


def test_the_name_of_an_upload_is_made_safe_too(client: Client, talk: bytes) -> None:
    (found,) = client.sessions.create().upload(Upload(talk, name="a/b/../名\n字.mp4"))
    assert found.filename == "名_字.mp4"
    (found,) = client.sessions.create().upload(Upload(talk, name="../.."))
    assert found.filename == "upload.mp4"


@given(st.text(st.characters(), max_size=400))
def test_any_name_is_safe_in_a_header_and_on_a_disk(name: str) -> None:
    safe = safe_name(name)
    assert len(safe.encode()) <= MAX_NAME_BYTES
    assert not set(safe) & set("\r\n\0/\\\u202e")
    assert safe not in (".", "..")
    assert safe_name(safe) == safe


def test_names_in_one_request_differ() -> None:
    for names, found in (
        (["a.mp4", "a.mp4", "a.mp4"], ["a.mp4", "a (2).mp4", "a (3).mp4"]),
        (["a.mp4", "A.MP4", "b.mp4"], ["a.mp4", "A (2).MP4", "b.mp4"]),
        (["a.mp4", "a (2).mp4", "a.mp4"], ["a.mp4", "a (2).mp4", "a (3).mp4"]),
        ([NFC, NFD], [NFC, f"{NFD[:-4]} (2).mp4"]),
    ):
        assert distinct(names) == found


@given(st.lists(st.sampled_from(["a.mp4", "a (2).mp4", "字" * 90 + ".mp4", "A.mp4"]), max_size=8))
def test_distinct_names_stay_distinct_and_short(names: list[str]) -> None:
    found = distinct(safe_name(name) for name in names)
    assert len({name.casefold() for name in found}) == len(names)
    assert all(len(name.encode()) <= MAX_NAME_BYTES for name in found)
