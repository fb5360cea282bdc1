"""The built docs: search finds the page for typical words, and pages fit narrow windows."""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import nemovideo
from nemovideo import errors, events
from tests.support import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
browsing = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")

SEARCHES = {
    "timeout": "timeouts",
    "deadline": "timeouts",
    "cancel": "cancel",
    "stop a render": "cancel",
    "logging": "logging",
    "opentelemetry": "logging",
    "cost": "costs",
    "price": "costs",
    "what does it cost": "costs",
    "max_credits": "costs",
    "login": "costs",
    "sign in": "costs",
    "account": "costs",
    "register": "costs",
    "proxy": "network",
    "certificate": "network",
    "ssl": "network",
    "gunicorn": "workers",
    "celery": "workers",
    "fork": "workers",
    "numpy": "frames",
    "mask": "frames",
    "opencv": "frames",
    "transparent": "transparent",
    "safari": "transparent",
    "prores": "transparent",
    "engine": "engines",
    "gpu": "engines",
    "cuda": "engines",
    "rembg": "engines",
    "retry": "errors",
    "exception": "errors",
    "429": "errors",
    "resume": "jobs",
    "checkpoint": "jobs",
    "batch": "batches",
    "folder": "batches",
    "jupyter": "notebooks",
    "webhook": "faq",
    "docker": "serving",
    "api key": "serving",
    "mcp": "mcp",
    "async": "async",
    "upload": "files",
    "download": "files",
    "pytest": "testing",
    "hdr": "footage",
    "chat": "conversations",
    "green screen": "background",
    "offline": "local",
    "curl": "local",
    "cli": "cli",
    "token": "costs",
}
"""What people search for, and the page that should come first."""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_request(self, *args: object, **kwargs: object) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built docs."""
    pytest.importorskip("mkdocstrings", reason="the extra [docs] is not installed")
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setenv("NO_MKDOCS_2_WARNING", "1")
        build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder), strict=True))
    return folder


@pytest.fixture(scope="module")
def url(site: Path) -> Iterator[str]:
    """The URL at which the docs are served."""
    handler = functools.partial(_Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def page() -> Iterator[Page]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser.new_page()
        browser.close()


@browsing
def test_search_finds_the_right_page_first(page: Page, url: str) -> None:
    from playwright.sync_api import TimeoutError as NotShown

    page.goto(url)
    page.focus(".md-search__input")
    missed = []
    for words, wanted in SEARCHES.items():
        page.keyboard.press("Control+A")
        page.keyboard.type(words)
        first = f".md-search-result__item:first-child a[href^='{url}/{wanted}/']"
        try:
            page.wait_for_selector(first, state="attached", timeout=3_000)
        except NotShown:
            missed.append(words)
    assert missed == []


@browsing
def test_nothing_is_wider_than_the_window(page: Page, url: str, site: Path) -> None:
    page.route("**/search*", lambda route: route.abort())  # a page would mostly load its index
    too_wide = {}
    for each in sorted(site.rglob("index.html")):
        page.goto(f"{url}/{each.parent.relative_to(site).as_posix()}/")
        for width in (1400, 390):
            page.set_viewport_size({"width": width, "height": 900})
            found = page.evaluate(
                """async wide => {
                  const drawn = () => new Promise(done => requestAnimationFrame(done));
                  await drawn(), await drawn();  // the layout follows the window a moment later
                  const cut = [...document.querySelectorAll('.md-content pre > code')].filter(
                    code => wide && code.scrollWidth > code.clientWidth + 1);
                  const page = document.scrollingElement;
                  const out = [...document.querySelectorAll('.md-content *')].filter(one =>
                    one.getBoundingClientRect().right > innerWidth + 1
                    && !one.closest('pre, table, .md-typeset__scrollwrap'));
                  return [...cut, ...out, ...(page.scrollWidth > innerWidth ? [page] : [])]
                    .map(one => one.tagName + ' ' + one.textContent.slice(0, 60));
                }""",
                width > 1000,
            )
            if found:
                too_wide[each.parent.name, width] = found[:3]
    assert too_wide == {}


def test_the_reference_has_every_public_name_and_no_private_one(site: Path) -> None:
    shown = {
        line.split('id="', 1)[1].split('"', 1)[0]
        for each in site.glob("reference/*/index.html")
        for line in each.read_text(encoding="utf-8").splitlines()
        if 'id="nemovideo.' in line
    }
    names = {name.rpartition(".")[2] for name in shown}
    public = set(nemovideo.__all__) - {"__version__", "AsyncSession", "AsyncJob"}
    public |= {name for name in vars(errors) if name.endswith("Error")}
    public |= {name for name in vars(events) if name.endswith("Event") and name != "AgentEvent"}
    assert public - names - {"AsyncConversation"} == set()
    assert [name for name in shown if "._" in name] == []
    for each in site.glob("reference/*/index.html"):
        text = each.read_text(encoding="utf-8")
        assert "docs/protocol.md" not in text, each.parent.name
