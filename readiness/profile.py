"""A profile: which checks count, with which limits, and the gate. Plain data; parsing is in ``profile_file``."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from readiness.verdict import Severity

__all__ = ["Gate", "Profile"]


@dataclass(frozen=True, kw_only=True)
class Gate:
    """The pass line of a run.

    Attributes:
        fail_on: a failed check of this severity or above fails the gate.
        min_grade: the lowest letter that passes, or None for no such rule.
        required: check id patterns that must not be inconclusive.
    """

    fail_on: Severity = Severity.HIGH
    min_grade: str | None = None
    required: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Chosen checks, limits and gate.

    Attributes:
        include: id patterns (``fnmatch``) of the checks that count.
        exclude: id pattern -> why the check is outside this profile's scope.
        optional: id patterns of checks that are not applicable, rather than inconclusive, where the target neither
            declares nor shows what they need.
        limits: check id -> field of its limits dataclass -> value.
        severities: check id -> severity in place of the check's own.
        variant: settings of the stack under this profile (for example ``{"ENVIRONMENT": "production"}``).
    """

    name: str
    title: str = ""
    description: str = ""
    file: str = ""
    extends: str | None = None
    include: tuple[str, ...] = ("*",)
    exclude: dict[str, str] = field(default_factory=dict)
    optional: tuple[str, ...] = ()
    limits: dict[str, dict[str, Any]] = field(default_factory=dict)
    severities: dict[str, Severity] = field(default_factory=dict)
    gate: Gate = field(default_factory=Gate)
    checks: tuple[str, ...] = ()

    def reason_excluded(self, check_id: str) -> str | None:
        """Why the check is outside the scope, or None where it counts."""
        for pattern, reason in self.exclude.items():
            if fnmatchcase(check_id, pattern):
                return reason
        if not any(fnmatchcase(check_id, pattern) for pattern in self.include):
            return f"not in the scope of profile {self.name}"
        return None

    def is_optional(self, check_id: str) -> bool:
        """Whether an undeclared need makes the check not applicable."""
        return any(fnmatchcase(check_id, pattern) for pattern in self.optional)

    def is_required(self, check_id: str) -> bool:
        """Whether the gate refuses an inconclusive outcome of this check."""
        return any(fnmatchcase(check_id, pattern) for pattern in self.gate.required)
