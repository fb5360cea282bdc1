"""What may be uploaded: decided before anything is sent."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from nemovideo import errors
from nemovideo._files import prepare

MP4 = b"\0\0\0\x20ftypisom" + b"\0" * 100
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_a_path_an_open_file_and_bytes_are_taken(tmp_path: Path) -> None:
    path = write(tmp_path / "clip é 中.mp4", MP4)
    by_path = prepare(path)
    assert (by_path.name, by_path.content_type, by_path.size_bytes) == (path.name, "video/mp4", 112)
    with path.open("rb") as file:
        by_file = prepare(file)
        assert (by_file.name, by_file.size_bytes) == (path.name, 112)
        with by_file.open() as opened:
            assert opened.read() == MP4
        assert not file.closed
    by_bytes = prepare(PNG)
    assert (by_bytes.name, by_bytes.content_type) == ("upload.png", "image/png")


def test_a_file_is_sent_from_where_it_stood() -> None:
    file = io.BytesIO(b"junk" + MP4)
    file.seek(4)
    part = prepare(file)
    assert part.size_bytes == len(MP4)
    for _ in range(2):  # a repeat starts at the same place
        with part.open() as opened:
            assert opened.read() == MP4


@pytest.mark.parametrize(
    ("name", "data", "cls"),
    [
        ("notes.txt", b"hello", errors.UnsupportedFileError),
        ("notes.mp4", b"hello, this is text", errors.UnsupportedFileError),
        ("empty.mp4", b"", errors.UnsupportedFileError),
        ("picture.mp4", PNG, errors.UnsupportedFileError),
        ("clip.png", MP4, errors.UnsupportedFileError),
        ("noise.mp3", b"\x01\x02\x03", errors.UnsupportedFileError),
    ],
)
def test_what_the_service_would_refuse_is_refused_here(
    tmp_path: Path, name: str, data: bytes, cls: type[Exception]
) -> None:
    with pytest.raises(cls):
        prepare(write(tmp_path / name, data))


def test_501_mb_are_refused_without_reading_them(tmp_path: Path) -> None:
    path = write(tmp_path / "huge.mp4", MP4)
    with path.open("r+b") as file:
        file.truncate(501 * 1024 * 1024)  # sparse: takes no room
    with pytest.raises(errors.FileTooLargeError, match="over the limit of 500 MB"):
        prepare(path)


def test_a_missing_file_and_a_folder_are_told_apart_from_bad_ones(tmp_path: Path) -> None:
    with pytest.raises(errors.SourceNotFoundError, match="there is no file"):
        prepare(tmp_path / "nothing.mp4")
    with pytest.raises(errors.SourceNotFoundError, match="is a folder"):
        prepare(tmp_path)


def test_what_is_no_source_at_all_is_said() -> None:
    with pytest.raises(errors.InvalidRequestError, match="cannot upload a int"):
        prepare(7)  # type: ignore[arg-type]
    with pytest.raises(errors.InvalidRequestError, match="opened as text"):
        prepare(io.StringIO("text"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("a.mov", b"\0\0\0\x14ftypqt  "),
        ("a.mov", b"\0\0\0\x08wide\0\0"),
        ("a.m4a", b"\0\0\0\x20ftypM4A "),
        ("a.avi", b"RIFF\0\0\0\0AVI LIST"),
        ("a.webm", b"\x1a\x45\xdf\xa3\x01"),
        ("a.MKV", b"\x1a\x45\xdf\xa3\x01"),
        ("a.jpg", b"\xff\xd8\xff\xe0"),
        ("a.jpeg", b"\xff\xd8\xff\xe0"),
        ("a.gif", b"GIF89a"),
        ("a.webp", b"RIFF\0\0\0\0WEBPVP8 "),
        ("a.mp3", b"ID3\x04"),
        ("a.mp3", b"\0\0\0\xff\xfb\x90"),
        ("a.wav", b"RIFF\0\0\0\0WAVEfmt "),
        ("a.aac", b"\xff\xf1\x50"),
    ],
)
def test_every_format_of_the_protocol_is_known(tmp_path: Path, name: str, head: bytes) -> None:
    assert prepare(write(tmp_path / name, head + b"\0" * 64)).name == name
