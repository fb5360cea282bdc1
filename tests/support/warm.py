"""Preloaded by the fork server of the job tests: compiles the patterns that every job uses."""

from __future__ import annotations

from nemovideo import gui

gui.clean("It is done. Preview it in the timeline, then click the Export button.")
