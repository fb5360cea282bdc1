"""Errors: their classes, what they print, and that they survive pickling and copying."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest

from nemovideo import errors
from nemovideo.errors import APIError, NemoError, error_class

CLASSES = [
    value
    for value in vars(errors).values()
    if inspect.isclass(value) and issubclass(value, NemoError)
]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_has_a_remedy_and_survives_pickle_and_deepcopy(cls: type[NemoError]) -> None:
    error = cls("it broke")
    error.may_have_spent = True
    for copied in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert type(copied) is cls
        assert str(copied) == str(error)
        assert vars(copied) == vars(error)
        assert copied.remedy
        assert copied.may_have_spent


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_prints_on_one_line(cls: type[NemoError]) -> None:
    assert "\n" not in str(cls("first\nsecond\r\nthird"))


@pytest.mark.parametrize(
    ("status", "code", "name"),
    [
        (401, None, "AuthenticationError"),
        (None, 1001, "AuthenticationError"),
        (401, 1001, "AuthenticationError"),
        (403, None, "ScopeError"),
        (404, 1002, "SessionNotFoundError"),
        (None, 2001, "InsufficientCreditsError"),
        (402, 2001, "InsufficientCreditsError"),
        (400, 4001, "UnsupportedFileError"),
        (413, None, "FileTooLargeError"),
        (413, 4002, "FileTooLargeError"),
        (400, 400, "MissingClientIdError"),
        (402, None, "ExportBlockedError"),
        (None, 402, "ExportBlockedError"),
        (429, None, "RateLimitError"),
        (None, 429, "RateLimitError"),
        (500, None, "ServerError"),
        (503, 77, "ServerError"),
        (None, 502, "ServerError"),
        (418, None, "APIError"),
        (None, 9999, "APIError"),
    ],
)
def test_codes_and_statuses_map_to_error_classes(
    status: int | None, code: int | None, name: str
) -> None:
    assert error_class(status, code).__name__ == name


def test_an_api_error_names_its_request_and_keeps_a_bounded_body() -> None:
    error = APIError(
        "no", status=418, code=7, method="GET", path="/x", request_id="r1", body="b" * 10_000
    )
    assert str(error) == "no (GET /x, HTTP 418, code 7, request r1). " + error.remedy
    assert len(error.body) == 2000


def test_errors_inherit_from_the_matching_builtin_exceptions() -> None:
    assert issubclass(errors.SourceNotFoundError, FileNotFoundError)
    assert issubclass(errors.InvalidRequestError, ValueError)
    for name in ("OutputError", "InvalidRequestError", "OSError"):
        assert name in {cls.__name__ for cls in errors.OutputPathError.__mro__}
    assert issubclass(errors.MissingExtraError, ImportError)
