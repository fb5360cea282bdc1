"""Build a client's settings from its arguments and the environment."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path
from urllib.parse import urlsplit

from nemovideo._config import settings as env
from nemovideo._config.credentials import CredentialStore
from nemovideo._config.settings import Settings
from nemovideo._support.addresses import is_loopback
from nemovideo.options import Options
from nemovideo.retry import Polling

LOCAL_POLLING = Polling(first_s=0.1, interval_s=0.2, timeout_s=6 * 3600.0)
"""A local backend can be polled often, and its renders may take hours."""


def settings_from(token: str | None, options: Options, base: Settings | None = None) -> Settings:
    """Return the settings of a client.

    Args:
        token: A bearer token; None for that of `base`, otherwise the environment's.
        options: The options that were passed; the others come from `base`, or without it from the
            environment and the defaults.
        base: The settings of the client to copy.
    """
    check_names("Client()", options, Options.__annotations__)
    allow_http = options.get("allow_http", False if base is None else base.allow_http)
    default_url = env.environment_url() if base is None else base.base_url
    base_url = env.check_base_url(options.get("base_url") or default_url, allow_http=allow_http)
    if base is None:
        base = _defaults(base_url, options.get("config_dir"))
        token = env.environment_token() if token is None else token
    elif token is None:
        token = base.token
    store = base.store
    follows = store.scope == base.base_url  # unless a scope was passed
    polling = base.polling
    if polling == _default_polling(base.base_url):
        polling = _default_polling(base_url)
    return Settings(
        base_url=base_url,
        web_url=(options.get("web_url") or base.web_url).rstrip("/"),
        token=env.check_token(token, base_url),
        store=CredentialStore(
            Path(options.get("config_dir") or store.directory),
            options.get("token_scope") or (base_url if follows else store.scope),
            options.get("client_id") or store.given_id,
        ),
        headers={**base.headers, **env.attribution(options)},
        anonymous=options.get("anonymous", base.anonymous),
        allow_http=allow_http,
        local_files=options.get("local_files", base.local_files),
        private_urls=allows_private_urls(options, base.private_urls),
        timeout_s=options.get("timeout_s", base.timeout_s),
        deadline_s=options.get("deadline", base.deadline_s),
        retry=options.get("retry") or base.retry,
        polling=options.get("polling") or polling,
        stream=options.get("stream") or base.stream,
        clock=options.get("clock") or base.clock,
        edit_cost=options.get("edit_cost", base.edit_cost),
        on_request=options.get("on_request", base.on_request),
        on_response=options.get("on_response", base.on_response),
    )


def _default_polling(base_url: str) -> Polling:
    """Return the default polling for clients of this server."""
    here = is_loopback(urlsplit(base_url).hostname or "")
    return env.environment_polling(LOCAL_POLLING if here else Polling())


def allows_private_urls(options: Options, default: bool) -> bool:
    """Return the option `private_urls`: by default `local_files`, otherwise `default`."""
    asked = options.get("private_urls")
    return options.get("local_files", default) if asked is None else asked


def _defaults(base_url: str, config_dir: str | os.PathLike[str] | None) -> Settings:
    """Return the settings of a client without other arguments."""
    # A backend on this machine serves its own web links.
    here = is_loopback(urlsplit(base_url).hostname or "")
    return Settings(
        base_url=base_url,
        web_url=os.environ.get("NEMO_WEB_URL") or (base_url if here else env.WEB_URL),
        token=None,
        store=CredentialStore(
            Path(config_dir or env.config_directory()),  # the default may warn
            base_url,
            os.environ.get("NEMO_CLIENT_ID") or None,
        ),
        headers=env.default_attribution(),
        timeout_s=env.environment_timeout_s(),
        edit_cost=env.environment_edit_cost(),
        polling=_default_polling(base_url),
        stream=env.environment_stream_limits(),
    )


def check_names(callee: str, names: Iterable[str], known: Collection[str]) -> None:
    """Reject unknown options, as Python does.

    Raises:
        TypeError: A name is unknown; the message suggests the closest one.
    """
    for name in names:
        if name not in known:
            import difflib

            near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise TypeError(f"{callee} has no option {name!r}{hint}")
