"""The page on testing: its examples run, and then the tests in them, as a user would run them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nemovideo import Client
from nemovideo.local import LocalBackend
from nemovideo.local.models import cache_dir
from nemovideo.local.server.faults import load_faults
from nemovideo.testing import FakeClock
from tests.docs.test_docs import DOCS, run_page
from tests.support.media import make_clip

pytest_plugins = ("pytester",)

USERS = {
    "NEMO_TOKEN": "nmv_usr_of_the_cloud",
    "NEMOVIDEO_API_KEY": "nmv_usr_of_the_cloud",
    "NEMO_API_URL": "https://cloud.invalid",
    "NEMO_WEB_URL": "https://cloud.invalid",
    "NEMO_CLIENT_ID": "00000000-0000-4000-8000-000000000000",
    "NEMO_EDIT_COST": "7",
    "NEMO_TIMEOUT": "20",
}
PAGE = DOCS / "testing.md"
CACHE = cache_dir().parent  # pytester sets another home, where the model is not cached


def test_the_examples_and_the_tests_on_testing_run(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(CACHE))
    make_clip(pytester.path / "talk.mp4", seconds=0.4, fps=10)
    with LocalBackend() as cloud:
        monkeypatch.setenv("NEMO_API_URL", cloud.url)
        assert run_page(PAGE)
    # From here on the "cloud" is gone; the cassette that the page has recorded remains.
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    tests = [block for block in blocks if not re.search(r"\brecord\(", block)]
    pytester.makepyfile("\n".join(tests))
    # The user's own settings, for the cloud.
    for name, value in USERS.items():
        monkeypatch.setenv(name, value)
    pytester.runpytest_inprocess("-W", "error").assert_outcomes(passed=5)


def test_the_fault_rules_of_the_page_can_be_read_and_do_what_it_says(tmp_path: Path) -> None:
    found = re.search(
        r"^echo '(.*?)' > faults.json$", PAGE.read_text(encoding="utf-8"), re.M | re.S
    )
    assert found
    (tmp_path / "faults.json").write_text(found[1])
    clock, ids = FakeClock(), list[str | None]()
    with (
        LocalBackend(faults=load_faults(tmp_path / "faults.json")) as backend,
        Client(
            backend.issue_token(),
            base_url=backend.url,
            clock=clock,
            on_response=lambda response: ids.append(response.request_id),
        ) as client,
    ):
        assert client.credits.balance().available == 100
    assert clock.waits == [2]
    assert ids[0] == "req-1"
    assert ids[1] not in (None, "req-1")
