"""Errors about the arguments of a tool call, worded for the model that made it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pydantic import ValidationError

from nemovideo.errors import InvalidRequestError


def unknown_arguments(
    tool: str, given: Iterable[str], schema: Mapping[str, object]
) -> InvalidRequestError | None:
    """Return the error for arguments that the tool does not have; None if there are none."""
    names, _ = _names(schema)
    unknown = [repr(name) for name in given if name not in names]
    if not unknown:
        return None
    return _error(f"the tool {tool} has no argument {' or '.join(unknown)}", schema)


def invalid_arguments(
    tool: str, error: ValidationError, schema: Mapping[str, object]
) -> InvalidRequestError:
    """Return the error for arguments that are missing or have the wrong type."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    reasons = [_reason(each["loc"], each["type"], each["msg"]) for each in found]
    return _error(f"the tool {tool}: {'; '.join(reasons)}", schema)


def _reason(location: Sequence[int | str], kind: str, message: str) -> str:
    name, *within = location
    item = f"item {within[0]} of {name}" if within else str(name)
    if kind == "missing":
        return f"{item} is missing"
    return f"{item}: {message[:1].lower()}{message[1:]}"


def _error(message: str, schema: Mapping[str, object]) -> InvalidRequestError:
    names, required = _names(schema)
    listed = [f"{name} (required)" if name in required else name for name in names]
    words = f"Its arguments are: {', '.join(listed)}." if listed else "It has no arguments."
    return InvalidRequestError(message, remedy=words)


def _names(schema: Mapping[str, object]) -> tuple[list[str], list[str]]:
    """Return the names of all arguments, and of the required ones."""
    properties, required = schema.get("properties"), schema.get("required")
    return (
        list(properties) if isinstance(properties, Mapping) else [],
        list(required) if isinstance(required, list) else [],
    )
