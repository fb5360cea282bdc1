"""A client's own local backend: starting one, and the options of a client of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from nemovideo._config.setup import check_names, may_name_private
from nemovideo.options import Options
from nemovideo.retry import Polling

if TYPE_CHECKING:
    from nemovideo.local import LocalBackend

LOCAL_POLLING = Polling(first_s=0.1, interval_s=0.2, timeout_s=6 * 3600.0)
"""A backend on this machine can be asked often, and its renders take as long as they take."""


def start(options: Mapping[str, Any]) -> tuple[LocalBackend, dict[str, Any]]:
    """Start a local backend; return it, and the arguments of a client of it.

    The user's own token and URLs are for the cloud, and are not used; the client id and the
    anonymous token are kept with the backend's own state.
    """
    import inspect

    from nemovideo.local import LocalBackend

    names = {"token", "http_client", *Options.__annotations__}
    check_names("Client.local()", options, names | {*inspect.signature(LocalBackend).parameters})
    ours = {name: value for name, value in options.items() if name in names}
    theirs = {name: value for name, value in options.items() if name not in names}
    if not may_name_private(cast("Options", ours), usual=True):
        theirs["private_urls"] = False
    backend = LocalBackend(**theirs)
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
