"""A client's settings, from options and environment variables.

Sources: docs/protocol.md §1 (environment) and §2 (attribution headers).
"""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs

from nemovideo._support.addresses import DEFAULT_PORTS, is_loopback
from nemovideo._support.clock import Clock
from nemovideo._support.numbers import Validator, check_number, number
from nemovideo._support.user_folders import MISSING, home, replacement
from nemovideo._support.version import __version__
from nemovideo._values.remedies import Code, Remedy
from nemovideo.errors import InvalidRequestError
from nemovideo.hooks import RequestInfo, ResponseInfo
from nemovideo.models import Token
from nemovideo.retry import Polling, RetryPolicy, StreamLimits

if TYPE_CHECKING:
    from nemovideo._config.credentials import CredentialStore
    from nemovideo.options import Options

API_URL = "https://mega-api-prod.nemovideo.ai"
WEB_URL = "https://nemovideo.com"
_TOKEN_PREFIX = "nmv_usr_"  # noqa: S105 - a prefix
_EDIT_COST = 50
_TIMEOUT_S = 60.0
_CONFIG_REMEDY = "Set HOME, XDG_CONFIG_HOME or config_dir= to a writable folder."
_ALLOW_HTTP = Code(
    "pass allow_http=True if the network is safe",
    "connect through a tunnel to this machine (`ssh -L`): plain http is only possible in Python, "
    "with allow_http=True",
)
_USER_AGENT = f"nemovideo-python/{__version__}"


def config_directory() -> Path:
    """Return the folder that stores the client id and the token (docs/protocol.md §1)."""
    if base := os.environ.get("XDG_CONFIG_HOME"):
        return Path(base) / "nemovideo"
    found = home()
    if found is None:
        return replacement("nemovideo's settings", MISSING, _CONFIG_REMEDY)
    return found / ".config" / "nemovideo"


def _platform() -> str:
    """Return the X-Skill-Platform value: `SKILL_SOURCE`, or a guess from the program's path."""
    if source := os.environ.get("SKILL_SOURCE", "").strip():
        return source
    program = next(iter(getattr(sys, "argv", ())), "")  # embedded interpreters may have no argv
    user = home()
    with suppress(OSError):  # the working directory was removed
        path = Path(program).absolute()
        for root, platform in ((".clawhub", "clawhub"), (".cursor/skills", "cursor")):
            if user is not None and path.is_relative_to(user / root):
                return platform
    return "unknown"


def _instance_of(kind: type[object]) -> Validator:
    """Return a validator for instances of a class."""

    def check(_: object, attribute: attrs.Attribute[object], value: object) -> None:
        if not isinstance(value, kind):
            raise InvalidRequestError(
                f"{attribute.name}={value!r:.60} is not a {kind.__name__}",
                remedy=f"Pass {attribute.name}={kind.__name__}(…), or leave it out.",
            )

    return check


@attrs.frozen
class Settings:
    """The settings of a client."""

    base_url: str
    web_url: str
    token: str | None = attrs.field(repr=False)
    store: CredentialStore
    headers: Mapping[str, str]
    anonymous: bool = True
    allow_http: bool = False
    local_files: bool = True
    private_urls: bool = True
    timeout_s: float = attrs.field(default=_TIMEOUT_S, validator=number(above=0))
    deadline_s: float | None = attrs.field(
        default=None, validator=number("deadline", at_least=0, optional=True)
    )
    retry: RetryPolicy = attrs.field(factory=RetryPolicy, validator=_instance_of(RetryPolicy))
    polling: Polling = attrs.field(factory=Polling, validator=_instance_of(Polling))
    stream: StreamLimits = attrs.field(factory=StreamLimits, validator=_instance_of(StreamLimits))
    clock: Clock = attrs.field(factory=Clock, validator=_instance_of(Clock))
    edit_cost: int = attrs.field(default=_EDIT_COST, validator=number(at_least=0))
    on_request: Callable[[RequestInfo], None] | None = None
    on_response: Callable[[ResponseInfo], None] | None = None

    def __getstate__(self) -> dict[str, object]:
        """Return all fields, with the system clock in place of a test clock."""
        return {**attrs.asdict(self, recurse=False), "clock": Clock()}

    def __setstate__(self, state: dict[str, object]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)

    @property
    def origin(self) -> tuple[str, str, int | None]:
        """Scheme, host and port of the API: the only origin that gets the token."""
        return origin_of(self.base_url)

    def limit(self, deadline: float | None) -> float | None:
        """Return a call's deadline in seconds, otherwise the client's own.

        Raises:
            InvalidRequestError: It is not a number.
        """
        if deadline is None:
            return self.deadline_s
        check_number("deadline", deadline, allow_infinite=True)
        return deadline

    def check_link(self, url: str) -> None:
        """Reject a result link over plain http, by the same rule as `base_url`.

        Links to this machine are accepted if the API is on it too.

        Raises:
            InvalidRequestError: The link, or one of its redirects, is plain http to another host.
        """
        try:
            scheme, host = urlsplit(url).scheme, urlsplit(url).hostname or ""
        except ValueError:
            return  # not a URL: the download fails with a better error
        local = is_loopback(host) and is_loopback(self.origin[1])
        if scheme == "http" and not self.allow_http and not local:
            raise InvalidRequestError(
                f"the result would be downloaded from {host!r} without encryption",
                remedy=Remedy((_ALLOW_HTTP,)),
            )


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port, with the scheme's default port."""
    parts = urlsplit(url)
    port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), port


def check_base_url(url: str, *, allow_http: bool = False) -> str:
    """Check the API's URL, and return it without a trailing slash.

    Raises:
        InvalidRequestError: It is not an http(s) URL, or it is plain http to another machine.
    """
    url = url.strip()
    try:
        scheme, host, _ = origin_of(url)
    except ValueError:  # invalid brackets or port
        scheme = host = ""
    if scheme and "@" in urlsplit(url).netloc:
        raise InvalidRequestError(
            f"the URL of {host!r} contains a user name or password", remedy="Remove them."
        )
    if scheme not in ("http", "https") or not host:
        raise InvalidRequestError(
            f"{url!r} is not an http(s) URL", remedy="Set base_url or NEMO_API_URL to one."
        )
    if re.search(r"[\s?#]", url):
        raise InvalidRequestError(
            f"the URL of {host!r} contains a query, a fragment or a space",
            remedy="Set base_url or NEMO_API_URL to the URL without it.",
        )
    if scheme == "http" and not allow_http and not is_loopback(host):
        raise InvalidRequestError(
            f"the token would be sent to {host!r} without encryption",
            remedy=Remedy("use an https URL", (_ALLOW_HTTP,)),
        )
    return url.rstrip("/")


def check_token(token: str | None, base_url: str = API_URL) -> str | None:
    """Check a token, and return it stripped, or None for an empty one.

    The cloud's tokens begin with `nmv_usr_` (docs/protocol.md §1); other hosts, such as gateways,
    may have other tokens.

    Raises:
        InvalidRequestError: It is a claim token, cannot be sent in a header, or is not one of the
            cloud's but would be sent there.
    """
    token = (token or "").strip()
    if token.startswith("clm_"):
        raise InvalidRequestError(
            "this is a claim token (clm_…), which only opens a project in a browser",
            remedy="Use a bearer token, which begins with nmv_usr_.",
        )
    if token and not Token(token).sendable:
        raise InvalidRequestError(
            "the token contains characters that are not allowed in a header",
            remedy="Copy it again; it begins with nmv_usr_.",
        )
    if token and not token.startswith(_TOKEN_PREFIX) and origin_of(base_url) == origin_of(API_URL):
        raise InvalidRequestError(
            "not a NemoVideo token: those begin with nmv_usr_",
            remedy="Copy it again, or set base_url or NEMO_API_URL to the token's host.",
        )
    return token or None


def _check_header(value: str, source: str) -> str:
    """Return the value of a header, stripped.

    Raises:
        InvalidRequestError: It has a character that is not allowed in a header.
    """
    value = value.strip()
    if not value.isprintable():
        raise InvalidRequestError(
            f"{source} has characters that cannot be sent in a header",
            remedy=f"Set {source} to a single line of text.",
        )
    return value


def default_attribution() -> dict[str, str]:
    """Return the headers of every request (docs/protocol.md §2)."""
    return {
        "X-Skill-Source": "video-background-remover-ai",
        "X-Skill-Version": __version__,
        "X-Skill-Platform": _check_header(_platform(), "SKILL_SOURCE"),
        "User-Agent": _USER_AGENT,
    }


def attribution(options: Options) -> dict[str, str]:
    """Return the attribution headers that the options set."""
    given = {
        "X-Skill-Source": "skill_source",
        "X-Skill-Version": "skill_version",
        "X-Skill-Platform": "platform",
        "User-Agent": "user_agent",
    }
    headers = {
        header: _check_header(str(value), f"{name}=")
        for header, name in given.items()
        if (value := options.get(name))
    }
    if user_agent := headers.get("User-Agent"):
        headers["User-Agent"] = f"{_USER_AGENT} {user_agent}"
    return headers


def environment_token() -> str | None:
    """Return the environment's token: NEMO_TOKEN, otherwise NEMOVIDEO_API_KEY."""
    return os.environ.get("NEMO_TOKEN") or os.environ.get("NEMOVIDEO_API_KEY")


def environment_url() -> str:
    """Return the API's URL: NEMO_API_URL, otherwise the cloud's."""
    return os.environ.get("NEMO_API_URL") or API_URL


def environment_edit_cost() -> int:
    """Return the credits that an edit costs: NEMO_EDIT_COST, otherwise the cloud's usual cost.

    Raises:
        InvalidRequestError: It is not a whole number.
    """
    given = os.environ.get("NEMO_EDIT_COST") or _EDIT_COST
    try:
        return int(given)
    except ValueError:
        raise InvalidRequestError(
            f"NEMO_EDIT_COST={given!r:.60} is not a whole number",
            remedy="Set NEMO_EDIT_COST to the number of credits that an edit costs.",
        ) from None


def environment_timeout_s() -> float:
    """Return the number of seconds to wait for data: NEMO_TIMEOUT, otherwise 60.

    Raises:
        InvalidRequestError: It is not a number above 0.
    """
    return _environment_seconds("NEMO_TIMEOUT", _TIMEOUT_S, "to wait for data")


def environment_polling(usual: Polling) -> Polling:
    """Return how to poll a render: as usual, unless NEMO_OUTAGE limits an outage.

    Then a render is polled about four times in that time, so that an outage is noticed early.

    Raises:
        InvalidRequestError: It is not a number above 0.
    """
    if not os.environ.get("NEMO_OUTAGE"):
        return usual
    outage_s = _environment_seconds(
        "NEMO_OUTAGE", math.inf, "that the server may be unreachable while a render is polled"
    )
    interval_s = min(usual.interval_s, max(outage_s / 4, 1.0))
    return attrs.evolve(usual, interval_s=interval_s, outage_s=outage_s)


def environment_stream_limits() -> StreamLimits:
    """Return the limits on an agent's stream: NEMO_SILENCE, otherwise the defaults.

    Raises:
        InvalidRequestError: It is not a number above 0.
    """
    limits = StreamLimits()
    silence_s = _environment_seconds(
        "NEMO_SILENCE", limits.silence_s, "that the agent may be silent"
    )
    return attrs.evolve(limits, silence_s=silence_s)


def _environment_seconds(variable: str, default: float, purpose: str) -> float:
    given = os.environ.get(variable) or default
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < math.inf:
        raise InvalidRequestError(
            f"{variable}={given!r:.60} is not a number above 0",
            remedy=f"Set {variable} to the number of seconds {purpose}.",
        )
    return seconds
