"""Amounts in words."""

from __future__ import annotations


def credits_text(amount: float) -> str:
    """Return an amount of credits with its unit: "1 credit", "2.5 credits"."""
    return f"{amount:.10g} {'credit' if amount == 1 else 'credits'}"
