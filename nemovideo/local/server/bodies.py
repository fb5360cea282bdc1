"""Request bodies as JSON: large ones are buffered on disk, and parsed in a thread."""

from __future__ import annotations

from collections.abc import Callable
from tempfile import SpooledTemporaryFile
from typing import TypeVar

from starlette.requests import Request

from nemovideo._support import json_text
from nemovideo.local.server.context import check_disk, context_of
from nemovideo.local.server.forms import Problem

JSON_LIMIT_BYTES = 1024 * 1024
DRAFT_LIMIT_BYTES = 5 * 1024 * 1024
_LARGE_BYTES = 64 * 1024
_MAX_VALUES = 250_000
"""Far more than the largest draft has. 5 MB of empty lists would take 100 MB, and block the server
for a second."""

_T = TypeVar("_T")


async def read_json(request: Request, *, limit: int = JSON_LIMIT_BYTES) -> dict[str, object]:
    """Parse the body as a JSON object of at most `limit` bytes; see `read_body`."""
    return await read_body(request, lambda value, _: json_object(value), limit=limit)


def json_object(value: object) -> dict[str, object]:
    """Return the value of a body, which must be an object.

    Raises:
        Problem: 400.
    """
    if not isinstance(value, dict):
        raise Problem(400, "The request body must be a JSON object.")
    return value


async def read_body(
    request: Request, use: Callable[[object, bytes], _T], *, limit: int = JSON_LIMIT_BYTES
) -> _T:
    """Parse the body as JSON of at most `limit` bytes, and return the result of `use`.

    A large body takes disk space, which counts against its user's quota, and memory only while a
    thread of `Pools.parses` parses it. So memory use is bounded, however many are sent at a time.

    Args:
        request: The request.
        use: Called with the value and the body, in the thread that parses it.
        limit: The limit.

    Raises:
        Problem: It is too large or has too many values (413), the quota is used up (507), or it is
            not JSON (400): `NaN`, `Infinity`, numbers beyond the range of a float and nesting
            beyond 200 levels are rejected.
    """
    context, user_id = context_of(request), request.scope.get("nemovideo.user", "")
    size = values = 0
    with (
        context.pending_uploads.count(user_id) as add,
        SpooledTemporaryFile(_LARGE_BYTES, dir=str(context.store.folder("incoming"))) as file,
    ):
        async for chunk in request.stream():
            size += len(chunk)
            values += sum(map(chunk.count, (b",", b"[", b"{")))
            if size > limit:
                raise Problem(413, f"The request body is larger than {limit} bytes.", code=413)
            if values > _MAX_VALUES:
                message = f"The request body has more than {_MAX_VALUES} values."
                raise Problem(413, message, code=413)
            pending = add(len(chunk))
            if size > _LARGE_BYTES:
                check_disk(context, user_id, pending_bytes=pending)
            file.write(chunk)

        def parse() -> _T:
            file.seek(0)
            body = file.read()
            try:
                value = json_text.read_json(body)
            except ValueError as error:
                raise Problem(400, f"The request body is not JSON: {error}") from error
            return use(value, body)

        if size <= _LARGE_BYTES:
            return parse()
        return await context.pools.parses.run(parse, user_id=context.limited_user(user_id))
