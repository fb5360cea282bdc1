"""The type hints of `Client.local` cover the options of both the client and the backend."""

from __future__ import annotations

import inspect

import pytest

from nemovideo import Client
from nemovideo._config.local_options import LocalOptions
from nemovideo.local import LocalBackend


def test_every_option_of_the_backend_and_of_the_client_is_typed() -> None:
    taken = {*inspect.signature(Client).parameters, *inspect.signature(LocalBackend).parameters}
    assert taken - {"options", "shared"} <= set(LocalOptions.__annotations__)


def test_a_misspelled_option_is_refused_with_the_closest_name() -> None:
    with pytest.raises(TypeError, match="did you mean 'state_dir'"):
        Client.local(state_dri=".")  # type: ignore[call-arg]
