"""Links of results: plain http to another host is refused, as it is for `base_url`."""

from __future__ import annotations

import io

import pytest

from nemovideo import Client
from nemovideo.errors import InvalidRequestError
from nemovideo.models import RenderJob
from tests.support.origin import origin, reply

CLOUD, HERE = "https://api.test", "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("base_url", "allow_http", "url", "fine"),
    [
        (CLOUD, False, "https://cdn.test/a.mp4", True),
        (CLOUD, False, "http://cdn.test/a.mp4", False),
        (CLOUD, False, "HTTP://cdn.test/a.mp4", False),
        (CLOUD, False, "http://api.test/a.mp4", False),
        (CLOUD, False, "http://127.0.0.1/a.mp4", False),
        (CLOUD, True, "http://cdn.test/a.mp4", True),
        (HERE, False, "http://127.0.0.1:1/a.mp4", True),
        (HERE, False, "http://localhost/a.mp4", True),
        (HERE, False, "http://cdn.test/a.mp4", False),
        (HERE, False, "http://127.0.0.1.cdn.test/a.mp4", False),
    ],
)
def test_which_links_are_followed(base_url: str, allow_http: bool, url: str, fine: bool) -> None:
    with Client("nmv_usr_x", base_url=base_url, allow_http=allow_http) as client:
        settings = client._settings
    if fine:
        settings.check_link(url)
    else:
        with pytest.raises(InvalidRequestError, match="without encryption"):
            settings.check_link(url)


def test_nothing_is_asked_of_a_host_that_is_refused() -> None:
    with (
        origin(reply(b"EVIL!")) as there,
        Client("nmv_usr_x", base_url="https://127.0.0.1:9") as client,
    ):
        job = RenderJob(id="r", status="completed", url=there.url.replace("127.0.0.1", "0.0.0.0"))
        with pytest.raises(InvalidRequestError, match="without encryption"):
            client.render.download(job, io.BytesIO())
        assert there.asked.empty()
