"""All errors that the SDK raises: what each means, and its remedy.

The tree::

    NemoError
    ├── APIError                      .status .code .message .request_id .body .remedy
    │   ├── AuthenticationError       1001, 1010, 1011, HTTP 401
    │   ├── ScopeError                HTTP 403
    │   ├── SessionNotFoundError      1002
    │   ├── RenderNotFoundError       HTTP 404 about a render
    │   ├── InsufficientCreditsError  2001      .register_url
    │   ├── UnsupportedFileError      4001      also raised before anything is sent
    │   │   └── SourceNotFoundError   no such file here, also a FileNotFoundError
    │   ├── FileTooLargeError         4002, 413 also raised before anything is sent
    │   ├── MissingClientIdError      400
    │   ├── ExportBlockedError        402
    │   ├── RateLimitError            429       .retry_after
    │   └── ServerError               5xx
    ├── InvalidRequestError           rejected before sending: an empty message, a wrong argument
    ├── MalformedResponseError        .path (JSON path) .body
    ├── APIConnectionError ── APITimeoutError
    ├── StreamInterruptedError        dropped, and the state lacks the edit
    ├── StreamTimeoutError            heartbeats only, or past 15 min
    ├── AgentError                    the agent itself reported a failure
    ├── DraftNotReadyError
    ├── RenderFailedError ── RenderCancelledError
    ├── RenderTimeoutError
    ├── CreditLimitError              max_credits would be exceeded
    ├── DownloadError                 wrong size or range              .interrupted
    │   └── OutputError           the file cannot be written here, also an OSError
    │       └── OutputPathError   it exists, its folder does not, …; also an InvalidRequestError
    ├── CheckpointError               a job's checkpoint that cannot be used    .path
    │   └── JobRunningError           the job is running in another process or thread
    ├── CassetteError                 a recording that cannot be read, or lacks a request
    ├── MissingExtraError             an extra that is not installed, also an ImportError
    └── LocalBackendError             the local backend cannot start or continue
        └── ModelUnavailableError     the engine's model is missing and cannot be downloaded

Each class has its code, HTTP status and remedy, and registers itself for `error_class`
(docs/protocol.md §7). Errors consist of one message and plain attributes, so that they can be
pickled and copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

from nemovideo._values.formats import CONTENT_TYPES
from nemovideo._values.remedies import SIGN_IN, Code, Medium, Option, Remedy, remedy_for

SUPPORTED_SUFFIXES: tuple[str, ...] = tuple(s for s in CONTENT_TYPES if s not in ("jpeg", "zip"))
"""The file formats that the service accepts, by suffix (docs/protocol.md §4)."""

MAX_UPLOAD_BYTES = 500 * 1024 * 1024
"""The largest file that the service accepts, in bytes (docs/protocol.md §4)."""

_BODY_LIMIT = 2000
_MESSAGE_LIMIT = 1000


class PartialReply(Protocol):
    """The agent's answer up to the failure: a `nemovideo.Reply`."""

    @property
    def text(self) -> str:
        """The text, without GUI instructions."""
        ...

    @property
    def raw_text(self) -> str:
        """The agent's unmodified text."""
        ...

    @property
    def tool_calls(self) -> Sequence[object]:
        """The tools that the agent called, in order: `ToolCallEvent`s."""
        ...


class NemoError(Exception):
    """Base class of all errors of this package.

    Attributes:
        message: What happened, in one printable line of at most 1000 characters.
        remedy: What to do about it, in a sentence or two.
        may_have_spent: Whether credits may have been used although the call failed.
        render_id: The id of the render that the call submitted, if any; it may still be running.
    """

    default_remedy: ClassVar[str] = "Report this with the message above."
    render_id: str | None = None

    def __init__(
        self, message: str, *, remedy: str | None = None, may_have_spent: bool = False
    ) -> None:
        message = _bounded(" ".join(message.split()))
        super().__init__(message)
        self.message: str = message
        self.remedy: str = remedy or self.default_remedy
        self.may_have_spent = may_have_spent

    def headline(self) -> str:
        """Return the message with its details, without the remedy."""
        return self.message

    def describe(self, medium: Medium = "python") -> str:
        """Return the message and remedy on one line, for a Python program, a shell or a chat."""
        remedy = remedy_for(self.remedy, medium)
        return f"{self.headline().rstrip('.')}. {remedy}" if remedy else self.headline()

    def __str__(self) -> str:
        """Return the message and remedy on one line."""
        return self.describe()


def _bounded(message: str) -> str:
    """Truncate a long message, and escape lone surrogates."""
    if len(message) > _MESSAGE_LIMIT:
        message = f"{message[: _MESSAGE_LIMIT - 1]}…"
    return message.encode("utf-8", "backslashreplace").decode()


_BY_CODE: dict[int, type[APIError]] = {}
_BY_STATUS: dict[int, type[APIError]] = {}


class APIError(NemoError):
    """The service responded with an error.

    Attributes:
        status: The HTTP status, or None if nothing was sent.
        code: The envelope's code (docs/protocol.md §7), if any.
        request_id: The server's id for the request, from the response headers, if any.
        body: The beginning of the response body, at most 2000 characters.
        method: The HTTP method of the request.
        path: The path of the request, without its query.
    """

    default_remedy = "See .code and .body of this error."
    status_remedies: ClassVar[dict[int, str]] = {
        407: Remedy(
            (
                "the proxy requires a user name and password: set them in HTTPS_PROXY",
                Code(", or in the proxy= of your own http_client", ""),
            )
        )
    }

    def __init_subclass__(cls, codes: Sequence[int] = (), statuses: Sequence[int] = ()) -> None:
        """Register the class for these envelope codes and HTTP statuses."""
        super().__init_subclass__()
        _BY_CODE.update(dict.fromkeys(codes, cls))
        _BY_STATUS.update(dict.fromkeys(statuses, cls))

    def __init__(
        self,
        message: str,
        *,
        remedy: str | None = None,
        may_have_spent: bool = False,
        status: int | None = None,
        code: int | None = None,
        request_id: str | None = None,
        body: str = "",
        method: str = "",
        path: str = "",
    ) -> None:
        remedy = remedy or self.status_remedies.get(status or 0)
        super().__init__(message, remedy=remedy, may_have_spent=may_have_spent)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.body: str = body[:_BODY_LIMIT]
        self.method = method
        self.path = path

    def headline(self) -> str:
        """Return the message, the request and the status on one line."""
        request = f"{self.method} {self.path}".strip()
        numbers = ", ".join(
            f"{name} {value}"
            for name, value in (
                ("HTTP", self.status),
                ("code", self.code),
                ("request", self.request_id),
            )
            if value is not None
        )
        details = ", ".join(filter(None, (request, numbers)))
        return f"{self.message.rstrip('.')}{f' ({details})' if details else ''}"


class AuthenticationError(APIError, codes=(1001, 1010, 1011), statuses=(401,)):
    """The token is missing, wrong or expired (codes 1001, 1010, 1011, HTTP 401)."""

    default_remedy: ClassVar[str] = Remedy(
        ("set NEMO_TOKEN", Code(" or token=", ""), " to a valid token"),
        ("leave ", Code("both", "it"), " unset to use an anonymous one"),
    )


class ScopeError(APIError, codes=(403,), statuses=(403,)):
    """The token is valid but lacks the scope for this call (HTTP 403)."""

    default_remedy = "Use a token with the scope that this call needs."


class SessionNotFoundError(APIError, codes=(1002,)):
    """There is no such session, or it belongs to another account (code 1002)."""

    default_remedy: ClassVar[str] = Remedy(
        ("create a new session", Code(" with client.sessions.create()", ""))
    )


class RenderNotFoundError(APIError):
    """There is no such render, or it belongs to another account (HTTP 404)."""

    default_remedy: ClassVar[str] = Remedy(
        "use the token of the account that submitted it",
        ("export again", Code(" with session.export(path)", "")),
    )


class InsufficientCreditsError(APIError, codes=(2001,)):
    """The credits do not cover this operation (code 2001).

    Attributes:
        register_url: The registration page for anonymous users; None for registered ones.
    """

    default_remedy = "Top up credits in your account."
    register_url: str | None = None


class UnsupportedFileError(APIError, codes=(4001,)):
    """The file's format is not supported, or the file is damaged (code 4001)."""

    default_remedy: ClassVar[str] = f"Use one of: {', '.join(SUPPORTED_SUFFIXES)}."


class SourceNotFoundError(UnsupportedFileError, FileNotFoundError):
    """There is no such file on this machine, or it cannot be read; nothing was sent."""

    default_remedy = "Check the path."


class FileTooLargeError(APIError, codes=(4002, 413), statuses=(413,)):
    """The file is over 500 MB (code 4002, HTTP 413)."""

    default_remedy = "Compress or trim the file to 500 MB at most."


class MissingClientIdError(APIError, codes=(400,)):
    """The request had no X-Client-Id header (code 400)."""

    default_remedy = "Set NEMO_CLIENT_ID to a UUID, or let the SDK generate one."


class ExportBlockedError(APIError, codes=(402,), statuses=(402,)):
    """The subscription tier does not allow this export (code 402), regardless of credits."""

    default_remedy = "Register or upgrade your plan to unlock export."


class RateLimitError(APIError, codes=(429,), statuses=(429,)):
    """Too many requests, or a second anonymous token within a week (code 429).

    Attributes:
        retry_after: The seconds to wait that the server asked for, or None.
        register_url: The registration page, if another anonymous token was refused; None for a
            server on this machine.
    """

    default_remedy = "Wait a moment and try again."
    retry_after: float | None = None
    register_url: str | None = None


class ServerError(APIError):
    """The service failed (HTTP 5xx).

    Attributes:
        retry_after: The seconds to wait that the server asked for, or None.
    """

    default_remedy = "The service has a problem; try again later."
    status_remedies: ClassVar[dict[int, str]] = {
        507: "Free some space on the server's disk, then repeat the call.",
        511: Remedy(SIGN_IN),
    }
    retry_after: float | None = None


class InvalidRequestError(NemoError, ValueError):
    """An argument is invalid, and nothing was sent."""

    default_remedy = "Correct this argument."


class MalformedResponseError(NemoError):
    """The response does not have the form specified in docs/protocol.md.

    Attributes:
        path: The JSON path of the invalid part, such as `$.data.token`.
        body: The beginning of the response body, at most 2000 characters.
    """

    default_remedy = "The service may have changed; look for a newer version of nemovideo."

    def __init__(
        self,
        message: str,
        *,
        path: str = "$",
        body: str = "",
        remedy: str | None = None,
        may_have_spent: bool = False,
    ) -> None:
        super().__init__(message, remedy=remedy, may_have_spent=may_have_spent)
        self.path = path
        self.body: str = body[:_BODY_LIMIT]


class APIConnectionError(NemoError):
    """The service could not be reached, or the connection dropped.

    Attributes:
        sent: False if the request certainly did not reach the server.
        permanent: Whether retrying is pointless, as after a rejected certificate.
        stale: Whether a reused connection dropped before any response arrived.
    """

    default_remedy = "Check the network, the proxy settings and NEMO_API_URL, and try again."
    sent: bool = True
    permanent: bool = False
    stale: bool = False


class APITimeoutError(APIConnectionError):
    """The service did not respond within the time limit.

    Attributes:
        deadline_passed: Whether the deadline of the whole call has passed, or would have during
            the next wait.
    """

    default_remedy: ClassVar[str] = Remedy(
        "try again", ("allow more time with ", Code("timeout_s=", in_shell="NEMO_TIMEOUT"))
    )
    deadline_passed: bool = False


_BEFORE_RESENDING = Remedy(
    (
        "look at ",
        Code("session.state()", "the project"),
        " before you send the message again: it would be charged again",
    )
)


class StreamInterruptedError(NemoError):
    """The agent's stream dropped, and the state did not change afterward, or lacks an edit.

    Attributes:
        reply: The agent's answer up to the failure.
    """

    default_remedy: ClassVar[str] = _BEFORE_RESENDING
    reply: PartialReply | None = None


class StreamTimeoutError(NemoError):
    """The agent's stream contained only heartbeats, or lasted too long.

    Attributes:
        reply: The agent's answer up to the failure.
    """

    default_remedy: ClassVar[str] = _BEFORE_RESENDING
    reply: PartialReply | None = None


class AgentError(NemoError):
    """The agent itself reported a failure.

    Attributes:
        code: The code that the agent gave, if any.
        reply: The agent's answer up to the failure.
    """

    default_remedy = "Rephrase the request, or split it into smaller steps."
    code: str | None = None
    reply: PartialReply | None = None


class DraftNotReadyError(NemoError):
    """The draft has nothing to render: no track with a segment."""

    default_remedy = "Upload a clip or ask the agent for one first."


class RenderFailedError(NemoError):
    """The render job failed; `render_id` is its id."""

    default_remedy = (
        "Export again (exports are free); if it fails again, fix the cause given in the message."
    )


class RenderCancelledError(RenderFailedError):
    """The render job was canceled."""

    default_remedy = "Export again if you still want the file."


class RenderTimeoutError(NemoError):
    """The render job did not finish in time; it may still be running."""

    default_remedy: ClassVar[str] = Remedy(
        ("keep waiting", Code(" with client.render.wait(client.render.get(render_id))", ""))
    )


class CreditLimitError(NemoError):
    """The operation would exceed max_credits, so it was not started."""

    default_remedy: ClassVar[str] = Remedy(
        ("raise ", Option("max_credits")),
        "process fewer files per call",
        (
            "if you use your own server, set its price per edit with ",
            Code("Client(edit_cost=…)", in_shell="NEMO_EDIT_COST"),
        ),
    )


class DownloadError(NemoError):
    """The downloaded file is incomplete.

    Attributes:
        interrupted: Whether the connection dropped; if so, another download to the same path
            resumes this one.
    """

    default_remedy: ClassVar[str] = Remedy(
        ("download again", Code(" with client.render.download(job, path)", ""))
    )
    interrupted: bool = False


class OutputError(DownloadError, OSError):
    """The file cannot be written: disk full, no permission, or locked by another download."""

    default_remedy: ClassVar[str] = "Free disk space or choose another path, and download again."


class OutputPathError(OutputError, InvalidRequestError):
    """The output path cannot be used: the file exists, or its folder does not, for example.

    It is raised before anything is sent, except for a file that appears during a download.
    """

    default_remedy = "Choose another path."


class CheckpointError(NemoError):
    """A job's checkpoint cannot be read, written, or used for this call; the file is kept.

    Attributes:
        path: The file.
    """

    default_remedy: ClassVar[str] = Remedy(
        ("choose another ", Option("checkpoint"), " to start over")
    )
    path: str | None = None


class JobRunningError(CheckpointError):
    """The job, or a batch with the same output folder, is running in another process or thread."""

    default_remedy: ClassVar[str] = "Wait until it ends, or stop it; then resume the job."


class CassetteError(NemoError):
    """A recorded session cannot be read, or does not contain the request."""

    default_remedy = "Record the session again with nemovideo.testing.record(path)."


class MissingExtraError(NemoError, ImportError):
    """The feature needs an extra that is not installed."""

    default_remedy = 'Install it: pip install "nemovideo[local]".'


class LocalBackendError(NemoError):
    """The local backend cannot start or continue."""

    default_remedy: ClassVar[str] = Remedy(
        "fix the cause given in the message", ("choose any free port with ", Option("port", 0))
    )


class ModelUnavailableError(LocalBackendError):
    """The engine's model is not on this machine and cannot be downloaded."""

    default_remedy: ClassVar[str] = Remedy(
        'run "python -m nemovideo.local fetch-models" with a network connection',
        ("pass your own model with ", Option("model")),
    )


def error_class(status: int | None, code: int | None) -> type[APIError]:
    """Return the class for a response: by its code if that is known, else by its HTTP status."""
    if code is not None and code in _BY_CODE:
        return _BY_CODE[code]
    if status is not None and status in _BY_STATUS:
        return _BY_STATUS[status]
    if any(number is not None and 500 <= number <= 599 for number in (status, code)):
        return ServerError
    return APIError
