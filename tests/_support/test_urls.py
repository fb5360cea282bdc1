import pytest

from nemovideo._support import urls

MARKS = "a" + "\u0301" * 200_000 + "\u0323" * 200_000
"""Normalizing this takes minutes."""


@pytest.mark.parametrize(
    ("url", "path", "host"),
    [
        ("https://example.com/a/b.mp4?c=/d.mov#/e", "/a/b.mp4", "example.com"),
        ("HTTP://User:x@Example.com:80", "", "example.com"),
        ("file:///tmp/a%20b.mp4", "/tmp/a%20b.mp4", ""),
        ("https://[::1]:8712/a", "/a", "::1"),
        ("https://[abc/d.mp4", "/d.mp4", ""),
        ("https://a]/d.mp4", "/d.mp4", ""),
        ("https://a\u2100/d.mp4", "/d.mp4", ""),
        (f"https://{MARKS}/d.mp4", "/d.mp4", ""),
        ("d.mp4", "d.mp4", ""),
        ("", "", ""),
    ],
)
def test_any_text_is_split_into_a_path_and_an_optional_host(url: str, path: str, host: str) -> None:
    assert (urls.path_of(url), urls.host_of(url)) == (path, host)


@pytest.mark.parametrize("url", ["https://example.com", "http://127.0.0.1:8712/a b.mp4"])
def test_a_url_with_a_host_is_valid(url: str) -> None:
    assert urls.is_valid(url)


@pytest.mark.parametrize(
    "authority", ["", "[abc", "a]", "a\u2100", "a:0", "a:99999", "a:b", MARKS, "a" * 301]
)
def test_a_url_without_a_usable_host_is_invalid(authority: str) -> None:
    assert not urls.is_valid(f"https://{authority}/d.mp4")


def test_a_very_long_url_is_refused_before_urlsplit_caches_it() -> None:
    assert urls.is_valid(f"https://example.com/{'a' * 15_000}")
    assert not urls.is_valid(f"https://example.com/{'a' * 16_000}")


@pytest.mark.parametrize("ignored", ["\n", "\t", "\r", "\n\t"])
def test_characters_that_urlsplit_ignores_cannot_hide_a_host(ignored: str) -> None:
    assert not urls.is_valid(f"\x01https:{ignored}/{ignored}/{MARKS}/d.mp4")
