"""The version of this package; reading it from the installed metadata takes 40 ms."""

from __future__ import annotations

__version__ = "0.2.0"
