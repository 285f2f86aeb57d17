"""The errors this package raises, all below one root.

::

    ReadinessError
    +-- ConfigError        the owner's input is wrong: file, line, key, expectation, what to do
    +-- StackError         the target's stack could not be run as asked (engine, process, deadline)
    |   +-- UnsupportedError   this runtime cannot do that at all: names the capability
    +-- GatherError        a fact could not be obtained: what was done, what came back, what to try
    +-- RecordingError     a recording cannot be read, or does not hold what is asked of it

A failed check, :class:`readiness.verdict.NotApplicable` and :class:`readiness.verdict.Inconclusive` are not here: they
are results and control flow, not errors.
"""

from __future__ import annotations

__all__ = ["ConfigError", "GatherError", "ReadinessError", "RecordingError", "StackError", "UnsupportedError"]


class ReadinessError(Exception):
    """Base of every error of this package; catch it to catch them all."""


class ConfigError(ReadinessError):
    """Input of the owner cannot be used.

    Args:
        message: what is wrong and what was expected.
        file: the file at fault, as the owner would name it.
        line: 1-based line in ``file``.
        hint: what to do about it, one sentence.
    """

    def __init__(self, message: str, *, file: str | None = None, line: int | None = None, hint: str = "") -> None:
        self.message, self.file, self.line, self.hint = message, file, line, hint
        place = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
        super().__init__(f"{place}{message}{f' ({hint})' if hint else ''}")


class StackError(ReadinessError):
    """The stack could not be started, reached, disturbed or removed."""


class UnsupportedError(StackError):
    """The runtime lacks a capability; a gatherer that meets it ends inconclusive.

    Args:
        capability: the missing capability, for example ``"pause"``.
        runtime: the runtime's name.
        hint: how to get the capability, for example ``"run with --readiness-runtime=compose"``.
    """

    def __init__(self, capability: str, *, runtime: str, hint: str = "") -> None:
        self.capability, self.runtime, self.hint = capability, runtime, hint
        super().__init__(f"needs {capability}, which the {runtime} runtime cannot do{f': {hint}' if hint else ''}")


class GatherError(ReadinessError):
    """A fact could not be obtained, for a reason outside the target's declaration."""


class RecordingError(ReadinessError):
    """A recording is missing, of another version, or damaged."""
