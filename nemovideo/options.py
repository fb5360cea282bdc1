"""The keyword arguments of both clients."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypedDict

from nemovideo._support.annotations import LazyModule

if TYPE_CHECKING:
    from nemovideo import hooks
    from nemovideo import retry as policies
    from nemovideo._support import clock as clocks
else:
    hooks, policies = LazyModule("nemovideo.hooks"), LazyModule("nemovideo.retry")
    clocks = LazyModule("nemovideo._support.clock")


class Options(TypedDict, total=False):
    """The keyword arguments of both clients; all are optional.

    Attributes:
        base_url: The API's URL; default `NEMO_API_URL`, otherwise the cloud's.
        web_url: The website's URL, for links only; default `NEMO_WEB_URL`, otherwise the cloud's.
        anonymous: Acquire an anonymous token if there is no token; default True.
        client_id: The client id for anonymous tokens; default `NEMO_CLIENT_ID`, otherwise the one
            stored in `config_dir`.
        config_dir: The folder that stores the client id and the anonymous token; default
            `$XDG_CONFIG_HOME/nemovideo`, otherwise `~/.config/nemovideo`.
        timeout_s: Seconds for each wait for data, except for the agent's answer; default
            `NEMO_TIMEOUT`, otherwise 60. Connecting may take at most 15 of them.
        deadline: Seconds for a whole call, including all retries and waits; default none.
        retry: The retry policy.
        polling: How to wait for render jobs.
        stream: The limits on an agent's stream.
        allow_http: Allow a plain http URL to another machine; default False.
        local_files: Whether a `str` may be a path or a URL, as a source, as a background and in
            a conversation; default True. Pass False if untrusted users provide that text: then only
            a `Path`, bytes or an open file counts as a file. This applies to sessions,
            conversations, jobs and batches, but not to the paths of results.
        private_urls: Whether `upload_urls` accepts addresses of this machine and of private
            networks; default the value of `local_files`. False resolves every host first; the
            backend that `local()` starts then also refuses such addresses in redirects.
        user_agent: Added to the User-Agent header.
        skill_source: The X-Skill-Source header; default `video-background-remover-ai`.
        skill_version: The X-Skill-Version header; default this package's version.
        platform: The X-Skill-Platform header; default `SKILL_SOURCE`, otherwise detected.
        clock: The clock; for tests.
        token_scope: The key of the stored anonymous token; default the base URL.
        on_request: Called with a `RequestInfo` before each request (`nemovideo.hooks`).
        on_response: Called with a `ResponseInfo` when the response headers arrive, or when the
            request fails. Both hooks must return quickly, and must not raise.
        edit_cost: The estimated credits of an edit, for checking `max_credits`; default
            `NEMO_EDIT_COST`, otherwise 50.
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
