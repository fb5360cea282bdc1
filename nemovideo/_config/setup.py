"""How a client's arguments and the environment become its settings (protocol.md §1)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from nemovideo._config import settings as env
from nemovideo._config.credentials import CredentialStore
from nemovideo._config.settings import Settings
from nemovideo._support.clock import Clock
from nemovideo.options import Options
from nemovideo.retry import Polling, RetryPolicy, StreamLimits

if TYPE_CHECKING:
    from nemovideo.local import LocalBackend

LOCAL_POLLING = Polling(first_s=0.1, interval_s=0.2, timeout_s=6 * 3600.0)
"""A backend on this machine can be asked often, and its renders take what they take."""


def settings_from(token: str | None, options: Options) -> Settings:
    """Return the settings; what is not given comes from the environment, else is the default."""
    check_names("Client()", options, Options.__annotations__)
    environ = env.environment()
    base_url = env.check_base_url(
        options.get("base_url") or environ.get("NEMO_API_URL") or env.API_URL,
        allow_http=options.get("allow_http", False),
    )
    # A backend on this machine serves its own links; those of the cloud would not know them.
    here = env.is_loopback(urlsplit(base_url).hostname or "")
    usual = base_url if here else env.WEB_URL
    web_url = options.get("web_url") or environ.get("NEMO_WEB_URL") or usual
    directory = options.get("config_dir") or env.config_directory(environ)
    return Settings(
        base_url=base_url,
        web_url=web_url.rstrip("/"),
        token=env.check_token(environ.get("NEMO_TOKEN") if token is None else token, base_url),
        store=CredentialStore(
            Path(directory),
            options.get("token_scope") or base_url,
            options.get("client_id") or environ.get("NEMO_CLIENT_ID") or None,
        ),
        headers=env.attribution(
            environ,
            skill_source=options.get("skill_source"),
            skill_version=options.get("skill_version"),
            platform=options.get("platform"),
            user_agent=options.get("user_agent"),
        ),
        anonymous=options.get("anonymous", True),
        timeout_s=options.get("timeout_s", 60.0),
        deadline_s=options.get("deadline"),
        retry=options.get("retry") or RetryPolicy(),
        polling=options.get("polling") or Polling(),
        stream=options.get("stream") or StreamLimits(),
        clock=options.get("clock") or Clock(),
        edit_cost=options.get("edit_cost", env.EDIT_COST),
        on_request=options.get("on_request"),
        on_response=options.get("on_response"),
    )


def check_names(callee: str, names: Iterable[str], known: Collection[str]) -> None:
    """Refuse a misspelt option, as Python would.

    Raises:
        TypeError: One of the names is not known; it names the nearest that is.
    """
    for name in names:
        if name not in known:
            import difflib

            near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise TypeError(f"{callee} has no option {name!r}{hint}")


def resolved(options: Options, settings: Settings) -> Options:
    """Return the options with what came from the environment filled in."""
    filled: Options = {
        "base_url": settings.base_url,
        "web_url": settings.web_url,
        "config_dir": settings.store.directory,
        "client_id": settings.store.given_id,
        "platform": settings.headers["X-Skill-Platform"],
    }
    both: Options = {**options, **filled}
    return both


def start_local(options: dict[str, Any]) -> tuple[LocalBackend, dict[str, Any]]:
    """Start a local backend; return it, and the options for a client of it.

    The user's own token and URLs are for the cloud, and stay out of it; the
    client id and the anonymous token are kept with the backend's own state.
    """
    import inspect

    from nemovideo.local import LocalBackend

    names = {"token", "http_client", *Options.__annotations__}
    theirs = {*inspect.signature(LocalBackend).parameters}
    check_names("Client.local()", options, names | theirs)
    ours = {name: value for name, value in options.items() if name in names}
    backend = LocalBackend(**{name: value for name, value in options.items() if name not in names})
    backend.start()
    defaults = {
        **options_for(backend),
        "token": "",
        "token_scope": "local",
        "edit_cost": backend.edit_cost,
        "polling": LOCAL_POLLING,
    }
    return backend, {**defaults, **ours}


def options_for(backend: LocalBackend) -> Options:
    """Return what a client needs to know of a local backend, whatever else it is set to."""
    return {
        "base_url": backend.url,
        "web_url": backend.url,
        "config_dir": backend.state_dir / "client",
    }
