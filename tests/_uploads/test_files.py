"""Checks of files before they are uploaded."""

from __future__ import annotations

import io
import itertools
import os
from pathlib import Path

import pytest

from nemovideo import Upload, errors
from nemovideo._uploads.files import prepare
from nemovideo._values.formats import CONTENT_TYPES, family_of, sniff
from tests.support.uploads import FORMATS, make_file


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file of every format, named `a` with its suffix."""
    folder = tmp_path_factory.mktemp("every format")
    for suffix in FORMATS:
        make_file(folder / f"a.{suffix}")
    return folder


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_the_formats_in_messages_are_the_supported_ones() -> None:
    assert {*errors.SUPPORTED_SUFFIXES, "jpeg", "zip"} == {*CONTENT_TYPES}


def test_paths_open_files_and_bytes_are_accepted(folder: Path, tmp_path: Path) -> None:
    data = (folder / "a.mp4").read_bytes()
    path = write(tmp_path / "clip é 中.mp4", data)
    by_path = prepare(path)
    assert (by_path.name, by_path.content_type) == (path.name, "video/mp4")
    assert by_path.size_bytes == by_path.header.size_bytes == len(data)
    assert prepare(str(path)).path == path
    with path.open("rb") as file:
        by_file = prepare(file)
        assert (by_file.name, by_file.header) == (path.name, by_path.header)
        with by_file.opened() as opened:
            assert opened.read() == data
        assert not file.closed
    for same in (data, bytearray(data), memoryview(data)):
        by_bytes = prepare(same)
        assert (by_bytes.name, by_bytes.content_type) == ("upload.mp4", "video/mp4")


def test_a_file_is_sent_from_its_current_position(folder: Path) -> None:
    data = (folder / "a.mp4").read_bytes()
    file = io.BytesIO(b"junk" + data)
    file.seek(4)
    part = prepare(file)
    assert part.size_bytes == len(data)
    assert file.tell() == 4
    for _ in range(2):  # a retry starts at the same position
        with part.opened() as opened:
            assert opened.read() == data


def test_content_without_a_name_is_named_by_its_format(folder: Path) -> None:
    for suffix in FORMATS:
        data = (folder / f"a.{suffix}").read_bytes()
        assert prepare(data).name == f"upload.{suffix}"
        assert prepare(Upload(data, name="我的 talk")).name == f"我的 talk.{suffix}"
        assert prepare(data).content_type == CONTENT_TYPES[suffix]


def test_an_open_file_without_a_usable_name_is_named_by_its_format(folder: Path) -> None:
    for name in ("<stdin>", 3, b"/tmp/x", "/tmp/x", None):
        file = io.BytesIO((folder / "a.png").read_bytes())
        file.name = name
        assert prepare(file).name == ("x.png" if "x" in str(name) else "upload.png")


def test_a_suffix_of_another_format_is_refused(folder: Path) -> None:
    for suffix, other in itertools.product(FORMATS, FORMATS):
        data = (folder / f"a.{suffix}").read_bytes()
        named = Upload(data, name=f"talk.{other}")
        if family_of(other) == family_of(suffix):
            assert prepare(named).name == f"talk.{other}"
            continue
        with pytest.raises(errors.UnsupportedFileError, match="does not match its suffix") as error:
            prepare(named)
        assert error.value.remedy
        assert prepare(Upload(data, name=f"talk.{other}", check=False)).header.format == other


def test_what_the_service_would_refuse_is_refused_locally(tmp_path: Path) -> None:
    for name, data, reason in (
        ("notes.txt", b"hello", "unsupported format"),
        ("notes.mp4", b"hello, this is text", "not a media file"),
        ("notes.mp3", "hello".encode("utf-16"), "not a media file"),
        ("noise.mp3", b"\x01\x02\x03", "not a media file"),
        ("empty.mp4", b"", "is empty"),
        ("notes", b"hello", "not a media file"),
        (".mp4", b"", "is empty"),
    ):
        with pytest.raises(errors.UnsupportedFileError, match=reason) as caught:
            prepare(write(tmp_path / name, data))
        assert caught.value.remedy


def test_the_remedy_names_the_right_suffix(folder: Path) -> None:
    with pytest.raises(errors.UnsupportedFileError) as caught:
        prepare(Upload((folder / "a.png").read_bytes(), name="picture.mp4"))
    assert caught.value.remedy == "Rename it to end in .png."


def test_a_picture_in_a_video_container_is_not_a_video() -> None:
    for name, brand in itertools.product(("me.jpg", "me.avif", "me.mp4"), (b"avif", b"heic")):
        with pytest.raises(errors.UnsupportedFileError) as caught:
            prepare(Upload(b"\0\0\0\x18ftyp" + brand + bytes(100), name=name))
        assert "png" in caught.value.remedy
        assert "Rename" not in caught.value.remedy


def test_without_the_check_only_name_and_size_are_validated(tmp_path: Path) -> None:
    odd = write(tmp_path / "odd.mp4", b"an unknown header")
    part = prepare(Upload(odd, check=False))
    assert (part.header.format, part.header.kind, part.header.duration_ms) == ("mp4", "video", None)
    for name in ("empty.mp4", "odd.txt"):
        path = write(tmp_path / name, b"" if "empty" in name else b"text")
        with pytest.raises(errors.UnsupportedFileError):
            prepare(Upload(path, check=False))


def test_501_mb_is_refused_without_reading_it(folder: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "huge.mp4", (folder / "a.mp4").read_bytes())
    os.truncate(path, 501 * 1024 * 1024)  # sparse
    for source in (path, Upload(path, check=False)):
        with pytest.raises(errors.FileTooLargeError, match="500 MB"):
            prepare(source)


def test_missing_files_and_folders_have_their_own_error(tmp_path: Path) -> None:
    with pytest.raises(errors.SourceNotFoundError, match="there is no file"):
        prepare(tmp_path / "nothing.mp4")
    with pytest.raises(errors.SourceNotFoundError, match="is a folder"):
        prepare(tmp_path)
    for impossible in ("a\0b.mp4", "n" * 5000 + ".mp4"):
        with pytest.raises(errors.SourceNotFoundError):
            prepare(impossible)


def test_sources_of_an_unsupported_type_are_refused() -> None:
    with pytest.raises(errors.InvalidRequestError, match="cannot upload a value of type int"):
        prepare(7)  # type: ignore[arg-type]
    with pytest.raises(errors.InvalidRequestError, match="opened as text"):
        prepare(io.StringIO("text"))  # type: ignore[arg-type]
    closed = io.BytesIO(b"x")
    closed.close()
    with pytest.raises(errors.InvalidRequestError, match="cannot be read"):
        prepare(closed)


def test_a_format_is_detected_by_its_first_bytes() -> None:
    heads = [
        ("mp4", b"\0\0\0\x14ftypqt  "),
        ("mp4", b"\0\0\0\x08wide\0\0"),
        ("mp4", b"\0\0\0\x20ftypM4A "),
        ("avi", b"RIFF\0\0\0\0AVI LIST"),
        ("matroska", b"\x1a\x45\xdf\xa3\x01"),
        ("jpeg", b"\xff\xd8\xff\xe0"),
        ("gif", b"GIF89a"),
        ("webp", b"RIFF\0\0\0\0WEBPVP8 "),
        ("mp3", b"ID3\x04"),
        ("mp3", b"\0\0\0\xff\xfb\x90"),
        ("wav", b"RIFF\0\0\0\0WAVEfmt "),
        ("wav", b"RF64\xff\xff\xff\xffWAVEds64"),
        ("aac", b"\xff\xf1\x50"),
        ("aac", b"ID3\x04"),
        ("aac", b"ADIF"),
    ]
    wrong = [(family, head) for family, head in heads if family not in sniff(head + bytes(64))]
    assert not wrong
