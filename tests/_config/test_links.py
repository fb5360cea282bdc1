"""Result links: plain http to another host is refused, as it is for `base_url`."""

from __future__ import annotations

import asyncio
import io

import httpx
import pytest

from nemovideo import AsyncClient, Client
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
def test_a_link_to_plain_http_on_another_host_needs_allow_http(
    base_url: str, allow_http: bool, url: str, fine: bool
) -> None:
    with Client("nmv_usr_x", base_url=base_url, allow_http=allow_http) as client:
        settings = client._settings
    if fine:
        settings.check_link(url)
    else:
        with pytest.raises(InvalidRequestError, match="without encryption"):
            settings.check_link(url)


def test_the_remedy_in_a_shell_says_that_only_python_allows_http() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        Client("nmv_usr_x", base_url="http://api.test")
    assert "allow_http=True" in str(caught.value)
    assert caught.value.describe("shell").endswith(
        "Use an https URL, or connect through a tunnel to this machine (`ssh -L`): plain http is "
        "only possible in Python, with allow_http=True."
    )


def test_no_request_is_sent_to_a_rejected_host() -> None:
    with (
        origin(reply(b"EVIL!")) as there,
        Client("nmv_usr_x", base_url="https://127.0.0.1:9") as client,
    ):
        job = RenderJob(id="r", status="completed", url=there.url.replace("127.0.0.1", "0.0.0.0"))
        with pytest.raises(InvalidRequestError, match="without encryption"):
            client.render.download(job, io.BytesIO())
        assert there.requests.empty()


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_redirect_to_plain_http_on_another_host_is_not_followed(kind: str) -> None:
    with origin(reply(b"EVIL!")) as there:
        moved = there.url.replace("127.0.0.1", "0.0.0.0")
        response = reply(b"", f"Location: {moved}/a.mp4", status="302 Found")
        with origin(response) as api:
            job = RenderJob(id="r", status="completed", url=f"{api.url}/a.mp4")
            get = download if kind == "sync" else download_async
            with pytest.raises(InvalidRequestError, match="without encryption"):
                get(api.url, job)
        assert there.requests.empty()


def download(base_url: str, job: RenderJob) -> None:
    with Client("nmv_usr_x", base_url=base_url) as client:
        client.render.download(job, io.BytesIO())


def download_async(base_url: str, job: RenderJob) -> None:
    async def main() -> None:
        async with AsyncClient("nmv_usr_x", base_url=base_url) as client:
            await client.render.download(job, io.BytesIO())

    asyncio.run(main())


def test_the_credentials_of_a_users_own_client_do_not_follow_a_redirect() -> None:
    heads: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        heads.append(f"{request.url.host} {request.headers.get('authorization')}")
        if request.url.host == "api.test":
            return httpx.Response(302, headers={"location": "https://cdn.test/a.mp4"})
        return httpx.Response(200, content=b"video", headers={"content-type": "video/mp4"})

    with (
        httpx.Client(transport=httpx.MockTransport(respond), auth=("me", "secret")) as own,
        Client("nmv_usr_x", base_url="https://api.test", http_client=own) as client,
    ):
        job = RenderJob(id="r", status="completed", url="https://api.test/a.mp4")
        client.render.download(job, io.BytesIO())
    assert heads[0].startswith("api.test Basic")
    assert heads[1] == "cdn.test None"
