"""What a client is set to: options, environment variables, and the headers that follow from them.

Sources: docs/protocol.md §1 (environment) and §2 (attribution headers).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs

from nemovideo._support.addresses import is_loopback
from nemovideo._support.clock import Clock
from nemovideo._support.places import home, replacement
from nemovideo._support.version import __version__
from nemovideo._values.remedies import Option, Remedy
from nemovideo.errors import InvalidRequestError
from nemovideo.hooks import RequestInfo, ResponseInfo
from nemovideo.models import Token
from nemovideo.retry import Polling, RetryPolicy, StreamLimits

if TYPE_CHECKING:
    from nemovideo._config.credentials import CredentialStore
    from nemovideo.options import Options

API_URL = "https://mega-api-prod.nemovideo.ai"
WEB_URL = "https://nemovideo.com"
TOKEN_PREFIX = "nmv_usr_"  # noqa: S105 - what every token begins with
SKILL_NAME = "video-background-remover-ai"
EDIT_COST = 50
_CONFIG_REMEDY = "Set HOME, XDG_CONFIG_HOME or config_dir= to a folder that can be written to."
_USER_AGENT = f"nemovideo-python/{__version__}"


def config_directory(environ: Mapping[str, str]) -> Path:
    """Return where the client id and the anonymous token are kept (docs/protocol.md §1)."""
    if base := environ.get("XDG_CONFIG_HOME"):
        return Path(base) / "nemovideo"
    found = home()
    if found is None:
        return replacement("~/.config/nemovideo", "has no home folder", _CONFIG_REMEDY)
    return found / ".config" / "nemovideo"


def _program() -> Path:
    """Return the path of the running program; an embedded interpreter may have none."""
    arguments = getattr(sys, "argv", None)
    return Path(arguments[0] if arguments and arguments[0] else ".")


def detect_platform(environ: Mapping[str, str], program: Path | None = None) -> str:
    """Return the X-Skill-Platform: `SKILL_SOURCE`, else by where the calling program lives."""
    if source := environ.get("SKILL_SOURCE", "").strip():
        return source
    user = home()
    if user is None:
        return "unknown"
    try:
        path = (program or _program()).absolute()
    except OSError:  # the working directory was removed
        return "unknown"
    for root, platform in ((".clawhub", "clawhub"), (".cursor/skills", "cursor")):
        if path.is_relative_to(user / root):
            return platform
    return "unknown"


@attrs.frozen
class Settings:
    """Everything that a client needs to know before it opens a connection."""

    base_url: str
    web_url: str
    token: str | None = attrs.field(repr=False)
    store: CredentialStore
    headers: Mapping[str, str]
    anonymous: bool = True
    allow_http: bool = False
    local_files: bool = True
    private_urls: bool = True
    timeout_s: float = 60.0
    deadline_s: float | None = None
    retry: RetryPolicy = attrs.field(factory=RetryPolicy)
    polling: Polling = attrs.field(factory=Polling)
    stream: StreamLimits = attrs.field(factory=StreamLimits)
    clock: Clock = attrs.field(factory=Clock)
    edit_cost: int = EDIT_COST
    on_request: Callable[[RequestInfo], None] | None = None
    on_response: Callable[[ResponseInfo], None] | None = None

    def __getstate__(self) -> dict[str, object]:
        """Return all but the clock, which another process has of its own."""
        return {**attrs.asdict(self, recurse=False), "clock": Clock()}

    def __setstate__(self, state: dict[str, object]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)

    @property
    def origin(self) -> tuple[str, str, int | None]:
        """Scheme, host and port of the API: the only place that a token is sent to."""
        return origin_of(self.base_url)

    def check_link(self, url: str) -> None:
        """Refuse to fetch a result over plain http, as `base_url` is refused.

        Links to this machine are fine where the API itself is on it.

        Raises:
            InvalidRequestError: The link, or a redirect of it, is plain http to another host.
        """
        try:
            scheme, host = urlsplit(url).scheme, urlsplit(url).hostname or ""
        except ValueError:
            return  # not a URL: that is told where it is fetched
        local = is_loopback(host) and is_loopback(self.origin[1])
        if scheme == "http" and not self.allow_http and not local:
            raise InvalidRequestError(
                f"the result would be fetched from {host!r} without encryption",
                remedy="Pass allow_http=True if the way is safe.",
            )


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port, with the scheme's own port filled in."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), port


def check_base_url(url: str, *, allow_http: bool = False) -> str:
    """Return the URL without its last slash.

    Raises:
        InvalidRequestError: It is no http(s) URL, or plain http to a host that is not this machine.
    """
    url = url.strip()
    try:
        scheme, host, _ = origin_of(url)
    except ValueError:  # brackets, or a port, that no URL can have
        scheme = host = ""
    if scheme and "@" in urlsplit(url).netloc:
        raise InvalidRequestError(
            f"the URL of {host!r} has a user name or password in it", remedy="Leave them out."
        )
    if scheme not in ("http", "https") or not host:
        raise InvalidRequestError(
            f"{url!r} is not an http(s) URL", remedy="Set base_url or NEMO_API_URL to one."
        )
    if scheme == "http" and not allow_http and not is_loopback(host):
        raise InvalidRequestError(
            f"{host!r} would be spoken to without encryption, and the token could be read",
            remedy=Remedy(
                "use an https URL", ("pass ", Option("allow_http", True), " if the network is safe")
            ),
        )
    return url.rstrip("/")


def check_token(token: str | None, base_url: str = API_URL) -> str | None:
    """Return the token, stripped, or None for an empty one.

    The cloud's own tokens begin with `nmv_usr_` (docs/protocol.md §1). What another
    host takes, a gateway with tokens of its own, say, is that host's affair.

    Raises:
        InvalidRequestError: It is a claim token, is none of the cloud's although it would go
            there, or cannot be part of a header.
    """
    token = (token or "").strip()
    if token.startswith("clm_"):
        raise InvalidRequestError(
            "this is a claim token (clm_…), which only opens a project in a browser",
            remedy="Use a bearer token, which begins with nmv_usr_.",
        )
    if token and not Token(token).sendable:
        raise InvalidRequestError(
            "the token has characters that no token has",
            remedy="Copy it again; it begins with nmv_usr_.",
        )
    if token and not token.startswith(TOKEN_PREFIX) and origin_of(base_url) == origin_of(API_URL):
        raise InvalidRequestError(
            "this is no token of NemoVideo's cloud: those begin with nmv_usr_",
            remedy="Copy it again, or set base_url or NEMO_API_URL to the host that it is for.",
        )
    return token or None


def _check_header(value: str, source: str) -> str:
    """Return the value of a header, stripped.

    Raises:
        InvalidRequestError: It holds a character that no header can carry.
    """
    value = value.strip()
    if not value.isprintable():
        raise InvalidRequestError(
            f"{source} has characters that cannot be sent in a header",
            remedy=f"Set {source} to text on one line.",
        )
    return value


def default_attribution(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that go with every request (docs/protocol.md, "Headers")."""
    return {
        "X-Skill-Source": SKILL_NAME,
        "X-Skill-Version": __version__,
        "X-Skill-Platform": _check_header(detect_platform(environ), "SKILL_SOURCE"),
        "User-Agent": _USER_AGENT,
    }


def attribution(options: Options) -> dict[str, str]:
    """Return those of the attribution headers that the options set."""
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


def token(environ: Mapping[str, str]) -> str | None:
    """Return the bearer token of the environment: NEMO_TOKEN, else the vendor's own name for it."""
    return environ.get("NEMO_TOKEN") or environ.get("NEMOVIDEO_API_KEY")


def environment() -> Mapping[str, str]:
    """Return the process's environment, as it is now."""
    return os.environ
