"""Remedies as values, phrased for Python, a shell, a chat, or an AI's tools."""

from __future__ import annotations

from typing import Literal

import attrs

Medium = Literal["python", "shell", "chat", "tool"]
"""Where a remedy is shown: to a programmer, in a shell, in a chat, or to an AI with tools."""

SIGN_IN = "open a browser: the network may want you to sign in first"
"""The step to suggest if a response may come from a captive portal."""

_TOOL_ARGUMENTS = ("overwrite", "max_credits")
"""The options that the MCP server's tools have too."""


@attrs.frozen
class Option:
    """An argument to pass: `overwrite=True`, or `--overwrite` in a shell.

    Attributes:
        name: The argument's name.
        value: Its value; None if the user chooses one.
    """

    name: str
    value: object = None

    def for_medium(self, medium: Medium) -> str | None:
        """Return the argument for a medium; None if it has none there."""
        if medium == "chat":
            return None
        if medium == "shell":
            flag = f"--{self.name.replace('_', '-')}"
            bare = self.value is None or isinstance(self.value, bool)
            return flag if bare else f"{flag} {self.value}"
        if medium == "tool" and self.name not in _TOOL_ARGUMENTS:
            return None
        return f"{self.name}=" if self.value is None else f"{self.name}={self.value!r}"


@attrs.frozen
class Resume:
    """Resume the job of a checkpoint.

    Attributes:
        path: The checkpoint file.
        send_again: Whether to send the message again.
        anywhere: Whether to resume without a client, at the service that the job uses.
    """

    path: str
    send_again: bool = False
    anywhere: bool = False

    def for_medium(self, medium: Medium) -> str | None:
        """Return the call or command for a medium; None if it has none there."""
        if medium in ("chat", "tool"):
            return None
        if medium == "shell":
            import shlex

            again = "--send-again " if self.send_again else ""
            return f"`nemovideo jobs resume {again}{shlex.quote(self.path)}`"
        call = "nemovideo.Job.resume" if self.anywhere else "client.jobs.resume"
        return f"{call}({self.path!r}{', send_again=True' if self.send_again else ''})"


@attrs.frozen
class Code:
    """Python code.

    Attributes:
        text: The code.
        otherwise: The text for other media; None to leave out the step there.
        in_shell: The text for a shell, if it differs from `otherwise`.
    """

    text: str
    otherwise: str | None = None
    in_shell: str | None = None

    def for_medium(self, medium: Medium) -> str | None:
        """Return the code, or its replacement."""
        if medium == "shell" and self.in_shell is not None:
            return self.in_shell
        return self.text if medium == "python" else self.otherwise


Action = Option | Resume | Code
Step = str | tuple[str | Action, ...]


class Remedy(str):
    """The remedy for an error: alternative steps. As a string, it is phrased for Python.

    A step is text, or a tuple of text and actions. A step with an action that a medium does not
    have is left out there.
    """

    steps: tuple[Step, ...]
    following: str

    def __new__(cls, *steps: Step, following: str = "") -> Remedy:
        """Make a remedy; `following` is a second remedy to append."""
        remedy = super().__new__(cls, _joined(steps, following, "python"))
        remedy.steps, remedy.following = steps, following
        return remedy

    @classmethod
    def after(cls, first: str, second: Remedy) -> Remedy:
        """Return a remedy with a second one appended."""
        steps = first.steps if isinstance(first, Remedy) else (first,)
        return cls(*steps, following=second)

    def __getnewargs_ex__(self) -> tuple[tuple[Step, ...], dict[str, str]]:
        return self.steps, {"following": self.following}

    def for_medium(self, medium: Medium) -> str:
        """Return the remedy for a medium; empty if no step applies there."""
        return _joined(self.steps, self.following, medium)


def remedy_for(remedy: str, medium: Medium) -> str:
    """Return a remedy, which may be plain text, for a medium."""
    return remedy.for_medium(medium) if isinstance(remedy, Remedy) else remedy


def _joined(steps: tuple[Step, ...], following: str, medium: Medium) -> str:
    phrases = [text for step in steps if (text := _step(step, medium)) is not None]
    sentence = ", or ".join(filter(None, (", ".join(phrases[:-1]), *phrases[-1:])))
    if sentence:
        sentence = f"{sentence[0].upper()}{sentence[1:].removesuffix('.')}."
    return " ".join(filter(None, (sentence, remedy_for(following, medium))))


def _step(step: Step, medium: Medium) -> str | None:
    parts = (step,) if isinstance(step, str) else step
    pieces = [part if isinstance(part, str) else part.for_medium(medium) for part in parts]
    return None if None in pieces else "".join(filter(None, pieces))
