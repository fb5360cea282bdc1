"""The keyword arguments that both clients take."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypedDict

from nemovideo._support.annotations import Late

if TYPE_CHECKING:
    from nemovideo import hooks
    from nemovideo import retry as policies
    from nemovideo._support import clock as clocks
else:
    hooks, policies = Late("nemovideo.hooks"), Late("nemovideo.retry")
    clocks = Late("nemovideo._support.clock")


class Options(TypedDict, total=False):
    """The keyword arguments that both clients take; all may be left out.

    Attributes:
        base_url: The API; default `NEMO_API_URL`, else the cloud's.
        web_url: The web site, for links only; default `NEMO_WEB_URL`, else the cloud's.
        anonymous: Acquire an anonymous token where none is given; default True.
        client_id: The id that anonymous tokens are acquired with; default `NEMO_CLIENT_ID`,
            else the one kept in `config_dir`.
        config_dir: Where the client id and the anonymous token are kept; default
            `$XDG_CONFIG_HOME/nemovideo`, else `~/.config/nemovideo`.
        timeout_s: Seconds for one request's connection and for each wait for data; default 60.
        deadline: Seconds for a whole call, all tries and waits included; default none.
        retry: What is repeated and when.
        polling: How render jobs are waited for.
        stream: How long an agent's stream may last.
        allow_http: Allow a plain http URL to another machine; default False.
        local_files: Whether a `str` may be a path or a URL, as a source, as a background and in
            a conversation; default True. Say False where the words of strangers get there:
            files are then `Path`, bytes and open files only. Holds for sessions, conversations,
            jobs and batches too; paths of results are yours to choose.
        private_urls: Whether `upload_urls` may name this machine and private networks; default
            what `local_files` is. False resolves every host first; the backend that
            `local()` starts then refuses such addresses in redirects, too.
        user_agent: Added to the User-Agent header.
        skill_source: The X-Skill-Source header; default `video-background-remover-ai`.
        skill_version: The X-Skill-Version header; default this package's version.
        platform: The X-Skill-Platform header; default `SKILL_SOURCE`, else detected.
        clock: Where the time comes from; for tests.
        token_scope: What the stored anonymous token belongs to; default the base URL.
        on_request: Called with a `RequestInfo` before each request (`nemovideo.hooks`).
        on_response: Called with a `ResponseInfo` once the head of its answer is there, or
            when it is clear that none will come. Both must return quickly, and not raise.
        edit_cost: What an edit is reckoned to cost when `max_credits` is checked; default 50.
    """

    base_url: str | None
    web_url: str | None
    anonymous: bool
    client_id: str | None
    config_dir: str | os.PathLike[str] | None
    timeout_s: float
    deadline: float | None
    retry: policies.RetryPolicy | None
    polling: policies.Polling | None
    stream: policies.StreamLimits | None
    allow_http: bool
    local_files: bool
    private_urls: bool | None
    user_agent: str | None
    skill_source: str | None
    skill_version: str | None
    platform: str | None
    clock: clocks.Clock | None
    token_scope: str | None
    edit_cost: int
    on_request: Callable[[hooks.RequestInfo], None] | None
    on_response: Callable[[hooks.ResponseInfo], None] | None
