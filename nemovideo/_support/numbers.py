"""Validate numeric options."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from typing import Any, TypeAlias

import attrs

from nemovideo.errors import InvalidRequestError

Validator: TypeAlias = Callable[[Any, Any, Any], None]


def check_number(
    name: str,
    value: object,
    *,
    above: float = -math.inf,
    at_least: float = -math.inf,
    allow_infinite: bool = False,
) -> None:
    """Check a number: more than `above`, at least `at_least`, finite unless `allow_infinite`.

    Raises:
        InvalidRequestError: It is not a number, or is NaN, infinite or too small.
    """
    usable = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if usable and above < value and value >= at_least and (allow_infinite or value < math.inf):  # type: ignore[operator]
        return
    wanted = "a number"
    if above > -math.inf:
        wanted = f"a number above {above:g}"
    elif at_least > -math.inf:
        wanted = f"a number of at least {at_least:g}"
    raise InvalidRequestError(
        f"{name}={value!r:.60} is not {wanted}", remedy=f"For {name}=, pass {wanted}."
    )


def number(
    name: str = "",
    *,
    above: float = -math.inf,
    at_least: float = -math.inf,
    allow_infinite: bool = False,
    optional: bool = False,
) -> Validator:
    """Return `check_number` as an attrs validator, for the field's name unless `name` is given."""

    def check(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if not (optional and value is None):
            check_number(
                name or attribute.name,
                value,
                above=above,
                at_least=at_least,
                allow_infinite=allow_infinite,
            )

    return check
