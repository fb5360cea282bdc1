"""Start the local backend of `Client.local`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from nemovideo._config.setup import LOCAL_POLLING, allows_private_urls, check_names
from nemovideo.options import Options

if TYPE_CHECKING:
    from nemovideo.local import LocalBackend


def start(options: Mapping[str, Any]) -> tuple[LocalBackend, dict[str, Any]]:
    """Start a local backend, and return it with the arguments for its client.

    The environment's token and URLs are for the cloud and are ignored; the client id and the
    anonymous token are stored in the backend's state directory.
    """
    import inspect

    from nemovideo.local import LocalBackend

    names = {"token", "http_client", *Options.__annotations__}
    check_names("Client.local()", options, names | {*inspect.signature(LocalBackend).parameters})
    client_options = {name: value for name, value in options.items() if name in names}
    backend_options = {name: value for name, value in options.items() if name not in names}
    if not allows_private_urls(cast("Options", client_options), default=True):
        backend_options["private_urls"] = False
    backend = LocalBackend(**backend_options)
    backend.start()
    defaults = {
        **options_for(backend),
        "token": "",
        "token_scope": "local",
        "edit_cost": backend.edit_cost,
        "polling": LOCAL_POLLING,
    }
    return backend, {**defaults, **client_options}


def options_for(backend: LocalBackend) -> Options:
    """Return the options that a client of a local backend needs."""
    return {
        "base_url": backend.url,
        "web_url": backend.url,
        "config_dir": backend.state_dir / "client",
    }
