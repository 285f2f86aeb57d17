"""What every grader returns."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Grade", "combined"]


@dataclass(frozen=True, kw_only=True)
class Grade:
    """How good one header (or what stands in for it) is.

    Attributes:
        findings: what is wrong, as short messages that quote the header; empty means it is good.
        advice: what could be better and does not make it fail.
    """

    findings: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def combined(values: tuple[str, ...]) -> str:
    """Header lines of one name as one value, the way a recipient joins them (RFC 9110, 5.2)."""
    return ", ".join(value.strip(" \t") for value in values)
